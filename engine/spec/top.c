/* What stands beside the stages: cycles, sets of leads, parameters, sites, pools. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define JOBS_DEFAULT 8
#define DEFAULT_NAME "local" /* site and pool of a file that names none */

static bool plain(struct fl_compile *c, const config_setting_t *at, const char *what,
                  const char *name)
{
    if (fl_workflow_name_is_plain(name))
        return true;
    fl_complain(c, at, "%s '%s': accepted: a letter, then letters, digits, '-' and '_', at most %d",
                what, name, FL_WORKFLOW_NAME_MAX);
    return false;
}

static int32_t put_set(struct fl_compile *c, const char *name, const struct fl_leads *leads)
{
    struct fl_workflow *w = c->workflow;
    struct fl_set *set = fl_grow(c, &w->sets, &w->set_count, sizeof(*set));

    if (!set)
        return FL_NONE;
    fl_set_text(c, &set->name, name);
    set->leads = *leads;
    return (int32_t)w->set_count - 1;
}

int32_t fl_stand_in_set(struct fl_compile *c, const char *name)
{
    static const struct fl_leads none = {.step_minutes = 1};

    return put_set(c, name, &none);
}

static int32_t add_set(struct fl_compile *c, const config_setting_t *at, const char *name,
                       const char *text)
{
    struct fl_err why = {0};
    struct fl_leads leads;

    if (fl_leads_parse(text, &leads, &why) < 0) {
        fl_complain(c, at, "%s", why.text);
        return fl_stand_in_set(c, name);
    }
    if (leads.first.minutes < 0 || fl_leads_count(&leads) > FL_WORKFLOW_INSTANCES_MAX) {
        fl_complain(c, at, "leads '%s': accepted: +000 on, at most %d of them", text,
                    FL_WORKFLOW_INSTANCES_MAX);
        return fl_stand_in_set(c, name);
    }
    return put_set(c, name, &leads);
}

int32_t fl_find_set(struct fl_compile *c, const config_setting_t *at, const char *name)
{
    int32_t found = fl_workflow_set(c->workflow, name);
    const char *names[64];
    size_t count = 0;
    char near[128];
    char list[512];

    if (found != FL_NONE)
        return found;
    if (name[0] == '+' || (name[0] >= '0' && name[0] <= '9'))
        return add_set(c, at, name, name); /* written in place */
    for (size_t i = 0; i < c->workflow->set_count && count < FL_COUNT(names); i++)
        names[count++] = c->workflow->sets[i].name;
    fl_complain(c, at, "no set of leads '%s'; %saccepted: %s%sleads such as +000/+048/3", name,
                fl_nearest(name, names, count, near, sizeof(near)),
                count ? fl_join(names, count, list, sizeof(list)) : "", count ? ", or " : "");
    return fl_stand_in_set(c, name);
}

static void read_leads(struct fl_compile *c, const struct fl_layers *top)
{
    struct fl_layers group = fl_layers_sub(top, "leads");
    const char *keys[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, top, "leads") ? fl_layers_keys(&group, keys) : 0;

    for (size_t i = 0; i < count; i++) {
        const config_setting_t *at = fl_layers_get(&group, keys[i]);
        const char *text = NULL;

        if (plain(c, at, "set of leads", keys[i]) && fl_get_text(c, &group, keys[i], &text))
            (void)add_set(c, at, keys[i], text); /* it has complained */
    }
}

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
    size_t count = fl_is_group(c, top, "params") ? fl_layers_keys(&group, keys) : 0;

    for (size_t i = 0; i < count; i++) {
        const config_setting_t *at = fl_layers_get(&group, keys[i]);
        char text[FL_PATH_MAX_TEXT];
        enum fl_param_type type;
        struct fl_param *param;

        if (!plain(c, at, "parameter", keys[i]))
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
    const char *names[64];
    size_t count = 0;
    size_t size = strcspn(text, "=");
    char near[128];
    char list[512];
    char name[FL_WORKFLOW_NAME_MAX + 1];

    if (text[size] != '=' || size >= sizeof(name)) {
        fl_complain(c, NULL, "'%.80s' sets nothing; accepted: NAME=VALUE", text);
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
        if (count < FL_COUNT(names))
            names[count++] = param->name;
    }
    fl_complain(c, NULL, "no parameter '%s' to set; %saccepted: %s", name,
                fl_nearest(name, names, count, near, sizeof(near)),
                fl_join(names, count, list, sizeof(list)));
}

static void read_cycles(struct fl_compile *c, const struct fl_layers *top)
{
    static const char *const keys[] = {"every", "from", "ahead", "keep"};
    struct fl_layers group = fl_layers_sub(top, "cycles");
    struct fl_cycling *cycles = &c->workflow->cycles;
    const char *from = NULL;
    struct fl_err why = {0};

    if (!fl_is_group(c, top, "cycles"))
        return;
    (void)fl_only(c, &group, "cycles", keys, FL_COUNT(keys));
    (void)fl_get_duration(c, &group, "every", &cycles->every_s);
    (void)fl_get_duration(c, &group, "keep", &cycles->keep_s);
    (void)fl_get_int(c, &group, "ahead", 0, 1000, &cycles->ahead);
    if (fl_get_text(c, &group, "from", &from) && from) {
        cycles->has_from = true;
        if (fl_cycle_parse(from, &cycles->from, &why) < 0)
            fl_complain(c, fl_layers_get(&group, "from"), "%s", why.text);
    }
    if (cycles->every_s)
        fl_say(c, false, fl_layers_get(&group, "every"),
               "cycles are started one by one with --cycle in this version; every, ahead and "
               "keep have no effect");
}

static void add_site(struct fl_compile *c, const char *name, const char *root)
{
    struct fl_site *site = fl_grow(c, &c->workflow->sites, &c->workflow->site_count, sizeof(*site));

    if (!site)
        return;
    fl_set_text(c, &site->name, name);
    fl_set_text(c, &site->root, root);
}

static void read_sites(struct fl_compile *c, const struct fl_layers *top)
{
    static const char *const keys[] = {"root"};
    struct fl_layers group = fl_layers_sub(top, "sites");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, top, "sites") ? fl_layers_keys(&group, names) : 0;

    for (size_t i = 0; i < count && i < FL_WORKFLOW_SITES_MAX; i++) {
        struct fl_layers site = fl_layers_sub(&group, names[i]);
        const char *root = names[i];

        if (!plain(c, fl_layers_get(&group, names[i]), "site", names[i]) ||
            !fl_is_group(c, &group, names[i]))
            continue;
        (void)fl_only(c, &site, "a site", keys, FL_COUNT(keys));
        (void)fl_get_text(c, &site, "root", &root);
        add_site(c, names[i], root);
    }
    if (c->workflow->site_count == 0)
        add_site(c, DEFAULT_NAME, DEFAULT_NAME);
}

static int32_t add_pool(struct fl_compile *c, const char *name, int32_t site)
{
    struct fl_pool *pool = fl_grow(c, &c->workflow->pools, &c->workflow->pool_count, sizeof(*pool));

    if (!pool)
        return FL_NONE;
    fl_set_text(c, &pool->name, name);
    pool->site = site;
    pool->jobs = JOBS_DEFAULT;
    return (int32_t)c->workflow->pool_count - 1;
}

static void read_pools(struct fl_compile *c, const struct fl_layers *top)
{
    static const char *const keys[] = {"site", "cores", "jobs"};
    struct fl_layers group = fl_layers_sub(top, "pools");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, top, "pools") ? fl_layers_keys(&group, names) : 0;

    for (size_t i = 0; i < count && i < FL_WORKFLOW_POOLS_MAX; i++) {
        struct fl_layers layers = fl_layers_sub(&group, names[i]);
        const char *site = c->workflow->sites[0].name;
        int32_t index;

        if (!plain(c, fl_layers_get(&group, names[i]), "pool", names[i]) ||
            !fl_is_group(c, &group, names[i]))
            continue;
        (void)fl_only(c, &layers, "a pool", keys, FL_COUNT(keys));
        (void)fl_get_text(c, &layers, "site", &site);
        if (fl_workflow_site(c->workflow, site) == FL_NONE) {
            fl_complain(c, fl_layers_get(&layers, "site"),
                        "pool '%s': no site '%s'; sites are named in 'sites'", names[i], site);
            continue;
        }
        index = add_pool(c, names[i], fl_workflow_site(c->workflow, site));
        if (index == FL_NONE)
            return;
        (void)fl_get_int(c, &layers, "cores", 0, 1000000, &c->workflow->pools[index].cores);
        (void)fl_get_int(c, &layers, "jobs", 1, 1000000, &c->workflow->pools[index].jobs);
    }
}

/* A file without `pools` may name any: they are pools of its first site, with the machine's cores.
 */
int32_t fl_find_pool(struct fl_compile *c, const config_setting_t *at, const char *name)
{
    const char *names[64];
    size_t count = 0;
    char near[128];
    char list[512];
    int32_t found = name ? fl_workflow_pool(c->workflow, name) : FL_NONE;

    if (found != FL_NONE)
        return found;
    if (!name && c->workflow->pool_count)
        return 0;
    if (!name)
        return add_pool(c, DEFAULT_NAME, 0);
    for (size_t i = 0; i < c->workflow->pool_count && count < FL_COUNT(names); i++)
        names[count++] = c->workflow->pools[i].name;
    fl_complain(c, at, "no pool '%s'; %saccepted: %s", name,
                fl_nearest(name, names, count, near, sizeof(near)),
                fl_join(names, count, list, sizeof(list)));
    return FL_NONE;
}

/* Without `pools`: one pool for each name that a stage uses. */
static void imply_pools(struct fl_compile *c, const config_setting_t *stages)
{
    for (int i = 0; stages && i < config_setting_length(stages); i++) {
        const config_setting_t *stage = config_setting_get_elem(stages, (unsigned)i);
        const char *name = NULL;

        if (config_setting_is_group(stage) &&
            config_setting_lookup_string(stage, "pool", &name) == CONFIG_TRUE &&
            fl_workflow_name_is_plain(name) && fl_workflow_pool(c->workflow, name) == FL_NONE)
            (void)add_pool(c, name, 0); /* memory is looked at in the end */
    }
    if (c->workflow->pool_count == 0)
        (void)add_pool(c, DEFAULT_NAME, 0);
}

void fl_read_top(struct fl_compile *c, const config_setting_t *workflow)
{
    static const char *const keys[] = {"name",   "title", "cycles", "leads",
                                       "params", "sites", "pools",  "stages"};
    struct fl_layers top = fl_layers_of(workflow);
    const char *name = NULL;
    const char *title = NULL;

    (void)fl_only(c, &top, "the workflow", keys, FL_COUNT(keys));
    (void)fl_get_text(c, &top, "name", &name);
    (void)fl_get_text(c, &top, "title", &title);
    if (!name)
        fl_complain(c, workflow, "the workflow has no name; accepted: name = \"surge\"");
    else if (plain(c, fl_layers_get(&top, "name"), "workflow", name))
        fl_set_text(c, &c->workflow->name, name);
    fl_set_text(c, &c->workflow->title, title);
    read_cycles(c, &top);
    read_leads(c, &top);
    read_params(c, &top);
    for (size_t i = 0; i < c->options->override_count; i++)
        override_param(c, c->options->overrides[i]);
    read_sites(c, &top);
    if (fl_layers_get(&top, "pools"))
        read_pools(c, &top);
    else
        imply_pools(c, fl_layers_get(&top, "stages"));
}
