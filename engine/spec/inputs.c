/* Inputs: "stage.output", lists of them, and groups with shift, edge, follow, bridge and first_of.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define SOURCE_HELP \
    "accepted: \"STAGE.OUTPUT\", \"STAGE.OUTPUT(+006)\", in first_of also " \
    "\"STAGE[-PT6H].OUTPUT(+006)\" and \"cold\""

/* Copies [from, to) into text; false when it does not fit. */
static bool cut(const char *from, const char *to, char *text, size_t size)
{
    size_t length = (size_t)(to - from);

    if (length >= size)
        return false;
    memcpy(text, from, length);
    text[length] = '\0';
    return true;
}

/* "[-PT6H]" and "(m03,+006)" of a reference. False when it cannot be read. */
static bool read_marks(const char *text, struct fl_source *source, const char **stage_end,
                       const char **output, const char **output_end, const char **members)
{
    const char *bracket = strchr(text, '[');
    const char *dot = strchr(bracket ? bracket : text, '.');
    const char *round = dot ? strchr(dot, '(') : NULL;
    char part[64];

    if (!dot)
        return false;
    *stage_end = bracket ? bracket : dot;
    *output = dot + 1;
    *output_end = round ? round : text + strlen(text);
    if (bracket) {
        const char *close = strchr(bracket, ']');

        if (!close || close + 1 != dot || !cut(bracket + 1, close, part, sizeof(part)) ||
            fl_duration_parse(part, &source->cycle_offset_s, NULL) < 0 ||
            source->cycle_offset_s >= 0)
            return false;
    }
    if (round) {
        const char *close = strchr(round, ')');

        if (!close || close[1] || close == round + 1)
            return false;
        *members = round + 1;
    }
    return *stage_end > text && *output_end > *output;
}

static void add_source(struct fl_compile *c, size_t index, const config_setting_t *at,
                       const char *text, struct fl_stage_input *input)
{
    struct fl_workflow *w = c->workflow;
    struct fl_source *source = fl_grow(c, &input->sources, &input->source_count, sizeof(*source));
    const char *stage_end = NULL;
    const char *output = NULL;
    const char *output_end = NULL;
    struct fl_known known = {.count = 0};
    const char *members = NULL;
    char name[FL_WORKFLOW_NAME_MAX + 1];
    char what[256];

    if (!source)
        return;
    fl_set_text(c, &source->text, text);
    source->stage = source->output = FL_NONE;
    if (input->first_of && strcmp(text, "cold") == 0)
        return;
    if (!read_marks(text, source, &stage_end, &output, &output_end, &members) ||
        !cut(text, stage_end, name, sizeof(name))) {
        fl_complain(c, at, "input '%s': '%s' cannot be read; " SOURCE_HELP, input->name, text);
        return;
    }
    source->stage = fl_workflow_stage(w, name, strlen(name));
    if (source->stage == FL_NONE) {
        fl_known_stages(w, &known);
        (void)snprintf(what, sizeof(what), "input '%s': no stage", input->name);
        fl_complain_name(c, at, what, name, &known, NULL);
        return;
    }
    source->output =
        fl_stage_output(&w->stages[source->stage], output, (size_t)(output_end - output));
    if (source->output == FL_NONE) {
        const struct fl_stage *from = &w->stages[source->stage];

        for (size_t i = 0; i < from->output_count; i++)
            fl_known_add(&known, from->outputs[i].name);
        (void)cut(output, output_end, name, sizeof(name));
        (void)snprintf(what, sizeof(what), "input '%s': stage '%s' has no output", input->name,
                       from->name);
        fl_complain_name(c, at, what, name, &known, NULL);
        return;
    }
    if (source->cycle_offset_s && !input->first_of)
        fl_complain(
            c, at, "input '%s': '%s' reaches into another cycle; that is accepted in first_of only",
            input->name, text);
    if (!source->cycle_offset_s && (size_t)source->stage == index)
        fl_complain(c, at, "stage '%s' cannot need its own output '%s' of the same cycle",
                    w->stages[index].name, text);
    if (members) {
        struct fl_dims dims = fl_output_dims(&w->stages[source->stage], source->output);
        struct fl_err why = {0};

        if (fl_selector_parse(w, &dims, members, strlen(members) - 1, &source->select, &why) < 0)
            fl_complain(c, at, "input '%s': '%s' names what the output does not have: %s",
                        input->name, text, why.text);
    }
}

static void add_sources(struct fl_compile *c, size_t index, const config_setting_t *at,
                        const struct fl_layers *group, const char *key,
                        struct fl_stage_input *input)
{
    struct fl_texts texts = {0};

    if (fl_get_texts(c, group, key, &texts)) {
        for (size_t i = 0; i < texts.count && texts.items[i]; i++)
            add_source(c, index, at, texts.items[i], input);
    }
    fl_free_texts(&texts);
}

static void read_bridge(struct fl_compile *c, const struct fl_layers *one,
                        struct fl_stage_input *input)
{
    static const char *const keys[] = {"max", "note"};
    struct fl_layers bridge = fl_layers_sub(one, "bridge");
    const char *note = NULL;

    if (!fl_is_group(c, one, "bridge"))
        return;
    (void)fl_only(c, &bridge, "a bridge", keys, FL_COUNT(keys));
    (void)fl_get_duration(c, &bridge, "max", &input->bridge_max_s);
    if (fl_get_text(c, &bridge, "note", &note))
        fl_set_text(c, &input->bridge_note, note);
    if (input->bridge_max_s <= 0)
        fl_complain(c, fl_layers_get(one, "bridge"),
                    "a bridge needs max, the longest gap, such as \"PT9H\"");
}

static void read_group(struct fl_compile *c, size_t index, const struct fl_layers *one,
                       const config_setting_t *at, struct fl_stage_input *input)
{
    static const char *const keys[] = {"from",   "first_of", "shift", "edge",
                                       "follow", "bridge",   "leads"};
    const char *shift = NULL;
    const char *edge = NULL;
    const char *leads = NULL;
    struct fl_lead by = {0};
    struct fl_err why = {0};

    bool known = fl_only(c, one, "an input", keys, FL_COUNT(keys));

    input->first_of = fl_layers_get(one, "first_of") != NULL;
    if (known && input->first_of == (fl_layers_get(one, "from") != NULL))
        fl_complain(c, at, "input '%s' needs one of: from, first_of", input->name);
    add_sources(c, index, at, one, input->first_of ? "first_of" : "from", input);
    (void)fl_get_bool(c, one, "follow", &input->follow);
    (void)fl_get_text(c, one, "shift", &shift);
    (void)fl_get_text(c, one, "edge", &edge);
    (void)fl_get_text(c, one, "leads", &leads);
    if (shift && fl_lead_parse(shift, &by, &why) < 0)
        fl_complain(c, fl_layers_get(one, "shift"), "shift: %s", why.text);
    input->shift_min = by.minutes;
    if (shift && fl_dims_lead(c->workflow, &c->workflow->stages[index].dims) < 0)
        fl_complain(c, fl_layers_get(one, "shift"),
                    "shift moves the instance's lead, so it is for a stage that runs over leads");
    if (edge && strcmp(edge, "absent") != 0)
        fl_complain(c, fl_layers_get(one, "edge"), "edge = \"%s\"; accepted: \"absent\"", edge);
    input->edge_absent = edge != NULL;
    if (leads)
        input->leads = fl_find_set(c, fl_layers_get(one, "leads"), leads);
    read_bridge(c, one, input);
}

/* A name of an input stands in placeholders and in inputs.json. */
static void read_one(struct fl_compile *c, size_t index, const struct fl_layers *group,
                     const char *name)
{
    const config_setting_t *at = fl_layers_get(group, name);
    struct fl_layers one = fl_layers_sub(group, name);
    struct fl_stage *stage = &c->workflow->stages[index];
    size_t errors = c->diagnostics->errors;
    struct fl_stage_input *input;

    if (!fl_workflow_name_is_plain(name)) {
        fl_complain(c, at, "input '%s': not a plain name", name);
        return;
    }
    input = fl_grow(c, &stage->inputs, &stage->input_count, sizeof(*input));
    if (!input)
        return;
    fl_set_text(c, &input->name, name);
    input->leads = FL_NONE;
    if (one.count)
        read_group(c, index, &one, at, input);
    else
        add_sources(c, index, at, group, name, input);
    if (input->follow && fl_dims_lead(c->workflow, &stage->dims) >= 0)
        fl_complain(c, at, "input '%s': follow is for a stage without leads in 'per'", name);
    if (input->source_count == 0 && c->diagnostics->errors == errors)
        fl_complain(c, at, "input '%s' comes from nowhere; " SOURCE_HELP, name);
}

/* True when an input of the stage comes from the stage that `per` begins with. */
static bool takes_from(const struct fl_workflow *w, const struct fl_stage *stage, const char *per)
{
    size_t size = strcspn(per, ".");

    for (size_t i = 0; i < stage->input_count; i++) {
        for (size_t k = 0; k < stage->inputs[i].source_count; k++) {
            int32_t from = stage->inputs[i].sources[k].stage;

            if (from != FL_NONE && strncmp(w->stages[from].name, per, size) == 0 &&
                w->stages[from].name[size] == '\0')
                return true;
        }
    }
    return false;
}

/* What a stage runs over it also waits for, when no input says so. */
static void wait_for_per(struct fl_compile *c, size_t index)
{
    struct fl_stage *stage = &c->workflow->stages[index];
    const struct fl_texts *per = &c->drafts[index].per;

    for (size_t i = 0; i < per->count && per->items[i]; i++) {
        fl_auto(fl_buf_release) struct fl_buf text;

        fl_buf_init(&text, 2 * FL_SPEC_FILE_MAX);
        if (strncmp(per->items[i], "leads:", 6) == 0 ||
            takes_from(c->workflow, stage, per->items[i]))
            continue;
        if (stage->when)
            fl_buf_printf(&text, "%s && (%s)", per->items[i], stage->when);
        else
            fl_buf_puts(&text, per->items[i]);
        fl_set_text(c, &stage->when, text.data);
    }
}

void fl_read_inputs(struct fl_compile *c, size_t index)
{
    const struct fl_layers *layers = &c->drafts[index].layers;
    struct fl_layers group = fl_layers_sub(layers, "inputs");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, layers, "inputs") ? fl_layers_keys(c, &group, names) : 0;

    for (size_t i = 0; i < count && i < FL_WORKFLOW_LIST_MAX; i++)
        read_one(c, index, &group, names[i]);
    if (c->workflow->stages[index].kind == FL_STAGE_DELIVER && count == 0 &&
        fl_layers_get(layers, "products")) {
        read_one(c, index, layers, "products");
        count = 1;
    }
    if (c->workflow->stages[index].kind == FL_STAGE_DELIVER && count == 0)
        fl_complain(c, c->drafts[index].at,
                    "stage '%s' delivers nothing: it needs 'products' or 'inputs'",
                    c->workflow->stages[index].name);
    wait_for_per(c, index);
}
