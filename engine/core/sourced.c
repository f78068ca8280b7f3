/* Leads of sources that triggers wait for. */
#include "config.h"

#include "engine/core/sourced.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "engine/core/given.h"

#include "engine/base/banned.h"

#define AWAIT_ID_MAX (FL_CORE_ID_MAX + 64)

/* The set that a stage's instances run over, or that of its outputs; or FL_NONE. */
static int32_t leads_of(const struct fl_workflow *wf, const struct fl_stage *stage, bool *ret_own)
{
    *ret_own = false;
    for (size_t d = 0; d < stage->dims.count; d++) {
        if (wf->sets[stage->dims.sets[d]].kind != FL_SET_LEADS)
            continue;
        *ret_own = true;
        return stage->dims.sets[d];
    }
    return stage->leads;
}

/* "+000/+012": from and to of the stage's own set. */
static int part_of(const struct fl_set *set, const char *text, struct fl_leads *ret_leads,
                   struct fl_err *reterr)
{
    const char *slash = strchr(text, '/');
    char from[FL_TIME_TEXT_MAX];
    struct fl_leads leads = set->leads;
    int rc;

    if (slash - text >= (int)sizeof(from))
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%.40s' is not a part of leads", text);
    memcpy(from, text, (size_t)(slash - text));
    from[slash - text] = '\0';
    rc = fl_lead_parse(from, &leads.first, reterr);
    if (rc == 0)
        rc = fl_lead_parse(slash + 1, &leads.last, reterr);
    if (rc < 0)
        return rc;
    if (fl_leads_find(&set->leads, leads.first) < 0 || fl_leads_find(&set->leads, leads.last) < 0 ||
        leads.last.minutes < leads.first.minutes)
        return fl_err_set(reterr, FL_E_PARSE, 0, "%s is no part of the leads '%s'", text,
                          set->name);
    *ret_leads = leads;
    return 0;
}

static int named_leads(const struct fl_workflow *wf, int32_t own, struct fl_expr_leaf *leaf,
                       struct fl_err *reterr)
{
    const char *text = leaf->members;
    const char *slash = strchr(text, '/');
    int32_t set = fl_workflow_set(wf, text);

    if (set != FL_NONE && wf->sets[set].kind == FL_SET_LEADS) {
        leaf->leads = wf->sets[set].leads;
        return 0;
    }
    if (slash && !strchr(slash + 1, '/') && own == FL_NONE)
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "%.40s is a part of a stage's leads, and this stage has none; with its "
                          "step it stands alone, as +000/+012/3",
                          text);
    if (slash && !strchr(slash + 1, '/'))
        return part_of(&wf->sets[own], text, &leaf->leads, reterr);
    if (fl_leads_parse(text, &leaf->leads, NULL) < 0)
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "'%.40s' is no set of leads; accepted: the name of one, +006, "
                          "+000/+012/3, or a part of the stage's own, +000/+012",
                          text);
    return 0;
}

int fl_leaf_source(const struct fl_workflow *wf, const struct fl_stage *stage,
                   struct fl_expr_leaf *leaf, struct fl_err *reterr)
{
    int32_t own = leads_of(wf, stage, &leaf->own);
    size_t total;
    int rc = 0;

    if (wf->cycles.calendar != FL_CALENDAR_STANDARD)
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "column %d: sources have cycles of the standard calendar, not of %s",
                          leaf->column, fl_calendar_name(wf->cycles.calendar));
    if (leaf->members) {
        leaf->own = false;
        rc = named_leads(wf, own, leaf, reterr);
    } else if (own == FL_NONE) {
        rc = fl_err_set(reterr, FL_E_PARSE, 0,
                        "which leads of source '%s'? accepted: source:%s(+000/+012/3), or the "
                        "name of a set of leads in the brackets, or a stage with leads",
                        leaf->name, leaf->name);
    } else {
        leaf->leads = wf->sets[own].leads;
    }
    if (rc < 0)
        return fl_err_note(reterr, FL_E_PARSE, "column %d", leaf->column);
    total = leaf->own ? 1 : fl_leads_count(&leaf->leads);
    if (leaf->many == FL_COUNT_NUMBER && leaf->count > (int64_t)total)
        return fl_err_set(reterr, FL_E_PARSE, 0, "column %d: only %zu leads are meant, not %lld",
                          leaf->column, total, (long long)leaf->count);
    return 0;
}

int fl_expr_sources(const struct fl_workflow *wf, const struct fl_stage *stage,
                    struct fl_expr *expr, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < expr->leaf_count; i++)
        if (expr->leaves[i].kind == FL_LEAF_SOURCE)
            rc = fl_leaf_source(wf, stage, &expr->leaves[i], reterr);
    return rc;
}

/* True when the leaf of this instance means that lead. */
static bool means(const struct fl_run *run, uint32_t inst, const struct fl_expr_leaf *leaf,
                  int32_t minutes)
{
    struct fl_lead lead;

    if (!leaf->own)
        return fl_leads_find(&leaf->leads, (struct fl_lead){minutes}) >= 0;
    return fl_plan_inst_lead(run->plan, inst, &lead) && lead.minutes == minutes;
}

static const struct fl_sourced *known(const struct fl_run *run, const char *source, int64_t cycle_s,
                                      int32_t minutes)
{
    for (size_t i = 0; i < run->sourced_count; i++) {
        const struct fl_sourced *s = &run->sourced[i];

        if (s->minutes == minutes && s->cycle.s == cycle_s && strcmp(s->source, source) == 0)
            return s;
    }
    return NULL;
}

struct fl_term fl_sourced_count(const struct fl_run *run, uint32_t inst,
                                const struct fl_expr_leaf *leaf)
{
    struct fl_term term = {0, 0};

    for (size_t i = 0; i < run->sourced_count; i++) {
        const struct fl_sourced *s = &run->sourced[i];

        if (s->cycle.s != run->cycle.s + leaf->cycle_offset_s ||
            strcmp(s->source, leaf->name) != 0 || !means(run, inst, leaf, s->minutes))
            continue;
        term.met += !s->absent;
        term.lost += s->absent;
    }
    return term;
}

/* ---- who looks ---- */

/* A lead of a cycle of a source that something at a site waits for. */
struct wanted {
    const char *site;
    const char *source;
    int64_t cycle_s;
    int32_t minutes;
};

struct wanting {
    const struct fl_run *run;
    struct wanted *items;
    size_t count;
    size_t room;
    struct fl_err *reterr;
};

static int want(struct wanting *w, const char *site, const struct fl_expr_leaf *leaf,
                int32_t minutes)
{
    int64_t cycle_s = w->run->cycle.s + leaf->cycle_offset_s;

    if (known(w->run, leaf->name, cycle_s, minutes))
        return 0;
    if (w->count == w->room) {
        size_t room = w->room ? w->room * 2 : 64;
        struct wanted *items = realloc(w->items, room * sizeof(*items));

        if (!items)
            return fl_err_set(w->reterr, FL_E_NOMEM, 0, "no memory for messages to workers");
        w->items = items;
        w->room = room;
    }
    w->items[w->count++] = (struct wanted){site, leaf->name, cycle_s, minutes};
    return 0;
}

static bool waits(const struct fl_inst *in)
{
    return in->state == FL_STATE_WAITING || in->state == FL_STATE_HELD;
}

/* What one leaf wants for the instances of its stage that wait. */
static int want_leaf(struct wanting *w, uint32_t s, const struct fl_expr_leaf *leaf, bool all)
{
    const struct fl_plan_stage *ps = &w->run->plan->stages[s];
    const struct fl_workflow *wf = w->run->plan->workflow;
    const char *site = wf->sites[wf->pools[wf->stages[s].pool].site].name;
    int rc = 0;

    for (uint32_t i = ps->inst_first; rc == 0 && i < ps->inst_first + ps->inst_count; i++) {
        struct fl_lead lead;

        if (!all && !waits(&w->run->insts[i]))
            continue;
        if (leaf->own) {
            if (fl_plan_inst_lead(w->run->plan, i, &lead))
                rc = want(w, site, leaf, lead.minutes);
            continue;
        }
        for (size_t k = 0; rc == 0 && k < fl_leads_count(&leaf->leads); k++)
            rc = want(w, site, leaf, fl_leads_at(&leaf->leads, k).minutes);
        return rc; /* the others of the stage want the same */
    }
    return rc;
}

static int by_what(const void *a, const void *b)
{
    const struct wanted *x = a;
    const struct wanted *y = b;
    int order = strcmp(x->site, y->site);

    if (order == 0)
        order = strcmp(x->source, y->source);
    if (order == 0)
        order = (x->cycle_s > y->cycle_s) - (x->cycle_s < y->cycle_s);
    return order ? order : (x->minutes > y->minutes) - (x->minutes < y->minutes);
}

/* all: of instances that wait no more, too. Sorted, each once. */
static int want_all(struct wanting *w, bool all)
{
    const struct fl_plan *plan = w->run->plan;
    size_t kept = 0;
    int rc = 0;

    for (uint32_t s = 0; rc == 0 && s < plan->stage_count; s++)
        for (size_t t = 0; rc == 0 && t < plan->stages[s].when.leaf_count; t++)
            if (plan->stages[s].when.leaves[t].kind == FL_LEAF_SOURCE)
                rc = want_leaf(w, s, &plan->stages[s].when.leaves[t], all);
    if (rc < 0 || w->count == 0)
        return rc;
    qsort(w->items, w->count, sizeof(*w->items), by_what);
    for (size_t i = 1; i < w->count; i++)
        if (by_what(&w->items[kept], &w->items[i]) != 0)
            w->items[++kept] = w->items[i];
    w->count = kept + 1;
    return 0;
}

/* The end of those of one site, source and cycle that begin at `from`. */
static size_t group_end(const struct wanting *w, size_t from)
{
    const struct wanted *first = &w->items[from];
    size_t to = from + 1;

    while (to < w->count && w->items[to].cycle_s == first->cycle_s &&
           strcmp(w->items[to].source, first->source) == 0 &&
           strcmp(w->items[to].site, first->site) == 0)
        to++;
    return to;
}

/* Ascending leads as few sets, as texts. */
static json_t *sets_of(const struct wanted *items, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < count;) {
        int32_t step = i + 1 < count ? items[i + 1].minutes - items[i].minutes : 60;
        struct fl_leads leads = {{items[i].minutes}, {items[i].minutes}, step};
        char text[FL_TIME_TEXT_MAX * 3];

        for (i++; i < count && items[i].minutes == leads.last.minutes + step; i++)
            leads.last.minutes = items[i].minutes;
        if (leads.last.minutes == leads.first.minutes)
            fl_lead_format(leads.first, text);
        else
            fl_leads_format(&leads, text, sizeof(text));
        (void)json_array_append_new(list, json_string(text)); /* a short list is asked for again */
    }
    return list;
}

/* "surge/20261124T0000Z|hpc|gfs.0p25|20261124T0000Z". */
static void await_id(const struct fl_run *run, const struct wanted *of,
                     char text[static AWAIT_ID_MAX], char cycle[static FL_TIME_TEXT_MAX])
{
    fl_cycle_format((struct fl_cycle){of->cycle_s}, cycle);
    (void)snprintf(text, AWAIT_ID_MAX, "%s|%s|%s|%s", run->name, of->site, of->source, cycle);
}

/* The first worker that serves a site is the one that looks; NULL: none can be reached. */
static const struct fl_worker *looker(const struct fl_core *core, const char *site)
{
    for (size_t w = 0; w < core->worker_count; w++)
        for (size_t i = 0; !core->workers[w]->gone && i < core->workers[w]->site_count; i++)
            if (strcmp(fl_core_word(core, core->workers[w]->sites[i].site), site) == 0)
                return core->workers[w];
    return NULL;
}

static int add_unwatch(const struct fl_core *core, const char *site, const char *id,
                       const struct fl_worker *but, struct fl_effects *effects,
                       struct fl_err *reterr)
{
    int rc = 0;

    for (size_t w = 0; rc == 0 && w < core->worker_count; w++) {
        const struct fl_worker *worker = core->workers[w];

        for (size_t i = 0; rc == 0 && worker != but && !worker->gone && i < worker->site_count; i++)
            if (strcmp(fl_core_word(core, worker->sites[i].site), site) == 0)
                rc = fl_effects_add(effects, worker->name,
                                    json_pack("{s:s,s:s}", "type", "unwatch", "id", id), reterr);
    }
    return rc;
}

int fl_sourced_effects(const struct fl_core *core, const struct fl_run *run,
                       const struct fl_worker *worker, struct fl_effects *effects,
                       struct fl_err *reterr)
{
    struct wanting w = {.run = run, .reterr = reterr};
    int rc = run->plan->sources ? want_all(&w, false) : 0;

    for (size_t from = 0; rc == 0 && from < w.count;) {
        const struct wanted *of = &w.items[from];
        const struct fl_worker *by = looker(core, of->site);
        size_t to = group_end(&w, from);
        char cycle[FL_TIME_TEXT_MAX];
        char id[AWAIT_ID_MAX];

        await_id(run, of, id, cycle);
        if (by && (!worker || worker == by))
            rc = fl_effects_add(effects, by->name,
                                json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "type", "await", "id", id,
                                          "site", of->site, "source", of->source, "cycle", cycle,
                                          "leads", sets_of(of, to - from)),
                                reterr);
        if (rc == 0 && by && worker == by) /* who looked while it was away */
            rc = add_unwatch(core, of->site, id, by, effects, reterr);
        from = to;
    }
    free(w.items);
    return rc;
}

int fl_sourced_end_effects(const struct fl_core *core, const struct fl_run *run,
                           struct fl_effects *effects, struct fl_err *reterr)
{
    struct wanting w = {.run = run, .reterr = reterr};
    int rc = run->plan->sources ? want_all(&w, true) : 0;

    for (size_t from = 0; rc == 0 && from < w.count; from = group_end(&w, from)) {
        char cycle[FL_TIME_TEXT_MAX];
        char id[AWAIT_ID_MAX];

        await_id(run, &w.items[from], id, cycle);
        rc = add_unwatch(core, w.items[from].site, id, NULL, effects, reterr);
    }
    free(w.items);
    return rc;
}

/* ---- what is told ---- */

static bool is_wanted(const struct fl_run *run, const char *source, int64_t cycle_s,
                      int32_t minutes)
{
    const struct fl_plan *plan = run->plan;

    for (uint32_t s = 0; s < plan->stage_count; s++)
        for (size_t t = 0; t < plan->stages[s].when.leaf_count; t++) {
            const struct fl_expr_leaf *leaf = &plan->stages[s].when.leaves[t];

            if (leaf->kind == FL_LEAF_SOURCE && strcmp(leaf->name, source) == 0 &&
                run->cycle.s + leaf->cycle_offset_s == cycle_s &&
                fl_leads_find(&leaf->leads, (struct fl_lead){minutes}) >= 0)
                return true;
        }
    return false;
}

int fl_decide_available(const struct fl_core *core, const struct fl_input *input,
                        struct fl_events *events, struct fl_err *reterr)
{
    const char *id;
    const char *lead_text;
    const char *cause = NULL;
    const struct fl_run *run;
    struct fl_event *event;
    struct fl_cycle cycle;
    struct fl_lead lead;
    char copy[AWAIT_ID_MAX];
    char *part[4];
    bool absent;
    int rc = fl_json_string(input->message, "id", &id, reterr);

    if (rc == 0)
        rc = fl_json_string(input->message, "lead", &lead_text, reterr);
    if (rc == 0)
        rc = fl_json_bool_opt(input->message, "absent", false, &absent, reterr);
    if (rc == 0)
        rc = fl_json_string_opt(input->message, "cause", NULL, &cause, reterr);
    if (rc == 0)
        rc = fl_lead_parse(lead_text, &lead, reterr);
    if (rc < 0)
        return rc;
    if (snprintf(copy, sizeof(copy), "%s", id) >= (int)sizeof(copy) ||
        !fl_given_split(copy, part) || fl_cycle_parse(part[3], &cycle, NULL) < 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%.100s' is not the id of a look-out", id);
    run = fl_core_run(core, part[0]);
    if (!run || run->state != FL_STATE_RUNNING || !is_wanted(run, part[2], cycle.s, lead.minutes) ||
        known(run, part[2], cycle.s, lead.minutes))
        return 0; /* nobody waits for it any more, or another worker has told it */
    rc = fl_emit(events, FL_EVENT_SOURCE_ARRIVED, input->now_ns, run, UINT32_MAX, &event, reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->who, input->worker, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->output, part[2], reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->cycle, part[3], reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->site, part[1], reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->lead, lead_text, reterr);
    if (rc < 0 || !absent)
        return rc;
    return fl_emit_text(event, &event->cause, cause ? cause : "given up", reterr);
}

int fl_apply_sourced(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    struct fl_sourced *list;
    struct fl_sourced one = {.absent = event->cause != NULL};
    struct fl_run *run;
    struct fl_lead lead;
    int rc = fl_apply_find(core, event, &run, NULL, reterr);

    if (rc == 0)
        rc = fl_lead_parse(event->lead, &lead, reterr);
    if (rc == 0)
        rc = fl_cycle_parse(event->cycle, &one.cycle, reterr);
    if (rc < 0)
        return rc;
    one.minutes = lead.minutes;
    if (known(run, event->output, one.cycle.s, one.minutes))
        return fl_apply_bug(event, reterr, "it was told already");
    list = realloc(run->sourced, (run->sourced_count + 1) * sizeof(*list));
    if (!list)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a lead of a source");
    run->sourced = list;
    rc = fl_text_set(&one.source, event->output, reterr);
    if (rc == 0)
        rc = fl_text_set(&one.cause, event->cause, reterr);
    if (rc < 0) {
        free(one.source);
        return rc;
    }
    list[run->sourced_count++] = one;
    return fl_apply_given(core, run, FL_LEAF_SOURCE, event->output, event->time_ns, reterr);
}

static bool asks(const struct fl_expr *when, const char *source)
{
    for (size_t t = 0; t < when->leaf_count; t++)
        if (when->leaves[t].kind == FL_LEAF_SOURCE && strcmp(when->leaves[t].name, source) == 0)
            return true;
    return false;
}

void fl_sourced_forget(struct fl_run *run, uint32_t inst)
{
    const struct fl_expr *when = &run->plan->stages[run->plan->inst_stage[inst]].when;
    size_t kept = 0;

    for (size_t i = 0; i < run->sourced_count; i++) {
        struct fl_sourced one = run->sourced[i];

        if (!one.absent || !asks(when, one.source)) {
            run->sourced[kept++] = one;
            continue;
        }
        free(one.source);
        free(one.cause);
    }
    run->sourced_count = kept;
}

void fl_sourced_release(struct fl_run *run)
{
    for (size_t i = 0; i < run->sourced_count; i++) {
        free(run->sourced[i].source);
        free(run->sourced[i].cause);
    }
    free(run->sourced);
    run->sourced = NULL;
    run->sourced_count = 0;
}
