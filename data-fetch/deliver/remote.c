/* Sets at other destinations. */
#include "config.h"

#include "data-fetch/deliver/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/destination.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

struct one {
    char name[FL_PATH_MAX];
    char local[FL_PATH_MAX];
    char sha256[FL_DIGEST_HEX];
    int64_t size;
    bool there; /* under its name at the far side */
};

struct sending {
    const struct fl_remote *r;
    struct fl_dest_set *set;
    struct one *files;
    size_t count;
    size_t next;
    bool each;
    struct fl_err *reterr;
};

static int give(struct fl_dest_file *ret_file, struct fl_err *reterr, void *arg)
{
    struct sending *s = arg;
    struct one *one;

    (void)reterr;
    if (s->next == s->count)
        return 0;
    one = &s->files[s->next++];
    *ret_file = (struct fl_dest_file){.local = one->local,
                                      .name = one->name,
                                      .sha256 = one->sha256,
                                      .size = one->size,
                                      .arg = one};
    return 1;
}

static int ended(const struct fl_dest_end *end, struct fl_err *reterr, void *arg)
{
    struct one *one = end->arg;

    (void)arg;
    if (end->rc < 0)
        return 0; /* the run returns the first such error */
    if (strcmp(end->sha256, one->sha256) != 0)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': SHA-256 at the destination is %s, %s was sent", one->name,
                          end->sha256, one->sha256);
    one->there = end->there;
    return 0;
}

static int released(const struct fl_dest_end *end, struct fl_err *reterr, void *arg)
{
    (void)end; /* the run returns the first error */
    (void)reterr;
    (void)arg;
    return 0;
}

static int give_hidden(struct fl_dest_file *ret_file, struct fl_err *reterr, void *arg)
{
    struct sending *s = arg;

    while (s->next < s->count && s->files[s->next].there)
        s->next++;
    return give(ret_file, reterr, arg);
}

static int flush(struct sending *s)
{
    const struct fl_dest_source send = {.next = give, .end = ended, .arg = s};
    const struct fl_dest_source release = {.next = give_hidden, .end = released, .arg = s};
    int rc = 0;

    s->next = 0;
    if (s->count > 0)
        rc = fl_dest_send(s->set, &send, s->reterr);
    s->next = 0;
    if (rc == 0 && s->each && s->count > 0)
        rc = fl_dest_release(s->set, &release, s->reterr);
    s->count = 0;
    return rc;
}

static int add(struct sending *s, const char *name, const char *sha256, int64_t size)
{
    struct one *one = &s->files[s->count];
    int rc = fl_path_join(s->r->hidden, name, one->local, sizeof(one->local), s->reterr);

    if (rc < 0)
        return rc;
    (void)snprintf(one->name, sizeof(one->name), "%s", name);
    (void)snprintf(one->sha256, sizeof(one->sha256), "%s", sha256);
    one->size = size;
    one->there = false;
    return ++s->count == FL_REMOTE_WINDOW ? flush(s) : 0;
}

static int add_row(const struct fl_custody *row, void *arg)
{
    return add(arg, row->file, row->sha256, (int64_t)row->size);
}

/* MANIFEST.json, then MANIFEST: a set with a MANIFEST is whole. */
static int send_manifest(struct sending *s)
{
    static const char *const names[] = {FL_MANIFEST_JSON, FL_MANIFEST};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < FL_COUNT(names); i++) {
        char path[FL_PATH_MAX];
        char hex[FL_DIGEST_HEX];
        uint64_t size = 0;

        rc = fl_path_join(s->r->hidden, names[i], path, sizeof(path), s->reterr);
        if (rc == 0)
            rc = fl_file_digest(s->r->world, path, hex, &size, s->reterr);
        if (rc == 0)
            rc = add(s, names[i], hex, (int64_t)size);
        if (rc == 0)
            rc = flush(s);
    }
    return rc;
}

static int now_present(const struct fl_remote *r, struct fl_err *reterr)
{
    char now[FL_TIME_TEXT_MAX];
    int rc;

    fl_cycle_format_extended((struct fl_cycle){.s = fl_world_utc_ns(r->world) / 1000000000}, now);
    rc = fl_ledger_begin(r->ledger, reterr);
    if (rc == 0)
        rc = fl_ledger_arrived(r->ledger, r->delivery, now, reterr);
    if (rc == 0)
        rc = fl_ledger_publish(r->ledger, r->delivery, now, reterr);
    if (rc == 0)
        rc = fl_ledger_commit(r->ledger, reterr);
    if (rc < 0)
        fl_ledger_rollback(r->ledger);
    return rc;
}

/* File by file, the rows are present before the manifest that lists them is written; a whole set is
 * first shown, then recorded: a crash between the two is found by the next delivery of it. */
static int show(struct sending *s, char hex[static FL_DIGEST_HEX])
{
    const struct fl_remote *r = s->r;
    int rc = s->each ? now_present(r, s->reterr) : 0;

    if (rc == 0)
        rc = fl_manifest_write(r->world, r->ledger, r->set, s->each ? NULL : r->delivery, r->hidden,
                               r->signer, hex, s->reterr);
    if (rc == 0)
        rc = send_manifest(s);
    if (rc == 0 && !s->each)
        rc = fl_dest_publish(s->set, s->reterr);
    return rc < 0 || s->each ? rc : now_present(r, s->reterr);
}

int fl_remote_publish(const struct fl_remote *remote, char ret_hex[static FL_DIGEST_HEX],
                      struct fl_err *reterr)
{
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *set = NULL;
    struct sending s = {.r = remote, .reterr = reterr};
    int rc = fl_dest_begin(remote->dest, remote->set, remote->delivery,
                           remote->whole ? FL_DEST_WHOLE : FL_DEST_EACH, &set, reterr);

    if (rc < 0)
        return rc;
    s.set = set;
    s.each = fl_dest_set_mode(set) == FL_DEST_EACH;
    s.files = calloc(FL_REMOTE_WINDOW, sizeof(*s.files));
    rc = s.files ? fl_ledger_each(remote->ledger, FL_LEDGER_WAITING, remote->set, remote->delivery,
                                  add_row, &s, reterr)
                 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        rc = flush(&s);
    if (rc == 0)
        rc = show(&s, ret_hex);
    free(s.files);
    return rc;
}
