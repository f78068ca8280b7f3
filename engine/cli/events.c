/* `fairlead events`, and an event as a line for people. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/text.h"

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
    {"instance-ended", "ended", {"state", "cause", "why", "text"}},
    {"instance-retry", "will be tried again", {"why"}},
    {"cancel-asked", "asked to stop", {"who", "why"}},
    {"held", "held", {"who", "why"}},
    {"released", "released", {"who", "why"}},
};

/* What a person who follows a run wants to hear of: not each step of what goes as it should. */
static bool event_tells(const char *type, const json_t *event)
{
    if (strcmp(type, "attempt-launched") == 0 || strcmp(type, "output-accepted") == 0)
        return false;
    if (strcmp(type, "worker-joined") == 0)
        return *fl_text_of(event, "pool") != '\0';
    if (strcmp(type, "attempt-noted") == 0)
        return strncmp(fl_text_of(event, "text"), "process ", 8) != 0;
    return true;
}

bool fl_cli_event_line(const json_t *event, struct fl_buf *out)
{
    const char *type = fl_text_of(event, "type");
    const char *stage = fl_text_of(event, "stage");
    const char *key = fl_text_of(event, "key");
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

/* One page from *from on, which moves behind it; *ret_count events were there. */
static int print_page(struct fl_cli *cli, struct fl_client *client, bool wait, int64_t *from,
                      size_t *ret_count, struct fl_err *reterr)
{
    fl_json_auto json_t *result = NULL;
    json_t *request = json_pack("{s:s, s:I, s:i, s:b}", "verb", "events", "from", (json_int_t)*from,
                                "limit", PAGE_EVENTS, "wait", wait ? 1 : 0);
    const json_t *events;
    size_t i;
    json_t *event;
    int rc = fl_client_ask(client, request, &result, reterr);

    if (rc < 0)
        return rc;
    events = json_object_get(result, "events");
    *ret_count = json_array_size(events);
    *from += (int64_t)*ret_count;
    json_array_foreach(events, i, event)
    {
        rc = print_event(cli, event, reterr);
        if (rc < 0)
            return rc;
    }
    if (fflush(stdout) != 0)
        return fl_err_set(reterr, FL_E_IO, 0, "write standard output");
    return 0;
}

int fl_cli_events(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    bool follow = cli->given & FL_OPT_FOLLOW;
    int64_t from = cli->from > 0 ? cli->from : 1;
    size_t count = 0;
    int rc = fl_client_open(&client, cli->world, cli->state,
                            follow ? FL_CLIENT_LIVE : FL_CLIENT_ANY, reterr);

    while (rc == 0 && (follow || count == PAGE_EVENTS || from == (cli->from > 0 ? cli->from : 1))) {
        rc = print_page(cli, &client, follow, &from, &count, reterr);
        if (rc == 0 && count == 0 && !follow)
            break;
    }
    return rc;
}
