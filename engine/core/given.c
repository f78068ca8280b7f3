/* Files that instances wait for: who watches for them, and what follows when one is there. */
#include "config.h"

#include "engine/core/given.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/terms.h"

#include "engine/base/banned.h"

#define WATCH_ID_MAX (FL_CORE_ID_MAX + 32)

static bool is_waiting_for(const struct fl_run *run, uint32_t inst, uint32_t leaf)
{
    if (run->insts[inst].state != FL_STATE_WAITING && run->insts[inst].state != FL_STATE_HELD)
        return false;
    for (size_t i = 0; i < run->arrival_count; i++)
        if (run->arrivals[i].inst == inst && run->arrivals[i].leaf == leaf)
            return false;
    return true;
}

static bool serves(const struct fl_core *core, const struct fl_worker *worker, const char *site)
{
    for (size_t i = 0; !worker->gone && i < worker->site_count; i++)
        if (strcmp(fl_core_word(core, worker->sites[i].site), site) == 0)
            return true;
    return false;
}

struct watching {
    const struct fl_core *core;
    const struct fl_run *run;
    const struct fl_worker *worker; /* NULL: all */
    struct fl_effects *effects;
    struct fl_err *reterr;
};

/* "surge/20261124T0000Z|wait|+006|0": instance and leaf, with what no name has in it. */
static void watch_id(const struct fl_run *run, uint32_t inst, uint32_t leaf,
                     char text[static WATCH_ID_MAX])
{
    char key[FL_KEY_TEXT_MAX];
    const char *of = fl_inst_key(run, inst, key);

    (void)snprintf(text, WATCH_ID_MAX, "%s|%s|%s|%u", run->name, fl_inst_stage(run, inst)->name,
                   of ? of : "", leaf);
}

static int watch_leaf(const struct watching *w, uint32_t inst, uint32_t leaf)
{
    const struct fl_workflow *wf = w->run->plan->workflow;
    const struct fl_stage *stage = fl_inst_stage(w->run, inst);
    const char *site = wf->sites[wf->pools[stage->pool].site].name;
    const struct fl_expr *when = &w->run->plan->stages[w->run->plan->inst_stage[inst]].when;
    fl_auto(fl_buf_release) struct fl_buf path;
    char id[WATCH_ID_MAX];
    int rc = 0;

    fl_buf_init(&path, FL_EVENT_TEXT_MAX);
    if (!is_waiting_for(w->run, inst, leaf) ||
        fl_render_path(w->core, w->run, inst, when->leaves[leaf].name, &path, NULL) < 0)
        return 0; /* what cannot be rendered was refused when it was compiled */
    watch_id(w->run, inst, leaf, id);
    for (size_t i = 0; rc == 0 && i < w->core->worker_count; i++) {
        const struct fl_worker *worker = w->core->workers[i];

        if ((!w->worker || w->worker == worker) && serves(w->core, worker, site))
            rc = fl_effects_add(w->effects, worker->name,
                                json_pack("{s:s,s:s,s:s,s:s}", "type", "watch", "id", id, "site",
                                          site, "path", path.data),
                                w->reterr);
    }
    return rc;
}

int fl_watch_effects(const struct fl_core *core, const struct fl_run *run,
                     const struct fl_worker *worker, struct fl_effects *effects,
                     struct fl_err *reterr)
{
    const struct watching w = {core, run, worker, effects, reterr};
    const struct fl_plan *plan = run->plan;
    int rc = 0;

    for (size_t s = 0; plan->outside && rc == 0 && s < plan->stage_count; s++) {
        const struct fl_plan_stage *ps = &plan->stages[s];

        for (uint32_t t = 0; rc == 0 && t < ps->when.leaf_count; t++)
            for (uint32_t k = 0;
                 rc == 0 && ps->when.leaves[t].kind == FL_LEAF_FILE && k < ps->inst_count; k++)
                rc = watch_leaf(&w, ps->inst_first + k, t);
    }
    return rc;
}

bool fl_given_split(char *text, char *part[4])
{
    for (int i = 0; i < 4; i++) {
        part[i] = text;
        text = text ? strchr(text, '|') : NULL;
        if (i < 3 && !text)
            return false;
        if (text)
            *text++ = '\0';
    }
    return true;
}

int fl_decide_arrived(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr)
{
    struct fl_event *event;
    const struct fl_run *run;
    const char *id;
    const char *path;
    char copy[WATCH_ID_MAX];
    char *part[4];
    uint32_t inst;
    unsigned long leaf;
    int rc = fl_json_string(input->message, "id", &id, reterr);

    if (rc == 0)
        rc = fl_json_string(input->message, "path", &path, reterr);
    if (rc < 0)
        return rc;
    if (snprintf(copy, sizeof(copy), "%s", id) >= (int)sizeof(copy) || !fl_given_split(copy, part))
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%.100s' is not the id of a watch", id);
    run = fl_core_run(core, part[0]);
    leaf = strtoul(part[3], NULL, 10);
    if (!run || run->state != FL_STATE_RUNNING ||
        fl_run_find(run, part[1], *part[2] ? part[2] : NULL, &inst, NULL) < 0 ||
        leaf >= run->plan->stages[run->plan->inst_stage[inst]].when.leaf_count ||
        !is_waiting_for(run, inst, (uint32_t)leaf))
        return 0; /* nobody waits for it any more, or another worker has told it */
    rc = fl_emit(events, FL_EVENT_FILE_ARRIVED, input->now_ns, run, inst, &event, reterr);
    if (rc < 0)
        return rc;
    event->size = json_integer_value(json_object_get(input->message, "size"));
    rc = fl_emit_text(event, &event->who, input->worker, reterr);
    return rc < 0 ? rc : fl_event_set_text(event, &event->path, path, reterr);
}
