/* Ended runs leave the memory. */
#include "config.h"

#include "engine/core/paging.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/custody.h"
#include "engine/core/flow.h"

#include "engine/base/banned.h"

bool fl_core_is_paged(const struct fl_core *core, const char *run)
{
    uint32_t v;

    return fl_names_find(&core->paged.index, run, &v);
}

void fl_paged_text(const char *run, char *text, size_t size)
{
    const char *cycle = strchr(run, '/');
    int cycle_size = cycle ? (int)strcspn(cycle + 1, "#") : 0;

    (void)snprintf(text, size,
                   "run '%.200s' has ended and is held no more (the newest %d are): what it made "
                   "stays, and status, why and log answer from the record; to run it anew beside "
                   "it: fairlead run FILE --cycle %.*s --variant NAME",
                   run, FL_CORE_ENDED_KEPT, cycle_size, cycle ? cycle + 1 : "");
}

/* "surge/20261124T0000Z": cycles of one calendar are in the order of their texts. */
bool fl_paged_earlier(const struct fl_core *core, const char *workflow, struct fl_cycle cycle)
{
    char text[FL_TIME_TEXT_MAX];
    size_t size = strlen(workflow);

    fl_cycle_format(cycle, text);
    for (size_t i = 0; i < core->paged.count; i++) {
        const char *name = core->paged.names[i];

        if (strncmp(name, workflow, size) == 0 && name[size] == '/' && !strchr(name, '#') &&
            strcmp(name + size + 1, text) < 0)
            return true;
    }
    return false;
}

/* True when it is held until it is dropped by a rule of its workflow. */
static bool is_kept_by_rule(const struct fl_core *core, const struct fl_run *run)
{
    const struct fl_flow *flow = fl_run_flow(core, run);

    return flow && flow->plan->workflow->cycles.keep_s > 0;
}

static int page(const struct fl_input *tick, struct fl_events *events, const struct fl_run *run,
                struct fl_err *reterr)
{
    struct fl_event *event;
    char why[FL_CORE_REASON_MAX];
    int rc = fl_emit(events, FL_EVENT_RUN_PAGED, tick->now_ns, run, UINT32_MAX, &event, reterr);

    if (rc < 0)
        return rc;
    event->who = "fairlead";
    (void)snprintf(why, sizeof(why), "of the runs that have ended, the newest %d are held",
                   FL_CORE_ENDED_KEPT);
    return fl_emit_text(event, &event->why, why, reterr);
}

/* One walk from the oldest on; first those that succeeded, or all. */
static int page_some(const struct fl_core *core, const struct fl_input *tick,
                     struct fl_events *events, bool all, size_t *left, struct fl_err *reterr)
{
    size_t last = core->ended_count - FL_CORE_ENDED_NEWEST;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i<last && * left> 0; i++) {
        const struct fl_run *run = core->runs[core->ended[i]];

        if ((run->state == FL_STATE_SUCCEEDED) == all || is_kept_by_rule(core, run) ||
            fl_custody_is_open(run) || fl_needed_by_runs(core, run) || fl_needed_later(core, run))
            continue;
        rc = page(tick, events, run, reterr);
        (*left)--;
    }
    return rc;
}

int fl_paging_advance(const struct fl_core *core, const struct fl_input *tick,
                      struct fl_events *events, struct fl_err *reterr)
{
    size_t left;
    int rc;

    if (core->ended_count <= FL_CORE_ENDED_KEPT)
        return 0;
    left = core->ended_count - FL_CORE_ENDED_KEPT;
    if (left > FL_PAGING_ROUND_MAX)
        left = FL_PAGING_ROUND_MAX;
    rc = page_some(core, tick, events, false, &left, reterr);
    return rc < 0 ? rc : page_some(core, tick, events, true, &left, reterr);
}

int fl_paging_ended(struct fl_core *core, const struct fl_run *run, struct fl_err *reterr)
{
    if (is_kept_by_rule(core, run))
        return 0;
    return fl_list_push(&core->ended, &core->ended_count, &core->ended_room, run->index, reterr);
}

void fl_paging_left(struct fl_core *core, const struct fl_run *run)
{
    for (size_t i = 0; i < core->ended_count; i++) {
        if (core->ended[i] != run->index)
            continue;
        memmove(&core->ended[i], &core->ended[i + 1],
                (core->ended_count - i - 1) * sizeof(*core->ended));
        core->ended_count--;
        return;
    }
}

int fl_paged_add(struct fl_paged *paged, char *name, struct fl_err *reterr)
{
    uint32_t v;
    int rc = 0;

    if (paged->count == paged->room && paged->room < FL_CORE_PAGED_MAX) {
        size_t room = paged->room ? paged->room * 2 : 64;
        char **names;

        if (room > FL_CORE_PAGED_MAX)
            room = FL_CORE_PAGED_MAX;
        names = realloc(paged->names, room * sizeof(*names));
        if (!names)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the name of a run");
        paged->names = names;
        paged->room = room;
    }
    if (!fl_names_find(&paged->index, name, &v))
        rc = fl_names_add(&paged->index, name, 0, reterr);
    if (rc < 0)
        return rc;
    if (paged->count < paged->room) {
        paged->names[paged->count++] = name;
        return 0;
    }
    (void)fl_names_drop(&paged->index, paged->names[paged->next]); /* it is there */
    free(paged->names[paged->next]);
    paged->names[paged->next] = name;
    paged->next = (paged->next + 1) % FL_CORE_PAGED_MAX;
    return 0;
}

void fl_paged_release(struct fl_paged *paged)
{
    for (size_t i = 0; i < paged->count; i++)
        free(paged->names[i]);
    free(paged->names);
    fl_names_release(&paged->index);
    *paged = (struct fl_paged){0};
}

int fl_apply_paged(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_run *run = fl_core_run(core, event->run);
    int rc;

    if (!run || run->state == FL_STATE_RUNNING)
        return fl_apply_bug(event, reterr, "no such run has ended");
    (void)fl_names_drop(&core->run_names, run->name);   /* it was found by it */
    rc = fl_paged_add(&core->paged, run->name, reterr); /* events under way may borrow it */
    if (rc < 0)
        return rc;
    run->name = NULL;
    fl_paging_left(core, run);
    fl_custody_left(core, run);
    fl_flow_left(core, run);
    core->runs[run->index] = NULL;
    core->live_runs--;
    fl_run_destroy(run);
    return 0;
}
