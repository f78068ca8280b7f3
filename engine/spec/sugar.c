/* Source stages (`source`) and deliveries (`to`): both become stages of fairlead-transfer. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define TRANSFER "fairlead-transfer"

/* Doubles the braces that the engine must hand on: all, or only those of {lead…} and {valid…}. */
static void pass_on(const char *text, bool all, char *out, size_t size)
{
    size_t used = 0;
    bool inside = false;

    for (; *text && used + 3 < size; text++) {
        bool open = *text == '{' &&
                    (all || strncmp(text, "{lead", 5) == 0 || strncmp(text, "{valid", 6) == 0);
        bool close = *text == '}' && (all || inside);

        if (open || close) {
            out[used++] = *text;
            inside = open;
        }
        out[used++] = *text;
    }
    out[used] = '\0';
}

static void only_for(struct fl_compile *c, const struct fl_layers *layers, const char *owner,
                     const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fl_layers_get(layers, keys[i]))
            fl_complain(c, fl_layers_get(layers, keys[i]), "'%s' belongs to a stage with '%s'",
                        keys[i], owner);
    }
}

static void claim_program(struct fl_compile *c, size_t index, const char *owner)
{
    struct fl_stage *stage = &c->workflow->stages[index];

    if (stage->program && strcmp(stage->program, TRANSFER) != 0)
        fl_complain(c, c->drafts[index].at,
                    "stage '%s' has '%s': its program is " TRANSFER ", not '%s'", stage->name,
                    owner, stage->program);
    if (stage->args.count)
        fl_complain(c, c->drafts[index].at,
                    "stage '%s' has '%s': its arguments follow from that; leave 'args' out",
                    stage->name, owner);
    fl_set_text(c, &stage->program, TRANSFER);
}

static void add_series(struct fl_compile *c, const struct fl_layers *layers, struct fl_stage *stage)
{
    static const char *const keys[] = {"every", "leads"};
    struct fl_layers group = fl_layers_sub(layers, "series");
    const config_setting_t *at = fl_layers_get(layers, "series");
    const char *every = NULL;
    const char *leads = NULL;
    struct fl_err why = {0};
    struct fl_leads set;
    int64_t seconds = 0;

    if (!fl_is_group(c, layers, "series"))
        return;
    (void)fl_only(c, &group, "series", keys, FL_COUNT(keys));
    (void)fl_get_duration(c, &group, "every", &seconds);
    if (!fl_get_text(c, &group, "every", &every) || !fl_get_text(c, &group, "leads", &leads))
        return;
    if (!every || !leads || seconds <= 0) {
        fl_complain(c, at, "series needs every (\"PT6H\") and leads (\"+000/+003/3\")");
        return;
    }
    if (fl_leads_parse(leads, &set, &why) < 0)
        fl_complain(c, at, "series: %s", why.text);
    fl_add_text(c, &stage->args, "--series");
    fl_add_textf(c, &stage->args, "every=%s,leads=%s", every, leads);
}

static void add_wait(struct fl_compile *c, const struct fl_layers *layers, struct fl_stage *stage)
{
    static const char *const keys[] = {"poll", "give_up"};
    static const char *const options[] = {"--poll", "--give-up"};
    struct fl_layers group = fl_layers_sub(layers, "wait");
    const char *missing = "fail";
    const char *cause = NULL;

    if (fl_is_group(c, layers, "wait")) {
        (void)fl_only(c, &group, "wait", keys, FL_COUNT(keys));
        for (size_t i = 0; i < FL_COUNT(keys); i++) {
            const char *text = NULL;
            int64_t seconds = 0;

            if (!fl_get_duration(c, &group, keys[i], &seconds) ||
                !fl_get_text(c, &group, keys[i], &text) || !text)
                continue;
            fl_add_text(c, &stage->args, options[i]);
            fl_add_text(c, &stage->args, text);
        }
    }
    (void)fl_get_text(c, layers, "missing", &missing);
    (void)fl_get_text(c, layers, "missing_cause", &cause);
    if (strcmp(missing, "fail") != 0 && strcmp(missing, "absent") != 0)
        fl_complain(c, fl_layers_get(layers, "missing"),
                    "missing = \"%s\"; accepted: \"fail\", \"absent\"", missing);
    fl_add_text(c, &stage->args, "--on-missing");
    fl_add_text(c, &stage->args, missing);
    if (cause) {
        fl_add_text(c, &stage->args, "--missing-cause");
        fl_add_text(c, &stage->args, cause);
    }
}

static void add_list(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                     const char *option, bool pass, struct fl_stage *stage)
{
    struct fl_texts texts = {0};
    char text[4096];

    (void)fl_get_texts(c, layers, key, &texts);
    for (size_t i = 0; i < texts.count && texts.items[i]; i++) {
        fl_add_text(c, &stage->args, option);
        if (pass)
            pass_on(texts.items[i], true, text, sizeof(text));
        else
            (void)snprintf(text, sizeof(text), "%s", texts.items[i]);
        fl_add_text(c, &stage->args, text);
    }
    fl_free_texts(&texts);
}

/* Each text must be NAME=VALUE...; what NAME may be is known to the source alone. */
static void check_pairs(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                        const char *accepted)
{
    struct fl_texts texts = {0};

    (void)fl_get_texts(c, layers, key, &texts);
    for (size_t i = 0; i < texts.count && texts.items[i]; i++) {
        const char *equals = strchr(texts.items[i], '=');

        if (!equals || equals == texts.items[i] || !equals[1])
            fl_complain(c, fl_layers_get(layers, key), "%s: '%s'; accepted: %s", key,
                        texts.items[i], accepted);
    }
    fl_free_texts(&texts);
}

/* "N/W/S/E" in degrees. */
static bool is_area(const char *text)
{
    double parts[4];

    for (size_t i = 0; i < FL_COUNT(parts); i++) {
        char *end = NULL;

        parts[i] = strtod(text, &end);
        if (end == text || *end != (i < 3 ? '/' : '\0'))
            return false;
        text = end + 1;
    }
    return parts[0] > parts[2] && parts[0] <= 90 && parts[2] >= -90 && parts[1] >= -180 &&
           parts[1] <= 360 && parts[3] >= -180 && parts[3] <= 360 && parts[1] != parts[3];
}

/* Which fields, which members, which part of the grid. */
static void add_request(struct fl_compile *c, const struct fl_layers *layers,
                        struct fl_stage *stage)
{
    const config_setting_t *at = fl_layers_get(layers, "area");
    const char *area = NULL;

    check_pairs(c, layers, "keys", "such as \"shortName=10u/10v,level=10\"");
    check_pairs(c, layers, "with", "such as \"member=p01/p02\"");
    add_list(c, layers, "with", "--with", false, stage);
    add_list(c, layers, "select", "--select", true, stage);
    add_list(c, layers, "keys", "--keys", false, stage);
    if (!fl_get_text(c, layers, "area", &area) || !area)
        return;
    if (!is_area(area))
        fl_complain(c, at,
                    "area: '%s'; accepted: NORTH/WEST/SOUTH/EAST in degrees, such as "
                    "\"50/-100/10/-60\"",
                    area);
    fl_add_text(c, &stage->args, "--area");
    fl_add_text(c, &stage->args, area);
}

static void source_stage(struct fl_compile *c, size_t index)
{
    struct fl_stage *stage = &c->workflow->stages[index];
    const struct fl_layers *layers = &c->drafts[index].layers;
    const char *source = NULL;
    char text[4096];
    char leads[96];

    claim_program(c, index, "source");
    if (!fl_get_text(c, layers, "source", &source))
        return;
    if (stage->output_count != 1 || stage->outputs[0].set == FL_NONE ||
        fl_dims_lead(c->workflow, &stage->dims) >= 0) {
        fl_complain(c, c->drafts[index].at,
                    "stage '%s' pulls from a source: it needs 'leads' and one output with {lead} "
                    "in its file",
                    stage->name);
        return;
    }
    if (!fl_layers_get(layers, "select") && !fl_layers_get(layers, "keys") &&
        !fl_layers_get(layers, "with"))
        fl_complain(c, c->drafts[index].at,
                    "stage '%s' pulls from a source: say what: 'select' ([\":PRMSL:mean sea "
                    "level:\"]), 'keys' ([\"shortName=msl\"]) or 'with' ([\"member=p01\"])",
                    stage->name);
    fl_leads_format(&c->workflow->sets[stage->outputs[0].set].leads, leads, sizeof(leads));
    fl_add_text(c, &stage->args, "get");
    fl_add_text(c, &stage->args, "--source");
    fl_add_text(c, &stage->args, source);
    add_list(c, layers, "mirror", "--mirror", false, stage);
    fl_add_text(c, &stage->args, "--cycle");
    fl_add_text(c, &stage->args, "{cycle}");
    fl_add_text(c, &stage->args, "--leads");
    fl_add_text(c, &stage->args, leads);
    add_series(c, layers, stage);
    add_request(c, layers, stage);
    pass_on(stage->outputs[0].file, false, text, sizeof(text));
    fl_add_text(c, &stage->args, "--name");
    fl_add_text(c, &stage->args, text);
    fl_add_text(c, &stage->args, "--output");
    fl_add_text(c, &stage->args, stage->outputs[0].name);
    fl_add_text(c, &stage->args, "--to");
    fl_add_text(c, &stage->args, "{out}");
    add_wait(c, layers, stage);
}

/* How the products are seen at the destination, and who is told. */
static void add_release(struct fl_compile *c, const struct fl_layers *layers, size_t index)
{
    struct fl_stage *stage = &c->workflow->stages[index];
    const char *release = "each";
    int64_t after_s = 0;

    if (fl_get_text(c, layers, "release", &release) && strcmp(release, "each") != 0 &&
        strcmp(release, "whole") != 0)
        fl_complain(c, fl_layers_get(layers, "release"),
                    "release = \"%s\"; accepted: \"each\" (file by file), \"whole\" (all by one "
                    "rename)",
                    release);
    if (strcmp(release, "whole") == 0 && c->drafts[index].per.count > 0)
        fl_complain(c, fl_layers_get(layers, "release"),
                    "release = \"whole\" shows all products at once: leave 'per' out, so that one "
                    "delivery takes them all");
    if (strcmp(release, "each") != 0) {
        fl_add_text(c, &stage->args, "--release");
        fl_add_text(c, &stage->args, release);
    }
    add_list(c, layers, "notify", "--notify", false, stage);
    if (!fl_layers_get(layers, "release_at"))
        return;
    if (fl_layers_get(layers, "at"))
        fl_complain(c, fl_layers_get(layers, "release_at"),
                    "'at' and 'release_at' are the same of a delivery; say one of them");
    if (fl_get_duration(c, layers, "release_at", &after_s)) {
        stage->has_at = true;
        stage->at_s = after_s;
    }
}

/* The first pool of the destination's site; of a destination in the site file, the given one. */
static bool find_destination(struct fl_compile *c, size_t index, const char *to)
{
    struct fl_stage *stage = &c->workflow->stages[index];
    const struct fl_layers *layers = &c->drafts[index].layers;
    const char *pool = NULL;
    int32_t site = fl_workflow_site(c->workflow, to);

    if (site == FL_NONE && fl_layers_get(layers, "pool")) {
        if (!fl_get_text(c, layers, "pool", &pool))
            return false;
        stage->pool = fl_find_pool(c, fl_layers_get(layers, "pool"), pool);
        return stage->pool != FL_NONE;
    }
    if (site == FL_NONE)
        site = fl_find_site(c, fl_layers_get(layers, "to"), "to: no site", to);
    if (site == FL_NONE)
        return false;
    for (size_t i = 0; i < c->workflow->pool_count && stage->pool == FL_NONE; i++) {
        if (c->workflow->pools[i].site == site)
            stage->pool = (int32_t)i;
    }
    if (stage->pool == FL_NONE)
        fl_complain(c, fl_layers_get(layers, "to"), "site '%s' has no pool to deliver with", to);
    return true;
}

static void delivery_stage(struct fl_compile *c, size_t index)
{
    static const char *const deliver[] = {"deliver", "--inputs", "inputs.json", "--set", "{run}"};
    struct fl_stage *stage = &c->workflow->stages[index];
    const struct fl_layers *layers = &c->drafts[index].layers;
    const char *to = c->drafts[index].to;
    struct fl_stage_output *receipt;

    claim_program(c, index, "to");
    if ((!to && !fl_get_text(c, layers, "to", &to)) || !find_destination(c, index, to))
        return;
    if (fl_layers_get(layers, "outputs"))
        fl_complain(c, fl_layers_get(layers, "outputs"),
                    "a delivery has the output 'receipt' and no other");
    if (fl_layers_get(layers, "products") && fl_layers_get(layers, "inputs"))
        fl_complain(c, fl_layers_get(layers, "products"),
                    "'products' are the inputs of a delivery: say 'products' or 'inputs'");
    for (size_t i = 0; i < FL_COUNT(deliver); i++)
        fl_add_text(c, &stage->args, deliver[i]);
    if (fl_workflow_site(c->workflow, to) == FL_NONE) {
        fl_add_text(c, &stage->args, "--destination");
        fl_add_text(c, &stage->args, to);
    }
    add_release(c, layers, index);
    receipt = fl_grow(c, &stage->outputs, &stage->output_count, sizeof(*receipt));
    if (!receipt)
        return;
    fl_set_text(c, &receipt->name, "receipt");
    fl_set_text(c, &receipt->file, "receipt.json");
    receipt->set = FL_NONE;
}

void fl_sugar(struct fl_compile *c, size_t index)
{
    static const char *const source_keys[] = {
        "select", "mirror", "series", "wait", "missing", "missing_cause", "keys", "with", "area"};
    static const char *const to_keys[] = {"keep_at_source", "products", "release", "release_at",
                                          "notify"};
    const struct fl_layers *layers = &c->drafts[index].layers;
    struct fl_stage *stage = &c->workflow->stages[index];

    switch (stage->kind) {
    case FL_STAGE_SOURCE:
        source_stage(c, index);
        break;
    case FL_STAGE_DELIVER:
        delivery_stage(c, index);
        break;
    case FL_STAGE_PROGRAM:
    case FL_STAGE_TRANSFER:
        break;
    }
    if (stage->kind != FL_STAGE_SOURCE)
        only_for(c, layers, "source", source_keys, FL_COUNT(source_keys));
    if (stage->kind != FL_STAGE_DELIVER)
        only_for(c, layers, "to", to_keys, FL_COUNT(to_keys));
    if (stage->pool == FL_NONE && stage->kind != FL_STAGE_DELIVER && !fl_layers_get(layers, "pool"))
        stage->pool = fl_find_pool(c, c->drafts[index].at, NULL);
}
