/* Named limits and resources of pools. */
#include "config.h"

#include "engine/core/limits.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

void fl_limits_release(struct fl_limits *limits)
{
    free(limits->limits);
    free(limits->needs);
    *limits = (struct fl_limits){0};
}

/* An entry more in a growing table. */
static int grow(void **items, size_t count, size_t *room, size_t size, struct fl_err *reterr)
{
    size_t more = *room ? *room * 2 : 16;
    void *grown;

    if (count < *room)
        return 0;
    grown = realloc(*items, more * size);
    if (!grown)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory to count what is in use");
    *items = grown;
    *room = more;
    return 0;
}

static int limit_of(struct fl_limits *l, const char *workflow, const char *limit,
                    struct fl_limit_use **ret_use, struct fl_err *reterr)
{
    int rc;

    for (size_t i = 0; i < l->limit_count; i++) {
        *ret_use = &l->limits[i];
        if (strcmp((*ret_use)->limit, limit) == 0 && strcmp((*ret_use)->workflow, workflow) == 0)
            return 0;
    }
    rc = grow((void **)&l->limits, l->limit_count, &l->limit_room, sizeof(*l->limits), reterr);
    if (rc < 0)
        return rc;
    *ret_use = &l->limits[l->limit_count++];
    **ret_use = (struct fl_limit_use){workflow, limit, 0, false};
    return 0;
}

static int need_of(struct fl_limits *l, uint32_t worker, uint32_t pool, const char *name,
                   struct fl_need_use **ret_use, struct fl_err *reterr)
{
    int rc;

    for (size_t i = 0; i < l->need_count; i++) {
        *ret_use = &l->needs[i];
        if ((*ret_use)->worker == worker && (*ret_use)->pool == pool &&
            strcmp((*ret_use)->name, name) == 0)
            return 0;
    }
    rc = grow((void **)&l->needs, l->need_count, &l->need_room, sizeof(*l->needs), reterr);
    if (rc < 0)
        return rc;
    *ret_use = &l->needs[l->need_count++];
    **ret_use = (struct fl_need_use){worker, pool, name, 0};
    return 0;
}

int fl_limits_take(struct fl_limits *l, const struct fl_workflow *wf, const struct fl_stage *stage,
                   uint32_t worker, uint32_t pool, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < stage->use_count; i++) {
        struct fl_limit_use *use;

        rc = limit_of(l, wf->name, wf->limits[stage->uses[i].limit].name, &use, reterr);
        if (rc == 0)
            use->used += stage->uses[i].weight;
    }
    for (size_t i = 0; rc == 0 && i < stage->need_count; i++) {
        struct fl_need_use *use;

        rc = need_of(l, worker, pool, stage->needs[i].name, &use, reterr);
        if (rc == 0)
            use->used += stage->needs[i].amount;
    }
    return rc;
}

static uint32_t pool_index(const struct fl_worker *worker, uint32_t word)
{
    for (size_t i = 0; i < worker->pool_count; i++)
        if (worker->pools[i].pool == word)
            return (uint32_t)i;
    return UINT32_MAX;
}

/* What is under way now. */
static int count_all(struct fl_limits *l, const struct fl_core *core, struct fl_err *reterr)
{
    int rc = 0;

    if (l->counted)
        return 0;
    for (size_t a = 0; rc == 0 && a < core->active_count; a++) {
        const struct fl_run *run = core->runs[core->active[a]];

        for (uint32_t i = fl_bits_next(&run->live, 0); rc == 0 && i != FL_BITS_NONE;
             i = fl_bits_next(&run->live, i + 1)) {
            const struct fl_attempt *attempt = fl_inst_last_try(&run->insts[i]);

            rc = fl_limits_take(l, run->plan->workflow, fl_inst_stage(run, i), attempt->worker,
                                pool_index(core->workers[attempt->worker], attempt->pool), reterr);
        }
    }
    l->counted = rc == 0;
    return rc;
}

/* The most that a stage before s takes of the limit while it still has something to do: a stage
 * that follows what others still make leaves that much, or it would wait for them for ever. */
int64_t fl_limits_left(const struct fl_run *run, uint32_t s, int32_t limit)
{
    const struct fl_stage *stages = run->plan->workflow->stages;
    int64_t widest = 0;

    if (!run->plan->stages[s].follows)
        return 0;
    for (uint32_t b = 0; b < s; b++)
        for (size_t i = 0; run->open[b] > 0 && i < stages[b].use_count; i++)
            if (stages[b].uses[i].limit == limit && stages[b].uses[i].weight > widest)
                widest = stages[b].uses[i].weight;
    return widest;
}

int fl_limits_full(struct fl_limits *l, const struct fl_core *core, const struct fl_run *run,
                   uint32_t s, int32_t *ret_limit, struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_stage *stage = &wf->stages[s];
    int rc = stage->use_count ? count_all(l, core, reterr) : 0;

    *ret_limit = FL_NONE;
    for (size_t i = 0; rc == 0 && i < stage->use_count; i++) {
        const struct fl_limit *limit = &wf->limits[stage->uses[i].limit];
        int64_t left = fl_limits_left(run, s, stage->uses[i].limit);
        struct fl_limit_use *use;

        rc = limit_of(l, wf->name, limit->name, &use, reterr);
        if (rc < 0 || (!use->kept && use->used + stage->uses[i].weight + left <= limit->size))
            continue;
        *ret_limit = stage->uses[i].limit;
        return 0;
    }
    return rc;
}

int fl_limits_keep(struct fl_limits *l, const struct fl_run *run, uint32_t s, int32_t limit,
                   struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    struct fl_limit_use *use;
    int rc = limit_of(l, wf->name, wf->limits[limit].name, &use, reterr);

    if (rc == 0 && fl_limits_left(run, s, limit) == 0)
        use->kept = true;
    return rc;
}

int64_t fl_needs_offer(const struct fl_core *core, const struct fl_workflow *wf, int32_t wf_pool,
                       uint32_t worker, uint32_t pool, const char *name)
{
    const json_t *own = core->workers[worker]->pools[pool].resources;
    const struct fl_pool *said = &wf->pools[wf_pool];

    if (json_object_get(own, name))
        return json_integer_value(json_object_get(own, name));
    for (size_t i = 0; i < said->resource_count; i++)
        if (strcmp(said->resources[i].name, name) == 0)
            return said->resources[i].amount;
    return 0;
}

int fl_needs_fit(struct fl_limits *l, const struct fl_core *core, const struct fl_workflow *wf,
                 const struct fl_stage *stage, uint32_t worker, uint32_t pool, bool *ret_fits,
                 size_t *ret_need, struct fl_err *reterr)
{
    int rc = stage->need_count ? count_all(l, core, reterr) : 0;

    *ret_fits = true;
    for (size_t i = 0; rc == 0 && i < stage->need_count; i++) {
        const struct fl_amount *need = &stage->needs[i];
        struct fl_need_use *use;

        rc = need_of(l, worker, pool, need->name, &use, reterr);
        if (rc == 0 && use->used + need->amount >
                           fl_needs_offer(core, wf, stage->pool, worker, pool, need->name)) {
            *ret_fits = false;
            *ret_need = i;
            return 0;
        }
    }
    return rc;
}
