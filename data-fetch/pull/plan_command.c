/* plan: what a get would ask for; fetches nothing but an index that is named. */
#include "config.h"

#include "data-fetch/pull/plan_command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/http/http.h"
#include "data-fetch/source/series.h"
#include "engine/base/json.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define EXPERIENCE_MIN 3 /* cycles that are believed more than the catalogue */

struct planning {
    const char *source_name;
    const char *catalogue;
    const char *cycle_text;
    const char *leads_text;
    const char *series_text;
    const char *index;
    const char *area;
    const char *book;
    const char *selects[FL_PLAN_SELECT_MAX];
    size_t select_count;
    const char *keys[FL_ASK_KEYS_MAX];
    size_t key_count;
    const char *with[FL_SOURCE_DIMENSIONS_MAX];
    size_t with_count;
    bool json;
};

/* ---- the command line ---- */

/* An option that may stand there more than once. */
static int add_to(const char **list, size_t *count, size_t max, const char *option,
                  struct fl_err *reterr)
{
    if (*count == max)
        return fl_err_set(reterr, FL_E_USAGE, 0, "more than %zu times %s", max, option);
    list[(*count)++] = optarg;
    return 0;
}

static int take_option(struct planning *planning, int code, struct fl_err *reterr)
{
    const struct {
        int code;
        const char **slot;
    } texts[] = {
        {'s', &planning->source_name}, {'c', &planning->catalogue},   {'y', &planning->cycle_text},
        {'l', &planning->leads_text},  {'r', &planning->series_text}, {'i', &planning->index},
        {'a', &planning->area},        {'b', &planning->book},
    };

    for (size_t i = 0; i < FL_COUNT(texts); i++) {
        if (texts[i].code == code)
            *texts[i].slot = optarg;
    }
    switch (code) {
    case 'e':
        return add_to(planning->selects, &planning->select_count, FL_PLAN_SELECT_MAX, "--select",
                      reterr);
    case 'k':
        return add_to(planning->keys, &planning->key_count, FL_ASK_KEYS_MAX, "--keys", reterr);
    case 'w':
        return add_to(planning->with, &planning->with_count, FL_SOURCE_DIMENSIONS_MAX, "--with",
                      reterr);
    case 'j':
        planning->json = true;
        return 0;
    default:
        return 0;
    }
}

static int parse_options(struct planning *planning, int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"source", required_argument, NULL, 's'},
        {"catalogue", required_argument, NULL, 'c'},
        {"cycle", required_argument, NULL, 'y'},
        {"leads", required_argument, NULL, 'l'},
        {"series", required_argument, NULL, 'r'},
        {"index", required_argument, NULL, 'i'},
        {"select", required_argument, NULL, 'e'},
        {"keys", required_argument, NULL, 'k'},
        {"with", required_argument, NULL, 'w'},
        {"area", required_argument, NULL, 'a'},
        {"book", required_argument, NULL, 'b'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    int code;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        int rc;

        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        rc = take_option(planning, code, reterr);
        if (rc < 0)
            return rc;
    }
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    if (!planning->source_name || !planning->cycle_text || !planning->leads_text)
        return fl_err_set(reterr, FL_E_USAGE, 0, "plan needs --source, --cycle and --leads");
    return 0;
}

/* ---- the index ---- */

struct fetched {
    struct fl_buf *out;
    int rc;
    struct fl_err err;
};

static void index_came(const struct fl_http_reply *reply, void *arg)
{
    struct fetched *fetched = arg;

    if (reply->rc < 0)
        fetched->rc = fl_err_set(&fetched->err, reply->rc, 0, "%s", reply->why);
    else if (reply->status != 200)
        fetched->rc = fl_err_set(&fetched->err, reply->status == 404 ? FL_E_NOT_YET : FL_E_NET, 0,
                                 "the server answered %ld", reply->status);
    else
        fl_buf_add(fetched->out, reply->body, reply->size);
}

static int fetch_index(const char *url, struct fl_buf *out, struct fl_err *reterr)
{
    const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    fl_auto(fl_http_destroy) struct fl_http *http = NULL;
    struct fetched fetched = {.out = out};
    struct fl_http_request request = {
        .url = url, .body_max = FL_INDEX_BYTES_MAX, .done = index_came, .arg = &fetched};
    int rc = fl_http_create(&limits, &http, reterr);

    if (rc == 0)
        rc = fl_http_start(http, &request, NULL, reterr);
    while (rc == 0 && fl_http_active(http) > 0)
        rc = fl_http_turn(http, -1, reterr);
    if (rc == 0 && fetched.rc < 0)
        rc = fl_err_set(reterr, fetched.rc, 0, "%s", fetched.err.text);
    return rc;
}

static int read_plan(const struct planning *planning, const struct fl_ask *ask, struct fl_lead lead,
                     struct fl_plan **ret_plan, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    bool remote =
        strncmp(planning->index, "http://", 7) == 0 || strncmp(planning->index, "https://", 8) == 0;
    int rc;

    fl_buf_init(&text, 0);
    if (fl_ask_source(ask)->index_kind == FL_INDEX_NONE)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "--index: source '%s' has no index: its files come whole",
                          fl_ask_source(ask)->name);
    rc = remote ? fetch_index(planning->index, &text, reterr)
                : fl_file_read(fl_world_real(), planning->index, FL_INDEX_BYTES_MAX, &text, reterr);
    if (rc == 0)
        rc = fl_ask_estimate(ask, 0, lead, text.data, text.size, ret_plan, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "index '%s'", planning->index) : 0;
}

/* ---- leads ---- */

static int plan_lead(const struct planning *planning, const struct fl_source *source,
                     const struct fl_series *series, struct fl_cycle cycle,
                     struct fl_plan_lead *lead, struct fl_err *reterr)
{
    char text[FL_TIME_TEXT_MAX];
    char sets[300];
    int rc = 0;

    lead->cycle = cycle;
    lead->source_lead = lead->lead;
    lead->valid = fl_cycle_add(cycle, lead->lead);
    if (planning->series_text)
        rc = fl_series_map(series, lead->valid, &lead->cycle, &lead->source_lead, reterr);
    if (rc < 0)
        return rc;
    fl_source_leads_text(source, lead->cycle, sets, sizeof(sets));
    fl_lead_format(lead->source_lead, text);
    if (!fl_source_has_lead(source, lead->cycle, lead->source_lead))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "source '%s' has no lead %s; accepted: %s",
                          source->name, text, sets);
    fl_cycle_format(lead->cycle, text);
    if (!fl_source_has_cycle(source, lead->cycle))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "source '%s' has no cycle %s", source->name,
                          text);
    return 0;
}

/* What is known by experience, else by the catalogue. */
static void ask_experience(struct fl_book *book, const struct fl_source *source,
                           struct fl_plan_lead *lead)
{
    struct fl_book_arrival arrival = {0};
    struct fl_book_size size = {0};

    fl_book_arrival(book, source->name, lead->source_lead, &arrival);
    fl_book_size(book, source->name, lead->cycle, lead->source_lead, "*", &size);
    lead->expected.s = lead->cycle.s + fl_source_expected_s(source, lead->source_lead);
    if (arrival.count >= EXPERIENCE_MIN) {
        lead->cycles = arrival.count;
        lead->expected.s = lead->cycle.s + arrival.median_s;
    }
    lead->usual_bytes = size.count > 0 ? size.bytes : 0;
}

/* The first mirror whose speed is known. */
static void ask_speed(struct fl_book *book, struct fl_planned *planned)
{
    const struct fl_source *source = fl_ask_source(planned->ask);

    for (size_t i = 0; i < source->mirror_count && planned->speed.bytes_s <= 0; i++) {
        double h1 = fl_book_rate(book, source->mirrors[i].provider, "h1");
        double h2 = fl_book_rate(book, source->mirrors[i].provider, "h2");

        planned->speed = (struct fl_plan_speed){.mirror = i, .bytes_s = h1 > h2 ? h1 : h2};
    }
}

static int plan_leads(const struct planning *planning, const struct fl_source *source,
                      struct fl_planned *planned, struct fl_err *reterr)
{
    struct fl_series series = {0};
    struct fl_leads leads;
    struct fl_cycle cycle;
    fl_auto(fl_book_close) struct fl_book *book = NULL;
    char folder[FL_PATH_MAX];
    bool has_book = fl_book_folder(planning->book, folder, sizeof(folder), NULL) == 0 &&
                    fl_file_exists(fl_world_real(), folder);
    int rc = fl_cycle_parse(planning->cycle_text, &cycle, reterr);

    if (rc == 0)
        rc = fl_leads_parse(planning->leads_text, &leads, reterr);
    if (rc == 0 && planning->series_text)
        rc = fl_series_parse(planning->series_text, &series, reterr);
    if (rc < 0)
        return FL_E_USAGE;
    rc = fl_book_open(fl_world_real(), has_book ? folder : NULL, NULL, NULL, &book, reterr);
    if (rc < 0)
        return rc;
    planned->leads = calloc(fl_leads_count(&leads), sizeof(*planned->leads));
    if (!planned->leads)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for %zu leads",
                          fl_leads_count(&leads));
    for (size_t i = 0; i < fl_leads_count(&leads) && rc == 0; i++) {
        struct fl_plan_lead *lead = &planned->leads[planned->count++];

        lead->lead = fl_leads_at(&leads, i);
        rc = plan_lead(planning, source, &series, cycle, lead, reterr);
        ask_experience(book, source, lead);
    }
    ask_speed(book, planned);
    return rc;
}

static int tell(const struct planning *planning, const struct fl_planned *planned,
                struct fl_err *reterr)
{
    fl_json_auto json_t *json = NULL;
    char *text = NULL;
    int rc;

    if (!planning->json)
        return fl_planned_print(planned, reterr);
    rc = fl_planned_json(planned, &json, reterr);
    if (rc == 0)
        text = fl_json_text(json);
    if (rc == 0 && !text)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        (void)printf("%s\n", text);
    free(text);
    return rc;
}

int fl_command_plan(int argc, char **argv, struct fl_err *reterr)
{
    struct planning planning = {0};
    struct fl_source *source = calloc(1, sizeof(*source));
    fl_auto(fl_ask_destroy) struct fl_ask *ask = NULL;
    fl_auto(fl_plan_destroy) struct fl_plan *plan = NULL;
    struct fl_planned planned = {.now_s = fl_world_utc_ns(fl_world_real()) / SECOND_NS};
    struct fl_ask_words words;
    int rc = source ? parse_options(&planning, argc, argv, reterr)
                    : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0)
        rc = fl_source_find(fl_world_real(), planning.catalogue, planning.source_name, source,
                            reterr);
    words = (struct fl_ask_words){.selects = planning.selects,
                                  .select_count = planning.select_count,
                                  .keys = planning.keys,
                                  .key_count = planning.key_count,
                                  .with = planning.with,
                                  .with_count = planning.with_count,
                                  .area = planning.area};
    if (rc == 0)
        rc = fl_ask_create(source, &words, &ask, reterr);
    planned.ask = ask;
    if (rc == 0)
        rc = plan_leads(&planning, source, &planned, reterr);
    if (rc == 0 && planning.index)
        rc = read_plan(&planning, ask, planned.leads[0].source_lead, &plan, reterr);
    planned.plan = plan;
    planned.index = planning.index;
    if (rc == 0)
        rc = tell(&planning, &planned, reterr);
    free(planned.leads);
    fl_ask_destroy(FL_STEAL(ask)); /* it borrows the source */
    free(source);
    return rc;
}
