/* What the core relies on in a compiled workflow, whoever made it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/core/expr.h"
#include "engine/core/plan.h"

#include "engine/base/banned.h"

#define NAME_BYTES_MAX 240 /* of "stage.m03.f006", a folder */

static int bad(const struct fl_stage *stage, struct fl_err *reterr, const char *what,
               const char *name)
{
    return fl_err_set(reterr, FL_E_CONFIG, 0, "stage '%s': %s '%s'", stage->name, what, name);
}

static bool in_range(int32_t index, size_t count, bool none)
{
    return (none && index == FL_NONE) || (index >= 0 && (size_t)index < count);
}

/* A stage that was inserted is called STAGE.OUTPUT@SITE. */
static bool name_is_good(const struct fl_stage *stage)
{
    if (stage->kind == FL_STAGE_TRANSFER)
        return fl_name_is_safe(stage->name) && strlen(stage->name) < 4 * FL_WORKFLOW_NAME_MAX;
    return fl_workflow_name_is_plain(stage->name);
}

/* Selected members exist. */
static bool selector_is_good(const struct fl_workflow *w, const struct fl_dims *dims,
                             const struct fl_selector *selector)
{
    for (size_t d = 0; d < FL_DIMS_MAX; d++) {
        const struct fl_span *span = &selector->of[d];

        if (span->count &&
            (d >= dims->count || span->first + (uint64_t)(span->count - 1) * span->stride >=
                                     fl_set_count(&w->sets[dims->sets[d]])))
            return false;
    }
    return true;
}

static int check_source(const struct fl_workflow *w, size_t s, const struct fl_stage_input *input,
                        const struct fl_source *source, struct fl_err *reterr)
{
    const struct fl_stage *stage = &w->stages[s];
    struct fl_match match;
    struct fl_dims dims;
    int rc;

    if (source->stage == FL_NONE)
        return input->first_of ? 0 : bad(stage, reterr, "no source for input", input->name);
    if (!in_range(source->stage, w->stage_count, false) ||
        !in_range(source->output, w->stages[source->stage].output_count, false))
        return bad(stage, reterr, "a source that does not exist for input", input->name);
    dims = fl_output_dims(&w->stages[source->stage], source->output);
    if (!selector_is_good(w, &dims, &source->select))
        return bad(stage, reterr, "a source names what is not in its sets, input", input->name);
    if (source->cycle_offset_s && (source->cycle_offset_s > 0 || !input->first_of))
        return bad(stage, reterr, "a source in another cycle for input", input->name);
    if (!source->cycle_offset_s && (size_t)source->stage >= s)
        return bad(stage, reterr, "it stands before what makes its input", input->name);
    rc = fl_match_source(w, stage, input, source, &match, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "stage '%s'", stage->name) : 0;
}

static int check_inputs(const struct fl_workflow *w, size_t s, struct fl_err *reterr)
{
    const struct fl_stage *stage = &w->stages[s];

    for (size_t i = 0; i < stage->input_count; i++) {
        const struct fl_stage_input *input = &stage->inputs[i];

        if (!fl_workflow_name_is_plain(input->name) || input->source_count == 0)
            return bad(stage, reterr, "not an input:", input->name);
        if (!in_range(input->leads, w->set_count, true) ||
            (input->leads != FL_NONE && w->sets[input->leads].kind != FL_SET_LEADS))
            return bad(stage, reterr, "no such set of leads for input", input->name);
        for (size_t k = 0; k < input->source_count; k++) {
            int rc = check_source(w, s, input, &input->sources[k], reterr);

            if (rc < 0)
                return rc;
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(stage->inputs[k].name, input->name) == 0)
                return bad(stage, reterr, "two inputs are called", input->name);
        }
    }
    return 0;
}

/* Leaves of this run name only what stands before the stage. */
static int check_leaf(const struct fl_workflow *w, size_t s, const struct fl_expr_leaf *leaf,
                      struct fl_err *reterr)
{
    const struct fl_stage *stage = &w->stages[s];

    for (size_t other = s; other < w->stage_count; other++)
        if (fl_leaf_names(w, leaf, other))
            return bad(stage, reterr,
                       other == s ? "it is in what its trigger names:"
                                  : "it stands before what its trigger names:",
                       w->stages[other].name);
    return 0;
}

static int check_when(const struct fl_workflow *w, size_t s, struct fl_err *reterr)
{
    fl_auto(fl_expr_release) struct fl_expr expr = {0};
    const struct fl_stage *stage = &w->stages[s];
    int rc = stage->when ? fl_expr_parse(stage->when, w, &expr, reterr) : 0;

    if (rc == 0)
        rc = fl_expr_sources(w, stage, &expr, reterr);
    if (rc < 0)
        return fl_err_note(reterr, FL_E_CONFIG, "stage '%s', when", stage->name);
    for (size_t i = 0; rc == 0 && i < expr.leaf_count; i++)
        rc = check_leaf(w, s, &expr.leaves[i], reterr);
    return rc;
}

static int check_outputs(const struct fl_workflow *w, const struct fl_stage *stage,
                         struct fl_err *reterr)
{
    for (size_t i = 0; i < stage->output_count; i++) {
        const struct fl_stage_output *output = &stage->outputs[i];

        if (!fl_workflow_name_is_plain(output->name) || !*output->file)
            return bad(stage, reterr, "not an output:", output->name);
        if (!in_range(output->set, w->set_count, true))
            return bad(stage, reterr, "no such set for output", output->name);
        if (output->set != FL_NONE && fl_dims_find(&stage->dims, output->set) >= 0)
            return bad(stage, reterr, "it runs over the set of its output already:", output->name);
        if (output->set != FL_NONE && stage->dims.count == FL_DIMS_MAX)
            return bad(stage, reterr, "more than 4 sets for output", output->name);
        if (output->set != FL_NONE && !fl_set_is_known(&w->sets[output->set]) &&
            w->sets[output->set].by >= (int32_t)(stage - w->stages))
            return bad(stage, reterr, "it stands before what says the set of its output",
                       output->name);
        if (output->set != FL_NONE && !fl_template_has_set(w, output->file, output->set))
            return fl_err_set(reterr, FL_E_CONFIG, 0,
                              "stage '%s': output '%s' is one for each of '%s', so its file needs "
                              "{%s}; '%s' would be one file",
                              stage->name, output->name, w->sets[output->set].name,
                              w->sets[output->set].kind == FL_SET_LEADS ? "lead"
                                                                        : w->sets[output->set].name,
                              output->file);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(stage->outputs[k].name, output->name) == 0)
                return bad(stage, reterr, "two outputs are called", output->name);
            if (strcmp(stage->outputs[k].file, output->file) == 0)
                return bad(stage, reterr, "two outputs have the file", output->file);
        }
    }
    return 0;
}

/* Group, recurrence, limits, needs, retry rules. */
static int check_launch(const struct fl_workflow *w, const struct fl_stage *stage,
                        struct fl_err *reterr)
{
    if (!in_range(stage->group, w->group_count, true))
        return bad(stage, reterr, "no such group:", "");
    if (!in_range(stage->recurrence, w->cycles.rule_count, true))
        return bad(stage, reterr, "no such recurrence:", "");
    for (size_t i = 0; i < stage->use_count; i++) {
        if (!in_range(stage->uses[i].limit, w->limit_count, false))
            return bad(stage, reterr, "no such limit:", "");
        if (stage->uses[i].weight < 1 ||
            stage->uses[i].weight > w->limits[stage->uses[i].limit].size)
            return bad(stage, reterr, "it can never have what it uses of limit",
                       w->limits[stage->uses[i].limit].name);
    }
    for (size_t i = 0; i < stage->need_count; i++) {
        if (stage->needs[i].amount < 0)
            return bad(stage, reterr, "it needs less than nothing of", stage->needs[i].name);
    }
    return 0;
}

static int check_shared(const struct fl_workflow *w, struct fl_err *reterr)
{
    for (size_t i = 0; i < w->group_count; i++) {
        if (w->groups[i].parent >= (int32_t)i || !fl_workflow_name_is_plain(w->groups[i].name))
            return fl_err_set(reterr, FL_E_CONFIG, 0,
                              "group %zu has no plain name or stands before"
                              " the one that holds it",
                              i);
        if (fl_workflow_stage(w, w->groups[i].name, strlen(w->groups[i].name)) != FL_NONE)
            return fl_err_set(reterr, FL_E_CONFIG, 0, "'%s' is a group and a stage",
                              w->groups[i].name);
    }
    for (size_t i = 0; i < w->limit_count; i++) {
        if (w->limits[i].size < 1 || !fl_workflow_name_is_plain(w->limits[i].name))
            return fl_err_set(reterr, FL_E_CONFIG, 0, "limit '%s' is not 1 or more",
                              w->limits[i].name);
    }
    return 0;
}

/* The longest file form of a member: part of a folder's name. */
static size_t longest_member(const struct fl_set *set)
{
    size_t longest = set->kind == FL_SET_DECLARED ? FL_WORKFLOW_NAME_MAX : 0;
    char text[FL_MEMBER_TEXT_MAX];

    if (set->kind == FL_SET_LEADS)
        return strlen(fl_set_member_file(set, fl_set_count(set) - 1, text)) + 3;
    for (size_t i = 0; i < set->members.count; i++)
        if (strlen(set->members.items[i]) > longest)
            longest = strlen(set->members.items[i]);
    return longest;
}

static int check_dims(const struct fl_workflow *w, size_t s, struct fl_err *reterr)
{
    const struct fl_stage *stage = &w->stages[s];
    size_t name = strlen(stage->name);

    if (!in_range(stage->leads, w->set_count, true) || stage->dims.count > FL_DIMS_MAX)
        return bad(stage, reterr, "no such set of leads:", "");
    for (size_t d = 0; d < stage->dims.count; d++) {
        const struct fl_set *set;

        if (!in_range(stage->dims.sets[d], w->set_count, false))
            return bad(stage, reterr, "no such set:", "");
        set = &w->sets[stage->dims.sets[d]];
        if (fl_dims_find(&stage->dims, stage->dims.sets[d]) != (int)d)
            return bad(stage, reterr, "it runs twice over", set->name);
        if (set->kind == FL_SET_DECLARED && set->by >= (int32_t)s)
            return bad(stage, reterr, "it stands before the stage that says the members of",
                       set->name);
        name += 1 + longest_member(set);
    }
    if (name > NAME_BYTES_MAX)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "stage '%s': its name with the members that it runs over has %zu bytes; "
                          "the limit is %d",
                          stage->name, name, NAME_BYTES_MAX);
    if (fl_stage_instances(w, stage) > FL_WORKFLOW_INSTANCES_MAX)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "stage '%s': %zu instances; the limit is %d",
                          stage->name, fl_stage_instances(w, stage), FL_WORKFLOW_INSTANCES_MAX);
    return 0;
}

static int check_set(const struct fl_workflow *w, const struct fl_set *set, struct fl_err *reterr)
{
    if (!set->name)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "a set has no name");
    if (set->kind == FL_SET_LEADS)
        return set->leads.first.minutes >= 0
                   ? 0
                   : fl_err_set(reterr, FL_E_CONFIG, 0, "leads '%s' begin before +000", set->name);
    if (!fl_workflow_name_is_plain(set->name) || set->members.count > FL_WORKFLOW_MEMBERS_MAX ||
        (set->kind == FL_SET_NAMES && set->members.count == 0))
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "set '%s' has no plain name, or not 1 to %d members", set->name,
                          FL_WORKFLOW_MEMBERS_MAX);
    if (set->kind == FL_SET_DECLARED && !in_range(set->by, w->stage_count, false))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "no stage says the members of set '%s'",
                          set->name);
    for (size_t i = 0; i < set->members.count; i++) {
        const char *member = set->members.items[i];
        size_t at = set->order ? set->order[i] : i;

        if (!fl_member_is_plain(member))
            return fl_err_set(reterr, FL_E_CONFIG, 0,
                              "set '%s': member '%.80s'; accepted: letters, digits, '-' and '_', "
                              "at most %d, no '-' or '_' first",
                              set->name, member, FL_WORKFLOW_NAME_MAX);
        if (set->order && i > 0 &&
            strcmp(set->members.items[at], set->members.items[set->order[i - 1]]) == 0)
            return fl_err_set(reterr, FL_E_CONFIG, 0, "set '%s' has member '%s' twice", set->name,
                              set->members.items[at]);
    }
    return 0;
}

static int check_stage(const struct fl_workflow *w, size_t s, struct fl_err *reterr)
{
    const struct fl_stage *stage = &w->stages[s];
    int rc;

    if (!stage->name || !name_is_good(stage))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "stage %zu has no plain name", s);
    for (size_t i = 0; i < s; i++) {
        if (strcmp(w->stages[i].name, stage->name) == 0)
            return bad(stage, reterr, "two stages are called", stage->name);
    }
    if (!stage->program || !*stage->program)
        return bad(stage, reterr, "no program:", "");
    if (!in_range(stage->pool, w->pool_count, false))
        return bad(stage, reterr, "no such pool:", "");
    rc = check_dims(w, s, reterr);
    if (rc < 0)
        return rc;
    if (stage->input_count > FL_WORKFLOW_LIST_MAX || stage->output_count > FL_WORKFLOW_LIST_MAX)
        return bad(stage, reterr, "too many inputs or outputs:", "");
    for (size_t i = 0; i < stage->file_count; i++) {
        if (!fl_name_is_safe(stage->files[i].name))
            return bad(stage, reterr, "not a plain file name:", stage->files[i].name);
    }
    rc = check_launch(w, stage, reterr);
    return rc == 0 ? check_outputs(w, stage, reterr) : rc;
}

int fl_workflow_check(const struct fl_workflow *workflow, struct fl_err *reterr)
{
    size_t total = 0;
    int rc = 0;

    fl_assert(workflow);
    if (!workflow->name || !fl_workflow_name_is_plain(workflow->name))
        return fl_err_set(reterr, FL_E_CONFIG, 0, "the workflow has no plain name");
    if (workflow->stage_count == 0)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "workflow '%s' has no stage", workflow->name);
    for (size_t i = 0; i < workflow->pool_count; i++) {
        if (!in_range(workflow->pools[i].site, workflow->site_count, false))
            return fl_err_set(reterr, FL_E_CONFIG, 0, "pool '%s' has no site",
                              workflow->pools[i].name);
    }
    rc = check_shared(workflow, reterr);
    for (size_t i = 0; i < workflow->set_count && rc == 0; i++)
        rc = check_set(workflow, &workflow->sets[i], reterr);
    for (size_t s = 0; s < workflow->stage_count && rc == 0; s++)
        rc = check_stage(workflow, s, reterr);
    for (size_t s = 0; s < workflow->stage_count && rc == 0;
         s++) { /* what each may refer to is good */
        rc = check_inputs(workflow, s, reterr);
        if (rc == 0)
            rc = check_when(workflow, s, reterr);
        total += rc == 0 ? fl_stage_instances(workflow, &workflow->stages[s]) : 0;
    }
    if (rc == 0 && total > FL_WORKFLOW_TOTAL_MAX)
        rc = fl_err_set(reterr, FL_E_CONFIG, 0, "%zu instances in all; the limit is %d", total,
                        FL_WORKFLOW_TOTAL_MAX);
    return rc;
}
