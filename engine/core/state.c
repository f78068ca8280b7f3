/* Making, freeing and finding the parts of the live state. */
#include "config.h"

#include "engine/core/flow.h"
#include "engine/core/history.h"
#include "engine/core/paging.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

static int no_memory(struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the state of the runs");
}

int fl_core_create(struct fl_core **ret_core, struct fl_err *reterr)
{
    struct fl_core *core = calloc(1, sizeof(*core));

    fl_assert(ret_core);
    if (!core)
        return no_memory(reterr);
    *ret_core = core;
    return 0;
}

void fl_core_worker_destroy(struct fl_worker *worker)
{
    if (!worker)
        return;
    for (size_t i = 0; i < worker->site_count; i++)
        free(worker->sites[i].door);
    for (size_t i = 0; i < worker->pool_count; i++)
        json_decref(worker->pools[i].resources);
    free(worker->pools);
    free(worker->sites);
    free(worker->name);
    free(worker->reason);
    free(worker);
}

void fl_core_destroy(struct fl_core *core)
{
    if (!core)
        return;
    for (size_t i = 0; i < core->run_count; i++)
        fl_run_destroy(core->runs[i]);
    for (size_t i = 0; i < core->worker_count; i++)
        fl_core_worker_destroy(core->workers[i]);
    for (size_t i = 0; i < core->plan_count; i++)
        fl_plan_destroy(core->plans[i]);
    fl_actions_release(&core->actions);
    free(core->runs);
    free(core->workers);
    free(core->plans);
    fl_names_release(&core->run_names);
    fl_names_release(&core->worker_names);
    fl_names_release(&core->plan_names);
    for (size_t i = 0; i < core->flow_count; i++)
        fl_flow_destroy(core->flows[i]);
    for (size_t i = 0; i < core->dropped_count; i++)
        free(core->dropped[i]);
    fl_paged_release(&core->paged);
    free(core->ended);
    fl_history_release(core);
    fl_words_release(&core->words);
    fl_words_release(&core->run_words);
    free(core->awaited);
    fl_names_release(&core->flow_names);
    free(core->flows);
    free(core->dropped);
    for (size_t i = 0; i < core->place_count; i++)
        free(core->places[i].members);
    free(core->places);
    free(core->active);
    free(core->removing);
    free(core);
}

int fl_core_add_plan(struct fl_core *core, struct fl_plan *plan, struct fl_err *reterr)
{
    struct fl_plan **plans;
    int rc;

    if (fl_core_has_workflow(core, plan->digest)) {
        fl_plan_destroy(plan);
        return 0;
    }
    plans = realloc(core->plans, (core->plan_count + 1) * sizeof(*plans));
    if (!plans)
        return no_memory(reterr);
    core->plans = plans;
    rc = fl_names_add(&core->plan_names, plan->digest, (uint32_t)core->plan_count, reterr);
    if (rc == 0)
        core->plans[core->plan_count++] = plan;
    return rc;
}

struct fl_plan *fl_core_share_plan(const struct fl_core *core, const char *digest)
{
    uint32_t v;

    return fl_names_find(&core->plan_names, digest, &v) ? fl_plan_ref(core->plans[v]) : NULL;
}

const char *fl_core_digest(const struct fl_core *core, size_t index)
{
    return index < core->plan_count ? core->plans[index]->digest : NULL;
}

const struct fl_plan *fl_core_plan(const struct fl_core *core, const char *digest)
{
    uint32_t plan;

    return fl_names_find(&core->plan_names, digest, &plan) ? core->plans[plan] : NULL;
}

int fl_core_add_workflow(struct fl_core *core, const char *digest, struct fl_workflow *workflow,
                         struct fl_err *reterr)
{
    struct fl_plan *plan = NULL;
    int rc;

    fl_assert(core);
    fl_assert(workflow);
    if (fl_core_has_workflow(core, digest)) {
        fl_workflow_destroy(workflow);
        return 0;
    }
    rc = fl_workflow_check(workflow, reterr);
    if (rc == 0)
        rc = fl_plan_create(digest, workflow, &plan, reterr);
    if (rc < 0)
        return rc;
    rc = fl_core_add_plan(core, plan, reterr);
    if (rc < 0) {
        plan->workflow = NULL; /* stays the caller's */
        fl_plan_destroy(plan);
        return rc;
    }
    return 0;
}

bool fl_core_has_workflow(const struct fl_core *core, const char *digest)
{
    uint32_t v;

    return fl_names_find(&core->plan_names, digest, &v);
}

struct fl_run *fl_core_run(const struct fl_core *core, const char *name)
{
    uint32_t v;

    return fl_names_find(&core->run_names, name, &v) ? core->runs[v] : NULL;
}

struct fl_worker *fl_core_worker(const struct fl_core *core, const char *name)
{
    uint32_t v;

    return fl_names_find(&core->worker_names, name, &v) ? core->workers[v] : NULL;
}

struct fl_worker_pool *fl_worker_pool(const struct fl_worker *worker, uint32_t pool)
{
    for (size_t i = 0; i < worker->pool_count; i++)
        if (worker->pools[i].pool == pool)
            return &worker->pools[i];
    return NULL;
}

const char *fl_core_word(const struct fl_core *core, uint32_t word)
{
    fl_assert(word < core->words.count);
    return core->words.items[word];
}

const char *fl_core_door(const struct fl_core *core, uint32_t site)
{
    const char *door = NULL;

    for (size_t w = 0; w < core->worker_count; w++) {
        const struct fl_worker *worker = core->workers[w];

        for (size_t i = 0; i < worker->site_count; i++) {
            if (worker->sites[i].site != site)
                continue;
            if (!worker->gone)
                return worker->sites[i].door;
            door = worker->sites[i].door; /* the last one known is better than none */
        }
    }
    return door;
}

const struct fl_stage *fl_inst_stage(const struct fl_run *run, uint32_t inst)
{
    return &run->plan->workflow->stages[run->plan->inst_stage[inst]];
}

struct fl_attempt *fl_inst_last_try(const struct fl_inst *inst)
{
    return inst->try_count ? &inst->tries[inst->try_count - 1] : NULL;
}
