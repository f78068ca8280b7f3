/* The fields of a catalogue file, read strictly. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/keys.h"
#include "data-fetch/source/source_impl.h"

#include "engine/base/banned.h"

#define MERGE_GAP_DEFAULT 262144
#define MERGE_GAP_MAX (64 * 1024 * 1024)

typedef const struct config_setting_t setting;

static int read_cycles(const struct fl_source_reader *reader, setting *group)
{
    static const char *const keys[] = {"every", "offset", NULL};
    struct fl_source *source = reader->source;
    setting *cycles = NULL;
    int rc = fl_settings_group(reader->settings, group, "cycles", keys, true, &cycles, reader->err);

    if (rc == 0)
        rc = fl_settings_duration(reader->settings, cycles, "every", true, &source->every_s,
                                  reader->err);
    if (rc == 0)
        rc = fl_settings_duration(reader->settings, cycles, "offset", false, &source->offset_s,
                                  reader->err);
    if (rc == 0 && (source->every_s == 0 || 86400 % source->every_s != 0))
        rc = fl_settings_bad(reader->settings, cycles, reader->err, "'every' must divide a day");
    if (rc == 0 && source->offset_s >= source->every_s)
        rc = fl_settings_bad(reader->settings, cycles, reader->err,
                             "'offset' must be shorter than 'every'");
    return rc;
}

static int read_wait(const struct fl_source_reader *reader, setting *group)
{
    static const char *const keys[] = {"first", "poll", "give_up", NULL};
    struct fl_source *source = reader->source;
    setting *wait = NULL;
    int rc = fl_settings_group(reader->settings, group, "wait", keys, true, &wait, reader->err);

    if (rc == 0)
        rc = fl_settings_duration(reader->settings, wait, "first", true, &source->first_s,
                                  reader->err);
    if (rc == 0)
        rc = fl_settings_duration(reader->settings, wait, "poll", true, &source->poll_s,
                                  reader->err);
    if (rc == 0)
        rc = fl_settings_duration(reader->settings, wait, "give_up", true, &source->give_up_s,
                                  reader->err);
    if (rc == 0 && source->poll_s == 0)
        rc = fl_settings_bad(reader->settings, wait, reader->err, "'poll' is zero");
    if (rc == 0 && source->give_up_s < source->first_s)
        rc = fl_settings_bad(reader->settings, wait, reader->err, "'give_up' is before 'first'");
    return rc;
}

static int read_arrivals(const struct fl_source_reader *reader, setting *group)
{
    static const char *const keys[] = {"lead", "after", NULL};
    struct fl_source *source = reader->source;
    setting *list = NULL;
    int rc = fl_settings_list(reader->settings, group, "arrivals", 0, FL_SOURCE_ARRIVALS_MAX, &list,
                              &source->arrival_count, reader->err);

    for (size_t i = 0; rc == 0 && i < source->arrival_count; i++) {
        struct fl_source_arrival *arrival = &source->arrivals[i];
        setting *entry = fl_settings_at(list, i);
        const char *text = NULL;

        rc = fl_settings_known(reader->settings, entry, keys, reader->err);
        if (rc == 0)
            rc = fl_settings_text(reader->settings, entry, "lead", true, &text, reader->err);
        if (rc == 0 && fl_lead_parse(text, &arrival->lead, NULL) < 0)
            rc = fl_settings_bad(reader->settings, entry, reader->err,
                                 "'lead' is '%s'; accepted: such as +006", text);
        if (rc == 0)
            rc = fl_settings_duration(reader->settings, entry, "after", true, &arrival->after_s,
                                      reader->err);
        if (rc == 0 && i > 0 && arrival->lead.minutes <= source->arrivals[i - 1].lead.minutes)
            rc = fl_settings_bad(reader->settings, entry, reader->err,
                                 "the leads of 'arrivals' must go up");
    }
    return rc;
}

static int check_expect(const struct fl_source_reader *reader, setting *entry,
                        const struct fl_source_expect *expect)
{
    struct fl_source *source = reader->source;
    fl_auto(fl_keys_destroy) struct fl_keys *keys = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_err why = {0};
    size_t name = strcspn(expect->when, "=");
    bool known = !expect->when[0];

    fl_buf_init(&text, 0);
    for (size_t i = 0; i < source->dimension_count && !known; i++)
        known = strlen(source->dimensions[i].name) == name && expect->when[name] == '=' &&
                strncmp(source->dimensions[i].name, expect->when, name) == 0;
    if (!known)
        return fl_settings_bad(reader->settings, entry, reader->err,
                               "'when' is '%s'; accepted: DIMENSION=GLOB, such as member=p*",
                               expect->when);
    if (fl_source_expand(source, expect->keys, fl_source_sample_value, source, &text, &why) < 0 ||
        fl_keys_parse(text.data, FL_INDEX_NONE, &keys, &why) < 0)
        return fl_settings_bad(reader->settings, entry, reader->err, "%s", why.text);
    return 0;
}

static int read_expects(const struct fl_source_reader *reader, setting *group)
{
    static const char *const keys[] = {"when", "keys", NULL};
    struct fl_source *source = reader->source;
    setting *list = NULL;
    int rc = fl_settings_list(reader->settings, group, "expect", 0, FL_SOURCE_EXPECT_MAX - 1, &list,
                              &source->expect_count, reader->err);

    if (rc == 0 && source->grid[0]) {
        struct fl_source_expect grid = {0};

        (void)snprintf(grid.keys, sizeof(grid.keys), "%s", source->grid);
        rc = check_expect(reader, fl_settings_member(group, "grid"), &grid);
    }

    for (size_t i = 0; rc == 0 && i < source->expect_count; i++) {
        struct fl_source_expect *expect = &source->expects[i];
        setting *entry = fl_settings_at(list, i);

        rc = fl_settings_known(reader->settings, entry, keys, reader->err);
        if (rc == 0)
            rc = fl_settings_copy(reader->settings, entry, "when", false, expect->when,
                                  sizeof(expect->when), reader->err);
        if (rc == 0)
            rc = fl_settings_copy(reader->settings, entry, "keys", true, expect->keys,
                                  sizeof(expect->keys), reader->err);
        if (rc == 0)
            rc = check_expect(reader, entry, expect);
    }
    return rc;
}

/* history = { cycles = 3; percent = 80; few = "refuse"; changed = "warn"; }; */
static int read_history(const struct fl_source_reader *reader, setting *group)
{
    static const char *const keys[] = {"cycles", "percent", "few", "changed", NULL};
    static const char *const acts[] = {"refuse", "warn", "pass", NULL};
    struct fl_history_rule *rule = &reader->source->history;
    setting *history = NULL;
    int64_t cycles;
    int64_t percent;
    int few;
    int changed;
    int rc =
        fl_settings_group(reader->settings, group, "history", keys, false, &history, reader->err);

    *rule = FL_HISTORY_DEFAULT;
    if (rc < 0 || !history)
        return rc;
    cycles = rule->cycles;
    percent = rule->percent;
    few = (int)rule->few;
    changed = (int)rule->changed;
    rc = fl_settings_int(reader->settings, history, "cycles", 1, 20, &cycles, reader->err);
    if (rc == 0)
        rc = fl_settings_int(reader->settings, history, "percent", 1, 100, &percent, reader->err);
    if (rc == 0)
        rc = fl_settings_word(reader->settings, history, "few", acts, false, &few, reader->err);
    if (rc == 0)
        rc = fl_settings_word(reader->settings, history, "changed", acts, false, &changed,
                              reader->err);
    *rule = (struct fl_history_rule){.cycles = (int)cycles,
                                     .percent = (int)percent,
                                     .few = (enum fl_history_act)few,
                                     .changed = (enum fl_history_act)changed};
    return rc;
}

static int read_texts(const struct fl_source_reader *reader, setting *group)
{
    static const char *const formats[] = {"grib", "netcdf", NULL};
    static const char *const packings[] = {"none", "bzip2", NULL};
    static const char *const pages[] = {"refuse", "not-yet", NULL};
    struct fl_source *source = reader->source;
    const struct {
        const char *key;
        bool needed;
        char *out;
        size_t size;
    } texts[] = {
        {"name", true, source->name, sizeof(source->name)},
        {"title", false, source->title, sizeof(source->title)},
        {"licence", false, source->licence, sizeof(source->licence)},
        {"credit", false, source->credit, sizeof(source->credit)},
        {"grid", false, source->grid, sizeof(source->grid)},
    };
    int format = 0;
    int packing = 0;
    int page = 0;
    int64_t gap = MERGE_GAP_DEFAULT;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < FL_COUNT(texts); i++)
        rc = fl_settings_copy(reader->settings, group, texts[i].key, texts[i].needed, texts[i].out,
                              texts[i].size, reader->err);
    if (rc == 0)
        rc = fl_settings_word(reader->settings, group, "format", formats, false, &format,
                              reader->err);
    if (rc == 0)
        rc = fl_settings_word(reader->settings, group, "packing", packings, false, &packing,
                              reader->err);
    if (rc == 0)
        rc = fl_settings_word(reader->settings, group, "html", pages, false, &page, reader->err);
    if (rc == 0)
        rc = fl_settings_int(reader->settings, group, "merge_gap", 0, MERGE_GAP_MAX, &gap,
                             reader->err);
    if (rc == 0)
        rc = fl_settings_duration(reader->settings, group, "file_spans", false,
                                  &source->file_spans_s, reader->err);
    if (rc == 0 && source->file_spans_s % 60 != 0)
        rc = fl_settings_bad(reader->settings, fl_settings_member(group, "file_spans"), reader->err,
                             "'file_spans' must be whole minutes");
    source->format = (enum fl_source_format)format;
    source->packing = (enum fl_source_packing)packing;
    source->html_is_not_yet = page == 1;
    source->merge_gap_bytes = (uint64_t)gap;
    return rc;
}

static int read_source(const struct fl_source_reader *reader, setting *group)
{
    static int (*const parts[])(const struct fl_source_reader *, setting *) = {
        read_texts,
        read_cycles,
        fl_source_read_leads,
        fl_source_read_dimensions,
        fl_source_read_paths,
        fl_source_read_index,
        fl_source_read_mirrors,
        read_wait,
        read_arrivals,
        read_expects,
        read_history,
    };
    const struct fl_source *source = reader->source;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < FL_COUNT(parts); i++)
        rc = parts[i](reader, group);
    if (rc == 0 && source->index_kind != FL_INDEX_NONE &&
        (source->packing != FL_PACKING_NONE || source->format == FL_FORMAT_NETCDF))
        rc = fl_settings_bad(reader->settings, fl_settings_member(group, "index"), reader->err,
                             "an index tells the byte ranges of plain GRIB; with packing or NetCDF "
                             "its kind is \"none\"");
    return rc;
}

int fl_source_parse(const char *text, const char *path, struct fl_source *ret_source,
                    struct fl_err *reterr)
{
    static const char *const top[] = {"source", NULL};
    static const char *const keys[] = {
        "name",      "title",    "licence",    "credit",     "cycles",  "leads", "paths",
        "index",     "format",   "packing",    "mirrors",    "wait",    "html",  "expect",
        "merge_gap", "arrivals", "dimensions", "file_spans", "history", "grid",  NULL};
    fl_auto(fl_settings_destroy) struct fl_settings *settings = NULL;
    struct fl_source *source = calloc(1, sizeof(*source));
    struct fl_source_reader reader = {.source = source, .err = reterr};
    setting *group = NULL;
    int rc = source ? fl_settings_parse(text, path, &settings, reterr)
                    : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    reader.settings = settings;
    if (rc == 0)
        rc = fl_settings_known(settings, fl_settings_root(settings), top, reterr);
    if (rc == 0)
        rc = fl_settings_group(settings, fl_settings_root(settings), "source", keys, true, &group,
                               reterr);
    if (rc == 0)
        rc = read_source(&reader, group);
    if (rc == 0)
        *ret_source = *source;
    free(source);
    return rc;
}
