/* insert, remove and reload: a run goes on by another version of its workflow. */
#include "config.h"

#include "engine/core/request.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/difference.h"

#include "engine/base/banned.h"

/* The first instance of a stage that is under way, or UINT32_MAX. */
static uint32_t under_way(const struct fl_run *run, const char *stage)
{
    int32_t s = fl_workflow_stage(run->plan->workflow, stage, strlen(stage));
    const struct fl_plan_stage *ps = &run->plan->stages[s];

    for (uint32_t i = ps->inst_first; i < ps->inst_first + ps->inst_count; i++)
        if (run->insts[i].state == FL_STATE_LAUNCHED || run->insts[i].state == FL_STATE_RUNNING ||
            run->insts[i].undecided) /* its body may be alive */
            return i;
    return UINT32_MAX;
}

/* What an attempt under way is counted by: it was launched with the one, and would be counted by
 * the other. */
static bool same_room(const struct fl_workflow *old, const struct fl_workflow *new,
                      const char *name)
{
    const struct fl_stage *x = &old->stages[fl_workflow_stage(old, name, strlen(name))];
    const struct fl_stage *y = &new->stages[fl_workflow_stage(new, name, strlen(name))];
    const struct fl_pool *p = &old->pools[x->pool];
    const struct fl_pool *q = &new->pools[y->pool];

    if (strcmp(p->name, q->name) != 0 ||
        strcmp(old->sites[p->site].name, new->sites[q->site].name) != 0 ||
        x->use_count != y->use_count || x->need_count != y->need_count)
        return false;
    for (size_t i = 0; i < x->use_count; i++)
        if (x->uses[i].weight != y->uses[i].weight ||
            strcmp(old->limits[x->uses[i].limit].name, new->limits[y->uses[i].limit].name) != 0)
            return false;
    for (size_t i = 0; i < x->need_count; i++)
        if (x->needs[i].amount != y->needs[i].amount ||
            strcmp(x->needs[i].name, y->needs[i].name) != 0)
            return false;
    return true;
}

/* A stage that is under way keeps what it was started with; it must still have its place, and take
 * what it took. */
static int check_change(const struct fl_asking *a, const struct fl_plan *plan,
                        const struct fl_change *change, struct fl_err *reterr)
{
    char title[FL_CORE_ID_MAX];
    uint32_t inst;

    if (change->kind == FL_CHANGE_ADDED ||
        (change->kind == FL_CHANGE_DEFINITION &&
         same_room(a->run->plan->workflow, plan->workflow, change->stage)))
        return 0;
    inst = under_way(a->run, change->stage);
    if (inst == UINT32_MAX)
        return 0;
    fl_inst_title(a->run, inst, title, sizeof(title));
    if (change->kind == FL_CHANGE_DEFINITION)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "%s is %s, and the new version gives it another pool, uses or needs: "
                          "cancel it first, or wait for its end",
                          title, fl_state_name(a->run->insts[inst].state));
    return fl_err_set(reterr, FL_E_REFUSED, 0,
                      "%s is %s, and the new version %s: cancel it first, or wait for its end",
                      title, fl_state_name(a->run->insts[inst].state),
                      change->kind == FL_CHANGE_REMOVED ? "has no such stage"
                                                        : "has other instances or outputs of it");
}

/* Attempts of what is removed stay known, so that their numbers are not given again: there is a
 * bound to that. */
static int check_gone(const struct fl_asking *a, const struct fl_difference *d,
                      struct fl_err *reterr)
{
    const struct fl_run *run = a->run;
    size_t count = run->gone_count;

    for (size_t c = 0; c < d->count; c++) {
        const struct fl_plan_stage *ps;
        int32_t s =
            fl_workflow_stage(run->plan->workflow, d->items[c].stage, strlen(d->items[c].stage));

        if (d->items[c].kind != FL_CHANGE_REMOVED && d->items[c].kind != FL_CHANGE_SHAPE)
            continue;
        ps = &run->plan->stages[s];
        for (uint32_t i = ps->inst_first; i < ps->inst_first + ps->inst_count; i++)
            count += run->insts[i].try_count > 0;
    }
    if (count <= FL_CORE_GONE_MAX || count == run->gone_count)
        return 0;
    return fl_err_set(reterr, FL_E_FULL, 0,
                      "run '%s' would have %zu removed instances with attempts; the limit is %d: "
                      "let it end, or go on in another run",
                      run->name, count, FL_CORE_GONE_MAX);
}

static bool is_listed(const json_t *list, const char *name)
{
    size_t i;
    json_t *text;

    json_array_foreach(list, i, text)
    {
        if (json_is_string(text) && strcmp(json_string_value(text), name) == 0)
            return true;
    }
    return false;
}

static int not_changed(const struct fl_asking *a, const struct fl_difference *d, const char *name,
                       enum fl_change_kind kind, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf list;
    bool has = fl_workflow_stage(a->run->plan->workflow, name, strlen(name)) != FL_NONE;

    fl_buf_init(&list, FL_ERR_TEXT_MAX / 2);
    for (size_t c = 0; c < d->count; c++)
        fl_buf_printf(&list, "%s%s", c ? ", " : "", d->items[c].stage);
    return fl_err_set(reterr, FL_E_NOENT, 0, "stage '%.100s' is not one that is %s%s; %s: %s", name,
                      fl_change_name(kind), has ? " (the run has it)" : "", fl_change_name(kind),
                      list.size ? list.data : "none");
}

/* insert and remove do what they say and nothing beside it. */
static int check_only(const struct fl_asking *a, const struct fl_difference *d,
                      enum fl_change_kind kind, struct fl_err *reterr)
{
    const json_t *stages = json_object_get(a->input->message, "stages");
    size_t i;
    json_t *text;

    for (size_t c = 0; c < d->count; c++)
        if (d->items[c].kind != kind || !is_listed(stages, d->items[c].stage))
            return fl_err_set(reterr, FL_E_REFUSED, 0,
                              "stage '%s' is %s beside what is asked for; 'fairlead reload' takes "
                              "over all differences",
                              d->items[c].stage, fl_change_name(d->items[c].kind));
    json_array_foreach(stages, i, text)
    {
        const char *name = json_string_value(text);
        bool found = false;

        for (size_t c = 0; name && c < d->count; c++)
            found |= strcmp(d->items[c].stage, name) == 0;
        if (!found)
            return not_changed(a, d, name ? name : "", kind, reterr);
    }
    return 0;
}

/* {"added":[…],"removed":[…],"changed":[…]} goes into the record. */
static int tell_changes(const struct fl_asking *a, const struct fl_difference *d,
                        struct fl_err *reterr)
{
    json_t *changes = json_pack("{s:[],s:[],s:[]}", "added", "removed", "changed");
    bool bad = !changes;

    for (size_t c = 0; c < d->count; c++)
        bad |= json_array_append_new(json_object_get(changes, fl_change_name(d->items[c].kind)),
                                     json_string(d->items[c].stage)) != 0;
    bad |= json_object_set_new(a->asked, "changes", changes) != 0;
    bad |= json_object_set_new(a->asked, "before", json_string(a->run->plan->digest)) != 0;
    return bad ? fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a request") : 0;
}

static int replan(const struct fl_asking *a, const char *digest, const enum fl_change_kind *only,
                  struct fl_err *reterr)
{
    fl_auto(fl_difference_release) struct fl_difference d = {0};
    const struct fl_workflow *was = a->run->plan->workflow;
    const struct fl_plan *plan = fl_core_plan(a->core, digest);
    struct fl_event *event;
    int rc;

    if (!plan)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no workflow with digest '%.80s' is known",
                          digest);
    if (strcmp(plan->workflow->name, was->name) != 0)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "run '%s' is one of workflow '%s', not of '%s'",
                          a->run->name, was->name, plan->workflow->name);
    if (a->run->state != FL_STATE_RUNNING)
        return fl_err_set(reterr, FL_E_REFUSED, 0, "run '%s' has ended: it is %s", a->run->name,
                          fl_state_name(a->run->state));
    rc = fl_workflow_difference(was, plan->workflow, &d, reterr);
    if (rc == 0 && only)
        rc = check_only(a, &d, *only, reterr);
    for (size_t c = 0; rc == 0 && c < d.count; c++)
        rc = check_change(a, plan, &d.items[c], reterr);
    if (rc == 0)
        rc = check_gone(a, &d, reterr);
    if (rc == 0 && d.count == 0 && !d.shared)
        rc = fl_err_set(reterr, FL_E_REFUSED, 0, "run '%s' is by that version already",
                        a->run->name);
    if (rc == 0)
        rc = tell_changes(a, &d, reterr);
    if (rc == 0)
        rc = fl_asking_emit(a, FL_EVENT_RUN_REPLANNED, UINT32_MAX, &event, reterr);
    return rc < 0 ? rc : fl_event_set_text(event, &event->digest, digest, reterr);
}

static int asked_digest(const struct fl_asking *a, const char **ret_digest, struct fl_err *reterr)
{
    return fl_json_string(a->input->message, "digest", ret_digest, reterr);
}

int fl_request_reload_run(const struct fl_asking *asking, struct fl_err *reterr)
{
    const char *digest;
    int rc = asked_digest(asking, &digest, reterr);

    return rc < 0 ? rc : replan(asking, digest, NULL, reterr);
}

int fl_request_insert(const struct fl_asking *asking, struct fl_err *reterr)
{
    static const enum fl_change_kind only = FL_CHANGE_ADDED;
    const char *digest;
    int rc = asked_digest(asking, &digest, reterr);

    return rc < 0 ? rc : replan(asking, digest, &only, reterr);
}

int fl_request_remove(const struct fl_asking *asking, struct fl_err *reterr)
{
    static const enum fl_change_kind only = FL_CHANGE_REMOVED;
    const char *digest;
    int rc = asked_digest(asking, &digest, reterr);

    return rc < 0 ? rc : replan(asking, digest, &only, reterr);
}

int fl_undo_replan(const struct fl_asking *asking, const json_t *asked, struct fl_err *reterr)
{
    const char *before;
    const char *digest;
    int rc = fl_json_string(asked, "before", &before, reterr);

    if (rc == 0)
        rc = fl_json_string(asked, "digest", &digest, reterr);
    if (rc < 0)
        return rc;
    if (strcmp(asking->run->plan->digest, digest) != 0)
        return fl_err_set(reterr, FL_E_REFUSED, 0,
                          "the workflow of run '%s' was changed again since", asking->run->name);
    return replan(asking, before, NULL, reterr);
}
