/* `fairlead run FILE --from C --to C`: the cycles of a workflow here, in the foreground, as an
 * installed workflow has them, until the last one has its end. */
#include "config.h"

#include "engine/cli/cycles.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "engine/cli/text.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define PAGE_EVENTS 500
#define EXIT_RUN_FAILED 1
#define EXIT_INTERRUPTED 130 /* as a shell says it: 128 + SIGINT */

struct cycles {
    struct fl_cli *cli;
    struct fl_client *client;
    const struct fl_workflow *workflow;
    uint64_t from; /* next event to tell of */
    int signal_fd;
    int64_t page_id;
    int failed;   /* runs that did not succeed */
    bool asked;   /* a person has asked to stop */
    bool changed; /* a run or cycle came or went: is it done? */
};

/* The workflow as it is installed, a new reference, or NULL. */
static int find_flow(const struct cycles *c, json_t **ret_flow, struct fl_err *reterr)
{
    fl_json_auto json_t *result = NULL;
    size_t i;
    json_t *flow;
    int rc = fl_client_ask(c->client, json_pack("{s:s}", "verb", "workflows"), &result, reterr);

    *ret_flow = NULL;
    if (rc < 0)
        return rc;
    json_array_foreach(json_object_get(result, "workflows"), i, flow)
    {
        if (strcmp(fl_text_of(flow, "workflow"), c->workflow->name) == 0)
            *ret_flow = json_incref(flow);
    }
    return 0;
}

/* Installs it, or goes on with what is installed already. */
static int begin(struct cycles *c, struct fl_err *reterr)
{
    fl_json_auto json_t *flow = NULL;
    fl_json_auto json_t *result = NULL;
    json_t *request = NULL;
    char digest[FL_DIGEST_HEX];
    const char *state;
    int rc = find_flow(c, &flow, reterr);

    if (rc == 0)
        rc = fl_workflow_digest(c->workflow, digest, reterr);
    if (rc < 0)
        return rc;
    state = flow ? fl_text_of(flow, "state") : "removed";
    if (strcmp(state, "removed") != 0 && strcmp(digest, fl_text_of(flow, "digest")) == 0) {
        (void)printf("workflow %s goes on where it was\n", c->workflow->name);
        return 0;
    }
    rc = fl_cli_flow_request(c->cli, strcmp(state, "removed") == 0 ? "install" : "reload",
                             c->workflow, c->cli->from_text, c->cli->to, &request, reterr);
    return rc < 0 ? rc : fl_client_ask(c->client, request, &result, reterr);
}

static void tell_event(struct cycles *c, const json_t *event)
{
    fl_auto(fl_buf_release) struct fl_buf line;
    const char *type = fl_text_of(event, "type");
    const char *run = fl_text_of(event, "run");

    c->changed |= strcmp(type, "run-ended") == 0 || strcmp(type, "cycle-skipped") == 0;
    c->failed +=
        strcmp(type, "run-ended") == 0 && strcmp(fl_text_of(event, "state"), "succeeded") != 0;
    fl_buf_init(&line, 0);
    if (fl_cli_event_line(event, &line))
        (void)printf("%s%s%s\n", line.data, *run ? "  # " : "", run);
}

static int take_page(struct cycles *c, struct fl_err *reterr)
{
    fl_json_auto json_t *page = NULL;
    size_t i;
    json_t *event;
    int rc = 0;

    if (c->page_id == 0)
        rc = fl_client_start(c->client,
                             json_pack("{s:s, s:I, s:i, s:b}", "verb", "events", "from",
                                       (json_int_t)c->from, "limit", PAGE_EVENTS, "wait", 1),
                             &c->page_id, reterr);
    if (rc == 0)
        rc = fl_client_wait(c->client, c->page_id, -1, c->signal_fd, &page, reterr);
    if (rc < 0)
        return rc;
    c->page_id = 0;
    c->from += json_array_size(json_object_get(page, "events"));
    json_array_foreach(json_object_get(page, "events"), i, event)
    {
        tell_event(c, event);
    }
    return 0;
}

/* Makes no more cycles, and stops those that run. */
static int stop_all(struct cycles *c, struct fl_err *reterr)
{
    static const char why[] = "interrupted at the terminal";
    fl_json_auto json_t *result = NULL;
    fl_json_auto json_t *runs = NULL;
    size_t i;
    json_t *run;
    int rc = fl_client_ask(c->client,
                           json_pack("{s:s, s:s, s:s}", "verb", "uninstall", "workflow",
                                     c->workflow->name, "why", why),
                           &result, reterr);

    if (rc == FL_E_NOENT)
        rc = 0;
    if (rc == 0)
        rc = fl_client_ask(c->client, json_pack("{s:s}", "verb", "runs"), &runs, reterr);
    json_array_foreach(json_object_get(runs, "runs"), i, run)
    {
        fl_json_auto json_t *cancelled = NULL;

        if (rc < 0 || strcmp(fl_text_of(run, "state"), "running") != 0 ||
            strcmp(fl_text_of(run, "workflow"), c->workflow->name) != 0)
            continue;
        rc = fl_client_ask(c->client,
                           json_pack("{s:s, s:s, s:s}", "verb", "cancel", "run",
                                     fl_text_of(run, "run"), "why", why),
                           &cancelled, reterr);
        if (rc == FL_E_REFUSED)
            rc = 0; /* it has ended by itself meanwhile */
    }
    c->changed = true;
    return rc;
}

/* True: leave now. */
static bool take_signal(struct cycles *c, int *ret_rc, struct fl_err *reterr)
{
    int signal = fl_signals_take(c->signal_fd);

    if (signal == 0)
        return false;
    if (c->asked || signal == SIGHUP)
        return true;
    c->asked = true;
    (void)puts("cancelling; once more leaves at once (the same command then goes on)");
    (void)fflush(stdout);
    *ret_rc = stop_all(c, reterr);
    return false;
}

static bool alarm_rang(const struct cycles *c)
{
    struct fl_wait_item item = {.fd = c->client->alarm_fd};

    return c->client->alarm_fd >= 0 && fl_world_wait(c->client->world, &item, 1, 0, NULL) == 0;
}

static int is_done(const struct cycles *c, bool *ret_done, struct fl_err *reterr)
{
    fl_json_auto json_t *flow = NULL;
    const char *state;
    int rc = find_flow(c, &flow, reterr);

    if (rc < 0)
        return rc;
    state = flow ? fl_text_of(flow, "state") : "removed";
    *ret_done = strcmp(state, "done") == 0 || strcmp(state, "removed") == 0;
    return 0;
}

static int follow(struct cycles *c, enum fl_watch_end *ret_end, struct fl_err *reterr)
{
    bool done = false;
    int rc = 0;

    *ret_end = FL_WATCH_ENDED;
    c->changed = true;
    while (rc == 0 && !done) {
        if (c->changed) {
            c->changed = false;
            rc = is_done(c, &done, reterr);
            if (rc < 0 || done)
                continue;
        }
        rc = take_page(c, reterr);
        (void)fflush(stdout);
        if (rc != FL_E_AGAIN)
            continue;
        rc = 0;
        if (take_signal(c, &rc, reterr)) {
            *ret_end = FL_WATCH_LEFT;
            return 0;
        }
        if (rc == 0 && alarm_rang(c)) {
            *ret_end = FL_WATCH_ALARM;
            return 0;
        }
    }
    return rc;
}

int fl_cli_cycles(struct fl_cli *cli, struct fl_embed *embed, struct fl_client *client,
                  const struct fl_workflow *workflow, int signal_fd, struct fl_err *reterr)
{
    struct cycles c = {.cli = cli, .client = client, .workflow = workflow, .signal_fd = signal_fd};
    fl_json_auto json_t *runs = NULL;
    enum fl_watch_end end = FL_WATCH_ENDED;
    int rc = fl_client_ask(client, json_pack("{s:s}", "verb", "runs"), &runs, reterr);

    if (rc < 0)
        return rc;
    c.from = (uint64_t)json_integer_value(json_object_get(runs, "seq")) + 1;
    rc = begin(&c, reterr);
    if (rc == 0)
        rc = fl_embed_start_worker(embed, workflow, reterr);
    if (rc == 0)
        rc = follow(&c, &end, reterr);
    if (rc < 0)
        return rc;
    switch (end) {
    case FL_WATCH_LEFT:
        (void)puts("left before the last cycle had its end; the same command goes on");
        return EXIT_INTERRUPTED;
    case FL_WATCH_ALARM:
        return fl_embed_failure(embed, reterr);
    case FL_WATCH_ENDED:
        break;
    }
    if (c.failed > 0)
        (void)printf("%d run%s did not succeed: fairlead runs\n", c.failed,
                     c.failed == 1 ? "" : "s");
    else
        (void)printf("all cycles of %s have their end\n", workflow->name);
    return c.failed > 0 ? EXIT_RUN_FAILED : 0;
}
