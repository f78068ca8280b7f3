/* Sites and pools. */
#include "config.h"

#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define JOBS_DEFAULT 8
#define DEFAULT_NAME "local" /* site and pool of a file that names none */

static void add_site(struct fl_compile *c, const char *name, const char *root)
{
    struct fl_site *site = fl_grow(c, &c->workflow->sites, &c->workflow->site_count, sizeof(*site));

    if (!site)
        return;
    fl_set_text(c, &site->name, name);
    fl_set_text(c, &site->root, root);
}

void fl_read_places(struct fl_compile *c, const struct fl_layers *top)
{
    static const char *const keys[] = {"root"};
    struct fl_layers group = fl_layers_sub(top, "sites");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, top, "sites") ? fl_layers_keys(c, &group, names) : 0;

    if (count > FL_WORKFLOW_SITES_MAX)
        fl_complain(c, fl_layers_get(top, "sites"), "%zu sites; the limit is %d", count,
                    FL_WORKFLOW_SITES_MAX);
    for (size_t i = 0; i < count && i < FL_WORKFLOW_SITES_MAX; i++) {
        struct fl_layers site = fl_layers_sub(&group, names[i]);
        const char *root = names[i];

        if (!fl_plain(c, fl_layers_get(&group, names[i]), "site", names[i]) ||
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

int32_t fl_find_site(struct fl_compile *c, const config_setting_t *at, const char *what,
                     const char *name)
{
    int32_t found = fl_workflow_site(c->workflow, name);
    struct fl_known names = {.count = 0};

    if (found != FL_NONE)
        return found;
    for (size_t i = 0; i < c->workflow->site_count; i++)
        fl_known_add(&names, c->workflow->sites[i].name);
    fl_complain_name(c, at, what, name, &names, NULL);
    return FL_NONE;
}

static void read_pool(struct fl_compile *c, const struct fl_layers *group, const char *name)
{
    static const char *const keys[] = {"site", "cores", "jobs", "resources"};
    struct fl_layers layers = fl_layers_sub(group, name);
    const char *site_name = c->workflow->sites[0].name;
    int32_t site;
    int32_t index;

    if (!fl_plain(c, fl_layers_get(group, name), "pool", name) || !fl_is_group(c, group, name))
        return;
    (void)fl_only(c, &layers, "a pool", keys, FL_COUNT(keys));
    (void)fl_get_text(c, &layers, "site", &site_name);
    site = fl_find_site(c, fl_layers_get(&layers, "site"), "pool: no site", site_name);
    index = add_pool(c, name, site == FL_NONE ? 0 : site);
    if (index == FL_NONE)
        return;
    (void)fl_get_int(c, &layers, "cores", 0, 1000000, &c->workflow->pools[index].cores);
    (void)fl_get_int(c, &layers, "jobs", 1, 1000000, &c->workflow->pools[index].jobs);
    fl_read_resources(c, &layers, &c->workflow->pools[index]);
}

/* Without `pools`: one pool for each name that a stage or its group uses. */
static void imply_pools(struct fl_compile *c)
{
    for (size_t i = 0; i < c->draft_count; i++) {
        const config_setting_t *at = fl_layers_get(&c->drafts[i].layers, "pool");
        const char *name = at ? config_setting_get_string(at) : NULL;

        if (name && fl_workflow_name_is_plain(name) &&
            fl_workflow_pool(c->workflow, name) == FL_NONE &&
            c->workflow->pool_count < FL_WORKFLOW_POOLS_MAX)
            (void)add_pool(c, name, 0); /* memory is looked at in the end */
    }
    if (c->workflow->pool_count == 0)
        (void)add_pool(c, DEFAULT_NAME, 0);
}

void fl_read_pools(struct fl_compile *c, const struct fl_layers *top)
{
    struct fl_layers group = fl_layers_sub(top, "pools");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = 0;

    if (!fl_layers_get(top, "pools")) {
        imply_pools(c);
        return;
    }
    if (fl_is_group(c, top, "pools"))
        count = fl_layers_keys(c, &group, names);
    if (count > FL_WORKFLOW_POOLS_MAX)
        fl_complain(c, fl_layers_get(top, "pools"), "%zu pools; the limit is %d", count,
                    FL_WORKFLOW_POOLS_MAX);
    for (size_t i = 0; i < count && i < FL_WORKFLOW_POOLS_MAX; i++)
        read_pool(c, &group, names[i]);
}

/* A file without `pools` may name any: they are pools of its first site, with the machine's cores.
 */
int32_t fl_find_pool(struct fl_compile *c, const config_setting_t *at, const char *name)
{
    struct fl_known names = {.count = 0};
    int32_t found = name ? fl_workflow_pool(c->workflow, name) : FL_NONE;

    if (found != FL_NONE)
        return found;
    if (!name && c->workflow->pool_count)
        return 0;
    if (!name)
        return add_pool(c, DEFAULT_NAME, 0);
    for (size_t i = 0; i < c->workflow->pool_count; i++)
        fl_known_add(&names, c->workflow->pools[i].name);
    fl_complain_name(c, at, "no pool", name, &names, NULL);
    return FL_NONE;
}
