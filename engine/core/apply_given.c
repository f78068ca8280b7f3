/* Events of what a run is told from outside, and that its triggers wait for. */
#include "config.h"

#include "engine/core/apply.h"
#include "engine/core/clock.h"
#include "engine/core/declare.h"

#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

int fl_run_move_own(struct fl_core *core, struct fl_run *run, const struct fl_plan *plan,
                    struct fl_plan *own, int64_t now_ns, struct fl_err *reterr)
{
    struct fl_plan *old = run->own_plan;
    int rc = fl_run_move(core, run, own ? own : plan, now_ns, reterr);

    if (run->plan != (own ? own : plan)) { /* it stays what it was */
        fl_plan_destroy(own);
        return rc;
    }
    run->own_plan = own;
    fl_plan_destroy(old);
    return rc;
}

int fl_apply_declared(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    fl_json_auto json_t *members = NULL;
    struct fl_plan *own = NULL;
    struct fl_attempt *attempt;
    struct fl_run *run;
    uint32_t inst;
    int32_t set;
    int rc = event->attempt > 0
                 ? fl_apply_find_attempt(core, event, &run, &inst, &attempt, reterr)
                 : fl_apply_find(core, event, &run, NULL, reterr); /* a person's word */

    if (rc == 0)
        rc = fl_json_parse(event->text, strlen(event->text), &members, reterr);
    if (rc < 0)
        return rc;
    set = fl_workflow_set(run->plan->workflow, event->output);
    if (set == FL_NONE || run->plan->workflow->sets[set].kind != FL_SET_DECLARED ||
        run->plan->workflow->sets[set].known)
        return fl_apply_bug(event, reterr, "no such set, or its members are known");
    rc = fl_plan_declare(run->plan, set, members, &own, reterr);
    return rc < 0 ? rc : fl_run_move_own(core, run, NULL, own, event->time_ns, reterr);
}

int fl_apply_time(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run;
    int rc = fl_apply_find(core, event, &run, NULL, reterr);

    return rc < 0 ? rc
                  : fl_apply_clock(core, run,
                                   (event->until_ns - fl_clock_after_ns(run, 0)) / 1000000000,
                                   event->time_ns, reterr);
}

int fl_apply_signalled(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run;
    int rc = fl_apply_find(core, event, &run, NULL, reterr);

    return rc < 0 ? rc : fl_apply_signal(core, run, event->output, event->time_ns, reterr);
}

/* The leaf whose path, with its placeholders filled in, is the file's. */
int fl_apply_file(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run;
    uint32_t inst;
    int rc = fl_apply_find(core, event, &run, &inst, reterr);
    const struct fl_expr *when =
        rc < 0 ? NULL : &run->plan->stages[run->plan->inst_stage[inst]].when;

    for (uint32_t t = 0; rc == 0 && t < when->leaf_count; t++) {
        fl_auto(fl_buf_release) struct fl_buf path;

        fl_buf_init(&path, FL_EVENT_TEXT_MAX);
        if (when->leaves[t].kind != FL_LEAF_FILE)
            continue;
        if (fl_render_path(core, run, inst, when->leaves[t].name, &path, NULL) == 0 &&
            strcmp(path.data, event->path) == 0)
            rc = fl_apply_arrival(core, run, inst, t, event->time_ns, reterr);
    }
    return rc;
}
