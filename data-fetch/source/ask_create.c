/* Requests: from words to selections, keys, parts. */
#include "config.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/ask_impl.h"
#include "engine/base/json.h"

#include "engine/base/banned.h"

#define TEXTS_MAX 64 /* selections, or sets of keys */
_Static_assert(FL_PLAN_SELECT_MAX <= TEXTS_MAX && FL_ASK_KEYS_MAX <= TEXTS_MAX, "room for them");

static int no_memory(struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the request");
}

const char *fl_ask_value(const struct fl_ask *ask, size_t part, const char *dimension)
{
    const struct fl_source *source = ask->source;

    for (size_t i = 0; i < source->dimension_count; i++) {
        if (strcmp(source->dimensions[i].name, dimension) == 0)
            return ask->with[i].values[ask->parts[part].values[i]];
    }
    return NULL;
}

/* ---- dimensions ---- */

static int add_value(struct fl_ask_values *values, const char *value, struct fl_err *reterr)
{
    char **grown;

    for (size_t i = 0; i < values->count; i++) {
        if (strcmp(values->values[i], value) == 0)
            return 0; /* twice is once */
    }
    if (values->count == FL_ASK_PARTS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %d values of a dimension",
                          FL_ASK_PARTS_MAX);
    grown = realloc(values->values, (values->count + 1) * sizeof(*grown));
    if (!grown)
        return no_memory(reterr);
    values->values = grown;
    values->values[values->count] = strdup(value);
    if (!values->values[values->count])
        return no_memory(reterr);
    values->count++;
    return 0;
}

static bool is_plain(const char *value)
{
    return *value && *value != '.' && strlen(value) < FL_SOURCE_VALUE_MAX &&
           strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.+-") ==
               strlen(value);
}

static int unknown_value(const struct fl_source_dimension *dim, const char *value,
                         struct fl_err *reterr)
{
    char known[400] = "";
    size_t used = 0;

    for (size_t i = 0; i < dim->count && used + 60 < sizeof(known); i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, " %s", dim->values[i]);
    return fl_err_set(reterr, FL_E_CONFIG, 0,
                      "--with %s=%s: there is no such %s; accepted:%s%s, or a pattern such as p*",
                      dim->name, value, dim->name, known, used + 60 < sizeof(known) ? "" : " ...");
}

/* One value, or a pattern over the values that the source knows. */
static int add_pattern(const struct fl_source_dimension *dim, struct fl_ask_values *values,
                       const char *value, struct fl_err *reterr)
{
    bool any = false;
    int rc = 0;

    if (dim->count == 0)
        return is_plain(value) ? add_value(values, value, reterr)
                               : fl_err_set(reterr, FL_E_CONFIG, 0,
                                            "--with %s=%s is no plain word; accepted: letters, "
                                            "digits, _ . + -",
                                            dim->name, value);
    for (size_t i = 0; i < dim->count && rc == 0; i++) {
        if (fnmatch(value, dim->values[i], 0) != 0)
            continue;
        any = true;
        rc = add_value(values, dim->values[i], reterr);
    }
    return rc == 0 && !any ? unknown_value(dim, value, reterr) : rc;
}

static int unknown_dimension(const struct fl_source *source, const char *text,
                             struct fl_err *reterr)
{
    char known[300] = "";
    size_t used = 0;

    for (size_t i = 0; i < source->dimension_count && used < sizeof(known); i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used,
                                 " %s=", source->dimensions[i].name);
    return fl_err_set(reterr, FL_E_CONFIG, 0, "--with %s: source '%s' has no such dimension; %s%s",
                      text, source->name, used ? "accepted:" : "it has none", known);
}

/* "member=p01/p02". */
static int take_with(struct fl_ask *ask, const char *text, struct fl_err *reterr)
{
    const struct fl_source *source = ask->source;
    size_t name = strcspn(text, "=");
    char *values;
    int rc = 0;

    for (size_t i = 0; i < source->dimension_count; i++) {
        const struct fl_source_dimension *dim = &source->dimensions[i];

        if (text[name] != '=' || strlen(dim->name) != name || strncmp(dim->name, text, name) != 0)
            continue;
        if (ask->with[i].count)
            return fl_err_set(reterr, FL_E_CONFIG, 0,
                              "--with %s stands there twice; join the values by '/'", dim->name);
        values = strdup(text + name + 1);
        if (!values)
            return no_memory(reterr);
        for (char *at = values; at && rc == 0;) {
            char *slash = strchr(at, '/');

            if (slash)
                *slash = '\0';
            rc = add_pattern(dim, &ask->with[i], at, reterr);
            at = slash ? slash + 1 : NULL;
        }
        free(values);
        return rc;
    }
    return unknown_dimension(source, text, reterr);
}

static int fill_standard(struct fl_ask *ask, struct fl_err *reterr)
{
    const struct fl_source *source = ask->source;

    for (size_t i = 0; i < source->dimension_count; i++) {
        const struct fl_source_dimension *dim = &source->dimensions[i];
        int rc;

        if (ask->with[i].count)
            continue;
        if (!dim->standard[0])
            return fl_err_set(reterr, FL_E_CONFIG, 0,
                              "source '%s' has files by %s%s%s%s; say which: --with %s=%s",
                              source->name, dim->name, dim->title[0] ? " (" : "", dim->title,
                              dim->title[0] ? ")" : "", dim->name,
                              dim->count ? dim->values[0] : "VALUE");
        rc = add_value(&ask->with[i], dim->standard, reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- parts: each combination, the last dimension fastest ---- */

static bool expect_holds(const struct fl_ask *ask, size_t part,
                         const struct fl_source_expect *expect)
{
    char name[FL_SOURCE_NAME_MAX];
    size_t length = strcspn(expect->when, "=");
    const char *value;

    if (!expect->when[0])
        return true;
    (void)snprintf(name, sizeof(name), "%.*s", (int)length, expect->when);
    value = fl_ask_value(ask, part, name);
    return value && fnmatch(expect->when + length + 1, value, 0) == 0;
}

/* The keys of a text, parsed once for all parts that share it. */
static int share_expect(struct fl_ask *ask, const char *text, struct fl_keys **ret_keys,
                        struct fl_err *reterr)
{
    struct fl_keys **grown;
    int rc;

    for (size_t i = ask->expect_count; i > 0; i--) {
        if (strcmp(fl_keys_text(ask->expects[i - 1]), text) == 0) {
            *ret_keys = ask->expects[i - 1];
            return 0;
        }
    }
    grown = realloc(ask->expects, (ask->expect_count + 1) * sizeof(*grown));
    if (!grown)
        return no_memory(reterr);
    ask->expects = grown;
    rc = fl_keys_parse(text, FL_INDEX_NONE, ret_keys, reterr);
    if (rc == 0)
        ask->expects[ask->expect_count++] = *ret_keys;
    return rc;
}

static int add_expects(struct fl_ask *ask, size_t at, struct fl_err *reterr)
{
    const struct fl_source *source = ask->source;
    struct fl_ask_part *part = &ask->parts[at];
    struct fl_ask_values_of of = {.ask = ask, .part = at};

    if (source->grid[0]) {
        int rc = share_expect(ask, source->grid, &part->expects[part->expect_count], reterr);

        if (rc < 0)
            return rc;
        part->expect_count++;
    }
    for (size_t i = 0; i < source->expect_count; i++) {
        fl_auto(fl_buf_release) struct fl_buf text;
        int rc;

        fl_buf_init(&text, 0);
        if (!expect_holds(ask, at, &source->expects[i]))
            continue;
        rc = fl_source_expand(source, source->expects[i].keys, fl_ask_value_of, &of, &text, reterr);
        if (rc == 0)
            rc = share_expect(ask, text.data, &part->expects[part->expect_count], reterr);
        if (rc < 0)
            return fl_err_note(reterr, FL_E_CONFIG, "source '%s', expect '%s'", source->name,
                               source->expects[i].keys);
        part->expect_count++;
    }
    return 0;
}

static int name_part(struct fl_ask *ask, size_t at, struct fl_err *reterr)
{
    const struct fl_source *source = ask->source;
    fl_auto(fl_buf_release) struct fl_buf name;

    fl_buf_init(&name, 0);
    for (size_t i = 0; i < source->dimension_count; i++)
        fl_buf_printf(&name, "%s%s=%s", i ? " " : "", source->dimensions[i].name,
                      ask->with[i].values[ask->parts[at].values[i]]);
    if (fl_buf_check(&name, NULL) < 0)
        return no_memory(reterr);
    ask->parts[at].name = fl_buf_steal(&name);
    return ask->parts[at].name ? 0 : no_memory(reterr);
}

static int make_parts(struct fl_ask *ask, struct fl_err *reterr)
{
    const struct fl_source *source = ask->source;
    size_t count = 1;
    int rc = 0;

    for (size_t i = 0; i < source->dimension_count; i++) {
        if (ask->with[i].count > FL_ASK_PARTS_MAX / count)
            return fl_err_set(reterr, FL_E_TOO_BIG, 0,
                              "a lead would come from more than %d files; ask for fewer values",
                              FL_ASK_PARTS_MAX);
        count *= ask->with[i].count;
    }
    if (count > 1 && source->format == FL_FORMAT_NETCDF)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "source '%s' has NetCDF files, which cannot be joined: ask for one value "
                          "of each dimension (there are %zu combinations)",
                          source->name, count);
    ask->parts = calloc(count, sizeof(*ask->parts));
    if (!ask->parts)
        return no_memory(reterr);
    ask->part_count = count;
    for (size_t at = 0; at < count && rc == 0; at++) {
        size_t left = at;

        for (size_t i = source->dimension_count; i > 0; i--) {
            ask->parts[at].values[i - 1] = (uint16_t)(left % ask->with[i - 1].count);
            left /= ask->with[i - 1].count;
        }
        rc = name_part(ask, at, reterr);
        if (rc == 0)
            rc = add_expects(ask, at, reterr);
    }
    return rc;
}

/* ---- what does not go together ---- */

static int check_words(const struct fl_source *source, const struct fl_ask_words *words,
                       struct fl_err *reterr)
{
    if (words->key_count > FL_ASK_KEYS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "%zu sets of keys; the limit is %d",
                          words->key_count, FL_ASK_KEYS_MAX);
    if (words->select_count > 0 && source->index_kind == FL_INDEX_NONE)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "source '%s' has no index that selections could be held against; ask by "
                          "%s",
                          source->name,
                          source->format == FL_FORMAT_NETCDF ? "keys, variable=NAME/NAME"
                                                             : "keys, such as shortName=10u");
    if (words->area && source->format == FL_FORMAT_NETCDF)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "source '%s' has NetCDF files, which come whole: leave the area out",
                          source->name);
    return 0;
}

/* The only key of a NetCDF source. */
static int check_netcdf_keys(const struct fl_source *source, const char *keys,
                             struct fl_err *reterr)
{
    if (source->format == FL_FORMAT_NETCDF && strncmp(keys, "variable=", 9) != 0)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "keys '%s': source '%s' has NetCDF files; accepted: variable=NAME/NAME, "
                          "what must be in the file",
                          keys, source->name);
    if (source->format == FL_FORMAT_GRIB && strncmp(keys, "variable=", 9) == 0)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "keys '%s': 'variable' is for NetCDF; accepted here: shortName=NAME",
                          keys);
    return 0;
}

/* ---- the request in one way of saying it ---- */

static bool put_texts(json_t *object, const char *key, const char *const *texts, size_t count)
{
    json_t *list = count ? json_array() : NULL;
    bool good = count == 0 || (list && json_object_set_new(object, key, list) == 0);

    for (size_t i = 0; good && i < count; i++)
        good = json_array_append_new(list, json_string(texts[i])) == 0;
    return good;
}

json_t *fl_ask_json(const struct fl_ask *ask)
{
    const struct fl_source *source = ask->source;
    json_t *out = json_object();
    json_t *with = source->dimension_count ? json_object() : NULL;
    const char *texts[TEXTS_MAX];
    bool good = out != NULL;

    for (size_t i = 0; i < fl_select_count(ask->select); i++)
        texts[i] = fl_select_text(ask->select, i);
    good = good && put_texts(out, "select", texts, fl_select_count(ask->select));
    for (size_t i = 0; i < ask->key_count; i++)
        texts[i] = fl_keys_text(ask->keys[i]);
    good = good && put_texts(out, "keys", texts, ask->key_count);
    if (good && source->dimension_count)
        good = json_object_set_new(out, "with", with) == 0;
    for (size_t i = 0; good && i < source->dimension_count; i++)
        good = put_texts(with, source->dimensions[i].name, (const char *const *)ask->with[i].values,
                         ask->with[i].count);
    if (good && ask->has_area)
        good = json_object_set_new(out, "area", json_string(ask->area_text)) == 0;
    if (good)
        return out;
    json_decref(out);
    return NULL;
}

static int make_digest(struct fl_ask *ask, struct fl_err *reterr)
{
    fl_json_auto json_t *json = fl_ask_json(ask);
    fl_auto(fl_buf_release) struct fl_buf text;
    char *words = json ? fl_json_text(json) : NULL;

    fl_buf_init(&text, 0);
    if (!words)
        return no_memory(reterr);
    fl_buf_printf(&text, "%s %s", ask->source->name, words);
    free(words);
    if (fl_buf_check(&text, reterr) < 0)
        return no_memory(reterr);
    fl_digest_memory(text.data, text.size, ask->digest);
    return 0;
}

int fl_ask_create(const struct fl_source *source, const struct fl_ask_words *words,
                  struct fl_ask **ret_ask, struct fl_err *reterr)
{
    fl_auto(fl_ask_destroy) struct fl_ask *ask = calloc(1, sizeof(*ask));
    int rc = ask ? check_words(source, words, reterr) : no_memory(reterr);

    if (rc < 0)
        return rc;
    ask->source = source;
    rc = fl_select_create(words->selects, words->select_count, &ask->select, reterr);
    for (size_t i = 0; i < words->key_count && rc == 0; i++) {
        rc = check_netcdf_keys(source, words->keys[i], reterr);
        if (rc == 0)
            rc = fl_keys_parse(words->keys[i], source->index_kind, &ask->keys[i], reterr);
        ask->key_count += rc == 0;
    }
    for (size_t i = 0; i < words->with_count && rc == 0; i++)
        rc = take_with(ask, words->with[i], reterr);
    if (rc == 0)
        rc = fill_standard(ask, reterr);
    if (rc == 0 && words->area) {
        ask->has_area = true;
        rc = fl_area_parse(words->area, &ask->area, reterr);
        (void)snprintf(ask->area_text, sizeof(ask->area_text), "%g/%g/%g/%g", ask->area.north,
                       ask->area.west, ask->area.south, ask->area.east);
    }
    if (rc == 0)
        rc = make_parts(ask, reterr);
    if (rc == 0)
        rc = make_digest(ask, reterr);
    if (rc < 0)
        return rc;
    *ret_ask = FL_STEAL(ask);
    return 0;
}

void fl_ask_destroy(struct fl_ask *ask)
{
    if (!ask)
        return;
    fl_select_destroy(ask->select);
    for (size_t i = 0; i < ask->key_count; i++)
        fl_keys_destroy(ask->keys[i]);
    for (size_t i = 0; i < FL_SOURCE_DIMENSIONS_MAX; i++) {
        for (size_t k = 0; k < ask->with[i].count; k++)
            free(ask->with[i].values[k]);
        free(ask->with[i].values);
    }
    for (size_t i = 0; ask->parts && i < ask->part_count; i++)
        free(ask->parts[i].name);
    free(ask->parts);
    for (size_t i = 0; i < ask->expect_count; i++)
        fl_keys_destroy(ask->expects[i]);
    free(ask->expects);
    free(ask);
}
