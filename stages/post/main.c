/* fairlead-post: maps, station plots and products from the output of the surge model. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/world/world.h"
#include "stages/common/contract.h"
#include "stages/post/job.h"

#include "engine/base/banned.h"

static const char usage[] =
    "usage: fairlead-post map POST.cfg --field FILE [--map PNG] [--product FILE]\n"
    "       fairlead-post summary POST.cfg --max FILE --stations FILE --to DIR\n"
    "\n"
    "map      one output time: a map of the water level, and a CF product\n"
    "summary  a whole run: max.png, max.nc, stations.csv, stations.png, peaks.csv in DIR,\n"
    "         and the table of peaks on standard output\n"
    "\n"
    "  --field FILE     output of fairlead-surge for one time (surge.fLLL.nc)\n"
    "  --map PNG        the map to write\n"
    "  --product FILE   the NetCDF product to write\n"
    "  --max FILE       maxima of the run (max.nc)\n"
    "  --stations FILE  station series of the run (stations.nc)\n"
    "  --to DIR         folder of the summary's files\n"
    "  --help, --version\n"
    "\n"
    "Example: fairlead-post map post.cfg --field surge.f042.nc --map map.f042.png\n";

enum post_option {
    OPT_FIELD = 256,
    OPT_MAP,
    OPT_PRODUCT,
    OPT_MAX,
    OPT_STATIONS,
    OPT_TO,
    OPT_HELP,
    OPT_VERSION
};

static const struct option options[] = {
    {"field", required_argument, NULL, OPT_FIELD},
    {"map", required_argument, NULL, OPT_MAP},
    {"product", required_argument, NULL, OPT_PRODUCT},
    {"max", required_argument, NULL, OPT_MAX},
    {"stations", required_argument, NULL, OPT_STATIONS},
    {"to", required_argument, NULL, OPT_TO},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

struct arguments {
    const char *command;
    struct fl_job_map map;
    struct fl_job_summary summary;
    bool done; /* --help or --version was answered */
};

static int option_take(struct arguments *arguments, int option, struct fl_err *reterr)
{
    switch (option) {
    case OPT_FIELD:
        arguments->map.field = optarg;
        return 0;
    case OPT_MAP:
        arguments->map.map = optarg;
        return 0;
    case OPT_PRODUCT:
        arguments->map.product = optarg;
        return 0;
    case OPT_MAX:
        arguments->summary.max = optarg;
        return 0;
    case OPT_STATIONS:
        arguments->summary.stations = optarg;
        return 0;
    case OPT_TO:
        arguments->summary.folder = optarg;
        return 0;
    case OPT_HELP:
        (void)fputs(usage, stdout); /* nothing to do about a closed terminal */
        arguments->done = true;
        return 0;
    case OPT_VERSION:
        (void)puts("fairlead-post " PACKAGE_VERSION); /* the same */
        arguments->done = true;
        return 0;
    default: /* getopt has printed what is wrong */
        return fl_err_set(reterr, FL_E_USAGE, 0, "see fairlead-post --help");
    }
}

static int arguments_check(const struct arguments *arguments, struct fl_err *reterr)
{
    const struct fl_job_map *map = &arguments->map;
    const struct fl_job_summary *summary = &arguments->summary;

    if (strcmp(arguments->command, "map") == 0) {
        if (!map->field || (!map->map && !map->product) || summary->max || summary->stations ||
            summary->folder)
            return fl_err_set(reterr, FL_E_USAGE, 0,
                              "map takes --field, and --map or --product or both");
        return 0;
    }
    if (strcmp(arguments->command, "summary") == 0) {
        if (!summary->max || !summary->stations || !summary->folder || map->field || map->map ||
            map->product)
            return fl_err_set(reterr, FL_E_USAGE, 0,
                              "summary takes --max, --stations and --to, each once");
        return 0;
    }
    return fl_err_set(reterr, FL_E_USAGE, 0, "unknown command '%s'; expected map or summary",
                      arguments->command);
}

static int arguments_read(int argc, char **argv, struct arguments *arguments, struct fl_err *reterr)
{
    int option;
    int rc = 0;

    while (rc == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
        rc = option_take(arguments, option, reterr);
    if (rc < 0 || arguments->done)
        return rc;
    if (argc - optind != 2)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "expected a command and a settings file; see fairlead-post --help");
    arguments->command = argv[optind];
    arguments->map.settings = argv[optind + 1];
    arguments->summary.settings = argv[optind + 1];
    return arguments_check(arguments, reterr);
}

static int run(const struct arguments *arguments, struct fl_err *reterr)
{
    fl_auto(fl_contract_close) struct fl_contract *contract = NULL;
    int rc = fl_contract_open(&contract, reterr);

    if (rc < 0)
        return rc;
    if (strcmp(arguments->command, "map") == 0)
        return fl_job_map(fl_world_real(), contract, &arguments->map, reterr);
    return fl_job_summary(fl_world_real(), contract, &arguments->summary, reterr);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct fl_err err = {0};
    int rc;

    fl_log_init("fairlead-post", FL_LOG_INFO);
    rc = arguments_read(argc, argv, &arguments, &err);
    if (rc == 0 && !arguments.done)
        rc = run(&arguments, &err);
    if (rc == 0)
        return 0;
    fl_log(FL_LOG_ERROR, "post.failed", "error=%s %s", fl_err_name(rc), err.text);
    return fl_err_exit_code(rc);
}
