/* Events of what a run is told from outside, and that its triggers wait for. */
#include "config.h"

#include "engine/core/apply.h"
#include "engine/core/clock.h"

#include <string.h>

#include "engine/base/banned.h"

int fl_apply_declared(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run;
    int rc = fl_apply_find(core, event, &run, NULL, reterr);

    return rc < 0 ? rc : fl_apply_bug(event, reterr, "not known yet");
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
