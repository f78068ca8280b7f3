/* set-parameter: another value for what has not been launched yet, for the run or for stages and
 * groups, for good or until a time. */
#include "config.h"

#include "engine/core/request.h"

#include <string.h>

#include "engine/base/json.h"

#include "engine/base/banned.h"

struct setting {
    const char *name;
    const char *value; /* NULL: back to what the workflow says */
    int64_t until_ns;
    json_t *before; /* what it was, for undo: [[stage|null, value|null, until_ns], ...] */
};

static int no_parameter(const struct fl_workflow *wf, const char *name, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf list;

    fl_buf_init(&list, FL_ERR_TEXT_MAX / 2);
    for (size_t i = 0; i < wf->param_count; i++)
        fl_buf_printf(&list, "%s%s", i ? ", " : "", wf->params[i].name);
    return fl_err_set(reterr, FL_E_NOENT, 0,
                      "workflow '%s' has no parameter '%.100s'; accepted: %s", wf->name, name,
                      list.size ? list.data : "none");
}

static int read_setting(const struct fl_asking *a, struct setting *setting, struct fl_err *reterr)
{
    const struct fl_workflow *wf = a->run->plan->workflow;
    const struct fl_param *param;
    int rc = fl_json_string(a->input->message, "name", &setting->name, reterr);

    if (rc == 0)
        rc = fl_json_string_opt(a->input->message, "value", NULL, &setting->value, reterr);
    if (rc == 0)
        rc = fl_json_int_opt(a->input->message, "until_ns", 0, &setting->until_ns, reterr);
    if (rc < 0)
        return rc;
    param = fl_workflow_param(wf, setting->name);
    if (!param)
        return no_parameter(wf, setting->name, reterr);
    if (setting->until_ns && setting->until_ns <= a->input->now_ns)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "the time until which '%s' is to hold has passed already", setting->name);
    return setting->value ? fl_param_check(param, setting->value, reterr) : 0;
}

static int set_one(const struct fl_asking *a, const struct setting *setting, const char *stage,
                   struct fl_err *reterr)
{
    const struct fl_override *was = fl_overrides_own(&a->run->overrides, stage, setting->name);
    struct fl_event *event;
    int rc;

    if (!was && !setting->value)
        return 0;
    if (setting->before &&
        json_array_append_new(setting->before,
                              json_pack("[s?, s?, I]", stage, was ? was->value : NULL,
                                        (json_int_t)(was ? was->until_ns : 0))) != 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a request");
    rc = fl_asking_emit(a, FL_EVENT_PARAM_SET, UINT32_MAX, &event, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->stage, stage, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->output, setting->name, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->text, setting->value, reterr);
    if (rc == 0)
        event->until_ns = setting->until_ns;
    return rc;
}

/* Each stage that has an instance among those that are meant. */
static int set_stages(const struct fl_asking *a, const struct setting *setting,
                      struct fl_err *reterr)
{
    const struct fl_plan *plan = a->run->plan;
    int rc = 0;

    for (size_t r = 0; r < a->range_count; r++)
        for (uint32_t i = a->ranges[r].first; rc == 0 && i < a->ranges[r].last;) {
            uint32_t s = plan->inst_stage[i];

            rc = set_one(a, setting, plan->workflow->stages[s].name, reterr);
            i = plan->stages[s].inst_first + plan->stages[s].inst_count;
        }
    return rc;
}

int fl_request_set_parameter(const struct fl_asking *asking, struct fl_err *reterr)
{
    struct setting setting = {.before = json_array()};
    size_t before = asking->events->count;
    int rc = read_setting(asking, &setting, reterr);

    if (rc == 0 && asking->run->state != FL_STATE_RUNNING)
        rc = fl_err_set(reterr, FL_E_REFUSED, 0, "run '%s' has ended: it is %s", asking->run->name,
                        fl_state_name(asking->run->state));
    if (rc == 0)
        rc = asking->whole_run ? set_one(asking, &setting, NULL, reterr)
                               : set_stages(asking, &setting, reterr);
    if (rc == 0 && asking->events->count == before)
        rc = fl_err_set(reterr, FL_E_REFUSED, 0, "'%s' is not set there", setting.name);
    if (rc == 0 && json_object_set(asking->asked, "before", setting.before) != 0)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a request");
    json_decref(setting.before);
    return rc;
}

int fl_undo_parameter(const struct fl_asking *asking, const json_t *asked, struct fl_err *reterr)
{
    struct setting setting = {0};
    size_t i;
    json_t *was;
    int rc = fl_json_string(asked, "name", &setting.name, reterr);

    json_array_foreach(json_object_get(asked, "before"), i, was)
    {
        if (rc < 0)
            return rc;
        setting.value = json_string_value(json_array_get(was, 1));
        setting.until_ns = json_integer_value(json_array_get(was, 2));
        if (setting.until_ns && setting.until_ns <= asking->input->now_ns)
            setting.value = NULL; /* its time has passed meanwhile */
        rc = set_one(asking, &setting, json_string_value(json_array_get(was, 0)), reterr);
    }
    return rc;
}
