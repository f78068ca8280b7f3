/* A run summed up, a line a stage and a line a group: its size does not grow with the instances. */
#include "config.h"

#include "engine/core/history.h"
#include "engine/core/view_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

#define TROUBLES_MAX 50

/* The states that a person wants to hear of, the first of them first. */
static const enum fl_state worst_first[] = {
    FL_STATE_FAILED,  FL_STATE_TIMED_OUT, FL_STATE_LOST,      FL_STATE_CANCELLED, FL_STATE_HELD,
    FL_STATE_RUNNING, FL_STATE_LAUNCHED,  FL_STATE_READY,     FL_STATE_WAITING,   FL_STATE_EXPIRED,
    FL_STATE_SKIPPED, FL_STATE_REUSED,    FL_STATE_SUCCEEDED,
};
_Static_assert(FL_COUNT(worst_first) == FL_STATE_COUNT, "every state has its place");

struct sum {
    uint32_t counts[FL_STATE_COUNT];
    uint32_t instances;
    uint32_t degraded;
    int64_t begun_ns; /* the first begin; 0: none yet */
    int64_t ended_ns; /* the last end */
    int64_t takes_s;  /* one instance, by experience; 0: not known */
    const char *reason;
    uint32_t unsaid; /* stages whose instances are not known yet */
    bool over;       /* the run has ended: they never will be */
};

static uint32_t done_of(const struct sum *sum)
{
    return sum->counts[FL_STATE_SUCCEEDED] + sum->counts[FL_STATE_REUSED] +
           sum->counts[FL_STATE_SKIPPED] + sum->counts[FL_STATE_EXPIRED];
}

/* Work that goes on is what matters while some of it has ended well already; and a part that was
 * left out does not make the whole left out. */
static enum fl_state state_of(const struct sum *sum)
{
    size_t i = 0;

    while (i + 1 < FL_COUNT(worst_first) && sum->counts[worst_first[i]] == 0)
        i++;
    if (worst_first[i] == FL_STATE_SKIPPED && sum->counts[FL_STATE_SUCCEEDED] > 0)
        return FL_STATE_SUCCEEDED;
    if (worst_first[i] == FL_STATE_SUCCEEDED && sum->unsaid > 0 && !sum->over)
        return sum->counts[FL_STATE_SUCCEEDED] > 0 ? FL_STATE_RUNNING : FL_STATE_WAITING;
    if (sum->instances == 0 && sum->unsaid > 0)
        return FL_STATE_SKIPPED;
    if ((worst_first[i] == FL_STATE_READY || worst_first[i] == FL_STATE_WAITING) &&
        sum->counts[FL_STATE_SUCCEEDED] > 0)
        return FL_STATE_RUNNING;
    return worst_first[i];
}

static void add_inst(struct sum *sum, const struct fl_inst *in)
{
    const struct fl_attempt *attempt = fl_inst_last_try(in);

    sum->counts[in->state]++;
    sum->instances++;
    if (!sum->reason && in->reason)
        sum->reason = in->reason;
    if (!attempt)
        return;
    if (attempt->begun_ns && (!sum->begun_ns || attempt->begun_ns < sum->begun_ns))
        sum->begun_ns = attempt->begun_ns;
    if (attempt->ended_ns > sum->ended_ns)
        sum->ended_ns = attempt->ended_ns;
    sum->degraded += fl_attempt_marks(attempt) != NULL;
}

static void add_sum(struct sum *to, const struct sum *sum)
{
    for (size_t i = 0; i < FL_COUNT(worst_first); i++)
        to->counts[i] += sum->counts[i];
    to->instances += sum->instances;
    to->degraded += sum->degraded;
    to->unsaid += sum->unsaid;
    to->over = sum->over;
    if (sum->begun_ns && (!to->begun_ns || sum->begun_ns < to->begun_ns))
        to->begun_ns = sum->begun_ns;
    if (sum->ended_ns > to->ended_ns)
        to->ended_ns = sum->ended_ns;
}

static void put_sum(int *rc, json_t *list, const char *what, const char *name, const char *group,
                    const struct sum *sum)
{
    json_t *one = json_object();
    json_t *counts = json_object();
    uint32_t bad = sum->counts[FL_STATE_FAILED] + sum->counts[FL_STATE_CANCELLED];

    if (!one || json_array_append_new(list, one) < 0)
        *rc = FL_E_NOMEM;
    for (size_t i = 0; *rc == 0 && i < FL_COUNT(worst_first); i++)
        if (sum->counts[worst_first[i]])
            fl_view_put_int(rc, counts, fl_state_name(worst_first[i]), sum->counts[worst_first[i]]);
    fl_view_put_text(rc, one, what, name);
    fl_view_put_text(rc, one, "group", group);
    fl_view_put_text(rc, one, "state", fl_state_name(state_of(sum)));
    fl_view_put_int(rc, one, "instances", sum->instances);
    fl_view_put_int(rc, one, "done", done_of(sum));
    if (sum->takes_s > 0)
        fl_view_put_int(rc, one, "takes_s", sum->takes_s);
    fl_view_put_time(rc, one, "begun", sum->begun_ns);
    if (done_of(sum) == sum->instances || bad > 0)
        fl_view_put_time(rc, one, "ended", sum->ended_ns);
    if (sum->degraded)
        fl_view_put_int(rc, one, "degraded", sum->degraded);
    if (sum->counts[FL_STATE_SKIPPED] == sum->instances || sum->instances == 0)
        fl_view_put_text(rc, one, "reason", sum->reason);
    fl_view_put(rc, one, "counts", counts);
}

const char *fl_view_unsaid(const struct fl_workflow *wf, const struct fl_dims *dims, char *text,
                           size_t size)
{
    for (size_t d = 0; d < dims->count; d++) {
        const struct fl_set *set = &wf->sets[dims->sets[d]];

        if (!fl_set_is_known(set)) {
            (void)snprintf(text, size, "%s has not said the members of set '%s'",
                           wf->stages[set->by].name, set->name);
            return text;
        }
    }
    return NULL;
}

/* A group's name, or NULL. */
static const char *group_name(const struct fl_workflow *wf, int32_t group)
{
    return group == FL_NONE ? NULL : wf->groups[group].name;
}

static void put_troubles(int *rc, json_t *list, const struct fl_core *core,
                         const struct fl_run *run)
{
    uint32_t left =
        run->counts[FL_STATE_FAILED] + run->counts[FL_STATE_TIMED_OUT] + run->counts[FL_STATE_LOST];

    for (uint32_t i = 0;
         *rc == 0 && left > 0 && i < run->plan->inst_count && json_array_size(list) < TROUBLES_MAX;
         i++) {
        enum fl_state state = run->insts[i].state;

        if (state != FL_STATE_FAILED && state != FL_STATE_TIMED_OUT && state != FL_STATE_LOST)
            continue;
        left--;
        fl_view_put_inst(rc, list, core, run, i);
    }
}

void fl_view_put_brief(int *rc, json_t *answer, const struct fl_core *core,
                       const struct fl_run *run)
{
    const struct fl_workflow *wf = run->plan->workflow;
    struct sum *groups = calloc(wf->group_count + 1, sizeof(*groups));
    json_t *stage_list = json_array();
    json_t *group_list = json_array();
    json_t *troubles = json_array();

    if (!groups || !stage_list || !group_list || !troubles)
        *rc = FL_E_NOMEM;
    for (size_t s = 0; *rc == 0 && s < wf->stage_count; s++) {
        const struct fl_plan_stage *ps = &run->plan->stages[s];
        struct sum sum = {.unsaid = !fl_dims_known(wf, &wf->stages[s].dims),
                          .over = run->state != FL_STATE_RUNNING,
                          .reason = NULL};
        char unsaid[FL_CORE_REASON_MAX];

        if (sum.unsaid)
            sum.reason = fl_view_unsaid(wf, &wf->stages[s].dims, unsaid, sizeof(unsaid));
        for (uint32_t i = 0; i < ps->inst_count; i++)
            add_inst(&sum, &run->insts[ps->inst_first + i]);
        for (int32_t g = wf->stages[s].group; g != FL_NONE; g = wf->groups[g].parent)
            add_sum(&groups[g], &sum);
        sum.takes_s = fl_expected_s(core, wf, &wf->stages[s]);
        put_sum(rc, stage_list, "stage", wf->stages[s].name, group_name(wf, wf->stages[s].group),
                &sum);
    }
    for (size_t g = 0; *rc == 0 && g < wf->group_count; g++)
        put_sum(rc, group_list, "name", wf->groups[g].name, group_name(wf, wf->groups[g].parent),
                &groups[g]);
    if (*rc == 0)
        put_troubles(rc, troubles, core, run);
    free(groups);
    fl_view_put(rc, answer, "stages", stage_list);
    fl_view_put(rc, answer, "groups", group_list);
    fl_view_put(rc, answer, "troubles", troubles);
}
