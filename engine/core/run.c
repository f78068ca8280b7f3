/* A run's tables. */
#include "config.h"

#include "engine/base/text.h"
#include "engine/core/sourced.h"

#include <stdlib.h>

#include "engine/base/banned.h"

/* The sets of what is ready, for pools that some stage uses. */
static int run_pools(struct fl_run *run, const struct fl_plan *plan, struct fl_err *reterr)
{
    int rc = fl_bits_init(&run->live, plan->inst_count, reterr);

    if (rc == 0)
        rc = fl_bits_init(&run->doomed, plan->inst_count, reterr);
    if (rc == 0)
        rc = fl_bits_init(&run->revived, plan->inst_count, reterr);
    if (rc == 0)
        rc = fl_timers_init(&run->timers, plan->inst_count, reterr);
    for (size_t s = 0; rc == 0 && s < plan->workflow->stage_count; s++) {
        const struct fl_stage *stage = &plan->workflow->stages[s];
        struct fl_ready *ready = &run->ready[stage->pool];

        run->open[s] = plan->stages[s].inst_count;
        run->unstarted[s] = plan->stages[s].inst_count;
        if (stage->has_expire)
            run->expiring[run->expiring_count++] = (uint32_t)s;
        ready->needs |= stage->need_count > 0;
        if (stage->cores > ready->cores_max)
            ready->cores_max = stage->cores;
        if (ready->set.height > 0 && ready->cores_min <= stage->cores)
            continue;
        ready->cores_min = stage->cores;
        if (ready->set.height == 0)
            rc = fl_bits_init(&ready->set, plan->inst_count, reterr);
    }
    return rc;
}

static int run_tables(struct fl_run *run, const struct fl_plan *plan, struct fl_err *reterr)
{
    run->insts = calloc((size_t)plan->inst_count + 1, sizeof(*run->insts));
    run->slots = calloc((size_t)plan->slot_count + 1, sizeof(*run->slots));
    run->terms = calloc((size_t)plan->term_count + 1, sizeof(*run->terms));
    run->clock_come_s = INT64_MIN;
    run->ready = calloc(plan->workflow->pool_count + 1, sizeof(*run->ready));
    run->open = calloc(plan->workflow->stage_count + 1, sizeof(*run->open));
    run->unstarted = calloc(plan->workflow->stage_count + 1, sizeof(*run->unstarted));
    run->expiring = calloc(plan->workflow->stage_count + 1, sizeof(*run->expiring));
    if (plan->progress)
        run->progress = malloc(((size_t)plan->inst_count + 1) * sizeof(*run->progress));
    run->due_told = calloc(plan->due_count + 1, sizeof(*run->due_told));
    run->rendered = calloc(plan->workflow->stage_count + 1, sizeof(*run->rendered));
    run->pool_jobs = calloc(plan->workflow->pool_count + 1, sizeof(*run->pool_jobs));
    if (!run->insts || !run->slots || !run->terms || !run->ready || !run->open || !run->unstarted ||
        !run->expiring || !run->due_told || !run->rendered || !run->pool_jobs ||
        (plan->progress && !run->progress))
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for run '%s'", run->name);
    for (uint32_t i = 0; plan->progress && i < plan->inst_count; i++)
        run->progress[i] = INT32_MIN;
    return run_pools(run, plan, reterr);
}

int fl_run_create(const struct fl_plan *plan, const char *name, struct fl_run **ret_run,
                  struct fl_err *reterr)
{
    fl_auto(fl_run_destroy) struct fl_run *run = calloc(1, sizeof(*run));
    int rc;

    fl_assert(plan);
    fl_assert(ret_run);
    if (!run)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for run '%s'", name);
    run->plan = plan;
    run->state = FL_STATE_RUNNING;
    rc = fl_text_set(&run->name, name, reterr);
    if (rc == 0)
        rc = run_tables(run, plan, reterr);
    if (rc < 0)
        return rc;
    run->counts[FL_STATE_WAITING] = plan->inst_count;
    *ret_run = FL_STEAL(run);
    return 0;
}

void fl_made_destroy(struct fl_made *made)
{
    if (!made)
        return;
    json_decref(made->marks);
    free(made);
}

void fl_slot_sha256(const struct fl_slot *slot, char hex[static FL_DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";

    fl_assert(slot->made);
    for (size_t i = 0; i < sizeof(slot->made->sha256); i++) {
        hex[2 * i] = digits[slot->made->sha256[i] >> 4];
        hex[2 * i + 1] = digits[slot->made->sha256[i] & 15];
    }
    hex[2 * sizeof(slot->made->sha256)] = '\0';
}

static void attempt_release(struct fl_attempt *attempt)
{
    if (!attempt->more)
        return;
    free(attempt->more->token);
    free(attempt->more->class);
    free(attempt->more->progress);
    json_decref(attempt->more->marks);
    free(attempt->more);
}

void fl_gone_release(struct fl_gone *gone)
{
    for (uint32_t t = 0; t < gone->try_count; t++)
        attempt_release(&gone->tries[t]);
    free(gone->tries);
    free(gone->name);
    *gone = (struct fl_gone){0};
}

void fl_run_destroy(struct fl_run *run)
{
    if (!run)
        return;
    for (uint32_t i = 0; run->insts && i < run->plan->inst_count; i++) {
        for (uint32_t t = 0; t < run->insts[i].try_count; t++)
            attempt_release(&run->insts[i].tries[t]);
        free(run->insts[i].tries);
        free(run->insts[i].reason);
    }
    for (uint32_t i = 0; run->slots && i < run->plan->slot_count; i++)
        fl_made_destroy(run->slots[i].made);
    free(run->insts);
    free(run->slots);
    free(run->terms);
    free(run->progress);
    fl_far_release(run);
    for (size_t i = 0; i < run->signal_count; i++)
        free(run->signals[i]);
    free(run->signals);
    free(run->arrivals);
    fl_sourced_release(run);
    for (size_t i = 0; i < run->gone_count; i++)
        fl_gone_release(&run->gone[i]);
    free(run->gone);
    for (size_t p = 0; run->ready && p < run->plan->workflow->pool_count; p++)
        fl_bits_release(&run->ready[p].set);
    free(run->ready);
    fl_bits_release(&run->live);
    free(run->open);
    free(run->rendered);
    free(run->due_told);
    free(run->pool_jobs);
    fl_bits_release(&run->doomed);
    fl_bits_release(&run->revived);
    free(run->latest_s);
    free(run->unstarted);
    free(run->starved);
    free(run->histories);
    free(run->expiring);
    free(run->excluded);
    fl_timers_release(&run->timers);
    free(run->name);
    free(run->variant);
    free(run->who);
    json_decref(run->params);
    fl_overrides_release(&run->overrides);
    json_decref(run->marks);
    fl_plan_destroy(run->own_plan);
    free(run);
}
