/* fairlead: the command line. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/cli/cli.h"

#include "engine/base/text.h"
#include "engine/base/banned.h"

#define ASK_OPTIONS (FL_OPT_STATE | FL_OPT_JSON)
#define ACT_OPTIONS (FL_OPT_STATE | FL_OPT_JSON | FL_OPT_WHY | FL_OPT_RUN | FL_OPT_DRY)
#define ACT_ARGS_MAX 1001
#define NAME_DISTANCE_MAX 3 /* edits up to which a wrong name is taken for a slip */

struct command {
    const char *name;
    const char *arguments;
    const char *what;
    unsigned options;
    int args_min;
    int args_max;
    fl_cli_fn fn;
};

static const struct command commands[] = {
    {"check", "FILE", "read a workflow and say what is wrong with it, or what it would run",
     FL_OPT_STATE | FL_OPT_SET | FL_OPT_JSON, 1, 1, fl_cli_check},
    {"run", "FILE --cycle CYCLE | FILE --from CYCLE [--to CYCLE]",
     "run a workflow here, in the foreground; goes on with a run that is not finished",
     FL_OPT_STATE | FL_OPT_SET | FL_OPT_CYCLE | FL_OPT_VARIANT | FL_OPT_HTTP | FL_OPT_FROM |
         FL_OPT_TO | FL_OPT_RETRY,
     1, 1, fl_cli_run},
    {"submit", "FILE --cycle CYCLE", "give a workflow to the coordinator that runs",
     FL_OPT_STATE | FL_OPT_JSON | FL_OPT_SET | FL_OPT_CYCLE | FL_OPT_VARIANT | FL_OPT_FOLLOW, 1, 1,
     fl_cli_submit},
    {"install", "FILE", "let the coordinator run the cycles of a workflow by itself",
     FL_OPT_STATE | FL_OPT_JSON | FL_OPT_WHY | FL_OPT_START | FL_OPT_STOP | FL_OPT_HELD |
         FL_OPT_DRY,
     1, 1, fl_cli_install},
    {"uninstall", "WORKFLOW", "make no more cycles of it; its runs go on",
     FL_OPT_STATE | FL_OPT_JSON | FL_OPT_WHY | FL_OPT_DRY, 1, 1, fl_cli_uninstall},
    {"workflows", "", "installed workflows, and which cycle comes next", ASK_OPTIONS, 0, 0,
     fl_cli_workflows},
    {"runs", "", "the runs, newest first", ASK_OPTIONS, 0, 0, fl_cli_runs},
    {"status", "[RUN]", "a run, stage by stage (the newest when none is named)",
     ASK_OPTIONS | FL_OPT_RUN, 0, 1, fl_cli_status},
    {"why", "[RUN] STAGE", "why a stage, or one of its leads, is in its state",
     ASK_OPTIONS | FL_OPT_RUN, 1, 2, fl_cli_why},
    {"log", "[RUN] STAGE", "what a stage wrote: prep.f003 for one of its leads",
     ASK_OPTIONS | FL_OPT_RUN | FL_OPT_ATTEMPT | FL_OPT_STDERR, 1, 2, fl_cli_log},
    {"events", "", "the record of what happened",
     ASK_OPTIONS | FL_OPT_FROM | FL_OPT_FOLLOW | FL_OPT_RUN, 0, 0, fl_cli_events},
    {"workers", "", "workers, pools and what is used of them", ASK_OPTIONS, 0, 0, fl_cli_workers},
    {"timeline", "[RUN]", "a run as a chart of time", ASK_OPTIONS | FL_OPT_RUN | FL_OPT_WIDTH, 0, 1,
     fl_cli_timeline},
    {"replay", "[RUN] --until N", "a run as it was after event N (the newest of that time)",
     ASK_OPTIONS | FL_OPT_RUN | FL_OPT_UNTIL, 0, 1, fl_cli_replay},
    {"cancel", "[RUN] [OBJECT]...", "stop a run, or stages, instances or groups of it", ACT_OPTIONS,
     0, ACT_ARGS_MAX, fl_cli_cancel},
    {"hold", "[RUN] [OBJECT]...", "start nothing more of it until it is released",
     ACT_OPTIONS | FL_OPT_WORKFLOW, 0, ACT_ARGS_MAX, fl_cli_hold},
    {"release", "[RUN] [OBJECT]...", "end a hold", ACT_OPTIONS | FL_OPT_WORKFLOW, 0, ACT_ARGS_MAX,
     fl_cli_release},
    {"retry", "[RUN] OBJECT...", "try again what failed", ACT_OPTIONS | FL_OPT_FORCE, 1,
     ACT_ARGS_MAX, fl_cli_retry},
    {"skip", "[RUN] OBJECT...", "leave out what does not run: what needs its outputs is told",
     ACT_OPTIONS, 1, ACT_ARGS_MAX, fl_cli_skip},
    {"set-state", "[RUN] OBJECT... succeeded|failed|skipped|waiting",
     "say what has become of something that does not run", ACT_OPTIONS | FL_OPT_FORCE, 2,
     ACT_ARGS_MAX, fl_cli_set_state},
    {"set-parameter", "[RUN] [OBJECT]... NAME=VALUE",
     "another value for what is not launched yet (NAME alone: the workflow's again)",
     ACT_OPTIONS | FL_OPT_FOR, 1, ACT_ARGS_MAX, fl_cli_set_parameter},
    {"insert", "FILE STAGE...", "put new stages of a changed file into a run that is under way",
     ACT_OPTIONS | FL_OPT_SET, 2, ACT_ARGS_MAX, fl_cli_insert},
    {"remove", "[RUN] STAGE...", "take stages out of a run that is under way", ACT_OPTIONS, 1,
     ACT_ARGS_MAX, fl_cli_remove},
    {"reload", "FILE",
     "a changed file holds for the cycles to come, or with --run for a run that is under way",
     ACT_OPTIONS | FL_OPT_SET, 1, 1, fl_cli_reload},
    {"signal", "RUN|WORKFLOW NAME",
     "something outside has happened that triggers wait for: event:NAME",
     FL_OPT_STATE | FL_OPT_JSON | FL_OPT_WHY | FL_OPT_DRY | FL_OPT_TEXT, 2, 2, fl_cli_signal},
    {"custody", "[RUN]", "what was delivered: created, sent, received, removed at its source",
     FL_OPT_STATE | FL_OPT_JSON, 0, 1, fl_cli_custody},
    {"verify", "DIR", "hold a delivered folder against its MANIFEST", 0, 1, 1, fl_cli_verify},
    {"withdraw", "RUN FILE... --why TEXT", "recall products found bad after their delivery",
     FL_OPT_STATE | FL_OPT_JSON | FL_OPT_WHY | FL_OPT_DRY, 2, ACT_ARGS_MAX, fl_cli_withdraw},
    {"undo", "[ACTION]", "take back an action (the last one when none is named)",
     FL_OPT_STATE | FL_OPT_JSON | FL_OPT_WHY | FL_OPT_DRY, 0, 1, fl_cli_undo},
    {"actions", "[RUN]", "what people did, newest first", ASK_OPTIONS | FL_OPT_RUN, 0, 1,
     fl_cli_actions},
    {"stop", "", "end the coordinator; what runs goes on", FL_OPT_STATE | FL_OPT_JSON, 0, 0,
     fl_cli_stop},
    {"keys",
     "[list | setup [WORKER] | worker NAME | site NAME | allow worker|client NAME FILE.pub]",
     "the keys of coordinator, workers, sites and command lines",
     FL_OPT_STATE | FL_OPT_KEYS | FL_OPT_JSON, 0, 4, fl_cli_keys},
    {"store", "check | backup DIR | restore DIR",
     "whether the record is whole; a copy of it while it is written; a new state from a copy",
     FL_OPT_STATE | FL_OPT_JSON, 1, 2, fl_cli_store},
};

/* The options, their bits and their help. */
static const struct {
    const char *name;
    unsigned bit;
    const char *argument; /* NULL: takes none */
    const char *what;
} options[] = {
    {"state", FL_OPT_STATE, "DIR", "folder of the state [" FL_CLI_STATE "]"},
    {"json", FL_OPT_JSON, NULL, "the answer as JSON"},
    {"set", FL_OPT_SET, "NAME=VALUE", "a parameter of the workflow (may repeat)"},
    {"cycle", FL_OPT_CYCLE, "CYCLE", "the analysis time, e.g. 20181009T0000Z"},
    {"variant", FL_OPT_VARIANT, "NAME", "a run of its own beside the official one"},
    {"http", FL_OPT_HTTP, "ADDR", "serve the live page, e.g. 127.0.0.1:8090 (port 0 picks one)"},
    {"from", FL_OPT_FROM, "N|CYCLE", "begin with event N; run: with this cycle"},
    {"to", FL_OPT_TO, "CYCLE", "the last cycle [that of the file]"},
    {"start", FL_OPT_START, "CYCLE", "the first cycle [that of the file]"},
    {"stop", FL_OPT_STOP, "CYCLE", "the last cycle [that of the file]"},
    {"text", FL_OPT_TEXT, "TEXT", "what to say with it, for the record"},
    {"held", FL_OPT_HELD, NULL, "make no cycle until it is released"},
    {"workflow", FL_OPT_WORKFLOW, "NAME", "all of an installed workflow"},
    {"until", FL_OPT_UNTIL, "N", "as things were after event N"},
    {"follow", FL_OPT_FOLLOW, NULL, "go on as more comes"},
    {"attempt", FL_OPT_ATTEMPT, "N", "of this attempt [the last one]"},
    {"why", FL_OPT_WHY, "TEXT", "the reason, for the record"},
    {"stderr", FL_OPT_STDERR, NULL, "standard error instead of standard output"},
    {"keys", FL_OPT_KEYS, "DIR", "folder of the keys [STATE/keys]"},
    {"width", FL_OPT_WIDTH, "N", "columns of the chart [the terminal's, or 100]"},
    {"run", FL_OPT_RUN, "RUN", "of this run [the newest]"},
    {"dry-run", FL_OPT_DRY, NULL, "only say what it would lead to"},
    {"retry", FL_OPT_RETRY, NULL, "try again what failed in a run that has ended"},
    {"for", FL_OPT_FOR, "DURATION", "for so long, e.g. PT2H [for good]"},
    {"force", FL_OPT_FORCE, NULL,
     "retry: also give up an attempt whose worker cannot be reached; set-state: without outputs"},
};

static void print_usage(FILE *stream)
{
    (void)fputs("Usage: fairlead COMMAND [ARGUMENT]... [OPTION]...\n"
                "Runs a forecast centre's chain of work, and says what it does.\n\n",
                stream);
    for (size_t i = 0; i < FL_COUNT(commands); i++)
        (void)fprintf(stream, "  %-13s %s\n", commands[i].name, commands[i].what);
    (void)fputs("\nfairlead COMMAND --help says more. Runs are named WORKFLOW/CYCLE[#VARIANT].\n"
                "Exit code: 0 success, 1 the run failed, 65 bad data, 70 internal error,\n"
                "75 try again, 78 a mistake in what was asked for.\n",
                stream);
}

static void print_command(const struct command *command)
{
    (void)printf("Usage: fairlead %s%s%s [OPTION]...\n%c%s.\n\n", command->name,
                 *command->arguments ? " " : "", command->arguments, command->what[0] - 'a' + 'A',
                 command->what + 1);
    for (size_t i = 0; i < FL_COUNT(options); i++) {
        char text[40];

        if (!(command->options & options[i].bit))
            continue;
        (void)snprintf(text, sizeof(text), "--%s %s", options[i].name,
                       options[i].argument ? options[i].argument : "");
        (void)printf("  %-18s %s\n", text, options[i].what);
    }
    (void)printf("  %-18s %s\n", "--help", "this text");
}

static int command_find(const char *name, const struct command **ret_command, struct fl_err *reterr)
{
    const struct command *nearest = NULL;
    size_t best = NAME_DISTANCE_MAX + 1;

    for (size_t i = 0; i < FL_COUNT(commands); i++) {
        size_t distance = fl_text_distance(name, commands[i].name);

        if (distance == 0) {
            *ret_command = &commands[i];
            return 0;
        }
        if (distance < best) {
            best = distance;
            nearest = &commands[i];
        }
    }
    if (nearest && name[0] != '-')
        return fl_err_set(reterr, FL_E_USAGE, 0, "no command '%.40s'; did you mean '%s'?", name,
                          nearest->name);
    return fl_err_set(reterr, FL_E_USAGE, 0, "no command '%.40s'; see fairlead --help", name);
}

static int take_number(const char *name, const char *text, int64_t *ret_value,
                       struct fl_err *reterr)
{
    char *end = NULL;

    errno = 0;
    *ret_value = strtoll(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0' || *ret_value < 0)
        return fl_err_set(reterr, FL_E_USAGE, 0, "--%s '%.40s': expected a number from 0", name,
                          text);
    return 0;
}

static int take_option(struct fl_cli *cli, size_t which, const char *value, struct fl_err *reterr)
{
    cli->given |= options[which].bit;
    switch ((enum fl_cli_option)options[which].bit) {
    case FL_OPT_STATE:
        cli->state = value;
        return 0;
    case FL_OPT_SET:
        if (cli->set_count == FL_CLI_SETS_MAX)
            return fl_err_set(reterr, FL_E_USAGE, 0, "more than %d --set", FL_CLI_SETS_MAX);
        cli->sets[cli->set_count++] = value;
        return 0;
    case FL_OPT_CYCLE:
        cli->cycle = value;
        return 0;
    case FL_OPT_VARIANT:
        cli->variant = value;
        return 0;
    case FL_OPT_HTTP:
        cli->http = value;
        return 0;
    case FL_OPT_WHY:
        cli->why = value;
        return 0;
    case FL_OPT_KEYS:
        cli->keys = value;
        return 0;
    case FL_OPT_RUN:
        cli->run = value;
        return 0;
    case FL_OPT_FOR:
        cli->during = value;
        return 0;
    case FL_OPT_FROM:
        cli->from_text = value;
        return 0;
    case FL_OPT_TO:
        cli->to = value;
        return 0;
    case FL_OPT_START:
        cli->start = value;
        return 0;
    case FL_OPT_STOP:
        cli->stop = value;
        return 0;
    case FL_OPT_TEXT:
        cli->text = value;
        return 0;
    case FL_OPT_WORKFLOW:
        cli->workflow = value;
        return 0;
    case FL_OPT_UNTIL:
        return take_number("until", value, &cli->until, reterr);
    case FL_OPT_ATTEMPT:
        return take_number("attempt", value, &cli->attempt, reterr);
    case FL_OPT_WIDTH:
        return take_number("width", value, &cli->width, reterr);
    case FL_OPT_HELD:
    case FL_OPT_JSON:
    case FL_OPT_FOLLOW:
    case FL_OPT_STDERR:
    case FL_OPT_DRY:
    case FL_OPT_FORCE:
    case FL_OPT_RETRY:
        return 0; /* the bit says it all */
    }
    return 0;
}

/* Reads the command's options. 1: help was printed. */
static int parse(struct fl_cli *cli, const struct command *command, int argc, char **argv,
                 struct fl_err *reterr)
{
    enum { BASE = 256 };
    struct option table[FL_COUNT(options) + 2] = {0};
    int option;

    for (size_t i = 0; i < FL_COUNT(options); i++) {
        table[i].name = options[i].name;
        table[i].has_arg = options[i].argument ? required_argument : no_argument;
        table[i].val = BASE + (int)i;
    }
    table[FL_COUNT(options)] = (struct option){"help", no_argument, NULL, 'h'};
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", table, NULL)) != -1) {
        int rc = 0;

        if (option == 'h') {
            print_command(command);
            return 1;
        }
        if (option == ':')
            return fl_err_set(reterr, FL_E_USAGE, 0, "%s needs a value", argv[optind - 1]);
        if (option < BASE)
            return fl_err_set(reterr, FL_E_USAGE, 0,
                              "'%s' is no option of fairlead %s; see fairlead %s --help",
                              argv[optind - 1], command->name, command->name);
        if (!(command->options & options[option - BASE].bit))
            return fl_err_set(reterr, FL_E_USAGE, 0,
                              "'--%s' is no option of fairlead %s; see fairlead %s --help",
                              options[option - BASE].name, command->name, command->name);
        rc = take_option(cli, (size_t)(option - BASE), optarg, reterr);
        if (rc < 0)
            return rc;
    }
    cli->args = argv + optind;
    cli->arg_count = argc - optind;
    if (cli->from_text && command->fn == fl_cli_events) {
        int rc = take_number("from", cli->from_text, &cli->from, reterr);

        if (rc < 0)
            return rc;
    }
    if (cli->arg_count < command->args_min || cli->arg_count > command->args_max)
        return fl_err_set(reterr, FL_E_USAGE, 0, "expected: fairlead %s %s", command->name,
                          command->arguments);
    return 0;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

/* Standard output is a pipe whose reader has seen enough: no failure to speak of. */
static bool reader_gone(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO};

    return poll(&output, 1, 0) > 0 && (output.revents & POLLERR);
}

int main(int argc, char **argv)
{
    struct fl_cli cli = {.world = fl_world_real(), .state = FL_CLI_STATE};
    const struct command *command = NULL;
    struct fl_err err = {0};
    bool help;
    int rc;

    fl_log_init("fairlead", FL_LOG_WARN);
    (void)signal(SIGXFSZ,
                 SIG_IGN); /* a limit on file sizes is a full disk: an error of the write */
    (void)signal(SIGPIPE, SIG_IGN); /* `fairlead events | head` ends by the failing write */
    if (argc < 2) {
        print_usage(stderr);
        return fl_err_exit_code(FL_E_USAGE);
    }
    if (is_one_of(argv[1], "--version", "-V", "version")) {
        (void)puts("fairlead " PACKAGE_VERSION);
        return 0;
    }
    help = is_one_of(argv[1], "--help", "-h", "help");
    if (help && argc == 2) {
        print_usage(stdout);
        return 0;
    }
    rc = command_find(argv[help ? 2 : 1], &command, &err);
    if (rc == 0 && help) {
        print_command(command);
        return 0;
    }
    if (rc == 0)
        rc = parse(&cli, command, argc - 1, argv + 1, &err);
    if (rc == 1)
        return 0;
    if (rc == 0)
        rc = command->fn(&cli, &err);
    if (rc < 0 && err.text[0] && !reader_gone())
        (void)fprintf(stderr, "fairlead: %s\n", err.text);
    if (fflush(stdout) != 0 && rc == 0)
        rc = FL_E_IO;
    return rc > 0 ? rc : fl_err_exit_code(rc);
}
