/* Lists of runs, instances and workers, from the state alone. */
#include "config.h"

#include "engine/core/view_impl.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

static json_t *counts_json(int *rc, const uint32_t *counts)
{
    json_t *object = json_object();

    for (enum fl_state state = 0; object && state < FL_STATE_COUNT; state++)
        if (counts[state] > 0)
            fl_view_put_int(rc, object, fl_state_name(state), counts[state]);
    return object;
}

/* What a list says of a run. */
static void put_run(int *rc, json_t *object, const struct fl_run *run)
{
    const struct fl_workflow *wf = run->plan->workflow;
    char cycle[FL_TIME_TEXT_MAX];

    fl_cycle_format(run->cycle, cycle);
    fl_view_put_text(rc, object, "run", run->name);
    fl_view_put_text(rc, object, "workflow", wf->name);
    fl_view_put_text(rc, object, "title", wf->title);
    fl_view_put_text(rc, object, "digest", run->plan->digest);
    fl_view_put_text(rc, object, "cycle", cycle);
    fl_view_put_text(rc, object, "variant", run->variant);
    fl_view_put_text(rc, object, "who", run->who);
    fl_view_put_text(rc, object, "state", fl_state_name(run->state));
    if (run->held)
        fl_view_put(rc, object, "held", json_true());
    if (run->cancel_asked)
        fl_view_put(rc, object, "cancel_asked", json_true());
    fl_view_put_marks(rc, object, "degraded", run->marks);
    fl_view_put_time(rc, object, "created", run->created_ns);
    fl_view_put_time(rc, object, "ended", run->ended_ns);
    fl_view_put(rc, object, "counts", counts_json(rc, run->counts));
}

int fl_view_runs(const struct fl_core *core, json_t **ret_json, struct fl_err *reterr)
{
    fl_json_auto json_t *runs = json_array();
    json_t *answer;
    int rc = runs ? 0 : FL_E_NOMEM;

    fl_assert(ret_json);
    for (size_t i = core->run_count;
         rc == 0 && i-- > 0 && json_array_size(runs) < FL_VIEW_RUNS_MAX;) {
        fl_json_auto json_t *one = NULL;

        if (!core->runs[i])
            continue;
        one = json_object();
        put_run(&rc, one, core->runs[i]);
        if (rc == 0 && json_array_append(runs, one) < 0)
            rc = FL_E_NOMEM;
    }
    if (rc < 0)
        return fl_view_done(rc, reterr);
    answer = json_pack("{s:O,s:I}", "runs", runs, "paged", (json_int_t)core->paged.count);
    if (!answer)
        return fl_view_done(FL_E_NOMEM, reterr);
    *ret_json = answer;
    return 0;
}

static void put_slot(int *rc, json_t *list, const struct fl_core *core, const struct fl_run *run,
                     uint32_t slot)
{
    char sha256[FL_DIGEST_HEX];
    const struct fl_plan_slot *ps = &run->plan->slots[slot];
    const struct fl_slot *s = &run->slots[slot];
    fl_json_auto json_t *one = NULL;
    char text[FL_MEMBER_TEXT_MAX];

    if (s->state == FL_SLOT_PENDING || *rc < 0)
        return;
    one = json_object();
    fl_view_put_text(rc, one, "output",
                     run->plan->workflow->stages[ps->stage].outputs[ps->output].name);
    fl_view_put_text(rc, one, "lead", fl_plan_slot_member(run->plan, slot, text));
    if (s->state == FL_SLOT_ABSENT) {
        fl_view_put_time(rc, one, "absent", s->made->accepted_ns);
        fl_view_put_text(rc, one, "cause", fl_slot_cause(s) ? fl_slot_cause(s) : "no cause given");
        fl_view_put_text(rc, one, "age", fl_slot_age(s));
    } else {
        fl_view_put_text(rc, one, "path", fl_slot_path(s));
        fl_view_put_text(rc, one, "site", fl_core_word(core, s->made->site));
        fl_view_put_int(rc, one, "size", s->made->size);
        fl_slot_sha256(s, sha256);
        fl_view_put_text(rc, one, "sha256", sha256);
        fl_view_put_time(rc, one, "accepted", s->made->accepted_ns);
        if (s->made->marks)
            fl_view_put_marks(rc, one, "degraded", s->made->marks);
    }
    if (*rc == 0 && json_array_append(list, one) < 0)
        *rc = FL_E_NOMEM;
}

static json_t *outputs_json(int *rc, const struct fl_core *core, const struct fl_run *run,
                            uint32_t inst)
{
    const struct fl_plan *plan = run->plan;
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[inst]];
    json_t *list = json_array();

    for (size_t o = 0; list && o < stage->output_count; o++)
        for (uint32_t m = 0; m < ps->slot_own[o]; m++)
            put_slot(rc, list, core, run, fl_plan_inst_slot(plan, inst, o) + m);
    return list;
}

static void put_attempt(int *rc, json_t *object, const struct fl_core *core,
                        const struct fl_attempt *attempt)
{
    fl_view_put_text(rc, object, "worker", core->workers[attempt->worker]->name);
    fl_view_put_text(rc, object, "site", fl_core_word(core, attempt->site));
    fl_view_put_int(rc, object, "cores", attempt->cores);
    fl_view_put_time(rc, object, "launched", attempt->launched_ns);
    fl_view_put_time(rc, object, "begun", attempt->begun_ns);
    fl_view_put_time(rc, object, "ended", attempt->ended_ns);
    fl_view_put_text(rc, object, "progress", fl_attempt_progress(attempt));
    if (attempt->cancel_asked)
        fl_view_put(rc, object, "cancel_asked", json_true());
    if (fl_state_is_end(attempt->state)) {
        fl_view_put_int(rc, object, "code", attempt->code);
        fl_view_put_text(rc, object, "class", fl_attempt_class(attempt));
    }
    if (attempt->signal)
        fl_view_put_int(rc, object, "signal", attempt->signal);
}

void fl_view_put_inst(int *rc, json_t *list, const struct fl_core *core, const struct fl_run *run,
                      uint32_t inst)
{
    const struct fl_inst *in = &run->insts[inst];
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_attempt *attempt = fl_inst_last_try(in);
    fl_json_auto json_t *one = json_object();
    char key[FL_KEY_TEXT_MAX];

    fl_view_put_text(rc, one, "stage", stage->name);
    fl_view_put_text(rc, one, "key", fl_inst_key(run, inst, key));
    fl_view_put_text(rc, one, "state", fl_state_name(in->state));
    fl_view_put_text(rc, one, "reason", in->reason);
    fl_view_put_int(rc, one, "attempt", in->try_count);
    fl_view_put_text(rc, one, "pool", run->plan->workflow->pools[stage->pool].name);
    if (attempt)
        put_attempt(rc, one, core, attempt);
    fl_view_put_time(rc, one, "not_before", in->not_before_ns);
    fl_view_put_marks(rc, one, "degraded", attempt ? fl_attempt_marks(attempt) : NULL);
    fl_view_put(rc, one, "outputs", outputs_json(rc, core, run, inst));
    if (*rc == 0 && json_array_append(list, one) < 0)
        *rc = FL_E_NOMEM;
}

int fl_view_brief(const struct fl_core *core, const char *run_name, json_t **ret_json,
                  struct fl_err *reterr)
{
    fl_json_auto json_t *answer = json_object();
    const struct fl_run *run;
    int rc = fl_view_find_run(core, run_name, &run, reterr);

    fl_assert(ret_json);
    if (rc < 0)
        return rc;
    if (!answer)
        rc = FL_E_NOMEM;
    put_run(&rc, answer, run);
    fl_view_put_brief(&rc, answer, core, run);
    if (rc < 0)
        return fl_view_done(rc, reterr);
    *ret_json = FL_STEAL(answer);
    return 0;
}

int fl_view_status(const struct fl_core *core, const char *run_name, json_t **ret_json,
                   struct fl_err *reterr)
{
    return fl_view_status_part(core, run_name, 0, UINT32_MAX, ret_json, reterr);
}

int fl_view_status_part(const struct fl_core *core, const char *run_name, uint32_t from,
                        uint32_t limit, json_t **ret_json, struct fl_err *reterr)
{
    fl_json_auto json_t *answer = json_object();
    fl_json_auto json_t *stages = json_array();
    const struct fl_run *run;
    int rc = fl_view_find_run(core, run_name, &run, reterr);

    fl_assert(ret_json);
    if (rc < 0)
        return rc;
    if (!answer || !stages)
        rc = FL_E_NOMEM;
    put_run(&rc, answer, run);
    if (run->params)
        fl_view_put(&rc, answer, "params", json_deep_copy(run->params));
    fl_view_put_int(&rc, answer, "instances", run->plan->inst_count);
    for (uint32_t i = from; rc == 0 && i < run->plan->inst_count && i - from < limit; i++)
        fl_view_put_inst(&rc, stages, core, run, i);
    fl_view_put(&rc, answer, "stages", json_incref(stages));
    if (rc < 0)
        return fl_view_done(rc, reterr);
    *ret_json = FL_STEAL(answer);
    return 0;
}

/* Of all instances of a stage the one whose log is wanted: one that ended badly, else one that
 * runs, else the last that ran. */
static uint32_t pick_for_log(const struct fl_run *run, const struct fl_view_which *which)
{
    uint32_t best = which->first;
    int best_rank = -1;

    for (uint32_t i = which->first; i < which->first + which->count; i++) {
        const struct fl_attempt *attempt = fl_inst_last_try(&run->insts[i]);
        int rank = -1;

        if (attempt)
            rank = !fl_state_is_end(attempt->state) ? 1 : fl_state_is_good(attempt->state) ? 0 : 2;
        if (rank > best_rank || (rank == 0 && best_rank == 0)) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

int fl_view_log(const struct fl_core *core, const char *run_name, const char *which_name,
                int64_t attempt, json_t **ret_json, struct fl_err *reterr)
{
    fl_json_auto json_t *answer = json_object();
    const struct fl_inst *in;
    const struct fl_run *run;
    struct fl_view_which which;
    char title[FL_CORE_ID_MAX];
    char id[FL_CORE_ID_MAX];
    char path[FL_CORE_ID_MAX + 16];
    uint32_t inst;
    int rc = fl_view_find_run(core, run_name, &run, reterr);

    fl_assert(ret_json);
    if (rc == 0)
        rc = fl_view_find(run, which_name, &which, reterr);
    if (rc < 0)
        return rc;
    inst = pick_for_log(run, &which);
    in = &run->insts[inst];
    fl_inst_title(run, inst, title, sizeof(title));
    if (in->try_count == 0)
        return fl_err_set(reterr, FL_E_NOENT, 0, "%s of run '%s' has made no attempt yet: it is %s",
                          title, run->name, fl_state_name(in->state));
    if (attempt == 0)
        attempt = in->try_count;
    if (attempt < 0 || attempt > in->try_count)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "%s of run '%s' has no attempt %lld; it has: 1 to %u", title, run->name,
                          (long long)attempt, in->try_count);
    fl_attempt_id(run, inst, (uint32_t)attempt, id, sizeof(id));
    (void)snprintf(path, sizeof(path), "work/%s/log", id); /* fits: the id is bounded */
    rc = answer ? 0 : FL_E_NOMEM;
    fl_view_put_text(&rc, answer, "id", id);
    fl_view_put_int(&rc, answer, "attempt", attempt);
    fl_view_put_text(&rc, answer, "state", fl_state_name(in->tries[attempt - 1].state));
    fl_view_put_text(&rc, answer, "worker", core->workers[in->tries[attempt - 1].worker]->name);
    fl_view_put_text(&rc, answer, "site", fl_core_word(core, in->tries[attempt - 1].site));
    fl_view_put_text(&rc, answer, "path", path);
    if (rc < 0)
        return fl_view_done(rc, reterr);
    *ret_json = FL_STEAL(answer);
    return 0;
}

static void put_worker(int *rc, json_t *list, const struct fl_core *core,
                       const struct fl_worker *worker)
{
    fl_json_auto json_t *one = json_object();
    fl_json_auto json_t *pools = json_array();
    fl_json_auto json_t *sites = json_array();

    fl_view_put_text(rc, one, "worker", worker->name);
    fl_view_put(rc, one, "gone", json_boolean(worker->gone));
    fl_view_put_text(rc, one, "reason", worker->reason);
    fl_view_put_time(rc, one, "since", worker->since_ns);
    for (size_t i = 0; *rc == 0 && i < worker->pool_count; i++) {
        const struct fl_worker_pool *p = &worker->pools[i];

        if (json_array_append_new(
                pools,
                json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:O*}", "pool", fl_core_word(core, p->pool),
                          "site", fl_core_word(core, p->site), "cores", (json_int_t)p->cores,
                          "used", (json_int_t)p->used_cores, "jobs", (json_int_t)p->jobs,
                          "used_jobs", (json_int_t)p->used_jobs, "resources", p->resources)) < 0)
            *rc = FL_E_NOMEM;
    }
    for (size_t i = 0; *rc == 0 && i < worker->site_count; i++) {
        const struct fl_worker_site *s = &worker->sites[i];

        if (json_array_append_new(sites, json_pack("{s:s,s:s?}", "site",
                                                   fl_core_word(core, s->site), "door", s->door)) <
            0)
            *rc = FL_E_NOMEM;
    }
    fl_view_put(rc, one, "pools", json_incref(pools));
    fl_view_put(rc, one, "sites", json_incref(sites));
    if (*rc == 0 && json_array_append(list, one) < 0)
        *rc = FL_E_NOMEM;
}

int fl_view_workers(const struct fl_core *core, json_t **ret_json, struct fl_err *reterr)
{
    fl_json_auto json_t *workers = json_array();
    json_t *answer;
    int rc = workers ? 0 : FL_E_NOMEM;

    fl_assert(ret_json);
    for (size_t i = 0; rc == 0 && i < core->worker_count; i++)
        put_worker(&rc, workers, core, core->workers[i]);
    if (rc < 0)
        return fl_view_done(rc, reterr);
    answer = json_pack("{s:O}", "workers", workers);
    if (!answer)
        return fl_view_done(FL_E_NOMEM, reterr);
    *ret_json = answer;
    return 0;
}
