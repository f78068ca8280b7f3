/* Strict getters over jansson. */
#include "config.h"

#include "engine/base/json.h"

#include "engine/base/banned.h"

int fl_json_parse(const char *text, size_t size, json_t **ret_doc, struct fl_err *reterr)
{
    json_error_t why;
    json_t *doc;

    fl_assert(text);
    fl_assert(ret_doc);
    if (size > FL_JSON_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "JSON of %zu bytes; the limit is %zu", size,
                          FL_JSON_MAX);
    doc = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (!doc)
        return fl_err_set(reterr, FL_E_PARSE, 0, "JSON line %d column %d: %s", why.line, why.column,
                          why.text);
    *ret_doc = doc;
    return 0;
}

static int wrong_type(const char *key, const char *wanted, const json_t *value,
                      struct fl_err *reterr)
{
    if (!value)
        return fl_err_set(reterr, FL_E_PARSE, 0, "member '%s' is missing; it must be a %s", key,
                          wanted);
    return fl_err_set(reterr, FL_E_PARSE, 0, "member '%s' must be a %s", key, wanted);
}

static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

int fl_json_string(const json_t *object, const char *key, const char **ret_text,
                   struct fl_err *reterr)
{
    const json_t *value = member(object, key);

    if (!json_is_string(value))
        return wrong_type(key, "string", value, reterr);
    *ret_text = json_string_value(value);
    return 0;
}

int fl_json_string_opt(const json_t *object, const char *key, const char *fallback,
                       const char **ret_text, struct fl_err *reterr)
{
    if (!member(object, key)) {
        *ret_text = fallback;
        return 0;
    }
    return fl_json_string(object, key, ret_text, reterr);
}

int fl_json_int(const json_t *object, const char *key, int64_t *ret_value, struct fl_err *reterr)
{
    const json_t *value = member(object, key);

    if (!json_is_integer(value))
        return wrong_type(key, "whole number", value, reterr);
    *ret_value = json_integer_value(value);
    return 0;
}

int fl_json_int_opt(const json_t *object, const char *key, int64_t fallback, int64_t *ret_value,
                    struct fl_err *reterr)
{
    if (!member(object, key)) {
        *ret_value = fallback;
        return 0;
    }
    return fl_json_int(object, key, ret_value, reterr);
}

int fl_json_real_opt(const json_t *object, const char *key, double fallback, double *ret_value,
                     struct fl_err *reterr)
{
    const json_t *value = member(object, key);

    if (!value) {
        *ret_value = fallback;
        return 0;
    }
    if (!json_is_number(value))
        return wrong_type(key, "number", value, reterr);
    *ret_value = json_number_value(value);
    return 0;
}

int fl_json_bool_opt(const json_t *object, const char *key, bool fallback, bool *ret_value,
                     struct fl_err *reterr)
{
    const json_t *value = member(object, key);

    if (!value) {
        *ret_value = fallback;
        return 0;
    }
    if (!json_is_boolean(value))
        return wrong_type(key, "boolean", value, reterr);
    *ret_value = json_is_true(value);
    return 0;
}

int fl_json_array_opt(const json_t *object, const char *key, const json_t **ret_array,
                      struct fl_err *reterr)
{
    const json_t *value = member(object, key);

    if (value && !json_is_array(value))
        return wrong_type(key, "list", value, reterr);
    *ret_array = value;
    return 0;
}

int fl_json_object_opt(const json_t *object, const char *key, const json_t **ret_object,
                       struct fl_err *reterr)
{
    const json_t *value = member(object, key);

    if (value && !json_is_object(value))
        return wrong_type(key, "group", value, reterr);
    *ret_object = value;
    return 0;
}

char *fl_json_text(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
}
