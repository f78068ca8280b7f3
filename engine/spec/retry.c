/* Another attempt: `retry`, the short form, and `on`, rules by the cause of the end. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define TRIES_DEFAULT 3
#define TRIES_MAX 100
#define DELAY_DEFAULT_S 5
#define GROW_DEFAULT 2.0
#define GROW_MAX 10.0
#define SIGNAL_MAX 64

static const char *const rule_keys[] = {"tries", "delay", "grow", "overlap"};
static const char *const causes[] = {"lost", "timed-out", "check", "transient", "limit",
                                     "data", "config",    "bug",   "any"};

static void read_retry(struct fl_compile *c, const struct fl_layers *layers, struct fl_retry *retry)
{
    struct fl_layers group = fl_layers_sub(layers, "retry");

    *retry =
        (struct fl_retry){.tries = TRIES_DEFAULT, .delay_s = DELAY_DEFAULT_S, .grow = GROW_DEFAULT};
    if (!fl_is_group(c, layers, "retry"))
        return;
    (void)fl_only(c, &group, "retry", rule_keys, FL_COUNT(rule_keys) - 1);
    (void)fl_get_int(c, &group, "tries", 1, TRIES_MAX, &retry->tries);
    (void)fl_get_duration(c, &group, "delay", &retry->delay_s);
    (void)fl_get_real(c, &group, "grow", 1.0, GROW_MAX, &retry->grow);
}

/* The number of "exit_75" and "signal_9", which has one spelling. */
static bool numbered(const char *cause, const char *prefix, long max)
{
    size_t size = strlen(prefix);
    const char *digits = cause + size;
    char *end = NULL;
    long value;

    if (strncmp(cause, prefix, size) != 0 || !isdigit((unsigned char)*digits) || *digits == '0')
        return false;
    value = strtol(digits, &end, 10);
    return *end == '\0' && value <= max;
}

static bool is_cause(const char *cause)
{
    for (size_t i = 0; i < FL_COUNT(causes); i++) {
        if (strcmp(cause, causes[i]) == 0)
            return true;
    }
    return numbered(cause, "exit_", 255) || numbered(cause, "signal_", SIGNAL_MAX);
}

static void read_rule(struct fl_compile *c, const struct fl_layers *on, const char *cause,
                      struct fl_stage *stage)
{
    struct fl_layers group = fl_layers_sub(on, cause);
    struct fl_retry_rule *rule;

    if (!is_cause(cause)) {
        struct fl_known names = {.count = 0};

        for (size_t i = 0; i < FL_COUNT(causes); i++)
            fl_known_add(&names, causes[i]);
        fl_complain_name(c, fl_layers_get(on, cause), "on: no cause", cause, &names,
                         "exit_1 to exit_255, signal_1 to signal_64");
        return;
    }
    if (!fl_is_group(c, on, cause))
        return;
    rule = fl_grow(c, &stage->rules, &stage->rule_count, sizeof(*rule));
    if (!rule)
        return;
    fl_set_text(c, &rule->cause, cause);
    rule->tries = TRIES_DEFAULT;
    rule->delay_s = DELAY_DEFAULT_S;
    rule->grow = GROW_DEFAULT;
    (void)fl_only(c, &group, "a rule of 'on'", rule_keys, FL_COUNT(rule_keys));
    (void)fl_get_int(c, &group, "tries", 1, TRIES_MAX, &rule->tries);
    (void)fl_get_duration(c, &group, "delay", &rule->delay_s);
    (void)fl_get_real(c, &group, "grow", 1.0, GROW_MAX, &rule->grow);
    (void)fl_get_bool(c, &group, "overlap", &rule->overlap);
    if (fl_layers_get(&group, "overlap") && strcmp(cause, "lost") != 0)
        fl_complain(c, fl_layers_get(&group, "overlap"),
                    "overlap belongs to on.lost: only a lost attempt may still be running");
}

void fl_read_retries(struct fl_compile *c, const struct fl_layers *layers, struct fl_stage *stage)
{
    struct fl_layers on = fl_layers_sub(layers, "on");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, layers, "on") ? fl_layers_keys(c, &on, names) : 0;

    read_retry(c, layers, &stage->retry);
    for (size_t i = 0; i < count; i++)
        read_rule(c, &on, names[i], stage);
}
