/* The live view of a run. */
#include "config.h"

#include "engine/cli/watch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "engine/cli/summary.h"
#include "engine/cli/text.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define PAGE_EVENTS 500
#define REDRAW_NS ((int64_t)100000000)
#define CLOCK_NS ((int64_t)1000000000) /* the times that run on the screen */
#define NOTE_MAX 160

struct note {
    char stage[FL_WORKFLOW_NAME_MAX * 3];
    char text[NOTE_MAX];
};

struct watch {
    const struct fl_watch_config *config;
    bool terminal;
    bool color;
    bool ended;       /* the event that ends the run was seen */
    bool interrupted; /* asked once */
    uint64_t from;
    int64_t page_id; /* of the request for events that is under way; 0: none */
    int64_t drawn_ns;
    bool stale; /* something happened since it was drawn */
    size_t drawn_lines;
    struct note *notes;
    size_t note_count;
    char skipped[FL_WORKFLOW_NAME_MAX * 3]; /* the stage that was last said to be skipped */
};

static struct note *note_of(struct watch *watch, const char *stage)
{
    struct note *note;

    for (size_t i = 0; i < watch->note_count; i++) {
        if (strcmp(watch->notes[i].stage, stage) == 0)
            return &watch->notes[i];
    }
    if (watch->note_count == FL_WATCH_STAGES_MAX)
        return NULL;
    note = &watch->notes[watch->note_count++];
    (void)snprintf(note->stage, sizeof(note->stage), "%s", stage);
    return note;
}

/* Keeps what is worth showing beside a stage's counts. */
static void note_event(struct watch *watch, const json_t *event)
{
    const char *type = fl_text_of(event, "type");
    struct note *note =
        *fl_text_of(event, "stage") ? note_of(watch, fl_text_of(event, "stage")) : NULL;

    if (!note)
        return;
    if (strcmp(type, "attempt-noted") == 0 &&
        strncmp(fl_text_of(event, "text"), "process ", 8) != 0)
        (void)snprintf(note->text, sizeof(note->text), "%s", fl_text_of(event, "text"));
    else if (strcmp(type, "output-accepted") == 0)
        (void)snprintf(note->text, sizeof(note->text), "%s %s", fl_text_of(event, "output"),
                       fl_text_of(event, "lead"));
    else if (strcmp(type, "output-absent") == 0 || strcmp(type, "attempt-degraded") == 0)
        (void)snprintf(note->text, sizeof(note->text), "%s", fl_text_of(event, "cause"));
    else if (strcmp(type, "attempt-ended") == 0 &&
             strcmp(fl_text_of(event, "state"), "succeeded") != 0)
        (void)snprintf(note->text, sizeof(note->text), "%s %s", fl_text_of(event, "state"),
                       fl_text_of(event, "why"));
}

/* All leads of a stage are skipped for one reason: the first says it for the rest. */
static bool said_already(struct watch *watch, const json_t *event)
{
    const char *stage = fl_text_of(event, "stage");
    bool skipped = strcmp(fl_text_of(event, "type"), "instance-ended") == 0 &&
                   strcmp(fl_text_of(event, "state"), "skipped") == 0;
    bool said = skipped && strcmp(watch->skipped, stage) == 0;

    if (skipped)
        (void)snprintf(watch->skipped, sizeof(watch->skipped), "%s", stage);
    return said;
}

static int take_event(struct watch *watch, const json_t *event, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf line = {0};
    const char *run = fl_text_of(event, "run");
    bool ours = strcmp(run, watch->config->run) == 0;

    if (*run && !ours)
        return 0;
    watch->stale = true;
    if (ours && strcmp(fl_text_of(event, "type"), "run-ended") == 0)
        watch->ended = true;
    note_event(watch, event);
    if (watch->terminal || said_already(watch, event))
        return 0;
    fl_buf_init(&line, 0);
    if (fl_cli_event_line(event, &line))
        (void)printf("%s\n", line.data);
    return fl_buf_check(&line, reterr);
}

/* Asks for events (when it has not yet) and takes what comes. FL_E_AGAIN, FL_E_TIMEOUT. */
static int take_page(struct watch *watch, int64_t timeout_ns, struct fl_err *reterr)
{
    fl_json_auto json_t *page = NULL;
    const json_t *events;
    size_t i;
    json_t *event;
    int rc = 0;

    if (watch->page_id == 0)
        rc = fl_client_start(watch->config->client,
                             json_pack("{s:s, s:I, s:i, s:b}", "verb", "events", "from",
                                       (json_int_t)watch->from, "limit", PAGE_EVENTS, "wait", 1),
                             &watch->page_id, reterr);
    if (rc == 0)
        rc = fl_client_wait(watch->config->client, watch->page_id, timeout_ns,
                            watch->config->signal_fd, &page, reterr);
    if (rc < 0)
        return rc;
    watch->page_id = 0;
    events = json_object_get(page, "events");
    watch->from += json_array_size(events);
    json_array_foreach(events, i, event)
    {
        rc = take_event(watch, event, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int ask_status(struct watch *watch, json_t **ret_status, struct fl_err *reterr)
{
    return fl_client_ask(
        watch->config->client,
        json_pack("{s:s, s:s, s:b}", "verb", "status", "run", watch->config->run, "brief", 1),
        ret_status, reterr);
}

/* Prints one line cut to the terminal's width (colours are not counted). */
static void draw_line(struct watch *watch, const char *escape, const char *text, size_t columns)
{
    size_t width = 0;
    size_t size = 0;

    while (text[size] && width < columns) {
        size++;
        while (((unsigned char)text[size] & 0xC0) == 0x80)
            size++;
        width++;
    }
    (void)printf("%s%.*s%s\033[K\n", escape, (int)size, text, *escape ? "\033[0m" : "");
    watch->drawn_lines++;
}

static void draw_stage(struct watch *watch, const struct fl_summary *stage, int64_t now_ns,
                       int name_width, size_t columns)
{
    char line[1024];
    char note[512];
    char took[FL_TIME_TEXT_MAX] = "";
    char done[48] = "";
    const char *state = stage->state;
    const struct note *said = note_of(watch, stage->name);

    fl_summary_note(stage, note, sizeof(note));
    if (stage->begun_ns)
        (void)fl_text_span((stage->ended_ns ? stage->ended_ns : now_ns) - stage->begun_ns, took,
                           sizeof(took));
    if (stage->instances > 1)
        (void)snprintf(done, sizeof(done), "%lld/%lld", (long long)stage->done,
                       (long long)stage->instances);
    (void)snprintf(line, sizeof(line), "  %-*s  %-9s %7s %12s  %s%s%s", name_width, stage->name,
                   state, done, took, note, *note && said && *said->text ? "; " : "",
                   said ? said->text : "");
    draw_line(watch, fl_text_state_color(state, watch->color), line, columns);
}

static int draw(struct watch *watch, struct fl_err *reterr)
{
    fl_json_auto json_t *status = NULL;
    const json_t *stages;
    struct winsize window = {0};
    char head[512];
    char took[FL_TIME_TEXT_MAX];
    int64_t now_ns = fl_world_utc_ns(watch->config->client->world);
    size_t columns = 80;
    size_t rows = 24;
    int name_width = 5;
    int rc = ask_status(watch, &status, reterr);

    if (rc < 0)
        return rc;
    stages = json_object_get(status, "stages");
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 20 && window.ws_row > 4) {
        columns = window.ws_col;
        rows = window.ws_row;
    }
    if (watch->drawn_lines > 0)
        (void)printf("\033[%zuA", watch->drawn_lines);
    watch->drawn_lines = 0;
    (void)snprintf(head, sizeof(head), "%s  %s  %s%s%s%s", watch->config->run,
                   fl_text_of(status, "state"),
                   fl_text_span(now_ns - fl_text_time_ns(json_object_get(status, "created")), took,
                                sizeof(took)),
                   *watch->config->client->http ? "  http://" : "", watch->config->client->http,
                   watch->interrupted ? "  cancelling; Ctrl-C again leaves at once" : "");
    draw_line(watch, watch->color ? "\033[1m" : "", head, columns);
    for (size_t i = 0; i < json_array_size(stages); i++) {
        int width = (int)strlen(fl_text_of(json_array_get(stages, i), "stage"));

        name_width = width > name_width ? width : name_width;
    }
    for (size_t i = 0; i < json_array_size(stages) && watch->drawn_lines + 1 < rows; i++) {
        struct fl_summary sum = fl_summary_of(json_array_get(stages, i), "stage");

        draw_stage(watch, &sum, now_ns, name_width, columns);
    }
    (void)printf("\033[J");
    (void)fflush(stdout);
    watch->drawn_ns = fl_world_mono_ns(watch->config->client->world);
    watch->stale = false;
    return 0;
}

/* A signal came. True: leave now. */
static bool take_signal(struct watch *watch, struct fl_err *reterr, int *ret_rc)
{
    fl_json_auto json_t *result = NULL;
    int signal = fl_signals_take(watch->config->signal_fd);

    if (signal == 0)
        return false;
    if (watch->interrupted || !watch->config->cancel || signal == SIGHUP)
        return true; /* a connection that was dropped cancels no run: its stages go on */
    watch->interrupted = true;
    watch->stale = true;
    if (!watch->terminal)
        (void)puts("cancelling; once more leaves at once (the same command then follows the run to "
                   "its end)");
    (void)fflush(stdout);
    *ret_rc = fl_client_ask(watch->config->client,
                            json_pack("{s:s, s:s, s:s}", "verb", "cancel", "run",
                                      watch->config->run, "why", "interrupted at the terminal"),
                            &result, reterr);
    if (*ret_rc == FL_E_REFUSED)
        *ret_rc = 0; /* it has ended by itself meanwhile */
    return false;
}

static int64_t next_draw(const struct watch *watch)
{
    int64_t since_ns = fl_world_mono_ns(watch->config->client->world) - watch->drawn_ns;
    int64_t due_ns = (watch->stale ? REDRAW_NS : CLOCK_NS) - since_ns;

    if (!watch->terminal)
        return -1;
    return due_ns > 0 ? due_ns : 0;
}

static int watch_loop(struct watch *watch, enum fl_watch_end *ret_end, struct fl_err *reterr)
{
    int rc = 0;

    *ret_end = FL_WATCH_ENDED;
    while (!watch->ended) {
        if (watch->terminal && next_draw(watch) == 0) {
            rc = draw(watch, reterr);
            if (rc < 0)
                return rc;
        }
        rc = take_page(watch, next_draw(watch), reterr);
        if (rc == FL_E_AGAIN) {
            rc = 0;
            if (take_signal(watch, reterr, &rc)) {
                *ret_end = FL_WATCH_LEFT;
                return 0;
            }
            if (rc == 0 && watch->config->client->alarm_fd >= 0) {
                struct fl_wait_item item = {.fd = watch->config->client->alarm_fd};

                if (fl_world_wait(watch->config->client->world, &item, 1, 0, NULL) == 0) {
                    *ret_end = FL_WATCH_ALARM;
                    return 0;
                }
            }
        }
        if (rc < 0 && rc != FL_E_TIMEOUT)
            return rc;
        (void)fflush(stdout);
    }
    return 0;
}

int fl_watch(const struct fl_watch_config *config, enum fl_watch_end *ret_end, json_t **ret_status,
             struct fl_err *reterr)
{
    struct watch watch = {.config = config,
                          .terminal = isatty(STDOUT_FILENO) != 0,
                          .color = fl_text_color(stdout),
                          .from = config->from,
                          .stale = true};
    int rc;

    fl_assert(config->client->bus);
    watch.notes = calloc(FL_WATCH_STAGES_MAX, sizeof(*watch.notes));
    if (!watch.notes)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = watch_loop(&watch, ret_end, reterr);
    if (rc == 0 && *ret_end == FL_WATCH_ENDED) {
        if (watch.terminal)
            rc = draw(&watch, reterr);
        if (rc == 0)
            rc = ask_status(&watch, ret_status, reterr);
    }
    free(watch.notes);
    return rc;
}
