/* Overrides of parameters, a short list that is searched through. */
#include "config.h"

#include "engine/core/params.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static struct fl_override *own(const struct fl_overrides *overrides, const char *stage,
                               const char *name)
{
    for (size_t i = 0; i < overrides->count; i++)
        if (strcmp(overrides->items[i].name, name) == 0 && same(overrides->items[i].stage, stage))
            return &overrides->items[i];
    return NULL;
}

const struct fl_override *fl_overrides_own(const struct fl_overrides *overrides, const char *stage,
                                           const char *name)
{
    return own(overrides, stage, name);
}

const struct fl_override *fl_overrides_find(const struct fl_overrides *overrides, const char *stage,
                                            const char *name)
{
    const struct fl_override *found = stage ? own(overrides, stage, name) : NULL;

    return found ? found : own(overrides, NULL, name);
}

static void override_release(struct fl_override *override)
{
    free(override->stage);
    free(override->name);
    free(override->value);
}

static void take_back(struct fl_overrides *overrides, struct fl_override *at)
{
    override_release(at);
    *at = overrides->items[--overrides->count];
}

int fl_overrides_set(struct fl_overrides *overrides, const char *stage, const char *name,
                     const char *value, int64_t until_ns, struct fl_err *reterr)
{
    struct fl_override *at = own(overrides, stage, name);
    struct fl_override made = {.until_ns = until_ns};
    struct fl_override *items;

    if (!value) {
        if (at)
            take_back(overrides, at);
        return 0;
    }
    if (!at && overrides->count == FL_CORE_OVERRIDES_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "more than %d parameters are set in the run",
                          FL_CORE_OVERRIDES_MAX);
    items = realloc(overrides->items, (overrides->count + 1) * sizeof(*items));
    if (items)
        overrides->items = items;
    made.stage = stage ? strdup(stage) : NULL;
    made.name = strdup(name);
    made.value = strdup(value);
    if (!items || !made.name || !made.value || (stage && !made.stage)) {
        override_release(&made);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a parameter");
    }
    at = own(overrides, stage, name);
    if (at)
        take_back(overrides, at);
    overrides->items[overrides->count++] = made;
    return 0;
}

void fl_overrides_release(struct fl_overrides *overrides)
{
    for (size_t i = 0; i < overrides->count; i++)
        override_release(&overrides->items[i]);
    free(overrides->items);
    *overrides = (struct fl_overrides){0};
}

int64_t fl_overrides_next_ns(const struct fl_overrides *overrides)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < overrides->count; i++)
        if (overrides->items[i].until_ns && overrides->items[i].until_ns < next)
            next = overrides->items[i].until_ns;
    return next;
}

static bool is_int(const char *value)
{
    char *end = NULL;

    errno = 0;
    (void)strtoll(value, &end, 10);
    return *value && *end == '\0' && errno == 0;
}

static bool is_real(const char *value)
{
    char *end = NULL;
    double number = strtod(value, &end);

    return *value && *end == '\0' && isfinite(number);
}

static bool is_text(const char *value)
{
    for (; *value; value++)
        if ((unsigned char)*value < 0x20)
            return false;
    return true;
}

int fl_param_check(const struct fl_param *param, const char *value, struct fl_err *reterr)
{
    static const char *const accepted[] = {
        [FL_PARAM_INT] = "a whole number of 64 bits",
        [FL_PARAM_REAL] = "a number",
        [FL_PARAM_BOOL] = "true or false",
        [FL_PARAM_TEXT] = "a text of at most 1000 bytes without control characters",
    };
    _Static_assert(FL_CORE_PARAM_BYTES_MAX == 1000, "what is said above");
    bool good = strnlen(value, FL_CORE_PARAM_BYTES_MAX + 1) <= FL_CORE_PARAM_BYTES_MAX;

    switch (param->type) {
    case FL_PARAM_INT:
        good = good && is_int(value);
        break;
    case FL_PARAM_REAL:
        good = good && is_real(value);
        break;
    case FL_PARAM_BOOL:
        good = good && (strcmp(value, "true") == 0 || strcmp(value, "false") == 0);
        break;
    case FL_PARAM_TEXT:
        good = good && is_text(value);
        break;
    }
    return good ? 0
                : fl_err_set(reterr, FL_E_USAGE, 0,
                             "parameter '%s' cannot be '%.100s'; accepted: %s", param->name, value,
                             accepted[param->type]);
}
