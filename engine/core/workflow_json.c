/* A compiled workflow as canonical JSON: what the store keeps under its digest. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/workflow.h"

#include "engine/base/banned.h"

static json_t *texts_to(const struct fl_texts *texts)
{
    json_t *array = json_array();

    for (size_t i = 0; i < texts->count; i++)
        (void)json_array_append_new(array, json_string(texts->items[i])); /* looked at in the end */
    return array;
}

static json_t *leads_to(const struct fl_leads *leads)
{
    return json_pack("[i,i,i]", leads->first.minutes, leads->last.minutes, leads->step_minutes);
}

/* [dimension, first, count, stride] for each that is given. */
static json_t *selector_to(const struct fl_selector *selector)
{
    json_t *array = json_array();

    for (int d = 0; d < FL_DIMS_MAX; d++) {
        const struct fl_span *span = &selector->of[d];

        if (span->count)
            (void)json_array_append_new(array, json_pack("[i,I,I,I]", d, (json_int_t)span->first,
                                                         (json_int_t)span->count,
                                                         (json_int_t)span->stride));
    }
    return array;
}

static json_t *dims_to(const struct fl_dims *dims)
{
    json_t *array = json_array();

    for (size_t d = 0; d < dims->count; d++)
        (void)json_array_append_new(array, json_integer(dims->sets[d]));
    return array;
}

static json_t *set_to(const struct fl_set *set)
{
    json_t *json = json_pack("{s:s,s:i}", "name", set->name, "kind", (int)set->kind);

    if (json && set->kind == FL_SET_LEADS)
        (void)json_object_set_new(json, "leads", leads_to(&set->leads));
    if (json && set->kind == FL_SET_DECLARED)
        (void)json_object_update_new(json,
                                     json_pack("{s:b,s:i}", "known", set->known, "by", set->by));
    if (json && set->kind != FL_SET_LEADS)
        (void)json_object_set_new(json, "members", texts_to(&set->members));
    return json;
}

static json_t *input_to(const struct fl_stage_input *input)
{
    json_t *sources = json_array();

    for (size_t i = 0; i < input->source_count; i++) {
        const struct fl_source *source = &input->sources[i];
        json_t *one =
            json_pack("{s:i,s:i,s:I,s:s}", "stage", source->stage, "output", source->output,
                      "offset_s", (json_int_t)source->cycle_offset_s, "text", source->text);

        if (one && fl_selector_names_any(&source->select))
            (void)json_object_set_new(one, "select", selector_to(&source->select));
        (void)json_array_append_new(sources, one); /* a NULL fails the count that is read back */
    }
    return json_pack("{s:s,s:o,s:b,s:b,s:b,s:i,s:i,s:I,s:s?}", "name", input->name, "sources",
                     sources, "first_of", input->first_of, "follow", input->follow, "edge_absent",
                     input->edge_absent, "shift_min", input->shift_min, "leads", input->leads,
                     "bridge_max_s", (json_int_t)input->bridge_max_s, "bridge_note",
                     input->bridge_note);
}

static json_t *success_to(const struct fl_success *success)
{
    return json_pack("{s:I,s:s?,s:s?,s:o,s:i,s:s?}", "exit", (json_int_t)success->exit, "log_file",
                     success->log_file, "log_has", success->log_has, "log_forbid",
                     texts_to(&success->log_forbid), "outputs", (int)success->outputs, "check",
                     success->check);
}

static json_t *lists_to(const struct fl_stage *stage)
{
    json_t *env = json_array();
    json_t *inputs = json_array();
    json_t *outputs = json_array();
    json_t *files = json_array();
    json_t *deadlines = json_array();

    for (size_t i = 0; i < stage->env_count; i++)
        (void)json_array_append_new(env,
                                    json_pack("[s,s]", stage->env[i].name, stage->env[i].value));
    for (size_t i = 0; i < stage->input_count; i++)
        (void)json_array_append_new(inputs, input_to(&stage->inputs[i]));
    for (size_t i = 0; i < stage->output_count; i++)
        (void)json_array_append_new(
            outputs, json_pack("{s:s,s:s,s:i}", "name", stage->outputs[i].name, "file",
                               stage->outputs[i].file, "set", stage->outputs[i].set));
    for (size_t i = 0; i < stage->file_count; i++)
        (void)json_array_append_new(files, json_pack("{s:s,s:s,s:b}", "name", stage->files[i].name,
                                                     "content", stage->files[i].content, "render",
                                                     stage->files[i].render));
    for (size_t i = 0; i < stage->deadline_count; i++)
        (void)json_array_append_new(
            deadlines, json_pack("{s:o,s:I}", "leads", leads_to(&stage->deadlines[i].leads), "by_s",
                                 (json_int_t)stage->deadlines[i].by_s));
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "env", env, "inputs", inputs, "outputs", outputs,
                     "files", files, "deadlines", deadlines);
}

static json_t *amounts_to(const struct fl_amount *amounts, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(
            array, json_pack("[s,I]", amounts[i].name, (json_int_t)amounts[i].amount));
    return array;
}

static json_t *rules_to(const struct fl_stage *stage)
{
    json_t *array = json_array();

    for (size_t i = 0; i < stage->rule_count; i++) {
        const struct fl_retry_rule *rule = &stage->rules[i];

        (void)json_array_append_new(array, json_pack("{s:s,s:I,s:I,s:f,s:b}", "cause", rule->cause,
                                                     "tries", (json_int_t)rule->tries, "delay_s",
                                                     (json_int_t)rule->delay_s, "grow", rule->grow,
                                                     "overlap", rule->overlap));
    }
    return array;
}

/* What decides when a stage may run, and on what. */
static json_t *launch_to(const struct fl_stage *stage)
{
    json_t *uses = json_array();

    for (size_t i = 0; i < stage->use_count; i++)
        (void)json_array_append_new(
            uses, json_pack("[i,I]", stage->uses[i].limit, (json_int_t)stage->uses[i].weight));
    return json_pack("{s:i,s:i,s:i,s:o,s:b,s:I,s:b,s:I,s:b,s:I,s:I,s:o,s:o}", "group", stage->group,
                     "recurrence", stage->recurrence, "only", (int)stage->only, "rules",
                     rules_to(stage), "has_at", stage->has_at, "at_s", (json_int_t)stage->at_s,
                     "has_expire", stage->has_expire, "expire_s", (json_int_t)stage->expire_s,
                     "optional", stage->optional, "priority", (json_int_t)stage->priority,
                     "expect_s", (json_int_t)stage->expect_s, "uses", uses, "needs",
                     amounts_to(stage->needs, stage->need_count));
}

static json_t *stage_to(const struct fl_stage *stage)
{
    json_t *json = json_pack(
        "{s:s,s:i,s:i,s:s,s:o,s:i,s:I,s:I,s:o,s:i,s:s?,s:o,s:I,s:I,s:f,s:I,s:I,s:b,s:b}", "name",
        stage->name, "kind", (int)stage->kind, "origin", stage->origin, "program", stage->program,
        "args", texts_to(&stage->args), "pool", stage->pool, "cores", (json_int_t)stage->cores,
        "ranks", (json_int_t)stage->ranks, "dims", dims_to(&stage->dims), "leads", stage->leads,
        "when", stage->when, "success", success_to(&stage->success), "tries",
        (json_int_t)stage->retry.tries, "delay_s", (json_int_t)stage->retry.delay_s, "grow",
        stage->retry.grow, "time_limit_s", (json_int_t)stage->time_limit_s, "grace_s",
        (json_int_t)stage->grace_s, "once", stage->once, "keep_at_source", stage->keep_at_source);

    if (json)
        (void)json_object_update_new(json, lists_to(stage));
    if (json)
        (void)json_object_update_new(json, launch_to(stage));
    return json;
}

static json_t *cycles_to(const struct fl_cycling *cycles)
{
    json_t *rules = json_array();

    for (size_t i = 0; i < cycles->rule_count; i++)
        (void)json_array_append_new(
            rules, json_pack("[s,s]", cycles->rules[i].name, cycles->rules[i].rule));
    return json_pack("{s:I,s:b,s:I,s:b,s:I,s:I,s:I,s:I,s:i,s:i,s:I,s:o}", "every_s",
                     (json_int_t)cycles->every_s, "has_from", cycles->has_from, "from",
                     (json_int_t)cycles->from.s, "has_stop", cycles->has_stop, "stop",
                     (json_int_t)cycles->stop.s, "ahead", (json_int_t)cycles->ahead, "keep_s",
                     (json_int_t)cycles->keep_s, "early_s", (json_int_t)cycles->early_s, "calendar",
                     (int)cycles->calendar, "behind", (int)cycles->behind, "behind_s",
                     (json_int_t)cycles->behind_s, "rules", rules);
}

static json_t *shared_to(const struct fl_workflow *w)
{
    json_t *groups = json_array();
    json_t *limits = json_array();

    for (size_t i = 0; i < w->group_count; i++)
        (void)json_array_append_new(groups,
                                    json_pack("[s,i]", w->groups[i].name, w->groups[i].parent));
    for (size_t i = 0; i < w->limit_count; i++)
        (void)json_array_append_new(
            limits, json_pack("[s,I]", w->limits[i].name, (json_int_t)w->limits[i].size));
    return json_pack("{s:o,s:o,s:o}", "cycles", cycles_to(&w->cycles), "groups", groups, "limits",
                     limits);
}

static json_t *top_to(const struct fl_workflow *w)
{
    json_t *sets = json_array();
    json_t *params = json_array();
    json_t *sites = json_array();
    json_t *pools = json_array();

    for (size_t i = 0; i < w->set_count; i++)
        (void)json_array_append_new(sets, set_to(&w->sets[i]));
    for (size_t i = 0; i < w->param_count; i++)
        (void)json_array_append_new(params,
                                    json_pack("{s:s,s:i,s:s}", "name", w->params[i].name, "type",
                                              (int)w->params[i].type, "value", w->params[i].value));
    for (size_t i = 0; i < w->site_count; i++)
        (void)json_array_append_new(
            sites, json_pack("{s:s,s:s}", "name", w->sites[i].name, "root", w->sites[i].root));
    for (size_t i = 0; i < w->pool_count; i++)
        (void)json_array_append_new(
            pools,
            json_pack("{s:s,s:i,s:I,s:I,s:o}", "name", w->pools[i].name, "site", w->pools[i].site,
                      "cores", (json_int_t)w->pools[i].cores, "jobs", (json_int_t)w->pools[i].jobs,
                      "resources", amounts_to(w->pools[i].resources, w->pools[i].resource_count)));
    return json_pack("{s:i,s:s,s:s?,s:o,s:o,s:o,s:o}", "version", FL_WORKFLOW_VERSION, "name",
                     w->name, "title", w->title, "sets", sets, "params", params, "sites", sites,
                     "pools", pools);
}

int fl_workflow_to_json(const struct fl_workflow *workflow, json_t **ret_json,
                        struct fl_err *reterr)
{
    fl_json_auto json_t *json = NULL;
    json_t *stages = json_array();

    fl_assert(workflow && workflow->name);
    fl_assert(ret_json);
    json = top_to(workflow);
    if (json)
        (void)json_object_update_new(json, shared_to(workflow)); /* read back with all its keys */
    for (size_t i = 0; i < workflow->stage_count; i++)
        (void)json_array_append_new(stages, stage_to(&workflow->stages[i])); /* counted below */
    if (!json || json_array_size(stages) != workflow->stage_count) {
        json_decref(stages);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the text of workflow '%s'",
                          workflow->name);
    }
    if (json_object_set_new(json, "stages", stages) < 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the text of workflow '%s'",
                          workflow->name);
    *ret_json = json_incref(json);
    return 0;
}
