/* When each stage of a run must have started so that the products after it come in time: the
 * deadline less what is expected to take time on the way. */
#include "config.h"

#include "engine/core/history.h"

#include <stdlib.h>

#include "engine/base/banned.h"

static void earlier(int64_t *latest_s, int64_t s)
{
    *latest_s = s < *latest_s ? s : *latest_s;
}

/* A stage that comes before another has to have ended when that one starts. */
static void pass_back(const struct fl_plan *plan, uint32_t s, const int64_t *takes_s,
                      int64_t *latest_s)
{
    const struct fl_stage *stages = plan->workflow->stages;
    const struct fl_expr *when = &plan->stages[s].when;

    for (size_t i = 0; i < stages[s].input_count; i++) {
        for (size_t k = 0; k < stages[s].inputs[i].source_count; k++) {
            const struct fl_source *source = &stages[s].inputs[i].sources[k];

            if (source->stage != FL_NONE && source->cycle_offset_s == 0)
                earlier(&latest_s[source->stage], latest_s[s] - takes_s[source->stage]);
        }
    }
    for (size_t i = 0; i < when->leaf_count; i++) {
        int32_t before = when->leaves[i].stage;

        if (before != FL_NONE && (uint32_t)before < s && when->leaves[i].cycle_offset_s == 0)
            earlier(&latest_s[before], latest_s[s] - takes_s[before]);
    }
}

int fl_run_slack(const struct fl_core *core, struct fl_run *run, struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    int64_t *takes_s;
    bool dated = false;

    run->ordered = false;
    free(run->latest_s);
    run->latest_s = NULL;
    for (size_t s = 0; s < wf->stage_count; s++) {
        run->ordered |= wf->stages[s].priority != 0 || wf->stages[s].deadline_count > 0;
        dated |= wf->stages[s].deadline_count > 0;
    }
    if (!dated)
        return 0;
    takes_s = malloc(wf->stage_count * sizeof(*takes_s));
    run->latest_s = malloc(wf->stage_count * sizeof(*run->latest_s));
    if (!run->latest_s || !takes_s) {
        free(takes_s);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for run '%s'", run->name);
    }
    for (size_t s = 0; s < wf->stage_count; s++)
        takes_s[s] = fl_expected_s(core, wf, &wf->stages[s]);
    for (size_t s = 0; s < wf->stage_count; s++) {
        run->latest_s[s] = INT64_MAX / 2; /* nothing is due after it */
        for (size_t d = 0; d < wf->stages[s].deadline_count; d++)
            earlier(&run->latest_s[s], run->cycle.s + wf->stages[s].deadlines[d].by_s - takes_s[s]);
    }
    for (size_t s = wf->stage_count; s-- > 0;)
        pass_back(run->plan, (uint32_t)s, takes_s, run->latest_s);
    free(takes_s);
    return 0;
}
