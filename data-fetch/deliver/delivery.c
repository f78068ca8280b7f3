/* Delivering a set: see delivery.h for the order of things. */
#include "config.h"

#include "data-fetch/deliver/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/deliver/manifest.h"
#include "engine/base/json.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define RUN_MAX 512
#define STALE_NS (INT64_C(86400) * 1000000000) /* age of a hidden file that nobody writes to */

static void time_text(int64_t seconds, char text[static FL_TIME_TEXT_MAX])
{
    text[0] = '\0';
    if (seconds >= 0)
        fl_cycle_format_extended((struct fl_cycle){.s = seconds}, text);
}

/* Holds a file at its place against a digest. */
static bool file_is(const struct fl_delivery *delivery, const char *path, const char *sha256)
{
    char found[FL_DIGEST_HEX];

    return fl_file_exists(delivery->world, path) &&
           fl_file_digest(delivery->world, path, found, NULL, NULL) == 0 &&
           strcmp(found, sha256) == 0;
}

/* What was delivered with the same content is not sent again; what another run delivered under the
 * same name is not replaced. */
static int look_ahead(struct fl_delivery *delivery, struct fl_ledger *ledger, struct fl_err *reterr)
{
    for (size_t i = 0; i < delivery->bring.count; i++) {
        const struct fl_pull_item *item = &delivery->bring.items[i];
        const struct fl_input *input = item->arg;
        char sha256[FL_DIGEST_HEX];
        char run[RUN_MAX];
        int rc;

        if (strcmp(input->file, FL_MANIFEST) == 0 || strcmp(input->file, FL_MANIFEST_JSON) == 0)
            return fl_err_set(reterr, FL_E_REFUSED, 0, "an input is called '%s', as the manifest",
                              input->file);
        rc = fl_ledger_find(ledger, delivery->set, input->file, sha256, run, sizeof(run), reterr);
        if (rc < 0)
            return rc;
        if (item->sha256 && strcmp(sha256, item->sha256) == 0) {
            delivery->there[i] = file_is(delivery, item->path, item->sha256);
        } else if (item->sha256 && sha256[0] && strcmp(run, delivery->run) != 0) {
            return fl_err_set(reterr, FL_E_REFUSED, 0,
                              "'%s' was delivered into set '%s' by run '%s' with other content; "
                              "run '%s' does not replace it (deliver into another set)",
                              input->file, delivery->set, run, delivery->run);
        }
    }
    return 0;
}

static int came(struct fl_pull_item *item, struct fl_err *reterr, void *arg)
{
    struct fl_delivery *delivery = arg;

    (void)reterr;
    delivery->sent++;
    delivery->bytes += item->incoming.size;
    return 0;
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

static int add_row(const struct fl_delivery *delivery, struct fl_ledger *ledger,
                   const struct fl_pull_item *item, uint64_t size, struct fl_err *reterr)
{
    const struct fl_input *input = item->arg;
    char lead[FL_TIME_TEXT_MAX] = "";
    char cycle[FL_TIME_TEXT_MAX] = "";
    char valid[FL_TIME_TEXT_MAX] = "";
    char created[FL_TIME_TEXT_MAX];
    char sent[FL_TIME_TEXT_MAX];
    char received[FL_TIME_TEXT_MAX];
    char *marks = marks_of(input);
    struct fl_custody row = {.set = delivery->set,
                             .file = input->file,
                             .size = size,
                             .sha256 = item->digest,
                             .run = delivery->run,
                             .stage = input->stage ? input->stage : "",
                             .output = input->output ? input->output : "",
                             .lead = lead,
                             .cycle = cycle,
                             .valid_time = valid,
                             .degraded = marks,
                             .origin = item->url ? item->url : item->local,
                             .created = created,
                             .sent = sent,
                             .received = received};
    int rc;

    if (!marks)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (input->has_lead)
        fl_lead_format(input->lead, lead);
    if (input->has_cycle)
        fl_cycle_format(input->cycle, cycle);
    if (input->has_valid_time)
        fl_cycle_format(input->valid_time, valid);
    time_text(item->modified_s, created);
    time_text(item->sent_ns / 1000000000, sent);
    time_text(fl_world_utc_ns(delivery->world) / 1000000000, received);
    rc = fl_ledger_add(ledger, &row, reterr);
    free(marks);
    return rc;
}

/* Versions with other content leave ledger and manifest before their files are replaced. */
static int make_way(const struct fl_delivery *delivery, struct fl_ledger *ledger,
                    struct fl_err *reterr)
{
    char now[FL_TIME_TEXT_MAX];
    bool any = false;
    int rc = 0;

    time_text(fl_world_utc_ns(delivery->world) / 1000000000, now);
    for (size_t i = 0; i < delivery->bring.count && rc == 0; i++) {
        const struct fl_pull_item *item = &delivery->bring.items[i];
        const struct fl_input *input = item->arg;
        char sha256[FL_DIGEST_HEX];
        char run[RUN_MAX];

        if (delivery->there[i])
            continue;
        rc = fl_ledger_find(ledger, delivery->set, input->file, sha256, run, sizeof(run), reterr);
        if (rc < 0 || strcmp(sha256, item->digest) == 0)
            continue;
        any = any || fl_file_exists(delivery->world, item->path); /* may be listed since a crash */
        if (!sha256[0])
            continue;
        if (strcmp(run, delivery->run) != 0)
            return fl_err_set(reterr, FL_E_REFUSED, 0,
                              "'%s' was delivered into set '%s' by run '%s' meanwhile; run '%s' "
                              "does not replace it",
                              input->file, delivery->set, run, delivery->run);
        any = true;
        rc = fl_ledger_supersede(ledger, delivery->set, input->file, now, reterr);
    }
    return rc == 0 && any
               ? fl_manifest_write(delivery->world, ledger, delivery->set, delivery->folder, reterr)
               : rc;
}

static int place_one(const struct fl_delivery *delivery, struct fl_ledger *ledger,
                     struct fl_pull_item *item, struct fl_err *reterr)
{
    const struct fl_input *input = item->arg;
    uint64_t size = item->incoming.size;
    char sha256[FL_DIGEST_HEX];
    char run[RUN_MAX];
    int rc = 0;

    if (file_is(delivery, item->path, item->digest))
        fl_incoming_drop(&item->incoming); /* another delivery, or one that died, put it there */
    else
        rc = fl_incoming_settle(&item->incoming, reterr);
    if (rc == 0)
        rc = fl_ledger_find(ledger, delivery->set, input->file, sha256, run, sizeof(run), reterr);
    if (rc == 0 && strcmp(sha256, item->digest) != 0)
        rc = add_row(delivery, ledger, item, size, reterr);
    return rc;
}

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

static int place_all(struct fl_delivery *delivery, struct fl_err *reterr)
{
    fl_auto(fl_ledger_close) struct fl_ledger *ledger = NULL;
    int lock = -1;
    int rc = fl_ledger_lock(delivery->world, delivery->dir, &lock, reterr);

    if (rc < 0)
        return rc;
    sweep_stale(delivery);
    rc = fl_ledger_open(delivery->world, delivery->dir, true, &ledger, reterr);
    if (rc == 0)
        rc = make_way(delivery, ledger, reterr);
    for (size_t i = 0; rc == 0 && i < delivery->bring.count; i++) {
        if (!delivery->there[i])
            rc = place_one(delivery, ledger, &delivery->bring.items[i], reterr);
    }
    if (rc == 0)
        rc = fl_manifest_write(delivery->world, ledger, delivery->set, delivery->folder, reterr);
    fl_ledger_close(FL_STEAL(ledger));
    fl_lock_release(delivery->world, lock);
    return rc;
}

static int look(struct fl_delivery *delivery, struct fl_err *reterr)
{
    fl_auto(fl_ledger_close) struct fl_ledger *ledger = NULL;
    int lock = -1;
    int rc = fl_ledger_lock(delivery->world, delivery->dir, &lock, reterr);

    if (rc < 0)
        return rc;
    rc = fl_ledger_open(delivery->world, delivery->dir, true, &ledger, reterr);
    if (rc == 0)
        rc = look_ahead(delivery, ledger, reterr);
    fl_ledger_close(FL_STEAL(ledger));
    fl_lock_release(delivery->world, lock);
    return rc;
}

/* Pulls what is not there yet; the items keep their hidden files until they are placed. */
static int send_and_place(struct fl_delivery *delivery, struct fl_err *reterr)
{
    size_t count = delivery->bring.count;
    int rc = fl_dir_make(delivery->world, delivery->folder, 0755, reterr);

    delivery->there = calloc(count + 1, sizeof(*delivery->there));
    if (rc == 0 && !delivery->there)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        rc = look(delivery, reterr);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        delivery->bring.items[i].skip = delivery->there[i];
        delivery->bring.items[i].hold = true;
    }
    if (rc == 0)
        rc = fl_pull_run(delivery->world, delivery->bring.items, count, came, delivery, reterr);
    if (rc == 0)
        rc = place_all(delivery, reterr);
    for (size_t i = 0; i < count; i++)
        fl_incoming_drop(&delivery->bring.items[i].incoming);
    free(delivery->there);
    delivery->there = NULL;
    return rc;
}

int fl_delivery_run(struct fl_delivery *delivery, const char *inputs, struct fl_err *reterr)
{
    int rc;

    fl_assert(delivery->world && delivery->set && delivery->dir && delivery->run);
    if (!fl_bring_name_is_open(delivery->set))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "set '%.200s' is hidden or leaves the products folder", delivery->set);
    rc = fl_path_join(delivery->dir, delivery->set, delivery->folder, sizeof(delivery->folder),
                      reterr);
    if (rc == 0)
        rc = fl_bring_read(delivery->world, inputs, delivery->folder, &delivery->bring, reterr);
    return rc == 0 ? send_and_place(delivery, reterr) : rc;
}

void fl_delivery_release(struct fl_delivery *delivery)
{
    fl_bring_release(&delivery->bring);
}
