/* `fairlead events`, and an event as a line for people. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/cli/cli.h"
#include "engine/cli/text.h"
#include "engine/coordinator/coordinator.h"
#include "engine/world/local.h"
#include "engine/world/wake.h"
#include "engine/world/watch.h"

#include "engine/base/banned.h"

#define PAGE_EVENTS 500

/* What each type says, with the members that it is about; NULL: not worth a line. */
static const struct {
    const char *type;
    const char *words;
    const char *members[4];
} lines[] = {
    {"run-created", "run created", {"cycle", "who"}},
    {"run-ended", "run ended", {"state", "cause"}},
    {"worker-joined", "worker joined", {"worker", "pool"}},
    {"worker-left", "worker left", {"worker", "why"}},
    {"attempt-launched", "launched", {"pool"}},
    {"attempt-begun", "began", {"worker"}},
    {"attempt-noted", "says", {"text"}},
    {"attempt-degraded", "degraded", {"cause", "age"}},
    {"attempt-ended", "ended", {"state", "why", "text"}},
    {"output-accepted", "output", {"output", "lead", "path"}},
    {"output-absent", "output absent", {"output", "lead", "cause"}},
    {"instance-ended", "ended", {"state", "why", "text"}},
    {"instance-retry", "will be tried again", {"why"}},
    {"cancel-asked", "asked to stop", {"who", "why"}},
    {"held", "held", {"who", "why"}},
    {"released", "released", {"who", "why"}},
    {"action-taken", "action", {0}}, /* see put_action */
    {"param-set", "parameter", {"output", "text", "who"}},
    {"state-set", "was set", {"state", "who", "why"}},
    {"run-replanned", "goes on by another version of its workflow", {"who", "why"}},
    {"workflow-installed", "installed", {"workflow", "who"}},
    {"workflow-reloaded", "reloaded", {"workflow", "who"}},
    {"workflow-removed", "uninstalled", {"workflow", "who"}},
    {"cycle-skipped", "cycle is not run", {"workflow", "cycle", "why"}},
    {"run-dropped", "dropped", {"run", "why"}},
    {"need-unmet", "warning: it cannot start as things are:", {"why"}},
    {"run-paged", "is on the record only from now on", {"why"}},
    {"set-declared", "declares set", {"output", "text"}},
    {"set-delivered", "is delivered whole", {"site"}},
    {"removal-asked", "removal of what was delivered is asked", {"site"}},
    {"files-removed", "delivered files are removed", {"site", "cause"}},
    {"deadline-at-risk", "deadline at risk:", {"why"}},
    {"product-withdrawn", "withdrawn:", {"path", "who", "why"}},
    {"deadline-passed", "deadline passed:", {"why"}},
    {"custody-noted", "ledger knows of the removal", {"site"}},
    {"signalled", "signal", {"output", "who", "text"}},
    {"file-arrived", "file arrived", {"path"}},
    {"source-arrived", "source", {"output", "cycle", "lead", "cause"}},
};

/* What a person who follows a run wants to hear of: not each step of what goes as it should. */
static bool event_tells(const char *type, const json_t *event)
{
    if (strcmp(type, "attempt-launched") == 0 || strcmp(type, "output-accepted") == 0 ||
        strcmp(type, "removal-asked") == 0 || strcmp(type, "custody-noted") == 0)
        return false;
    if (strcmp(type, "worker-joined") == 0)
        return *fl_text_of(event, "pool") != '\0';
    if (strcmp(type, "attempt-noted") == 0)
        return strncmp(fl_text_of(event, "text"), "process ", 8) != 0;
    return true;
}

/* " 14: hold prep.f003, root@vm (key local): new grid". */
static void put_action(const json_t *event, struct fl_buf *out)
{
    fl_json_auto json_t *asked = NULL;
    const char *text = fl_text_of(event, "text");
    const char *why = fl_text_of(event, "why");
    char objects[FL_CLI_ASKED_MAX];

    if (fl_json_parse(text, strlen(text), &asked, NULL) < 0) /* of another version */
        asked = json_object();
    fl_cli_asked_text(asked, objects, sizeof(objects));
    fl_buf_printf(out, " %lld: %s%s%s, %s%s%s",
                  (long long)json_integer_value(json_object_get(event, "action")),
                  fl_cli_verb(fl_text_of(asked, "verb")), *objects ? " " : "", objects,
                  fl_text_of(event, "who"), *why ? ": " : "", why);
}

bool fl_cli_event_line(const json_t *event, struct fl_buf *out)
{
    const char *type = fl_text_of(event, "type");
    const char *stage = fl_text_of(event, "stage");
    const char *key = fl_text_of(event, "key");
    const char *flow = fl_text_of(event, "workflow");
    char time[FL_TIME_TEXT_MAX];
    size_t i = 0;

    while (i < FL_COUNT(lines) && strcmp(lines[i].type, type) != 0)
        i++;
    (void)fl_text_time(fl_text_time_ns(json_object_get(event, "time")),
                       fl_text_time_ns(json_object_get(event, "time")), time, sizeof(time));
    fl_buf_printf(out, "%s ", time);
    if (*stage)
        fl_buf_printf(out, " %s%s%s", stage, *key ? " " : "", key);
    fl_buf_printf(out, " %s", i < FL_COUNT(lines) ? lines[i].words : type);
    if (strcmp(type, "action-taken") == 0)
        put_action(event, out);
    if (*flow && (strcmp(type, "held") == 0 || strcmp(type, "released") == 0))
        fl_buf_printf(out, " workflow %s,", flow);
    for (size_t m = 0; i < FL_COUNT(lines) && m < FL_COUNT(lines[i].members); m++) {
        const char *name = lines[i].members[m];
        const char *value = name ? fl_text_of(event, name) : "";

        if (*value)
            fl_buf_printf(out, "%s%s", m == 0 ? " " : m == 1 ? ", " : ": ", value);
    }
    return event_tells(type, event);
}

static int print_event(const struct fl_cli *cli, const json_t *event, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf line = {0};
    const char *run = fl_text_of(event, "run");

    if (cli->run && strcmp(run, cli->run) != 0)
        return 0;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(event, reterr);
    fl_buf_init(&line, 0);
    (void)fl_cli_event_line(event, &line);
    (void)printf("%6lld %s%s%s\n", (long long)json_integer_value(json_object_get(event, "seq")),
                 line.data, *run ? "  # " : "", run);
    return fl_buf_check(&line, reterr);
}

struct follow {
    struct fl_cli *cli;
    struct fl_client client;
    int64_t from;   /* the next event to print */
    int folder_fd;  /* tells of a new endpoint file */
    int process_fd; /* tells of the coordinator's end; -1: it is not of this host */
    bool told;      /* that no coordinator runs */
};

/* Prints a page, which moves *from behind it. */
static int print_page(const struct fl_cli *cli, const json_t *result, int64_t *from,
                      size_t *ret_count, struct fl_err *reterr)
{
    const json_t *events = json_object_get(result, "events");
    size_t i;
    json_t *event;
    int rc = 0;

    *ret_count = json_array_size(events);
    json_array_foreach(events, i, event)
    {
        rc = print_event(cli, event, reterr);
        if (rc < 0)
            return rc;
    }
    *from += (int64_t)*ret_count;
    if (fflush(stdout) != 0)
        return fl_err_set(reterr, FL_E_IO, 0, "write standard output");
    return 0;
}

static json_t *page_request(int64_t from, bool wait)
{
    return json_pack("{s:s, s:I, s:i, s:b}", "verb", "events", "from", (json_int_t)from, "limit",
                     PAGE_EVENTS, "wait", wait ? 1 : 0);
}

/* All that is recorded now. */
static int print_recorded(const struct fl_cli *cli, struct fl_client *client, int64_t *from,
                          struct fl_err *reterr)
{
    size_t count = PAGE_EVENTS;
    int rc = 0;

    while (rc == 0 && count > 0) {
        fl_json_auto json_t *result = NULL;

        rc = fl_client_ask(client, page_request(*from, false), &result, reterr);
        if (rc == 0)
            rc = print_page(cli, result, from, &count, reterr);
    }
    return rc;
}

static void note_endpoint(int id, const char *name, void *arg)
{
    bool *found = arg;

    (void)id;
    *found = *found || *name == '\0' || strcmp(name, FL_COORDINATOR_ENDPOINT_FILE) == 0;
}

/* Waits until a coordinator says where it is. */
static int await_coordinator(struct follow *f, struct fl_err *reterr)
{
    struct fl_wait_item item = {.fd = f->folder_fd};
    bool found = false;
    int rc = 0;

    if (!f->told)
        (void)fprintf(stderr, "fairlead: no coordinator runs on '%s'; waiting for the next one\n",
                      f->cli->state);
    f->told = true;
    while (rc == 0 && !found) {
        rc = fl_world_wait(f->cli->world, &item, 1, -1, reterr);
        fl_notify_read(f->folder_fd, note_endpoint, &found);
    }
    return rc;
}

/* Prints what comes from a coordinator, until it ends (0) or printing fails. */
static int follow_coordinator(struct follow *f, struct fl_err *reterr)
{
    size_t count;
    int rc = 0;

    while (rc == 0) {
        fl_json_auto json_t *result = NULL;
        int64_t id = 0;

        rc = fl_client_start(&f->client, page_request(f->from, true), &id, reterr);
        if (rc == 0)
            rc =
                fl_client_wait(&f->client, id, FL_CLIENT_ANSWER_NS, f->process_fd, &result, reterr);
        if (rc < 0)
            return rc == FL_E_AGAIN || rc == FL_E_NET || rc == FL_E_TIMEOUT ? 0 : rc;
        rc = print_page(f->cli, result, &f->from, &count, reterr);
    }
    return rc;
}

/* One coordinator's life, or the record while there is none. */
static int follow_once(struct follow *f, struct fl_err *reterr)
{
    bool seen = false;
    int rc;

    fl_notify_read(f->folder_fd, note_endpoint, &seen); /* what was before is looked at now */
    rc = fl_client_open(&f->client, f->cli->world, f->cli->state, FL_CLIENT_LIVE, reterr);
    if (rc == 0) {
        f->told = false;
        if (f->client.pid > 0)
            f->process_fd = f->cli->world->ops->pidfd((pid_t)f->client.pid, f->cli->world->arg);
        rc = follow_coordinator(f, reterr);
        fl_local_close(f->process_fd);
        f->process_fd = -1;
    } else if (rc == FL_E_NOENT) {
        rc = fl_client_open(&f->client, f->cli->world, f->cli->state, FL_CLIENT_ANY, reterr);
        if (rc == 0 && f->client.model) {
            rc = print_recorded(f->cli, &f->client, &f->from, reterr);
            if (rc == 0)
                rc = await_coordinator(f, reterr);
        }
    } else if (rc == FL_E_NET || rc == FL_E_TIMEOUT) {
        rc = 0; /* it ended while we came: once more */
    }
    fl_client_release(&f->client);
    return rc;
}

static int follow(struct fl_cli *cli, int64_t from, struct fl_err *reterr)
{
    struct follow f = {.cli = cli, .from = from, .folder_fd = -1, .process_fd = -1};
    int id;
    int rc = fl_notify_create(&f.folder_fd, reterr);

    if (rc == 0)
        rc = fl_notify_add(f.folder_fd, cli->state, &id, reterr);
    if (rc == FL_E_NOENT)
        rc =
            fl_err_set(reterr, FL_E_NOENT, 0,
                       "no state at '%s': nothing was run there yet (say --state DIR)", cli->state);
    while (rc == 0)
        rc = follow_once(&f, reterr);
    fl_wake_close(f.folder_fd);
    return rc;
}

int fl_cli_events(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    int64_t from = cli->from > 0 ? cli->from : 1;
    int rc;

    if (cli->given & FL_OPT_FOLLOW)
        return follow(cli, from, reterr);
    rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_ANY, reterr);
    if (rc == 0)
        rc = print_recorded(cli, &client, &from, reterr);
    if (rc == 0 && cli->from > 1 && from == cli->from)
        rc = fl_err_set(reterr, FL_E_NOENT, 0, "there is no event %lld yet; --follow waits for it",
                        (long long)from);
    return rc;
}
