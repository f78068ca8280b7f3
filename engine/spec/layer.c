/* Typed reading of settings in layers. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/time.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

const config_setting_t *fl_layers_get(const struct fl_layers *layers, const char *key)
{
    for (size_t i = layers->count; i-- > 0;) {
        const config_setting_t *found = config_setting_get_member(layers->item[i], key);

        if (found)
            return found;
    }
    return NULL;
}

struct fl_layers fl_layers_of(const config_setting_t *group)
{
    struct fl_layers layers = {.count = 0};

    if (group && config_setting_is_group(group))
        layers.item[layers.count++] = group;
    return layers;
}

struct fl_layers fl_layers_sub(const struct fl_layers *layers, const char *key)
{
    struct fl_layers sub = {.count = 0};

    for (size_t i = 0; i < layers->count; i++) {
        const config_setting_t *found = config_setting_get_member(layers->item[i], key);

        if (!found)
            continue;
        if (!config_setting_is_group(found))
            sub.count = 0; /* a scalar laid over a group replaces it */
        else
            sub.item[sub.count++] = found;
    }
    return sub;
}

size_t fl_layers_keys(struct fl_compile *c, const struct fl_layers *layers,
                      const char *keys[static FL_MERGED_KEYS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < layers->count; i++) {
        for (int k = 0; k < config_setting_length(layers->item[i]); k++) {
            const char *name =
                config_setting_name(config_setting_get_elem(layers->item[i], (unsigned)k));
            bool known = false;

            for (size_t j = 0; j < count && !known; j++)
                known = strcmp(keys[j], name) == 0;
            if (known)
                continue;
            if (count == FL_MERGED_KEYS_MAX) {
                fl_complain(c, layers->item[i], "more than %d settings with what groups add",
                            FL_MERGED_KEYS_MAX);
                return count;
            }
            keys[count++] = name;
        }
    }
    return count;
}

bool fl_only(struct fl_compile *c, const struct fl_layers *layers, const char *what,
             const char *const *keys, size_t count)
{
    const char *have[FL_MERGED_KEYS_MAX];
    size_t have_count = fl_layers_keys(c, layers, have);
    char near[128];
    char list[512];
    bool ok = true;

    for (size_t i = 0; i < have_count; i++) {
        bool known = false;

        for (size_t k = 0; k < count && !known; k++)
            known = strcmp(have[i], keys[k]) == 0;
        if (known)
            continue;
        fl_complain(c, fl_layers_get(layers, have[i]), "unknown key '%s' in %s; %saccepted: %s",
                    have[i], what, fl_nearest(have[i], keys, count, near, sizeof(near)),
                    fl_join(keys, count, list, sizeof(list)));
        ok = false;
    }
    return ok;
}

bool fl_get_text(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                 const char **value)
{
    const config_setting_t *setting = fl_layers_get(layers, key);
    const char *text;

    if (!setting)
        return true;
    text = fl_setting_text(c, setting, key);
    if (!text)
        return false;
    *value = text;
    return true;
}

bool fl_plain(struct fl_compile *c, const config_setting_t *at, const char *what, const char *name)
{
    if (fl_workflow_name_is_plain(name))
        return true;
    fl_complain(c, at,
                "%s '%.100s': accepted: a letter, then letters, digits, '-' and '_', at most %d",
                what, name, FL_WORKFLOW_NAME_MAX);
    return false;
}

const char *fl_setting_text(struct fl_compile *c, const config_setting_t *at, const char *what)
{
    const char *text =
        config_setting_type(at) == CONFIG_TYPE_STRING ? config_setting_get_string(at) : NULL;

    if (!text) {
        fl_complain(c, at, "'%s' must be a text in quotes", what);
    } else if (fl_utf8_size(text, strlen(text)) < strlen(text)) {
        fl_complain(c, at, "'%s' holds a byte that is not UTF-8", what);
        return NULL;
    }
    return text;
}

bool fl_is_int(const config_setting_t *setting)
{
    return config_setting_type(setting) == CONFIG_TYPE_INT ||
           config_setting_type(setting) == CONFIG_TYPE_INT64;
}

bool fl_get_int(struct fl_compile *c, const struct fl_layers *layers, const char *key, int64_t min,
                int64_t max, int64_t *value)
{
    const config_setting_t *setting = fl_layers_get(layers, key);
    int64_t got;

    if (!setting)
        return true;
    got = fl_is_int(setting) ? config_setting_get_int64(setting) : min - 1;
    if (!fl_is_int(setting) || got < min || got > max) {
        fl_complain(c, setting, "'%s' must be a whole number; accepted: %lld to %lld", key,
                    (long long)min, (long long)max);
        return false;
    }
    *value = got;
    return true;
}

bool fl_get_real(struct fl_compile *c, const struct fl_layers *layers, const char *key, double min,
                 double max, double *value)
{
    const config_setting_t *setting = fl_layers_get(layers, key);
    double got = 0;

    if (!setting)
        return true;
    if (fl_is_int(setting))
        got = (double)config_setting_get_int64(setting);
    else if (config_setting_type(setting) == CONFIG_TYPE_FLOAT)
        got = config_setting_get_float(setting);
    else
        got = min - 1;
    if (!(got >= min && got <= max)) {
        fl_complain(c, setting, "'%s' must be a number; accepted: %g to %g", key, min, max);
        return false;
    }
    *value = got;
    return true;
}

bool fl_get_bool(struct fl_compile *c, const struct fl_layers *layers, const char *key, bool *value)
{
    const config_setting_t *setting = fl_layers_get(layers, key);

    if (!setting)
        return true;
    if (config_setting_type(setting) != CONFIG_TYPE_BOOL) {
        fl_complain(c, setting, "'%s' must be true or false", key);
        return false;
    }
    *value = config_setting_get_bool(setting);
    return true;
}

bool fl_get_duration(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                     int64_t *seconds)
{
    const config_setting_t *setting = fl_layers_get(layers, key);
    const char *text = NULL;
    struct fl_err why = {0};
    int64_t got = 0;

    if (!setting)
        return true;
    if (!fl_get_text(c, layers, key, &text))
        return false;
    if (fl_duration_parse(text, &got, &why) < 0) {
        fl_complain(c, setting, "'%s': %s", key, why.text);
        return false;
    }
    if (got < 0) {
        fl_complain(c, setting, "%s = \"%s\" must not be negative; accepted: PT6H, P1DT12H", key,
                    text);
        return false;
    }
    *seconds = got;
    return true;
}

bool fl_get_period(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                   int64_t *seconds)
{
    int64_t got = 1;

    if (!fl_layers_get(layers, key))
        return true;
    if (!fl_get_duration(c, layers, key, &got))
        return false;
    if (got == 0) {
        fl_complain(c, fl_layers_get(layers, key),
                    "'%s' must be more than nothing; accepted: PT6H, P1DT12H", key);
        return false;
    }
    *seconds = got;
    return true;
}

bool fl_get_texts(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                  struct fl_texts *texts)
{
    const config_setting_t *setting = fl_layers_get(layers, key);
    int count;

    if (!setting)
        return true;
    if (config_setting_type(setting) == CONFIG_TYPE_STRING) {
        const char *text = fl_setting_text(c, setting, key);

        if (text)
            fl_add_text(c, texts, text);
        return text != NULL;
    }
    if (!config_setting_is_array(setting) && !config_setting_is_list(setting)) {
        fl_complain(c, setting, "'%s' must be a list of texts, [\"…\", \"…\"]", key);
        return false;
    }
    count = config_setting_length(setting);
    if (count > FL_WORKFLOW_LIST_MAX) {
        fl_complain(c, setting, "'%s' has %d items; the limit is %d", key, count,
                    FL_WORKFLOW_LIST_MAX);
        return false;
    }
    for (int i = 0; i < count; i++) {
        const config_setting_t *item = config_setting_get_elem(setting, (unsigned)i);

        if (config_setting_type(item) != CONFIG_TYPE_STRING) {
            fl_complain(c, item, "item %d of '%s' must be a text in quotes", i + 1, key);
            return false;
        }
        if (!fl_setting_text(c, item, key))
            return false;
        fl_add_text(c, texts, config_setting_get_string(item));
    }
    return true;
}

bool fl_is_group(struct fl_compile *c, const struct fl_layers *layers, const char *key)
{
    const config_setting_t *setting = fl_layers_get(layers, key);

    if (!setting)
        return false;
    if (config_setting_is_group(setting))
        return true;
    fl_complain(c, setting, "'%s' must be a group, { … }", key);
    return false;
}
