/* deliver: the command around a delivery, and its receipt. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/deliver/delivery.h"
#include "data-fetch/deliver/notify.h"
#include "data-fetch/destination/by_hand.h"
#include "data-fetch/lines/site.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "stages/common/inputs.h"
#include "stages/common/contract.h"

#include "engine/base/banned.h"

#define BY_HAND "by-hand" /* the run of a delivery outside any */

struct delivering {
    struct fl_contract *contract;
    struct fl_delivery d;
    struct fl_feed feed;
    struct fl_space space;
    struct fl_signer signer;
    struct fl_pull_options pull;
    struct fl_notify notify;
    struct fl_site *site;
    struct fl_inputs *head; /* of inputs.json, with the grants */
    const char *site_file;
    const char *release;
    const char *destination; /* of the site file; NULL: the folder */
    struct fl_destination *dest;
    char dir[FL_PATH_MAX];
    char stage[256];
    /* the receipt, written while files come */
    struct fl_incoming receipt; /* fd -1: none is wanted */
    bool first;
};

static void release(struct delivering *c)
{
    fl_space_close(&c->space);
    fl_signer_release(&c->signer);
    fl_incoming_drop(&c->receipt);
    fl_destination_close(c->dest);
    fl_site_destroy(c->site);
    fl_inputs_destroy(c->head);
    fl_contract_close(c->contract);
}
FL_DEFINE_AUTO_VALUE(struct delivering, release)

/* ---- the receipt: what stands at the destination now; the same delivery gives the same bytes ----
 */

static int add(struct delivering *c, const char *text, struct fl_err *reterr)
{
    return fl_incoming_add(&c->receipt, text, strlen(text), reterr);
}

static int receipt_begin(struct delivering *c, struct fl_err *reterr)
{
    const struct fl_contract_env *env = fl_contract_env(c->contract);
    char path[FL_PATH_MAX];
    int rc;

    c->first = true;
    if (!env->output_dir)
        return 0;
    rc = fl_contract_place(c->contract, "receipt.json", path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_incoming_open(&c->receipt, c->d.world, path, reterr);
    return rc < 0 ? rc : add(c, "{\n \"files\": [", reterr);
}

static int receipt_file(const char *file, const char *sha256, struct fl_err *reterr, void *arg)
{
    struct delivering *c = arg;
    fl_json_auto json_t *entry = NULL;
    char *text;
    int rc;

    if (c->receipt.fd < 0)
        return 0;
    entry = json_pack("{ss ss}", "file", file, "sha256", sha256);
    text = entry ? json_dumps(entry, JSON_SORT_KEYS) : NULL;
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the receipt");
    rc = add(c, c->first ? "\n  " : ",\n  ", reterr);
    if (rc == 0)
        rc = add(c, text, reterr);
    c->first = false;
    free(text);
    return rc;
}

static int receipt_end(struct delivering *c, struct fl_err *reterr)
{
    const struct fl_contract_env *env = fl_contract_env(c->contract);
    fl_auto(fl_buf_release) struct fl_buf tail;
    char hex[FL_DIGEST_HEX];
    struct fl_lead lead;
    int rc;

    if (c->receipt.fd < 0)
        return 0;
    fl_buf_init(&tail, 0);
    fl_buf_printf(&tail, "%s],\n \"run\": \"%s\",\n \"set\": \"%s\",\n \"version\": 1\n}\n",
                  c->first ? "" : "\n ", c->d.run, c->d.set); /* names without quotes */
    rc = add(c, tail.data, reterr);
    if (rc == 0)
        rc = fl_incoming_finish(&c->receipt, hex, reterr);
    if (rc == 0)
        rc = fl_incoming_settle(&c->receipt, reterr);
    if (rc == 0 && env->lead)
        rc = fl_lead_parse(env->lead, &lead, reterr);
    return rc < 0 ? rc
                  : fl_contract_output(c->contract, "receipt", env->lead ? &lead : NULL,
                                       "receipt.json", reterr);
}

/* ---- options ---- */

static int set_option(struct delivering *c, int code, const char *value, struct fl_err *reterr)
{
    struct fl_cycle when;
    int rc = 0;

    switch (code) {
    case 'i':
        c->feed.inputs = value;
        break;
    case 'f':
        c->feed.folder = value;
        break;
    case 's':
        c->d.set = value;
        break;
    case 't':
        c->d.dir = value;
        break;
    case 'r':
        c->release = value;
        break;
    case 'n':
        rc = fl_notify_add(&c->notify, value, reterr);
        break;
    case 'D':
        c->destination = value;
        break;
    case 'S':
        c->site_file = value;
        break;
    case 'd':
        rc = fl_cycle_parse(value, &when, reterr);
        c->space.order = when.s;
        break;
    default:
        break;
    }
    return rc < 0 && code == 'd' ? fl_err_note(reterr, rc, "--deadline") : rc;
}

static int read_options(struct delivering *c, int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"inputs", required_argument, NULL, 'i'},      {"from", required_argument, NULL, 'f'},
        {"set", required_argument, NULL, 's'},         {"to", required_argument, NULL, 't'},
        {"release", required_argument, NULL, 'r'},     {"notify", required_argument, NULL, 'n'},
        {"site", required_argument, NULL, 'S'},        {"deadline", required_argument, NULL, 'd'},
        {"destination", required_argument, NULL, 'D'}, {NULL, 0, NULL, 0},
    };
    int code;
    int rc = 0;

    opterr = 0;
    optind = 1;
    c->release = "each";
    while (rc == 0 && (code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        rc = set_option(c, code, optarg, reterr);
    }
    if (rc < 0)
        return rc;
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    if (strcmp(c->release, "each") != 0 && strcmp(c->release, "whole") != 0)
        return fl_err_set(reterr, FL_E_USAGE, 0, "--release '%.40s'; accepted: each, whole",
                          c->release);
    if (c->feed.inputs && c->feed.folder)
        return fl_err_set(reterr, FL_E_USAGE, 0, "--inputs or --from, not both");
    if (!c->feed.inputs && !c->feed.folder)
        c->feed.inputs = "inputs.json";
    c->d.whole = strcmp(c->release, "whole") == 0;
    return 0;
}

/* ---- the run ---- */

static void tell_space(bool full, const char *text, void *arg)
{
    struct delivering *c = arg;

    fl_log(full ? FL_LOG_WARN : FL_LOG_INFO, full ? "transfer.full" : "transfer.room", "%s", text);
    (void)fl_contract_warn(c->contract, text, NULL); /* the log has it too */
}

/* When its bytes are needed, as far as is known: the deadline, else the valid time of its lead. */
static int64_t order_of(const struct delivering *c)
{
    const struct fl_contract_env *env = fl_contract_env(c->contract);
    struct fl_cycle cycle = {0};
    struct fl_lead lead = {0};

    if (c->space.order > 0)
        return c->space.order;
    if (env->cycle && fl_cycle_parse(env->cycle, &cycle, NULL) < 0)
        return 0;
    if (env->lead && fl_lead_parse(env->lead, &lead, NULL) < 0)
        return cycle.s;
    return cycle.s + (int64_t)lead.minutes * 60;
}

/* Its ledger, and what is on its way to it, lie beside those of the products folder. */
static int open_destination(struct delivering *c, struct fl_err *reterr)
{
    int rc;

    if (!c->destination)
        return 0;
    if (!c->site)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "--destination '%.60s' is one of the site file; say --site FILE or set "
                          "FAIRLEAD_SITE",
                          c->destination);
    rc = fl_destination_named(c->d.world, c->site, c->destination, &c->dest, reterr);
    if (rc == 0 && snprintf(c->dir, sizeof(c->dir), "%s/" FL_LEDGER_FOLDER "/to/%s", c->d.dir,
                            c->destination) >= (int)sizeof(c->dir))
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", c->d.dir);
    c->d.dir = c->dir;
    c->d.dest = c->dest;
    return rc;
}

static int set_up(struct delivering *c, struct fl_err *reterr)
{
    const struct fl_contract_env *env = fl_contract_env(c->contract);
    int rc = fl_site_find(c->d.world, c->site_file, &c->site, reterr);

    if (rc < 0)
        return rc;
    c->d.run = env->run ? env->run : BY_HAND;
    if (env->stage)
        (void)snprintf(c->stage, sizeof(c->stage), "%.200s%s", env->stage,
                       env->lead ? env->lead : "");
    c->d.stage = env->stage ? c->stage : NULL;
    if (!c->d.dir)
        c->d.dir = env->products;
    if (!c->d.dir || !c->d.set)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "deliver needs --set NAME, and --to DIR or FAIRLEAD_PRODUCTS");
    if (c->site && c->site->keys[0])
        rc = fl_signer_open(c->d.world, c->site->keys, c->site->name, &c->signer, reterr);
    if (rc == 0)
        rc = fl_feed_head(&c->feed, &c->head, reterr);
    c->pull = (struct fl_pull_options){.site = c->site,
                                       .grants = c->head ? c->head->grants : NULL,
                                       .grant_count = c->head ? c->head->grant_count : 0};
    c->d.pull = &c->pull;
    c->d.signer = c->signer.key ? &c->signer : NULL;
    c->d.fn = receipt_file;
    c->d.arg = c;
    if (rc == 0)
        rc = open_destination(c, reterr);
    if (rc == 0)
        rc = fl_dir_make(c->d.world, c->d.dir, 0755, reterr);
    if (rc < 0)
        return rc;
    fl_space_open(&c->space, c->d.world, c->d.dir, order_of(c), tell_space, c);
    c->d.space = &c->space;
    return 0;
}

static int tell_others(struct delivering *c, struct fl_err *reterr)
{
    char text[256];
    int rc;

    if (c->notify.count == 0)
        return 0;
    rc = fl_notify_send(&c->notify, c->d.world,
                        json_pack("{ss ss ss ss ss sI sI sb}", "event", "delivered", "set",
                                  c->d.set, "run", c->d.run, "folder", c->d.folder, "manifest",
                                  c->d.manifest, "files", (json_int_t)c->d.files, "bytes",
                                  (json_int_t)c->d.bytes, "published", c->d.published),
                        reterr);
    if (rc <= 0)
        return rc;
    (void)snprintf(text, sizeof(text), "%d of %zu URLs to notify of set '%.100s' did not answer",
                   rc, c->notify.count, c->d.set);
    (void)fl_contract_warn(c->contract, text, NULL); /* the log has it too */
    return 0;
}

int fl_command_deliver(int argc, char **argv, struct fl_err *reterr)
{
    fl_auto(release) struct delivering c = {
        .d = {.world = fl_world_real()}, .receipt = {.fd = -1}, .space = {.fd = -1}};
    int rc = read_options(&c, argc, argv, reterr);

    if (rc == 0)
        rc = fl_contract_open(&c.contract, reterr);
    if (rc < 0)
        return rc;
    c.feed.world = c.d.world;
    rc = set_up(&c, reterr);
    if (rc == 0)
        rc = receipt_begin(&c, reterr);
    if (rc == 0)
        rc = fl_delivery_run(&c.d, &c.feed, reterr);
    if (rc == 0)
        rc = receipt_end(&c, reterr);
    if (rc == 0)
        rc = tell_others(&c, reterr);
    if (rc == 0)
        fl_log(FL_LOG_INFO, "transfer.delivered",
               "set='%s' folder='%s' sent=%zu already_there=%zu reused=%zu bytes=%" PRIu64
               " manifest='%s'",
               c.d.set, c.d.folder, c.d.sent - c.d.reused, c.d.files - c.d.sent, c.d.reused,
               c.d.bytes, c.d.manifest);
    return rc;
}
