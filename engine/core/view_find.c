/* Finding runs and instances by the names that people type, and members of the answers. */
#include "config.h"

#include "engine/core/paging.h"
#include "engine/core/view_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/text.h"
#include "engine/base/banned.h"

#define NEAREST_MAX 8

void fl_view_time(int64_t time_ns, char text[static FL_VIEW_TIME_MAX])
{
    int64_t s = time_ns / 1000000000;
    int64_t rest_ns = time_ns % 1000000000;
    char whole[FL_TIME_TEXT_MAX];
    size_t size;

    if (rest_ns < 0) {
        rest_ns += 1000000000;
        s--;
    }
    fl_cycle_format_extended((struct fl_cycle){s}, whole);
    size = strlen(whole);
    fl_assert(size > 0);
    (void)snprintf(text, FL_VIEW_TIME_MAX, "%.*s.%03dZ", (int)size - 1, whole,
                   (int)(rest_ns / 1000000)); /* fits: both parts are bounded */
}

void fl_view_put(int *rc, json_t *object, const char *key, json_t *value)
{
    if (*rc < 0)
        json_decref(value);
    else if (json_object_set_new(object, key, value) < 0)
        *rc = FL_E_NOMEM;
}

void fl_view_put_text(int *rc, json_t *object, const char *key, const char *text)
{
    json_t *value;
    char *copy;

    if (!text || *rc < 0)
        return;
    value = json_string(text);
    if (!value) {
        copy = strdup(text);
        if (copy)
            fl_text_clean(copy);
        value = copy ? json_string(copy) : NULL;
        free(copy);
    }
    fl_view_put(rc, object, key, value);
}

void fl_view_put_int(int *rc, json_t *object, const char *key, int64_t value)
{
    fl_view_put(rc, object, key, json_integer((json_int_t)value));
}

void fl_view_put_time(int *rc, json_t *object, const char *key, int64_t time_ns)
{
    char text[FL_VIEW_TIME_MAX];

    if (time_ns == 0)
        return;
    fl_view_time(time_ns, text);
    fl_view_put_text(rc, object, key, text);
}

void fl_view_put_marks(int *rc, json_t *object, const char *key, const json_t *marks)
{
    fl_view_put(rc, object, key, marks ? json_deep_copy(marks) : json_array());
}

int fl_view_done(int rc, struct fl_err *reterr)
{
    return rc == FL_E_NOMEM ? fl_err_set(reterr, rc, 0, "no memory for an answer") : rc;
}

/* Names at a small distance from one that does not exist, nearest first. */
struct nearest {
    const char *wanted;
    const char *names[NEAREST_MAX];
    size_t distances[NEAREST_MAX];
    size_t count;
    size_t seen;
};

static void nearest_look(struct nearest *nearest, const char *name)
{
    size_t d = fl_text_distance(nearest->wanted, name);
    size_t at = nearest->count;

    nearest->seen++;
    while (at > 0 && nearest->distances[at - 1] > d)
        at--;
    if (at == NEAREST_MAX)
        return;
    if (nearest->count < NEAREST_MAX)
        nearest->count++;
    memmove(&nearest->names[at + 1], &nearest->names[at],
            (nearest->count - at - 1) * sizeof(*nearest->names));
    memmove(&nearest->distances[at + 1], &nearest->distances[at],
            (nearest->count - at - 1) * sizeof(*nearest->distances));
    nearest->names[at] = name;
    nearest->distances[at] = d;
}

static void nearest_text(const struct nearest *nearest, struct fl_buf *out)
{
    for (size_t i = 0; i < nearest->count; i++)
        fl_buf_printf(out, "%s%s", i ? ", " : "", nearest->names[i]);
    if (nearest->seen > nearest->count)
        fl_buf_printf(out, " and %zu more", nearest->seen - nearest->count);
}

int fl_view_find_run(const struct fl_core *core, const char *name, const struct fl_run **ret_run,
                     struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf list;
    struct nearest nearest = {.wanted = name};
    char text[FL_ERR_TEXT_MAX];
    const struct fl_run *run;

    fl_assert(ret_run);
    fl_buf_init(&list, FL_ERR_TEXT_MAX);
    if (name && fl_core_is_paged(core, name)) {
        fl_paged_text(name, text, sizeof(text));
        return fl_err_set(reterr, FL_E_NOENT, 0, "%s", text);
    }
    if (core->live_runs == 0)
        return fl_err_set(reterr, FL_E_NOENT, 0, "there are no runs yet");
    run = name ? fl_core_run(core, name) : NULL;
    for (size_t i = core->run_count; !name && !run && i-- > 0;)
        run = core->runs[i];
    if (!run) {
        for (size_t i = core->run_count; i-- > 0;)
            if (core->runs[i])
                nearest_look(&nearest, core->runs[i]->name);
        nearest_text(&nearest, &list);
        return fl_err_set(reterr, FL_E_NOENT, 0, "there is no run '%.200s'; there is: %s", name,
                          list.data);
    }
    *ret_run = run;
    return 0;
}

static int no_stage(const struct fl_run *run, const char *name, struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    fl_auto(fl_buf_release) struct fl_buf list;
    struct nearest nearest = {.wanted = name};

    fl_buf_init(&list, FL_ERR_TEXT_MAX);
    for (size_t s = 0; s < wf->stage_count; s++)
        nearest_look(&nearest, wf->stages[s].name);
    nearest_text(&nearest, &list);
    return fl_err_set(reterr, FL_E_NOENT, 0, "run '%s' has no stage '%.100s'; it has: %s",
                      run->name, name, list.data);
}

/* Splits "prep(m01,+003)" or "prep +003" at its mark. */
static bool split(char *text, char key[static FL_KEY_TEXT_MAX])
{
    char *mark = strpbrk(text, "( ");
    const char *from;
    size_t size;

    if (!mark || mark == text)
        return false;
    *mark = '\0';
    from = mark + 1 + strspn(mark + 1, " (");
    size = strcspn(from, ") ");
    if (size == 0 || size >= FL_KEY_TEXT_MAX)
        return false;
    memcpy(key, from, size);
    key[size] = '\0';
    return true;
}

/* "prep.m01.f003": what stands before a dot is the stage, the rest its members. A transfer has dots
 * in its name. */
static bool split_dots(const struct fl_run *run, char *text, char key[static FL_KEY_TEXT_MAX])
{
    for (size_t at = strlen(text); at-- > 1;) {
        if (text[at] != '.' || fl_workflow_stage(run->plan->workflow, text, at) == FL_NONE)
            continue;
        (void)snprintf(key, FL_KEY_TEXT_MAX, "%s", text + at + 1); /* what is cut is not found */
        text[at] = '\0';
        return true;
    }
    text[strcspn(text, ".")] = '\0';
    return false;
}

int fl_view_find(const struct fl_run *run, const char *which, struct fl_view_which *ret_which,
                 struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    int32_t s = fl_workflow_stage(wf, which, strlen(which));
    bool dotted = !strpbrk(which, "( ");
    char text[FL_CORE_ID_MAX];
    char key[FL_KEY_TEXT_MAX];
    int rc;

    fl_assert(ret_which);
    if (s != FL_NONE) {
        *ret_which = (struct fl_view_which){(uint32_t)s, run->plan->stages[s].inst_first,
                                            run->plan->stages[s].inst_count};
        return 0;
    }
    (void)snprintf(text, sizeof(text), "%s", which); /* a name that is cut is not found */
    if (!(dotted ? split_dots(run, text, key) : split(text, key)))
        return no_stage(run, text, reterr);
    s = fl_workflow_stage(wf, text, strlen(text));
    if (s == FL_NONE)
        return no_stage(run, text, reterr);
    ret_which->stage = (uint32_t)s;
    rc = fl_run_find_members(run, s, key, dotted, &ret_which->first, &ret_which->count, reterr);
    if (rc < 0 && !dotted && /* "prep(f003)" is understood, too */
        fl_run_find_members(run, s, key, true, &ret_which->first, &ret_which->count, NULL) == 0)
        rc = 0;
    return rc;
}

void fl_view_plain(const struct fl_run *run, uint32_t inst, char *text, size_t size)
{
    fl_inst_plain(run, inst, text, size);
}

void fl_view_slot_title(const struct fl_run *run, uint32_t slot, char *text, size_t size)
{
    const struct fl_plan_slot *ps = &run->plan->slots[slot];
    const struct fl_stage *stage = &run->plan->workflow->stages[ps->stage];
    char key[FL_KEY_TEXT_MAX];

    fl_plan_slot_key(run->plan, slot, key);
    (void)snprintf(text, size, "%s.%s%s%s%s", stage->name, stage->outputs[ps->output].name,
                   *key ? "(" : "", key, *key ? ")" : ""); /* names are bounded */
}
