/* get: the leads of a source, or one URL. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/pull/fetch.h"
#include "data-fetch/pull/get_options.h"
#include "data-fetch/pull/providers.h"
#include "data-fetch/source/series.h"
#include "engine/base/expand.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "stages/common/contract.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define OWN_CONNECTIONS 16 /* to a mirror of the command line */

/* A request, and what becomes of it. */
struct get {
    struct fl_get_ask ask;
    struct fl_contract *contract;
    struct fl_source source;
    char folder[FL_PATH_MAX];
    struct fl_cycle cycle;
    struct fl_leads leads;
    struct fl_series series;
    size_t whole;
    size_t absent;
    size_t failed;
    uint64_t bytes;
    struct fl_err first; /* why the first lead failed */
};

/* What the command line leaves out comes from the environment of the stage. */
static int settle_request(struct get *get, struct fl_err *reterr)
{
    const struct fl_contract_env *env = fl_contract_env(get->contract);
    int rc;

    if (!get->ask.cycle_text)
        get->ask.cycle_text = env->cycle;
    if (!get->ask.leads_text)
        get->ask.leads_text = env->lead;
    if (!get->ask.source_name || !get->ask.cycle_text || !get->ask.leads_text ||
        !get->ask.name_pattern)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "get needs --source, --cycle, --leads and --name (or a URL and --to "
                          "FILE)");
    rc = fl_command_folder(get->contract, get->ask.to, get->folder, sizeof(get->folder), reterr);
    if (rc < 0)
        return rc;
    rc = fl_source_find(fl_world_real(), get->ask.catalogue, get->ask.source_name, &get->source,
                        reterr);
    if (rc == 0)
        rc = fl_cycle_parse(get->ask.cycle_text, &get->cycle, reterr);
    if (rc == 0)
        rc = fl_leads_parse(get->ask.leads_text, &get->leads, reterr);
    if (rc == 0 && get->ask.series_text)
        rc = fl_series_parse(get->ask.series_text, &get->series, reterr);
    if (rc == FL_E_PARSE)
        rc = FL_E_USAGE;
    for (size_t i = 0; rc == 0 && i < get->ask.mirror_count; i++) {
        struct fl_source_mirror *mirror = &get->source.mirrors[i];
        size_t length = strlen(get->ask.mirrors[i]);

        if (length == 0 || length >= sizeof(mirror->url))
            return fl_err_set(reterr, FL_E_USAGE, 0, "--mirror '%.100s' is not a URL",
                              get->ask.mirrors[i]);
        *mirror = (struct fl_source_mirror){.connections = OWN_CONNECTIONS};
        (void)snprintf(mirror->url, sizeof(mirror->url), "%.*s",
                       (int)(length - (get->ask.mirrors[i][length - 1] == '/')),
                       get->ask.mirrors[i]);
        get->source.mirror_count = get->ask.mirror_count;
        get->source.grid[0] = '\0'; /* it may serve a part of the grid */
    }
    return rc == 0 ? fl_providers_apply(fl_world_real(), get->ask.site, &get->source, reterr) : rc;
}

struct name_of {
    const struct get *get;
    struct fl_lead lead;
};

static int expand_name(const char *name, const char *format, struct fl_buf *out,
                       struct fl_err *reterr, void *arg)
{
    const struct name_of *of = arg;

    return fl_expand_time(name, format, of->get->cycle, &of->lead, out, reterr);
}

static int make_want(const struct get *get, struct fl_lead lead, struct fl_fetch_want *want,
                     struct fl_err *reterr)
{
    struct name_of of = {.get = get, .lead = lead};
    fl_auto(fl_buf_release) struct fl_buf name;
    char text[FL_TIME_TEXT_MAX];
    char sets[300];
    int rc = 0;

    fl_buf_init(&name, 0);
    *want = (struct fl_fetch_want){.lead = lead,
                                   .valid = fl_cycle_add(get->cycle, lead),
                                   .cycle = get->cycle,
                                   .source_lead = lead};
    if (get->ask.series_text)
        rc = fl_series_map(&get->series, want->valid, &want->cycle, &want->source_lead, reterr);
    if (rc < 0)
        return rc;
    fl_lead_format(want->source_lead, text);
    fl_source_leads_text(&get->source, want->cycle, sets, sizeof(sets));
    if (!fl_source_has_lead(&get->source, want->cycle, want->source_lead))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "source '%s' has no lead %s; accepted: %s",
                          get->source.name, text, sets);
    fl_cycle_format(want->cycle, text);
    if (!fl_source_has_cycle(&get->source, want->cycle))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "source '%s' has no cycle %s", get->source.name,
                          text);
    if (fl_expand(get->ask.name_pattern, expand_name, &name, reterr, &of) < 0)
        return fl_err_note(reterr, FL_E_USAGE, "--name '%s'", get->ask.name_pattern);
    if (!fl_path_is_safe(name.data) || name.size >= sizeof(want->name))
        return fl_err_set(reterr, FL_E_USAGE, 0, "--name gives '%s', which is no plain file name",
                          name.data);
    (void)snprintf(want->name, sizeof(want->name), "%s", name.data);
    return 0;
}

static void source_place(const struct get *get, const struct fl_fetch_want *want, char *text,
                         size_t size)
{
    char cycle[FL_TIME_TEXT_MAX];
    char lead[FL_TIME_TEXT_MAX];

    fl_cycle_format(want->cycle, cycle);
    fl_lead_format_file(want->source_lead, lead);
    (void)snprintf(text, size, "%s cycle %s %s", get->source.name, cycle, lead);
}

static int lead_missing(struct get *get, const struct fl_fetch_end *end, struct fl_err *reterr)
{
    char place[160];
    char what[440];
    char cause[1024];

    source_place(get, end->want, place, sizeof(place));
    fl_log(get->ask.missing_is_absent ? FL_LOG_WARN : FL_LOG_ERROR, "transfer.missing",
           "file='%s' source='%s' waited_s=%.1f %s: %s", end->want->name, place,
           (double)end->wait_ns / 1e9,
           get->ask.missing_is_absent ? "given up; announced as absent" : "given up", end->why);
    if (!get->ask.missing_is_absent) {
        if (get->failed++ == 0)
            (void)fl_err_set(&get->first, end->rc, 0, "%s: %s", place, end->why);
        return 0;
    }
    get->absent++;
    if (end->rc == FL_E_NOT_YET)
        (void)snprintf(what, sizeof(what), "not present at the source");
    else
        (void)snprintf(what, sizeof(what), "%s: %.400s",
                       fl_err_class(end->rc) == FL_CLASS_DATA ? "refused" : "not to be had",
                       end->why);
    (void)snprintf(cause, sizeof(cause), "%s %s%s%s", place, what,
                   get->ask.missing_cause ? "; " : "",
                   get->ask.missing_cause ? get->ask.missing_cause : "");
    if (!get->ask.output)
        return 0;
    return fl_contract_absent(get->contract, get->ask.output, &end->want->lead, cause, NULL,
                              reterr);
}

static int lead_ended(const struct fl_fetch_end *end, struct fl_err *reterr, void *arg)
{
    struct get *get = arg;
    char path[FL_PATH_MAX];
    char place[160];
    int rc = 0;

    if (end->rc < 0)
        return lead_missing(get, end, reterr);
    source_place(get, end->want, place, sizeof(place));
    get->whole++;
    get->bytes += end->size;
    fl_log(FL_LOG_INFO, end->reused ? "transfer.kept" : "transfer.whole",
           "file='%s' source='%s' bytes=%" PRIu64 " after_s=%.1f", end->want->name, place,
           end->size, (double)end->wait_ns / 1e9);
    if (get->ask.output)
        rc = fl_command_announced(get->contract, get->ask.to, end->want->name, path, sizeof(path),
                                  reterr);
    if (rc == 0 && get->ask.output)
        rc = fl_contract_output(get->contract, get->ask.output, &end->want->lead, path, reterr);
    if (rc == 0)
        rc = fl_contract_progress_fraction(
            get->contract, (double)(get->whole + get->absent) / (double)fl_leads_count(&get->leads),
            reterr);
    return rc;
}

static void lead_note(const struct fl_fetch_want *want, const char *event, const char *text,
                      void *arg)
{
    (void)arg;
    fl_log(strcmp(event, "transfer.refused") == 0 ? FL_LOG_WARN : FL_LOG_INFO, event,
           "file='%s' %s", want->name, text);
}

/* When each lead is looked for. The catalogue counts from the cycle time, the command line from
 * now. A mirror of one's own has its own times: there the first look is at once. */
static int set_times(const struct get *get, struct fl_fetch_want *wants, size_t count,
                     struct fl_err *reterr)
{
    int64_t now_s = fl_world_utc_ns(fl_world_real()) / SECOND_NS;
    int64_t give_up_s = 0;
    int rc = get->ask.give_up ? fl_duration_parse(get->ask.give_up, &give_up_s, reterr) : 0;

    if (rc == 0 && give_up_s < 0)
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "--give-up must not be negative");
    for (size_t i = 0; rc == 0 && i < count; i++) {
        int64_t after_s = fl_source_expected_s(&get->source, wants[i].source_lead);
        int64_t wait_s = wants[i].cycle.s + after_s - now_s;
        int64_t end_s = wants[i].cycle.s + get->source.give_up_s - now_s;

        if (get->ask.mirror_count > 0 || wait_s < 0)
            wait_s = 0;
        if (get->ask.give_up)
            end_s = wait_s + give_up_s;
        wants[i].wait_ns = wait_s * SECOND_NS;
        wants[i].give_up_ns = (end_s > 0 ? end_s : 0) * SECOND_NS;
    }
    return rc == FL_E_PARSE ? FL_E_USAGE : rc;
}

static void book_fails(const char *text, void *arg)
{
    (void)arg;
    fl_log(FL_LOG_WARN, "transfer.book", "%s", text);
}

/* A site that has no place for a book goes without. */
static int open_book(const struct get *get, struct fl_book **ret_book, struct fl_err *reterr)
{
    struct fl_err why = {0};
    char folder[FL_PATH_MAX];
    int rc = fl_book_folder(get->ask.book, folder, sizeof(folder), &why);

    if (rc < 0 && get->ask.book)
        return fl_err_set(reterr, rc, 0, "%s", why.text);
    if (rc < 0)
        book_fails(why.text, NULL);
    return fl_book_open(fl_world_real(), rc < 0 ? NULL : folder, book_fails, NULL, ret_book,
                        reterr);
}

static int get_source(struct get *get, struct fl_err *reterr)
{
    const struct fl_world *world = fl_world_real();
    fl_auto(fl_ask_destroy) struct fl_ask *ask = NULL;
    fl_auto(fl_book_close) struct fl_book *book = NULL;
    const struct fl_ask_words words = {.selects = get->ask.selects,
                                       .select_count = get->ask.select_count,
                                       .keys = get->ask.keys,
                                       .key_count = get->ask.key_count,
                                       .with = get->ask.with,
                                       .with_count = get->ask.with_count,
                                       .area = get->ask.area};
    struct fl_fetch_options options = {.source = &get->source,
                                       .folder = get->folder,
                                       .inflight = get->ask.inflight,
                                       .limits = FL_HTTP_LIMITS_DEFAULT,
                                       .end = lead_ended,
                                       .note = lead_note,
                                       .arg = get};
    size_t count = fl_leads_count(&get->leads);
    struct fl_fetch_want *wants = calloc(count, sizeof(*wants));
    int64_t poll_s = get->source.poll_s;
    int rc = wants ? fl_ask_create(&get->source, &words, &ask, reterr)
                   : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for %zu leads", count);

    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = make_want(get, fl_leads_at(&get->leads, i), &wants[i], reterr);
    if (rc == 0)
        rc = set_times(get, wants, count, reterr);
    if (rc == 0 && get->ask.poll)
        rc = fl_duration_parse(get->ask.poll, &poll_s, reterr);
    if (rc == 0 && poll_s <= 0)
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "--poll must be positive");
    if (rc == 0)
        rc = fl_dir_make(world, get->folder, 0755, reterr);
    if (rc == 0)
        rc = open_book(get, &book, reterr);
    options.ask = ask;
    options.book = book;
    options.ca = get->ask.ca;
    options.poll_ns = poll_s * SECOND_NS;
    if (rc == 0)
        rc = fl_fetch_run(world, &options, wants, count, reterr);
    free(wants);
    if (rc < 0)
        return rc;
    fl_log(FL_LOG_INFO, "transfer.done",
           "source='%s' whole=%zu absent=%zu failed=%zu bytes=%" PRIu64, get->source.name,
           get->whole, get->absent, get->failed, get->bytes);
    if (get->failed > 0)
        return fl_err_set(reterr, get->first.code, 0,
                          "%zu of %zu leads were not got; the first: %s", get->failed, count,
                          get->first.text);
    return 0;
}

int fl_command_get(int argc, char **argv, struct fl_err *reterr)
{
    struct get *get = calloc(1, sizeof(*get));
    int rc = get ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0)
        rc = fl_get_parse(&get->ask, argc, argv, reterr);
    if (rc == 0)
        rc = fl_contract_open(&get->contract, reterr);
    if (rc == 0 && get->ask.url) {
        rc = get->ask.to ? fl_get_url(get->contract, get->ask.url, get->ask.to, get->ask.sha256,
                                      get->ask.size, get->ask.output, reterr)
                         : fl_err_set(reterr, FL_E_USAGE, 0, "get URL needs --to FILE");
    } else if (rc == 0) {
        rc = settle_request(get, reterr);
        if (rc == 0)
            rc = get_source(get, reterr);
    }
    if (get)
        fl_contract_close(get->contract);
    free(get);
    return rc;
}
