/* Making, freeing and looking into a compiled workflow. */
#include "config.h"

#include "engine/core/workflow.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

static void texts_release(struct fl_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
}

static void input_release(struct fl_stage_input *input)
{
    free(input->name);
    for (size_t i = 0; i < input->source_count; i++)
        free(input->sources[i].text);
    free(input->sources);
    free(input->bridge_note);
}

static void amounts_release(struct fl_amount *amounts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(amounts[i].name);
    free(amounts);
}

static void stage_release(struct fl_stage *stage)
{
    free(stage->name);
    free(stage->program);
    texts_release(&stage->args);
    for (size_t i = 0; i < stage->env_count; i++) {
        free(stage->env[i].name);
        free(stage->env[i].value);
    }
    free(stage->env);
    free(stage->when);
    for (size_t i = 0; i < stage->input_count; i++)
        input_release(&stage->inputs[i]);
    free(stage->inputs);
    for (size_t i = 0; i < stage->output_count; i++) {
        free(stage->outputs[i].name);
        free(stage->outputs[i].file);
    }
    free(stage->outputs);
    for (size_t i = 0; i < stage->file_count; i++) {
        free(stage->files[i].name);
        free(stage->files[i].content);
    }
    free(stage->files);
    free(stage->success.log_file);
    free(stage->success.log_has);
    texts_release(&stage->success.log_forbid);
    free(stage->success.check);
    free(stage->deadlines);
    for (size_t i = 0; i < stage->rule_count; i++)
        free(stage->rules[i].cause);
    free(stage->rules);
    free(stage->uses);
    amounts_release(stage->needs, stage->need_count);
}

/* What a stage that stays needs of one that goes, named. */
static int needs_none(const struct fl_workflow *w, const struct fl_stage *stage, const bool *goes,
                      struct fl_err *reterr)
{
    for (size_t i = 0; i < stage->input_count; i++)
        for (size_t n = 0; n < stage->inputs[i].source_count; n++) {
            int32_t from = stage->inputs[i].sources[n].stage;

            if (from != FL_NONE && goes[from])
                return fl_err_set(reterr, FL_E_REFUSED, 0,
                                  "stage '%s' takes its input '%s' from '%s'", stage->name,
                                  stage->inputs[i].name, w->stages[from].name);
        }
    return 0;
}

static int mark_going(const struct fl_workflow *w, const char *const *names, size_t count,
                      bool *goes, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t n = 0; n < count; n++) {
        int32_t s = fl_workflow_stage(w, names[n], strlen(names[n]));

        if (s == FL_NONE)
            return fl_err_set(reterr, FL_E_NOENT, 0, "workflow '%s' has no stage '%.100s'", w->name,
                              names[n]);
        goes[s] = true;
    }
    for (size_t s = 0; s < w->stage_count; s++)
        if (w->stages[s].origin != FL_NONE && goes[w->stages[s].origin])
            goes[s] = true;
    for (size_t s = 0; rc == 0 && s < w->stage_count; s++)
        if (!goes[s])
            rc = needs_none(w, &w->stages[s], goes, reterr);
    for (size_t i = 0; rc == 0 && i < w->set_count; i++)
        if (w->sets[i].kind == FL_SET_DECLARED && w->sets[i].by != FL_NONE && goes[w->sets[i].by])
            rc = fl_err_set(reterr, FL_E_REFUSED, 0, "set '%s' is declared by '%s'",
                            w->sets[i].name, w->stages[w->sets[i].by].name);
    return rc;
}

/* Indexes that point past what has gone. */
static void renumber(struct fl_workflow *w, const int32_t *place)
{
    for (size_t s = 0; s < w->stage_count; s++) {
        struct fl_stage *stage = &w->stages[s];

        if (stage->origin != FL_NONE)
            stage->origin = place[stage->origin];
        for (size_t i = 0; i < stage->input_count; i++)
            for (size_t n = 0; n < stage->inputs[i].source_count; n++)
                if (stage->inputs[i].sources[n].stage != FL_NONE)
                    stage->inputs[i].sources[n].stage = place[stage->inputs[i].sources[n].stage];
    }
    for (size_t i = 0; i < w->set_count; i++)
        if (w->sets[i].kind == FL_SET_DECLARED && w->sets[i].by != FL_NONE)
            w->sets[i].by = place[w->sets[i].by];
}

int fl_workflow_remove_stages(struct fl_workflow *workflow, const char *const *names, size_t count,
                              struct fl_err *reterr)
{
    bool *goes = calloc(workflow->stage_count + 1, sizeof(*goes));
    int32_t *place = calloc(workflow->stage_count + 1, sizeof(*place));
    size_t kept = 0;
    int rc = goes && place ? mark_going(workflow, names, count, goes, reterr)
                           : fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a workflow");

    for (size_t s = 0; rc == 0 && s < workflow->stage_count; s++) {
        place[s] = (int32_t)kept;
        if (goes[s])
            stage_release(&workflow->stages[s]);
        else
            workflow->stages[kept++] = workflow->stages[s];
    }
    if (rc == 0) {
        workflow->stage_count = kept;
        renumber(workflow, place);
        rc = fl_workflow_check(workflow, reterr); /* triggers may name what has gone */
    }
    free(goes);
    free(place);
    return rc;
}

int fl_workflow_create(struct fl_workflow **ret_workflow, struct fl_err *reterr)
{
    struct fl_workflow *workflow = calloc(1, sizeof(*workflow));

    fl_assert(ret_workflow);
    if (!workflow)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a workflow");
    *ret_workflow = workflow;
    return 0;
}

void fl_workflow_destroy(struct fl_workflow *workflow)
{
    if (!workflow)
        return;
    free(workflow->name);
    free(workflow->title);
    for (size_t i = 0; i < workflow->set_count; i++) {
        free(workflow->sets[i].name);
        texts_release(&workflow->sets[i].members);
        free(workflow->sets[i].order);
    }
    free(workflow->sets);
    for (size_t i = 0; i < workflow->param_count; i++) {
        free(workflow->params[i].name);
        free(workflow->params[i].value);
    }
    free(workflow->params);
    for (size_t i = 0; i < workflow->site_count; i++) {
        free(workflow->sites[i].name);
        free(workflow->sites[i].root);
    }
    free(workflow->sites);
    for (size_t i = 0; i < workflow->pool_count; i++) {
        free(workflow->pools[i].name);
        amounts_release(workflow->pools[i].resources, workflow->pools[i].resource_count);
    }
    free(workflow->pools);
    for (size_t i = 0; i < workflow->cycles.rule_count; i++) {
        free(workflow->cycles.rules[i].name);
        free(workflow->cycles.rules[i].rule);
    }
    free(workflow->cycles.rules);
    for (size_t i = 0; i < workflow->group_count; i++)
        free(workflow->groups[i].name);
    free(workflow->groups);
    for (size_t i = 0; i < workflow->limit_count; i++)
        free(workflow->limits[i].name);
    free(workflow->limits);
    for (size_t i = 0; i < workflow->stage_count; i++)
        stage_release(&workflow->stages[i]);
    free(workflow->stages);
    free(workflow);
}

int fl_workflow_digest(const struct fl_workflow *workflow, char hex[static FL_DIGEST_HEX],
                       struct fl_err *reterr)
{
    fl_json_auto json_t *json = NULL;
    char *text;
    int rc;

    rc = fl_workflow_to_json(workflow, &json, reterr);
    if (rc < 0)
        return rc;
    text = fl_json_text(json);
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a workflow's text");
    fl_digest_memory(text, strlen(text), hex);
    free(text);
    return 0;
}

int32_t fl_workflow_stage(const struct fl_workflow *workflow, const char *name, size_t name_size)
{
    for (size_t i = 0; i < workflow->stage_count; i++) {
        const char *have = workflow->stages[i].name;

        if (strncmp(have, name, name_size) == 0 && have[name_size] == '\0')
            return (int32_t)i;
    }
    return FL_NONE;
}

int32_t fl_workflow_set(const struct fl_workflow *workflow, const char *name)
{
    for (size_t i = 0; i < workflow->set_count; i++)
        if (strcmp(workflow->sets[i].name, name) == 0)
            return (int32_t)i;
    return FL_NONE;
}

int32_t fl_workflow_site(const struct fl_workflow *workflow, const char *name)
{
    for (size_t i = 0; i < workflow->site_count; i++)
        if (strcmp(workflow->sites[i].name, name) == 0)
            return (int32_t)i;
    return FL_NONE;
}

int32_t fl_workflow_pool(const struct fl_workflow *workflow, const char *name)
{
    for (size_t i = 0; i < workflow->pool_count; i++)
        if (strcmp(workflow->pools[i].name, name) == 0)
            return (int32_t)i;
    return FL_NONE;
}

int32_t fl_workflow_group(const struct fl_workflow *workflow, const char *name)
{
    for (size_t i = 0; i < workflow->group_count; i++)
        if (strcmp(workflow->groups[i].name, name) == 0)
            return (int32_t)i;
    return FL_NONE;
}

int32_t fl_workflow_limit(const struct fl_workflow *workflow, const char *name)
{
    for (size_t i = 0; i < workflow->limit_count; i++)
        if (strcmp(workflow->limits[i].name, name) == 0)
            return (int32_t)i;
    return FL_NONE;
}

bool fl_workflow_group_within(const struct fl_workflow *workflow, int32_t group, int32_t of)
{
    while (group != FL_NONE && group != of)
        group = workflow->groups[group].parent;
    return group == of;
}

const struct fl_param *fl_workflow_param(const struct fl_workflow *workflow, const char *name)
{
    for (size_t i = 0; i < workflow->param_count; i++)
        if (strcmp(workflow->params[i].name, name) == 0)
            return &workflow->params[i];
    return NULL;
}

int32_t fl_stage_output(const struct fl_stage *stage, const char *name, size_t name_size)
{
    for (size_t i = 0; i < stage->output_count; i++) {
        const char *have = stage->outputs[i].name;

        if (strncmp(have, name, name_size) == 0 && have[name_size] == '\0')
            return (int32_t)i;
    }
    return FL_NONE;
}

bool fl_leads_within(const struct fl_leads *part, const struct fl_leads *whole)
{
    return fl_leads_find(whole, part->first) >= 0 && fl_leads_find(whole, part->last) >= 0 &&
           (fl_leads_count(part) == 1 || part->step_minutes % whole->step_minutes == 0);
}

int fl_leads_in(const char *text, const struct fl_leads *of, struct fl_leads *ret_leads,
                struct fl_err *reterr)
{
    const char *slash = strchr(text, '/');
    char of_text[96];
    struct fl_leads leads;
    char range[96];
    int rc;

    if (slash && !strchr(slash + 1, '/')) { /* first/last: with the step of the set */
        int used = snprintf(range, sizeof(range), "%s/%d:%02d", text, of->step_minutes / 60,
                            of->step_minutes % 60);

        if (used < 0 || (size_t)used >= sizeof(range))
            return fl_err_set(reterr, FL_E_PARSE, 0, "leads '%.40s…' are too long", text);
        text = range;
    }
    rc = fl_leads_parse(text, &leads, reterr);
    if (rc < 0)
        return rc;
    fl_leads_format(of, of_text, sizeof(of_text));
    if (!fl_leads_within(&leads, of))
        return fl_err_set(reterr, FL_E_PARSE, 0, "leads '%.40s' are not all in %s", text, of_text);
    *ret_leads = leads;
    return 0;
}

bool fl_workflow_name_is_plain(const char *name)
{
    size_t size = strnlen(name, FL_WORKFLOW_NAME_MAX + 1);

    if (size == 0 || size > FL_WORKFLOW_NAME_MAX || !isalpha((unsigned char)name[0]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
            return false;
    return true;
}
