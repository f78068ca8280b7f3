/* put: files of this disk to a destination, by hand. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/destination/by_hand.h"
#include "data-fetch/lines/site.h"
#include "engine/base/log.h"
#include "engine/base/path.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define MANIFEST "MANIFEST"
#define DIGITS (FL_DIGEST_HEX - 1)

struct put {
    struct fl_destination *dest;
    struct fl_dest_set *set;
    const char *set_name; /* "" none */
    char **files;
    size_t count;
    size_t next;
    char (*sha256)[FL_DIGEST_HEX]; /* one a file, once known */
    size_t done;
    uint64_t sent;
};

static int give(struct fl_dest_file *ret_file, struct fl_err *reterr, void *arg)
{
    struct put *put = arg;
    size_t i = put->next;

    (void)reterr;
    if (i == put->count)
        return 0;
    put->next++;
    *ret_file = (struct fl_dest_file){.local = put->files[i],
                                      .name = fl_path_base(put->files[i]),
                                      .sha256 = put->sha256[i][0] ? put->sha256[i] : NULL,
                                      .size = -1,
                                      .arg = put->sha256[i]};
    return 1;
}

/* A release needs no file that was there already, nor one that failed. */
static int take_sent(const struct fl_dest_end *end, struct fl_err *reterr, void *arg)
{
    struct put *put = arg;

    (void)reterr;
    if (end->rc == FL_E_CANCELLED)
        return 0;
    if (end->rc < 0) {
        fl_log(FL_LOG_ERROR, "transfer.put", "file='%s' %s", end->name, end->why);
        return 0;
    }
    (void)snprintf(end->arg, FL_DIGEST_HEX, "%s", end->sha256);
    put->done++;
    put->sent += end->sent;
    (void)printf("%s  %s%s%s  %" PRIu64 " bytes, sent %" PRIu64 ", %s%s\n", end->sha256,
                 put->set_name, put->set_name[0] ? "/" : "", end->name, end->size, end->sent,
                 end->proof == FL_DEST_PROOF_NONE ? "size alone is known, proof " : "proof: ",
                 fl_dest_proof_name(end->proof));
    (void)fflush(stdout);
    return 0;
}

/* ---- the manifest ---- */

static bool names_one_of_ours(const struct put *put, const char *name, size_t length)
{
    for (size_t i = 0; i < put->count; i++) {
        const char *base = fl_path_base(put->files[i]);

        if (strlen(base) == length && strncmp(base, name, length) == 0)
            return true;
    }
    return false;
}

/* What is told of other files of the set stays. */
static int keep_others(const struct put *put, struct fl_buf *text, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf old;
    char path[FL_PATH_MAX];
    int rc;

    fl_buf_init(&old, 0);
    (void)snprintf(path, sizeof(path), "%s/" MANIFEST, put->set_name);
    rc = fl_dest_get(put->dest, path, &old, reterr);
    if (rc == FL_E_NOENT)
        return 0;
    for (const char *at = old.data; rc == 0 && *at;) {
        size_t length = strcspn(at, "\n");

        if (length > DIGITS + 2 && !names_one_of_ours(put, at + DIGITS + 2, length - DIGITS - 2)) {
            fl_buf_add(text, at, length);
            fl_buf_putc(text, '\n');
        }
        at += length + (at[length] == '\n');
    }
    return rc;
}

static int put_manifest(const struct put *put, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc = 0;

    fl_buf_init(&text, FL_DEST_SMALL_MAX);
    if (fl_dest_set_mode(put->set) == FL_DEST_EACH)
        rc = keep_others(put, &text, reterr);
    for (size_t i = 0; i < put->count; i++)
        fl_buf_printf(&text, "%s  %s\n", put->sha256[i], fl_path_base(put->files[i]));
    if (rc == 0)
        rc = fl_buf_check(&text, reterr);
    return rc == 0 ? fl_dest_put(put->set, MANIFEST, text.data, text.size, reterr) : rc;
}

/* ---- the command ---- */

/* A content's name for its hidden folder: the same files go on where they stopped. */
static void make_key(const struct put *put, char *key)
{
    fl_auto(fl_digest_destroy) struct fl_digest *digest = NULL;
    char hex[FL_DIGEST_HEX] = "0";

    if (fl_digest_create(&digest, NULL) == 0) {
        for (size_t i = 0; i < put->count; i++)
            fl_digest_add(digest, put->files[i], strlen(put->files[i]) + 1);
        fl_digest_finish(digest, hex);
    }
    (void)snprintf(key, 17, "%.16s", hex);
}

static int bring(struct put *put, struct fl_err *reterr)
{
    struct fl_dest_source sending = {.next = give, .end = take_sent, .arg = put};
    struct fl_dest_source release = {.next = give, .arg = put};
    char key[17];
    int rc;

    make_key(put, key);
    rc = fl_dest_begin(put->dest, put->set_name, key, FL_DEST_WHOLE, &put->set, reterr);
    if (rc == 0)
        rc = fl_dest_send(put->set, &sending, reterr);
    if (rc < 0)
        return rc;
    put->next = 0;
    rc = fl_dest_release(put->set, &release, reterr);
    if (rc == 0 && put->set_name[0])
        rc = put_manifest(put, reterr);
    return rc == 0 ? fl_dest_publish(put->set, reterr) : rc;
}

static int check_names(const struct put *put, struct fl_err *reterr)
{
    for (size_t i = 0; i < put->count; i++) {
        const char *name = fl_path_base(put->files[i]);

        if (!fl_name_is_safe(name) || strcmp(name, MANIFEST) == 0)
            return fl_err_set(reterr, FL_E_USAGE, 0,
                              "'%.200s' cannot be put: a file with a name that is not hidden and "
                              "not " MANIFEST " is accepted",
                              put->files[i]);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(name, fl_path_base(put->files[k])) == 0)
                return fl_err_set(reterr, FL_E_USAGE, 0, "'%.200s' and '%.200s' have the same name",
                                  put->files[k], put->files[i]);
        }
    }
    return 0;
}

int fl_command_put(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"site", required_argument, NULL, 'f'},
        {"to", required_argument, NULL, 't'},
        {"set", required_argument, NULL, 's'},
        {NULL, 0, NULL, 0},
    };
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    fl_auto(fl_destination_close) struct fl_destination *dest = NULL;
    struct put put = {.set_name = ""};
    const char *path = NULL;
    const char *to = NULL;
    int code;
    int rc;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        *(code == 'f' ? &path : code == 't' ? &to : &put.set_name) = optarg;
    }
    put.files = argv + optind;
    put.count = (size_t)(argc - optind);
    if (!to || put.count == 0)
        return fl_err_set(reterr, FL_E_USAGE, 0, "put needs FILE... --to DESTINATION");
    rc = check_names(&put, reterr);
    if (rc == 0)
        rc = fl_site_find(fl_world_real(), path, &site, reterr);
    if (rc == 0)
        rc = fl_destination_named(fl_world_real(), site, to, &dest, reterr);
    if (rc < 0)
        return rc;
    put.dest = dest;
    put.sha256 = calloc(put.count, sizeof(*put.sha256));
    rc = put.sha256 ? bring(&put, reterr) : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    fl_dest_set_destroy(put.set);
    free(put.sha256);
    if (rc == 0)
        fl_log(FL_LOG_INFO, "transfer.put", "to='%s' set='%s' files=%zu sent_bytes=%" PRIu64, to,
               put.set_name, put.count, put.sent);
    return rc;
}
