/* How long stages take. */
#include "config.h"

#include "engine/core/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define MS INT64_C(1000000)
#define NAME_MAX_BYTES (2 * FL_WORKFLOW_NAME_MAX + 2)

static void name_of(const char *workflow, const char *stage, char text[static NAME_MAX_BYTES])
{
    (void)snprintf(text, NAME_MAX_BYTES, "%s/%s", workflow, stage); /* names are bounded */
}

const struct fl_history *fl_history_of(const struct fl_core *core, const char *workflow,
                                       const char *stage)
{
    char name[NAME_MAX_BYTES];
    uint32_t v;

    name_of(workflow, stage, name);
    return fl_names_find(&core->history_names, name, &v) ? &core->histories[v] : NULL;
}

/* Numbers of histories are remembered by runs: one that goes to another stage is looked up anew. */
static void forget_numbers(struct fl_core *core)
{
    for (size_t a = 0; a < core->active_count; a++) {
        struct fl_run *run = core->runs[core->active[a]];

        free(run->histories);
        run->histories = NULL;
    }
}

/* The place of the one that was heard of the longest ago. */
static uint32_t give_up_oldest(struct fl_core *core)
{
    uint32_t oldest = 0;

    for (uint32_t i = 1; i < core->history_count; i++)
        if (core->histories[i].order < core->histories[oldest].order)
            oldest = i;
    (void)fl_names_drop(&core->history_names, core->histories[oldest].name); /* it is there */
    free(core->histories[oldest].name);
    core->histories[oldest] = (struct fl_history){0};
    forget_numbers(core);
    return oldest;
}

static int make(struct fl_core *core, const char *name, uint32_t *ret_v, struct fl_err *reterr)
{
    char *own = strdup(name);
    uint32_t v = (uint32_t)core->history_count;
    int rc;

    if (core->history_count == core->history_room && core->history_count < FL_CORE_HISTORY_MAX) {
        size_t room = core->history_room ? core->history_room * 2 : 64;
        struct fl_history *items = realloc(core->histories, room * sizeof(*items));

        if (items) {
            core->histories = items;
            core->history_room = room;
        } else {
            free(own);
            own = NULL;
        }
    }
    if (!own)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the history of a stage");
    if (core->history_count >= FL_CORE_HISTORY_MAX)
        v = give_up_oldest(core);
    rc = fl_names_add(&core->history_names, own, v, reterr);
    if (rc < 0) {
        free(own);
        return rc;
    }
    core->histories[v] = (struct fl_history){.name = own};
    core->history_count += v == core->history_count;
    *ret_v = v;
    return 0;
}

/* The number of the history of a stage of a run, made when it is new. */
static int number_of(struct fl_core *core, struct fl_run *run, uint32_t s, uint32_t *ret_v,
                     struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    char name[NAME_MAX_BYTES];
    int rc = 0;

    if (run->histories && run->histories[s] > 0) {
        *ret_v = run->histories[s] - 1;
        return 0;
    }
    name_of(wf->name, wf->stages[s].name, name);
    if (!fl_names_find(&core->history_names, name, ret_v))
        rc = make(core, name, ret_v, reterr);
    if (rc < 0)
        return rc;
    if (!run->histories)
        run->histories = calloc(wf->stage_count + 1, sizeof(*run->histories));
    if (!run->histories)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the history of a stage");
    run->histories[s] = *ret_v + 1;
    return 0;
}

int fl_history_add(struct fl_core *core, struct fl_run *run, uint32_t inst, int64_t took_ns,
                   struct fl_err *reterr)
{
    struct fl_history *history;
    int64_t ms = took_ns / MS;
    uint32_t v;
    int rc;

    if (ms < 0)
        return 0; /* the clock was set back meanwhile */
    rc = number_of(core, run, run->plan->inst_stage[inst], &v, reterr);
    if (rc < 0)
        return rc;
    history = &core->histories[v];
    history->took_ms[history->next] = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
    history->next = (history->next + 1) % FL_HISTORY_KEPT;
    if (history->count < FL_HISTORY_KEPT)
        history->count++;
    history->order = core->event_count;
    return 0;
}

int64_t fl_history_median_ms(const struct fl_history *history)
{
    uint32_t sorted[FL_HISTORY_KEPT];

    fl_assert(history->count > 0);
    for (uint32_t i = 0; i < history->count; i++) {
        uint32_t at = i;

        while (at > 0 && sorted[at - 1] > history->took_ms[i]) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = history->took_ms[i];
    }
    return sorted[history->count / 2] > 0 ? sorted[history->count / 2] : 1;
}

int64_t fl_expected_s(const struct fl_core *core, const struct fl_workflow *wf,
                      const struct fl_stage *stage)
{
    const struct fl_history *history;

    if (stage->expect_s > 0)
        return stage->expect_s;
    history = fl_history_of(core, wf->name, stage->name);
    return history ? (fl_history_median_ms(history) + 999) / 1000 : 0;
}

void fl_history_release(struct fl_core *core)
{
    for (size_t i = 0; i < core->history_count; i++)
        free(core->histories[i].name);
    free(core->histories);
    fl_names_release(&core->history_names);
}
