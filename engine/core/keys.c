/* The names that instances, attempts and outputs go by, and finding them by these. */
#include "config.h"

#include "engine/core/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

static uint32_t dims_total(const struct fl_workflow *wf, const struct fl_dims *dims)
{
    struct fl_radix radix = fl_radix_of(wf, dims);

    return fl_radix_total(&radix);
}

const char *fl_inst_key(const struct fl_run *run, uint32_t inst, char text[static FL_KEY_TEXT_MAX])
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);

    if (stage->dims.count == 0)
        return NULL;
    fl_key_format(run->plan->workflow, &stage->dims, fl_plan_inst_k(run->plan, inst), text);
    return text;
}

void fl_inst_title(const struct fl_run *run, uint32_t inst, char *text, size_t size)
{
    char key[FL_KEY_TEXT_MAX];
    const char *name = fl_inst_stage(run, inst)->name;

    if (fl_inst_key(run, inst, key))
        (void)snprintf(text, size, "%s(%s)", name, key); /* cut when too long */
    else
        (void)snprintf(text, size, "%s", name);
}

void fl_inst_plain(const struct fl_run *run, uint32_t inst, char *text, size_t size)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    char key[FL_KEY_TEXT_MAX] = "";

    fl_key_format_file(run->plan->workflow, &stage->dims, fl_plan_inst_k(run->plan, inst), key);
    (void)snprintf(text, size, "%s%s%s", stage->name, *key ? "." : "", key); /* checked: it fits */
}

void fl_attempt_id(const struct fl_run *run, uint32_t inst, uint32_t attempt, char *text,
                   size_t size)
{
    char plain[FL_CORE_ID_MAX];
    int used;

    fl_inst_plain(run, inst, plain, sizeof(plain));
    used = snprintf(text, size, "%s/%s/%u", run->name, plain, attempt);
    fl_assert(used > 0 && (size_t)used < size);
}

int fl_run_find(const struct fl_run *run, const char *stage, const char *key, uint32_t *ret_inst,
                struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_dims *dims;
    uint32_t k = 0;
    uint32_t s;
    int rc;

    if (!fl_names_find(&run->plan->stage_names, stage, &s))
        return fl_err_set(reterr, FL_E_NOENT, 0, "run '%s' has no stage '%.100s'", run->name,
                          stage);
    dims = &wf->stages[s].dims;
    if (dims->count == 0 && key)
        return fl_err_set(reterr, FL_E_NOENT, 0, "stage '%s' has one instance, without a key",
                          stage);
    if (dims->count > 0 && !key)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "stage '%s' has an instance for each of '%s': say"
                          " which",
                          stage, wf->sets[dims->sets[0]].name);
    rc = key ? fl_key_parse(wf, dims, key, &k, reterr) : 0;
    if (rc < 0)
        return fl_err_note(reterr, rc, "stage '%s'", stage);
    *ret_inst = run->plan->stages[s].inst_first + k;
    return 0;
}

int fl_run_find_members(const struct fl_run *run, int32_t stage, const char *key, bool file,
                        uint32_t *ret_first, uint32_t *ret_count, struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    struct fl_dims some = wf->stages[stage].dims;
    size_t count = 1;
    uint32_t k = 0;
    int rc;

    for (const char *c = key; *c; c++)
        count += *c == (file ? '.' : ',');
    if (some.count == 0)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "stage '%s' has one instance, without a key: say '%s'",
                          wf->stages[stage].name, wf->stages[stage].name);
    if (count < some.count)
        some.count = count;
    rc = file ? fl_key_parse_file(wf, &some, key, &k, reterr)
              : fl_key_parse(wf, &some, key, &k, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "stage '%s'", wf->stages[stage].name);
    *ret_count = run->plan->stages[stage].inst_count / dims_total(wf, &some);
    *ret_first = run->plan->stages[stage].inst_first + k * *ret_count;
    return 0;
}

int fl_run_find_plain(const struct fl_run *run, const char *text, uint32_t *ret_inst,
                      struct fl_err *reterr)
{
    const struct fl_workflow *wf = run->plan->workflow;
    size_t size = strnlen(text, FL_CORE_ID_MAX - 1);
    char name[FL_CORE_ID_MAX];

    memcpy(name, text, size);
    for (size_t dots = 0; dots <= FL_DIMS_MAX; dots++) {
        uint32_t k = 0;
        uint32_t s;

        name[size] = '\0';
        if (fl_names_find(&run->plan->stage_names, name, &s) && wf->stages[s].dims.count == dots) {
            int rc =
                dots ? fl_key_parse_file(wf, &wf->stages[s].dims, text + size + 1, &k, reterr) : 0;

            if (rc < 0)
                return fl_err_note(reterr, rc, "stage '%s'", wf->stages[s].name);
            *ret_inst = run->plan->stages[s].inst_first + k;
            return 0;
        }
        while (size > 0 && text[size - 1] != '.')
            size--;
        if (size == 0)
            break;
        size--; /* the dot */
    }
    return fl_err_set(reterr, FL_E_NOENT, 0, "no instance '%.100s' in run '%s'", text, run->name);
}

int fl_core_find_attempt(const struct fl_core *core, const char *id, struct fl_inst_ref *ret_ref,
                         uint32_t *ret_attempt, struct fl_err *reterr)
{
    char copy[FL_CORE_ID_MAX];
    size_t size = strnlen(id, sizeof(copy));
    char *last;
    char *middle;
    struct fl_run *run;
    unsigned long number;
    char *end;
    int rc;

    if (size == sizeof(copy))
        return fl_err_set(reterr, FL_E_NOENT, 0, "no attempt '%.100s…'", id);
    memcpy(copy, id, size + 1);
    last = strrchr(copy, '/');
    if (last)
        *last++ = '\0';
    middle = strrchr(copy, '/');
    if (!last || !middle)
        return fl_err_set(reterr, FL_E_NOENT, 0, "'%.100s' is not the id of an attempt", id);
    *middle++ = '\0';
    run = fl_core_run(core, copy);
    if (!run)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no run '%.100s'", copy);
    rc = fl_run_find_plain(run, middle, &ret_ref->inst, reterr);
    if (rc < 0)
        return rc;
    number = strtoul(last, &end, 10);
    if (!*end && end != last && number == run->insts[ret_ref->inst].try_count + 1UL &&
        !fl_state_is_end(run->state))
        return fl_err_set(reterr, FL_E_NOT_YET, 0, "attempt '%.100s' was not launched yet", id);
    if (*end || end == last || number < 1 || number > run->insts[ret_ref->inst].try_count)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no attempt '%.100s'", id);
    ret_ref->run = run;
    *ret_attempt = (uint32_t)number;
    return 0;
}

/* What an output without a set of its own may be told by: any member of its instance. */
static bool is_own_member(const struct fl_run *run, uint32_t inst, const char *text)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_dims *dims = &fl_inst_stage(run, inst)->dims;
    struct fl_radix radix = fl_radix_of(wf, dims);
    uint32_t members[FL_DIMS_MAX];

    fl_radix_split(&radix, fl_plan_inst_k(run->plan, inst), members);
    for (size_t d = 0; d < dims->count; d++)
        if (fl_set_find(&wf->sets[dims->sets[d]], text, strlen(text)) == members[d])
            return true;
    return false;
}

int fl_run_find_slot(const struct fl_run *run, uint32_t inst, const char *output, const char *lead,
                     uint32_t *ret_slot, struct fl_err *reterr)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_workflow *wf = run->plan->workflow;
    int32_t o = fl_stage_output(stage, output, strlen(output));
    const struct fl_set *set;
    int64_t m = 0;

    if (o == FL_NONE)
        return fl_err_set(reterr, FL_E_NOENT, 0, "stage '%s' declares no output '%.100s'",
                          stage->name, output);
    set = stage->outputs[o].set == FL_NONE ? NULL : &wf->sets[stage->outputs[o].set];
    if (!set && lead && stage->dims.count == 0)
        return fl_err_set(reterr, FL_E_NOENT, 0, "output '%s' has no lead, not %.40s", output,
                          lead);
    if (!set && lead && !is_own_member(run, inst, lead))
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "output '%s' of this instance is not that of %.40s", output, lead);
    if (set && !lead)
        return fl_err_set(reterr, FL_E_NOENT, 0, "output '%s' needs its member of '%s'", output,
                          set->name);
    if (set)
        m = fl_set_find(set, lead, strlen(lead));
    if (m < 0)
        return fl_err_set(reterr, FL_E_NOENT, 0, "output '%s' has no %s %.40s", output,
                          set->kind == FL_SET_LEADS ? "lead" : "member", lead);
    *ret_slot = fl_plan_inst_slot(run->plan, inst, (size_t)o) + (uint32_t)m;
    return 0;
}
