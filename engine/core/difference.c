/* Comparing two versions of a workflow by their canonical JSON, in which indexes are replaced by
 * the names that they stand for: an inserted stage shifts the indexes of those after it, and these
 * are the same nevertheless. */
#include "config.h"

#include "engine/core/difference.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

struct version {
    const struct fl_workflow *wf;
    json_t *json;
};

/* The member of a list that an index stands for, or null. New reference. */
static json_t *of_list(const struct version *v, const char *list, const json_t *index)
{
    json_t *found =
        json_array_get(json_object_get(v->json, list), (size_t)json_integer_value(index));

    return json_integer_value(index) < 0 || !found ? json_null() : json_deep_copy(found);
}

static json_t *stage_name(const struct version *v, const json_t *index)
{
    json_int_t s = json_integer_value(index);

    return s < 0 || (size_t)s >= v->wf->stage_count ? json_null()
                                                    : json_string(v->wf->stages[s].name);
}

static json_t *sets_of(const struct version *v, const json_t *indexes)
{
    json_t *sets = json_array();

    for (size_t i = 0; i < json_array_size(indexes); i++)
        (void)json_array_append_new(sets, of_list(v, "sets", json_array_get(indexes, i)));
    return sets;
}

static void put(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value); /* a lack makes a difference: the safe side */
}

static void name_inputs(const struct version *v, const json_t *inputs)
{
    size_t i;
    size_t n;
    json_t *input;
    json_t *source;

    json_array_foreach(inputs, i, input)
    {
        put(input, "leads", of_list(v, "sets", json_object_get(input, "leads")));
        json_array_foreach(json_object_get(input, "sources"), n, source)
        {
            put(source, "stage", stage_name(v, json_object_get(source, "stage")));
            (void)json_object_del(source, "output"); /* its text names it */
        }
    }
}

/* A stage in which names stand for indexes. New reference. */
static json_t *named_stage(const struct version *v, size_t s)
{
    json_t *stage = json_deep_copy(json_array_get(json_object_get(v->json, "stages"), s));
    json_t *rules = json_object_get(json_object_get(v->json, "cycles"), "rules");
    json_t *recurrence =
        json_array_get(rules, (size_t)json_integer_value(json_object_get(stage, "recurrence")));
    size_t i;
    json_t *one;

    put(stage, "origin", stage_name(v, json_object_get(stage, "origin")));
    put(stage, "pool", of_list(v, "pools", json_object_get(stage, "pool")));
    put(stage, "group", of_list(v, "groups", json_object_get(stage, "group")));
    put(stage, "recurrence", recurrence ? json_deep_copy(recurrence) : json_null());
    put(stage, "leads", of_list(v, "sets", json_object_get(stage, "leads")));
    put(stage, "dims", sets_of(v, json_object_get(stage, "dims")));
    name_inputs(v, json_object_get(stage, "inputs"));
    json_array_foreach(json_object_get(stage, "outputs"), i, one)
    {
        put(one, "set", of_list(v, "sets", json_object_get(one, "set")));
    }
    json_array_foreach(json_object_get(stage, "uses"), i, one)
    {
        (void)json_array_set_new(one, 0, of_list(v, "limits", json_array_get(one, 0)));
    }
    return stage;
}

static bool same_member(const json_t *a, const json_t *b, const char *key)
{
    return json_equal(json_object_get(a, key), json_object_get(b, key)) != 0;
}

static int compare(const struct version *old, size_t s, const struct version *new, size_t t,
                   struct fl_difference *difference)
{
    fl_json_auto json_t *a = named_stage(old, s);
    fl_json_auto json_t *b = named_stage(new, t);
    bool shape = same_member(a, b, "dims") && same_member(a, b, "outputs");

    if (json_equal(a, b))
        return 0;
    difference->items[difference->count++] =
        (struct fl_change){shape ? FL_CHANGE_DEFINITION : FL_CHANGE_SHAPE, new->wf->stages[t].name};
    return 0;
}

static bool shared_differs(const json_t *a, const json_t *b)
{
    return !same_member(a, b, "params") || !same_member(a, b, "limits") ||
           !same_member(a, b, "pools") || !same_member(a, b, "sites");
}

int fl_workflow_difference(const struct fl_workflow *old, const struct fl_workflow *new,
                           struct fl_difference *ret_difference, struct fl_err *reterr)
{
    struct fl_difference d = {0};
    struct version a = {.wf = old};
    struct version b = {.wf = new};
    int rc = fl_workflow_to_json(old, &a.json, reterr);

    if (rc == 0)
        rc = fl_workflow_to_json(new, &b.json, reterr);
    d.items = calloc(old->stage_count + new->stage_count + 1, sizeof(*d.items));
    if (rc == 0 && !d.items)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "no memory to compare workflows");
    for (size_t t = 0; rc == 0 && t < new->stage_count; t++) {
        const char *name = new->stages[t].name;
        int32_t s = fl_workflow_stage(old, name, strlen(name));

        if (s == FL_NONE)
            d.items[d.count++] = (struct fl_change){FL_CHANGE_ADDED, name};
        else
            rc = compare(&a, (size_t)s, &b, t, &d);
    }
    for (size_t s = 0; rc == 0 && s < old->stage_count; s++) {
        const char *name = old->stages[s].name;

        if (fl_workflow_stage(new, name, strlen(name)) == FL_NONE)
            d.items[d.count++] = (struct fl_change){FL_CHANGE_REMOVED, name};
    }
    d.shared = rc == 0 && shared_differs(a.json, b.json);
    json_decref(a.json);
    json_decref(b.json);
    *ret_difference = d;
    return rc;
}

void fl_difference_release(struct fl_difference *difference)
{
    free(difference->items);
    *difference = (struct fl_difference){0};
}

const char *fl_change_name(enum fl_change_kind kind)
{
    switch (kind) {
    case FL_CHANGE_ADDED:
        return "added";
    case FL_CHANGE_REMOVED:
        return "removed";
    case FL_CHANGE_DEFINITION:
    case FL_CHANGE_SHAPE:
        break;
    }
    return "changed";
}
