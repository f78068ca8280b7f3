/* deliver: products into the folder of a set, with manifest, ledger and receipt.
 *
 * Order, so that a kill at any point leaves the manifest true: the files come in under hidden
 * names, verified and synced, without a lock. Then, under the destination's lock: versions that
 * will be replaced leave ledger and manifest; the new ones get their names; they enter the ledger;
 * the manifest is written again. A file whose process died before its row was written is found by
 * its content next time. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/bring.h"
#include "data-fetch/command.h"
#include "data-fetch/manifest.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define RUN_MAX 512
#define BY_HAND "by-hand" /* the run of a delivery outside any */

struct deliver {
    const struct fl_world *world;
    struct fl_contract *contract;
    const char *set;
    const char *dir;
    const char *run;
    const char *stage;
    char folder[FL_PATH_MAX];
    struct fl_bring bring;
    bool *there; /* item i needs no sending */
    size_t sent;
    uint64_t bytes;
};

static void time_text(int64_t seconds, char text[static FL_TIME_TEXT_MAX])
{
    text[0] = '\0';
    if (seconds >= 0)
        fl_cycle_format_extended((struct fl_cycle){.s = seconds}, text);
}

/* Holds a file at its place against a digest. */
static bool file_is(const struct deliver *deliver, const char *path, const char *sha256)
{
    char found[FL_DIGEST_HEX];

    return fl_file_exists(deliver->world, path) &&
           fl_file_digest(deliver->world, path, found, NULL, NULL) == 0 &&
           strcmp(found, sha256) == 0;
}

/* What was delivered with the same content is not sent again; what another run delivered under the
 * same name is not replaced. */
static int look_ahead(struct deliver *deliver, struct fl_ledger *ledger, struct fl_err *reterr)
{
    for (size_t i = 0; i < deliver->bring.count; i++) {
        const struct fl_pull_item *item = &deliver->bring.items[i];
        const struct fl_input *input = item->arg;
        char sha256[FL_DIGEST_HEX];
        char run[RUN_MAX];
        int rc;

        if (strcmp(input->file, FL_MANIFEST) == 0 || strcmp(input->file, FL_MANIFEST_JSON) == 0)
            return fl_err_set(reterr, FL_E_REFUSED, 0, "an input is called '%s', as the manifest",
                              input->file);
        rc = fl_ledger_find(ledger, deliver->set, input->file, sha256, run, sizeof(run), reterr);
        if (rc < 0)
            return rc;
        if (item->sha256 && strcmp(sha256, item->sha256) == 0) {
            deliver->there[i] = file_is(deliver, item->path, item->sha256);
        } else if (item->sha256 && sha256[0] && strcmp(run, deliver->run) != 0) {
            return fl_err_set(reterr, FL_E_REFUSED, 0,
                              "'%s' was delivered into set '%s' by run '%s' with other content; "
                              "run '%s' does not replace it (deliver into another set)",
                              input->file, deliver->set, run, deliver->run);
        }
    }
    return 0;
}

static int came(struct fl_pull_item *item, struct fl_err *reterr, void *arg)
{
    struct deliver *deliver = arg;

    (void)reterr;
    deliver->sent++;
    deliver->bytes += item->incoming.size;
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

static int add_row(const struct deliver *deliver, struct fl_ledger *ledger,
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
    struct fl_custody row = {.set = deliver->set,
                             .file = input->file,
                             .size = size,
                             .sha256 = item->digest,
                             .run = deliver->run,
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
    time_text(fl_world_utc_ns(deliver->world) / 1000000000, received);
    rc = fl_ledger_add(ledger, &row, reterr);
    free(marks);
    return rc;
}

/* Versions with other content leave ledger and manifest before their files are replaced. */
static int make_way(const struct deliver *deliver, struct fl_ledger *ledger, struct fl_err *reterr)
{
    char now[FL_TIME_TEXT_MAX];
    bool any = false;
    int rc = 0;

    time_text(fl_world_utc_ns(deliver->world) / 1000000000, now);
    for (size_t i = 0; i < deliver->bring.count && rc == 0; i++) {
        const struct fl_pull_item *item = &deliver->bring.items[i];
        const struct fl_input *input = item->arg;
        char sha256[FL_DIGEST_HEX];
        char run[RUN_MAX];

        if (deliver->there[i])
            continue;
        rc = fl_ledger_find(ledger, deliver->set, input->file, sha256, run, sizeof(run), reterr);
        if (rc < 0 || strcmp(sha256, item->digest) == 0)
            continue;
        any = any || fl_file_exists(deliver->world, item->path); /* may be listed since a crash */
        if (!sha256[0])
            continue;
        if (strcmp(run, deliver->run) != 0)
            return fl_err_set(reterr, FL_E_REFUSED, 0,
                              "'%s' was delivered into set '%s' by run '%s' meanwhile; run '%s' "
                              "does not replace it",
                              input->file, deliver->set, run, deliver->run);
        any = true;
        rc = fl_ledger_supersede(ledger, deliver->set, input->file, now, reterr);
    }
    return rc == 0 && any
               ? fl_manifest_write(deliver->world, ledger, deliver->set, deliver->folder, reterr)
               : rc;
}

static int place_one(const struct deliver *deliver, struct fl_ledger *ledger,
                     struct fl_pull_item *item, struct fl_err *reterr)
{
    const struct fl_input *input = item->arg;
    uint64_t size = item->incoming.size;
    char sha256[FL_DIGEST_HEX];
    char run[RUN_MAX];
    int rc = 0;

    if (file_is(deliver, item->path, item->digest))
        fl_incoming_drop(&item->incoming); /* another delivery, or one that died, put it there */
    else
        rc = fl_incoming_settle(&item->incoming, reterr);
    if (rc == 0)
        rc = fl_ledger_find(ledger, deliver->set, input->file, sha256, run, sizeof(run), reterr);
    if (rc == 0 && strcmp(sha256, item->digest) != 0)
        rc = add_row(deliver, ledger, item, size, reterr);
    return rc;
}

static int place_all(struct deliver *deliver, struct fl_err *reterr)
{
    fl_auto(fl_ledger_close) struct fl_ledger *ledger = NULL;
    int lock = -1;
    int rc = fl_ledger_lock(deliver->world, deliver->dir, &lock, reterr);

    if (rc < 0)
        return rc;
    rc = fl_ledger_open(deliver->world, deliver->dir, true, &ledger, reterr);
    if (rc == 0)
        rc = make_way(deliver, ledger, reterr);
    for (size_t i = 0; rc == 0 && i < deliver->bring.count; i++) {
        if (!deliver->there[i])
            rc = place_one(deliver, ledger, &deliver->bring.items[i], reterr);
    }
    if (rc == 0)
        rc = fl_manifest_write(deliver->world, ledger, deliver->set, deliver->folder, reterr);
    fl_ledger_close(FL_STEAL(ledger));
    fl_lock_release(deliver->world, lock);
    return rc;
}

static int look(struct deliver *deliver, struct fl_err *reterr)
{
    fl_auto(fl_ledger_close) struct fl_ledger *ledger = NULL;
    int lock = -1;
    int rc = fl_ledger_lock(deliver->world, deliver->dir, &lock, reterr);

    if (rc < 0)
        return rc;
    rc = fl_ledger_open(deliver->world, deliver->dir, true, &ledger, reterr);
    if (rc == 0)
        rc = look_ahead(deliver, ledger, reterr);
    fl_ledger_close(FL_STEAL(ledger));
    fl_lock_release(deliver->world, lock);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    const struct fl_input *left = ((const struct fl_pull_item *const *)a)[0]->arg;
    const struct fl_input *right = ((const struct fl_pull_item *const *)b)[0]->arg;

    return strcmp(left->file, right->file);
}

/* What stands at the destination now, as a file of the stage: the same delivery gives the same
 * bytes. */
static int write_receipt(struct deliver *deliver, struct fl_err *reterr)
{
    const struct fl_contract_env *env = fl_contract_env(deliver->contract);
    size_t count = deliver->bring.count;
    const struct fl_pull_item **order = calloc(count + 1, sizeof(*order));
    fl_json_auto json_t *files = json_array();
    fl_json_auto json_t *doc = NULL;
    struct fl_lead lead;
    char path[FL_PATH_MAX];
    char *text = NULL;
    int rc;

    for (size_t i = 0; order && i < count; i++)
        order[i] = &deliver->bring.items[i];
    if (order)
        qsort(order, count, sizeof(*order), by_name);
    for (size_t i = 0; order && files && i < count; i++) {
        const struct fl_input *input = order[i]->arg;
        const char *sha256 = order[i]->digest[0] ? order[i]->digest : order[i]->sha256;

        (void)json_array_append_new(
            files, json_pack("{ss ss}", "file", input->file, "sha256", sha256)); /* counted below */
    }
    free(order);
    if (files && json_array_size(files) == count)
        doc = json_pack("{si ss ss sO}", "version", 1, "set", deliver->set, "run", deliver->run,
                        "files", files);
    text = doc ? json_dumps(doc, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    rc = text ? fl_contract_place(deliver->contract, "receipt.json", path, sizeof(path), reterr)
              : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the receipt");
    if (rc == 0)
        rc = fl_dir_make(deliver->world, env->output_dir, 0755, reterr);
    if (rc == 0)
        rc = fl_file_publish(deliver->world, path, text, strlen(text), reterr);
    free(text);
    if (rc == 0 && env->lead)
        rc = fl_lead_parse(env->lead, &lead, reterr);
    if (rc == 0)
        rc = fl_contract_output(deliver->contract, "receipt", env->lead ? &lead : NULL,
                                "receipt.json", reterr);
    return rc;
}

/* Pulls what is not there yet; the items keep their hidden files until they are placed. */
static int deliver_run(struct deliver *deliver, struct fl_err *reterr)
{
    size_t count = deliver->bring.count;
    int rc = fl_dir_make(deliver->world, deliver->folder, 0755, reterr);

    deliver->there = calloc(count + 1, sizeof(*deliver->there));
    if (rc == 0 && !deliver->there)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        rc = look(deliver, reterr);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        deliver->bring.items[i].skip = deliver->there[i];
        deliver->bring.items[i].hold = true;
    }
    if (rc == 0)
        rc = fl_pull_run(deliver->world, deliver->bring.items, count, came, deliver, reterr);
    if (rc == 0)
        rc = place_all(deliver, reterr);
    for (size_t i = 0; i < count; i++)
        fl_incoming_drop(&deliver->bring.items[i].incoming);
    if (rc == 0 && fl_contract_env(deliver->contract)->output_dir)
        rc = write_receipt(deliver, reterr);
    if (rc == 0)
        fl_log(FL_LOG_INFO, "transfer.delivered",
               "set='%s' folder='%s' sent=%zu already_there=%zu bytes=%" PRIu64, deliver->set,
               deliver->folder, deliver->sent, count - deliver->sent, deliver->bytes);
    free(deliver->there);
    return rc;
}

int fl_command_deliver(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"inputs", required_argument, NULL, 'i'},
        {"set", required_argument, NULL, 's'},
        {"to", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    fl_auto(fl_contract_close) struct fl_contract *contract = NULL;
    struct deliver deliver = {.world = fl_world_real()};
    const char *inputs = "inputs.json";
    int code;
    int rc;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        *(code == 'i' ? &inputs : code == 's' ? &deliver.set : &deliver.dir) = optarg;
    }
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    rc = fl_contract_open(&contract, reterr);
    if (rc < 0)
        return rc;
    deliver.contract = contract;
    deliver.run = fl_contract_env(contract)->run ? fl_contract_env(contract)->run : BY_HAND;
    if (!deliver.dir)
        deliver.dir = fl_contract_env(contract)->products;
    if (!deliver.dir || !deliver.set)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "deliver needs --set NAME, and --to DIR or FAIRLEAD_PRODUCTS");
    if (!fl_bring_name_is_open(deliver.set))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "--set '%.200s' is hidden or leaves the products folder", deliver.set);
    rc = fl_path_join(deliver.dir, deliver.set, deliver.folder, sizeof(deliver.folder), reterr);
    if (rc == 0)
        rc = fl_bring_read(deliver.world, inputs, deliver.folder, &deliver.bring, reterr);
    if (rc < 0)
        return rc;
    rc = deliver_run(&deliver, reterr);
    fl_bring_release(&deliver.bring);
    return rc;
}
