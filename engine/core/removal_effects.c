/* What workers are told of a removal, made from the state alone. */
#include "config.h"

#include "engine/core/custody.h"

#include <string.h>

#include "engine/base/json.h"
#include "engine/base/path.h"

#include "engine/base/banned.h"

static void add_kept(const struct fl_run *run, uint32_t inst, uint32_t slot, json_t *keep,
                     json_t *go)
{
    const struct fl_slot *at = &run->slots[slot];
    const char *path = at->state == FL_SLOT_ACCEPTED ? fl_slot_path(at) : NULL;
    char id[FL_CORE_ID_MAX];
    size_t size;

    fl_attempt_id(run, inst, 1, id, sizeof(id));
    size = strlen("work/") + strlen(id) - 1; /* the number is the path's own */
    if (!path || strlen(path) <= size)
        return;
    (void)json_array_append_new(at->made->gone == FL_GONE_NO ? keep : go,
                                json_string(path + size)); /* a lack is seen in the count below */
}

/* {"name":"post.f006","attempts":2,"clear":true,"keep":["1/out/…"],"go":["2/out/…"]} */
static json_t *folder_of(const struct fl_run *run, uint32_t inst)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    json_t *keep = json_array();
    json_t *go = json_array();
    char name[FL_CORE_ID_MAX];

    for (size_t o = 0; keep && go && o < stage->output_count; o++) {
        uint32_t first = fl_plan_inst_slot(run->plan, inst, o);
        uint32_t own = run->plan->stages[run->plan->inst_stage[inst]].slot_own[o];

        for (uint32_t i = 0; i < own; i++)
            add_kept(run, inst, first + i, keep, go);
    }
    fl_inst_plain(run, inst, name, sizeof(name));
    return json_pack("{s:s,s:i,s:b,s:o,s:o}", "name", name, "attempts",
                     (int)run->insts[inst].try_count, "clear", !run->removal.cleared, "keep", keep,
                     "go", go);
}

static json_t *removal_message(const struct fl_run *run)
{
    json_t *folders = json_array();

    for (uint32_t i = run->removal.first; folders && i < run->removal.last; i++)
        if (run->insts[i].try_count > 0 && json_array_append_new(folders, folder_of(run, i)) < 0) {
            json_decref(folders);
            return NULL;
        }
    return json_pack("{s:s,s:s,s:s,s:I,s:I,s:o}", "type", "remove", "run", run->name, "site",
                     fl_custody_in_charge(run), "first", (json_int_t)run->removal.first, "last",
                     (json_int_t)run->removal.last, "folders", folders);
}

static int add_file(const struct fl_run *run, uint32_t slot, json_t *files, struct fl_err *reterr)
{
    char file[FL_PATH_MAX];
    struct fl_pick pick = {.run = run, .slot = slot};
    uint32_t taker;

    if (!run->slots[slot].made || run->slots[slot].made->gone != FL_GONE_DONE ||
        !fl_custody_taker(run, run->removal.noting, slot, &taker, &pick.input))
        return 0;
    fl_input_file(run, taker, &pick, file);
    if (json_array_append_new(files, json_string(file)) < 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for messages to workers");
    return 0;
}

/* Of the site file, with a ledger of its own; NULL: the products folder. */
static const char *destination_of(const struct fl_stage *delivery)
{
    for (size_t i = 0; i + 1 < delivery->args.count; i++)
        if (strcmp(delivery->args.items[i], "--destination") == 0)
            return delivery->args.items[i + 1];
    return NULL;
}

static int note_message(const struct fl_run *run, json_t **ret_message, struct fl_err *reterr)
{
    json_t *files = json_array();
    int rc = files ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for messages to workers");

    for (uint32_t i = run->removal.first; rc == 0 && i < run->removal.last; i++) {
        const struct fl_stage *stage = fl_inst_stage(run, i);

        for (size_t o = 0; rc == 0 && o < stage->output_count; o++) {
            uint32_t first = fl_plan_inst_slot(run->plan, i, o);
            uint32_t own = run->plan->stages[run->plan->inst_stage[i]].slot_own[o];

            for (uint32_t n = 0; rc == 0 && n < own; n++)
                rc = add_file(run, first + n, files, reterr);
        }
    }
    if (rc < 0) {
        json_decref(files);
        return rc;
    }
    *ret_message = json_pack(
        "{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:o,s:s*}", "type", "removed-at-source", "run", run->name,
        "site", fl_custody_in_charge(run), "source", fl_custody_site(run, run->removal.first),
        "first", (json_int_t)run->removal.first, "last", (json_int_t)run->removal.last, "delivery",
        (json_int_t)run->removal.noting, "files", files, "destination",
        destination_of(&run->plan->workflow->stages[run->plan->deliveries[run->removal.noting]]));
    return 0;
}

int fl_custody_effects(const struct fl_core *core, const struct fl_run *run,
                       const struct fl_worker *worker, struct fl_effects *effects,
                       struct fl_err *reterr)
{
    const struct fl_worker *in_charge;
    json_t *message = NULL;
    int rc = 0;

    if (run->removal.phase == FL_REMOVAL_IDLE)
        return 0;
    in_charge = fl_custody_worker(core, fl_custody_in_charge(run));
    if (!in_charge || (worker && worker != in_charge))
        return 0;
    if (run->removal.phase == FL_REMOVAL_ASKED)
        message = removal_message(run);
    else
        rc = note_message(run, &message, reterr);
    return rc < 0 ? rc : fl_effects_add(effects, in_charge->name, message, reterr);
}
