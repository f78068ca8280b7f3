/* Every field of the live state, in a fixed order. */
#include "config.h"

#include "tests/lib/dump.h"

#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/core/flow.h"
#include "engine/core/terms.h"

#include "engine/base/banned.h"

static void put_json(struct fl_buf *out, const char *name, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;

    fl_buf_printf(out, " %s=", name);
    fl_buf_puts(out, text ? text : "-"); /* longer than a formatted line may be */
    free(text);
}

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void put_attempt(struct fl_buf *out, const struct fl_core *core, const struct fl_attempt *a)
{
    fl_buf_printf(
        out,
        "    try %s ask=%d check=%d worker=%u pool=%s site=%s token=%s cores=%lld launched=%lld "
        "begun=%lld ended=%lld index=%lld code=%lld signal=%lld class=%s progress=%s",
        fl_state_name(a->state), a->cancel_asked, a->check, a->worker, fl_core_word(core, a->pool),
        fl_core_word(core, a->site), or_dash(fl_attempt_token(a)), (long long)a->cores,
        (long long)a->launched_ns, (long long)a->begun_ns, (long long)a->ended_ns,
        (long long)a->index, (long long)a->code, (long long)a->signal, or_dash(fl_attempt_class(a)),
        or_dash(fl_attempt_progress(a)));
    put_json(out, "marks", fl_attempt_marks(a));
    fl_buf_putc(out, '\n');
}

static void put_inst(struct fl_buf *out, const struct fl_core *core, const struct fl_run *run,
                     uint32_t i)
{
    const struct fl_inst *in = &run->insts[i];
    char title[FL_CORE_ID_MAX];

    fl_inst_title(run, i, title, sizeof(title));
    fl_buf_printf(
        out,
        "  %s %s final=%d held=%d undecided=%d set=%d not_before=%lld ready=%lld doom=%u bit=%d "
        "live=%d why=%s\n",
        title, fl_state_name(in->state), in->final, in->held, in->undecided, in->set,
        (long long)in->not_before_ns, (long long)in->ready_ns, in->doom,
        fl_bits_has(&run->ready[fl_inst_stage(run, i)->pool].set, i), fl_bits_has(&run->live, i),
        or_dash(in->reason));
    for (uint32_t t = 0; t < in->try_count; t++)
        put_attempt(out, core, &in->tries[t]);
}

static void put_slot(struct fl_buf *out, const struct fl_core *core, const struct fl_slot *s)
{
    const struct fl_made *m = s->made;
    char sha256[FL_DIGEST_HEX] = "-";

    if (s->state == FL_SLOT_ACCEPTED)
        fl_slot_sha256(s, sha256);
    fl_buf_printf(out, "  slot %d attempt=%u size=%lld at=%lld path=%s site=%s sha=%s", s->state,
                  s->attempt, m ? (long long)m->size : 0, m ? (long long)m->accepted_ns : 0,
                  or_dash(fl_slot_path(s)),
                  m && s->state == FL_SLOT_ACCEPTED ? fl_core_word(core, m->site) : "-", sha256);
    fl_buf_printf(out, " gone=%d cause=%s age=%s", m ? m->gone : 0, or_dash(fl_slot_cause(s)),
                  or_dash(fl_slot_age(s)));
    put_json(out, "marks", fl_slot_marks(s));
    fl_buf_putc(out, '\n');
}

static void put_list(struct fl_buf *out, const char *name, const uint32_t *list, size_t count)
{
    fl_buf_printf(out, "  %s:", name);
    for (size_t i = 0; i < count; i++)
        fl_buf_printf(out, " %u", list[i]);
    fl_buf_putc(out, '\n');
}

static void put_set(struct fl_buf *out, const char *name, const struct fl_bits *set)
{
    fl_buf_printf(out, "  %s:", name);
    for (uint32_t i = fl_bits_next(set, 0); i != FL_BITS_NONE; i = fl_bits_next(set, i + 1))
        fl_buf_printf(out, " %u", i);
    fl_buf_putc(out, '\n');
}

static void put_run(struct fl_buf *out, const struct fl_core *core, const struct fl_run *run)
{
    const struct fl_plan *plan = run->plan;

    fl_buf_printf(out, "run %s %s cycle=%lld ask=%d held=%d created=%lld ended=%lld who=%s plan=%s",
                  run->name, fl_state_name(run->state), (long long)run->cycle.s, run->cancel_asked,
                  run->held, (long long)run->created_ns, (long long)run->ended_ns,
                  or_dash(run->who), plan->digest);
    put_json(out, "params", run->params);
    put_json(out, "marks", run->marks);
    fl_buf_putc(out, '\n');
    put_list(out, "counts", run->counts, FL_STATE_COUNT);
    fl_buf_puts(out, "  terms:");
    for (uint32_t t = 0; t < plan->term_count; t++)
        fl_buf_printf(out, " %u/%u", run->terms[t].met, run->terms[t].lost);
    fl_buf_putc(out, '\n');
    for (uint32_t f = 0; run->fars && f < plan->far_count; f++)
        fl_buf_printf(out, "  far %u %u run=%u %u/%u of %u\n", run->fars[f].inst, run->fars[f].term,
                      run->fars[f].target, run->fars[f].now.met, run->fars[f].now.lost,
                      run->fars[f].want.need);
    for (size_t i = 0; i < run->signal_count; i++)
        fl_buf_printf(out, "  signal %s\n", run->signals[i]);
    for (size_t i = 0; i < run->arrival_count; i++)
        fl_buf_printf(out, "  file %u %u\n", run->arrivals[i].inst, run->arrivals[i].leaf);
    for (size_t i = 0; i < run->sourced_count; i++)
        fl_buf_printf(out, "  source %s %lld %d %d %s\n", run->sourced[i].source,
                      (long long)run->sourced[i].cycle.s, run->sourced[i].minutes,
                      run->sourced[i].absent, or_dash(run->sourced[i].cause));
    fl_buf_printf(out, "  clock=%lld bad=%u\n", (long long)run->clock_come_s, run->bad);
    for (size_t d = 0; d < plan->due_count; d++)
        fl_buf_printf(out, "  due %zu told=%d\n", d, run->due_told[d]);
    fl_buf_printf(out, "  removal %d cleared=%d left=%d due=%d anew=%d %u-%u noting=%u tries=%u ",
                  run->removal.phase, run->removal.cleared, run->removal.left, run->removal.due,
                  run->removal.anew, run->removal.first, run->removal.last, run->removal.noting,
                  run->removal.tries);
    fl_buf_printf(out, "again=%lld told=%llx\n", (long long)run->removal.again_ns,
                  (unsigned long long)run->told);
    put_list(out, "open", run->open, plan->workflow->stage_count);
    put_list(out, "unstarted", run->unstarted, plan->workflow->stage_count);
    for (size_t s = 0; run->latest_s && s < plan->workflow->stage_count; s++)
        fl_buf_printf(out, "  latest %zu %lld\n", s, (long long)run->latest_s[s]);
    if (run->starved)
        put_list(out, "starved", run->starved, plan->workflow->stage_count);
    put_set(out, "doomed", &run->doomed);
    put_set(out, "revived", &run->revived);
    put_set(out, "timers", &run->timers.set);
    put_list(out, "excluded", run->excluded, run->excluded_count);
    fl_buf_printf(out, "  flow=%u first=%d rules=%llx/%llx ready=%u undecided=%u live=%u\n",
                  run->flow, run->first, (unsigned long long)run->rules[0],
                  (unsigned long long)run->rules[1], run->ready_total, run->undecided,
                  run->live.members);
    for (size_t i = 0; i < run->overrides.count; i++)
        fl_buf_printf(out, "  set %s.%s=%s until %lld\n", or_dash(run->overrides.items[i].stage),
                      run->overrides.items[i].name, run->overrides.items[i].value,
                      (long long)run->overrides.items[i].until_ns);
    for (size_t p = 0; p < plan->workflow->pool_count; p++)
        fl_buf_printf(out, "  pool %zu jobs=%lld\n", p, (long long)run->pool_jobs[p]);
    for (uint32_t i = 0; i < plan->inst_count; i++)
        put_inst(out, core, run, i);
    for (uint32_t s = 0; s < plan->slot_count; s++)
        put_slot(out, core, &run->slots[s]);
    for (size_t i = 0; i < run->gone_count; i++) {
        fl_buf_printf(out, "  gone %s\n", run->gone[i].name);
        for (uint32_t t = 0; t < run->gone[i].try_count; t++)
            put_attempt(out, core, &run->gone[i].tries[t]);
    }
}

static void put_worker(struct fl_buf *out, const struct fl_core *core, const struct fl_worker *w)
{
    fl_buf_printf(out, "worker %s gone=%d since=%lld why=%s\n", w->name, w->gone,
                  (long long)w->since_ns, or_dash(w->reason));
    for (size_t p = 0; p < w->pool_count; p++)
        fl_buf_printf(out, "  pool %s@%s cores=%lld/%lld jobs=%lld/%lld\n",
                      fl_core_word(core, w->pools[p].pool), fl_core_word(core, w->pools[p].site),
                      (long long)w->pools[p].used_cores, (long long)w->pools[p].cores,
                      (long long)w->pools[p].used_jobs, (long long)w->pools[p].jobs);
    for (size_t s = 0; s < w->site_count; s++)
        fl_buf_printf(out, "  site %s door=%s\n", fl_core_word(core, w->sites[s].site),
                      or_dash(w->sites[s].door));
}

static void put_flow(struct fl_buf *out, const struct fl_core *core, const struct fl_flow *f)
{
    fl_buf_printf(out,
                  "flow %s plan=%s removed=%d held=%d begun=%d start=%d/%lld stop=%d/%lld "
                  "last=%d/%lld newest=%lld next=%d/%lld made=%llu skipped=%llu unfinished=%u "
                  "since=%lld who=%s why=%s passed=%s\n",
                  f->name, f->plan->digest, f->removed, f->held, f->begun, f->has_start,
                  (long long)f->start.s, f->has_stop, (long long)f->stop.s, f->has_last,
                  (long long)f->last.s, (long long)f->newest.s, f->has_next, (long long)f->next.s,
                  (unsigned long long)f->made, (unsigned long long)f->skipped, f->unfinished,
                  (long long)f->since_ns, or_dash(f->who), or_dash(f->reason), or_dash(f->passed));
    for (size_t i = 0; i < f->ended_count; i++)
        fl_buf_printf(out, "  ended %s\n", core->runs[f->ended[i]]->name);
}

static void put_action(struct fl_buf *out, const struct fl_action *a)
{
    fl_buf_printf(
        out, "action %lld at=%lld undone=%lld undoes=%lld run=%s who=%s why=%s whole=%d/%d ",
        (long long)a->number, (long long)a->time_ns, (long long)a->undone_by, (long long)a->undoes,
        or_dash(a->run), or_dash(a->who), or_dash(a->why), a->whole_run, a->too_many);
    fl_buf_puts(out, or_dash(a->text));
    put_list(out, " insts", a->insts, a->inst_count);
}

static void put_places(struct fl_buf *out, const struct fl_core *core)
{
    for (size_t w = 0; w < core->worker_count; w++)
        for (size_t p = 0; p < core->workers[w]->pool_count; p++) {
            const struct fl_place *place = &core->places[core->workers[w]->pools[p].place];

            fl_buf_printf(out, "offered %s@%s free=%lld\n", fl_core_word(core, place->pool),
                          fl_core_word(core, place->site), (long long)place->free_jobs);
        }
}

char *dump_core(const struct fl_core *core)
{
    fl_auto(fl_buf_release) struct fl_buf out;

    fl_buf_init(&out, 0);
    for (size_t r = 0; r < core->run_count; r++)
        if (core->runs[r])
            put_run(&out, core, core->runs[r]);
    for (size_t i = 0; i < core->flow_count; i++)
        put_flow(&out, core, core->flows[i]);
    for (size_t i = 0; i < core->dropped_count; i++)
        fl_buf_printf(&out, "dropped %s\n", core->dropped[i]);
    for (size_t i = 0; i < core->history_count; i++) {
        const struct fl_history *h = &core->histories[i];

        fl_buf_printf(&out, "history %s order=%llu next=%u", h->name, (unsigned long long)h->order,
                      h->next);
        put_list(&out, "took", h->took_ms, h->count);
    }
    for (size_t i = 0; i < core->paged.count; i++)
        fl_buf_printf(&out, "paged %s\n", core->paged.names[i]);
    fl_buf_printf(&out, "paged next=%zu names=%zu\n", core->paged.next, core->paged.index.count);
    put_list(&out, "ended", core->ended, core->ended_count);
    put_list(&out, "active", core->active, core->active_count);
    put_list(&out, "removing", core->removing, core->removing_count);
    for (size_t w = 0; w < core->worker_count; w++)
        put_worker(&out, core, core->workers[w]);
    put_places(&out, core);
    for (int64_t n = 1; n <= core->actions.count; n++)
        if (fl_actions_find(&core->actions, n))
            put_action(&out, fl_actions_find(&core->actions, n));
    fl_buf_printf(&out, "events=%llu live_runs=%zu\n", (unsigned long long)core->event_count,
                  core->live_runs);
    fl_assert(!out.failed);
    return fl_buf_steal(&out);
}

uint64_t dump_hash_text(uint64_t hash, const char *text)
{
    for (const char *c = text; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    return hash;
}

uint64_t dump_hash(const struct fl_core *core)
{
    char *text = dump_core(core);
    uint64_t hash = dump_hash_text(DUMP_HASH_START, text);

    free(text);
    return hash;
}
