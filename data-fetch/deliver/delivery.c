/* Delivering a set: see delivery.h for the order of things. */
#include "config.h"

#include "data-fetch/deliver/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/deliver/hashes.h"
#include "data-fetch/deliver/remote.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define RUN_MAX 512
#define STALE_NS (INT64_C(86400) * 1000000000) /* age of a hidden file that nobody writes to */

/* A file of the window. */
struct place {
    char path[FL_PATH_MAX];
    char local[FL_PATH_MAX];
    bool there;  /* it needs nothing but, perhaps, a row */
    bool reused; /* from another set here */
    bool known;  /* the ledger has it as present at another destination */
};

struct fl_delivering {
    struct fl_delivery *d;
    struct fl_ledger *ledger;
    struct fl_hashes names;
    char key[FL_DELIVERY_KEY];
    char hidden[FL_PATH_MAX]; /* where a whole set arrives; "": file by file */
    struct fl_pull_item *items;
    struct place *places;
    size_t count;
    uint64_t need; /* bytes of the window that have to come */
};

static const char *target(const struct fl_delivering *n)
{
    return n->hidden[0] ? n->hidden : n->d->folder;
}

static void time_text(int64_t seconds, char text[static FL_TIME_TEXT_MAX])
{
    text[0] = '\0';
    if (seconds >= 0)
        fl_cycle_format_extended((struct fl_cycle){.s = seconds}, text);
}

static void now_text(const struct fl_delivering *n, char text[static FL_TIME_TEXT_MAX])
{
    time_text(fl_world_utc_ns(n->d->world) / 1000000000, text);
}

/* Holds a file at its place against a digest. */
static bool file_is(const struct fl_world *world, const char *path, const char *sha256)
{
    char found[FL_DIGEST_HEX];

    return fl_file_exists(world, path) && fl_file_digest(world, path, found, NULL, NULL) == 0 &&
           strcmp(found, sha256) == 0;
}

/* ---- a window: what is to come ---- */

static int prepare(struct fl_delivering *n, const struct fl_input *input, const char *folder,
                   struct fl_err *reterr)
{
    struct fl_pull_item *item = &n->items[n->count];
    struct place *place = &n->places[n->count];
    int rc = fl_path_join(target(n), input->file, place->path, sizeof(place->path), reterr);

    if (rc < 0)
        return rc;
    if (strcmp(input->file, FL_MANIFEST) == 0 || strcmp(input->file, FL_MANIFEST_JSON) == 0)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "an input is called '%s', as the manifest",
                          input->file);
    rc = fl_hashes_add(&n->names, input->file, reterr);
    if (rc == FL_E_EXISTS)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "two inputs would both become '%s'", place->path);
    if (rc < 0)
        return rc;
    if (!input->url && snprintf(place->local, sizeof(place->local), "%s%s", folder, input->file) >=
                           (int)sizeof(place->local))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path of '%.200s' is too long", input->file);
    place->there = place->reused = place->known = false;
    *item = (struct fl_pull_item){.url = input->url,
                                  .local = input->url ? NULL : place->local,
                                  .site = input->url ? input->site : NULL,
                                  .path = place->path,
                                  .size = input->has_size ? (int64_t)input->size : -1,
                                  .sha256 = input->sha256[0] ? input->sha256 : NULL,
                                  .hold = true,
                                  .arg = (void *)(uintptr_t)input, /* only read */
                                  .modified_s = -1};
    n->count++;
    return 0;
}

/* What another run delivered under the same name is not replaced, and what was withdrawn does not
 * come back. */
static int refuse(struct fl_delivering *n, const char *file, const char *digest,
                  struct fl_err *reterr)
{
    const struct fl_delivery *d = n->d;
    char sha256[FL_DIGEST_HEX];
    char run[RUN_MAX];
    bool withdrawn = false;
    char why[256];
    int rc = fl_ledger_find(n->ledger, d->set, file, sha256, run, sizeof(run), reterr);

    if (rc < 0)
        return rc;
    if (sha256[0] && strcmp(sha256, digest) != 0 && strcmp(run, d->run) != 0)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "'%s' was delivered into set '%s' by run '%s' with other content; "
                          "run '%s' does not replace it (deliver into another set)",
                          file, d->set, run, d->run);
    if (strcmp(sha256, digest) != 0)
        rc = fl_ledger_withdrawn(n->ledger, d->set, file, digest, &withdrawn, why, sizeof(why),
                                 reterr);
    if (rc == 0 && withdrawn)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "this content of '%s' was withdrawn from set '%s' (%s) and does not come "
                          "back; other content is accepted",
                          file, d->set, why);
    return rc;
}

/* The same content in another set of this destination. */
static int reuse(struct fl_delivering *n, size_t i, struct fl_err *reterr)
{
    struct fl_pull_item *item = &n->items[i];
    struct place *place = &n->places[i];
    char path[FL_PATH_MAX];
    char local[FL_PATH_MAX];
    int rc = fl_ledger_same(n->ledger, item->sha256, path, sizeof(path), reterr);

    if (rc < 0 || !path[0] || fl_path_join(n->d->dir, path, local, sizeof(local), NULL) < 0 ||
        !file_is(n->d->world, local, item->sha256))
        return rc;
    memcpy(place->local, local, sizeof(local));
    place->reused = true;
    item->local = place->local;
    item->url = item->site = NULL;
    return 0;
}

/* At another destination the ledger's word is taken: what it has as present was proven there. */
static int look_up(struct fl_delivering *n, size_t i, struct fl_err *reterr)
{
    const struct fl_pull_item *item = &n->items[i];
    const struct fl_input *input = item->arg;
    char sha256[FL_DIGEST_HEX];
    char run[RUN_MAX];
    int rc = fl_ledger_find(n->ledger, n->d->set, input->file, sha256, run, sizeof(run), reterr);

    n->places[i].known = rc == 0 && strcmp(sha256, item->sha256) == 0;
    n->places[i].there = n->places[i].there || n->places[i].known;
    return rc;
}

static int look_ahead(struct fl_delivering *n, struct fl_err *reterr)
{
    int rc = 0;

    n->need = 0;
    for (size_t i = 0; rc == 0 && i < n->count; i++) {
        struct fl_pull_item *item = &n->items[i];
        const struct fl_input *input = item->arg;
        struct place *place = &n->places[i];

        if (item->sha256) {
            rc = refuse(n, input->file, item->sha256, reterr);
            place->there = rc == 0 && file_is(n->d->world, place->path, item->sha256);
        }
        if (rc == 0 && item->sha256 && n->d->dest)
            rc = look_up(n, i, reterr);
        if (rc == 0 && item->sha256 && !place->there && item->url && !n->d->dest)
            rc = reuse(n, i, reterr);
        item->skip = place->there;
        if (place->there)
            memcpy(item->digest, item->sha256, FL_DIGEST_HEX);
        else
            n->need += item->size > 0 ? (uint64_t)item->size : 0;
    }
    return rc;
}

/* ---- a window: what has come ---- */

static int came(struct fl_pull_item *item, struct fl_err *reterr, void *arg)
{
    (void)item;
    (void)reterr;
    (void)arg;
    return 0; /* it keeps its hidden name until it is placed */
}

/* ["{cause, age}", ...] of an input. Free with free(). */
static char *marks_of(const struct fl_input *input)
{
    fl_json_auto json_t *list = json_array();

    for (size_t i = 0; list && i < input->degraded_count; i++) {
        json_t *mark =
            json_pack("{ss ss*}", "cause", input->degraded[i].cause, "age", input->degraded[i].age);

        if (json_array_append_new(list, mark) < 0)
            return NULL;
    }
    return list ? fl_json_text(list) : NULL;
}

static int add_row(struct fl_delivering *n, const struct fl_pull_item *item, uint64_t size,
                   struct fl_err *reterr)
{
    const struct fl_input *input = item->arg;
    char lead[FL_TIME_TEXT_MAX] = "";
    char cycle[FL_TIME_TEXT_MAX] = "";
    char valid[FL_TIME_TEXT_MAX] = "";
    char created[FL_TIME_TEXT_MAX];
    char sent[FL_TIME_TEXT_MAX];
    char received[FL_TIME_TEXT_MAX];
    char *marks = marks_of(input);
    struct fl_custody row = {.set = n->d->set,
                             .file = input->file,
                             .size = size,
                             .sha256 = item->digest,
                             .run = n->d->run,
                             .stage = input->stage ? input->stage : "",
                             .output = input->output ? input->output : "",
                             .lead = lead,
                             .cycle = cycle,
                             .valid_time = valid,
                             .degraded = marks,
                             .origin = input->url    ? input->url
                                       : item->local ? item->local
                                                     : "",
                             .created = created,
                             .sent = sent,
                             .received = received,
                             .delivery = n->hidden[0] ? n->key : ""};
    int rc;

    if (!marks)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (input->has_lead)
        fl_lead_format(input->lead, lead);
    if (input->has_cycle)
        fl_cycle_format(input->cycle, cycle);
    if (input->has_valid_time)
        fl_cycle_format(input->valid_time, valid);
    now_text(n, received);
    time_text(item->modified_s, created);
    if (item->sent_ns > 0)
        time_text(item->sent_ns / 1000000000, sent);
    else
        memcpy(sent, received, sizeof(sent)); /* it was there: a process died before its row */
    rc = fl_ledger_add(n->ledger, &row, reterr);
    free(marks);
    return rc;
}

/* Versions with other content leave ledger and manifest before their files are replaced. */
static int make_way(struct fl_delivering *n, struct fl_err *reterr)
{
    char now[FL_TIME_TEXT_MAX];
    bool any = false;
    int rc = 0;

    now_text(n, now);
    for (size_t i = 0; i < n->count && rc == 0; i++) {
        const struct fl_pull_item *item = &n->items[i];
        const struct fl_input *input = item->arg;
        char sha256[FL_DIGEST_HEX];
        char run[RUN_MAX];

        rc = refuse(n, input->file, item->digest, reterr); /* it may have changed meanwhile */
        if (rc < 0 || n->places[i].there)
            continue;
        rc = fl_ledger_find(n->ledger, n->d->set, input->file, sha256, run, sizeof(run), reterr);
        if (rc < 0 || strcmp(sha256, item->digest) == 0)
            continue;
        any = any || fl_file_exists(n->d->world, item->path); /* may be listed since a crash */
        if (!sha256[0])
            continue;
        any = true;
        rc = fl_ledger_end(n->ledger, n->d->set, input->file, now, "replaced", "", reterr);
    }
    return rc == 0 && any ? fl_manifest_write(n->d->world, n->ledger, n->d->set, NULL, n->d->folder,
                                              n->d->signer, NULL, reterr)
                          : rc;
}

static int place_file(struct fl_delivering *n, size_t i, struct fl_err *reterr)
{
    struct fl_pull_item *item = &n->items[i];

    if (n->places[i].there)
        return 0;
    if (file_is(n->d->world, item->path, item->digest)) {
        fl_incoming_drop(&item->incoming); /* another delivery, or one that died, put it there */
        return 0;
    }
    return fl_incoming_settle(&item->incoming, reterr);
}

static int row_of(struct fl_delivering *n, size_t i, uint64_t size, struct fl_err *reterr)
{
    const struct fl_pull_item *item = &n->items[i];
    const struct fl_input *input = item->arg;
    char sha256[FL_DIGEST_HEX] = "";
    char run[RUN_MAX];
    int rc = 0;

    if (!n->hidden[0])
        rc = fl_ledger_find(n->ledger, n->d->set, input->file, sha256, run, sizeof(run), reterr);
    if (rc == 0 && strcmp(sha256, item->digest) != 0)
        rc = add_row(n, item, size, reterr);
    return rc;
}

/* The files have their names; their rows become durable together. */
static int place_window(struct fl_delivering *n, struct fl_err *reterr)
{
    uint64_t sizes[FL_FEED_WINDOW];
    int rc = n->hidden[0] ? 0 : make_way(n, reterr);

    for (size_t i = 0; rc == 0 && i < n->count; i++) {
        struct fl_stat info;

        sizes[i] = n->items[i].incoming.size;
        rc = place_file(n, i, reterr);
        if (rc == 0 && n->places[i].there && !n->places[i].known) {
            rc = fl_file_stat(n->d->world, n->items[i].path, &info, reterr);
            sizes[i] = info.size_bytes;
        }
    }
    if (rc == 0)
        rc = fl_ledger_begin(n->ledger, reterr);
    for (size_t i = 0; rc == 0 && i < n->count; i++)
        if (!n->places[i].known)
            rc = row_of(n, i, sizes[i], reterr);
    if (rc == 0)
        rc = fl_ledger_commit(n->ledger, reterr);
    if (rc < 0)
        fl_ledger_rollback(n->ledger);
    for (size_t i = 0; rc == 0 && i < n->count; i++) {
        n->d->files++;
        if (n->places[i].there)
            continue;
        n->d->sent++;
        n->d->reused += n->places[i].reused;
        n->d->bytes += sizes[i];
    }
    return rc;
}

static int place_locked(struct fl_delivering *n, struct fl_err *reterr)
{
    int lock = -1;
    int rc = fl_ledger_lock(n->d->world, n->d->dir, &lock, reterr);

    if (rc < 0)
        return rc;
    rc = place_window(n, reterr);
    fl_lock_release(n->d->world, lock);
    return rc;
}

/* A full destination is waited for, as often as it is full. */
static int bring_window(struct fl_delivering *n, struct fl_err *reterr)
{
    const struct fl_delivery *d = n->d;
    int rc;

    for (;;) {
        rc = d->space ? fl_space_wait(d->space, n->need, reterr) : 0;
        if (rc == 0)
            rc = fl_pull_run_with(d->world, d->pull, n->items, n->count, came, n, reterr);
        if (rc == 0)
            rc = place_locked(n, reterr);
        for (size_t i = 0; i < n->count; i++)
            fl_incoming_drop(&n->items[i].incoming);
        if (rc != FL_E_NOSPACE || !d->space)
            return rc;
        n->need += n->need / 16 + 4096; /* what was free was not enough */
    }
}

static int take_window(const struct fl_input *inputs, size_t count, const char *folder,
                       struct fl_err *reterr, void *arg)
{
    struct fl_delivering *n = arg;
    int rc = 0;

    n->count = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = prepare(n, &inputs[i], folder, reterr);
    if (rc == 0)
        rc = look_ahead(n, reterr);
    if (rc == 0)
        rc = bring_window(n, reterr);
    for (size_t i = 0; rc == 0 && n->d->fn && i < count; i++)
        rc = n->d->fn(inputs[i].file, n->items[i].digest, reterr, n->d->arg);
    return rc;
}

/* ---- before and after ---- */

struct sweep {
    const struct fl_world *world;
    const char *folder;
    int64_t before_ns;
};

static int sweep_one(const char *name, bool is_dir, void *arg)
{
    const struct sweep *sweep = arg;
    struct fl_stat info;
    char path[FL_PATH_MAX];

    if (is_dir || fl_path_join(sweep->folder, name, path, sizeof(path), NULL) < 0 ||
        fl_file_stat(sweep->world, path, &info, NULL) < 0 || info.mtime_ns >= sweep->before_ns)
        return 0;
    (void)fl_file_remove(sweep->world, path, NULL); /* the next delivery tries again */
    return 0;
}

/* What killed deliveries left under hidden names goes after a day. */
static void sweep_stale(const struct fl_delivery *delivery)
{
    char folder[FL_PATH_MAX];
    struct sweep sweep = {.world = delivery->world,
                          .folder = folder,
                          .before_ns = fl_world_utc_ns(delivery->world) - STALE_NS};

    if (fl_path_join(delivery->folder, FL_INCOMING, folder, sizeof(folder), NULL) == 0)
        (void)fl_dir_list(delivery->world, folder, sweep_one, &sweep, NULL); /* housekeeping */
}

static void make_key(struct fl_delivering *n)
{
    char text[2 * RUN_MAX];
    char hex[FL_DIGEST_HEX];

    (void)snprintf(text, sizeof(text), "%s\n%s\n%s", n->d->run, n->d->stage ? n->d->stage : "",
                   n->d->set); /* cut when too long */
    fl_digest_memory(text, strlen(text), hex);
    memcpy(n->key, hex, FL_DELIVERY_KEY - 1);
    n->key[FL_DELIVERY_KEY - 1] = '\0';
}

/* "DIR/PARENT/.arriving/NAME.KEY" of a set "PARENT/NAME". */
static int hidden_place(struct fl_delivering *n, struct fl_err *reterr)
{
    const char *base = fl_path_base(n->d->folder);

    if (snprintf(n->hidden, sizeof(n->hidden), "%.*s" FL_ARRIVING "/%s.%s",
                 (int)(base - n->d->folder), n->d->folder, base, n->key) >= (int)sizeof(n->hidden))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", n->d->folder);
    return 0;
}

/* A process that died between the rename and its record left the set, and rows that wait. */
static int find_way(struct fl_delivering *n, struct fl_err *reterr)
{
    const struct fl_world *world = n->d->world;
    char now[FL_TIME_TEXT_MAX];
    uint64_t waiting = 0;
    bool is_there = fl_file_exists(world, n->d->folder);
    int rc = hidden_place(n, reterr);

    if (rc == 0)
        rc = fl_ledger_waiting(n->ledger, n->key, &waiting, reterr);
    if (rc == 0 && waiting > 0 && is_there && !n->d->dest && !fl_file_exists(world, n->hidden)) {
        now_text(n, now);
        rc = fl_ledger_publish(n->ledger, n->key, now, reterr);
    }
    if (!n->d->dest && (!n->d->whole || is_there))
        n->hidden[0] = '\0';
    return rc < 0 ? rc : fl_dir_make(world, target(n), 0755, reterr);
}

static int begin(struct fl_delivering *n, struct fl_err *reterr)
{
    int lock = -1;
    int rc = fl_ledger_lock(n->d->world, n->d->dir, &lock, reterr);

    if (rc < 0)
        return rc;
    rc = fl_ledger_open(n->d->world, n->d->dir, true, &n->ledger, reterr);
    if (rc == 0)
        rc = fl_ledger_absorb(n->ledger, n->d->world, n->d->dir, reterr);
    if (rc == 0)
        rc = find_way(n, reterr);
    if (rc == 0)
        sweep_stale(n->d);
    fl_lock_release(n->d->world, lock);
    return rc;
}

/* The folder of hidden names, empty by now, is nothing for readers. */
static void drop_incoming(const struct fl_delivering *n)
{
    char path[FL_PATH_MAX];

    if (fl_path_join(n->hidden, FL_INCOMING, path, sizeof(path), NULL) == 0)
        (void)fl_dir_remove(n->d->world, path, NULL); /* or it stays, hidden */
}

/* The one rename that shows a whole set. */
static int publish(struct fl_delivering *n, struct fl_err *reterr)
{
    const struct fl_world *world = n->d->world;
    char parent[FL_PATH_MAX];
    char now[FL_TIME_TEXT_MAX];
    uint64_t waiting = 0;
    int rc = fl_ledger_waiting(n->ledger, n->key, &waiting, reterr);

    if (rc == 0 && waiting != n->d->files)
        rc = fl_err_set(reterr, FL_E_BUG, 0, "set '%s': %zu files came, the ledger has %llu",
                        n->d->set, n->d->files, (unsigned long long)waiting);
    if (rc == 0)
        rc = fl_manifest_write(world, n->ledger, n->d->set, n->key, n->hidden, n->d->signer,
                               n->d->manifest, reterr);
    if (rc < 0)
        return rc;
    drop_incoming(n);
    rc = fl_dir_sync(world, n->hidden, reterr);
    if (rc == 0) {
        int renamed = world->ops->rename(n->hidden, n->d->folder, world->arg);

        if (renamed < 0)
            rc = fl_err_errno(reterr, -renamed, "rename '%s'", n->hidden);
    }
    if (rc < 0)
        return rc;
    n->d->published = true;
    (void)snprintf(parent, sizeof(parent), "%.*s",
                   (int)(fl_path_base(n->d->folder) - n->d->folder - 1), n->d->folder);
    rc = fl_dir_sync(world, parent, reterr);
    now_text(n, now);
    return rc < 0 ? rc : fl_ledger_publish(n->ledger, n->key, now, reterr);
}

/* On to the destination of the site file; what was on its way here goes. */
static int send_on(struct fl_delivering *n, struct fl_err *reterr)
{
    const struct fl_delivery *d = n->d;
    const struct fl_remote remote = {.world = d->world,
                                     .dest = d->dest,
                                     .ledger = n->ledger,
                                     .set = d->set,
                                     .delivery = n->key,
                                     .hidden = n->hidden,
                                     .signer = d->signer,
                                     .whole = d->whole};
    int rc = fl_remote_publish(&remote, n->d->manifest, reterr);

    if (rc == 0) {
        n->d->published = d->whole;
        rc = fl_dir_remove(d->world, n->hidden, reterr);
    }
    return rc;
}

static int finish(struct fl_delivering *n, struct fl_err *reterr)
{
    int lock = -1;
    int rc = fl_ledger_lock(n->d->world, n->d->dir, &lock, reterr);

    if (rc < 0)
        return rc;
    if (n->d->dest)
        rc = send_on(n, reterr);
    else if (n->hidden[0])
        rc = publish(n, reterr);
    else
        rc = fl_manifest_write(n->d->world, n->ledger, n->d->set, NULL, n->d->folder, n->d->signer,
                               n->d->manifest, reterr);
    fl_lock_release(n->d->world, lock);
    return rc;
}

static int add_sizes(const struct fl_input *inputs, size_t count, const char *folder,
                     struct fl_err *reterr, void *arg)
{
    uint64_t *sum = arg;

    (void)folder;
    (void)reterr;
    for (size_t i = 0; i < count; i++)
        *sum += inputs[i].has_size ? inputs[i].size : 0;
    return 0;
}

/* A whole set is not begun before there is room for it; what has arrived of it already counts. */
static int check_room(struct fl_delivering *n, const struct fl_feed *feed, struct fl_err *reterr)
{
    uint64_t waiting = 0;
    uint64_t sum = 0;
    int rc = 0;

    if (!n->d->space || !n->hidden[0])
        return 0;
    rc = fl_ledger_waiting(n->ledger, n->key, &waiting, reterr);
    if (rc == 0 && waiting == 0)
        rc = fl_feed_each(feed, add_sizes, &sum, reterr);
    return rc < 0 || waiting > 0 ? rc : fl_space_wait(n->d->space, sum, reterr);
}

int fl_delivery_run(struct fl_delivery *d, const struct fl_feed *feed, struct fl_err *reterr)
{
    struct fl_delivering n = {.d = d};
    int rc;

    fl_assert(d->world && d->set && d->dir && d->run);
    if (!fl_path_is_safe(d->set) || d->set[0] == '.' || strstr(d->set, "/."))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "set '%.200s' is hidden or leaves the products folder", d->set);
    rc = fl_path_join(d->dir, d->set, d->folder, sizeof(d->folder), reterr);
    if (rc < 0)
        return rc;
    make_key(&n);
    n.items = calloc(FL_FEED_WINDOW, sizeof(*n.items));
    n.places = calloc(FL_FEED_WINDOW, sizeof(*n.places));
    if (!n.items || !n.places)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        rc = begin(&n, reterr);
    if (rc == 0)
        rc = check_room(&n, feed, reterr);
    if (rc == 0)
        rc = fl_feed_each(feed, take_window, &n, reterr);
    if (rc == 0)
        rc = finish(&n, reterr);
    fl_ledger_close(n.ledger);
    fl_hashes_release(&n.names);
    free(n.items);
    free(n.places);
    return rc;
}
