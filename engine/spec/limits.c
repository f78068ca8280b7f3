/* What is counted: named limits and what stages use of them, resources of pools and what stages
 * need of them. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define LIMIT_MAX 1000000000
#define AMOUNT_HELP "accepted: a whole number from 0, or bytes such as \"64G\" (K, M, G, T)"

/* What every machine has some of: its worker says how much. */
static const char *const of_machines[] = {"memory", "gpus"};

void fl_read_limits(struct fl_compile *c, const struct fl_layers *top)
{
    struct fl_layers group = fl_layers_sub(top, "limits");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, top, "limits") ? fl_layers_keys(c, &group, names) : 0;

    for (size_t i = 0; i < count; i++) {
        int64_t size = 1;
        struct fl_limit *limit;

        if (!fl_plain(c, fl_layers_get(&group, names[i]), "limit", names[i]))
            continue;
        (void)fl_get_int(c, &group, names[i], 1, LIMIT_MAX, &size);
        limit = fl_grow(c, &c->workflow->limits, &c->workflow->limit_count, sizeof(*limit));
        if (!limit)
            return;
        fl_set_text(c, &limit->name, names[i]);
        limit->size = size;
    }
}

/* Weight 0 takes off what a group says. */
static void put_use(struct fl_compile *c, struct fl_stage *stage, const config_setting_t *at,
                    const char *name, int64_t weight)
{
    int32_t limit = fl_workflow_limit(c->workflow, name);
    struct fl_use *use = NULL;

    if (limit == FL_NONE) {
        struct fl_known names = {.count = 0};

        for (size_t i = 0; i < c->workflow->limit_count; i++)
            fl_known_add(&names, c->workflow->limits[i].name);
        fl_complain_name(c, at, "uses: no limit", name, &names,
                         names.count ? NULL : "limits = { NAME = 4; } beside the stages");
        return;
    }
    if (weight > c->workflow->limits[limit].size) {
        fl_complain(c, at, "stage '%s' uses %lld of limit '%s', which is %lld: it could never run",
                    stage->name, (long long)weight, name,
                    (long long)c->workflow->limits[limit].size);
        return;
    }
    for (size_t i = 0; i < stage->use_count; i++) {
        if (stage->uses[i].limit == limit)
            use = &stage->uses[i];
    }
    if (weight == 0) {
        if (use)
            *use = stage->uses[--stage->use_count];
        return;
    }
    if (!use)
        use = fl_grow(c, &stage->uses, &stage->use_count, sizeof(*use));
    if (use)
        *use = (struct fl_use){.limit = limit, .weight = weight};
}

static void read_uses_of(struct fl_compile *c, const config_setting_t *at, struct fl_stage *stage)
{
    int count = config_setting_is_scalar(at) ? 1 : config_setting_length(at);

    for (int i = 0; i < count; i++) {
        const config_setting_t *item =
            config_setting_is_scalar(at) ? at : config_setting_get_elem(at, (unsigned)i);
        const char *name;

        if (config_setting_is_group(at)) {
            struct fl_layers one = fl_layers_of(at);
            int64_t weight = 0;

            name = config_setting_name(item);
            if (fl_get_int(c, &one, name, 0, LIMIT_MAX, &weight))
                put_use(c, stage, item, name, weight);
            continue;
        }
        if (config_setting_type(item) != CONFIG_TYPE_STRING) {
            fl_complain(c, item, "uses: accepted: [\"io\"] or { io = 2; }");
            return;
        }
        name = fl_setting_text(c, item, "uses");
        if (name)
            put_use(c, stage, item, name, 1);
    }
}

static int use_order(const void *a, const void *b)
{
    return ((const struct fl_use *)a)->limit - ((const struct fl_use *)b)->limit;
}

void fl_read_uses(struct fl_compile *c, const struct fl_layers *layers, struct fl_stage *stage)
{
    for (size_t i = 0; i < layers->count;
         i++) { /* the groups' first: each adds to the one before */
        const config_setting_t *at = config_setting_get_member(layers->item[i], "uses");

        if (at)
            read_uses_of(c, at, stage);
    }
    if (stage->use_count)
        qsort(stage->uses, stage->use_count, sizeof(stage->uses[0]), use_order);
}

static bool bytes_of(const char *text, int64_t *ret_amount)
{
    static const char units[] = "KMGT";
    const char *unit;
    char *end = NULL;
    long long value;

    if (!isdigit((unsigned char)*text) || strlen(text) > 20)
        return false;
    value = strtoll(text, &end, 10);
    if (*end == '\0')
        return value < INT64_MAX && ((*ret_amount = value), true);
    unit = strchr(units, *end);
    if (!unit || end[1] || value > (INT64_MAX >> (10 * (unit - units + 1))))
        return false;
    *ret_amount = value << (10 * (unit - units + 1));
    return true;
}

static bool read_amount(struct fl_compile *c, const config_setting_t *at, int64_t *amount)
{
    const char *text =
        config_setting_type(at) == CONFIG_TYPE_STRING ? config_setting_get_string(at) : NULL;

    if (fl_is_int(at) && config_setting_get_int64(at) >= 0) {
        *amount = config_setting_get_int64(at);
        return true;
    }
    if (text && bytes_of(text, amount))
        return true;
    fl_complain(c, at, "'%s': " AMOUNT_HELP, config_setting_name(at));
    return false;
}

/* The amounts of a group, merged over layers, in the order of their names. */
static void read_amounts(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                         bool zero, struct fl_amount **list, size_t *list_count)
{
    struct fl_layers group = fl_layers_sub(layers, key);
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, layers, key) ? fl_layers_keys(c, &group, names) : 0;

    for (size_t i = 0; i < count; i++) {
        const config_setting_t *at = fl_layers_get(&group, names[i]);
        struct fl_amount *one;
        int64_t amount = 0;

        if (strcmp(names[i], "cores") == 0) {
            fl_complain(c, at, "cores is a key of its own, beside '%s'", key);
            continue;
        }
        if (!fl_plain(c, at, "resource", names[i]) || !read_amount(c, at, &amount) ||
            (amount == 0 && !zero))
            continue;
        one = fl_grow(c, list, list_count, sizeof(*one));
        if (!one)
            return;
        fl_set_text(c, &one->name, names[i]);
        one->amount = amount;
    }
}

void fl_read_resources(struct fl_compile *c, const struct fl_layers *layers, struct fl_pool *pool)
{
    read_amounts(c, layers, "resources", true, &pool->resources, &pool->resource_count);
}

static const struct fl_amount *resource_of(const struct fl_pool *pool, const char *name)
{
    for (size_t i = 0; i < pool->resource_count; i++) {
        if (strcmp(pool->resources[i].name, name) == 0)
            return &pool->resources[i];
    }
    return NULL;
}

/* Names of resources that the pools of the file have, and that every machine has. */
static void known_resources(const struct fl_workflow *w, struct fl_known *names)
{
    for (size_t i = 0; i < FL_COUNT(of_machines); i++)
        fl_known_add(names, of_machines[i]);
    for (size_t p = 0; p < w->pool_count; p++) {
        for (size_t i = 0; i < w->pools[p].resource_count; i++) {
            bool known = false;

            for (size_t k = 0; k < names->count && !known; k++)
                known = strcmp(names->items[k], w->pools[p].resources[i].name) == 0;
            if (!known)
                fl_known_add(names, w->pools[p].resources[i].name);
        }
    }
}

/* An amount as a person writes it: bytes of memory with their unit. */
static const char *amount_text(const char *name, int64_t amount, char *text, size_t size)
{
    static const char units[] = "KMGT";
    int unit = 0;

    if (strcmp(name, "memory") == 0) {
        while (unit < 4 && amount && amount % 1024 == 0) {
            amount /= 1024;
            unit++;
        }
    }
    (void)snprintf(text, size, "%lld%.*s", (long long)amount, unit > 0,
                   unit ? &units[unit - 1] : "");
    return text;
}

static void check_need(struct fl_compile *c, const config_setting_t *at,
                       const struct fl_stage *stage, const struct fl_amount *need)
{
    const struct fl_workflow *w = c->workflow;
    const struct fl_pool *pool = &w->pools[stage->pool];
    const struct fl_amount *has = resource_of(pool, need->name);
    struct fl_known names = {.count = 0};
    struct fl_known holders = {.count = 0};
    bool known = false;
    char asked[32];
    char there[32];
    char list[256];

    if (has && has->amount >= need->amount)
        return;
    for (size_t p = 0; p < w->pool_count; p++) {
        const struct fl_amount *other = resource_of(&w->pools[p], need->name);

        if (other && other->amount >= need->amount)
            fl_known_add(&holders, w->pools[p].name);
    }
    (void)amount_text(need->name, need->amount, asked, sizeof(asked));
    if (has) {
        fl_complain(c, at, "stage '%s' needs %s of '%s'; pool '%s' has %s%s%s", stage->name, asked,
                    need->name, pool->name,
                    amount_text(need->name, has->amount, there, sizeof(there)),
                    holders.count ? "; enough is in pool " : "",
                    holders.count ? fl_join(holders.items, holders.count, list, sizeof(list)) : "");
        return;
    }
    known_resources(w, &names);
    for (size_t i = 0; i < FL_COUNT(of_machines); i++) {
        if (strcmp(of_machines[i], need->name) == 0)
            return; /* the workers will say */
    }
    for (size_t i = 0; i < names.count && !known; i++)
        known = strcmp(names.items[i], need->name) == 0;
    if (known)
        fl_complain(c, at, "stage '%s' needs %s of '%s'; pool '%s' has none%s%s", stage->name,
                    asked, need->name, pool->name, holders.count ? "; enough is in pool " : "",
                    holders.count ? fl_join(holders.items, holders.count, list, sizeof(list)) : "");
    else
        fl_complain_name(c, at, "needs: no pool has", need->name, &names,
                         "what 'resources' of a pool names");
}

void fl_read_needs(struct fl_compile *c, const struct fl_layers *layers, struct fl_stage *stage)
{
    struct fl_layers group = fl_layers_sub(layers, "needs");

    read_amounts(c, layers, "needs", false, &stage->needs, &stage->need_count);
    for (size_t i = 0; i < stage->need_count && stage->pool != FL_NONE; i++)
        check_need(c, fl_layers_get(&group, stage->needs[i].name), stage, &stage->needs[i]);
}
