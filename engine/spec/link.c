/* Transfers between sites, and the order of the graph. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/expr.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

static int32_t site_of(const struct fl_workflow *w, const struct fl_stage *stage)
{
    return stage->pool == FL_NONE ? FL_NONE : w->pools[stage->pool].site;
}

static int32_t pool_at(const struct fl_workflow *w, int32_t site)
{
    for (size_t i = 0; i < w->pool_count; i++) {
        if (w->pools[i].site == site)
            return (int32_t)i;
    }
    return FL_NONE;
}

/* The stage "A.output@site" that brings an output to a site; made when it is not there yet. */
static int32_t transfer_to(struct fl_compile *c, int32_t from, int32_t output, int32_t site)
{
    static const char *const args[] = {"stage", "--inputs", "inputs.json", "--to", "{out}"};
    struct fl_workflow *w = c->workflow;
    char name[3 * FL_WORKFLOW_NAME_MAX + 3];
    struct fl_stage *stage;
    struct fl_stage_input *input;
    struct fl_stage_output *made;
    struct fl_source *source;
    int32_t found;

    (void)snprintf(name, sizeof(name), "%s.%s@%s", w->stages[from].name,
                   w->stages[from].outputs[output].name, w->sites[site].name);
    found = fl_workflow_stage(w, name, strlen(name));
    if (found != FL_NONE)
        return found;
    stage = fl_grow(c, &w->stages, &w->stage_count, sizeof(*stage));
    if (!stage)
        return FL_NONE;
    stage->kind = FL_STAGE_TRANSFER;
    stage->origin = from;
    stage->pool = pool_at(w, site);
    stage->dims = fl_output_dims(&w->stages[from], output);
    stage->leads = stage->group = stage->recurrence = FL_NONE;
    stage->retry = (struct fl_retry){.tries = 5, .delay_s = 2, .grow = 2.0};
    stage->grace_s = 10;
    stage->keep_at_source = true;
    fl_set_text(c, &stage->name, name);
    fl_set_text(c, &stage->program, "fairlead-transfer");
    for (size_t i = 0; i < FL_COUNT(args); i++)
        fl_add_text(c, &stage->args, args[i]);
    input = fl_grow(c, &stage->inputs, &stage->input_count, sizeof(*input));
    made = fl_grow(c, &stage->outputs, &stage->output_count, sizeof(*made));
    source = input ? fl_grow(c, &input->sources, &input->source_count, sizeof(*source)) : NULL;
    if (!made || !source)
        return FL_NONE;
    fl_set_text(c, &input->name, w->stages[from].outputs[output].name);
    input->leads = FL_NONE;
    source->stage = from;
    source->output = output;
    (void)snprintf(name, sizeof(name), "%s.%s", w->stages[from].name,
                   w->stages[from].outputs[output].name);
    fl_set_text(c, &source->text, name);
    fl_set_text(c, &made->name, w->stages[from].outputs[output].name);
    fl_set_text(c, &made->file, w->stages[from].outputs[output].file);
    made->set = FL_NONE;
    return (int32_t)w->stage_count - 1;
}

void fl_insert_transfers(struct fl_compile *c)
{
    struct fl_workflow *w = c->workflow;

    for (size_t s = 0; s < c->draft_count; s++) {
        if (w->stages[s].kind == FL_STAGE_DELIVER)
            continue; /* reads through the door by itself */
        for (size_t i = 0; i < w->stages[s].input_count; i++) {
            for (size_t k = 0; k < w->stages[s].inputs[i].source_count; k++) {
                struct fl_source source = w->stages[s].inputs[i].sources[k];
                int32_t here = site_of(w, &w->stages[s]);
                int32_t brought;

                if (source.stage == FL_NONE || source.output == FL_NONE || here == FL_NONE ||
                    site_of(w, &w->stages[source.stage]) == FL_NONE ||
                    site_of(w, &w->stages[source.stage]) == here)
                    continue;
                if (source.cycle_offset_s) {
                    fl_complain(c, c->drafts[s].at,
                                "input '%s': '%s' lies at another site; a file of another cycle "
                                "must lie at the stage's own site in this version",
                                w->stages[s].inputs[i].name, source.text);
                    continue;
                }
                brought =
                    transfer_to(c, source.stage, source.output, here); /* may move the stages */
                if (brought == FL_NONE)
                    return;
                w->stages[s].inputs[i].sources[k].stage = brought;
                w->stages[s].inputs[i].sources[k].output = 0;
            }
        }
    }
}

/* Marks in needs what a stage waits for in its own cycle. */
static void needs_of(struct fl_compile *c, size_t index, bool *needs)
{
    struct fl_workflow *w = c->workflow;
    const struct fl_stage *stage = &w->stages[index];
    struct fl_expr expr = {0};
    struct fl_err why = {0};

    for (size_t i = 0; i < stage->input_count; i++) {
        for (size_t k = 0; k < stage->inputs[i].source_count; k++) {
            const struct fl_source *source = &stage->inputs[i].sources[k];

            if (source->stage != FL_NONE && source->cycle_offset_s == 0)
                needs[source->stage] = true;
        }
    }
    for (size_t d = 0; d < stage->dims.count; d++) {
        const struct fl_set *set = &w->sets[stage->dims.sets[d]];

        if (set->kind == FL_SET_DECLARED && set->by != FL_NONE)
            needs[set->by] = true;
    }
    if (!stage->when)
        return;
    if (fl_expr_parse(stage->when, w, &expr, &why) < 0) {
        const config_setting_t *at = fl_layers_get(&c->drafts[index].layers, "when");

        fl_complain_when(c, at ? at : c->drafts[index].at, stage->when, why.text);
        return;
    }
    for (size_t i = 0; i < expr.leaf_count; i++)
        for (size_t s = 0; s < w->stage_count; s++)
            needs[s] |= fl_leaf_names(w, &expr.leaves[i], s);
    fl_expr_release(&expr);
}

/* Names a circle among the stages that could not be placed. */
static void complain_circle(struct fl_compile *c, const bool *needs, const bool *placed)
{
    struct fl_workflow *w = c->workflow;
    size_t n = w->stage_count;
    size_t at = 0;
    char text[600];
    size_t used = 0;

    while (at < n && placed[at])
        at++;
    for (size_t step = 0; step < n; step++) { /* after n steps we are on the circle */
        size_t next = 0;

        while (next < n && (placed[next] || !needs[at * n + next]))
            next++;
        fl_assert(next < n);
        at = next;
    }
    for (size_t next = at, step = 0; step <= n && used < sizeof(text); step++) {
        int more = snprintf(text + used, sizeof(text) - used, "%s%s", step ? " needs " : "",
                            w->stages[next].name);
        size_t to = 0;

        used += more > 0 ? (size_t)more : 0;
        if (step && next == at)
            break;
        while (to < n && (placed[to] || !needs[next * n + to]))
            to++;
        next = to;
    }
    fl_complain(c, at < c->draft_count ? c->drafts[at].at : NULL,
                "the stages go round in a circle: %s", text);
}

static void move_stages(struct fl_compile *c, const size_t *order)
{
    struct fl_workflow *w = c->workflow;
    size_t n = w->stage_count;
    struct fl_stage *moved = calloc(n, sizeof(*moved));
    int32_t *place = calloc(n, sizeof(*place));

    if (!moved || !place) {
        c->no_memory = true;
        free(moved);
        free(place);
        return;
    }
    for (size_t i = 0; i < n; i++)
        place[order[i]] = (int32_t)i;
    for (size_t i = 0; i < n; i++) {
        moved[i] = w->stages[order[i]];
        if (moved[i].origin != FL_NONE)
            moved[i].origin = place[moved[i].origin];
        for (size_t k = 0; k < moved[i].input_count; k++) {
            for (size_t s = 0; s < moved[i].inputs[k].source_count; s++) {
                int32_t *from = &moved[i].inputs[k].sources[s].stage;

                if (*from != FL_NONE)
                    *from = place[*from];
            }
        }
    }
    for (size_t i = 0; i < w->set_count; i++)
        if (w->sets[i].kind == FL_SET_DECLARED && w->sets[i].by != FL_NONE)
            w->sets[i].by = place[w->sets[i].by];
    free(w->stages);
    free(place);
    w->stages = moved;
}

void fl_order_stages(struct fl_compile *c)
{
    size_t n = c->workflow->stage_count;
    bool *needs = calloc(n * n + n, sizeof(*needs));
    bool *placed = needs ? needs + n * n : NULL;
    size_t *order = calloc(n, sizeof(*order));
    size_t count = 0;
    size_t *left = calloc(n, sizeof(*left)); /* needs of a stage that are not placed yet */

    if (!needs || !order || !left) {
        c->no_memory = true;
        free(needs);
        free(order);
        free(left);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        needs_of(c, i, needs + i * n);
        for (size_t k = 0; k < n; k++)
            left[i] += needs[i * n + k];
    }
    for (size_t i = 0; i < n;) { /* the first in the file that has all it needs comes next */
        if (placed[i] || left[i]) {
            i++;
            continue;
        }
        placed[i] = true;
        order[count++] = i;
        for (size_t k = 0; k < n; k++)
            left[k] -= needs[k * n + i];
        i = 0;
    }
    if (count < n)
        complain_circle(c, needs, placed);
    else if (c->diagnostics->errors == 0)
        move_stages(c, order);
    free(needs);
    free(order);
    free(left);
}
