/* `fairlead run`: everything in one foreground process. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/cycles.h"
#include "engine/cli/embed.h"
#include "engine/cli/text.h"
#include "engine/cli/watch.h"
#include "engine/world/file.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define EXIT_RUN_FAILED 1
#define EXIT_INTERRUPTED 130 /* as a shell says it: 128 + SIGINT */

/* A run's name: WORKFLOW/CYCLE[#VARIANT]. */
static int run_name(const struct fl_cli *cli, const struct fl_workflow *workflow, char *name,
                    size_t size, struct fl_err *reterr)
{
    char cycle_text[FL_TIME_TEXT_MAX];
    struct fl_cycle cycle;
    int used;
    int rc;

    if (!cli->cycle)
        return fl_err_set(reterr, FL_E_USAGE, 0, "--cycle is missing, e.g. --cycle 20181009T0000Z");
    rc = fl_cycle_parse_in(cli->cycle, workflow->cycles.calendar, &cycle, reterr);
    if (rc < 0)
        return fl_err_note(reterr, FL_E_USAGE, "--cycle");
    if (cli->variant && !fl_workflow_name_is_plain(cli->variant))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "--variant '%.80s'; accepted: a letter, then letters, digits, '-' and "
                          "'_', at most %d",
                          cli->variant, FL_WORKFLOW_NAME_MAX);
    fl_cycle_format(cycle, cycle_text);
    used = snprintf(name, size, "%s/%s%s%s", workflow->name, cycle_text, cli->variant ? "#" : "",
                    cli->variant ? cli->variant : "");
    if (used < 0 || (size_t)used >= size)
        return fl_err_set(reterr, FL_E_USAGE, 0, "the name of the run is too long");
    return 0;
}

static int state_absolute(const struct fl_cli *cli, char path[static FL_PATH_MAX],
                          struct fl_err *reterr)
{
    int rc = fl_dir_make(cli->world, cli->state, 0755, reterr);

    if (rc < 0)
        return fl_err_note(reterr, rc, "folder of the state (--state DIR for another)");
    if (!realpath(cli->state, path))
        return fl_err_errno(reterr, errno, "state folder '%s'", cli->state);
    return 0;
}

/* The two commands that say more of what failed first, ready to be copied. */
static void tell_where(const struct fl_cli *cli, const char *name, const json_t *failed)
{
    const char *key = fl_text_of(failed, "key");
    char which[FL_PATH_MAX];
    char where[FL_PATH_MAX * 2];

    (void)snprintf(which, sizeof(which), "%s%s%s%s", fl_text_of(failed, "stage"), *key ? "(" : "",
                   key, *key ? ")" : "");
    (void)snprintf(where, sizeof(where), "%s%s%s'%s'", cli->given & FL_OPT_STATE ? "--state " : "",
                   cli->given & FL_OPT_STATE ? cli->state : "",
                   cli->given & FL_OPT_STATE ? " --run " : "--run ", name);
    (void)printf("see: fairlead why %s '%s'\n"
                 "     fairlead log %s '%s' --stderr\n",
                 where, which, where, which);
}

/* Tells how the run went, degraded marks last. Gives the exit code. */
static int tell_end(const struct fl_cli *cli, const struct fl_workflow *workflow, const char *state,
                    const json_t *status)
{
    bool color = fl_text_color(stdout);
    const char *how = fl_text_of(status, "state");
    const char *name = fl_text_of(status, "run");
    int64_t took_ns = fl_text_time_ns(json_object_get(status, "ended")) -
                      fl_text_time_ns(json_object_get(status, "created"));
    char took[FL_TIME_TEXT_MAX];
    char root[FL_PATH_MAX];
    bool ok = strcmp(how, "succeeded") == 0;
    const json_t *failed = NULL;
    size_t i;
    json_t *item;

    (void)printf("%s: %s%s%s, took %s\n", name, fl_text_state_color(how, color), how,
                 fl_text_reset(color), fl_text_span(took_ns, took, sizeof(took)));
    json_array_foreach(json_object_get(status, "troubles"), i, item)
    {
        const char *s = fl_text_of(item, "state");

        failed = failed ? failed : item;
        (void)printf("  %s %s%s%s: %s\n", s, fl_text_of(item, "stage"),
                     *fl_text_of(item, "key") ? " " : "", fl_text_of(item, "key"),
                     fl_text_of(item, "reason"));
    }
    for (size_t s = 0; s < workflow->stage_count; s++) {
        const struct fl_stage *stage = &workflow->stages[s];
        const struct fl_site *site = &workflow->sites[workflow->pools[stage->pool].site];

        if (stage->kind != FL_STAGE_DELIVER ||
            fl_embed_root(state, site, root, sizeof(root), NULL) < 0)
            continue;
        (void)printf("products: %s/products/%s\n", root, name);
        break;
    }
    if (failed)
        tell_where(cli, name, failed);
    json_array_foreach(json_object_get(status, "degraded"), i, item)
    {
        const char *age = fl_text_of(item, "age");

        (void)printf("%swarning: degraded%s: %s%s%s%s\n", fl_text_state_color("degraded", color),
                     fl_text_reset(color), fl_text_of(item, "cause"), *age ? " [age " : "", age,
                     *age ? "]" : "");
    }
    return ok ? 0 : EXIT_RUN_FAILED;
}

/* The run is there already and has its end: says so, and what can be done. */
static int tell_finished(struct fl_cli *cli, const struct fl_workflow *workflow, const char *state,
                         const json_t *status)
{
    int code = tell_end(cli, workflow, state, status);

    if (code != 0)
        (void)puts("what failed is tried again by the same command with --retry");
    (void)printf("this run has its end already; to run it anew beside it:\n"
                 "  fairlead run %s --cycle %s",
                 cli->args[0], cli->cycle);
    if (cli->given & FL_OPT_STATE)
        (void)printf(" --state %s", cli->state);
    for (size_t i = 0; i < cli->set_count; i++)
        (void)printf(" --set '%s'", cli->sets[i]);
    (void)puts(" --variant NAME");
    return code;
}

/* The run goes by the workflow that it was made with: when the file says something else by now,
 * that is told, and how it can be taken over. */
static void tell_changed(const struct fl_cli *cli, struct fl_client *client,
                         const struct fl_workflow *workflow, const char *name, const json_t *status)
{
    char digest[FL_DIGEST_HEX];
    fl_json_auto json_t *look = NULL;
    json_t *json = NULL;
    struct fl_err err = {0};

    if (fl_workflow_digest(workflow, digest, &err) < 0 ||
        strcmp(digest, fl_text_of(status, "digest")) == 0)
        return;
    (void)printf("warning: the workflow file has changed since %s was made; the run goes on as it "
                 "was made\n",
                 name);
    if (fl_workflow_to_json(workflow, &json, &err) == 0 &&
        fl_client_ask(client,
                      json_pack("{s:s, s:s, s:b, s:o}", "verb", "reload-run", "run", name, "dry", 1,
                                "workflow", json),
                      &look, &err) == 0)
        fl_cli_print_changes(look);
    else
        (void)printf("  %s\n", err.text);
    (void)printf("to take the changes over, while it runs: fairlead reload %s --state %s --run "
                 "'%s'\n",
                 cli->args[0], cli->state, name);
}

/* With --retry a run that ended badly is taken up again. True when it is. */
static int try_again(const struct fl_cli *cli, struct fl_client *client, const char *name,
                     const json_t *status, bool *ret_again, struct fl_err *reterr)
{
    fl_json_auto json_t *result = NULL;

    *ret_again = false;
    if (!(cli->given & FL_OPT_RETRY) || strcmp(fl_text_of(status, "state"), "succeeded") == 0)
        return 0;
    *ret_again = true;
    return fl_client_ask(
        client,
        json_pack("{s:s, s:s, s:s}", "verb", "retry", "run", name, "why", "fairlead run --retry"),
        &result, reterr);
}

/* Submits, or takes up a run that is there. *ret_from: the first event to tell of; *ret_status is
 * set when the run has its end already. */
static int begin(struct fl_cli *cli, struct fl_client *client, const struct fl_workflow *workflow,
                 const char *name, uint64_t *ret_from, json_t **ret_status, struct fl_err *reterr)
{
    fl_json_auto json_t *status = NULL;
    fl_json_auto json_t *result = NULL;
    json_t *request = NULL;
    struct fl_err err = {0};
    bool again = false;
    int rc = fl_client_ask(client,
                           json_pack("{s:s, s:s, s:b}", "verb", "status", "run", name, "brief", 1),
                           &status, &err);

    if (rc == 0) {
        *ret_from = (uint64_t)json_integer_value(json_object_get(status, "seq")) + 1;
        if (strcmp(fl_text_of(status, "state"), "running") != 0) {
            rc = try_again(cli, client, name, status, &again, reterr);
            if (rc < 0)
                return rc;
            if (!again) {
                *ret_status = json_incref(status);
                return 0;
            }
        }
        (void)printf("%s goes on where it was\n", name);
        tell_changed(cli, client, workflow, name, status);
        return 0;
    }
    if (rc != FL_E_NOENT) {
        *reterr = err;
        return rc;
    }
    rc = fl_client_ask(client, json_pack("{s:s}", "verb", "runs"), &status, reterr);
    if (rc < 0)
        return rc;
    *ret_from = (uint64_t)json_integer_value(json_object_get(status, "seq")) + 1;
    rc = fl_cli_submit_request(cli, workflow, &request, reterr);
    if (rc < 0)
        return rc;
    return fl_client_ask(client, request, &result, reterr);
}

static int follow(struct fl_cli *cli, struct fl_embed *embed, const struct fl_workflow *workflow,
                  const char *state, int signal_fd, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    fl_json_auto json_t *status = NULL;
    char name[FL_PATH_MAX];
    struct fl_watch_config watch = {
        .client = &client, .run = name, .signal_fd = signal_fd, .cancel = true};
    enum fl_watch_end end = FL_WATCH_ENDED;
    int rc = cli->from_text ? 0 : run_name(cli, workflow, name, sizeof(name), reterr);

    if (rc == 0)
        rc = fl_client_connect(&client, cli->world, state,
                               fl_coordinator_endpoint(fl_embed_coordinator(embed)),
                               fl_embed_keys(embed), reterr);
    if (rc < 0)
        return rc;
    client.alarm_fd = fl_embed_alarm(embed);
    (void)snprintf(client.http, sizeof(client.http), "%s",
                   fl_coordinator_http(fl_embed_coordinator(embed)));
    if (*client.http)
        (void)printf("page: http://%s/\n", client.http);
    if (cli->from_text)
        return fl_cli_cycles(cli, embed, &client, workflow, signal_fd, reterr);
    rc = begin(cli, &client, workflow, name, &watch.from, &status, reterr);
    if (rc < 0)
        return rc;
    if (status)
        return tell_finished(cli, workflow, state, status);
    rc = fl_embed_start_worker(embed, workflow, reterr);
    if (rc == 0)
        rc = fl_watch(&watch, &end, &status, reterr);
    if (rc < 0)
        return rc;
    switch (end) {
    case FL_WATCH_LEFT:
        (void)printf("left before the run had its end; the same command follows it there\n");
        return EXIT_INTERRUPTED;
    case FL_WATCH_ALARM:
        return fl_embed_failure(embed, reterr);
    case FL_WATCH_ENDED:
        break;
    }
    return tell_end(cli, workflow, state, status);
}

/* --from and --to are the cycles of an operation; one cycle alone is --cycle. */
static int check_cycles(const struct fl_cli *cli, struct fl_err *reterr)
{
    if (cli->cycle || cli->variant || cli->set_count > 0)
        return fl_err_set(
            reterr, FL_E_USAGE, 0,
            "--from and --to run the cycles of the file; --cycle, --variant and --set "
            "are for one run");
    if (!cli->from_text)
        return fl_err_set(reterr, FL_E_USAGE, 0, "--to needs --from, the first cycle");
    return 0;
}

int fl_cli_run(struct fl_cli *cli, struct fl_err *reterr)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    fl_auto(fl_embed_destroy) struct fl_embed *embed = NULL;
    struct fl_embed_config config = {.world = cli->world, .http = cli->http};
    char state[FL_PATH_MAX];
    char name[FL_PATH_MAX];
    int signal_fd = -1;
    int rc = fl_cli_compile(cli, cli->args[0], &workflow, reterr);

    if (rc == 0)
        rc = cli->from_text || cli->to ? check_cycles(cli, reterr)
                                       : run_name(cli, workflow, name, sizeof(name), reterr);
    if (rc == 0)
        rc = state_absolute(cli, state, reterr);
    if (rc == 0)
        rc = fl_signals_open(signals, FL_COUNT(signals), &signal_fd, reterr);
    if (rc < 0)
        return rc;
    config.state = state;
    rc = fl_embed_create(&config, &embed, reterr);
    if (rc == FL_E_LOCKED)
        rc = fl_err_note(reterr, rc,
                         "a coordinator runs on '%s' already (fairlead status --state %s; another "
                         "--state DIR for a second one)",
                         cli->state, cli->state);
    if (rc == 0)
        rc = follow(cli, embed, workflow, state, signal_fd, reterr);
    (void)fflush(stdout);
    fl_embed_destroy(embed);
    embed = NULL;
    fl_wake_close(signal_fd);
    return rc;
}

int fl_cli_submit(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    fl_auto(fl_client_release) struct fl_client client = {0};
    fl_json_auto json_t *result = NULL;
    fl_json_auto json_t *status = NULL;
    char name[FL_PATH_MAX];
    struct fl_watch_config watch = {.client = &client, .run = name, .from = 1, .signal_fd = -1};
    enum fl_watch_end end = FL_WATCH_ENDED;
    json_t *request = NULL;
    int rc = fl_cli_compile(cli, cli->args[0], &workflow, reterr);

    if (rc == 0)
        rc = run_name(cli, workflow, name, sizeof(name), reterr);
    if (rc == 0)
        rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_LIVE, reterr);
    if (rc == 0)
        rc = fl_cli_submit_request(cli, workflow, &request, reterr);
    if (rc == 0)
        rc = fl_client_ask(&client, request, &result, reterr);
    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        rc = fl_cli_print_json(result, reterr);
    else
        (void)printf("submitted %s\n", name);
    if (rc < 0 || !(cli->given & FL_OPT_FOLLOW))
        return rc;
    rc = fl_watch(&watch, &end, &status, reterr);
    if (rc < 0)
        return rc;
    return strcmp(fl_text_of(status, "state"), "succeeded") == 0 ? 0 : EXIT_RUN_FAILED;
}
