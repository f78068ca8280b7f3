/* A run in a snapshot: instances, attempts, outputs. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/declare.h"
#include "engine/core/snapshot_impl.h"
#include "engine/core/terms.h"

#include "engine/base/banned.h"

static void state(struct fl_snap *s, enum fl_state *value)
{
    uint64_t v = *value;

    fl_pack_u(&s->pack, &v);
    if (v >= FL_STATE_COUNT)
        fl_pack_spoil(&s->pack, FL_E_DATA);
    else
        *value = (enum fl_state)v;
}

static void attempt_more(struct fl_snap *s, struct fl_attempt *attempt)
{
    bool has = attempt->more != NULL;

    fl_snap_bool(s, &has);
    if (!has)
        return;
    attempt->more = fl_pack_room(&s->pack, attempt->more, 1, sizeof(*attempt->more));
    if (!attempt->more)
        return;
    fl_pack_text(&s->pack, &attempt->more->token);
    fl_pack_text(&s->pack, &attempt->more->class);
    fl_pack_text(&s->pack, &attempt->more->progress);
    fl_snap_json(s, &attempt->more->marks);
}

/* Times are kept as what they differ from the one before. */
static void time_after(struct fl_snap *s, int64_t *value, int64_t before)
{
    int64_t v = (int64_t)((uint64_t)*value - (uint64_t)before);

    fl_pack_i(&s->pack, &v);
    *value = (int64_t)((uint64_t)v + (uint64_t)before);
}

static void attempt(struct fl_snap *s, const struct fl_run *run, struct fl_attempt *a)
{
    struct fl_pack *p = &s->pack;

    uint64_t flags = (a->cancel_asked ? 1 : 0) | (a->check ? 2 : 0);

    state(s, &a->state);
    fl_pack_u(p, &flags);
    a->cancel_asked = (flags & 1) != 0;
    a->check = (flags & 2) != 0;
    FL_PACK_I(p, a->signal);
    fl_snap_index(s, &a->worker, s->core->worker_count);
    fl_snap_index(s, &a->pool, s->core->words.count);
    fl_snap_index(s, &a->site, s->core->words.count);
    FL_PACK_I(p, a->cores);
    FL_PACK_I(p, a->code);
    FL_PACK_U(p, a->index);
    FL_PACK_U(p, a->order);
    time_after(s, &a->launched_ns, run->created_ns);
    time_after(s, &a->begun_ns, a->launched_ns);
    time_after(s, &a->ended_ns, a->launched_ns);
    attempt_more(s, a);
}

/* Above the state. */
enum {
    INST_FINAL = 1,
    INST_HELD = 2,
    INST_UNDECIDED = 4,
    INST_SET = 8,
    INST_BEGUN = 16,
    INST_MORE = 32
};

static void inst(struct fl_snap *s, const struct fl_run *run, struct fl_inst *in)
{
    struct fl_pack *p = &s->pack;
    bool more = in->try_count || in->doom || in->not_before_ns || in->ready_ns || in->reason;
    uint64_t flags = (in->final ? INST_FINAL : 0) | (in->held ? INST_HELD : 0) |
                     (in->undecided ? INST_UNDECIDED : 0) | (in->set ? INST_SET : 0) |
                     (in->begun ? INST_BEGUN : 0) | (more ? INST_MORE : 0);
    uint64_t head = in->state + (uint64_t)FL_STATE_COUNT * flags;

    fl_pack_u(p, &head);
    in->state = (enum fl_state)(head % FL_STATE_COUNT);
    head /= FL_STATE_COUNT;
    if (head >= 2 * INST_MORE)
        fl_pack_spoil(p, FL_E_DATA);
    in->final = (head & INST_FINAL) != 0;
    in->held = (head & INST_HELD) != 0;
    in->undecided = (head & INST_UNDECIDED) != 0;
    in->set = (head & INST_SET) != 0;
    in->begun = (head & INST_BEGUN) != 0;
    if (!(head & INST_MORE))
        return;
    FL_PACK_U(p, in->doom);
    FL_PACK_I(p, in->not_before_ns);
    time_after(s, &in->ready_ns, run->created_ns);
    fl_pack_text(p, &in->reason);
    if (fl_pack_loads(p) && in->doom < FL_DOOM_FOLLOW && in->doom > run->plan->slot_count)
        fl_pack_spoil(p, FL_E_DATA);
    FL_PACK_U(p, in->try_count);
    if (in->try_count == 0)
        return;
    in->tries = fl_pack_room(p, in->tries, in->try_count, sizeof(*in->tries));
    if (!in->tries)
        in->try_count = 0;
    for (uint32_t t = 0; t < in->try_count; t++)
        attempt(s, run, &in->tries[t]);
}

/* The texts of what was made, as one block. */
static size_t texts_size(const struct fl_made *made)
{
    size_t size = 1;
    const uint16_t places[] = {made->path, made->cause, made->age};

    for (size_t i = 0; i < FL_COUNT(places); i++)
        if (places[i])
            size += strlen(made->texts + places[i]) + 1;
    return size;
}

static void made_texts(struct fl_snap *s, struct fl_made *made, size_t size)
{
    struct fl_pack *p = &s->pack;

    FL_PACK_U(p, made->path);
    FL_PACK_U(p, made->cause);
    FL_PACK_U(p, made->age);
    fl_pack_bytes(p, made->texts, size);
    if (fl_pack_loads(p) && (made->path >= size || made->cause >= size || made->age >= size ||
                             made->texts[size - 1] != '\0'))
        fl_pack_spoil(p, FL_E_DATA);
}

static void slot(struct fl_snap *s, const struct fl_run *run, struct fl_slot *slot_)
{
    struct fl_pack *p = &s->pack;
    struct fl_made *made = slot_->made;
    uint64_t size = made ? texts_size(made) : 0;
    uint64_t v = slot_->state;

    fl_pack_u(p, &v);
    if (v > FL_SLOT_ABSENT)
        fl_pack_spoil(p, FL_E_DATA);
    slot_->state = (enum fl_slot_state)v;
    if (v == FL_SLOT_PENDING)
        return;
    FL_PACK_U(p, slot_->attempt);
    fl_pack_u(p, &size); /* 0: nothing is known of it */
    if (size == 0 || size > UINT16_MAX) {
        if (size)
            fl_pack_spoil(p, FL_E_DATA);
        return;
    }
    made = slot_->made = fl_pack_room(p, made, 1, sizeof(*made) + size);
    if (!made)
        return;
    FL_PACK_I(p, made->size);
    FL_PACK_U(p, made->order);
    time_after(s, &made->accepted_ns, run->created_ns);
    fl_snap_json(s, &made->marks);
    FL_PACK_U(p, made->gone);
    if (made->gone >= FL_GONE_COUNT)
        fl_pack_spoil(p, FL_E_DATA);
    if (slot_->state == FL_SLOT_ACCEPTED)
        fl_snap_index(s, &made->site, s->core->words.count);
    else
        FL_PACK_U(p, made->site);
    fl_pack_bytes(p, made->sha256, sizeof(made->sha256));
    made_texts(s, made, (size_t)size);
}

static void bits(struct fl_snap *s, struct fl_bits *set, uint32_t below)
{
    uint64_t count = set->members;
    uint32_t at = 0;

    fl_pack_u(&s->pack, &count);
    if (fl_pack_loads(&s->pack) && (count > below || (count > 0 && set->height == 0))) {
        fl_pack_spoil(&s->pack, FL_E_DATA);
        return;
    }
    for (uint64_t i = 0; i < count && s->pack.rc == 0; i++) {
        if (!fl_pack_loads(&s->pack))
            at = fl_bits_next(set, i == 0 ? 0 : at + 1);
        fl_snap_index(s, &at, below);
        if (fl_pack_loads(&s->pack) && s->pack.rc == 0)
            fl_bits_add(set, at);
    }
}

static void overrides(struct fl_snap *s, struct fl_overrides *o)
{
    size_t count = fl_pack_count(&s->pack, o->count);

    if (fl_pack_loads(&s->pack) && count > 0)
        o->items = fl_pack_room(&s->pack, NULL, count, sizeof(*o->items));
    o->count = o->items ? count : 0;
    for (size_t i = 0; i < o->count; i++) {
        fl_pack_text(&s->pack, &o->items[i].stage);
        fl_pack_text(&s->pack, &o->items[i].name);
        fl_pack_text(&s->pack, &o->items[i].value);
        FL_PACK_I(&s->pack, o->items[i].until_ns);
        if (!o->items[i].name || !o->items[i].value)
            fl_pack_spoil(&s->pack, FL_E_DATA);
    }
}

static void head(struct fl_snap *s, struct fl_run *run)
{
    struct fl_pack *p = &s->pack;

    fl_pack_text(p, &run->variant);
    FL_PACK_I(p, run->cycle.s);
    fl_snap_json(s, &run->params);
    overrides(s, &run->overrides);
    state(s, &run->state);
    fl_snap_bool(s, &run->cancel_asked);
    fl_snap_bool(s, &run->held);
    FL_PACK_I(p, run->created_ns);
    FL_PACK_I(p, run->ended_ns);
    fl_pack_text(p, &run->who);
    fl_snap_json(s, &run->marks);
    FL_PACK_U(p, run->ready_total);
    FL_PACK_U(p, run->undecided);
    FL_PACK_U(p, run->flow);
    if (run->flow > s->core->flow_count)
        fl_pack_spoil(p, FL_E_DATA);
    fl_snap_bool(s, &run->first);
    for (size_t i = 0; i < FL_COUNT(run->rules); i++)
        FL_PACK_U(p, run->rules[i]);
}

/* What they count; what they reach is linked when all runs are there. */
static void fars(struct fl_snap *s, struct fl_run *run)
{
    struct fl_pack *p = &s->pack;

    if (fl_pack_loads(p) && fl_far_number(run, NULL) < 0)
        fl_pack_spoil(p, FL_E_NOMEM);
    for (uint32_t f = 0; run->fars && f < run->plan->far_count && p->rc == 0; f++) {
        struct fl_far *far = &run->fars[f];

        FL_PACK_U(p, far->target);
        FL_PACK_U(p, far->now.met);
        FL_PACK_U(p, far->now.lost);
        FL_PACK_U(p, far->want.need);
        FL_PACK_I(p, far->want.spare);
    }
}

/* What the run was told from outside. */
static void given(struct fl_snap *s, struct fl_run *run)
{
    struct fl_pack *p = &s->pack;
    size_t count = fl_pack_count(p, run->signal_count);

    FL_PACK_I(p, run->clock_come_s);
    if (fl_pack_loads(p) && count > 0)
        run->signals = fl_pack_room(p, NULL, count, sizeof(*run->signals));
    run->signal_count = run->signals ? count : 0;
    for (size_t i = 0; i < run->signal_count; i++) {
        fl_pack_text(p, &run->signals[i]);
        if (!run->signals[i])
            fl_pack_spoil(p, FL_E_DATA);
    }
    count = fl_pack_count(p, run->arrival_count);
    if (fl_pack_loads(p) && count > 0)
        run->arrivals = fl_pack_room(p, NULL, count, sizeof(*run->arrivals));
    run->arrival_count = run->arrivals ? count : 0;
    for (size_t i = 0; i < run->arrival_count; i++) {
        fl_snap_index(s, &run->arrivals[i].inst, run->plan->inst_count);
        FL_PACK_U(p, run->arrivals[i].leaf);
    }
}

/* What is under way is of instances that there are. */
static void removal(struct fl_snap *s, struct fl_run *run)
{
    struct fl_removal *r = &run->removal;
    struct fl_pack *p = &s->pack;
    uint64_t flags =
        (r->cleared ? 1 : 0) | (r->left ? 2 : 0) | (r->due ? 4 : 0) | (r->anew ? 8 : 0);
    uint64_t phase = r->phase;

    fl_pack_u(p, &phase);
    fl_pack_u(p, &flags);
    FL_PACK_U(p, r->first);
    FL_PACK_U(p, r->last);
    FL_PACK_U(p, r->noting);
    FL_PACK_U(p, r->tries);
    FL_PACK_I(p, r->again_ns);
    FL_PACK_U(p, run->told);
    if (phase >= FL_REMOVAL_COUNT || r->first > r->last || r->last > run->plan->inst_count ||
        (phase != FL_REMOVAL_IDLE && r->first == r->last) ||
        (phase == FL_REMOVAL_NOTING && r->noting >= run->plan->delivery_count)) {
        fl_pack_spoil(p, FL_E_DATA);
        return;
    }
    r->phase = (enum fl_removal_phase)phase;
    r->cleared = (flags & 1) != 0;
    r->left = (flags & 2) != 0;
    r->due = (flags & 4) != 0;
    r->anew = (flags & 8) != 0;
}

/* Leads of sources that triggers waited for. */
static void sourced(struct fl_snap *s, struct fl_run *run)
{
    struct fl_pack *p = &s->pack;
    size_t count = fl_pack_count(p, run->sourced_count);

    if (fl_pack_loads(p) && count > 0)
        run->sourced = fl_pack_room(p, NULL, count, sizeof(*run->sourced));
    run->sourced_count = run->sourced ? count : 0;
    for (size_t i = 0; i < run->sourced_count; i++) {
        struct fl_sourced *one = &run->sourced[i];

        fl_pack_text(p, &one->source);
        FL_PACK_I(p, one->cycle.s);
        FL_PACK_I(p, one->minutes);
        fl_snap_bool(s, &one->absent);
        fl_pack_text(p, &one->cause);
        if (!one->source)
            fl_pack_spoil(p, FL_E_DATA);
    }
}

static void starved(struct fl_snap *s, struct fl_run *run)
{
    bool has = run->starved != NULL;

    fl_snap_bool(s, &has);
    if (!has)
        return;
    run->starved = fl_pack_room(&s->pack, run->starved, run->plan->workflow->stage_count + 1,
                                sizeof(*run->starved));
    for (size_t i = 0; run->starved && i < run->plan->workflow->stage_count; i++)
        FL_PACK_U(&s->pack, run->starved[i]);
}

static void tables(struct fl_snap *s, struct fl_run *run)
{
    const struct fl_plan *plan = run->plan;
    struct fl_pack *p = &s->pack;

    for (size_t i = 0; i < FL_STATE_COUNT; i++)
        FL_PACK_U(p, run->counts[i]);
    for (size_t i = 0; i < plan->workflow->pool_count; i++) {
        FL_PACK_I(p, run->pool_jobs[i]);
        bits(s, &run->ready[i].set, plan->inst_count);
    }
    bits(s, &run->live, plan->inst_count);
    for (size_t i = 0; i < plan->workflow->stage_count; i++) {
        FL_PACK_U(p, run->open[i]);
        FL_PACK_U(p, run->unstarted[i]);
        fl_snap_bool(s, &run->rendered[i]);
    }
    for (uint32_t t = 0; t < plan->term_count && p->rc == 0; t++) {
        FL_PACK_U(p, run->terms[t].met);
        FL_PACK_U(p, run->terms[t].lost);
    }
    for (uint32_t i = 0; run->progress && i < plan->inst_count && p->rc == 0; i++)
        FL_PACK_I(p, run->progress[i]);
    fars(s, run);
    given(s, run);
    for (size_t d = 0; d < plan->due_count; d++)
        FL_PACK_U(p, run->due_told[d]);
    removal(s, run);
    sourced(s, run);
    starved(s, run);
    /* as it was when the run was made, by what was known then */
    for (size_t i = 0; run->latest_s && i < plan->workflow->stage_count; i++)
        FL_PACK_I(p, run->latest_s[i]);
    FL_PACK_U(p, run->bad);
    bits(s, &run->doomed, plan->inst_count);
    bits(s, &run->revived, plan->inst_count);
    bits(s, &run->timers.set, plan->inst_count);
    fl_snap_list(s, &run->excluded, &run->excluded_count, (uint32_t)plan->workflow->stage_count);
}

static void gone(struct fl_snap *s, struct fl_run *run)
{
    struct fl_pack *p = &s->pack;
    size_t count = fl_pack_count(p, run->gone_count);

    if (fl_pack_loads(p) && count > 0)
        run->gone = fl_pack_room(p, NULL, count, sizeof(*run->gone));
    run->gone_count = run->gone ? count : 0;
    if (fl_pack_loads(p))
        run->gone_room = run->gone_count;
    for (size_t i = 0; i < run->gone_count; i++) {
        struct fl_gone *g = &run->gone[i];

        fl_pack_text(p, &g->name);
        FL_PACK_U(p, g->try_count);
        g->tries = fl_pack_room(p, g->tries, g->try_count, sizeof(*g->tries));
        if (!g->name || !g->tries) {
            g->try_count = 0;
            fl_pack_spoil(p, FL_E_DATA);
        }
        for (uint32_t t = 0; t < g->try_count; t++)
            attempt(s, run, &g->tries[t]);
    }
}

/* One set, when its members were said in the run; *json is a list. Loading makes *own of it. */
static void declared_set(struct fl_snap *s, const struct fl_plan *base, const struct fl_plan *is,
                         size_t set, struct fl_plan **own)
{
    const struct fl_set *of = is ? &is->workflow->sets[set] : NULL;
    bool known = of && of->known;
    json_t *members = known ? json_array() : NULL;
    struct fl_plan *next = NULL;
    int rc;

    fl_snap_bool(s, &known);
    for (size_t i = 0; of && known && i < of->members.count; i++)
        (void)json_array_append_new(members, json_string(of->members.items[i])); /* names */
    if (known)
        fl_snap_json(s, &members);
    if (fl_pack_loads(&s->pack) && known && s->pack.rc == 0) {
        rc = fl_plan_declare(*own ? *own : base, (int32_t)set, members, &next, NULL);
        if (rc < 0)
            fl_pack_spoil(&s->pack, rc == FL_E_NOMEM ? rc : FL_E_DATA);
        else
            fl_plan_destroy(*own);
        *own = rc < 0 ? *own : next;
    }
    json_decref(members);
}

/* Sets that were declared in the run; loading gives the plan of its own, or NULL. */
static struct fl_plan *declared(struct fl_snap *s, const struct fl_plan *base,
                                const struct fl_run *run)
{
    struct fl_plan *own = NULL;

    for (size_t i = 0; i < base->workflow->set_count && s->pack.rc == 0; i++)
        if (base->workflow->sets[i].kind == FL_SET_DECLARED)
            declared_set(s, base, run ? run->plan : NULL, i, &own);
    return own;
}

void fl_snap_run(struct fl_snap *s, struct fl_run **run_)
{
    struct fl_run *run = *run_;
    char *name = run ? run->name : NULL;
    struct fl_plan *own;
    uint32_t plan = 0;
    uint32_t inst_count;

    if (run)
        (void)fl_names_find(&s->core->plan_names, run->plan->digest, &plan); /* runs need theirs */
    fl_snap_index(s, &plan, s->core->plan_count);
    fl_pack_text(&s->pack, &name);
    if (s->pack.rc < 0 || !name) {
        if (fl_pack_loads(&s->pack))
            free(name);
        fl_pack_spoil(&s->pack, FL_E_DATA);
        return;
    }
    own = declared(s, s->core->plans[plan], run);
    if (fl_pack_loads(&s->pack)) {
        int rc = s->pack.rc < 0 ? s->pack.rc
                                : fl_run_create(own ? own : s->core->plans[plan], name, run_, NULL);

        free(name);
        if (rc < 0) {
            fl_plan_destroy(own);
            fl_pack_spoil(&s->pack, rc);
            return;
        }
        run = *run_;
        run->own_plan = own;
    }
    inst_count = run->plan->inst_count;
    FL_PACK_U(&s->pack, inst_count); /* another version may plan another number of them */
    if (inst_count != run->plan->inst_count)
        fl_pack_spoil(&s->pack, FL_E_DATA);
    head(s, run);
    if (fl_pack_loads(&s->pack) && s->pack.rc == 0 && fl_run_slack(s->core, run, NULL) < 0)
        fl_pack_spoil(&s->pack, FL_E_NOMEM);
    tables(s, run);
    for (uint32_t i = 0; i < run->plan->inst_count && s->pack.rc == 0; i++)
        inst(s, run, &run->insts[i]);
    for (uint32_t i = 0; i < run->plan->slot_count && s->pack.rc == 0; i++)
        slot(s, run, &run->slots[i]);
    gone(s, run);
}
