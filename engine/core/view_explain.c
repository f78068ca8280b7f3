/* The answer to "why": one instance explained, or all instances of a stage summed up. */
#include "config.h"

#include "engine/core/view_impl.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

#define EXPLAINED_MAX 5 /* instances of a stage that the summary explains */

/* From what a person must look at to what is fine. */
static const enum fl_state by_urgency[] = {
    FL_STATE_FAILED,  FL_STATE_TIMED_OUT, FL_STATE_LOST,    FL_STATE_EXPIRED,  FL_STATE_CANCELLED,
    FL_STATE_SKIPPED, FL_STATE_HELD,      FL_STATE_RUNNING, FL_STATE_LAUNCHED, FL_STATE_READY,
    FL_STATE_WAITING, FL_STATE_SUCCEEDED, FL_STATE_REUSED,
};
_Static_assert(FL_COUNT(by_urgency) == FL_STATE_COUNT, "every state has its place");

/* True for states of which each instance is told; of the others the first one stands for all. */
static bool is_unwell(enum fl_state state)
{
    switch (state) {
    case FL_STATE_FAILED:
    case FL_STATE_TIMED_OUT:
    case FL_STATE_LOST:
    case FL_STATE_EXPIRED:
    case FL_STATE_CANCELLED:
    case FL_STATE_SKIPPED:
    case FL_STATE_HELD:
        return true;
    case FL_STATE_WAITING:
    case FL_STATE_READY:
    case FL_STATE_LAUNCHED:
    case FL_STATE_RUNNING:
    case FL_STATE_SUCCEEDED:
    case FL_STATE_REUSED:
    case FL_STATE_COUNT:
        break;
    }
    return false;
}

/* One instance of a summary: "; prep(+036) failed, …" and a member of "instances". */
static void explain_one(struct fl_why *why, const struct fl_run *run, uint32_t inst, json_t *list)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_why inner = *why;
    char key[FL_KEY_TEXT_MAX];
    json_t *one = json_object();

    fl_buf_init(&text, FL_VIEW_TEXT_MAX);
    inner.out = &text;
    fl_why_maker(&inner, run, inst);
    fl_buf_printf(why->out, "; %s", text.data);
    fl_view_put_text(&why->rc, one, "key", fl_inst_key(run, inst, key));
    fl_view_put_text(&why->rc, one, "state", fl_state_name(run->insts[inst].state));
    fl_view_put_text(&why->rc, one, "text", text.data);
    if (json_array_append_new(list, one) < 0)
        why->rc = FL_E_NOMEM;
}

static void explain_state(struct fl_why *why, const struct fl_run *run,
                          const struct fl_view_which *which, enum fl_state state, json_t *list)
{
    for (uint32_t i = which->first; i < which->first + which->count; i++) {
        if (run->insts[i].state != state || json_array_size(list) >= EXPLAINED_MAX)
            continue;
        explain_one(why, run, i, list);
        if (!is_unwell(state))
            return;
    }
}

/* The stage that says the first set that is not known. */
static int32_t sayer_of(const struct fl_workflow *wf, const struct fl_dims *dims)
{
    size_t d = 0;

    while (d + 1 < dims->count && fl_set_is_known(&wf->sets[dims->sets[d]]))
        d++;
    return wf->sets[dims->sets[d]].by;
}

static void sum_up(struct fl_why *why, const struct fl_run *run, const struct fl_view_which *which,
                   json_t *answer)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_dims *dims = &wf->stages[which->stage].dims;
    uint32_t counts[FL_STATE_COUNT] = {0};
    json_t *object;
    json_t *list;
    const char *joiner = ": ";
    bool first = true;

    for (uint32_t i = which->first; i < which->first + which->count; i++)
        counts[run->insts[i].state]++;
    if (!fl_dims_known(wf, dims)) {
        const struct fl_plan_stage *by = &run->plan->stages[sayer_of(wf, dims)];
        bool over = run->state != FL_STATE_RUNNING;
        char unsaid[FL_CORE_REASON_MAX];

        fl_buf_printf(why->out, "no instances: %s",
                      fl_view_unsaid(wf, dims, unsaid, sizeof(unsaid)));
        if (by->inst_count > 0) {
            fl_buf_puts(why->out, "; ");
            fl_why_maker(why, run, by->inst_first);
        }
        fl_view_put_text(&why->rc, answer, "state",
                         fl_state_name(over ? FL_STATE_SKIPPED : FL_STATE_WAITING));
        return;
    }
    object = json_object();
    list = json_array();
    fl_buf_printf(why->out, "%u instances", which->count);
    for (size_t u = 0; u < FL_STATE_COUNT; u++) {
        enum fl_state state = by_urgency[u];

        if (counts[state] == 0)
            continue;
        if (first)
            fl_view_put_text(&why->rc, answer, "state", fl_state_name(state));
        first = false;
        fl_buf_printf(why->out, "%s%u %s", joiner, counts[state], fl_state_name(state));
        joiner = ", ";
        fl_view_put_int(&why->rc, object, fl_state_name(state), counts[state]);
    }
    for (size_t u = 0; u < FL_STATE_COUNT; u++)
        if (!fl_state_is_good(by_urgency[u]) || by_urgency[u] == FL_STATE_SKIPPED)
            explain_state(why, run, which, by_urgency[u], list);
    fl_view_put(&why->rc, answer, "counts", object);
    fl_view_put(&why->rc, answer, "instances", list);
}

/* The instance of a stage whose state is the most urgent; UINT32_MAX for a stage without any. */
static uint32_t most_urgent(const struct fl_run *run, size_t s, size_t *ret_urgency)
{
    const struct fl_plan_stage *ps = &run->plan->stages[s];
    uint32_t found = UINT32_MAX;

    *ret_urgency = FL_STATE_COUNT;
    for (uint32_t i = ps->inst_first; i < ps->inst_first + ps->inst_count; i++) {
        size_t u = 0;

        while (by_urgency[u] != run->insts[i].state)
            u++;
        if (u >= *ret_urgency)
            continue;
        *ret_urgency = u;
        found = i;
    }
    return found;
}

/* A stage whose instances are not known yet; gives the urgency of what it is shown as. */
static size_t explain_unsaid(struct fl_why *why, const struct fl_run *run, size_t s)
{
    const struct fl_workflow *wf = run->plan->workflow;
    enum fl_state state = run->state == FL_STATE_RUNNING ? FL_STATE_WAITING : FL_STATE_SKIPPED;
    char unsaid[FL_CORE_REASON_MAX];
    size_t u = 0;

    fl_buf_printf(why->out, "; %s has no instances: %s", wf->stages[s].name,
                  fl_view_unsaid(wf, &wf->stages[s].dims, unsaid, sizeof(unsaid)));
    while (by_urgency[u] != state)
        u++;
    return u;
}

/* A group: for each of its stages the instance that matters most. */
static void tell_group(struct fl_why *why, const struct fl_run *run, int32_t group, json_t *answer)
{
    const struct fl_workflow *wf = run->plan->workflow;
    json_t *list = json_array();
    size_t urgency = FL_STATE_COUNT;
    size_t stages = 0;

    for (size_t s = 0; s < wf->stage_count; s++)
        stages += fl_workflow_group_within(wf, wf->stages[s].group, group);
    fl_buf_printf(why->out, "a group of %zu stages", stages);
    for (size_t s = 0; s < wf->stage_count; s++) {
        size_t own;
        uint32_t inst;

        if (!fl_workflow_group_within(wf, wf->stages[s].group, group))
            continue;
        inst = most_urgent(run, s, &own);
        if (inst != UINT32_MAX)
            explain_one(why, run, inst, list);
        else if (!fl_dims_known(wf, &wf->stages[s].dims))
            own = explain_unsaid(why, run, s);
        urgency = own < urgency ? own : urgency;
    }
    fl_view_put_text(&why->rc, answer, "stage", wf->groups[group].name);
    if (urgency < FL_STATE_COUNT)
        fl_view_put_text(&why->rc, answer, "state", fl_state_name(by_urgency[urgency]));
    fl_view_put(&why->rc, answer, "instances", list);
}

static void tell_one(struct fl_why *why, const struct fl_run *run, uint32_t inst, json_t *answer)
{
    const struct fl_inst *in = &run->insts[inst];
    const struct fl_attempt *attempt = fl_inst_last_try(in);
    char key[FL_KEY_TEXT_MAX];

    fl_view_put_text(&why->rc, answer, "key", fl_inst_key(run, inst, key));
    fl_view_put_text(&why->rc, answer, "state", fl_state_name(in->state));
    fl_view_put_int(&why->rc, answer, "attempt", in->try_count);
    fl_view_put_marks(&why->rc, answer, "degraded", attempt ? fl_attempt_marks(attempt) : NULL);
    fl_why_tell(why, run, inst);
}

int fl_view_why(const struct fl_core *core, const char *run_name, const char *which_name,
                int64_t now_ns, json_t **ret_json, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    fl_json_auto json_t *answer = json_object();
    fl_json_auto json_t *waits = json_array();
    fl_json_auto json_t *holders = json_array();
    struct fl_why why = {
        .core = core, .now_ns = now_ns, .out = &text, .waits = waits, .holders = holders};
    struct fl_view_which which = {0};
    const struct fl_run *run;
    int32_t group = FL_NONE;
    int rc;

    fl_assert(ret_json);
    fl_assert(which_name);
    fl_buf_init(&text, FL_VIEW_TEXT_MAX);
    rc = fl_view_find_run(core, run_name, &run, reterr);
    if (rc == 0)
        group = fl_workflow_group(run->plan->workflow, which_name);
    if (rc == 0 && group == FL_NONE)
        rc = fl_view_find(run, which_name, &which, reterr);
    if (rc < 0)
        return rc;
    if (!answer || !waits || !holders)
        return fl_view_done(FL_E_NOMEM, reterr);
    fl_view_put_text(&why.rc, answer, "run", run->name);
    if (group == FL_NONE)
        fl_view_put_text(&why.rc, answer, "stage", run->plan->workflow->stages[which.stage].name);
    if (group != FL_NONE)
        tell_group(&why, run, group, answer);
    else if (which.count == 1)
        tell_one(&why, run, which.first, answer);
    else
        sum_up(&why, run, &which, answer);
    fl_view_put_text(&why.rc, answer, "text", text.data);
    fl_view_put(&why.rc, answer, "waits_for", json_incref(waits));
    fl_view_put(&why.rc, answer, "holders", json_incref(holders));
    if (why.rc < 0)
        return fl_view_done(why.rc, reterr);
    *ret_json = FL_STEAL(answer);
    return 0;
}
