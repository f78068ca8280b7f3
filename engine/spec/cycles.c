/* When: the cycles of the workflow, and what a stage says about cycles, clock and order. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/recurrence.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define AHEAD_MAX 1000
#define PRIORITY_MAX 1000000
#define MAIN_RULE "main" /* of a workflow with one recurrence */
#define SKIP_OLDER "skip-older-than "

/* True when the rule has no cycle between from and stop. */
static bool is_empty(const struct fl_cycling *cycles, const struct fl_recurrence *rule)
{
    int64_t first = cycles->has_from ? fl_recurrence_at_or_after(rule, cycles->from) : 0;
    struct fl_cycle cycle;

    if (cycles->has_from && cycles->has_stop && cycles->stop.s < cycles->from.s)
        return false; /* that is told by itself */
    return first < 0 || !fl_recurrence_nth(rule, first, &cycle) ||
           (cycles->has_stop && cycle.s > cycles->stop.s);
}

static void add_rule(struct fl_compile *c, const config_setting_t *at, const char *name,
                     const char *text)
{
    struct fl_cycling *cycles = &c->workflow->cycles;
    char canonical[FL_RECURRENCE_TEXT_MAX];
    struct fl_recurrence recurrence;
    struct fl_cycle_rule *rule;
    struct fl_err why = {0};

    if (fl_recurrence_parse(text, cycles->calendar, cycles->has_from ? &cycles->from : NULL,
                            &recurrence, &why) < 0) {
        fl_complain(c, at, "%s: %s", config_setting_name(at), why.text);
        return;
    }
    if (is_empty(cycles, &recurrence))
        fl_complain(c, at, "%s: '%.60s' has no cycle between from and stop",
                    config_setting_name(at), text);
    rule = fl_grow(c, &cycles->rules, &cycles->rule_count, sizeof(*rule));
    if (!rule)
        return;
    fl_recurrence_format(&recurrence, canonical);
    fl_set_text(c, &rule->name, name);
    fl_set_text(c, &rule->rule, canonical);
    if (strcmp(config_setting_name(at), "every") == 0 && recurrence.period.months == 0)
        cycles->every_s = recurrence.period.seconds;
}

/* every = "PT6H" with from, or a recurrence by itself: one rule. */
static void read_every(struct fl_compile *c, const struct fl_layers *group)
{
    const char *every = NULL;

    if (fl_layers_get(group, "from") && !c->workflow->cycles.has_from)
        return; /* the mistake is there */
    if (fl_get_text(c, group, "every", &every) && every)
        add_rule(c, fl_layers_get(group, "every"), MAIN_RULE, every);
}

static void read_rules(struct fl_compile *c, const struct fl_layers *group)
{
    struct fl_layers rules = fl_layers_sub(group, "rules");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, group, "rules") ? fl_layers_keys(c, &rules, names) : 0;

    if (fl_layers_get(group, "every"))
        fl_complain(c, fl_layers_get(group, "rules"),
                    "cycles have every, one recurrence, or rules, several; not both");
    if (count == 0 || count > FL_WORKFLOW_RULES_MAX)
        fl_complain(c, fl_layers_get(group, "rules"), "%zu rules; accepted: 1 to %d", count,
                    FL_WORKFLOW_RULES_MAX);
    for (size_t i = 0; i < count && i < FL_WORKFLOW_RULES_MAX; i++) {
        const config_setting_t *at = fl_layers_get(&rules, names[i]);
        const char *text = NULL;

        if (fl_plain(c, at, "rule", names[i]) && fl_get_text(c, &rules, names[i], &text))
            add_rule(c, at, names[i], text);
    }
}

static void read_behind(struct fl_compile *c, const struct fl_layers *group)
{
    struct fl_cycling *cycles = &c->workflow->cycles;
    const char *text = NULL;
    struct fl_err why = {0};

    if (!fl_get_text(c, group, "behind", &text) || !text)
        return;
    if (strcmp(text, "all") == 0) {
        cycles->behind = FL_BEHIND_ALL;
    } else if (strcmp(text, "newest") == 0) {
        cycles->behind = FL_BEHIND_NEWEST;
    } else if (strncmp(text, SKIP_OLDER, strlen(SKIP_OLDER)) == 0) {
        cycles->behind = FL_BEHIND_SKIP;
        if (fl_duration_parse(text + strlen(SKIP_OLDER), &cycles->behind_s, &why) < 0)
            fl_complain(c, fl_layers_get(group, "behind"), "behind: %s", why.text);
        else if (cycles->behind_s <= 0)
            fl_complain(c, fl_layers_get(group, "behind"),
                        "behind = \"%.60s\": the duration must be more than nothing", text);
    } else {
        fl_complain(c, fl_layers_get(group, "behind"),
                    "behind = \"%.60s\"; accepted: \"all\", \"newest\", \"skip-older-than PT12H\"",
                    text);
    }
}

static void read_calendar(struct fl_compile *c, const struct fl_layers *group)
{
    const char *text = NULL;
    struct fl_err why = {0};

    if (fl_get_text(c, group, "calendar", &text) && text &&
        fl_calendar_parse(text, &c->workflow->cycles.calendar, &why) < 0)
        fl_complain(c, fl_layers_get(group, "calendar"), "calendar: %s", why.text);
}

static void read_instant(struct fl_compile *c, const struct fl_layers *group, const char *key,
                         const char **text, struct fl_cycle *cycle, bool *has)
{
    struct fl_err why = {0};

    if (!fl_get_text(c, group, key, text) || !*text)
        return;
    if (fl_cycle_parse_in(*text, c->workflow->cycles.calendar, cycle, &why) < 0)
        fl_complain(c, fl_layers_get(group, key), "%s: %s", key, why.text);
    else
        *has = true;
}

void fl_read_cycles(struct fl_compile *c, const struct fl_layers *top)
{
    static const char *const keys[] = {"every", "from",     "stop",   "ahead", "keep",
                                       "early", "calendar", "behind", "rules"};
    struct fl_layers group = fl_layers_sub(top, "cycles");
    struct fl_cycling *cycles = &c->workflow->cycles;
    const char *from = NULL;
    const char *stop = NULL;

    if (!fl_is_group(c, top, "cycles"))
        return;
    (void)fl_only(c, &group, "cycles", keys, FL_COUNT(keys));
    (void)fl_get_period(c, &group, "keep", &cycles->keep_s);
    (void)fl_get_duration(c, &group, "early", &cycles->early_s);
    (void)fl_get_int(c, &group, "ahead", 0, AHEAD_MAX, &cycles->ahead);
    read_calendar(c, &group);
    read_behind(c, &group);
    read_instant(c, &group, "from", &from, &cycles->from, &cycles->has_from);
    read_instant(c, &group, "stop", &stop, &cycles->stop, &cycles->has_stop);
    if (cycles->has_from && cycles->has_stop && cycles->stop.s < cycles->from.s)
        fl_complain(c, fl_layers_get(&group, "stop"), "stop %s lies before from %s", stop, from);
    read_every(c, &group);
    if (fl_layers_get(&group, "rules"))
        read_rules(c, &group);
}

/* "+PT3H20M": so long after the cycle. */
static bool read_offset(struct fl_compile *c, const struct fl_layers *layers, const char *key,
                        int64_t *seconds)
{
    if (!fl_layers_get(layers, key) || !fl_get_duration(c, layers, key, seconds))
        return false;
    if (c->workflow->cycles.calendar == FL_CALENDAR_STANDARD)
        return true;
    fl_complain(c, fl_layers_get(layers, key),
                "'%s' is a time of the clock; a workflow in another calendar than the standard one "
                "has none",
                key);
    return false;
}

static void read_part(struct fl_compile *c, const struct fl_layers *layers, struct fl_stage *stage)
{
    const struct fl_cycling *cycles = &c->workflow->cycles;
    struct fl_known names = {.count = 0};
    const char *only = NULL;
    const char *rule = NULL;

    if (fl_get_text(c, layers, "only", &only) && only) {
        if (strcmp(only, "first") == 0)
            stage->only = FL_ONLY_FIRST;
        else if (strcmp(only, "later") == 0)
            stage->only = FL_ONLY_LATER;
        else
            fl_complain(c, fl_layers_get(layers, "only"),
                        "only = \"%.60s\"; accepted: \"first\", \"later\"", only);
    }
    if (!fl_get_text(c, layers, "cycle", &rule) || !rule)
        return;
    for (size_t i = 0; i < cycles->rule_count; i++) {
        if (strcmp(cycles->rules[i].name, rule) == 0)
            stage->recurrence = (int32_t)i;
        fl_known_add(&names, cycles->rules[i].name);
    }
    if (stage->recurrence == FL_NONE)
        fl_complain_name(c, fl_layers_get(layers, "cycle"), "cycle: no rule", rule, &names,
                         names.count ? NULL : "the names in cycles = { rules = { … }; }");
}

void fl_read_clock(struct fl_compile *c, const struct fl_layers *layers, struct fl_stage *stage)
{
    (void)fl_get_period(c, layers, "time_limit", &stage->time_limit_s);
    (void)fl_get_duration(c, layers, "grace", &stage->grace_s);
    stage->has_at = read_offset(c, layers, "at", &stage->at_s);
    stage->has_expire = read_offset(c, layers, "expire", &stage->expire_s);
    if (stage->has_expire && stage->expire_s <= (stage->has_at ? stage->at_s : 0))
        fl_complain(c, fl_layers_get(layers, "expire"),
                    "stage '%s' expires before it may start: expire must be later than %s",
                    stage->name, stage->has_at ? "at" : "the cycle");
    (void)fl_get_bool(c, layers, "optional", &stage->optional);
    (void)fl_get_int(c, layers, "priority", -PRIORITY_MAX, PRIORITY_MAX, &stage->priority);
    (void)fl_get_period(c, layers, "expect", &stage->expect_s);
    read_part(c, layers, stage);
}
