/* What committed events ask of the outside: messages to workers, made from the state alone, so that
 * they can be made again after a crash. Acting twice does no harm: workers know what they have
 * seen. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/state.h"
#include "engine/core/custody.h"
#include "engine/core/given.h"
#include "engine/core/sourced.h"

#include "engine/base/banned.h"

#define CLEAN_MAX 100 /* runs in one message */
#define EFFECTS_MAX 1000000
#define ACK_EVERY 16

struct making {
    const struct fl_core *core;
    struct fl_effects *effects;
    struct fl_err *reterr;
};

void fl_effects_release(struct fl_effects *effects)
{
    for (size_t i = 0; i < effects->count; i++)
        json_decref(effects->items[i].message);
    free(effects->items);
    *effects = (struct fl_effects){0};
}

int fl_effects_add(struct fl_effects *list, const char *worker, json_t *message,
                   struct fl_err *reterr)
{
    if (message && list->count == list->room && list->count < EFFECTS_MAX) {
        size_t room = list->room ? list->room * 2 : 16;
        struct fl_effect *items = realloc(list->items, room * sizeof(*items));

        if (items) {
            list->items = items;
            list->room = room;
        }
    }
    if (!message || list->count == list->room) {
        json_decref(message);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for messages to workers");
    }
    list->items[list->count++] = (struct fl_effect){worker, message};
    return 0;
}

static int add(const struct making *m, const char *worker, json_t *message)
{
    return fl_effects_add(m->effects, worker, message, m->reterr);
}

static const char *worker_of(const struct fl_core *core, const struct fl_attempt *attempt)
{
    return core->workers[attempt->worker]->name;
}

/* With the grant, the body may start at once; without, its supervisor asks first. The grant goes
 * with the first launch alone, right behind its commit. One that is sent again may reach a worker
 * whose record of the first was lost with its disk: there the question begin keeps the coordinator
 * in charge, and the worker looks for a body of the first before it makes a second. */
static int add_launch(const struct making *m, const struct fl_run *run, uint32_t inst,
                      uint32_t number, bool grant, json_t *made)
{
    const struct fl_attempt *attempt = &run->insts[inst].tries[number - 1];
    fl_json_auto json_t *spec = json_incref(made);
    int rc = spec ? 0
                  : fl_render_spec(m->core, run, inst, number, fl_attempt_token(attempt),
                                   attempt->pool, attempt->site, &spec, NULL, m->reterr);

    if (rc == FL_E_AGAIN)
        return 0; /* a door is not known yet: the launch is made again when its worker says hello */
    if (rc < 0)
        return rc;
    return add(m, worker_of(m->core, attempt),
               json_pack("{s:s,s:b,s:O}", "type", "launch", "grant", grant, "spec", spec));
}

static int add_short(const struct making *m, const char *worker, const char *type, const char *id,
                     const char *key, const char *value)
{
    return add(m, worker,
               json_pack("{s:s,s:s,s:s*}", "type", type, "id", id, key ? key : "token", value));
}

static int add_go(const struct making *m, const struct fl_run *run, uint32_t inst, uint32_t number)
{
    const struct fl_attempt *attempt = &run->insts[inst].tries[number - 1];
    char id[FL_CORE_ID_MAX];

    fl_attempt_id(run, inst, number, id, sizeof(id));
    return add_short(m, worker_of(m->core, attempt), "go", id, "token", fl_attempt_token(attempt));
}

/* index: how much of the attempt is recorded; a worker that has nothing of it left tells the end as
 * what comes next. */
static int add_cancel(const struct making *m, const struct fl_run *run, uint32_t inst,
                      uint32_t number, const char *reason)
{
    const struct fl_attempt *attempt = &run->insts[inst].tries[number - 1];
    char id[FL_CORE_ID_MAX];

    fl_attempt_id(run, inst, number, id, sizeof(id));
    return add(m, worker_of(m->core, attempt),
               json_pack("{s:s,s:s,s:s,s:I,s:s,s:I}", "type", "cancel", "id", id, "reason",
                         reason ? reason : "cancelled", "grace_s",
                         (json_int_t)fl_inst_stage(run, inst)->grace_s, "token",
                         fl_attempt_token(attempt), "index", (json_int_t)attempt->index));
}

/* A lost attempt: its worker ends what is left of it and says when nothing is. */
static int add_prove(const struct making *m, const struct fl_run *run, uint32_t inst)
{
    uint32_t number = run->insts[inst].try_count;
    const struct fl_attempt *attempt = &run->insts[inst].tries[number - 1];
    char id[FL_CORE_ID_MAX];

    fl_attempt_id(run, inst, number, id, sizeof(id));
    return add(
        m, worker_of(m->core, attempt),
        json_pack("{s:s,s:s,s:s}", "type", "prove", "id", id, "token", fl_attempt_token(attempt)));
}

static bool is_live(const struct fl_inst *inst)
{
    const struct fl_attempt *attempt = fl_inst_last_try(inst);

    return attempt && !fl_state_is_end(attempt->state);
}

/* All members that a follow input has now: a worker passes over those that are there. */
static int add_provide(const struct making *m, const struct fl_run *run, uint32_t inst)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_attempt *attempt = fl_inst_last_try(&run->insts[inst]);
    fl_json_auto json_t *entries = json_array();
    char id[FL_CORE_ID_MAX];
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < stage->input_count; i++) {
        fl_auto(fl_picks_release) struct fl_picks picks = {0};
        enum fl_resolve result;
        uint32_t doom;

        if (!stage->inputs[i].follow)
            continue;
        rc = fl_resolve_input(m->core, run, inst, i, &picks, NULL, &result, &doom, m->reterr);
        for (size_t p = 0; rc == 0 && p < picks.count; p++) {
            json_t *entry = fl_render_input(m->core, run, inst, &picks.items[p], attempt->site);

            if (json_array_append_new(entries, entry) < 0)
                rc = fl_err_set(m->reterr, FL_E_NOMEM, 0, "no memory for messages to workers");
        }
    }
    if (rc < 0 || json_array_size(entries) == 0)
        return rc;
    fl_attempt_id(run, inst, run->insts[inst].try_count, id, sizeof(id));
    return add(m, worker_of(m->core, attempt),
               json_pack("{s:s,s:s,s:O}", "type", "provide", "id", id, "inputs", entries));
}

/* One new member for those that follow its output. */
static int provide_slot(const struct making *m, const struct fl_run *run, uint32_t slot)
{
    const struct fl_plan *plan = run->plan;
    int rc = 0;

    for (uint32_t d = plan->slot_dep_first[slot];
         plan->follows && rc == 0 && d < plan->slot_dep_first[slot + 1]; d++) {
        const struct fl_dep *dep = &plan->slot_deps[d];
        const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[dep->inst]];
        const struct fl_attempt *attempt = fl_inst_last_try(&run->insts[dep->inst]);
        char id[FL_CORE_ID_MAX];
        struct fl_pick pick;
        json_t *entry;

        if (ps->kinds[dep->term] != FL_TERM_FOLLOW || !is_live(&run->insts[dep->inst]) ||
            run->slots[slot].made->order < attempt->order)
            continue; /* a launch after it has it already */
        pick = (struct fl_pick){run, slot, dep->term - (uint32_t)ps->when.leaf_count};
        entry = fl_render_input(m->core, run, dep->inst, &pick, attempt->site);
        fl_attempt_id(run, dep->inst, run->insts[dep->inst].try_count, id, sizeof(id));
        rc = add(m, worker_of(m->core, attempt),
                 json_pack("{s:s,s:s,s:[o]}", "type", "provide", "id", id, "inputs", entry));
    }
    return rc;
}

static int cancel_effects(const struct making *m, const struct fl_event *event,
                          const struct fl_run *run)
{
    uint32_t first = 0;
    uint32_t last = run->plan->inst_count;
    int rc = 0;

    if (event->stage) {
        rc = fl_run_find(run, event->stage, event->key, &first, m->reterr);
        last = first + 1;
    }
    for (uint32_t i = fl_bits_next(&run->live, first); rc == 0 && i < last;
         i = fl_bits_next(&run->live, i + 1)) {
        if (is_live(&run->insts[i]))
            rc = add_cancel(m, run, i, run->insts[i].try_count, event->why);
    }
    return rc;
}

/* {"type":"clean","runs":[…]}: what a worker's sites keep of these runs may go. A run of that name
 * that was made anew keeps what it has. */
static int add_clean(const struct making *m, const char *worker, char *const *names, size_t count)
{
    json_t *runs = json_array();
    int bad = 0;

    for (size_t i = 0; i < count; i++)
        if (!fl_core_run(m->core, names[i]))
            bad |= json_array_append_new(runs, json_string(names[i]));
    if (bad || json_array_size(runs) == 0) {
        json_decref(runs);
        return bad ? fl_err_set(m->reterr, FL_E_NOMEM, 0, "no memory for messages to workers") : 0;
    }
    return add(m, worker, json_pack("{s:s,s:o}", "type", "clean", "runs", runs));
}

static int clean_effects(const struct making *m, const struct fl_event *event)
{
    char *name = (char *)(uintptr_t)event->run; /* borrowed, not changed */
    int rc = 0;

    for (size_t w = 0; rc == 0 && w < m->core->worker_count; w++)
        if (!m->core->workers[w]->gone && m->core->workers[w]->site_count > 0)
            rc = add_clean(m, m->core->workers[w]->name, &name, 1);
    return rc;
}

/* Events after which other leads of sources may be waited for than before. */
static bool asks_sources(enum fl_event_type type)
{
    return type == FL_EVENT_RUN_CREATED || type == FL_EVENT_RUN_REPLANNED ||
           type == FL_EVENT_SET_DECLARED || type == FL_EVENT_STATE_SET ||
           type == FL_EVENT_INSTANCE_RETRY;
}

/* A worker that looked out for leads of sources is gone: another one does. */
static int look_elsewhere(const struct making *m)
{
    int rc = 0;

    for (size_t a = 0; rc == 0 && a < m->core->active_count; a++)
        rc = fl_sourced_effects(m->core, m->core->runs[m->core->active[a]], NULL, m->effects,
                                m->reterr);
    return rc;
}

int fl_core_effects(const struct fl_core *core, const struct fl_event *event,
                    struct fl_effects *effects, struct fl_err *reterr)
{
    const struct making m = {core, effects, reterr};
    const struct fl_run *run = event->run ? fl_core_run(core, event->run) : NULL;
    uint32_t inst = 0;
    uint32_t slot = 0;
    int rc = 0;

    if (event->type == FL_EVENT_RUN_DROPPED)
        return clean_effects(&m, event);
    if (event->type == FL_EVENT_WORKER_LEFT)
        return look_elsewhere(&m);
    if (!run)
        return 0; /* workers come and go without an answer of ours */
    if (event->type == FL_EVENT_RUN_ENDED)
        return fl_sourced_end_effects(core, run, effects, reterr);
    if (event->type == FL_EVENT_CANCEL_ASKED)
        return cancel_effects(&m, event, run);
    if (event->type == FL_EVENT_PRODUCT_WITHDRAWN)
        return fl_withdraw_effects(core, run, event, effects, reterr);
    if (event->type == FL_EVENT_REMOVAL_ASKED || event->type == FL_EVENT_FILES_REMOVED ||
        event->type == FL_EVENT_CUSTODY_NOTED)
        return fl_custody_effects(core, run, NULL, effects, reterr);
    if (event->type == FL_EVENT_RUN_CREATED || event->type == FL_EVENT_RUN_REPLANNED ||
        event->type == FL_EVENT_SET_DECLARED)
        rc = fl_watch_effects(core, run, NULL, effects, reterr);
    if (rc == 0 && asks_sources(event->type))
        rc = fl_sourced_effects(core, run, NULL, effects, reterr);
    if (rc < 0)
        return rc;
    if (event->type != FL_EVENT_ATTEMPT_LAUNCHED && event->type != FL_EVENT_OUTPUT_ACCEPTED)
        return 0; /* begin and end are answered to the message that brought them */
    if (event->type == FL_EVENT_OUTPUT_ACCEPTED && !run->plan->follows)
        return 0;
    rc = fl_run_find(run, event->stage, event->key, &inst, reterr);
    if (rc < 0)
        return rc;
    if (event->type == FL_EVENT_OUTPUT_ACCEPTED) {
        rc = fl_run_find_slot(run, inst, event->output, event->lead, &slot, reterr);
        return rc < 0 ? rc : provide_slot(&m, run, slot);
    }
    if (event->attempt < 1 || (uint32_t)event->attempt > run->insts[inst].try_count)
        return fl_err_set(reterr, FL_E_BUG, 0, "no attempt %lld of %s", (long long)event->attempt,
                          event->stage);
    return add_launch(&m, run, inst, (uint32_t)event->attempt, true, event->carried);
}

/* An end is acknowledged by `forget`. Before it, an acknowledgement only spares a worker that comes
 * back the sending of what is recorded: now and then is enough, and whenever the worker is ahead of
 * us. */
static bool needs_ack(const struct fl_attempt *attempt, int64_t index, const char *type)
{
    return index > attempt->index || index % ACK_EVERY == 0 || strcmp(type, "end") == 0;
}

int fl_core_answer(const struct fl_core *core, const char *worker, const json_t *message,
                   struct fl_effects *effects, struct fl_err *reterr)
{
    const struct making m = {core, effects, reterr};
    const char *id = json_string_value(json_object_get(message, "id"));
    const json_t *entry = json_object_get(message, "event");
    const char *type = json_string_value(json_object_get(entry, "type"));
    int64_t index = json_integer_value(json_object_get(message, "index"));
    const struct fl_worker *from = fl_core_worker(core, worker);
    const struct fl_attempt *attempt;
    struct fl_inst_ref ref;
    uint32_t number;
    int rc = 0;

    if (!from || !id || !type)
        return 0; /* a message without these was refused where it was read */
    rc = fl_core_find_attempt(core, id, &ref, &number, NULL);
    if (rc == FL_E_NOT_YET)
        return 0; /* after a restore: it will be launched again, and its worker then says all of it
                   */
    if (rc < 0)
        return add_short(&m, from->name, "forget", id, NULL, NULL);
    attempt = &ref.run->insts[ref.inst].tries[number - 1];
    if (fl_state_is_end(attempt->state)) /* not for what came before the end in the same turn */
        return index < attempt->index && strcmp(type, "end") != 0
                   ? 0
                   : add_short(&m, from->name, "forget", id, NULL, NULL);
    if (needs_ack(attempt, index, type))
        rc = add(&m, from->name,
                 json_pack("{s:s,s:s,s:I}", "type", "ack", "id", id, "index",
                           (json_int_t)attempt->index));
    if (rc < 0 || strcmp(type, "begin") != 0 || json_is_true(json_object_get(entry, "granted")))
        return rc;
    if (attempt->state == FL_STATE_RUNNING)
        return add_go(&m, ref.run, ref.inst, number);
    return add_short(&m, from->name, "refuse", id, "reason", "the attempt may not begin any more");
}

static bool listed(const json_t *live, const char *id)
{
    for (size_t i = 0; i < json_array_size(live); i++) {
        const char *have = json_string_value(json_array_get(live, i));

        if (have && strcmp(have, id) == 0)
            return true;
    }
    return false;
}

static int resync_inst(const struct making *m, const struct fl_run *run, uint32_t inst,
                       const char *worker, const json_t *live)
{
    const struct fl_attempt *attempt = fl_inst_last_try(&run->insts[inst]);
    uint32_t number = run->insts[inst].try_count;
    char id[FL_CORE_ID_MAX];
    int rc = 0;

    if (!is_live(&run->insts[inst]) || strcmp(worker_of(m->core, attempt), worker) != 0)
        return 0;
    fl_attempt_id(run, inst, number, id, sizeof(id));
    if (attempt->cancel_asked)
        return add_cancel(m, run, inst, number, run->insts[inst].reason);
    if (attempt->state == FL_STATE_LAUNCHED && !listed(live, id))
        return add_launch(m, run, inst, number, false, NULL);
    if (attempt->state == FL_STATE_RUNNING)
        rc = add_go(m, run, inst, number);
    if (rc == 0 && run->plan->stages[run->plan->inst_stage[inst]].follows)
        rc = add_provide(m, run, inst);
    return rc;
}

int fl_core_resync(const struct fl_core *core, const char *worker, const json_t *live,
                   struct fl_effects *effects, struct fl_err *reterr)
{
    const struct making m = {core, effects, reterr};
    const struct fl_worker *from = fl_core_worker(core, worker);
    int rc = 0;

    if (!from)
        return fl_err_set(reterr, FL_E_BUG, 0, "no worker '%s'", worker);
    for (size_t a = 0; rc == 0 && a < core->active_count; a++) {
        const struct fl_run *run = core->runs[core->active[a]];

        for (uint32_t i = fl_bits_next(&run->live, 0); rc == 0 && i != FL_BITS_NONE;
             i = fl_bits_next(&run->live, i + 1))
            rc = resync_inst(&m, run, i, from->name, live);
        if (rc == 0)
            rc = fl_watch_effects(core, run, from, effects, reterr);
        if (rc == 0)
            rc = fl_custody_effects(core, run, from, effects, reterr);
        if (rc == 0)
            rc = fl_sourced_effects(core, run, from, effects, reterr);
        for (uint32_t i = 0; rc == 0 && run->undecided > 0 && i < run->plan->inst_count; i++)
            if (run->insts[i].undecided &&
                strcmp(worker_of(core, fl_inst_last_try(&run->insts[i])), from->name) == 0)
                rc = add_prove(&m, run, i);
    }
    for (size_t i = 0; rc == 0 && i < core->removing_count; i++)
        rc = fl_custody_effects(core, core->runs[core->removing[i]], from, effects, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(live); i++) {
        const char *id = json_string_value(json_array_get(live, i));
        struct fl_inst_ref ref;
        uint32_t number;
        int found;

        if (!id)
            continue;
        found = fl_core_find_attempt(core, id, &ref, &number, NULL);
        if (found == FL_E_NOT_YET)
            continue; /* see fl_core_answer */
        if (found < 0 || fl_state_is_end(ref.run->insts[ref.inst].tries[number - 1].state))
            rc = add_short(&m, from->name, "forget", id, NULL, NULL);
    }
    for (size_t i = 0; rc == 0 && from->site_count > 0 && i < core->dropped_count; i += CLEAN_MAX)
        rc = add_clean(&m, from->name, core->dropped + i,
                       core->dropped_count - i < CLEAN_MAX ? core->dropped_count - i : CLEAN_MAX);
    return rc;
}

int fl_core_launched(const struct fl_core *core, const char *id, const char **ret_site,
                     int64_t *ret_ns)
{
    const struct fl_attempt *attempt;
    struct fl_inst_ref ref;
    uint32_t number;
    int rc = fl_core_find_attempt(core, id, &ref, &number, NULL);

    if (rc < 0)
        return rc;
    attempt = &ref.run->insts[ref.inst].tries[number - 1];
    *ret_site = fl_core_word(core, attempt->site);
    *ret_ns = attempt->launched_ns;
    return 0;
}
