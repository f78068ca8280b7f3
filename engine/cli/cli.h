#ifndef FL_CLI_CLI_H
#define FL_CLI_CLI_H

/* What the commands of fairlead share: the command line as it was read, and one function a command.
 * Owns: nothing. Threads: one (`run` starts two more). Limits: FL_CLI_SETS_MAX settings. */

#include "engine/base/json.h"
#include "engine/cli/client.h"
#include "engine/core/workflow.h"
#include "engine/world/world.h"

#define FL_CLI_SETS_MAX 100
#define FL_CLI_STATE "./.fairlead"

enum fl_cli_option {
    FL_OPT_STATE = 1u << 0,
    FL_OPT_JSON = 1u << 1,
    FL_OPT_SET = 1u << 2,
    FL_OPT_CYCLE = 1u << 3,
    FL_OPT_VARIANT = 1u << 4,
    FL_OPT_HTTP = 1u << 5,
    FL_OPT_FROM = 1u << 6,
    FL_OPT_FOLLOW = 1u << 7,
    FL_OPT_ATTEMPT = 1u << 8,
    FL_OPT_WHY = 1u << 9,
    FL_OPT_STDERR = 1u << 10,
    FL_OPT_KEYS = 1u << 11,
    FL_OPT_WIDTH = 1u << 12,
    FL_OPT_RUN = 1u << 13,
    FL_OPT_UNTIL = 1u << 19,
    FL_OPT_DRY = 1u << 20,
    FL_OPT_FORCE = 1u << 21,
    FL_OPT_FOR = 1u << 22,
    FL_OPT_RETRY = 1u << 23,
    FL_OPT_START = 1u << 24,
    FL_OPT_STOP = 1u << 25,
    FL_OPT_TO = 1u << 26,
    FL_OPT_HELD = 1u << 27,
    FL_OPT_WORKFLOW = 1u << 28,
    FL_OPT_TEXT = 1u << 29,
};

struct fl_cli {
    const struct fl_world *world;
    unsigned given; /* enum fl_cli_option */
    const char *state;
    const char *cycle;
    const char *variant;
    const char *http;
    const char *why;
    const char *keys;
    const char *run;
    const char *during;    /* --for */
    const char *from_text; /* --from as it was given: a number, or a cycle */
    const char *to;
    const char *start;
    const char *stop;
    const char *workflow;
    const char *text;
    const char *sets[FL_CLI_SETS_MAX];
    size_t set_count;
    int64_t from;
    int64_t until;
    int64_t attempt;
    int64_t width;
    char **args; /* what is no option */
    int arg_count;
    bool brief;  /* a status summed up is enough */
    bool stored; /* the answer came from the record: no coordinator runs */
};

/* Gives 0, a positive exit code, or an error. */
typedef int (*fl_cli_fn)(struct fl_cli *cli, struct fl_err *reterr);

int fl_cli_check(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_run(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_submit(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_runs(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_status(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_why(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_log(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_events(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_workers(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_timeline(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_cancel(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_hold(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_release(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_retry(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_skip(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_set_state(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_set_parameter(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_insert(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_remove(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_reload(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_undo(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_actions(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_install(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_uninstall(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_custody(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_verify(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_withdraw(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_signal(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_workflows(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_stop(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_keys(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_replay(struct fl_cli *cli, struct fl_err *reterr);
int fl_cli_store(struct fl_cli *cli, struct fl_err *reterr);

/* An action on the objects that the arguments name ([RUN][/OBJECT] [OBJECT]...), with the members
 * of more (taken over; or NULL); tells what came of it, or with --dry-run what would. */
int fl_cli_act(struct fl_cli *cli, const char *verb, json_t *more, struct fl_err *reterr);

/* What a dry run says would happen, one line each. */
void fl_cli_print_would(const json_t *result);
#define FL_CLI_ASKED_MAX 200
/* "prep.f003 post manning=0.03": what an action's record says was asked; cut to size. */
void fl_cli_asked_text(const json_t *asked, char *text, size_t size);
/* A recorded verb as it is typed. */
const char *fl_cli_verb(const char *verb);

/* The stages that a dry run of insert, remove or reload says would be others, one a line. */
void fl_cli_print_changes(const json_t *result);

/* Asks one question and closes: verb and, where given, run and stage. */
int fl_cli_ask(struct fl_cli *cli, const char *verb, const char *run, const char *stage,
               json_t **ret_result, struct fl_err *reterr);
/* The answer to "status", for people, as things are at now_ns. */
int fl_cli_print_status(struct fl_cli *cli, const json_t *status, int64_t now_ns,
                        struct fl_err *reterr);
/* Prints a text of the engine; commands that it advises in `…` get the --run and --state that this
 * command was given, so that they can be copied as they are. */
void fl_cli_print_advice(const struct fl_cli *cli, const char *run, const char *text);
/* One line of JSON on standard output. */
int fl_cli_print_json(const json_t *json, struct fl_err *reterr);
/* [RUN] STAGE: one argument is the stage, or both joined by a slash; two are both. FL_E_USAGE. */
int fl_cli_run_stage(const struct fl_cli *cli, const char **ret_run, const char **ret_stage,
                     struct fl_err *reterr);

/* Reads and compiles a workflow file; problems go to standard error, one a line with file and line.
 * FL_E_CONFIG when there was one. */
int fl_cli_compile(struct fl_cli *cli, const char *path, struct fl_workflow **ret_workflow,
                   struct fl_err *reterr);
/* Hold or release of all of a workflow (--workflow). */
int fl_cli_flow_hold(struct fl_cli *cli, const char *verb, struct fl_err *reterr);
/* The request install or reload for a compiled workflow; start and stop may be NULL. */
int fl_cli_flow_request(const struct fl_cli *cli, const char *verb,
                        const struct fl_workflow *workflow, const char *start, const char *stop,
                        json_t **ret_request, struct fl_err *reterr);
/* The submit request for a compiled workflow and the command line's cycle and variant. */
int fl_cli_submit_request(struct fl_cli *cli, const struct fl_workflow *workflow,
                          json_t **ret_request, struct fl_err *reterr);

/* Appends an event as a plain line without its end; false for one that is not worth a line. */
bool fl_cli_event_line(const json_t *event, struct fl_buf *out);

#endif
