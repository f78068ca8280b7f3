/* retain: products leave a destination when their rule says so. */
#include "config.h"

#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/command/settings.h"
#include "data-fetch/deliver/ending.h"
#include "data-fetch/lines/site.h"
#include "engine/base/log.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define RULES_MAX 256
#define BATCH_MAX 1024 /* files that go together */

/* The first rule that matches decides; a file that none matches stays. */
struct rule {
    const char *products; /* pattern of file names */
    const char *sets;     /* pattern of set names */
    int64_t keep_s;
};

struct retaining {
    struct fl_ending ending;
    struct fl_signer signer;
    struct fl_site *site;
    struct rule rules[RULES_MAX];
    size_t rule_count;
    int64_t now_s;
    bool dry;
    /* those that go, of one set */
    char set[FL_PATH_MAX];
    char *files[BATCH_MAX];
    size_t count;
    size_t total;
    uint64_t bytes;
    struct fl_err *reterr;
};

static int read_rule(struct retaining *r, const struct config_setting_t *entry,
                     struct fl_err *reterr)
{
    static const char *const keys[] = {"products", "sets", "keep", NULL};
    const struct fl_settings *settings = r->site->settings;
    struct rule rule = {.products = "*", .sets = "*"};
    int rc = fl_settings_known(settings, entry, keys, reterr);

    if (rc == 0)
        rc = fl_settings_text(settings, entry, "products", false, &rule.products, reterr);
    if (rc == 0)
        rc = fl_settings_text(settings, entry, "sets", false, &rule.sets, reterr);
    if (rc == 0)
        rc = fl_settings_duration(settings, entry, "keep", true, &rule.keep_s, reterr);
    if (rc == 0 && r->rule_count == RULES_MAX)
        rc = fl_settings_bad(settings, entry, reterr, "more than %d rules", RULES_MAX);
    if (rc == 0)
        r->rules[r->rule_count++] = rule;
    return rc;
}

static int read_rules(struct retaining *r, const char *site_file, struct fl_err *reterr)
{
    int rc = fl_site_find(r->ending.world, site_file, &r->site, reterr);

    if (rc == 0 && r->site && r->site->keys[0])
        rc = fl_signer_open(r->ending.world, r->site->keys, r->site->name, &r->signer, reterr);
    r->ending.signer = r->signer.key ? &r->signer : NULL;
    if (rc < 0 || r->rule_count > 0) /* --keep said it */
        return rc;
    for (size_t i = 0;
         rc == 0 && r->site && r->site->retention && i < fl_settings_count(r->site->retention); i++)
        rc = read_rule(r, fl_settings_at(r->site->retention, i), reterr);
    if (rc == 0 && r->rule_count == 0)
        rc = fl_err_set(reterr, FL_E_USAGE, 0,
                        "there is no rule: say --keep P30D [--products 'map.*'] [--sets "
                        "'surge/*'], or give the site file retention = ( { products = \"map.*\"; "
                        "keep = \"P30D\"; } )");
    return rc;
}

/* The files of a set that go: out of ledger and manifest together, then from the disk. */
static int flush(struct retaining *r)
{
    char now[FL_TIME_TEXT_MAX];
    int rc = 0;

    if (r->count == 0)
        return 0;
    fl_cycle_format_extended((struct fl_cycle){.s = r->now_s}, now);
    if (!r->dry) {
        rc = fl_ledger_begin(r->ending.ledger, r->reterr);
        for (size_t i = 0; rc == 0 && i < r->count; i++)
            rc = fl_ledger_end(r->ending.ledger, r->set, r->files[i], now, "retiring",
                               "kept long enough", r->reterr);
        if (rc == 0)
            rc = fl_ledger_commit(r->ending.ledger, r->reterr);
        if (rc < 0)
            fl_ledger_rollback(r->ending.ledger);
        if (rc == 0)
            rc = fl_ending_carry_out(&r->ending, r->set, r->reterr);
    }
    for (size_t i = 0; i < r->count; i++)
        free(r->files[i]);
    r->count = 0;
    return rc;
}

static const struct rule *rule_of(const struct retaining *r, const struct fl_custody *row)
{
    for (size_t i = 0; i < r->rule_count; i++)
        if (fnmatch(r->rules[i].products, row->file, 0) == 0 &&
            fnmatch(r->rules[i].sets, row->set, 0) == 0)
            return &r->rules[i];
    return NULL;
}

static int look_at(const struct fl_custody *row, void *arg)
{
    struct retaining *r = arg;
    const struct rule *rule = rule_of(r, row);
    struct fl_cycle received = {0};

    if (!rule || fl_cycle_parse(row->received, &received, NULL) < 0 ||
        received.s + rule->keep_s > r->now_s)
        return 0;
    if (r->count == BATCH_MAX || (r->count > 0 && strcmp(r->set, row->set) != 0))
        return 1; /* these first; the walk begins again */
    (void)snprintf(r->set, sizeof(r->set), "%s", row->set);
    r->files[r->count] = strdup(row->file);
    if (!r->files[r->count])
        return fl_err_set(r->reterr, FL_E_NOMEM, 0, "out of memory");
    r->count++;
    r->total++;
    r->bytes += row->size;
    (void)printf("%s/%s  %" PRIu64 " bytes, received %s%s\n", row->set, row->file, row->size,
                 row->received, r->dry ? "" : ", retired");
    return 0;
}

static int look_dry(const struct fl_custody *row, void *arg)
{
    struct retaining *r = arg;
    int rc = look_at(row, arg);

    if (r->count > 0) { /* only told */
        free(r->files[0]);
        r->count = 0;
    }
    return rc;
}

static int retain(struct retaining *r, struct fl_err *reterr)
{
    const struct fl_world *world = r->ending.world;
    size_t before = SIZE_MAX;
    int lock = -1;
    int rc = fl_ledger_open(world, r->ending.dir, false, &r->ending.ledger, reterr);

    if (rc < 0)
        return rc;
    if (r->dry)
        return fl_ledger_each(r->ending.ledger, FL_LEDGER_PRESENT, NULL, NULL, look_dry, r, reterr);
    rc = fl_ledger_lock(world, r->ending.dir, &lock, reterr);
    if (rc == 0)
        rc = fl_ending_resume(&r->ending, reterr);
    while (rc >= 0 && before != r->total) { /* a set, or a batch of one, at a time */
        before = r->total;
        rc = fl_ledger_each(r->ending.ledger, FL_LEDGER_PRESENT, NULL, NULL, look_at, r, reterr);
        if (rc >= 0)
            rc = flush(r);
    }
    if (lock >= 0)
        fl_lock_release(world, lock);
    return rc < 0 ? rc : 0;
}

static int set_keep(struct retaining *r, const char *text, struct fl_err *reterr)
{
    int64_t keep_s = 0;
    int rc = fl_duration_parse(text, &keep_s, reterr);

    if (rc == 0 && keep_s < 0)
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "--keep '%.40s' is negative", text);
    r->rules[0].keep_s = keep_s;
    r->rule_count = 1;
    return rc;
}

int fl_command_retain(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"keep", required_argument, NULL, 'k'}, {"products", required_argument, NULL, 'p'},
        {"sets", required_argument, NULL, 's'}, {"site", required_argument, NULL, 'S'},
        {"dry-run", no_argument, NULL, 'd'},    {NULL, 0, NULL, 0},
    };
    struct retaining *r = calloc(1, sizeof(*r));
    const char *site_file = NULL;
    int code;
    int rc = r ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    opterr = 0;
    optind = 1;
    if (r)
        *r = (struct retaining){.ending = {.world = fl_world_real()},
                                .rules = {{.products = "*", .sets = "*"}},
                                .reterr = reterr};
    while (rc == 0 && (code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            rc = fl_command_bad_option(argv, code, optind, reterr);
        else if (code == 'k')
            rc = set_keep(r, optarg, reterr);
        else if (code == 'd')
            r->dry = true;
        else
            *(code == 'p'   ? &r->rules[0].products
              : code == 's' ? &r->rules[0].sets
                            : &site_file) = optarg;
    }
    if (rc == 0 && optind + 1 != argc)
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "retain takes one products folder");
    if (rc == 0) {
        r->ending.dir = argv[optind];
        r->now_s = fl_world_utc_ns(r->ending.world) / 1000000000;
        rc = read_rules(r, site_file, reterr);
    }
    if (rc == 0)
        rc = retain(r, reterr);
    if (rc == 0)
        (void)printf("%zu files, %" PRIu64 " bytes %s\n", r->total, r->bytes,
                     r->dry ? "would go" : "retired");
    if (r) {
        fl_ledger_close(r->ending.ledger);
        fl_signer_release(&r->signer);
        fl_site_destroy(r->site);
    }
    free(r);
    return rc;
}
