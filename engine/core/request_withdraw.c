/* withdraw: products found bad after delivery are recalled. The record comes first; the workers of
 * the destinations then move them aside. */
#include "config.h"

#include "engine/core/custody.h"
#include "engine/core/request.h"

#include <string.h>

#include "engine/base/json.h"
#include "engine/base/path.h"

#include "engine/base/banned.h"

/* True when an instance of a delivery took a file of that name. */
static int takes_file(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                      const char *file, bool *ret_found, struct fl_err *reterr)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    fl_auto(fl_picks_release) struct fl_picks picks = {0};
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < stage->input_count; i++) {
        enum fl_resolve result;
        uint32_t doom;

        rc = fl_resolve_input(core, run, inst, i, &picks, NULL, &result, &doom, reterr);
    }
    for (size_t p = 0; rc == 0 && p < picks.count && !*ret_found; p++) {
        char name[FL_PATH_MAX];

        fl_input_file(run, inst, &picks.items[p], name);
        *ret_found = strcmp(name, file) == 0;
    }
    return rc;
}

bool fl_custody_delivered(const struct fl_core *core, const struct fl_run *run, uint32_t delivery,
                          const char *file)
{
    const struct fl_plan_stage *ps = &run->plan->stages[run->plan->deliveries[delivery]];
    bool found = false;

    for (uint32_t i = ps->inst_first; !found && i < ps->inst_first + ps->inst_count; i++)
        if (run->insts[i].try_count > 0 && takes_file(core, run, i, file, &found, NULL) < 0)
            return false;
    return found;
}

static int check_file(const struct fl_asking *a, const char *file, struct fl_err *reterr)
{
    const struct fl_plan *plan = a->run->plan;
    const struct fl_workflow *wf = plan->workflow;
    bool found = false;

    for (uint32_t d = 0; d < plan->delivery_count; d++) {
        const char *site = wf->sites[wf->pools[wf->stages[plan->deliveries[d]].pool].site].name;

        if (!fl_custody_delivered(a->core, a->run, d, file))
            continue;
        found = true;
        if (!fl_custody_worker(a->core, site))
            return fl_err_set(reterr, FL_E_REFUSED, 0,
                              "'%.200s' was delivered to site '%s', whose worker cannot be reached "
                              "now; on that host: fairlead-transfer withdraw PRODUCTS --set '%s' "
                              "--why TEXT '%.200s'",
                              file, site, a->run->name, file);
    }
    if (!found)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "run '%s' has delivered no file '%.200s' (fairlead custody '%s' lists "
                          "what it has)",
                          a->run->name, file, a->run->name);
    return 0;
}

int fl_request_withdraw(const struct fl_asking *a, struct fl_err *reterr)
{
    const json_t *files = NULL;
    int rc = fl_json_array_opt(a->input->message, "files", &files, reterr);

    if (rc == 0 && (json_array_size(files) == 0 || !a->input->why || !*a->input->why))
        rc = fl_err_set(reterr, FL_E_USAGE, 0,
                        "a withdrawal names files, and says why (--why TEXT): their readers are "
                        "told");
    for (size_t i = 0; rc == 0 && i < json_array_size(files); i++) {
        const char *file = json_string_value(json_array_get(files, i));
        struct fl_event *event;

        rc = file ? check_file(a, file, reterr)
                  : fl_err_set(reterr, FL_E_PARSE, 0, "'files' must be a list of texts");
        if (rc == 0)
            rc = fl_asking_emit(a, FL_EVENT_PRODUCT_WITHDRAWN, UINT32_MAX, &event, reterr);
        if (rc == 0)
            rc = fl_event_set_text(event, &event->path, file, reterr);
    }
    return rc;
}

int fl_withdraw_effects(const struct fl_core *core, const struct fl_run *run,
                        const struct fl_event *event, struct fl_effects *effects,
                        struct fl_err *reterr)
{
    const struct fl_plan *plan = run->plan;
    const struct fl_workflow *wf = plan->workflow;
    int rc = 0;

    for (uint32_t d = 0; rc == 0 && d < plan->delivery_count; d++) {
        const char *site = wf->sites[wf->pools[wf->stages[plan->deliveries[d]].pool].site].name;
        const struct fl_worker *worker = fl_custody_worker(core, site);

        if (worker && fl_custody_delivered(core, run, d, event->path))
            rc =
                fl_effects_add(effects, worker->name,
                               json_pack("{s:s,s:s,s:s,s:s,s:s*,s:s*,s:I}", "type", "withdraw",
                                         "run", run->name, "site", site, "file", event->path, "why",
                                         event->why, "who", event->who, "delivery", (json_int_t)d),
                               reterr);
    }
    return rc;
}

int fl_apply_withdrawn(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr)
{
    (void)core; /* it is for the record, and for those who follow it */
    (void)event;
    (void)reterr;
    return 0;
}
