/* stage: the inputs of a stage, brought from the sites where they lie. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/lines/site.h"
#include "data-fetch/stage/bring.h"
#include "engine/base/log.h"
#include "engine/base/time.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

struct stage {
    struct fl_contract *contract;
    const char *to;
    size_t whole;
    size_t count;
    uint64_t bytes;
};

static int brought(struct fl_pull_item *item, struct fl_err *reterr, void *arg)
{
    struct stage *stage = arg;
    const struct fl_input *input = item->arg;
    char path[FL_PATH_MAX];
    int rc;

    stage->bytes += item->incoming.size;
    rc = fl_incoming_settle(&item->incoming, reterr);
    if (rc < 0)
        return rc;
    stage->whole++;
    fl_log(FL_LOG_INFO, "transfer.whole", "file='%s' sha256=%s", input->file, item->digest);
    if (input->output)
        rc = fl_command_announced(stage->contract, stage->to, input->file, path, sizeof(path),
                                  reterr);
    if (rc == 0 && input->output)
        rc = fl_contract_output_marked(stage->contract, input->output,
                                       input->has_lead ? &input->lead : NULL, path, input->degraded,
                                       input->degraded_count, reterr);
    if (rc == 0 && stage->count > 1)
        rc = fl_contract_progress_fraction(stage->contract,
                                           (double)stage->whole / (double)stage->count, reterr);
    return rc;
}

struct asked {
    const char *inputs;
    const char *site;
    const char *to;
    int64_t deadline_s;
    bool operations;
};

static int read_options(int argc, char **argv, struct asked *asked, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"inputs", required_argument, NULL, 'i'},   {"site", required_argument, NULL, 's'},
        {"deadline", required_argument, NULL, 'd'}, {"operations", no_argument, NULL, 'o'},
        {"to", required_argument, NULL, 't'},       {NULL, 0, NULL, 0},
    };
    struct fl_cycle deadline;
    int code;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        if (code == 'o') {
            asked->operations = true;
        } else if (code == 'd') {
            if (fl_cycle_parse(optarg, &deadline, NULL) < 0)
                return fl_err_set(reterr, FL_E_USAGE, 0,
                                  "--deadline '%.60s' is not a time; accepted: such as "
                                  "20261124T0430Z",
                                  optarg);
            asked->deadline_s = deadline.s;
        } else {
            *(code == 'i' ? &asked->inputs : code == 's' ? &asked->site : &asked->to) = optarg;
        }
    }
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    return 0;
}

int fl_command_stage(int argc, char **argv, struct fl_err *reterr)
{
    fl_auto(fl_contract_close) struct fl_contract *contract = NULL;
    fl_auto(fl_bring_release) struct fl_bring bring = {0};
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    struct asked asked = {.inputs = "inputs.json"};
    struct fl_pull_options how;
    struct stage stage = {0};
    char folder[FL_PATH_MAX];
    int rc = read_options(argc, argv, &asked, reterr);

    if (rc == 0)
        rc = fl_contract_open(&contract, reterr);
    if (rc == 0)
        rc = fl_command_folder(contract, asked.to, folder, sizeof(folder), reterr);
    if (rc == 0)
        rc = fl_site_find(fl_world_real(), asked.site, &site, reterr);
    if (rc == 0)
        rc = fl_bring_read(fl_world_real(), asked.inputs, folder, &bring, reterr);
    if (rc < 0)
        return rc;
    stage.contract = contract;
    stage.to = asked.to;
    stage.count = bring.count;
    how = fl_bring_options(&bring, site);
    how.deadline_s = asked.deadline_s;
    how.operations = asked.operations;
    rc = fl_pull_run_with(fl_world_real(), &how, bring.items, bring.count, brought, &stage, reterr);
    if (rc == 0)
        fl_log(FL_LOG_INFO, "transfer.done", "files=%zu bytes=%" PRIu64, stage.whole, stage.bytes);
    return rc;
}
