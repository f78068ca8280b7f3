/* fairlead-transfer: the one program that moves bytes between places. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "engine/base/log.h"

#include "engine/base/banned.h"

static const struct {
    const char *name;
    fl_command_fn run;
    const char *usage;
} commands[] = {
    {"get", fl_command_get,
     "get --source NAME|FILE.cfg --leads SET --name PATTERN --to DIR\n"
     "      [--with NAME=VALUE/...]... [--select RE]... [--keys KEY=VALUE/...,...]... [--area "
     "N/W/S/E]\n"
     "      [--cycle C] [--series every=D,leads=SET] [--mirror URL]... [--output NAME]\n"
     "      [--poll D] [--give-up D] [--on-missing fail|absent] [--missing-cause TEXT]\n"
     "      [--inflight N] [--catalogue DIR] [--book DIR] [--site FILE] [--ca FILE]\n"
     "                     pull the leads of a source by its index, every message checked\n"
     "  get URL --to FILE [--sha256 HEX] [--size BYTES] [--output NAME]\n"
     "                     pull one whole file"},
    {"await", fl_command_await,
     "await --source NAME --cycle C --leads SET... [--catalogue DIR] [--until-eof]\n"
     "                     tell each lead of a source when it is there; fetches nothing"},
    {"stage", fl_command_stage,
     "stage [--inputs inputs.json] [--to DIR] [--site FILE] [--deadline T] [--operations]\n"
     "                     bring the inputs of a stage from the site where they lie"},
    {"lines", fl_command_lines,
     "lines [--site FILE] [--probe] [--json]\n"
     "                     the lines to other sites: rate, round trip, loss, health, and why"},
    {"serve", fl_command_serve,
     "serve --root DIR --site FILE | --name SITE --keys DIR | --plain [--listen ADDR:PORT]...\n"
     "      [--connections N] [--no-grants] [--port-file FILE] [--until-eof]\n"
     "                     the file door of a site: its accepted outputs, and nothing else"},
    {"put", fl_command_put,
     "put FILE... --to DESTINATION|DIR [--set NAME] [--site FILE]\n"
     "                     bring files to a destination by hand, with digest and proof"},
    {"destinations", fl_command_destinations,
     "destinations [--check NAME] [--site FILE]\n"
     "                     where products can go; --check tries one step by step"},
    {"deliver", fl_command_deliver,
     "deliver --set NAME [--inputs inputs.json | --from DIR] [--to DIR]\n"
     "      [--release each|whole] [--notify URL]... [--deadline TIME] [--site FILE]\n"
     "      [--destination NAME]\n"
     "                     put products into DIR/NAME with MANIFEST, ledger and receipt"},
    {"verify", fl_command_verify,
     "verify DIR [--key FILE] [--quiet]\n"
     "                     hold the files of a delivered folder against its MANIFEST"},
    {"resend", fl_command_resend,
     "resend --missing DIR [--set NAME] [--from DIR] [--site FILE]\n"
     "                     bring again what a delivered set should have and has not"},
    {"withdraw", fl_command_withdraw,
     "withdraw DIR --set NAME --why TEXT FILE... [--who NAME] [--notify URL]... [--site FILE]\n"
     "                     recall products that were found bad after delivery"},
    {"retain", fl_command_retain,
     "retain DIR [--dry-run] [--keep D [--products PATTERN] [--sets PATTERN]] [--site FILE]\n"
     "                     let products go that were kept long enough"},
    {"custody", fl_command_custody,
     "custody DIR [--set NAME] [--run RUN] [--json]\n"
     "                     what was delivered into DIR, when, from which run"},
    {"sources", fl_command_sources,
     "sources [--catalogue DIR] [--json]\n"
     "                     the sources of the catalogue"},
    {"show", fl_command_show,
     "show NAME [--catalogue DIR] [--json]\n"
     "                     one source in full"},
    {"plan", fl_command_plan,
     "plan --source NAME --cycle C --leads SET [--series every=D,leads=SET]\n"
     "      [--with NAME=VALUE/...] [--select RE]... [--keys KEY=VALUE/...,...]... [--area "
     "N/W/S/E]\n"
     "      [--index FILE|URL] [--book DIR] [--catalogue DIR] [--json]\n"
     "                     the URLs of a get and when they are there; with an index the byte "
     "ranges;\n"
     "                     fetches nothing"},
};

static void print_usage(FILE *out)
{
    (void)fprintf(out, "usage: fairlead-transfer COMMAND [options]\n\n");
    for (size_t i = 0; i < FL_COUNT(commands); i++)
        (void)fprintf(out, "  %s\n", commands[i].usage);
    (void)fprintf(out, "\nDurations are ISO 8601 (PT20S), cycles 20181009T0000Z, sets of leads "
                       "+000/+048/3.\nfairlead-transfer(1) has the rest.\n");
}

int main(int argc, char **argv)
{
    struct fl_err err = {0};
    int rc = FL_E_USAGE;

    fl_log_init("fairlead-transfer", FL_LOG_INFO);
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that has gone is an error code, not our end */
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return 0;
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("fairlead-transfer %s\n", PACKAGE_VERSION);
        return 0;
    }
    (void)fl_err_set(
        &err, rc, 0,
        "unknown command '%s'; accepted: get, await, stage, lines, serve, put, destinations, "
        "deliver, "
        "verify, resend, withdraw, retain, custody, sources, show, plan, --help, --version",
        argc >= 2 ? argv[1] : "");
    for (size_t i = 0; argc >= 2 && i < FL_COUNT(commands); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        if (argc >= 3 && strcmp(argv[2], "--help") == 0 &&
            commands[i].run != fl_command_serve /* says more by itself */) {
            (void)printf("usage: fairlead-transfer %s\n", commands[i].usage);
            return 0;
        }
        rc = commands[i].run(argc - 1, argv + 1, &err);
    }
    if (rc < 0)
        fl_log(FL_LOG_ERROR, "transfer.failed", "%s: %s", fl_err_text(rc), err.text);
    return fl_err_exit_code(rc);
}
