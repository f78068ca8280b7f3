/* Reading back the canonical JSON of a compiled workflow. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/workflow.h"

#include "engine/base/banned.h"

/* The first failure stays; all readers do nothing after it. */
struct reader {
    int rc;
    struct fl_err *reterr;
};

static char *take_text(struct reader *r, const json_t *json, const char *key, bool needed)
{
    const char *text = NULL;
    char *copy;

    if (r->rc < 0)
        return NULL;
    r->rc = needed ? fl_json_string(json, key, &text, r->reterr)
                   : fl_json_string_opt(json, key, NULL, &text, r->reterr);
    if (r->rc < 0 || !text)
        return NULL;
    copy = strdup(text);
    if (!copy)
        r->rc = fl_err_set(r->reterr, FL_E_NOMEM, 0, "no memory for a workflow");
    return copy;
}

static int64_t take_int(struct reader *r, const json_t *json, const char *key, int64_t min,
                        int64_t max)
{
    int64_t value = min;

    if (r->rc < 0)
        return value;
    r->rc = fl_json_int(json, key, &value, r->reterr);
    if (r->rc == 0 && (value < min || value > max))
        r->rc = fl_err_set(r->reterr, FL_E_PARSE, 0, "'%s' is %lld; accepted: %lld to %lld", key,
                           (long long)value, (long long)min, (long long)max);
    return value;
}

/* One that compiled workflows from before did not have. */
static int64_t take_int_or(struct reader *r, const json_t *json, const char *key, int64_t absent,
                           int64_t min, int64_t max)
{
    return json_object_get(json, key) ? take_int(r, json, key, min, max) : absent;
}

static bool take_bool(struct reader *r, const json_t *json, const char *key)
{
    bool value = false;

    if (r->rc == 0)
        r->rc = fl_json_bool_opt(json, key, false, &value, r->reterr);
    return value;
}

/* A zeroed array for the elements of a list, and their number. */
static void *take_list(struct reader *r, const json_t *json, const char *key, size_t max,
                       size_t element, const json_t **ret_list, size_t *ret_count)
{
    const json_t *list = NULL;
    size_t count;
    void *items;

    *ret_list = NULL;
    *ret_count = 0;
    if (r->rc == 0)
        r->rc = fl_json_array_opt(json, key, &list, r->reterr);
    count = json_array_size(list);
    if (r->rc < 0 || count == 0)
        return NULL;
    if (count > max) {
        r->rc = fl_err_set(r->reterr, FL_E_TOO_BIG, 0, "'%s' has %zu members; the limit is %zu",
                           key, count, max);
        return NULL;
    }
    items = calloc(count, element);
    if (!items) {
        r->rc = fl_err_set(r->reterr, FL_E_NOMEM, 0, "no memory for a workflow");
        return NULL;
    }
    *ret_list = list;
    *ret_count = count;
    return items;
}

static void take_texts(struct reader *r, const json_t *json, const char *key, size_t max,
                       struct fl_texts *texts)
{
    const json_t *list;
    size_t count;

    texts->items = take_list(r, json, key, max, sizeof(*texts->items), &list, &count);
    texts->count = count;
    for (size_t i = 0; i < count && r->rc == 0; i++) {
        const char *text = json_string_value(json_array_get(list, i));

        texts->items[i] = text ? strdup(text) : NULL;
        if (!texts->items[i])
            r->rc = fl_err_set(r->reterr, FL_E_PARSE, 0, "'%s' must be a list of texts", key);
    }
}

static struct fl_leads take_leads(struct reader *r, const json_t *json, const char *key)
{
    const json_t *list = json_object_get(json, key);
    struct fl_leads leads = {.step_minutes = 1};
    json_int_t v[3];

    if (r->rc < 0)
        return leads;
    for (size_t i = 0; i < 3; i++)
        v[i] = json_integer_value(json_array_get(list, i));
    if (json_array_size(list) != 3 || v[0] < INT32_MIN / 2 || v[1] < v[0] || v[1] > INT32_MAX ||
        v[2] < 1 || v[2] > INT32_MAX) {
        r->rc = fl_err_set(r->reterr, FL_E_PARSE, 0, "'%s' must be first, last and step in minutes",
                           key);
        return leads;
    }
    leads.first.minutes = (int32_t)v[0];
    leads.last.minutes = (int32_t)v[1];
    leads.step_minutes = (int32_t)v[2];
    return leads;
}

static void read_selector(struct reader *r, const json_t *list, struct fl_selector *selector)
{
    for (size_t i = 0; i < json_array_size(list) && r->rc == 0; i++) {
        json_int_t v[4];

        for (size_t n = 0; n < 4; n++)
            v[n] = json_integer_value(json_array_get(json_array_get(list, i), n));
        if (v[0] < 0 || v[0] >= FL_DIMS_MAX || v[1] < 0 || v[1] > UINT32_MAX || v[2] < 1 ||
            v[2] > UINT32_MAX || v[3] < 1 || v[3] > UINT32_MAX)
            r->rc = fl_err_set(r->reterr, FL_E_PARSE, 0,
                               "'select' must hold dimension, first, count and stride");
        else
            selector->of[v[0]] = (struct fl_span){(uint32_t)v[1], (uint32_t)v[2], (uint32_t)v[3]};
    }
}

static void read_source(struct reader *r, const json_t *json, struct fl_source *source)
{
    source->stage = (int32_t)take_int(r, json, "stage", FL_NONE, INT32_MAX);
    source->output = (int32_t)take_int(r, json, "output", FL_NONE, INT32_MAX);
    source->cycle_offset_s = take_int(r, json, "offset_s", INT64_MIN, INT64_MAX);
    source->text = take_text(r, json, "text", true);
    read_selector(r, json_object_get(json, "select"), &source->select);
}

static void read_input(struct reader *r, const json_t *json, struct fl_stage_input *input)
{
    const json_t *list;

    input->name = take_text(r, json, "name", true);
    input->sources = take_list(r, json, "sources", FL_WORKFLOW_LIST_MAX, sizeof(*input->sources),
                               &list, &input->source_count);
    for (size_t i = 0; i < input->source_count && r->rc == 0; i++)
        read_source(r, json_array_get(list, i), &input->sources[i]);
    input->first_of = take_bool(r, json, "first_of");
    input->follow = take_bool(r, json, "follow");
    input->edge_absent = take_bool(r, json, "edge_absent");
    input->shift_min = (int32_t)take_int(r, json, "shift_min", INT32_MIN, INT32_MAX);
    input->leads = (int32_t)take_int(r, json, "leads", FL_NONE, INT32_MAX);
    input->bridge_max_s = take_int(r, json, "bridge_max_s", 0, INT64_MAX);
    input->bridge_note = take_text(r, json, "bridge_note", false);
}

static void read_success(struct reader *r, const json_t *json, struct fl_success *success)
{
    const json_t *group = json_object_get(json, "success");

    success->exit = take_int(r, group, "exit", 0, 255);
    success->log_file = take_text(r, group, "log_file", false);
    success->log_has = take_text(r, group, "log_has", false);
    take_texts(r, group, "log_forbid", FL_WORKFLOW_LIST_MAX, &success->log_forbid);
    success->outputs =
        (enum fl_success_outputs)take_int(r, group, "outputs", FL_SUCCESS_ALL, FL_SUCCESS_NONE);
    success->check = take_text(r, group, "check", false);
}

static void read_lists(struct reader *r, const json_t *json, struct fl_stage *stage)
{
    const json_t *list;

    stage->env = take_list(r, json, "env", FL_WORKFLOW_LIST_MAX, sizeof(*stage->env), &list,
                           &stage->env_count);
    for (size_t i = 0; i < stage->env_count && r->rc == 0; i++) {
        const json_t *pair = json_array_get(list, i);
        const char *name = json_string_value(json_array_get(pair, 0));
        const char *value = json_string_value(json_array_get(pair, 1));

        if (!name || !value) {
            r->rc = fl_err_set(r->reterr, FL_E_PARSE, 0, "'env' must hold pairs of texts");
            return;
        }
        stage->env[i].name = strdup(name);
        stage->env[i].value = strdup(value);
        if (!stage->env[i].name || !stage->env[i].value)
            r->rc = fl_err_set(r->reterr, FL_E_NOMEM, 0, "no memory for a workflow");
    }
    stage->inputs = take_list(r, json, "inputs", FL_WORKFLOW_LIST_MAX, sizeof(*stage->inputs),
                              &list, &stage->input_count);
    for (size_t i = 0; i < stage->input_count && r->rc == 0; i++)
        read_input(r, json_array_get(list, i), &stage->inputs[i]);
    stage->outputs = take_list(r, json, "outputs", FL_WORKFLOW_LIST_MAX, sizeof(*stage->outputs),
                               &list, &stage->output_count);
    for (size_t i = 0; i < stage->output_count && r->rc == 0; i++) {
        stage->outputs[i].name = take_text(r, json_array_get(list, i), "name", true);
        stage->outputs[i].file = take_text(r, json_array_get(list, i), "file", true);
        stage->outputs[i].set =
            (int32_t)take_int(r, json_array_get(list, i), "set", FL_NONE, INT32_MAX);
    }
    stage->files = take_list(r, json, "files", FL_WORKFLOW_LIST_MAX, sizeof(*stage->files), &list,
                             &stage->file_count);
    for (size_t i = 0; i < stage->file_count && r->rc == 0; i++) {
        stage->files[i].name = take_text(r, json_array_get(list, i), "name", true);
        stage->files[i].content = take_text(r, json_array_get(list, i), "content", true);
        stage->files[i].render = take_bool(r, json_array_get(list, i), "render");
    }
    stage->deadlines = take_list(r, json, "deadlines", FL_WORKFLOW_LIST_MAX,
                                 sizeof(*stage->deadlines), &list, &stage->deadline_count);
    for (size_t i = 0; i < stage->deadline_count && r->rc == 0; i++) {
        stage->deadlines[i].leads = take_leads(r, json_array_get(list, i), "leads");
        stage->deadlines[i].by_s =
            take_int(r, json_array_get(list, i), "by_s", INT64_MIN, INT64_MAX);
    }
}

/* A text and a number, "[s,I]". The text is a copy. */
static void take_pair(struct reader *r, const json_t *pair, const char *what, char **ret_text,
                      int64_t *ret_number)
{
    const char *text = json_string_value(json_array_get(pair, 0));

    *ret_text = text ? strdup(text) : NULL;
    *ret_number = json_integer_value(json_array_get(pair, 1));
    if (!*ret_text || !json_is_integer(json_array_get(pair, 1)))
        r->rc =
            fl_err_set(r->reterr, FL_E_PARSE, 0, "'%s' must hold pairs of text and number", what);
}

static void read_amounts(struct reader *r, const json_t *json, const char *key,
                         struct fl_amount **ret_amounts, size_t *ret_count)
{
    const json_t *list;

    *ret_amounts =
        take_list(r, json, key, FL_WORKFLOW_LIST_MAX, sizeof(**ret_amounts), &list, ret_count);
    for (size_t i = 0; i < *ret_count && r->rc == 0; i++)
        take_pair(r, json_array_get(list, i), key, &(*ret_amounts)[i].name,
                  &(*ret_amounts)[i].amount);
}

static void read_rules(struct reader *r, const json_t *json, struct fl_stage *stage)
{
    const json_t *list;

    stage->rules = take_list(r, json, "rules", FL_WORKFLOW_LIST_MAX, sizeof(*stage->rules), &list,
                             &stage->rule_count);
    for (size_t i = 0; i < stage->rule_count && r->rc == 0; i++) {
        const json_t *one = json_array_get(list, i);
        struct fl_retry_rule *rule = &stage->rules[i];

        rule->cause = take_text(r, one, "cause", true);
        rule->tries = take_int(r, one, "tries", 1, 1000);
        rule->delay_s = take_int(r, one, "delay_s", 0, INT64_MAX / 2000000000);
        if (r->rc == 0)
            r->rc = fl_json_real_opt(one, "grow", 1.0, &rule->grow, r->reterr);
        rule->overlap = take_bool(r, one, "overlap");
    }
}

/* What decides when a stage may run, and on what. */
static void read_launch(struct reader *r, const json_t *json, struct fl_stage *stage)
{
    const json_t *list;

    stage->group = (int32_t)take_int_or(r, json, "group", FL_NONE, FL_NONE, INT32_MAX);
    stage->recurrence = (int32_t)take_int_or(r, json, "recurrence", FL_NONE, FL_NONE, INT32_MAX);
    stage->only =
        (enum fl_only)take_int_or(r, json, "only", FL_ONLY_ALWAYS, FL_ONLY_ALWAYS, FL_ONLY_LATER);
    read_rules(r, json, stage);
    stage->has_at = take_bool(r, json, "has_at");
    stage->at_s = take_int_or(r, json, "at_s", 0, INT32_MIN, INT32_MAX);
    stage->has_expire = take_bool(r, json, "has_expire");
    stage->expire_s = take_int_or(r, json, "expire_s", 0, INT32_MIN, INT32_MAX);
    stage->optional = take_bool(r, json, "optional");
    stage->priority = take_int_or(r, json, "priority", 0, INT32_MIN, INT32_MAX);
    stage->expect_s = take_int_or(r, json, "expect_s", 0, 0, INT32_MAX);
    stage->uses = take_list(r, json, "uses", FL_WORKFLOW_LIMITS_MAX, sizeof(*stage->uses), &list,
                            &stage->use_count);
    for (size_t i = 0; i < stage->use_count && r->rc == 0; i++) {
        const json_t *pair = json_array_get(list, i);

        stage->uses[i].limit = (int32_t)json_integer_value(json_array_get(pair, 0));
        stage->uses[i].weight = json_integer_value(json_array_get(pair, 1));
    }
    read_amounts(r, json, "needs", &stage->needs, &stage->need_count);
}

static void read_stage(struct reader *r, const json_t *json, struct fl_stage *stage)
{
    stage->name = take_text(r, json, "name", true);
    stage->kind = (enum fl_stage_kind)take_int(r, json, "kind", FL_STAGE_PROGRAM, FL_STAGE_DELIVER);
    stage->origin = (int32_t)take_int(r, json, "origin", FL_NONE, INT32_MAX);
    stage->program = take_text(r, json, "program", true);
    take_texts(r, json, "args", FL_WORKFLOW_LIST_MAX, &stage->args);
    stage->pool = (int32_t)take_int(r, json, "pool", FL_NONE, INT32_MAX);
    stage->cores = take_int(r, json, "cores", 0, INT32_MAX);
    stage->ranks = take_int(r, json, "ranks", 0, INT32_MAX);
    stage->leads = (int32_t)take_int(r, json, "leads", FL_NONE, INT32_MAX);
    stage->when = take_text(r, json, "when", false);
    read_success(r, json, &stage->success);
    stage->retry.tries = take_int(r, json, "tries", 1, 1000);
    stage->retry.delay_s = take_int(r, json, "delay_s", 0, INT64_MAX / 2000000000);
    if (r->rc == 0)
        r->rc = fl_json_real_opt(json, "grow", 1.0, &stage->retry.grow, r->reterr);
    stage->time_limit_s = take_int(r, json, "time_limit_s", 0, INT64_MAX / 2000000000);
    stage->grace_s = take_int(r, json, "grace_s", 0, INT64_MAX / 2000000000);
    stage->once = take_bool(r, json, "once");
    stage->keep_at_source = take_bool(r, json, "keep_at_source");
    read_lists(r, json, stage);
    read_launch(r, json, stage);
}

static void read_cycles(struct reader *r, const json_t *json, struct fl_cycling *c)
{
    const json_t *list;

    c->every_s = take_int(r, json, "every_s", 0, INT64_MAX);
    c->has_from = take_bool(r, json, "has_from");
    c->from.s = take_int(r, json, "from", INT64_MIN, INT64_MAX);
    c->has_stop = take_bool(r, json, "has_stop");
    c->stop.s = take_int_or(r, json, "stop", 0, INT64_MIN, INT64_MAX);
    c->ahead = take_int(r, json, "ahead", 0, INT64_MAX);
    c->keep_s = take_int(r, json, "keep_s", 0, INT64_MAX);
    c->early_s = take_int_or(r, json, "early_s", 0, 0, INT32_MAX);
    c->calendar = (enum fl_calendar)take_int_or(r, json, "calendar", FL_CALENDAR_STANDARD,
                                                FL_CALENDAR_STANDARD, FL_CALENDAR_NOLEAP);
    c->behind = (enum fl_behind)take_int_or(r, json, "behind", FL_BEHIND_ALL, FL_BEHIND_ALL,
                                            FL_BEHIND_SKIP);
    c->behind_s = take_int_or(r, json, "behind_s", 0, 0, INT64_MAX / 2000000000);
    c->rules = take_list(r, json, "rules", FL_WORKFLOW_RULES_MAX, sizeof(*c->rules), &list,
                         &c->rule_count);
    for (size_t i = 0; i < c->rule_count && r->rc == 0; i++) {
        const char *name = json_string_value(json_array_get(json_array_get(list, i), 0));
        const char *rule = json_string_value(json_array_get(json_array_get(list, i), 1));

        c->rules[i].name = name ? strdup(name) : NULL;
        c->rules[i].rule = rule ? strdup(rule) : NULL;
        if (!c->rules[i].name || !c->rules[i].rule)
            r->rc = fl_err_set(r->reterr, FL_E_PARSE, 0, "'rules' must hold pairs of texts");
    }
}

static void read_shared(struct reader *r, const json_t *json, struct fl_workflow *w)
{
    const json_t *list;
    int64_t number = FL_NONE;

    w->groups = take_list(r, json, "groups", FL_WORKFLOW_GROUPS_MAX, sizeof(*w->groups), &list,
                          &w->group_count);
    for (size_t i = 0; i < w->group_count && r->rc == 0; i++) {
        take_pair(r, json_array_get(list, i), "groups", &w->groups[i].name, &number);
        w->groups[i].parent = number >= FL_NONE && number < (int64_t)i ? (int32_t)number : FL_NONE;
    }
    w->limits = take_list(r, json, "limits", FL_WORKFLOW_LIMITS_MAX, sizeof(*w->limits), &list,
                          &w->limit_count);
    for (size_t i = 0; i < w->limit_count && r->rc == 0; i++)
        take_pair(r, json_array_get(list, i), "limits", &w->limits[i].name, &w->limits[i].size);
}

static void read_set(struct reader *r, const json_t *json, struct fl_set *set)
{
    set->name = take_text(r, json, "name", true);
    set->kind =
        (enum fl_set_kind)take_int_or(r, json, "kind", FL_SET_LEADS, FL_SET_LEADS, FL_SET_DECLARED);
    set->leads = (struct fl_leads){.step_minutes = 1};
    set->by = (int32_t)take_int_or(r, json, "by", FL_NONE, FL_NONE, INT32_MAX);
    set->known = take_bool(r, json, "known");
    if (set->kind == FL_SET_LEADS)
        set->leads = take_leads(r, json, "leads");
    else
        take_texts(r, json, "members", FL_WORKFLOW_MEMBERS_MAX, &set->members);
    if (r->rc == 0 && set->kind != FL_SET_LEADS)
        r->rc = fl_set_index(set, r->reterr);
}

/* A source of version 1 may name one lead; the index of the set is known when all stages are. */
static void read_old_lead(struct reader *r, const struct fl_workflow *w, const json_t *json,
                          struct fl_source *source)
{
    const json_t *lead = json_object_get(json, "lead");
    struct fl_dims dims;
    int64_t at = -1;
    int d;

    if (!lead || source->stage < 0 || (size_t)source->stage >= w->stage_count ||
        source->output < 0 || (size_t)source->output >= w->stages[source->stage].output_count)
        return; /* the check says what is wrong */
    dims = fl_output_dims(&w->stages[source->stage], source->output);
    d = fl_dims_lead(w, &dims);
    if (d >= 0 && json_is_integer(lead))
        at = fl_leads_find(&w->sets[dims.sets[d]].leads,
                           (struct fl_lead){(int32_t)json_integer_value(lead)});
    if (at < 0)
        r->rc = fl_err_set(r->reterr, FL_E_PARSE, 0, "'%s' has no such lead", source->text);
    else
        source->select.of[d] = (struct fl_span){(uint32_t)at, 1, 1};
}

static void read_old_leads(struct reader *r, const struct fl_workflow *w, const json_t *list)
{
    for (size_t s = 0; s < w->stage_count; s++) {
        const json_t *inputs = json_object_get(json_array_get(list, s), "inputs");

        for (size_t i = 0; i < w->stages[s].input_count; i++) {
            const json_t *sources = json_object_get(json_array_get(inputs, i), "sources");

            for (size_t n = 0; n < w->stages[s].inputs[i].source_count && r->rc == 0; n++)
                read_old_lead(r, w, json_array_get(sources, n), &w->stages[s].inputs[i].sources[n]);
        }
    }
}

/* What the stage runs over. Version 1 knew one set, `per`, which its outputs repeated. */
static void read_dims(struct reader *r, const json_t *json, size_t set_count,
                      struct fl_stage *stage)
{
    const json_t *list = json_object_get(json, "dims");
    int64_t per = take_int_or(r, json, "per", FL_NONE, FL_NONE, INT32_MAX);

    if (json_array_size(list) > FL_DIMS_MAX) {
        r->rc = fl_err_set(r->reterr, FL_E_TOO_BIG, 0, "'dims' has more than %d", FL_DIMS_MAX);
        return;
    }
    for (size_t d = 0; d < json_array_size(list); d++) {
        json_int_t set = json_integer_value(json_array_get(list, d));

        stage->dims.sets[stage->dims.count++] = (int32_t)(set < INT32_MAX ? set : INT32_MAX);
    }
    if (per != FL_NONE)
        stage->dims.sets[stage->dims.count++] = (int32_t)per;
    for (size_t o = 0; per != FL_NONE && o < stage->output_count; o++)
        if (stage->outputs[o].set == per)
            stage->outputs[o].set = FL_NONE;
    for (size_t d = 0; d < stage->dims.count && r->rc == 0; d++)
        if (stage->dims.sets[d] < 0 || (size_t)stage->dims.sets[d] >= set_count)
            r->rc =
                fl_err_set(r->reterr, FL_E_PARSE, 0, "stage '%s' runs over no set", stage->name);
    for (size_t o = 0; o < stage->output_count && r->rc == 0; o++)
        if (stage->outputs[o].set != FL_NONE && (size_t)stage->outputs[o].set >= set_count)
            r->rc = fl_err_set(r->reterr, FL_E_PARSE, 0, "stage '%s' has an output of no set",
                               stage->name);
}

static void read_top(struct reader *r, const json_t *json, struct fl_workflow *w)
{
    const json_t *list;

    w->name = take_text(r, json, "name", true);
    w->title = take_text(r, json, "title", false);
    read_cycles(r, json_object_get(json, "cycles"), &w->cycles);
    read_shared(r, json, w);
    w->sets =
        take_list(r, json, "sets", FL_WORKFLOW_SETS_MAX, sizeof(*w->sets), &list, &w->set_count);
    for (size_t i = 0; i < w->set_count && r->rc == 0; i++)
        read_set(r, json_array_get(list, i), &w->sets[i]);
    w->params = take_list(r, json, "params", FL_WORKFLOW_PARAMS_MAX, sizeof(*w->params), &list,
                          &w->param_count);
    for (size_t i = 0; i < w->param_count && r->rc == 0; i++) {
        w->params[i].name = take_text(r, json_array_get(list, i), "name", true);
        w->params[i].type = (enum fl_param_type)take_int(r, json_array_get(list, i), "type",
                                                         FL_PARAM_INT, FL_PARAM_TEXT);
        w->params[i].value = take_text(r, json_array_get(list, i), "value", true);
    }
    w->sites = take_list(r, json, "sites", FL_WORKFLOW_SITES_MAX, sizeof(*w->sites), &list,
                         &w->site_count);
    for (size_t i = 0; i < w->site_count && r->rc == 0; i++) {
        w->sites[i].name = take_text(r, json_array_get(list, i), "name", true);
        w->sites[i].root = take_text(r, json_array_get(list, i), "root", true);
    }
    w->pools = take_list(r, json, "pools", FL_WORKFLOW_POOLS_MAX, sizeof(*w->pools), &list,
                         &w->pool_count);
    for (size_t i = 0; i < w->pool_count && r->rc == 0; i++) {
        w->pools[i].name = take_text(r, json_array_get(list, i), "name", true);
        w->pools[i].site = (int32_t)take_int(r, json_array_get(list, i), "site", 0, INT32_MAX);
        w->pools[i].cores = take_int(r, json_array_get(list, i), "cores", 0, INT32_MAX);
        w->pools[i].jobs = take_int(r, json_array_get(list, i), "jobs", 1, INT32_MAX);
        read_amounts(r, json_array_get(list, i), "resources", &w->pools[i].resources,
                     &w->pools[i].resource_count);
    }
}

int fl_workflow_from_json(const json_t *json, struct fl_workflow **ret_workflow,
                          struct fl_err *reterr)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    struct reader r = {.rc = fl_workflow_create(&workflow, reterr), .reterr = reterr};
    int64_t version = take_int(&r, json, "version", 1, INT32_MAX);
    const json_t *list;

    fl_assert(ret_workflow);
    if (r.rc == 0 && version > FL_WORKFLOW_VERSION)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "compiled workflow of version %lld; this program reads %d",
                          (long long)version, FL_WORKFLOW_VERSION);
    if (r.rc == 0)
        read_top(&r, json, workflow);
    if (r.rc == 0)
        workflow->stages = take_list(&r, json, "stages", 8 * FL_WORKFLOW_STAGES_MAX,
                                     sizeof(*workflow->stages), &list, &workflow->stage_count);
    for (size_t i = 0; i < workflow->stage_count && r.rc == 0; i++) {
        read_stage(&r, json_array_get(list, i), &workflow->stages[i]);
        if (r.rc == 0)
            read_dims(&r, json_array_get(list, i), workflow->set_count, &workflow->stages[i]);
    }
    if (r.rc == 0)
        read_old_leads(&r, workflow, list);
    if (r.rc == 0)
        r.rc = fl_workflow_check(workflow, reterr);
    if (r.rc < 0)
        return r.rc;
    *ret_workflow = FL_STEAL(workflow);
    return 0;
}
