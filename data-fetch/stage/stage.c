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

int fl_command_stage(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"inputs", required_argument, NULL, 'i'},
        {"site", required_argument, NULL, 's'},
        {"to", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    fl_auto(fl_contract_close) struct fl_contract *contract = NULL;
    fl_auto(fl_bring_release) struct fl_bring bring = {0};
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    struct fl_pull_options how = {0};
    struct stage stage = {0};
    const char *inputs = "inputs.json";
    const char *site_path = NULL;
    const char *to = NULL;
    char folder[FL_PATH_MAX];
    int code;
    int rc;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        *(code == 'i' ? &inputs : code == 's' ? &site_path : &to) = optarg;
    }
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    rc = fl_contract_open(&contract, reterr);
    if (rc < 0)
        return rc;
    rc = fl_command_folder(contract, to, folder, sizeof(folder), reterr);
    if (rc == 0)
        rc = fl_site_find(fl_world_real(), site_path, &site, reterr);
    if (rc == 0)
        rc = fl_bring_read(fl_world_real(), inputs, folder, &bring, reterr);
    if (rc < 0)
        return rc;
    stage.contract = contract;
    stage.to = to;
    stage.count = bring.count;
    how.site = site;
    how.grants = bring.inputs->grants;
    how.grant_count = bring.inputs->grant_count;
    rc = fl_pull_run_with(fl_world_real(), &how, bring.items, bring.count, brought, &stage, reterr);
    if (rc == 0)
        fl_log(FL_LOG_INFO, "transfer.done", "files=%zu bytes=%" PRIu64, stage.whole, stage.bytes);
    return rc;
}
