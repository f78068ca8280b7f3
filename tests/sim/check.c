/* Invariants of the simulation. */
#include "config.h"

#include "tests/sim/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/node.h"
#include "engine/base/banned.h"

void sim_broken(struct office *office, const char *fmt, ...)
{
    va_list args;

    if (office->failed)
        return;
    office->failed = true;
    va_start(args, fmt);
    (void)vsnprintf(office->why, sizeof(office->why), fmt, args); /* cut when too long */
    va_end(args);
}

/* A launch only after all that it needs. */
static void check_launch(struct office *office, const struct fl_event *event)
{
    const struct fl_run *run = fl_core_run(office->core, event->run);
    const struct fl_stage *stage;
    uint32_t inst;

    if (fl_run_find(run, event->stage, event->key, &inst, NULL) < 0) {
        sim_broken(office, "launch of nothing");
        return;
    }
    stage = fl_inst_stage(run, inst);
    for (size_t i = 0; i < stage->input_count; i++) {
        const struct fl_stage_input *input = &stage->inputs[i];
        uint32_t base = run->plan->stages[input->sources[0].stage].slot_first[0];
        struct fl_dims dims =
            fl_output_dims(&run->plan->workflow->stages[input->sources[0].stage], 0);
        uint32_t count = dims.count == 0 ? 1 : SIM_LEADS;

        for (uint32_t m = 0; m < count && !input->follow; m++) {
            const struct fl_slot *slot = &run->slots[base + m];

            if (stage->dims.count > 0 && dims.count > 0 && m != fl_plan_inst_k(run->plan, inst))
                continue;
            if (slot->state != FL_SLOT_ACCEPTED &&
                !(slot->state == FL_SLOT_ABSENT && input->bridge_max_s))
                sim_broken(office, "%s %s started before its needs", event->stage,
                           event->key ? event->key : "");
        }
    }
}

static bool same_attempt(const struct fl_event *a, const struct fl_event *b)
{
    return a->attempt == b->attempt && strcmp(a->stage, b->stage) == 0 &&
           strcmp(a->key ? a->key : "", b->key ? b->key : "") == 0;
}

void sim_check_event(struct office *office, const struct fl_events *batch, size_t at)
{
    const struct fl_event *event = batch->items[at];

    if (event->type == FL_EVENT_ATTEMPT_LAUNCHED)
        check_launch(office, event);
    if (event->type != FL_EVENT_ATTEMPT_ENDED && event->type != FL_EVENT_ATTEMPT_BEGUN)
        return;
    for (size_t i = 0; i < office->log.count + at; i++) {
        const struct fl_event *other =
            i < office->log.count ? office->log.items[i] : batch->items[i - office->log.count];

        if (other->type == event->type && same_attempt(other, event))
            sim_broken(office, "attempt %lld of %s has two of %s", (long long)event->attempt,
                       event->stage, fl_event_type_name(event->type));
    }
}

void sim_check_limits(struct office *office)
{
    for (size_t w = 0; w < office->core->worker_count; w++) {
        const struct fl_worker_pool *pool = &office->core->workers[w]->pools[0];

        if (pool->used_cores > NODE_CORES || pool->used_jobs > NODE_JOBS || pool->used_cores < 0 ||
            pool->used_jobs < 0)
            sim_broken(office, "a pool holds %lld cores and %lld jobs", (long long)pool->used_cores,
                       (long long)pool->used_jobs);
    }
}

static void run_picture(const struct fl_run *run, struct fl_buf *out)
{
    fl_buf_printf(out, "%s %d %d %d\n", run->name, (int)run->state, run->cancel_asked, run->held);
    for (uint32_t i = 0; i < run->plan->inst_count; i++) {
        const struct fl_inst *in = &run->insts[i];
        const struct fl_attempt *last = fl_inst_last_try(in);

        fl_buf_printf(out, "%u %d %d %u %lld %u %lld %s\n", i, (int)in->state, in->final, in->doom,
                      (long long)in->not_before_ns, in->try_count,
                      last ? (long long)last->index : 0,
                      last && fl_attempt_token(last) ? fl_attempt_token(last) : "");
    }
    for (uint32_t s = 0; s < run->plan->slot_count; s++) {
        char sha256[FL_DIGEST_HEX] = "";

        if (run->slots[s].state == FL_SLOT_ACCEPTED)
            fl_slot_sha256(&run->slots[s], sha256);
        fl_buf_printf(out, "%d %s\n", (int)run->slots[s].state, sha256);
    }
    for (uint32_t t = 0; t < run->plan->term_count; t++)
        fl_buf_printf(out, "%u/%u ", run->terms[t].met, run->terms[t].lost);
}

void sim_picture(const struct fl_core *core, char hex[static FL_DIGEST_HEX])
{
    fl_auto(fl_buf_release) struct fl_buf out;

    fl_buf_init(&out, 0);
    for (size_t r = 0; r < core->run_count; r++)
        if (core->runs[r])
            run_picture(core->runs[r], &out);
    for (size_t w = 0; w < core->worker_count; w++)
        fl_buf_printf(&out, "%s %d %lld %lld\n", core->workers[w]->name, core->workers[w]->gone,
                      (long long)core->workers[w]->pools[0].used_cores,
                      (long long)core->workers[w]->pools[0].used_jobs);
    fl_digest_memory(out.data, out.size, hex);
}
