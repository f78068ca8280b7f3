/* Sources in words. */
#include "config.h"

#include "data-fetch/source/describe.h"

#include <inttypes.h>
#include <string.h>

#include "engine/base/banned.h"

#define HOURS_ALL 0xffffffu
#define VALUES_SHOWN 12

static const char *const index_kinds[] = {"none", "idx", "ecmwf"};
static const char *const formats[] = {"grib", "netcdf"};
static const char *const acts[] = {"refuse", "warn", "pass"};
static const char *const packings[] = {"none", "bzip2"};

void fl_describe_cycles(const struct fl_source *source, char *text, size_t size)
{
    int64_t hours = source->every_s / 3600;
    size_t used = 0;

    text[0] = '\0';
    if (source->every_s % 3600 != 0 || source->offset_s % 3600 != 0) {
        char every[FL_TIME_TEXT_MAX];

        fl_duration_format(source->every_s, every);
        (void)snprintf(text, size, "every %s", every);
    } else if (hours == 1) {
        (void)snprintf(text, size, "hourly");
    } else if (hours == 24) {
        (void)snprintf(text, size, "daily at %02" PRId64, source->offset_s / 3600);
    } else if (hours < 6) {
        (void)snprintf(text, size, "every %" PRId64 " h", hours);
    } else {
        for (int64_t hour = source->offset_s / 3600; hour < 24 && used < size; hour += hours)
            used +=
                (size_t)snprintf(text + used, size - used, "%s%02" PRId64, used ? " " : "", hour);
    }
}

void fl_describe_last_lead(const struct fl_source *source, char *text, size_t size)
{
    int32_t last = INT32_MIN;

    for (size_t i = 0; i < source->leads_count; i++) {
        for (size_t k = 0; k < source->leads[i].count; k++)
            last = source->leads[i].sets[k].last.minutes > last
                       ? source->leads[i].sets[k].last.minutes
                       : last;
    }
    (void)snprintf(text, size, "%+d h", last / 60);
}

void fl_describe_after(int64_t seconds, char *text, size_t size)
{
    (void)snprintf(text, size, "+%" PRId64 "h%02" PRId64, seconds / 3600, seconds / 60 % 60);
}

/* "", or " (cycles of 00 06 from A until B)". */
static void describe_span(const struct fl_source_span *span, char *text, size_t size)
{
    char limit[FL_TIME_TEXT_MAX];
    size_t used = 0;

    text[0] = '\0';
    if (span->hours == HOURS_ALL && span->from.s == INT64_MIN && span->until.s == INT64_MAX)
        return;
    used += (size_t)snprintf(text, size, "  (cycles");
    for (int hour = 0; hour < 24 && span->hours != HOURS_ALL && used < size; hour++) {
        if (span->hours >> hour & 1)
            used += (size_t)snprintf(text + used, size - used, " %02d", hour);
    }
    if (span->from.s != INT64_MIN && used < size) {
        fl_cycle_format(span->from, limit);
        used += (size_t)snprintf(text + used, size - used, " from %s", limit);
    }
    if (span->until.s != INT64_MAX && used < size) {
        fl_cycle_format(span->until, limit);
        used += (size_t)snprintf(text + used, size - used, " before %s", limit);
    }
    if (used < size)
        (void)snprintf(text + used, size - used, ")");
}

static void print_duration(FILE *out, const char *name, int64_t seconds, const char *what)
{
    char text[FL_TIME_TEXT_MAX];

    fl_duration_format(seconds, text);
    (void)fprintf(out, "%-12s %s%s\n", name, text, what);
}

static void print_dimension(FILE *out, const struct fl_source_dimension *dim)
{
    (void)fprintf(out, "%-12s %s", "dimension", dim->name);
    if (dim->title[0])
        (void)fprintf(out, ", %s", dim->title);
    (void)fprintf(out, ":");
    for (size_t i = 0; i < dim->count; i++) {
        if (i == VALUES_SHOWN && dim->count > VALUES_SHOWN + 1) {
            (void)fprintf(out, " ... %s", dim->values[dim->count - 1]);
            break;
        }
        (void)fprintf(out, " %s", dim->values[i]);
    }
    if (dim->count == 0)
        (void)fprintf(out, " any");
    if (dim->standard[0])
        (void)fprintf(out, " (%s unless asked)\n", dim->standard);
    else
        (void)fprintf(out, " (to be asked for: --with %s=...)\n", dim->name);
}

static void print_where(FILE *out, const struct fl_source *source)
{
    char span[200];

    for (size_t i = 0; i < source->dimension_count; i++)
        print_dimension(out, &source->dimensions[i]);
    for (size_t i = 0; i < source->path_count; i++) {
        describe_span(&source->paths[i].span, span, sizeof(span));
        (void)fprintf(out, "%-12s %s%s\n", i ? "" : "path", source->paths[i].pattern, span);
    }
    (void)fprintf(out, "%-12s %s%s%s", "index", index_kinds[source->index_kind],
                  source->index[0] ? ", " : "", source->index);
    if (source->index_replaces[0])
        (void)fprintf(out, " in place of %s", source->index_replaces);
    (void)fprintf(out, "\n%-12s %s", "format", formats[source->format]);
    if (source->packing != FL_PACKING_NONE)
        (void)fprintf(out, ", packed with %s", packings[source->packing]);
    (void)fprintf(out, "\n");
    for (size_t i = 0; i < source->mirror_count; i++) {
        const struct fl_source_mirror *mirror = &source->mirrors[i];
        char keeps[FL_TIME_TEXT_MAX];

        (void)fprintf(out, "%-12s %s\n%-12s   %d connections", i ? "" : "mirrors", mirror->url, "",
                      mirror->connections);
        if (mirror->per_minute)
            (void)fprintf(out, ", %d requests a minute", mirror->per_minute);
        (void)fprintf(out, ", counted for %s", mirror->provider);
        if (mirror->keeps_s) {
            fl_duration_format(mirror->keeps_s, keeps);
            (void)fprintf(out, ", keeps %s", keeps);
        }
        (void)fprintf(out, "\n");
    }
}

static void print_expects(FILE *out, const struct fl_source *source)
{
    if (source->grid[0])
        (void)fprintf(out, "%-12s %s\n", "grid", source->grid);
    for (size_t i = 0; i < source->expect_count; i++)
        (void)fprintf(out, "%-12s %s%s%s\n", i ? "" : "holds", source->expects[i].keys,
                      source->expects[i].when[0] ? "  when " : "", source->expects[i].when);
}

void fl_describe_print(const struct fl_source *source, const char *path, FILE *out)
{
    char cycles[80];
    char text[300];
    char span[200];

    fl_describe_cycles(source, cycles, sizeof(cycles));
    (void)fprintf(out, "%s\n%s\n\n", source->name, source->title);
    (void)fprintf(out, "%-12s %s\n", "cycles", cycles);
    for (size_t i = 0; i < source->leads_count; i++) {
        size_t used = 0;

        for (size_t k = 0; k < source->leads[i].count && used < sizeof(text); k++) {
            char set[80];

            fl_leads_format(&source->leads[i].sets[k], set, sizeof(set));
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", k ? ", " : "", set);
        }
        describe_span(&source->leads[i].span, span, sizeof(span));
        (void)fprintf(out, "%-12s %s%s\n", i ? "" : "leads", text, span);
    }
    print_where(out, source);
    print_expects(out, source);
    for (size_t i = 0; i < source->arrival_count; i++) {
        char lead[FL_TIME_TEXT_MAX];

        fl_lead_format(source->arrivals[i].lead, lead);
        fl_describe_after(source->arrivals[i].after_s, text, sizeof(text));
        (void)fprintf(out, "%-12s %s at cycle %s\n", i ? "" : "there", lead, text);
    }
    print_duration(out, "first look", source->first_s, " after the cycle");
    print_duration(out, "then every", source->poll_s, "");
    print_duration(out, "given up", source->give_up_s, " after the cycle");
    (void)fprintf(out, "%-12s %s\n", "a web page",
                  source->html_is_not_yet ? "means: not there yet" : "is refused");
    if (source->index_kind != FL_INDEX_NONE)
        (void)fprintf(out, "%-12s up to %" PRIu64 " bytes between two messages\n", "fetched along",
                      source->merge_gap_bytes);
    (void)fprintf(out, "%-12s below %d %% of the median of %d cycles: %s; another count: %s\n",
                  "history", source->history.percent, source->history.cycles,
                  acts[source->history.few], acts[source->history.changed]);
    (void)fprintf(out, "%-12s %s\n", "terms", source->licence);
    if (source->credit[0])
        (void)fprintf(out, "%-12s %s\n", "credit", source->credit);
    (void)fprintf(out, "%-12s %s\n", "file", path);
}

/* ---- JSON ---- */

/* Takes the value; false when it or the memory is missing. */
static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static bool put_duration(json_t *object, const char *key, int64_t seconds)
{
    char text[FL_TIME_TEXT_MAX];

    fl_duration_format(seconds, text);
    return put(object, key, json_string(text));
}

static bool put_span(json_t *object, const struct fl_source_span *span)
{
    char text[FL_TIME_TEXT_MAX];
    json_t *hours = json_array();
    bool good = hours != NULL;

    for (int hour = 0; good && hour < 24; hour++) {
        (void)snprintf(text, sizeof(text), "%02d", hour);
        if (span->hours >> hour & 1)
            good = json_array_append_new(hours, json_string(text)) == 0;
    }
    if (span->hours == HOURS_ALL)
        json_decref(hours);
    else
        good = put(object, "hours", hours) && good;
    if (good && span->from.s != INT64_MIN) {
        fl_cycle_format(span->from, text);
        good = put(object, "from", json_string(text));
    }
    if (good && span->until.s != INT64_MAX) {
        fl_cycle_format(span->until, text);
        good = put(object, "until", json_string(text));
    }
    return good;
}

static json_t *leads_json(const struct fl_source *source)
{
    json_t *list = json_array();
    bool good = list != NULL;

    for (size_t i = 0; good && i < source->leads_count; i++) {
        json_t *one = json_object();
        json_t *sets = json_array();

        good = json_array_append_new(list, one) == 0 && put(one, "sets", sets) &&
               put_span(one, &source->leads[i].span);
        for (size_t k = 0; good && k < source->leads[i].count; k++) {
            char text[80];

            fl_leads_format(&source->leads[i].sets[k], text, sizeof(text));
            good = json_array_append_new(sets, json_string(text)) == 0;
        }
    }
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *dimensions_json(const struct fl_source *source)
{
    json_t *list = json_array();
    bool good = list != NULL;

    for (size_t i = 0; good && i < source->dimension_count; i++) {
        const struct fl_source_dimension *dim = &source->dimensions[i];
        json_t *one = json_object();
        json_t *values = json_array();

        good = json_array_append_new(list, one) == 0 && put(one, "values", values) &&
               put(one, "name", json_string(dim->name)) &&
               put(one, "title", json_string(dim->title)) &&
               put(one, "default", dim->standard[0] ? json_string(dim->standard) : json_null());
        for (size_t k = 0; good && k < dim->count; k++)
            good = json_array_append_new(values, json_string(dim->values[k])) == 0;
    }
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *paths_json(const struct fl_source *source)
{
    json_t *list = json_array();
    bool good = list != NULL;

    for (size_t i = 0; good && i < source->path_count; i++) {
        json_t *one = json_object();

        good = json_array_append_new(list, one) == 0 &&
               put(one, "path", json_string(source->paths[i].pattern)) &&
               put_span(one, &source->paths[i].span);
    }
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *mirrors_json(const struct fl_source *source)
{
    json_t *list = json_array();
    bool good = list != NULL;

    for (size_t i = 0; good && i < source->mirror_count; i++) {
        const struct fl_source_mirror *mirror = &source->mirrors[i];
        json_t *one = json_object();

        good = json_array_append_new(list, one) == 0 && put(one, "url", json_string(mirror->url)) &&
               put(one, "provider", json_string(mirror->provider)) &&
               put(one, "connections", json_integer(mirror->connections)) &&
               put(one, "per_minute",
                   mirror->per_minute ? json_integer(mirror->per_minute) : json_null());
        if (good && mirror->keeps_s)
            good = put_duration(one, "keeps", mirror->keeps_s);
    }
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *arrivals_json(const struct fl_source *source)
{
    json_t *list = json_array();
    bool good = list != NULL;

    for (size_t i = 0; good && i < source->arrival_count; i++) {
        json_t *one = json_object();
        char lead[FL_TIME_TEXT_MAX];

        fl_lead_format(source->arrivals[i].lead, lead);
        good = json_array_append_new(list, one) == 0 && put(one, "lead", json_string(lead)) &&
               put_duration(one, "after", source->arrivals[i].after_s);
    }
    if (good)
        return list;
    json_decref(list);
    return NULL;
}

json_t *fl_describe_json(const struct fl_source *source, const char *path)
{
    json_t *out = json_object();
    bool good =
        out && put(out, "name", json_string(source->name)) &&
        put(out, "title", json_string(source->title)) &&
        put(out, "licence", json_string(source->licence)) &&
        put(out, "credit", json_string(source->credit)) && put(out, "file", json_string(path)) &&
        put_duration(out, "every", source->every_s) &&
        put_duration(out, "offset", source->offset_s) && put(out, "leads", leads_json(source)) &&
        put(out, "dimensions", dimensions_json(source)) && put(out, "paths", paths_json(source)) &&
        put(out, "index", json_string(index_kinds[source->index_kind])) &&
        put(out, "format", json_string(formats[source->format])) &&
        put(out, "packing", json_string(packings[source->packing])) &&
        put(out, "mirrors", mirrors_json(source)) && put(out, "grid", json_string(source->grid)) &&
        put(out, "arrivals", arrivals_json(source)) &&
        put_duration(out, "first", source->first_s) && put_duration(out, "poll", source->poll_s) &&
        put_duration(out, "give_up", source->give_up_s) &&
        put(out, "html", json_string(source->html_is_not_yet ? "not-yet" : "refuse")) &&
        put(out, "merge_gap", json_integer((json_int_t)source->merge_gap_bytes));

    if (good)
        return out;
    json_decref(out);
    return NULL;
}
