/* fairlead-prep: command line. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "stages/common/contract.h"
#include "stages/prep/prep.h"

#include "engine/base/banned.h"

static const char usage_text[] =
    "usage: fairlead-prep grid DOMAIN.cfg --to FILE [--output NAME]\n"
    "       fairlead-prep forcing FORCING.cfg --grid FILE --from LEAD --lead LEAD --cycle TIME\n"
    "                     --to FILE [--output NAME] [--bridged CAUSE] [--grib FILE]... [FILE]...\n"
    "\n"
    "grid     makes the model grid from a relief: bilinear elevation, sea by flood from the open\n"
    "         edges, minimum depth\n"
    "forcing  makes wind and pressure on the model grid every few minutes in (from, lead] from "
    "GRIB\n"
    "         files, and from a best track when FORCING.cfg has one\n"
    "\n"
    "  --to FILE        the NetCDF file to make; below FAIRLEAD_OUTPUT_DIR when that is set\n"
    "  --output NAME    name to announce it under (grid, forcing)\n"
    "  --grid FILE      the grid file\n"
    "  --cycle TIME     such as 20181009T0000Z; FAIRLEAD_CYCLE when not given\n"
    "  --lead LEAD      last time of the file, such as +003; FAIRLEAD_LEAD when not given\n"
    "  --from LEAD      the file begins after this; the same as --lead: that one time\n"
    "  --grib FILE      a GRIB file; more may follow as arguments, in any order\n"
    "  --bridged CAUSE  allow a gap up to bridge_max and mark the file degraded with this cause\n"
    "  --help, --version\n"
    "\n"
    "Exit: 0 done, 65 input breaks its contract, 75 may work later, 78 a person must change "
    "something, 70 bug\n";

enum prep_option {
    OPT_HELP = 256,
    OPT_VERSION,
    OPT_TO,
    OPT_OUTPUT,
    OPT_GRID,
    OPT_CYCLE,
    OPT_LEAD,
    OPT_FROM,
    OPT_GRIB,
    OPT_BRIDGED,
};

static const struct option long_options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {"to", required_argument, NULL, OPT_TO},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"grid", required_argument, NULL, OPT_GRID},
    {"cycle", required_argument, NULL, OPT_CYCLE},
    {"lead", required_argument, NULL, OPT_LEAD},
    {"from", required_argument, NULL, OPT_FROM},
    {"grib", required_argument, NULL, OPT_GRIB},
    {"bridged", required_argument, NULL, OPT_BRIDGED},
    {NULL, 0, NULL, 0},
};

/* The command line as given; texts of argv. */
struct arguments {
    const char *to;
    const char *output;
    const char *grid;
    const char *cycle;
    const char *lead;
    const char *from;
    const char *bridged;
    const char *words[FL_PREP_GRIBS_MAX + 2]; /* command, configuration, GRIB files */
    size_t word_count;
    const char *gribs[FL_PREP_GRIBS_MAX];
    size_t grib_count;
    bool help;
    bool version;
};

static int add_grib(struct arguments *a, const char *file, struct fl_err *reterr)
{
    if (!*file) /* an input that is absent expands to nothing */
        return 0;
    if (a->grib_count == FL_PREP_GRIBS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %d GRIB files", FL_PREP_GRIBS_MAX);
    a->gribs[a->grib_count++] = file;
    return 0;
}

static int take_option(struct arguments *a, int option, const char *value, struct fl_err *reterr)
{
    switch (option) {
    case OPT_HELP:
        a->help = true;
        return 0;
    case OPT_VERSION:
        a->version = true;
        return 0;
    case OPT_TO:
        a->to = value;
        return 0;
    case OPT_OUTPUT:
        a->output = value;
        return 0;
    case OPT_GRID:
        a->grid = value;
        return 0;
    case OPT_CYCLE:
        a->cycle = value;
        return 0;
    case OPT_LEAD:
        a->lead = value;
        return 0;
    case OPT_FROM:
        a->from = value;
        return 0;
    case OPT_GRIB:
        return add_grib(a, value, reterr);
    case OPT_BRIDGED:
        a->bridged = value;
        return 0;
    default:
        return fl_err_set(reterr, FL_E_USAGE, 0, "unknown option; see fairlead-prep --help");
    }
}

static int parse(int argc, char **argv, struct arguments *a, struct fl_err *reterr)
{
    int option;
    int rc = 0;

    while (rc == 0 && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        rc = take_option(a, option, optarg, reterr);
    for (int i = optind; rc == 0 && i < argc; i++) {
        if (a->word_count < 2)
            a->words[a->word_count++] = argv[i];
        else
            rc = add_grib(a, argv[i], reterr);
    }
    return rc;
}

/* A required option, or the environment variable that may stand for it. */
static int need(const char *given, const char *option, const char *fallback, const char **ret_text,
                struct fl_err *reterr)
{
    *ret_text = given ? given : fallback;
    if (!*ret_text)
        return fl_err_set(reterr, FL_E_USAGE, 0, "%s is missing; see fairlead-prep --help", option);
    return 0;
}

static int run_grid(const struct arguments *a, struct fl_contract *contract, struct fl_err *reterr)
{
    struct fl_prep_grid_options options = {.cfg = a->words[1],
                                           .output = a->output ? a->output : "grid"};
    int rc = need(a->to, "--to", NULL, &options.to, reterr);

    if (rc == 0 && (a->grib_count > 0 || a->grid || a->cycle || a->lead || a->from || a->bridged))
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "grid takes DOMAIN.cfg, --to and --output only");
    return rc < 0 ? rc : fl_prep_grid(&options, contract, reterr);
}

static int run_forcing(const struct arguments *a, struct fl_contract *contract,
                       struct fl_err *reterr)
{
    const struct fl_contract_env *env = fl_contract_env(contract);
    struct fl_prep_forcing_options options = {.cfg = a->words[1],
                                              .bridged = a->bridged,
                                              .grib_count = a->grib_count,
                                              .output = a->output ? a->output : "forcing"};
    const char *cycle = NULL;
    const char *lead = NULL;
    const char *from = NULL;
    int rc = need(a->to, "--to", NULL, &options.to, reterr);

    memcpy(options.gribs, a->gribs, sizeof(a->gribs));
    if (rc == 0)
        rc = need(a->grid, "--grid", NULL, &options.grid, reterr);
    if (rc == 0)
        rc = need(a->cycle, "--cycle", env->cycle, &cycle, reterr);
    if (rc == 0)
        rc = need(a->lead, "--lead", env->lead, &lead, reterr);
    if (rc == 0)
        rc = need(a->from, "--from", NULL, &from, reterr);
    if (rc == 0 && (fl_cycle_parse(cycle, &options.cycle, reterr) < 0 ||
                    fl_lead_parse(lead, &options.lead, reterr) < 0 ||
                    fl_lead_parse(from, &options.from, reterr) < 0))
        rc = fl_err_note(reterr, FL_E_USAGE, "--cycle, --lead, --from");
    if (rc == 0 && a->grib_count == 0)
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "no GRIB file; see fairlead-prep --help");
    return rc < 0 ? rc : fl_prep_forcing(&options, contract, reterr);
}

static int run(const struct arguments *a, struct fl_err *reterr)
{
    fl_auto(fl_contract_close) struct fl_contract *contract = NULL;
    bool grid = a->word_count == 2 && strcmp(a->words[0], "grid") == 0;
    bool forcing = a->word_count == 2 && strcmp(a->words[0], "forcing") == 0;
    int rc;

    if (!grid && !forcing)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "grid DOMAIN.cfg or forcing FORCING.cfg was expected; see fairlead-prep "
                          "--help");
    rc = fl_contract_open(&contract, reterr);
    if (rc < 0)
        return rc;
    return grid ? run_grid(a, contract, reterr) : run_forcing(a, contract, reterr);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct fl_err err = {0};
    int rc;

    fl_log_init(FL_PREP_PROGRAM, FL_LOG_INFO);
    rc = parse(argc, argv, &arguments, &err);
    if (rc == 0 && arguments.help) {
        (void)fputs(usage_text, stdout); /* a closed standard output is the reader's choice */
        return 0;
    }
    if (rc == 0 && arguments.version) {
        (void)puts(FL_PREP_PROGRAM " " PACKAGE_VERSION); /* likewise */
        return 0;
    }
    if (rc == 0)
        rc = run(&arguments, &err);
    if (rc < 0)
        fl_log(FL_LOG_ERROR, "prep.failed", "%s (%s)", err.text, fl_err_name(rc));
    return fl_err_exit_code(rc);
}
