/* Making, freeing and finding the parts of the live state. */
#include "config.h"

#include "engine/core/state.h"

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
    fl_words_release(&core->words);
    for (size_t i = 0; i < core->place_count; i++)
        free(core->places[i].members);
    free(core->places);
    free(core->active);
    free(core);
}

int fl_core_add_workflow(struct fl_core *core, const char *digest, struct fl_workflow *workflow,
                         struct fl_err *reterr)
{
    struct fl_plan *plan = NULL;
    struct fl_plan **plans;
    int rc;

    fl_assert(core);
    fl_assert(workflow);
    if (fl_core_has_workflow(core, digest)) {
        fl_workflow_destroy(workflow);
        return 0;
    }
    plans = realloc(core->plans, (core->plan_count + 1) * sizeof(*plans));
    if (!plans)
        return no_memory(reterr);
    core->plans = plans;
    rc = fl_workflow_check(workflow, reterr);
    if (rc == 0)
        rc = fl_plan_create(digest, workflow, &plan, reterr);
    if (rc < 0)
        return rc;
    rc = fl_names_add(&core->plan_names, plan->digest, (uint32_t)core->plan_count, reterr);
    if (rc < 0) {
        plan->workflow = NULL; /* stays the caller's */
        fl_plan_destroy(plan);
        return rc;
    }
    core->plans[core->plan_count++] = plan;
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

const char *fl_inst_key(const struct fl_run *run, uint32_t inst, char text[static FL_TIME_TEXT_MAX])
{
    struct fl_lead lead;

    if (!fl_plan_inst_lead(run->plan, inst, &lead))
        return NULL;
    fl_lead_format(lead, text);
    return text;
}

void fl_inst_title(const struct fl_run *run, uint32_t inst, char *text, size_t size)
{
    char key[FL_TIME_TEXT_MAX];
    const char *name = fl_inst_stage(run, inst)->name;

    if (fl_inst_key(run, inst, key))
        (void)snprintf(text, size, "%s(%s)", name, key); /* cut when too long */
    else
        (void)snprintf(text, size, "%s", name);
}

void fl_attempt_id(const struct fl_run *run, uint32_t inst, uint32_t attempt, char *text,
                   size_t size)
{
    const char *name = fl_inst_stage(run, inst)->name;
    char key[FL_TIME_TEXT_MAX];
    struct fl_lead lead;
    int used;

    if (fl_plan_inst_lead(run->plan, inst, &lead)) {
        fl_lead_format_file(lead, key);
        used = snprintf(text, size, "%s/%s.%s/%u", run->name, name, key, attempt);
    } else {
        used = snprintf(text, size, "%s/%s/%u", run->name, name, attempt);
    }
    fl_assert(used > 0 && (size_t)used < size);
}

int fl_run_find(const struct fl_run *run, const char *stage, const char *key, uint32_t *ret_inst,
                struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    uint32_t s;
    struct fl_lead lead;
    int64_t k = 0;

    if (!fl_names_find(&run->plan->stage_names, stage, &s))
        return fl_err_set(reterr, FL_E_NOENT, 0, "run '%s' has no stage '%.100s'", run->name,
                          stage);
    if (wf->stages[s].per == FL_NONE) {
        if (key)
            return fl_err_set(reterr, FL_E_NOENT, 0, "stage '%s' has one instance, without a lead",
                              stage);
    } else {
        if (!key)
            return fl_err_set(reterr, FL_E_NOENT, 0, "stage '%s' has an instance a lead: say which",
                              stage);
        if (fl_lead_parse(key, &lead, reterr) < 0)
            return FL_E_NOENT;
        k = fl_leads_find(&wf->sets[wf->stages[s].per].leads, lead);
        if (k < 0)
            return fl_err_set(reterr, FL_E_NOENT, 0, "stage '%s' has no lead %.40s", stage, key);
    }
    *ret_inst = run->plan->stages[s].inst_first + (uint32_t)k;
    return 0;
}

/* "f006" or "f006m10" to a key that fl_lead_parse reads. */
static bool key_from_file(const char *text, char key[static FL_TIME_TEXT_MAX])
{
    size_t size = strlen(text);

    if (text[0] != 'f' || size < 2 || size >= FL_TIME_TEXT_MAX)
        return false;
    for (size_t i = 1; i <= size; i++)
        key[i - 1] = text[i] == 'm' ? ':' : text[i];
    return true;
}

static int find_by_component(const struct fl_run *run, char *component, uint32_t *ret_inst,
                             struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    char key[FL_TIME_TEXT_MAX];
    char *dot = strrchr(component, '.');
    uint32_t s;

    if (fl_names_find(&run->plan->stage_names, component, &s) && wf->stages[s].per == FL_NONE)
        return fl_run_find(run, component, NULL, ret_inst, reterr);
    if (!dot || !key_from_file(dot + 1, key))
        return fl_err_set(reterr, FL_E_NOENT, 0, "no instance '%.100s' in run '%s'", component,
                          run->name);
    *dot = '\0';
    return fl_run_find(run, component, key, ret_inst, reterr);
}

int fl_core_find_attempt(const struct fl_core *core, const char *id, struct fl_inst_ref *ret_ref,
                         uint32_t *ret_attempt, struct fl_err *reterr)
{
    char copy[FL_CORE_ID_MAX];
    size_t size = strnlen(id, sizeof(copy));
    char *last;
    char *middle;
    struct fl_run *run;
    unsigned long number;
    char *end;
    int rc;

    if (size == sizeof(copy))
        return fl_err_set(reterr, FL_E_NOENT, 0, "no attempt '%.100s…'", id);
    memcpy(copy, id, size + 1);
    last = strrchr(copy, '/');
    if (last)
        *last++ = '\0';
    middle = strrchr(copy, '/');
    if (!last || !middle)
        return fl_err_set(reterr, FL_E_NOENT, 0, "'%.100s' is not the id of an attempt", id);
    *middle++ = '\0';
    run = fl_core_run(core, copy);
    if (!run)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no run '%.100s'", copy);
    rc = find_by_component(run, middle, &ret_ref->inst, reterr);
    if (rc < 0)
        return rc;
    number = strtoul(last, &end, 10);
    if (*end || end == last || number < 1 || number > run->insts[ret_ref->inst].try_count)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no attempt '%.100s'", id);
    ret_ref->run = run;
    *ret_attempt = (uint32_t)number;
    return 0;
}

struct fl_attempt *fl_inst_last_try(const struct fl_inst *inst)
{
    return inst->try_count ? &inst->tries[inst->try_count - 1] : NULL;
}

int fl_run_find_slot(const struct fl_run *run, uint32_t inst, const char *output, const char *lead,
                     uint32_t *ret_slot, struct fl_err *reterr)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->inst_stage[inst]];
    int32_t o = fl_stage_output(stage, output, strlen(output));
    const struct fl_leads *set;
    struct fl_lead at;
    int64_t m = 0;

    if (o == FL_NONE)
        return fl_err_set(reterr, FL_E_NOENT, 0, "stage '%s' declares no output '%.100s'",
                          stage->name, output);
    if (stage->outputs[o].set == FL_NONE) {
        if (lead)
            return fl_err_set(reterr, FL_E_NOENT, 0, "output '%s' has no lead, not %.40s", output,
                              lead);
    } else {
        set = &run->plan->workflow->sets[stage->outputs[o].set].leads;
        if (lead && fl_lead_parse(lead, &at, reterr) < 0)
            return FL_E_NOENT;
        if (!lead && !fl_plan_inst_lead(run->plan, inst, &at))
            return fl_err_set(reterr, FL_E_NOENT, 0, "output '%s' needs its lead", output);
        m = fl_leads_find(set, at);
        if (m < 0)
            return fl_err_set(reterr, FL_E_NOENT, 0, "output '%s' has no lead %.40s", output,
                              lead ? lead : "of its instance");
        if (stage->per != FL_NONE && (uint32_t)m != fl_plan_inst_k(run->plan, inst))
            return fl_err_set(reterr, FL_E_NOENT, 0,
                              "output '%s' of this instance is not that of %.40s", output, lead);
    }
    *ret_slot = ps->slot_first[o] + (uint32_t)m;
    return 0;
}
