/* Why an instance is in its state, in words for an operator in the night. */
#include "config.h"

#include "engine/core/history.h"
#include "engine/core/retry.h"
#include "engine/core/view_impl.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

void fl_why_end(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    const struct fl_inst *in = &run->insts[inst];
    const struct fl_attempt *attempt = fl_inst_last_try(in);

    if (attempt && fl_state_is_end(attempt->state)) {
        struct fl_again again;
        bool tried_again = fl_again_of(fl_inst_stage(run, inst), attempt, &again);

        fl_buf_printf(why->out, ", attempt %u", in->try_count);
        if (tried_again && in->try_count <= again.tries)
            fl_buf_printf(why->out, " of %lld", (long long)again.tries);
        if (fl_attempt_class(attempt))
            fl_buf_printf(why->out, ", class %.40s%s", fl_attempt_class(attempt),
                          tried_again ? "" : " (not tried again by itself)");
        if (attempt->signal)
            fl_buf_printf(why->out, ", signal %lld", (long long)attempt->signal);
        else
            fl_buf_printf(why->out, ", exit code %lld", (long long)attempt->code);
    }
    fl_buf_printf(why->out, ": %.700s", in->reason ? in->reason : "no reason was given");
}

static void running(struct fl_why *why, const struct fl_inst *in)
{
    const struct fl_attempt *attempt = fl_inst_last_try(in);
    const struct fl_worker *worker = why->core->workers[attempt->worker];
    char since[FL_VIEW_TIME_MAX];

    fl_buf_printf(why->out, ", attempt %u", in->try_count);
    if (fl_attempt_progress(attempt))
        fl_buf_printf(why->out, ", last progress %.100s", fl_attempt_progress(attempt));
    if (attempt->cancel_asked)
        fl_buf_puts(why->out, ", asked to stop");
    if (worker->gone) {
        fl_view_time(worker->since_ns, since);
        fl_buf_printf(why->out, ", but its worker '%s' cannot be reached since %s", worker->name,
                      since);
    }
}

/* What comes after the name: "is running, attempt 1, last progress +004". */
static void doing(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    const struct fl_inst *in = &run->insts[inst];
    struct fl_why inner = *why;

    inner.depth++;
    switch (in->state) {
    case FL_STATE_WAITING:
        if (inner.depth > FL_VIEW_DEPTH_MAX) {
            fl_buf_puts(why->out, "is waiting");
            return;
        }
        fl_buf_puts(why->out, "waits for ");
        fl_why_needs(&inner, run, inst);
        return;
    case FL_STATE_READY:
        fl_buf_puts(why->out, "is ready; ");
        fl_why_room(&inner, run, inst);
        return;
    case FL_STATE_LAUNCHED:
        fl_buf_puts(why->out, "is launched and has not begun");
        running(why, in);
        return;
    case FL_STATE_RUNNING:
        fl_buf_puts(why->out, "is running");
        running(why, in);
        return;
    case FL_STATE_SUCCEEDED:
    case FL_STATE_REUSED:
        fl_buf_puts(why->out, "has succeeded");
        return;
    case FL_STATE_HELD:
        fl_buf_printf(why->out, "is held: %.700s", in->reason ? in->reason : "no reason was given");
        return;
    case FL_STATE_SKIPPED:
    case FL_STATE_CANCELLED:
        fl_buf_printf(why->out, "was %s", fl_state_name(in->state));
        fl_why_end(why, run, inst);
        return;
    case FL_STATE_FAILED:
    case FL_STATE_TIMED_OUT:
    case FL_STATE_LOST:
    case FL_STATE_EXPIRED:
        fl_buf_puts(why->out, in->state == FL_STATE_FAILED ? "failed" : "has ");
        if (in->state != FL_STATE_FAILED)
            fl_buf_puts(why->out, in->state == FL_STATE_TIMED_OUT ? "timed out"
                                  : in->state == FL_STATE_LOST    ? "been lost"
                                                                  : "expired");
        fl_why_end(why, run, inst);
        return;
    case FL_STATE_COUNT:
        break;
    }
    fl_assert(false);
}

void fl_why_maker(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    char title[FL_CORE_ID_MAX];

    fl_inst_title(run, inst, title, sizeof(title));
    fl_buf_printf(why->out, "%s ", title);
    doing(why, run, inst);
}

void fl_why_blocked(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                    struct fl_buf *out)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_why why = {.core = core, .out = &text};
    size_t size;

    fl_buf_init(&text, FL_VIEW_TEXT_MAX);
    if (run->insts[inst].state == FL_STATE_WAITING) {
        fl_buf_puts(&text, "it needs ");
        fl_why_needs(&why, run, inst);
    } else {
        fl_why_maker(&why, run, inst);
    }
    if (text.size > 0)
        fl_text_clean(text.data); /* it becomes the text of an event */
    size = text.size;
    if (out->limit > out->size &&
        size > out->limit - out->size - 1) { /* cut, not within a character */
        size = out->limit - out->size - 1;
        while (size > 0 && ((unsigned char)text.data[size] & 0xc0) == 0x80)
            size--;
    }
    fl_buf_add(out, text.data, size);
}

static size_t bridged_source(struct fl_why *why, const struct fl_run *run, uint32_t inst,
                             size_t input_index, size_t n)
{
    const struct fl_plan *plan = run->plan;
    const struct fl_stage_input *input = &fl_inst_stage(run, inst)->inputs[input_index];
    const struct fl_source *source = &input->sources[n];
    struct fl_region region =
        fl_plan_source(plan, plan->inst_stage[inst], fl_plan_inst_k(plan, inst), input_index, n);
    uint32_t base = plan->stages[source->stage].slot_first[source->output];
    size_t found = 0;

    for (uint32_t i = 0; i < region.count; i++) {
        uint32_t at = base + fl_region_at(&region, i);
        const struct fl_slot *slot = &run->slots[at];
        char title[FL_CORE_ID_MAX];
        char gap[FL_TIME_TEXT_MAX];
        char from[FL_TIME_TEXT_MAX];
        char to[FL_TIME_TEXT_MAX];
        struct fl_bridge bridge;

        if (slot->state != FL_SLOT_ABSENT ||
            !fl_find_bridge(run, at, input->bridge_max_s, &bridge) ||
            run->slots[bridge.before].state != FL_SLOT_ACCEPTED ||
            run->slots[bridge.after].state != FL_SLOT_ACCEPTED || found++ >= FL_VIEW_NAMED_MAX)
            continue;
        fl_view_slot_title(run, at, title, sizeof(title));
        fl_duration_format((int64_t)(bridge.lead_after.minutes - bridge.lead_before.minutes) * 60,
                           gap);
        fl_lead_format(bridge.lead_before, from);
        fl_lead_format(bridge.lead_after, to);
        fl_buf_printf(why->out,
                      "; input '%s': %s is absent (%.300s) and is bridged %s between %s and %s",
                      input->name, title,
                      fl_slot_cause(slot) ? fl_slot_cause(slot) : "no cause given", gap, from, to);
    }
    if (found > FL_VIEW_NAMED_MAX)
        fl_buf_printf(why->out, "; and %zu more of input '%s' are bridged",
                      found - FL_VIEW_NAMED_MAX, input->name);
    return found;
}

bool fl_why_bridged(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    size_t found = 0;

    for (size_t i = 0; i < stage->input_count; i++) {
        const struct fl_stage_input *input = &stage->inputs[i];

        for (size_t s = 0; input->bridge_max_s > 0 && !input->first_of && s < input->source_count;
             s++)
            found += bridged_source(why, run, inst, i, s);
    }
    return found > 0;
}

/* Degraded marks of the last attempt; those of a bridge were told already. */
static void degraded(struct fl_why *why, const struct fl_run *run, uint32_t inst, bool bridged)
{
    const struct fl_attempt *attempt = fl_inst_last_try(&run->insts[inst]);
    size_t named = 0;

    for (size_t i = 0; attempt && i < json_array_size(fl_attempt_marks(attempt)); i++) {
        const json_t *mark = json_array_get(fl_attempt_marks(attempt), i);
        const char *cause = json_string_value(json_object_get(mark, "cause"));
        const char *age = json_string_value(json_object_get(mark, "age"));

        if (!cause || (bridged && strstr(cause, "; bridged ")) || named++ >= FL_VIEW_NAMED_MAX)
            continue;
        fl_buf_printf(why->out, "; degraded: %.400s", cause);
        if (age)
            fl_buf_printf(why->out, " (%.30s)", age);
    }
}

/* "running on worker 'w1' since … (PT12M), attempt 1, last progress +004". */
static void tell_running(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    const struct fl_inst *in = &run->insts[inst];
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_history *history =
        fl_history_of(why->core, run->plan->workflow->name, stage->name);
    const struct fl_attempt *attempt = fl_inst_last_try(in);
    bool begun = in->state == FL_STATE_RUNNING;
    int64_t since_ns = begun ? attempt->begun_ns : attempt->launched_ns;
    char since[FL_VIEW_TIME_MAX];
    char span[FL_TIME_TEXT_MAX];

    fl_view_time(since_ns, since);
    fl_buf_printf(why->out, "%s worker '%s' since %s", begun ? "running on" : "launched at",
                  why->core->workers[attempt->worker]->name, since);
    if (why->now_ns > since_ns) {
        fl_duration_format((why->now_ns - since_ns) / 1000000000, span);
        fl_buf_printf(why->out, " (%s)", span);
    }
    if (!begun)
        fl_buf_puts(why->out, ", has not begun");
    if (history) {
        fl_duration_format((fl_history_median_ms(history) + 999) / 1000, span);
        fl_buf_printf(why->out, ", usually takes %s (median of the last %u)", span, history->count);
    } else if (stage->expect_s > 0) {
        fl_duration_format(stage->expect_s, span);
        fl_buf_printf(why->out, ", expected to take %s", span);
    }
    running(why, in);
    if (begun && !fl_attempt_progress(attempt))
        fl_buf_puts(why->out, ", no progress was told");
}

static void show_log(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    char plain[FL_CORE_ID_MAX];

    if (run->insts[inst].try_count == 0)
        return;
    fl_view_plain(run, inst, plain, sizeof(plain));
    fl_buf_printf(why->out, "; its log: `fairlead log %s`", plain);
}

/* A lost attempt waits for proof that its body is dead, or for a person who knows. */
static void what_to_type(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    char plain[FL_CORE_ID_MAX];

    fl_view_plain(run, inst, plain, sizeof(plain));
    fl_buf_printf(why->out,
                  "; the run waits until that worker says that the body is dead, or a person does: "
                  "`fairlead retry --force '%s' %s` starts another attempt",
                  run->name, plain);
}

static void tell_end(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    const struct fl_inst *in = &run->insts[inst];
    const struct fl_attempt *attempt = fl_inst_last_try(in);
    char at[FL_VIEW_TIME_MAX];

    fl_buf_puts(why->out, fl_state_name(in->state));
    if (attempt && attempt->ended_ns) {
        fl_view_time(attempt->ended_ns, at);
        fl_buf_printf(why->out, " at %s on worker '%s'", at,
                      why->core->workers[attempt->worker]->name);
    }
    if (!fl_state_is_good(in->state) || in->state == FL_STATE_SKIPPED) {
        fl_why_end(why, run, inst);
        if (in->undecided)
            what_to_type(why, run, inst);
        show_log(why, run, inst);
    } else if (in->try_count > 1) {
        fl_buf_printf(why->out, ", attempt %u", in->try_count);
    }
}

void fl_why_tell(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    const struct fl_inst *in = &run->insts[inst];
    bool bridged;

    switch (in->state) {
    case FL_STATE_WAITING:
        fl_buf_puts(why->out, "waiting for ");
        fl_why_needs(why, run, inst);
        if (run->held)
            fl_buf_puts(why->out, "; and the whole run is held");
        break;
    case FL_STATE_READY:
        fl_buf_puts(why->out, "ready; ");
        fl_why_room(why, run, inst);
        break;
    case FL_STATE_LAUNCHED:
    case FL_STATE_RUNNING:
        tell_running(why, run, inst);
        break;
    case FL_STATE_HELD:
        fl_buf_printf(why->out, "held by a person: %.700s; `fairlead release` lets it go",
                      in->reason ? in->reason : "no reason was given");
        break;
    case FL_STATE_SUCCEEDED:
    case FL_STATE_REUSED:
    case FL_STATE_SKIPPED:
    case FL_STATE_CANCELLED:
    case FL_STATE_FAILED:
    case FL_STATE_TIMED_OUT:
    case FL_STATE_LOST:
    case FL_STATE_EXPIRED:
        tell_end(why, run, inst);
        break;
    case FL_STATE_COUNT:
        fl_assert(false);
    }
    bridged = fl_why_bridged(why, run, inst);
    degraded(why, run, inst, bridged);
}
