/* await: tells each lead of a cycle of a source when it is there, and fetches nothing but indices.
 * Polls by the source's own rule (first look, time between two looks, give-up time), within the
 * quotas of its providers, early leads first: a look ends when some leads in a row are not there.
 */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data-fetch/book/book.h"
#include "data-fetch/command/command.h"
#include "data-fetch/http/http.h"
#include "data-fetch/source/catalogue.h"
#include "data-fetch/source/index.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define MISSES_MAX 3 /* leads in a row that are not there end a look */

enum found { FOUND_THERE, FOUND_NOT_YET, FOUND_ENDED };

struct awaiting {
    const struct fl_world *world;
    const char *source_name;
    const char *catalogue;
    const char *cycle_text;
    bool until_eof;
    struct fl_source source;
    struct fl_cycle cycle;
    struct fl_lead *leads; /* those that are not there yet, ascending */
    size_t count;
    struct fl_http *http;
    struct fl_book *book;
    bool answered;
    enum found found;           /* by the answer */
    int64_t pause_ns;           /* that the answer asked for; -1: none */
    bool refused;               /* the provider will have none of us */
    char last[FL_ERR_TEXT_MAX]; /* why the last one was not there */
};

/* ---------------------------------------------------------------- the command line */

static int add_leads(struct awaiting *a, const char *text, struct fl_err *reterr)
{
    struct fl_leads set;
    struct fl_lead *leads;
    size_t more;
    int rc = fl_leads_parse(text, &set, reterr);

    if (rc < 0)
        return fl_err_note(reterr, FL_E_USAGE, "--leads");
    more = fl_leads_count(&set);
    if (a->count + more > FL_LEADS_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0, "more than %d leads", FL_LEADS_MAX);
    leads = realloc(a->leads, (a->count + more) * sizeof(*leads));
    if (!leads)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    a->leads = leads;
    for (size_t i = 0; i < more; i++)
        leads[a->count++] = fl_leads_at(&set, i);
    return 0;
}

static int by_minutes(const void *x, const void *y)
{
    const struct fl_lead *a = x;
    const struct fl_lead *b = y;

    return (a->minutes > b->minutes) - (a->minutes < b->minutes);
}

static int parse_options(struct awaiting *a, int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"source", required_argument, NULL, 's'}, {"catalogue", required_argument, NULL, 'c'},
        {"cycle", required_argument, NULL, 'y'},  {"leads", required_argument, NULL, 'l'},
        {"until-eof", no_argument, NULL, 'e'},    {NULL, 0, NULL, 0},
    };
    size_t kept = 0;
    int rc = 0;
    int code;

    opterr = 0;
    optind = 1;
    while (rc == 0 && (code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        if (code == 's')
            a->source_name = optarg;
        else if (code == 'c')
            a->catalogue = optarg;
        else if (code == 'y')
            a->cycle_text = optarg;
        else if (code == 'l')
            rc = add_leads(a, optarg, reterr);
        else
            a->until_eof = true;
    }
    if (rc == 0 && optind < argc)
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    if (rc == 0 && (!a->source_name || !a->cycle_text || a->count == 0))
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "await needs --source, --cycle and --leads");
    if (rc < 0)
        return rc;
    qsort(a->leads, a->count, sizeof(*a->leads), by_minutes);
    for (size_t i = 1; i < a->count; i++)
        if (a->leads[i].minutes != a->leads[kept].minutes)
            a->leads[++kept] = a->leads[i];
    a->count = kept + 1;
    return 0;
}

/* Finds the source and holds what is asked against it. */
static int settle(struct awaiting *a, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf path;
    char lead[FL_TIME_TEXT_MAX];
    char sets[256];
    int rc = fl_cycle_parse(a->cycle_text, &a->cycle, reterr);

    fl_buf_init(&path, 0);
    if (rc < 0)
        return fl_err_note(reterr, FL_E_USAGE, "--cycle");
    rc = fl_source_find(a->world, a->catalogue, a->source_name, &a->source, reterr);
    if (rc < 0)
        return rc;
    if (!fl_source_has_cycle(&a->source, a->cycle))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "source '%s' has no cycle %s", a->source.name,
                          a->cycle_text);
    for (size_t i = 0; i < a->count; i++) {
        if (fl_source_has_lead(&a->source, a->cycle, a->leads[i]))
            continue;
        fl_lead_format(a->leads[i], lead);
        fl_source_leads_text(&a->source, a->cycle, sets, sizeof(sets));
        return fl_err_set(reterr, FL_E_CONFIG, 0, "source '%s' has no lead %s; its cycle %s has %s",
                          a->source.name, lead, a->cycle_text, sets);
    }
    return fl_source_path(&a->source, a->cycle, a->leads[0], &path, reterr);
}

/* ---------------------------------------------------------------- what is told */

static int say(const json_t *line, struct fl_err *reterr)
{
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    int rc = 0;

    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (puts(text) < 0 || fflush(stdout) != 0)
        rc = fl_err_set(reterr, FL_E_IO, 0, "write standard output");
    free(text);
    return rc;
}

static int say_lead(struct fl_lead lead, const char *cause, struct fl_err *reterr)
{
    fl_json_auto json_t *line = NULL;
    char text[FL_TIME_TEXT_MAX];

    fl_lead_format(lead, text);
    line = json_pack("{s:s,s:s*}", "lead", text, "cause", cause);
    if (line && cause)
        (void)json_object_set_new(line, "absent", json_true()); /* seen in the cause, too */
    return say(line, reterr);
}

/* ---------------------------------------------------------------- one look */

/* Waits so long; 1 when it is told to end. */
static int rest(struct awaiting *a, int64_t wait_ns, struct fl_err *reterr)
{
    struct fl_wait_item item = {.fd = STDIN_FILENO};
    char sink[64];
    int rc = fl_world_wait(a->world, &item, a->until_eof ? 1 : 0, wait_ns, reterr);

    if (rc == FL_E_TIMEOUT)
        return 0;
    if (rc < 0)
        return rc;
    return item.ready && read(STDIN_FILENO, sink, sizeof(sink)) <= 0 ? 1 : 0;
}

/* The lines of an index must be of the cycle; one that is still being written is not there. */
static bool index_is_good(struct awaiting *a, const struct fl_http_reply *reply)
{
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    struct fl_err err = {0};

    if (fl_index_parse_kind(a->source.index_kind, reply->body, reply->size, &index, &err) < 0) {
        (void)snprintf(a->last, sizeof(a->last), "index: %s", err.text);
        return false;
    }
    for (size_t i = 0; i < fl_index_count(index); i++) {
        if (fl_index_at(index, i)->cycle.s == a->cycle.s)
            continue;
        (void)snprintf(a->last, sizeof(a->last), "its index is of another cycle");
        return false;
    }
    return true;
}

static void answered(const struct fl_http_reply *reply, void *arg)
{
    struct awaiting *a = arg;

    a->answered = true;
    a->found = FOUND_NOT_YET;
    a->pause_ns = reply->retry_after_s >= 0 ? reply->retry_after_s * SECOND_NS : -1;
    a->refused = reply->status == 403;
    if (reply->rc < 0)
        (void)snprintf(a->last, sizeof(a->last), "%s", reply->why);
    else if (reply->status != 200)
        (void)snprintf(a->last, sizeof(a->last), "the server answered %ld", reply->status);
    else if (a->source.index_kind == FL_INDEX_NONE || index_is_good(a, reply))
        a->found = FOUND_THERE;
}

/* "…/gfs.t00z.pgrb2.0p25.f003.idx", or the file itself where it has no index. */
static int put_url(struct awaiting *a, const struct fl_source_mirror *mirror, struct fl_lead lead,
                   struct fl_buf *url, struct fl_err *reterr)
{
    size_t cut = strlen(a->source.index_replaces);
    int rc;

    fl_buf_printf(url, "%s/", mirror->url);
    rc = fl_source_path(&a->source, a->cycle, lead, url, reterr);
    if (rc < 0 || a->source.index_kind == FL_INDEX_NONE)
        return rc;
    if (cut > 0 && url->size > cut &&
        strcmp(url->data + url->size - cut, a->source.index_replaces) == 0) {
        url->size -= cut;
        url->data[url->size] = '\0';
    }
    fl_buf_puts(url, a->source.index);
    return fl_buf_check(url, reterr);
}

/* Asks one mirror for one lead. Less than 0, or 1 when it is told to end. */
static int ask(struct awaiting *a, const struct fl_source_mirror *mirror, struct fl_lead lead,
               struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf url;
    struct fl_http_request request = {.body_max = FL_INDEX_BYTES_MAX, .done = answered, .arg = a};
    int64_t wait_ns;
    int rc;

    fl_buf_init(&url, 0);
    rc = put_url(a, mirror, lead, &url, reterr);
    while (rc == 0 && (wait_ns = fl_book_ask(a->book, mirror->provider, mirror->per_minute)) > 0)
        rc = rest(a, wait_ns, reterr);
    if (rc != 0)
        return rc;
    request.url = url.data;
    request.method = a->source.index_kind == FL_INDEX_NONE ? "HEAD" : NULL;
    a->answered = false;
    rc = fl_http_start(a->http, &request, NULL, reterr);
    while (rc == 0 && !a->answered)
        rc = fl_http_turn(a->http, -1, reterr); /* its limits end it */
    if (rc < 0)
        return rc;
    if (a->refused)
        (void)fl_book_refused(a->book, mirror->provider);
    else if (a->pause_ns >= 0)
        fl_book_patience(a->book, mirror->provider, a->pause_ns);
    else
        fl_book_fine(a->book, mirror->provider);
    return 0;
}

/* One lead at the mirrors in order. */
static int look_for(struct awaiting *a, struct fl_lead lead, enum found *ret_found,
                    struct fl_err *reterr)
{
    int64_t age_s = fl_world_utc_ns(a->world) / SECOND_NS - a->cycle.s;
    int rc = 0;

    *ret_found = FOUND_NOT_YET;
    for (size_t m = 0; rc == 0 && m < a->source.mirror_count && *ret_found != FOUND_THERE; m++) {
        const struct fl_source_mirror *mirror = &a->source.mirrors[m];

        if (mirror->keeps_s > 0 && age_s > mirror->keeps_s) {
            if (!a->last[0])
                (void)snprintf(a->last, sizeof(a->last), "%s has it no more", mirror->url);
            continue;
        }
        rc = ask(a, mirror, lead, reterr);
        if (rc == 0)
            *ret_found = a->found;
    }
    if (rc == 1)
        *ret_found = FOUND_ENDED;
    return rc < 0 ? rc : 0;
}

static int found_one(struct awaiting *a, size_t at, struct fl_err *reterr)
{
    struct fl_lead lead = a->leads[at];
    int64_t delay_s = fl_world_utc_ns(a->world) / SECOND_NS - a->cycle.s;

    if (delay_s > 0 && delay_s < a->source.give_up_s)
        fl_book_arrived(a->book, a->source.name, a->cycle, lead, delay_s);
    memmove(&a->leads[at], &a->leads[at + 1], (a->count - at - 1) * sizeof(*a->leads));
    a->count--;
    return say_lead(lead, NULL, reterr);
}

/* What is not there yet, early leads first; all: to the last. 1: it is told to end. */
static int look(struct awaiting *a, bool all, struct fl_err *reterr)
{
    size_t misses = 0;
    size_t at = 0;
    int rc = 0;

    a->last[0] = '\0';
    while (rc == 0 && at < a->count && (all || misses < MISSES_MAX)) {
        enum found found;

        rc = look_for(a, a->leads[at], &found, reterr);
        if (rc < 0)
            return rc;
        if (found == FOUND_ENDED)
            return 1;
        misses = found == FOUND_THERE ? 0 : misses + 1;
        if (found == FOUND_THERE)
            rc = found_one(a, at, reterr);
        else
            at++;
    }
    return rc;
}

/* ---------------------------------------------------------------- the whole of it */

static int give_up(struct awaiting *a, struct fl_err *reterr)
{
    char cause[FL_ERR_TEXT_MAX + 160];
    char until[FL_TIME_TEXT_MAX];
    int rc = 0;

    fl_cycle_format_extended((struct fl_cycle){a->cycle.s + a->source.give_up_s}, until);
    (void)snprintf(cause, sizeof(cause), "not there by %s: %.700s", until,
                   a->last[0] ? a->last : "no mirror has it");
    for (size_t i = 0; rc == 0 && i < a->count; i++)
        rc = say_lead(a->leads[i], cause, reterr);
    return rc;
}

static int watch(struct awaiting *a, struct fl_err *reterr)
{
    int64_t first_ns = (a->cycle.s + a->source.first_s) * SECOND_NS;
    int64_t end_ns = (a->cycle.s + a->source.give_up_s) * SECOND_NS;
    int64_t wait_ns = first_ns - fl_world_utc_ns(a->world);
    int rc = 0;

    while (rc == 0) {
        int64_t now_ns;
        bool last;

        if (wait_ns > 0)
            rc = rest(a, wait_ns, reterr);
        last = fl_world_utc_ns(a->world) >= end_ns;
        if (rc == 0)
            rc = look(a, last, reterr);
        if (rc != 0 || a->count == 0)
            break;
        if (last)
            return give_up(a, reterr);
        now_ns = fl_world_utc_ns(a->world);
        wait_ns = a->source.poll_s * SECOND_NS;
        if (wait_ns > end_ns - now_ns)
            wait_ns = end_ns - now_ns;
    }
    return rc < 0 ? rc : 0;
}

static void warn(const char *text, void *arg)
{
    (void)arg;
    fl_log(FL_LOG_WARN, "book.failed", "%s", text);
}

static int await_all(struct awaiting *a, struct fl_err *reterr)
{
    const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    char folder[FL_PATH_MAX];
    bool has_folder = fl_book_folder(NULL, folder, sizeof(folder), NULL) == 0;
    int rc = fl_book_open(a->world, has_folder ? folder : NULL, warn, NULL, &a->book, reterr);

    if (rc == 0)
        rc = fl_http_create(&limits, &a->http, reterr);
    if (rc == 0)
        rc = watch(a, reterr);
    fl_http_destroy(a->http);
    fl_book_close(a->book);
    return rc;
}

int fl_command_await(int argc, char **argv, struct fl_err *reterr)
{
    struct awaiting *a = calloc(1, sizeof(*a));
    int rc = a ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc < 0)
        return rc;
    a->world = fl_world_real();
    rc = parse_options(a, argc, argv, reterr);
    if (rc == 0)
        rc = settle(a, reterr);
    if (rc < 0 && a->until_eof) { /* whoever reads us passes it on */
        fl_json_auto json_t *line = json_pack("{s:s}", "error", reterr->text);

        (void)say(line, NULL);
    }
    if (rc == 0)
        rc = await_all(a, reterr);
    free(a->leads);
    free(a);
    return rc;
}
