/* Degraded marks: what was substituted, and how old it is. */
#include "config.h"

#include "engine/core/state.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

static bool has_mark(const json_t *marks, const json_t *mark)
{
    for (size_t i = 0; i < json_array_size(marks); i++)
        if (json_equal(json_array_get(marks, i), mark))
            return true;
    return false;
}

int fl_marks_add(json_t **marks, const json_t *more, struct fl_err *reterr)
{
    json_t *copy = NULL;

    for (size_t i = 0; i < json_array_size(more); i++) {
        json_t *mark = json_array_get(more, i);

        if (has_mark(copy ? copy : *marks, mark) ||
            json_array_size(copy ? copy : *marks) >= FL_CORE_MARKS_MAX)
            continue;
        if (!copy)
            copy = *marks ? json_copy(*marks) : json_array();
        if (json_array_append(copy, mark) < 0) {
            json_decref(copy);
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a degraded mark");
        }
    }
    if (copy) {
        json_decref(*marks);
        *marks = copy;
    }
    return 0;
}

int fl_marks_add_one(json_t **marks, const char *cause, const char *age, struct fl_err *reterr)
{
    fl_json_auto json_t *one = age ? json_pack("[{s:s,s:s}]", "cause", cause, "age", age)
                                   : json_pack("[{s:s}]", "cause", cause);

    if (!one)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a degraded mark");
    return fl_marks_add(marks, one, reterr);
}

int fl_marks_drop(json_t **marks, const char *start, struct fl_err *reterr)
{
    fl_json_auto json_t *kept = json_array();
    size_t i;
    json_t *mark;

    json_array_foreach(*marks, i, mark)
    {
        const char *cause = json_string_value(json_object_get(mark, "cause"));

        if (cause && strncmp(cause, start, strlen(start)) == 0)
            continue;
        if (!kept || json_array_append(kept, mark) < 0)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for degraded marks");
    }
    json_decref(*marks);
    *marks = json_array_size(kept) > 0 ? json_incref(kept) : NULL;
    return 0;
}

json_t *fl_marks_parse(const char *text)
{
    json_t *marks = NULL;

    if (!text || fl_json_parse(text, strlen(text), &marks, NULL) < 0)
        return NULL;
    if (json_is_array(marks) && json_array_size(marks) > 0)
        return marks;
    json_decref(marks);
    return NULL;
}

int fl_marks_hand_on(json_t **marks, const json_t *earlier, struct fl_err *reterr)
{
    static const char through[] = "through an earlier cycle: ";
    int rc = 0;
    size_t i;
    json_t *mark;

    json_array_foreach(earlier, i, mark)
    {
        const char *cause = json_string_value(json_object_get(mark, "cause"));
        char text[FL_CORE_REASON_MAX];

        if (rc < 0)
            return rc;
        if (!cause || strncmp(cause, through, sizeof(through) - 1) == 0)
            continue;
        (void)snprintf(text, sizeof(text), "%s%.900s", through, cause); /* cut when too long */
        rc = fl_marks_add_one(marks, text, json_string_value(json_object_get(mark, "age")), reterr);
    }
    return rc;
}
