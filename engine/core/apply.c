/* apply(state, event): the only place where the state changes: states of instances, and what their
 * ends lead to. */
#include "config.h"

#include "engine/core/apply.h"
#include "engine/core/clock.h"
#include "engine/core/custody.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

int fl_apply_bug(const struct fl_event *event, struct fl_err *reterr, const char *what)
{
    return fl_err_set(reterr, FL_E_BUG, 0, "event %llu %s of '%s' %s %s contradicts the state: %s",
                      (unsigned long long)event->seq.v, fl_event_type_name(event->type),
                      event->run ? event->run : "", event->stage ? event->stage : "",
                      event->key ? event->key : "", what);
}

int fl_list_push(uint32_t **list, size_t *count, size_t *room, uint32_t v, struct fl_err *reterr)
{
    if (*count == *room) {
        size_t more = *room ? *room * 2 : 16;
        uint32_t *items = realloc(*list, more * sizeof(*items));

        if (!items)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the state of the runs");
        *list = items;
        *room = more;
    }
    (*list)[(*count)++] = v;
    return 0;
}

/* What is ready in the pool of an instance. */
static struct fl_ready *ready_of(const struct fl_run *run, uint32_t inst)
{
    return &run->ready[fl_inst_stage(run, inst)->pool];
}

static bool is_before_start(enum fl_state state)
{
    return state == FL_STATE_WAITING || state == FL_STATE_READY || state == FL_STATE_HELD;
}

/* The first launch, an end without one, or all from the beginning again. */
static void count_started(struct fl_run *run, uint32_t inst, enum fl_happening happening,
                          enum fl_state next)
{
    const struct fl_inst *in = &run->insts[inst];
    uint32_t *unstarted = &run->unstarted[run->plan->inst_stage[inst]];

    if ((happening == FL_HAPPEN_LAUNCH && in->try_count == 1) ||
        (in->try_count == 0 && is_before_start(in->state) && !is_before_start(next)))
        (*unstarted)--;
    else if (in->try_count == 0 && !is_before_start(in->state) && is_before_start(next))
        (*unstarted)++;
}

int fl_inst_happen(struct fl_run *run, uint32_t inst, enum fl_happening happening,
                   struct fl_err *reterr)
{
    struct fl_inst *in = &run->insts[inst];
    enum fl_state next = fl_state_next(in->state, happening);
    char title[FL_CORE_ID_MAX];

    if (next == FL_STATE_COUNT) {
        fl_inst_title(run, inst, title, sizeof(title));
        return fl_err_set(reterr, FL_E_BUG, 0, "run '%s' %s: %s while %s", run->name, title,
                          fl_happening_name(happening), fl_state_name(in->state));
    }
    count_started(run, inst, happening, next);
    run->undecided -= in->undecided; /* it was lost; now it is known what follows */
    in->undecided = false;
    run->counts[in->state]--;
    run->counts[next]++;
    if (in->state == FL_STATE_READY) {
        fl_bits_drop(&ready_of(run, inst)->set, inst);
        run->ready_total--;
        if (in->not_before_ns)
            fl_timers_drop(&run->timers, inst);
    }
    in->state = next;
    if (next == FL_STATE_LAUNCHED)
        fl_bits_add(&run->live, inst);
    else if (next != FL_STATE_RUNNING)
        fl_bits_drop(&run->live, inst);
    if (next == FL_STATE_READY) {
        fl_bits_add(&ready_of(run, inst)->set, inst);
        run->ready_total++;
        if (in->not_before_ns)
            fl_timers_add(&run->timers, run->insts, inst);
    }
    return 0;
}

/* What ended badly and was optional marks the run. */
static int mark_optional(struct fl_run *run, uint32_t inst, struct fl_err *reterr)
{
    char title[FL_CORE_ID_MAX];
    char text[FL_CORE_REASON_MAX];

    fl_inst_title(run, inst, title, sizeof(title));
    (void)snprintf(text, sizeof(text), "%s, which is optional, ended %s", title,
                   fl_state_name(run->insts[inst].state));
    return fl_marks_add_one(&run->marks, text, NULL, reterr);
}

bool fl_inst_is_bad(const struct fl_run *run, uint32_t inst, const struct fl_standing *standing)
{
    return standing->final && !fl_state_is_good(standing->state) &&
           standing->state != FL_STATE_EXPIRED && !fl_inst_stage(run, inst)->optional;
}

int fl_apply_ended_as(struct fl_core *core, struct fl_run *run, uint32_t inst, bool final,
                      const struct fl_standing *was, int64_t now_ns, struct fl_err *reterr)
{
    struct fl_inst *in = &run->insts[inst];
    struct fl_standing is;
    int rc = 0;

    run->open[run->plan->inst_stage[inst]] += was->final;
    run->open[run->plan->inst_stage[inst]] -= final;
    in->final = final;
    is = fl_standing_of(run, inst);
    run->bad -= fl_inst_is_bad(run, inst, was);
    run->bad += fl_inst_is_bad(run, inst, &is);
    fl_bits_drop(&run->doomed, inst);
    fl_bits_drop(&run->revived, inst);
    if (final && !fl_state_is_good(in->state) && in->state != FL_STATE_EXPIRED &&
        fl_inst_stage(run, inst)->optional) /* an expiry has its own mark */
        rc = mark_optional(run, inst, reterr);
    if (!final) {
        in->doom = 0;
        fl_custody_undone(run, inst);
    }
    return rc < 0 ? rc : fl_apply_inst_changed(core, run, inst, was, now_ns, reterr);
}

int fl_apply_finished(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t now_ns,
                      struct fl_err *reterr)
{
    struct fl_standing was = fl_standing_of(run, inst);

    return fl_apply_ended_as(core, run, inst, true, &was, now_ns, reterr);
}
