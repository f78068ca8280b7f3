/* Launches within the limits of the pools. */
#include "config.h"

#include "engine/core/flow.h"
#include "engine/core/launch.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

/* An instance that has found no room for this long holds back those behind it in its pool, so that
 * a wide one is not passed by narrow ones for ever. */
#define PATIENCE_NS (INT64_C(600) * 1000000000)

/* What a launch in one pool of a run is held against. */
struct pool_turn {
    struct fl_launching *l;
    const struct fl_run *run;
    uint32_t pool; /* of the workflow */
    struct fl_room *room;
    int64_t jobs;  /* of the run in this pool, with those launched in this call */
    bool held;     /* one that takes cores has waited too long: no other passes it */
    bool full;     /* nothing more can start here now */
    bool rendered; /* an instance of the stage at hand was, in this call */
    size_t offer;  /* among those of the room: where the next one goes */
};

void fl_launching_release(struct fl_launching *launching)
{
    for (size_t i = 0; i < launching->room_count; i++)
        free(launching->rooms[i].offers);
    free(launching->rooms);
    fl_limits_release(&launching->limits);
    launching->rooms = NULL;
    launching->room_count = 0;
}

static bool is_better(const struct fl_offer *a, const struct fl_offer *b)
{
    if (a->free_cores != b->free_cores)
        return a->free_cores > b->free_cores;
    return a->worker != b->worker ? a->worker < b->worker : a->pool < b->pool;
}

static void sift_down(struct fl_room *room, size_t at)
{
    struct fl_offer moved = room->offers[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < room->count && is_better(&room->offers[child + 1], &room->offers[child]))
            child++;
        if (child >= room->count || !is_better(&room->offers[child], &moved))
            break;
        room->offers[at] = room->offers[child];
        at = child;
    }
    room->offers[at] = moved;
}

static int room_fill(const struct fl_core *core, struct fl_room *room, struct fl_err *reterr)
{
    const struct fl_place *place = &core->places[room->place];

    room->offers = calloc(place->member_count + 1, sizeof(*room->offers));
    if (!room->offers)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory to look for room in the pools");
    for (size_t m = 0; m < place->member_count; m++) {
        const struct fl_place_member *member = &place->members[m];
        const struct fl_worker *worker = core->workers[member->worker];
        const struct fl_worker_pool *pool = &worker->pools[member->pool];

        if (!worker->gone && pool->used_jobs < pool->jobs)
            room->offers[room->count++] =
                (struct fl_offer){member->worker, member->pool, pool->cores - pool->used_cores,
                                  pool->jobs - pool->used_jobs};
    }
    for (size_t at = room->count / 2; at-- > 0;)
        sift_down(room, at);
    return 0;
}

/* The room of a pool of a workflow; *ret_room is NULL when nobody has ever offered it. */
static int room_of(struct fl_launching *l, const struct fl_workflow *wf, uint32_t pool,
                   struct fl_room **ret_room, struct fl_err *reterr)
{
    const struct fl_pool *wanted = &wf->pools[pool];
    struct fl_room *rooms;
    uint32_t place;
    int rc;

    *ret_room = NULL;
    if (!fl_core_place(l->core, wanted->name, wf->sites[wanted->site].name, &place) ||
        l->core->places[place].free_jobs == 0)
        return 0;
    for (size_t i = 0; i < l->room_count; i++) {
        if (l->rooms[i].place == place) {
            *ret_room = &l->rooms[i];
            return 0;
        }
    }
    rooms = realloc(l->rooms, (l->room_count + 1) * sizeof(*rooms));
    if (!rooms)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory to look for room in the pools");
    l->rooms = rooms;
    rooms[l->room_count] = (struct fl_room){.place = place};
    rc = room_fill(l->core, &rooms[l->room_count++], reterr);
    *ret_room = &rooms[l->room_count - 1];
    return rc;
}

/* Gives away at an offer. */
static void room_take(struct fl_room *room, size_t at, int64_t cores)
{
    struct fl_offer *offer = &room->offers[at];

    offer->free_cores -= cores;
    if (--offer->free_jobs == 0)
        *offer = room->offers[--room->count];
    if (at == 0 && room->count > 0)
        sift_down(room, 0);
    for (size_t i = room->count / 2; at > 0 && i-- > 0;) /* the hole lies anywhere */
        sift_down(room, i);
}

/* {"forcing.cfg":"sha256…"} of the rendered files, for the event. */
static int set_digests(struct fl_event *event, const json_t *spec, struct fl_err *reterr)
{
    fl_json_auto json_t *digests = NULL;
    const json_t *files = json_object_get(spec, "files");
    char *text;
    int rc;

    if (json_array_size(files) == 0)
        return 0;
    digests = json_object();
    for (size_t i = 0; i < json_array_size(files); i++) {
        const json_t *file = json_array_get(files, i);

        (void)json_object_set(
            digests, json_string_value(json_object_get(file, "name")),
            json_object_get(file, "sha256")); /* a missing one shows in the text */
    }
    text = fl_json_text(digests);
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the digests of a launch");
    rc = strlen(text) <= FL_EVENT_TEXT_MAX ? fl_event_set_text(event, &event->text, text, reterr)
                                           : 0;
    free(text);
    return rc;
}

static int set_marks(struct fl_event *event, const json_t *marks, struct fl_err *reterr)
{
    char *text;
    int rc;

    if (!marks)
        return 0;
    text = fl_json_text(marks);
    rc = text ? fl_event_set_text(event, &event->degraded, text, reterr)
              : fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a degraded mark");
    free(text);
    return rc;
}

int fl_emit_inst_ended(struct fl_events *events, const struct fl_input *tick,
                       const struct fl_run *run, uint32_t inst, enum fl_state state,
                       const char *why, struct fl_event **ret_event, struct fl_err *reterr)
{
    int rc = fl_emit(events, FL_EVENT_INSTANCE_ENDED, tick->now_ns, run, inst, ret_event, reterr);

    if (rc < 0)
        return rc;
    (*ret_event)->state = fl_state_name(state);
    (*ret_event)->who = "fairlead";
    return fl_emit_text(*ret_event, &(*ret_event)->why, why, reterr);
}

/* Nobody can guess it, and no two attempts have the same. */
static void make_token(const struct fl_launching *l, const struct fl_run *run, uint32_t inst,
                       uint32_t number, char token[static FL_DIGEST_KEYED_HEX])
{
    const char *entropy = l->tick->entropy ? l->tick->entropy : "";
    unsigned char text[FL_CORE_ID_MAX];
    size_t size = strnlen(run->name, sizeof(text) - sizeof(inst) - sizeof(number));

    memcpy(text, run->name, size);
    memcpy(text + size, &inst, sizeof(inst));
    memcpy(text + size + sizeof(inst), &number, sizeof(number));
    fl_digest_keyed(entropy, strlen(entropy), text, size + sizeof(inst) + sizeof(number), token);
}

/* The spec, when the event needs something of it or it must be seen whether it can be made at all.
 * A stage without files of its own, one instance of which has been rendered with these parameters,
 * differs only in its inputs. */
static int try_render(const struct pool_turn *t, uint32_t inst, const char *token,
                      json_t **ret_spec, json_t **ret_marks, struct fl_err *reterr)
{
    const struct fl_place *place = &t->l->core->places[t->room->place];
    const struct fl_run *run = t->run;
    const struct fl_stage *stage = fl_inst_stage(run, inst);

    if (stage->file_count == 0 && (t->rendered || run->rendered[run->plan->inst_stage[inst]]))
        return fl_render_check(t->l->core, run, inst, place->site, ret_marks, reterr);
    return fl_render_spec(t->l->core, run, inst, run->insts[inst].try_count + 1u, token,
                          place->pool, place->site, ret_spec, ret_marks, reterr);
}

static int take_share(struct pool_turn *t, const struct fl_stage *stage, struct fl_err *reterr)
{
    const struct fl_offer *offer = &t->room->offers[t->offer];

    return fl_limits_take(&t->l->limits, t->run->plan->workflow, stage, offer->worker, offer->pool,
                          reterr);
}

static int launch(struct pool_turn *t, uint32_t inst, struct fl_err *reterr)
{
    const struct fl_launching *l = t->l;
    const struct fl_stage *stage = fl_inst_stage(t->run, inst);
    const struct fl_place *place = &l->core->places[t->room->place];
    fl_json_auto json_t *spec = NULL;
    fl_json_auto json_t *marks = NULL;
    uint32_t number = t->run->insts[inst].try_count + 1u;
    char token[FL_DIGEST_KEYED_HEX];
    struct fl_err why = {0};
    struct fl_event *event;
    int rc;

    make_token(l, t->run, inst, number, token);
    rc = try_render(t, inst, token, &spec, &marks, &why);
    if (rc == FL_E_NOMEM)
        return fl_err_set(reterr, rc, 0, "%s", why.text);
    if (rc == FL_E_AGAIN) /* a door that is not known yet: the hello of its worker brings us back */
        return 0;
    if (rc < 0) /* what cannot be rendered never can: a person must change something */
        return fl_emit_inst_ended(l->events, l->tick, t->run, inst, FL_STATE_FAILED, why.text,
                                  &event, reterr);
    rc = fl_emit(l->events, FL_EVENT_ATTEMPT_LAUNCHED, l->tick->now_ns, t->run, inst, &event,
                 reterr);
    if (rc < 0)
        return rc;
    event->attempt = number;
    event->cores = stage->cores;
    event->worker = l->core->workers[t->room->offers[t->offer].worker]->name;
    event->pool = fl_core_word(l->core, place->pool);
    event->site = fl_core_word(l->core, place->site);
    rc = fl_event_set_text(event, &event->token, token, reterr);
    if (rc == 0 && spec)
        rc = set_digests(event, spec, reterr);
    if (rc == 0)
        rc = set_marks(event, marks, reterr);
    event->carried = json_incref(spec); /* the effect sends it */
    t->rendered = true;
    rc = rc < 0 ? rc : take_share(t, stage, reterr);
    room_take(t->room, t->offer, stage->cores);
    t->jobs++;
    t->l->launches++;
    return rc;
}

/* Cores of the widest stage before s in its pool that still has something to do, or -1. */
static int64_t widest_before(const struct fl_run *run, uint32_t s)
{
    const struct fl_stage *stages = run->plan->workflow->stages;
    int64_t widest = -1;

    for (uint32_t b = 0; b < s; b++)
        if (stages[b].pool == stages[s].pool && stages[b].cores > widest && run->open[b] > 0)
            widest = stages[b].cores;
    return widest;
}

/* True when the best offer can take an instance of stage s. A stage that follows what others still
 * make leaves room in its pool for them: a pool that is full of followers would wait for ever. */
static bool fits(const struct pool_turn *t, uint32_t s)
{
    const struct fl_workflow *wf = t->run->plan->workflow;
    const struct fl_stage *stage = &wf->stages[s];
    const struct fl_offer *top = &t->room->offers[0];
    int64_t widest;

    if (t->room->count == 0 || top->free_cores < stage->cores)
        return false;
    widest = t->run->plan->stages[s].follows ? widest_before(t->run, s) : -1;
    if (widest < 0)
        return true;
    if (t->jobs + 2 > wf->pools[t->pool].jobs)
        return false;
    if (top->free_cores - stage->cores >= widest && top->free_jobs > 1)
        return true;
    for (size_t i = 1; i < t->room->count; i++)
        if (t->room->offers[i].free_cores >= widest)
            return true;
    return false;
}

/* Finds an offer with all that an instance of stage s needs. *ret_fits false: there is none now;
 * *ret_limit is then the limit that holds it back, or FL_NONE. */
static int choose(struct pool_turn *t, uint32_t s, bool *ret_fits, int32_t *ret_limit,
                  struct fl_err *reterr)
{
    const struct fl_workflow *wf = t->run->plan->workflow;
    const struct fl_stage *stage = &wf->stages[s];
    int64_t best = -1;
    int rc = fl_limits_full(&t->l->limits, t->l->core, t->run, s, ret_limit, reterr);

    *ret_fits = rc == 0 && *ret_limit == FL_NONE && fits(t, s);
    t->offer = 0;
    if (!*ret_fits || stage->need_count == 0)
        return rc;
    *ret_fits = false;
    for (size_t o = 0; rc == 0 && o < t->room->count; o++) {
        const struct fl_offer *offer = &t->room->offers[o];
        size_t need;
        bool has;

        if (offer->free_cores < stage->cores || offer->free_cores <= best)
            continue;
        rc = fl_needs_fit(&t->l->limits, t->l->core, wf, stage, offer->worker, offer->pool, &has,
                          &need, reterr);
        if (rc < 0 || !has)
            continue;
        best = offer->free_cores;
        t->offer = o;
        *ret_fits = true;
    }
    return rc;
}

/* One that has waited too long keeps its place: nobody behind it takes what it waits for. */
static int be_patient(struct pool_turn *t, uint32_t s, const struct fl_inst *in, int32_t limit,
                      struct fl_err *reterr)
{
    const struct fl_workflow *wf = t->run->plan->workflow;

    if (t->l->tick->now_ns - in->ready_ns <= PATIENCE_NS)
        return 0;
    if (limit != FL_NONE)
        return fl_limits_keep(&t->l->limits, t->run, s, limit, reterr);
    t->held |= wf->stages[s].cores > 0 || wf->stages[s].need_count > 0;
    return 0;
}

/* Launches of stage s from instance i on, in the order of their keys, while there is room. */
static int launch_stage(struct pool_turn *t, uint32_t s, uint32_t i, struct fl_err *reterr)
{
    const struct fl_plan_stage *ps = &t->run->plan->stages[s];
    const struct fl_workflow *wf = t->run->plan->workflow;
    const struct fl_bits *ready = &t->run->ready[t->pool].set;
    int rc = 0;

    t->rendered = false;
    for (; rc == 0 && i < ps->inst_first + ps->inst_count; i = fl_bits_next(ready, i + 1)) {
        const struct fl_inst *in = &t->run->insts[i];
        int32_t limit;
        bool has;

        if (in->not_before_ns > t->l->tick->now_ns)
            continue;
        t->full = t->jobs >= wf->pools[t->pool].jobs || t->l->launches >= FL_LAUNCH_MAX;
        if (t->full)
            return 0;
        rc = choose(t, s, &has, &limit, reterr);
        if (rc < 0 || !has)
            return rc < 0 ? rc : be_patient(t, s, in, limit, reterr);
        rc = launch(t, i, reterr);
    }
    return rc;
}

static int launch_pool(struct pool_turn *t, struct fl_err *reterr)
{
    const struct fl_plan *plan = t->run->plan;
    const struct fl_ready *ready = &t->run->ready[t->pool];
    int rc = 0;

    for (uint32_t i = fl_bits_next(&ready->set, 0); rc == 0 && i != FL_BITS_NONE && !t->full;) {
        uint32_t s = plan->inst_stage[i];

        if (t->room->count == 0 || t->room->offers[0].free_cores < ready->cores_min)
            return 0;
        if (!t->held || plan->workflow->stages[s].cores == 0)
            rc = launch_stage(t, s, i, reterr);
        i = fl_bits_next(&ready->set, plan->stages[s].inst_first + plan->stages[s].inst_count);
    }
    return rc;
}

bool fl_launch_may(const struct fl_core *core, const struct fl_run *run)
{
    const struct fl_flow *flow = fl_run_flow(core, run);

    return !run->held && !run->cancel_asked && run->ready_total > 0 && !(flow && flow->held);
}

/* *ret_turn.room is NULL when there is nothing to do in that pool. */
static int turn_of(struct fl_launching *l, const struct fl_run *run, uint32_t pool,
                   struct pool_turn *ret_turn, struct fl_err *reterr)
{
    *ret_turn = (struct pool_turn){.l = l, .run = run, .pool = pool, .jobs = run->pool_jobs[pool]};
    if (run->ready[pool].set.members == 0 ||
        ret_turn->jobs >= run->plan->workflow->pools[pool].jobs)
        return 0;
    return room_of(l, run->plan->workflow, pool, &ret_turn->room, reterr);
}

static int launch_run(struct fl_launching *l, const struct fl_run *run, struct fl_err *reterr)
{
    int rc = 0;

    for (uint32_t p = 0; rc == 0 && p < run->plan->workflow->pool_count; p++) {
        struct pool_turn turn;

        rc = turn_of(l, run, p, &turn, reterr);
        if (rc == 0 && turn.room)
            rc = launch_pool(&turn, reterr);
    }
    return rc;
}

/* A stage of a run that has something ready, and its place in the order. */
struct candidate {
    int64_t priority;
    int64_t latest_s; /* UTC: later than this, its products come too late */
    size_t turn;
    uint32_t first; /* instance */
};

static int by_order(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;

    if (x->priority != y->priority)
        return x->priority > y->priority ? -1 : 1;
    if (x->latest_s != y->latest_s)
        return x->latest_s < y->latest_s ? -1 : 1;
    if (x->turn != y->turn)
        return x->turn < y->turn ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

struct ordering {
    struct pool_turn *turns;
    size_t turn_count;
    size_t turn_room;
    struct candidate *items;
    size_t count;
    size_t room;
};

static int add_candidates(struct ordering *o, const struct pool_turn *turn, struct fl_err *reterr)
{
    const struct fl_plan *plan = turn->run->plan;
    const struct fl_bits *ready = &turn->run->ready[turn->pool].set;

    for (uint32_t i = fl_bits_next(ready, 0); i != FL_BITS_NONE;) {
        uint32_t s = plan->inst_stage[i];
        int64_t latest_s = turn->run->latest_s ? turn->run->latest_s[s] : INT64_MAX;

        if (o->count == o->room) {
            size_t room = o->room ? o->room * 2 : 64;
            struct candidate *items = realloc(o->items, room * sizeof(*items));

            if (!items)
                return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory to order what is ready");
            o->items = items;
            o->room = room;
        }
        o->items[o->count++] =
            (struct candidate){plan->workflow->stages[s].priority, latest_s, o->turn_count - 1, i};
        i = fl_bits_next(ready, plan->stages[s].inst_first + plan->stages[s].inst_count);
    }
    return 0;
}

static int add_turns(struct fl_launching *l, const struct fl_run *run, struct ordering *o,
                     struct fl_err *reterr)
{
    int rc = 0;

    for (uint32_t p = 0; rc == 0 && p < run->plan->workflow->pool_count; p++) {
        struct pool_turn turn;

        rc = turn_of(l, run, p, &turn, reterr);
        if (rc < 0 || !turn.room)
            continue;
        if (o->turn_count == o->turn_room) {
            size_t room = o->turn_room ? o->turn_room * 2 : 16;
            struct pool_turn *turns = realloc(o->turns, room * sizeof(*turns));

            if (!turns)
                return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory to order what is ready");
            o->turns = turns;
            o->turn_room = room;
        }
        o->turns[o->turn_count++] = turn;
        rc = add_candidates(o, &turn, reterr);
    }
    return rc;
}

/* Rooms move as they are made: a turn's is found again. */
static int launch_candidate(struct fl_launching *l, struct pool_turn *t, uint32_t first,
                            struct fl_err *reterr)
{
    uint32_t s = t->run->plan->inst_stage[first];
    const struct fl_workflow *wf = t->run->plan->workflow;
    int rc = room_of(l, wf, t->pool, &t->room, reterr);

    if (rc < 0 || !t->room || t->room->count == 0 || t->full ||
        (t->held && (wf->stages[s].cores > 0 || wf->stages[s].need_count > 0)))
        return rc;
    return launch_stage(t, s, first, reterr);
}

static int launch_ordered(struct fl_launching *l, struct fl_err *reterr)
{
    struct ordering o = {0};
    int rc = 0;

    for (size_t r = 0; rc == 0 && r < l->core->active_count; r++)
        if (fl_launch_may(l->core, l->core->runs[l->core->active[r]]))
            rc = add_turns(l, l->core->runs[l->core->active[r]], &o, reterr);
    if (o.count > 1)
        qsort(o.items, o.count, sizeof(*o.items), by_order);
    for (size_t i = 0; rc == 0 && i < o.count && l->launches < FL_LAUNCH_MAX; i++)
        rc = launch_candidate(l, &o.turns[o.items[i].turn], o.items[i].first, reterr);
    free(o.turns);
    free(o.items);
    return rc;
}

int fl_launch_all(struct fl_launching *l, struct fl_err *reterr)
{
    const struct fl_core *core = l->core;
    bool ordered = false;
    int rc = 0;

    for (size_t r = 0; !ordered && r < core->active_count; r++)
        ordered = core->runs[core->active[r]]->ordered;
    if (ordered)
        return launch_ordered(l, reterr);
    for (size_t r = 0; rc == 0 && r < core->active_count && l->launches < FL_LAUNCH_MAX; r++)
        if (fl_launch_may(l->core, core->runs[core->active[r]]))
            rc = launch_run(l, core->runs[core->active[r]], reterr);
    return rc;
}

bool fl_launch_has_room(struct fl_launching *l, const struct fl_run *run, uint32_t inst)
{
    const struct fl_workflow *wf = run->plan->workflow;
    uint32_t pool = (uint32_t)fl_inst_stage(run, inst)->pool;
    struct pool_turn turn = {.l = l, .run = run, .pool = pool, .jobs = run->pool_jobs[pool]};
    int32_t limit;
    bool has = false;

    return turn.jobs < wf->pools[pool].jobs && room_of(l, wf, pool, &turn.room, NULL) == 0 &&
           turn.room && choose(&turn, run->plan->inst_stage[inst], &has, &limit, NULL) == 0 && has;
}
