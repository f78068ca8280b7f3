/* Summing up the instances of stages. */
#include "config.h"

#include "engine/cli/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/text.h"

#include "engine/base/banned.h"

static const char *const state_names[FL_SUMMARY_STATES] = {
    [FL_SUMMARY_FAILED] = "failed",       [FL_SUMMARY_TIMED_OUT] = "timed-out",
    [FL_SUMMARY_LOST] = "lost",           [FL_SUMMARY_CANCELLED] = "cancelled",
    [FL_SUMMARY_HELD] = "held",           [FL_SUMMARY_RUNNING] = "running",
    [FL_SUMMARY_LAUNCHED] = "launched",   [FL_SUMMARY_READY] = "ready",
    [FL_SUMMARY_WAITING] = "waiting",     [FL_SUMMARY_EXPIRED] = "expired",
    [FL_SUMMARY_SKIPPED] = "skipped",     [FL_SUMMARY_REUSED] = "reused",
    [FL_SUMMARY_SUCCEEDED] = "succeeded",
};

const char *fl_summary_state_name(enum fl_summary_state state)
{
    return state_names[state];
}

static enum fl_summary_state state_find(const char *name)
{
    int state = 0;

    while (state < FL_SUMMARY_WAITING && strcmp(state_names[state], name) != 0)
        state++;
    for (int later = FL_SUMMARY_EXPIRED; later < FL_SUMMARY_STATES; later++) {
        if (strcmp(state_names[later], name) == 0)
            state = later;
    }
    return (enum fl_summary_state)state; /* a state of a newer version counts as waiting */
}

static void stage_add(struct fl_summary_stage *stage, const json_t *instance)
{
    enum fl_summary_state state = state_find(fl_text_of(instance, "state"));
    int64_t begun_ns = fl_text_time_ns(json_object_get(instance, "begun"));
    int64_t ended_ns = fl_text_time_ns(json_object_get(instance, "ended"));

    if (!stage->worst || state < state_find(fl_text_of(stage->worst, "state")))
        stage->worst = instance;
    stage->counts[state]++;
    stage->instances++;
    if (begun_ns && (!stage->begun_ns || begun_ns < stage->begun_ns))
        stage->begun_ns = begun_ns;
    if (ended_ns > stage->ended_ns)
        stage->ended_ns = ended_ns;
    if (json_array_size(json_object_get(instance, "degraded")) > 0)
        stage->degraded++;
}

int fl_summary_init(struct fl_summary *summary, const json_t *instances, struct fl_err *reterr)
{
    struct fl_summary_stage *last = NULL;
    size_t i;
    json_t *instance;

    memset(summary, 0, sizeof(*summary));
    summary->stages = calloc(json_array_size(instances) + 1, sizeof(*summary->stages));
    if (!summary->stages)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    json_array_foreach(instances, i, instance)
    {
        const char *name = fl_text_of(instance, "stage");

        if (!last || strcmp(last->name, name) != 0) { /* instances of a stage stand together */
            last = &summary->stages[summary->count++];
            last->name = name;
        }
        stage_add(last, instance);
    }
    for (size_t at = 0; at < summary->count; at++) {
        if (fl_summary_done(&summary->stages[at]) < summary->stages[at].instances &&
            summary->stages[at].counts[FL_SUMMARY_FAILED] == 0 &&
            summary->stages[at].counts[FL_SUMMARY_CANCELLED] == 0)
            summary->stages[at].ended_ns = 0;
    }
    return 0;
}

void fl_summary_release(struct fl_summary *summary)
{
    free(summary->stages);
    summary->stages = NULL;
}

const char *fl_summary_state(const struct fl_summary_stage *stage)
{
    enum fl_summary_state state = FL_SUMMARY_FAILED;

    while (state < FL_SUMMARY_SUCCEEDED && stage->counts[state] == 0)
        state++;
    /* work that goes on is what matters while some of it already runs or has ended well */
    if ((state == FL_SUMMARY_READY || state == FL_SUMMARY_WAITING) &&
        stage->counts[FL_SUMMARY_SUCCEEDED] > 0)
        return "running";
    return state_names[state];
}

size_t fl_summary_done(const struct fl_summary_stage *stage)
{
    return stage->counts[FL_SUMMARY_SUCCEEDED] + stage->counts[FL_SUMMARY_REUSED] +
           stage->counts[FL_SUMMARY_SKIPPED] + stage->counts[FL_SUMMARY_EXPIRED];
}

void fl_summary_note(const struct fl_summary_stage *stage, char *text, size_t size)
{
    size_t used = 0;
    int states = 0;

    text[0] = '\0';
    for (int state = 0; state < FL_SUMMARY_STATES; state++)
        states += stage->counts[state] > 0;
    for (int state = 0; state < FL_SUMMARY_SUCCEEDED && states > 1; state++) {
        int n;

        if (stage->counts[state] == 0)
            continue;
        n = snprintf(text + used, size - used, "%s%zu %s", used ? ", " : "", stage->counts[state],
                     state_names[state]);
        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
    }
    if (stage->degraded > 0) {
        int n =
            snprintf(text + used, size - used, "%s%zu degraded", used ? ", " : "", stage->degraded);

        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
    }
    if (stage->counts[FL_SUMMARY_SKIPPED] == stage->instances && stage->worst)
        (void)snprintf(text + used, size - used, "%s%s", used ? "; " : "",
                       fl_text_of(stage->worst, "reason"));
}
