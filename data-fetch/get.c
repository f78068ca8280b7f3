/* get: the leads of a source, or one URL. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command.h"
#include "data-fetch/fetch.h"
#include "data-fetch/series.h"
#include "engine/base/expand.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "stages/common/contract.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)

/* What the command line says, and what follows from it. */
struct get {
    const char *source_name;
    const char *catalogue;
    const char *cycle_text;
    const char *leads_text;
    const char *series_text;
    const char *name_pattern;
    const char *to;
    const char *output;
    const char *poll;
    const char *give_up;
    const char *missing_cause;
    const char *sha256;
    const char *selects[FL_PLAN_SELECT_MAX];
    size_t select_count;
    const char *mirrors[FL_SOURCE_MIRRORS_MAX];
    size_t mirror_count;
    int64_t size;
    size_t inflight;
    bool missing_is_absent;

    struct fl_contract *contract;
    struct fl_source source;
    struct fl_cycle cycle;
    struct fl_leads leads;
    struct fl_series series;
    size_t whole;
    size_t absent;
    size_t failed;
    uint64_t bytes;
    struct fl_err first; /* why the first lead failed */
};

static int parse_whole(const char *name, const char *text, int64_t low, int64_t high,
                       int64_t *ret_value, struct fl_err *reterr)
{
    char *end = NULL;
    long long value = strtoll(text, &end, 10);

    if (end == text || *end || value < low || value > high)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "%s '%s' is not a whole number from %" PRId64 " to %" PRId64, name, text,
                          low, high);
    *ret_value = value;
    return 0;
}

static int add_to(const char **list, size_t *count, size_t max, const char *what, const char *value,
                  struct fl_err *reterr)
{
    if (*count >= max)
        return fl_err_set(reterr, FL_E_USAGE, 0, "more than %zu times %s", max, what);
    list[(*count)++] = value;
    return 0;
}

enum option_code {
    OPT_SOURCE = 256,
    OPT_CATALOGUE,
    OPT_MIRROR,
    OPT_CYCLE,
    OPT_LEADS,
    OPT_SERIES,
    OPT_SELECT,
    OPT_NAME,
    OPT_TO,
    OPT_OUTPUT,
    OPT_POLL,
    OPT_GIVE_UP,
    OPT_ON_MISSING,
    OPT_MISSING_CAUSE,
    OPT_SHA256,
    OPT_SIZE,
    OPT_INFLIGHT,
};

static int on_missing(struct get *get, const char *value, struct fl_err *reterr)
{
    get->missing_is_absent = strcmp(value, "absent") == 0;
    if (!get->missing_is_absent && strcmp(value, "fail") != 0)
        return fl_err_set(reterr, FL_E_USAGE, 0, "--on-missing '%s'; accepted: fail, absent",
                          value);
    return 0;
}

/* The options that take a plain text. */
static const char **text_option(struct get *get, int code)
{
    const struct {
        int code;
        const char **slot;
    } texts[] = {
        {OPT_SOURCE, &get->source_name},
        {OPT_CATALOGUE, &get->catalogue},
        {OPT_CYCLE, &get->cycle_text},
        {OPT_LEADS, &get->leads_text},
        {OPT_SERIES, &get->series_text},
        {OPT_NAME, &get->name_pattern},
        {OPT_TO, &get->to},
        {OPT_OUTPUT, &get->output},
        {OPT_POLL, &get->poll},
        {OPT_GIVE_UP, &get->give_up},
        {OPT_MISSING_CAUSE, &get->missing_cause},
        {OPT_SHA256, &get->sha256},
    };

    for (size_t i = 0; i < FL_COUNT(texts); i++) {
        if (texts[i].code == code)
            return texts[i].slot;
    }
    return NULL;
}

static int parse_option(struct get *get, int code, const char *value, struct fl_err *reterr)
{
    const char **text = text_option(get, code);
    int64_t number = 0;
    int rc = 0;

    if (text) {
        *text = value;
    } else if (code == OPT_MIRROR) {
        rc = add_to(get->mirrors, &get->mirror_count, FL_SOURCE_MIRRORS_MAX, "--mirror", value,
                    reterr);
    } else if (code == OPT_SELECT) {
        rc =
            add_to(get->selects, &get->select_count, FL_PLAN_SELECT_MAX, "--select", value, reterr);
    } else if (code == OPT_ON_MISSING) {
        rc = on_missing(get, value, reterr);
    } else if (code == OPT_SIZE) {
        rc = parse_whole("--size", value, 0, INT64_MAX, &get->size, reterr);
    } else {
        rc = parse_whole("--inflight", value, 1, FL_FETCH_INFLIGHT_MAX, &number, reterr);
        get->inflight = (size_t)number;
    }
    return rc;
}

static int parse_options(struct get *get, int argc, char **argv, const char **ret_url,
                         struct fl_err *reterr)
{
    static const struct option options[] = {
        {"source", required_argument, NULL, OPT_SOURCE},
        {"catalogue", required_argument, NULL, OPT_CATALOGUE},
        {"mirror", required_argument, NULL, OPT_MIRROR},
        {"cycle", required_argument, NULL, OPT_CYCLE},
        {"leads", required_argument, NULL, OPT_LEADS},
        {"series", required_argument, NULL, OPT_SERIES},
        {"select", required_argument, NULL, OPT_SELECT},
        {"name", required_argument, NULL, OPT_NAME},
        {"to", required_argument, NULL, OPT_TO},
        {"output", required_argument, NULL, OPT_OUTPUT},
        {"poll", required_argument, NULL, OPT_POLL},
        {"give-up", required_argument, NULL, OPT_GIVE_UP},
        {"on-missing", required_argument, NULL, OPT_ON_MISSING},
        {"missing-cause", required_argument, NULL, OPT_MISSING_CAUSE},
        {"sha256", required_argument, NULL, OPT_SHA256},
        {"size", required_argument, NULL, OPT_SIZE},
        {"inflight", required_argument, NULL, OPT_INFLIGHT},
        {NULL, 0, NULL, 0},
    };
    int code;
    int rc = 0;

    opterr = 0;
    optind = 1;
    while (rc == 0 && (code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        rc = parse_option(get, code, optarg, reterr);
    }
    if (rc == 0 && optind < argc)
        *ret_url = argv[optind++];
    if (rc == 0 && optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    return rc;
}

/* What the command line leaves out comes from the environment of the stage. */
static int settle_request(struct get *get, struct fl_err *reterr)
{
    const struct fl_contract_env *env = fl_contract_env(get->contract);
    int rc;

    if (!get->cycle_text)
        get->cycle_text = env->cycle;
    if (!get->leads_text)
        get->leads_text = env->lead;
    if (!get->to)
        get->to = env->output_dir ? env->output_dir : ".";
    if (!get->source_name || !get->cycle_text || !get->leads_text || !get->name_pattern)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "get needs --source, --cycle, --leads and --name (or a URL and --to "
                          "FILE)");
    rc = fl_source_find(fl_world_real(), get->catalogue, get->source_name, &get->source, reterr);
    if (rc == 0)
        rc = fl_cycle_parse(get->cycle_text, &get->cycle, reterr);
    if (rc == 0)
        rc = fl_leads_parse(get->leads_text, &get->leads, reterr);
    if (rc == 0 && get->series_text)
        rc = fl_series_parse(get->series_text, &get->series, reterr);
    if (rc == FL_E_PARSE)
        rc = FL_E_USAGE;
    for (size_t i = 0; rc == 0 && i < get->mirror_count; i++) {
        struct fl_source_mirror *mirror = &get->source.mirrors[i];
        size_t length = strlen(get->mirrors[i]);

        if (length == 0 || length >= sizeof(mirror->url))
            return fl_err_set(reterr, FL_E_USAGE, 0, "--mirror '%.100s' is not a URL",
                              get->mirrors[i]);
        *mirror = (struct fl_source_mirror){.connections = FL_FETCH_INFLIGHT_MAX};
        (void)snprintf(mirror->url, sizeof(mirror->url), "%.*s",
                       (int)(length - (get->mirrors[i][length - 1] == '/')), get->mirrors[i]);
        get->source.mirror_count = get->mirror_count;
    }
    return rc;
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
    int rc = 0;

    fl_buf_init(&name, 0);
    *want = (struct fl_fetch_want){.lead = lead,
                                   .valid = fl_cycle_add(get->cycle, lead),
                                   .cycle = get->cycle,
                                   .source_lead = lead};
    if (get->series_text)
        rc = fl_series_map(&get->series, want->valid, &want->cycle, &want->source_lead, reterr);
    if (rc < 0)
        return rc;
    fl_lead_format(want->source_lead, text);
    if (!fl_source_has_lead(&get->source, want->source_lead))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "source '%s' has no lead %s", get->source.name,
                          text);
    fl_cycle_format(want->cycle, text);
    if (!fl_source_has_cycle(&get->source, want->cycle))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "source '%s' has no cycle %s", get->source.name,
                          text);
    if (fl_expand(get->name_pattern, expand_name, &name, reterr, &of) < 0)
        return fl_err_note(reterr, FL_E_USAGE, "--name '%s'", get->name_pattern);
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
    char cause[1024];

    source_place(get, end->want, place, sizeof(place));
    fl_log(get->missing_is_absent ? FL_LOG_WARN : FL_LOG_ERROR, "transfer.missing",
           "lead=%s source='%s' waited_s=%.1f %s: %s", end->want->name, place,
           (double)end->wait_ns / 1e9,
           get->missing_is_absent ? "given up; announced as absent" : "given up", end->why);
    if (!get->missing_is_absent) {
        if (get->failed++ == 0)
            (void)fl_err_set(&get->first, end->rc, 0, "%s: %s", place, end->why);
        return 0;
    }
    get->absent++;
    (void)snprintf(cause, sizeof(cause), "%s not present at the source%s%s", place,
                   get->missing_cause ? "; " : "", get->missing_cause ? get->missing_cause : "");
    if (!get->output)
        return 0;
    return fl_contract_absent(get->contract, get->output, &end->want->lead, cause, NULL, reterr);
}

static int lead_ended(const struct fl_fetch_end *end, struct fl_err *reterr, void *arg)
{
    struct get *get = arg;
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
    if (get->output)
        rc = fl_contract_output(get->contract, get->output, &end->want->lead, end->path, reterr);
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

/* The give-up time after now: as told, else the catalogue's, which counts from the cycle. */
static int64_t give_up_after(const struct get *get, const struct fl_fetch_want *wants, size_t count)
{
    int64_t now_s = fl_world_utc_ns(fl_world_real()) / SECOND_NS;
    int64_t last_s = INT64_MIN;

    for (size_t i = 0; i < count; i++)
        last_s = wants[i].cycle.s > last_s ? wants[i].cycle.s : last_s;
    last_s += get->source.give_up_s;
    return last_s > now_s ? last_s - now_s : 0;
}

static int get_source(struct get *get, struct fl_err *reterr)
{
    const struct fl_world *world = fl_world_real();
    fl_auto(fl_select_destroy) struct fl_select *select = NULL;
    struct fl_fetch_options options = {.source = &get->source,
                                       .selects = get->selects,
                                       .select_count = get->select_count,
                                       .folder = get->to,
                                       .inflight = get->inflight,
                                       .limits = FL_HTTP_LIMITS_DEFAULT,
                                       .end = lead_ended,
                                       .note = lead_note,
                                       .arg = get};
    size_t count = fl_leads_count(&get->leads);
    struct fl_fetch_want *wants = calloc(count, sizeof(*wants));
    int64_t poll_s = get->source.poll_s;
    int64_t give_up_s = 0;
    int rc = wants ? fl_select_create(get->selects, get->select_count, &select, reterr)
                   : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for %zu leads", count);

    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = make_want(get, fl_leads_at(&get->leads, i), &wants[i], reterr);
    if (rc == 0)
        give_up_s = give_up_after(get, wants, count);
    if (rc == 0 && get->poll)
        rc = fl_duration_parse(get->poll, &poll_s, reterr);
    if (rc == 0 && get->give_up)
        rc = fl_duration_parse(get->give_up, &give_up_s, reterr);
    if (rc == 0 && (poll_s <= 0 || give_up_s < 0))
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "--poll must be positive, --give-up not negative");
    if (rc == 0)
        rc = fl_dir_make(world, get->to, 0755, reterr);
    options.select = select;
    options.poll_ns = poll_s * SECOND_NS;
    options.give_up_ns = give_up_s * SECOND_NS;
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
    const char *url = NULL;
    int rc = get ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0) {
        get->size = -1;
        rc = parse_options(get, argc, argv, &url, reterr);
    }
    if (rc == 0)
        rc = fl_contract_open(&get->contract, reterr);
    if (rc == 0 && url) {
        rc = get->to ? fl_get_url(get->contract, url, get->to, get->sha256, get->size, get->output,
                                  reterr)
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
