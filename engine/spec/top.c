/* What stands beside the stages: names and parameters. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

static bool param_value(const config_setting_t *at, enum fl_param_type *type, char *text,
                        size_t size)
{
    switch (config_setting_type(at)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        *type = FL_PARAM_INT;
        (void)snprintf(text, size, "%lld", (long long)config_setting_get_int64(at));
        return true;
    case CONFIG_TYPE_FLOAT:
        *type = FL_PARAM_REAL;
        (void)snprintf(text, size, "%.15g", config_setting_get_float(at));
        return true;
    case CONFIG_TYPE_BOOL:
        *type = FL_PARAM_BOOL;
        (void)snprintf(text, size, "%s", config_setting_get_bool(at) ? "true" : "false");
        return true;
    case CONFIG_TYPE_STRING:
        *type = FL_PARAM_TEXT;
        return (size_t)snprintf(text, size, "%s", config_setting_get_string(at)) < size;
    default:
        return false;
    }
}

static void read_params(struct fl_compile *c, const struct fl_layers *top)
{
    struct fl_layers group = fl_layers_sub(top, "params");
    const char *keys[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, top, "params") ? fl_layers_keys(c, &group, keys) : 0;

    for (size_t i = 0; i < count; i++) {
        const config_setting_t *at = fl_layers_get(&group, keys[i]);
        char text[FL_PATH_MAX_TEXT];
        enum fl_param_type type;
        struct fl_param *param;

        if (!fl_plain(c, at, "parameter", keys[i]))
            continue;
        if (!param_value(at, &type, text, sizeof(text))) {
            fl_complain(
                c, at,
                "parameter '%s' must be a number, a truth value or a text of at most %zu bytes",
                keys[i], sizeof(text) - 1);
            continue;
        }
        param = fl_grow(c, &c->workflow->params, &c->workflow->param_count, sizeof(*param));
        if (!param)
            return;
        param->type = type;
        fl_set_text(c, &param->name, keys[i]);
        fl_set_text(c, &param->value, text);
    }
}

static const char *type_words(enum fl_param_type type)
{
    switch (type) {
    case FL_PARAM_INT:
        return "a whole number";
    case FL_PARAM_REAL:
        return "a number";
    case FL_PARAM_BOOL:
        return "true or false";
    case FL_PARAM_TEXT:
        return "a text";
    }
    return "a text";
}

static bool fits(enum fl_param_type type, const char *text)
{
    char *end = NULL;

    switch (type) {
    case FL_PARAM_INT:
        (void)strtoll(text, &end, 10);
        break;
    case FL_PARAM_REAL:
        (void)strtod(text, &end);
        break;
    case FL_PARAM_BOOL:
        return strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
    case FL_PARAM_TEXT:
        return true;
    }
    return end != text && *end == '\0';
}

/* --set name=value. */
static void override_param(struct fl_compile *c, const char *text)
{
    struct fl_known names = {.count = 0};
    size_t size = strcspn(text, "=");
    char name[FL_WORKFLOW_NAME_MAX + 1];

    if (text[size] != '=' || size >= sizeof(name)) {
        fl_complain(c, NULL, "--set '%.80s' sets nothing; accepted: NAME=VALUE", text);
        return;
    }
    memcpy(name, text, size);
    name[size] = '\0';
    for (size_t i = 0; i < c->workflow->param_count; i++) {
        struct fl_param *param = &c->workflow->params[i];

        if (strcmp(param->name, name) == 0) {
            if (fits(param->type, text + size + 1))
                fl_set_text(c, &param->value, text + size + 1);
            else
                fl_complain(c, NULL, "parameter '%s' cannot be '%.80s'; it is %s", name,
                            text + size + 1, type_words(param->type));
            return;
        }
        fl_known_add(&names, param->name);
    }
    fl_complain_name(c, NULL, "--set: no parameter", name, &names, NULL);
}

void fl_read_top(struct fl_compile *c, const config_setting_t *workflow)
{
    static const char *const keys[] = {"name",  "title", "cycles", "leads",  "sets",  "params",
                                       "sites", "pools", "limits", "groups", "stages"};
    struct fl_layers top = fl_layers_of(workflow);
    const char *name = NULL;
    const char *title = NULL;

    (void)fl_only(c, &top, "the workflow", keys, FL_COUNT(keys));
    (void)fl_get_text(c, &top, "name", &name);
    (void)fl_get_text(c, &top, "title", &title);
    if (!name)
        fl_complain(c, workflow, "the workflow has no name; accepted: name = \"surge\"");
    else if (fl_plain(c, fl_layers_get(&top, "name"), "workflow", name))
        fl_set_text(c, &c->workflow->name, name);
    fl_set_text(c, &c->workflow->title, title);
    fl_read_cycles(c, &top);
    read_params(c, &top);
    fl_read_sets(c, &top);
    for (size_t i = 0; i < c->options->override_count; i++)
        override_param(c, c->options->overrides[i]);
    fl_read_places(c, &top);
    fl_read_limits(c, &top);
}
