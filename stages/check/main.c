/* fairlead-check: the gate before delivery, and the probe. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/base/path.h"
#include "engine/world/file.h"
#include "stages/check/check.h"
#include "stages/check/probe.h"
#include "stages/common/contract.h"

#include "engine/base/banned.h"

static const char usage[] =
    "usage: fairlead-check --rules RULES.cfg [--cycle CYCLE] [--lead LEAD] [--report JSON] "
    "FILE...\n"
    "       fairlead-check probe FILE [--json]\n"
    "\n"
    "The first form holds each file against the rules: NetCDF, PNG, CSV. It prints the evidence "
    "and\n"
    "a verdict: pass, degraded or fail. The second form tells what a file is and holds.\n"
    "\n"
    "  --rules FILE   what each kind of file must be\n"
    "  --cycle, --lead   what was asked for (default: FAIRLEAD_CYCLE, FAIRLEAD_LEAD)\n"
    "  --report FILE  also write the verdict and its evidence as JSON\n"
    "  --json         the probe's answer in one line\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 pass or degraded, 65 fail.\n"
    "Example: fairlead-check --rules rules.cfg --cycle 20181009T0000Z --lead +006 "
    "product.f006.nc\n";

enum check_option {
    OPT_RULES = 256,
    OPT_CYCLE,
    OPT_LEAD,
    OPT_REPORT,
    OPT_JSON,
    OPT_HELP,
    OPT_VERSION
};

static const struct option options[] = {
    {"rules", required_argument, NULL, OPT_RULES}, {"cycle", required_argument, NULL, OPT_CYCLE},
    {"lead", required_argument, NULL, OPT_LEAD},   {"report", required_argument, NULL, OPT_REPORT},
    {"json", no_argument, NULL, OPT_JSON},         {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},   {NULL, 0, NULL, 0},
};

struct arguments {
    bool probe;
    bool json;
    bool done; /* --help or --version was answered */
    const char *rules;
    const char *cycle;
    const char *lead;
    const char *report;
    char **files;
    int file_count;
};

static int option_take(struct arguments *arguments, int option, struct fl_err *reterr)
{
    switch (option) {
    case OPT_RULES:
        arguments->rules = optarg;
        return 0;
    case OPT_CYCLE:
        arguments->cycle = optarg;
        return 0;
    case OPT_LEAD:
        arguments->lead = optarg;
        return 0;
    case OPT_REPORT:
        arguments->report = optarg;
        return 0;
    case OPT_JSON:
        arguments->json = true;
        return 0;
    case OPT_HELP:
        (void)fputs(usage, stdout); /* nothing to do about a closed terminal */
        arguments->done = true;
        return 0;
    case OPT_VERSION:
        (void)puts("fairlead-check " PACKAGE_VERSION); /* the same */
        arguments->done = true;
        return 0;
    default: /* getopt has printed what is wrong */
        return fl_err_set(reterr, FL_E_USAGE, 0, "see fairlead-check --help");
    }
}

static int arguments_read(int argc, char **argv, struct arguments *arguments, struct fl_err *reterr)
{
    int option;
    int rc = 0;

    while (rc == 0 && (option = getopt_long(argc, argv, "", options, NULL)) != -1)
        rc = option_take(arguments, option, reterr);
    if (rc < 0 || arguments->done)
        return rc;
    arguments->files = argv + optind;
    arguments->file_count = argc - optind;
    if (!arguments->rules && arguments->file_count > 0 &&
        strcmp(arguments->files[0], "probe") == 0) {
        arguments->probe = true;
        arguments->files++;
        arguments->file_count--;
        if (arguments->file_count != 1 || arguments->cycle || arguments->lead || arguments->report)
            return fl_err_set(reterr, FL_E_USAGE, 0, "probe takes one file, and --json");
        return 0;
    }
    if (!arguments->rules || arguments->file_count == 0 || arguments->json)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "expected --rules and at least one file; see fairlead-check --help");
    return 0;
}

static int run_probe(const struct arguments *arguments, struct fl_err *reterr)
{
    fl_json_auto json_t *doc = NULL;
    int rc = fl_probe(fl_world_real(), arguments->files[0], &doc, reterr);
    char *text;

    if (rc < 0)
        return rc;
    text = json_dumps(doc, JSON_PRESERVE_ORDER | (arguments->json ? JSON_COMPACT : JSON_INDENT(1)));
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = puts(text) < 0 ? fl_err_set(reterr, FL_E_IO, 0, "standard output is closed") : 0;
    free(text);
    return rc;
}

/* Cycle and lead asked for: the options, else the environment. */
static int asked_read(const struct arguments *arguments, const struct fl_contract_env *env,
                      struct fl_asked *asked, struct fl_err *reterr)
{
    const char *cycle = arguments->cycle ? arguments->cycle : env->cycle;
    const char *lead = arguments->lead ? arguments->lead : env->lead;
    int rc = 0;

    *asked = (struct fl_asked){.in_run = env->run != NULL, .marks = ""};
    if (cycle) {
        rc = fl_cycle_parse(cycle, &asked->cycle, reterr);
        if (rc < 0)
            return fl_err_note(reterr, FL_E_USAGE, "--cycle");
        asked->has_cycle = true;
    }
    if (lead) {
        rc = fl_lead_parse(lead, &asked->lead, reterr);
        if (rc < 0)
            return fl_err_note(reterr, FL_E_USAGE, "--lead");
        asked->has_lead = true;
    }
    return 0;
}

/* The marks that inputs.json gives for a file, one a line. */
static void marks_of(const struct fl_contract *contract, const char *path, struct fl_buf *out)
{
    const struct fl_input *input = fl_contract_input_of_file(contract, fl_path_base(path));

    fl_buf_clear(out);
    for (size_t i = 0; input && i < input->degraded_count; i++)
        fl_buf_printf(out, "%s%s%s%s%s", i ? "\n" : "", input->degraded[i].cause,
                      input->degraded[i].age ? " [age " : "",
                      input->degraded[i].age ? input->degraded[i].age : "",
                      input->degraded[i].age ? "]" : "");
}

static int write_report(const struct arguments *arguments, struct fl_contract *contract,
                        const struct fl_asked *asked, const struct fl_findings *findings,
                        struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char cycle[FL_TIME_TEXT_MAX] = "";
    char lead[FL_TIME_TEXT_MAX] = "";
    char path[FL_PATH_MAX];
    int rc;

    fl_buf_init(&text, 0);
    if (asked->has_cycle)
        fl_cycle_format(asked->cycle, cycle);
    if (asked->has_lead)
        fl_lead_format(asked->lead, lead);
    rc = fl_findings_json(findings, *cycle ? cycle : NULL, *lead ? lead : NULL, &text, reterr);
    if (rc == 0)
        rc = fl_contract_place(contract, arguments->report, path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_file_publish(fl_world_real(), path, text.data, text.size, reterr);
    if (rc == 0)
        rc = fl_contract_output(contract, "verdict", asked->has_lead ? &asked->lead : NULL, path,
                                reterr);
    return rc;
}

static int run_rules(const struct arguments *arguments, enum fl_verdict *ret_verdict,
                     struct fl_err *reterr)
{
    fl_auto(fl_rules_release) struct fl_rules rules = {0};
    fl_auto(fl_contract_close) struct fl_contract *contract = NULL;
    fl_auto(fl_findings_destroy) struct fl_findings *findings = NULL;
    fl_auto(fl_buf_release) struct fl_buf marks;
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_asked asked;
    int rc;

    fl_buf_init(&marks, 0);
    fl_buf_init(&text, 0);
    rc = fl_contract_open(&contract, reterr);
    if (rc == 0)
        rc = asked_read(arguments, fl_contract_env(contract), &asked, reterr);
    if (rc == 0)
        rc = fl_findings_create(&findings, reterr);
    if (rc == 0)
        rc = fl_rules_load(arguments->rules, &rules, reterr);
    for (int i = 0; rc == 0 && i < arguments->file_count; i++) {
        marks_of(contract, arguments->files[i], &marks);
        asked.marks = marks.data;
        rc = fl_check_file(fl_world_real(), &rules, arguments->files[i], &asked, findings, reterr);
    }
    if (rc < 0)
        return rc;
    fl_findings_text(findings, &text);
    (void)fwrite(text.data, 1, text.size, stdout); /* the report holds the same */
    if (arguments->report)
        rc = write_report(arguments, contract, &asked, findings, reterr);
    *ret_verdict = fl_findings_verdict(findings);
    return rc;
}

int main(int argc, char **argv)
{
    enum fl_verdict verdict = FL_VERDICT_PASS;
    struct arguments arguments = {0};
    struct fl_err err = {0};
    int rc;

    fl_log_init("fairlead-check", FL_LOG_INFO);
    rc = arguments_read(argc, argv, &arguments, &err);
    if (rc == 0 && !arguments.done)
        rc = arguments.probe ? run_probe(&arguments, &err) : run_rules(&arguments, &verdict, &err);
    if (rc < 0) {
        fl_log(FL_LOG_ERROR, "check.failed", "error=%s %s", fl_err_name(rc), err.text);
        return fl_err_exit_code(rc);
    }
    return verdict == FL_VERDICT_FAIL ? fl_err_exit_code(FL_E_DATA) : 0;
}
