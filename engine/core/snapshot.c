/* The state as a whole in a snapshot. */
#include "config.h"

#include "engine/core/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/flow.h"
#include "engine/core/history.h"
#include "engine/core/paging.h"
#include "engine/core/snapshot_impl.h"
#include "engine/core/terms.h"

#include "engine/base/banned.h"

#define MAGIC "FLSNAP"
#define TAIL 0x5afe /* the end is where it is expected */

void fl_snap_bool(struct fl_snap *s, bool *value)
{
    uint64_t v = *value;

    fl_pack_u(&s->pack, &v);
    if (v > 1)
        fl_pack_spoil(&s->pack, FL_E_DATA);
    *value = v == 1;
}

void fl_snap_json(struct fl_snap *s, json_t **value)
{
    char *text = NULL;

    if (!fl_pack_loads(&s->pack) && *value)
        text = json_dumps(*value, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
    fl_pack_text(&s->pack, &text);
    if (fl_pack_loads(&s->pack)) {
        *value = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
        if (text && !*value)
            fl_pack_spoil(&s->pack, FL_E_DATA);
    }
    free(text);
}

void fl_snap_index(struct fl_snap *s, uint32_t *value, uint64_t below)
{
    FL_PACK_U(&s->pack, *value);
    if (*value >= below) {
        fl_pack_spoil(&s->pack, FL_E_DATA);
        *value = 0;
    }
}

void fl_snap_list(struct fl_snap *s, uint32_t **list, size_t *count, uint32_t below)
{
    size_t items = fl_pack_count(&s->pack, *count);

    if (fl_pack_loads(&s->pack)) {
        *list = items ? fl_pack_room(&s->pack, NULL, items, sizeof(**list)) : NULL;
        *count = *list ? items : 0;
    }
    for (size_t i = 0; i < *count; i++)
        fl_snap_index(s, &(*list)[i], below);
}

/* A table of owned things that are made one by one: room for all, and a name for each. */
static size_t table(struct fl_snap *s, void **items, size_t *count, size_t size)
{
    size_t n = fl_pack_count(&s->pack, *count);

    if (!fl_pack_loads(&s->pack) || n == 0)
        return n;
    *items = fl_pack_room(&s->pack, NULL, n, size);
    return *items ? n : 0;
}

static void name_add(struct fl_snap *s, struct fl_names *names, const char *name, uint32_t v)
{
    uint32_t have;
    int rc = FL_E_DATA;

    if (name && !fl_names_find(names, name, &have))
        rc = fl_names_add(names, name, v, NULL);
    if (rc < 0)
        fl_pack_spoil(&s->pack, rc);
}

static void words(struct fl_snap *s)
{
    struct fl_words *words = &s->core->words;
    size_t count = fl_pack_count(&s->pack, words->count);

    for (size_t i = 0; i < count && s->pack.rc == 0; i++) {
        char *text = i < words->count ? words->items[i] : NULL;
        uint32_t number = 0;

        fl_pack_text(&s->pack, &text);
        if (!fl_pack_loads(&s->pack))
            continue;
        if (!text || fl_words_number(words, text, &number, NULL) < 0 || number != i)
            fl_pack_spoil(&s->pack, text ? FL_E_NOMEM : FL_E_DATA);
        free(text);
    }
}

static void worker(struct fl_snap *s, struct fl_worker *w)
{
    struct fl_pack *p = &s->pack;
    size_t words = s->core->words.count;

    fl_pack_text(p, &w->name);
    fl_snap_bool(s, &w->gone);
    fl_pack_text(p, &w->reason);
    FL_PACK_I(p, w->since_ns);
    w->pool_count = table(s, (void **)&w->pools, &w->pool_count, sizeof(*w->pools));
    for (size_t i = 0; i < w->pool_count; i++) {
        struct fl_worker_pool *pool = &w->pools[i];

        fl_snap_index(s, &pool->pool, words);
        fl_snap_index(s, &pool->site, words);
        FL_PACK_I(p, pool->cores);
        FL_PACK_I(p, pool->jobs);
        FL_PACK_I(p, pool->used_cores);
        FL_PACK_I(p, pool->used_jobs);
        fl_snap_json(s, &pool->resources);
    }
    w->site_count = table(s, (void **)&w->sites, &w->site_count, sizeof(*w->sites));
    for (size_t i = 0; i < w->site_count; i++) {
        fl_snap_index(s, &w->sites[i].site, words);
        fl_pack_text(p, &w->sites[i].door);
    }
}

static void workers(struct fl_snap *s)
{
    struct fl_core *core = s->core;
    size_t count =
        table(s, (void **)&core->workers, &core->worker_count, sizeof(struct fl_worker *));

    for (size_t i = 0; i < count && s->pack.rc == 0; i++) {
        core->workers[i] = fl_pack_room(&s->pack, core->workers[i], 1, sizeof(struct fl_worker));
        if (!core->workers[i])
            return;
        core->worker_count = fl_pack_loads(&s->pack) ? i + 1 : core->worker_count;
        worker(s, core->workers[i]);
        if (fl_pack_loads(&s->pack))
            name_add(s, &core->worker_names, core->workers[i]->name, (uint32_t)i);
    }
}

static void flow_cycles(struct fl_snap *s, struct fl_flow *flow)
{
    bool *const flags[] = {&flow->removed,  &flow->held,     &flow->begun,   &flow->has_start,
                           &flow->has_stop, &flow->has_last, &flow->has_next};
    struct fl_cycle *const cycles[] = {&flow->start, &flow->stop, &flow->last, &flow->newest,
                                       &flow->next};

    for (size_t i = 0; i < FL_COUNT(flags); i++)
        fl_snap_bool(s, flags[i]);
    for (size_t i = 0; i < FL_COUNT(cycles); i++)
        FL_PACK_I(&s->pack, cycles[i]->s);
    for (size_t i = 0; i < FL_COUNT(flow->next_rules.bits); i++)
        FL_PACK_U(&s->pack, flow->next_rules.bits[i]);
}

static void flow(struct fl_snap *s, struct fl_flow *f)
{
    struct fl_pack *p = &s->pack;
    uint32_t plan = 0;

    fl_pack_text(p, &f->name);
    if (f->plan)
        (void)fl_names_find(&s->core->plan_names, f->plan->digest, &plan); /* it is known */
    fl_snap_index(s, &plan, s->core->plan_count);
    flow_cycles(s, f);
    FL_PACK_U(p, f->unfinished);
    fl_snap_list(s, &f->ended, &f->ended_count, UINT32_MAX);
    f->ended_room = f->ended_count;
    FL_PACK_U(p, f->made);
    FL_PACK_U(p, f->skipped);
    FL_PACK_I(p, f->since_ns);
    fl_pack_text(p, &f->who);
    fl_pack_text(p, &f->reason);
    fl_pack_text(p, &f->passed);
    if (!fl_pack_loads(p) || p->rc < 0)
        return;
    f->plan = s->core->plans[plan];
    if (fl_flow_rules(f->plan->workflow, f->has_start ? &f->start : NULL, &f->rules, &f->rule_count,
                      NULL) < 0)
        fl_pack_spoil(p, FL_E_DATA);
}

static void flows(struct fl_snap *s)
{
    struct fl_core *core = s->core;
    size_t count = table(s, (void **)&core->flows, &core->flow_count, sizeof(struct fl_flow *));

    for (size_t i = 0; i < count && s->pack.rc == 0; i++) {
        core->flows[i] = fl_pack_room(&s->pack, core->flows[i], 1, sizeof(struct fl_flow));
        if (!core->flows[i])
            return;
        core->flow_count = fl_pack_loads(&s->pack) ? i + 1 : core->flow_count;
        flow(s, core->flows[i]);
        if (fl_pack_loads(&s->pack))
            name_add(s, &core->flow_names, core->flows[i]->name, (uint32_t)i);
    }
}

static void runs(struct fl_snap *s)
{
    struct fl_core *core = s->core;
    size_t count = table(s, (void **)&core->runs, &core->run_count, sizeof(struct fl_run *));

    for (size_t i = 0; i < count && s->pack.rc == 0; i++) {
        bool there = core->runs[i] != NULL;

        core->run_count = fl_pack_loads(&s->pack) ? i + 1 : core->run_count;
        fl_snap_bool(s, &there);
        if (!there)
            continue;
        fl_snap_run(s, &core->runs[i]);
        if (!fl_pack_loads(&s->pack) || !core->runs[i])
            continue;
        core->runs[i]->index = (uint32_t)i;
        core->live_runs++;
        name_add(s, &core->run_names, core->runs[i]->name, (uint32_t)i);
    }
    fl_snap_list(s, &core->active, &core->active_count, (uint32_t)core->run_count);
    core->active_room = core->active_count;
    for (size_t i = 0; i < core->active_count && fl_pack_loads(&s->pack) && s->pack.rc == 0; i++)
        if (!core->runs[core->active[i]])
            fl_pack_spoil(&s->pack, FL_E_DATA);
    fl_snap_list(s, &core->removing, &core->removing_count, (uint32_t)core->run_count);
    core->removing_room = core->removing_count;
    for (size_t i = 0; i < core->removing_count && fl_pack_loads(&s->pack) && s->pack.rc == 0; i++)
        if (!core->runs[core->removing[i]])
            fl_pack_spoil(&s->pack, FL_E_DATA);
}

static void dropped(struct fl_snap *s)
{
    struct fl_core *core = s->core;
    size_t count = table(s, (void **)&core->dropped, &core->dropped_count, sizeof(char *));

    for (size_t i = 0; i < count; i++) {
        fl_pack_text(&s->pack, &core->dropped[i]);
        if (!core->dropped[i])
            fl_pack_spoil(&s->pack, FL_E_DATA);
        core->dropped_count = fl_pack_loads(&s->pack) ? i + 1 : core->dropped_count;
    }
    FL_PACK_U(&s->pack, core->dropped_next);
    if (core->dropped_next > FL_CORE_DROPPED_MAX)
        fl_pack_spoil(&s->pack, FL_E_DATA);
}

static void paged(struct fl_snap *s)
{
    struct fl_paged *paged = &s->core->paged;
    size_t count = fl_pack_count(&s->pack, paged->count);
    uint64_t next = paged->next;

    for (size_t i = 0; i < count && s->pack.rc == 0; i++) {
        char *name = i < paged->count ? paged->names[i] : NULL;

        fl_pack_text(&s->pack, &name);
        if (!fl_pack_loads(&s->pack))
            continue;
        if (!name || paged->count >= FL_CORE_PAGED_MAX || fl_paged_add(paged, name, NULL) < 0) {
            fl_pack_spoil(&s->pack, name ? FL_E_NOMEM : FL_E_DATA);
            free(name);
        }
    }
    fl_pack_u(&s->pack, &next);
    if (next >= FL_CORE_PAGED_MAX)
        fl_pack_spoil(&s->pack, FL_E_DATA);
    paged->next = (size_t)next;
}

static void ended(struct fl_snap *s)
{
    struct fl_core *core = s->core;

    fl_snap_list(s, &core->ended, &core->ended_count, (uint32_t)core->run_count);
    core->ended_room = core->ended_count;
    for (size_t i = 0; i < core->ended_count && fl_pack_loads(&s->pack); i++)
        if (!core->runs[core->ended[i]])
            fl_pack_spoil(&s->pack, FL_E_DATA);
}

static void histories(struct fl_snap *s)
{
    struct fl_core *core = s->core;
    struct fl_pack *p = &s->pack;
    size_t count =
        table(s, (void **)&core->histories, &core->history_count, sizeof(struct fl_history));

    if (fl_pack_loads(p))
        core->history_room = count;
    for (size_t i = 0; i < count && p->rc == 0; i++) {
        struct fl_history *h = &core->histories[i];

        core->history_count = fl_pack_loads(p) ? i + 1 : core->history_count;
        fl_pack_text(p, &h->name);
        FL_PACK_U(p, h->order);
        FL_PACK_U(p, h->count);
        FL_PACK_U(p, h->next);
        if (h->count == 0 || h->count > FL_HISTORY_KEPT || h->next >= FL_HISTORY_KEPT) {
            fl_pack_spoil(p, FL_E_DATA);
            return;
        }
        for (uint32_t k = 0; k < h->count; k++)
            FL_PACK_U(p, h->took_ms[k]);
        if (fl_pack_loads(p))
            name_add(s, &core->history_names, h->name, (uint32_t)i);
    }
}

static void action(struct fl_snap *s, struct fl_action *a)
{
    struct fl_pack *p = &s->pack;

    FL_PACK_I(p, a->number);
    if (a->number == 0)
        return;
    FL_PACK_I(p, a->time_ns);
    FL_PACK_I(p, a->undone_by);
    FL_PACK_I(p, a->undoes);
    fl_pack_text(p, &a->run);
    fl_pack_text(p, &a->who);
    fl_pack_text(p, &a->why);
    fl_pack_text(p, &a->text);
    fl_snap_bool(s, &a->whole_run);
    fl_snap_bool(s, &a->too_many);
    fl_snap_list(s, &a->insts, &a->inst_count, UINT32_MAX);
    a->inst_room = a->inst_count;
}

static void actions(struct fl_snap *s)
{
    struct fl_actions *list = &s->core->actions;
    bool there = list->items != NULL;

    FL_PACK_I(&s->pack, list->count);
    fl_snap_bool(s, &there);
    if (!there)
        return;
    list->items = fl_pack_room(&s->pack, list->items, FL_CORE_ACTIONS_MAX, sizeof(*list->items));
    for (size_t i = 0; list->items && i < FL_CORE_ACTIONS_MAX; i++)
        action(s, &list->items[i]);
}

static int plans(struct fl_snap *s, fl_core_need_fn need, void *arg, struct fl_err *reterr)
{
    size_t count = fl_pack_count(&s->pack, s->core->plan_count);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < count && s->pack.rc == 0; i++) {
        char *digest = fl_pack_loads(&s->pack) ? NULL : s->core->plans[i]->digest;

        fl_pack_text(&s->pack, &digest);
        if (!fl_pack_loads(&s->pack))
            continue;
        if (digest && !fl_core_has_workflow(s->core, digest))
            rc = need(s->core, digest, arg, reterr);
        else
            fl_pack_spoil(&s->pack, FL_E_DATA);
        free(digest);
    }
    return rc;
}

/* All but the head and the workflows. */
static void body(struct fl_snap *s)
{
    uint64_t tail = TAIL;

    FL_PACK_U(&s->pack, s->core->event_count);
    words(s);
    workers(s);
    flows(s);
    runs(s);
    dropped(s);
    histories(s);
    paged(s);
    ended(s);
    actions(s);
    fl_pack_u(&s->pack, &tail);
    if (tail != TAIL)
        fl_pack_spoil(&s->pack, FL_E_DATA);
}

int fl_core_save(const struct fl_core *core, struct fl_buf *out, struct fl_err *reterr)
{
    struct fl_snap s = {.pack = {.out = out}, .core = (struct fl_core *)(uintptr_t)core};
    uint64_t format = FL_SNAPSHOT_FORMAT;

    fl_buf_add(out, MAGIC, strlen(MAGIC));
    fl_pack_u(&s.pack, &format);
    (void)plans(&s, NULL, NULL, NULL); /* saving asks nobody */
    body(&s);
    return fl_buf_check(out, reterr);
}

static int load(struct fl_snap *s, fl_core_need_fn need, void *arg, struct fl_err *reterr)
{
    char magic[sizeof(MAGIC)] = "";
    uint64_t format = 0;
    int rc;

    fl_pack_bytes(&s->pack, magic, strlen(MAGIC));
    if (strcmp(magic, MAGIC) != 0)
        return fl_err_set(reterr, FL_E_DATA, 0, "not a snapshot");
    fl_pack_u(&s->pack, &format);
    if (format != FL_SNAPSHOT_FORMAT)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "a snapshot of format %llu; this program reads %d",
                          (unsigned long long)format, FL_SNAPSHOT_FORMAT);
    rc = plans(s, need, arg, reterr);
    if (rc < 0)
        return rc;
    body(s);
    if (s->pack.rc < 0)
        return fl_err_set(reterr, s->pack.rc, 0, "a snapshot that does not hold together");
    rc = fl_far_link(s->core, reterr);
    return rc < 0 ? rc : fl_core_places(s->core, reterr);
}

int fl_core_load(const void *data, size_t size, fl_core_need_fn need, void *arg,
                 struct fl_core **ret_core, struct fl_err *reterr)
{
    struct fl_snap s = {.pack = {.at = data}};
    int rc = fl_core_create(&s.core, reterr);

    if (rc < 0)
        return rc;
    s.pack.end = s.pack.at + size;
    rc = load(&s, need, arg, reterr);
    if (rc < 0) {
        fl_core_destroy(s.core);
        return rc;
    }
    *ret_core = s.core;
    return 0;
}
