/* decide(state, input): submissions, workers coming and going, requests of people. */
#include "config.h"

#include "engine/core/decide.h"
#include "engine/core/custody.h"
#include "engine/core/flow.h"
#include "engine/core/given.h"
#include "engine/core/paging.h"
#include "engine/core/retry.h"
#include "engine/core/sourced.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/banned.h"

static int check_params(const struct fl_workflow *wf, const json_t *params, struct fl_err *reterr)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)params, key, value)
    {
        if (!fl_workflow_param(wf, key))
            return fl_err_set(reterr, FL_E_NOENT, 0, "workflow '%s' has no parameter '%.100s'",
                              wf->name, key);
        if (!json_is_string(value) && !json_is_number(value) && !json_is_boolean(value))
            return fl_err_set(reterr, FL_E_PARSE, 0,
                              "parameter '%.100s' must be a text, number or boolean", key);
    }
    return 0;
}

/* A run that a person makes lies on the recurrences as well, in both directions; *ret_bits says on
 * which. */
static int submit_rules(const struct fl_workflow *wf, struct fl_cycle cycle,
                        struct fl_rule_bits *ret_bits, struct fl_err *reterr)
{
    const struct fl_cycling *c = &wf->cycles;
    struct fl_recurrence *rules = NULL;
    struct fl_cycle at;
    size_t count = 0;
    int rc;

    *ret_bits = (struct fl_rule_bits){0};
    if (c->rule_count == 0)
        return 0; /* `every` alone says when runs are made, not which may be */
    rc = fl_flow_rules(wf, &cycle, &rules, &count, reterr);
    if (rc == 0)
        rc = fl_flow_check(rules, count, cycle, reterr);
    if (rc == 0)
        (void)fl_flow_first(rules, count, cycle, &at, ret_bits); /* it is there */
    free(rules);
    return rc;
}

/* True when the workflow has no earlier official run. */
static bool is_first(const struct fl_core *core, const struct fl_workflow *wf,
                     struct fl_cycle cycle)
{
    if (fl_paged_earlier(core, wf->name, cycle))
        return false;
    for (size_t r = 0; r < core->run_count; r++) {
        const struct fl_run *run = core->runs[r];

        if (run && !run->variant && run->cycle.s < cycle.s &&
            strcmp(run->plan->workflow->name, wf->name) == 0)
            return false;
    }
    return true;
}

static int submit_text(const struct fl_core *core, const struct fl_workflow *wf,
                       struct fl_cycle cycle, const json_t *params, const char *variant,
                       struct fl_event *event, struct fl_err *reterr)
{
    fl_json_auto json_t *text = json_object();
    json_t *names = json_array();
    struct fl_rule_bits bits;
    char *flat;
    int rc = submit_rules(wf, cycle, &bits, reterr);

    if (rc == 0 && json_object_size(params) > 0)
        (void)json_object_set(text, "params", (json_t *)(uintptr_t)params); /* seen in the text */
    if (rc == 0 && variant)
        (void)json_object_set_new(text, "variant", json_string(variant));
    if (rc == 0 && is_first(core, wf, cycle))
        (void)json_object_set_new(text, "first", json_true());
    for (size_t i = 0; rc == 0 && i < wf->cycles.rule_count; i++)
        if (bits.bits[i / 64] >> (i % 64) & 1)
            (void)json_array_append_new(names, json_string(wf->cycles.rules[i].name));
    if (json_array_size(names) > 0)
        (void)json_object_set(text, "rules", names);
    json_decref(names);
    if (rc < 0 || json_object_size(text) == 0)
        return rc;
    flat = fl_json_text(text);
    if (!flat)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the parameters of a run");
    rc = fl_event_set_text(event, &event->text, flat, reterr);
    free(flat);
    return rc;
}

static int submit_name(const struct fl_core *core, const struct fl_workflow *wf,
                       struct fl_cycle cycle, const char *variant, char *name, size_t size,
                       struct fl_err *reterr)
{
    const struct fl_run *run;
    char time[FL_TIME_TEXT_MAX];
    char text[FL_ERR_TEXT_MAX];

    if (variant && !fl_workflow_name_is_plain(variant))
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "variant '%.100s' is not a plain name (letters, digits, - and _)",
                          variant);
    fl_cycle_format(cycle, time);
    (void)snprintf(name, size, "%s/%s%s%s", wf->name, time, variant ? "#" : "",
                   variant ? variant : "");
    if (fl_core_is_paged(core, name)) {
        fl_paged_text(name, text, sizeof(text));
        return fl_err_set(reterr, FL_E_EXISTS, 0, "%s", text);
    }
    run = fl_core_run(core, name);
    if (run)
        return fl_err_set(reterr, FL_E_EXISTS, 0, "run '%s' exists already (it is %s)", name,
                          fl_state_name(run->state));
    if (core->live_runs >= FL_CORE_RUNS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "%d runs are known; the limit", FL_CORE_RUNS_MAX);
    return 0;
}

static int decide_submit(const struct fl_core *core, const struct fl_input *input,
                         struct fl_events *events, struct fl_err *reterr)
{
    char name[3 * FL_WORKFLOW_NAME_MAX];
    const struct fl_workflow *wf;
    const json_t *params;
    struct fl_event *event;
    const char *digest;
    const char *cycle_text;
    const char *variant;
    struct fl_cycle cycle;
    uint32_t plan;
    int rc;

    rc = fl_json_string(input->message, "digest", &digest, reterr);
    if (rc == 0)
        rc = fl_json_string(input->message, "cycle", &cycle_text, reterr);
    if (rc == 0)
        rc = fl_json_string_opt(input->message, "variant", NULL, &variant, reterr);
    if (rc == 0)
        rc = fl_json_object_opt(input->message, "params", &params, reterr);
    if (rc < 0)
        return rc;
    if (!fl_names_find(&core->plan_names, digest, &plan))
        return fl_err_set(reterr, FL_E_NOENT, 0, "no workflow with digest '%.64s'", digest);
    wf = core->plans[plan]->workflow;
    rc = fl_cycle_parse_in(cycle_text, wf->cycles.calendar, &cycle, reterr);
    if (rc == 0)
        rc = check_params(wf, params, reterr);
    if (rc == 0)
        rc = submit_name(core, wf, cycle, variant, name, sizeof(name), reterr);
    if (rc == 0)
        rc = fl_emit(events, FL_EVENT_RUN_CREATED, input->now_ns, NULL, UINT32_MAX, &event, reterr);
    if (rc < 0)
        return rc;
    rc = fl_event_set_text(event, &event->run, name, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->digest, digest, reterr);
    if (rc == 0) {
        char time[FL_TIME_TEXT_MAX];

        fl_cycle_format(cycle, time);
        rc = fl_event_set_text(event, &event->cycle, time, reterr);
    }
    if (rc == 0)
        rc = fl_emit_text(event, &event->who, input->who, reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->why, input->why, reterr);
    return rc < 0 ? rc : submit_text(core, wf, cycle, params, variant, event, reterr);
}

static const char *door_of(const json_t *hello, const char *site)
{
    const json_t *sites = json_object_get(hello, "sites");

    for (size_t i = 0; i < json_array_size(sites); i++) {
        const json_t *one = json_array_get(sites, i);
        const char *name = json_string_value(json_object_get(one, "site"));

        if (name && strcmp(name, site) == 0)
            return json_string_value(json_object_get(one, "door"));
    }
    return NULL;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool site_is_known(const struct fl_core *core, const struct fl_worker *worker,
                          const char *site, const char *door)
{
    for (size_t i = 0; worker && i < worker->site_count; i++)
        if (strcmp(fl_core_word(core, worker->sites[i].site), site) == 0)
            return same_text(worker->sites[i].door, door);
    return false;
}

static int emit_joined(const struct fl_input *input, struct fl_events *events, const char *pool,
                       const char *site, int64_t cores, int64_t jobs, const json_t *resources,
                       struct fl_err *reterr)
{
    struct fl_event *event;
    int rc =
        fl_emit(events, FL_EVENT_WORKER_JOINED, input->now_ns, NULL, UINT32_MAX, &event, reterr);

    if (rc < 0)
        return rc;
    event->cores = cores;
    event->jobs = jobs;
    rc = fl_event_set_text(event, &event->worker, input->worker, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->pool, pool, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->site, site, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->text, door_of(input->message, site), reterr);
    if (rc == 0 && resources) {
        char *text = fl_json_text(resources);

        rc = text ? fl_event_set_text(event, &event->resources, text, reterr)
                  : fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the resources of a pool");
        free(text);
    }
    return rc;
}

/* Names to amounts, none below zero. */
static int check_resources(const json_t *resources, struct fl_err *reterr)
{
    const char *name;
    json_t *amount;

    json_object_foreach((json_t *)(uintptr_t)resources, name, amount)
    {
        if (!json_is_integer(amount) || json_integer_value(amount) < 0)
            return fl_err_set(reterr, FL_E_PARSE, 0, "resource '%.60s' is not an amount", name);
    }
    return 0;
}

static bool same_amounts(const json_t *a, const json_t *b)
{
    return a && b ? json_equal(a, b) : a == b;
}

static int hello_pool(const struct fl_core *core, const struct fl_input *input,
                      const struct fl_worker *worker, const json_t *one, struct fl_events *events,
                      struct fl_err *reterr)
{
    const struct fl_worker_pool *have = NULL;
    uint32_t word;
    const char *pool;
    const char *site;
    int64_t cores;
    int64_t jobs;
    const json_t *resources;
    int rc = fl_json_string(one, "pool", &pool, reterr);

    if (rc == 0)
        rc = fl_json_string(one, "site", &site, reterr);
    if (rc == 0)
        rc = fl_json_int_opt(one, "cores", 1, &cores, reterr);
    if (rc == 0)
        rc = fl_json_int_opt(one, "jobs", 8, &jobs, reterr);
    if (rc == 0)
        rc = fl_json_object_opt(one, "resources", &resources, reterr);
    if (rc == 0)
        rc = check_resources(resources, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "hello of worker '%s'", input->worker);
    if (worker && fl_names_find(&core->words.index, pool, &word))
        have = fl_worker_pool(worker, word);
    if (have && !worker->gone && have->cores == cores && have->jobs == jobs &&
        same_amounts(have->resources, resources) &&
        strcmp(fl_core_word(core, have->site), site) == 0 &&
        site_is_known(core, worker, site, door_of(input->message, site)))
        return 0;
    return emit_joined(input, events, pool, site, cores, jobs, resources, reterr);
}

static bool is_listed(const json_t *live, const char *id)
{
    for (size_t i = 0; i < json_array_size(live); i++) {
        const char *one = json_string_value(json_array_get(live, i));

        if (one && strcmp(one, id) == 0)
            return true;
    }
    return false;
}

/* What a worker that began an attempt says of it now. */
struct hearing {
    const struct fl_core *core;
    const struct fl_input *input;
    const json_t *live; /* ids of attempts that it has; NULL: it says nothing of them */
    const json_t *dead; /* ids of those whose supervisors it knows to be dead */
    const json_t *told; /* ids of those whose end it has told: one that we do not know the end of
                           was lost with what a restored record lacks, and is told again */
    struct fl_events *events;
    struct fl_err *reterr;
};

static int hear_of(const struct hearing *h, const struct fl_run *run, uint32_t i)
{
    const struct fl_inst *in = &run->insts[i];
    struct fl_ending end = {.state = FL_STATE_LOST, .class = "config"};
    struct fl_event *event;
    char id[FL_CORE_ID_MAX];

    if (strcmp(h->core->workers[fl_inst_last_try(in)->worker]->name, h->input->worker) != 0)
        return 0;
    fl_attempt_id(run, i, in->try_count, id, sizeof(id));
    if (is_listed(h->dead, id)) {
        end.class = "transient";
        end.proved = true;
        return fl_emit_failed_end(h->events, h->input, run, i, &end,
                                  "its worker says that its supervisor died", &event, h->reterr);
    }
    if (in->state != FL_STATE_RUNNING || !h->live || is_listed(h->live, id) ||
        is_listed(h->told, id))
        return 0;
    return fl_emit_failed_end(h->events, h->input, run, i, &end,
                              "the worker has no trace of this attempt left and cannot prove its "
                              "body dead; when it is, `fairlead retry --force` starts another",
                              &event, h->reterr);
}

/* Attempts that began on this worker, and of which it has nothing left, are lost. Nothing proves
 * that their bodies are dead, so that no other is started by itself, unless the stage allows that
 * two overlap: a person says when. */
static int hello_lost(const struct hearing *h)
{
    int rc = 0;

    for (size_t a = 0; rc == 0 && a < h->core->active_count; a++) {
        const struct fl_run *run = h->core->runs[h->core->active[a]];

        for (uint32_t i = fl_bits_next(&run->live, 0); rc == 0 && i != FL_BITS_NONE;
             i = fl_bits_next(&run->live, i + 1))
            rc = hear_of(h, run, i);
    }
    return rc;
}

/* Those that were lost before, and whose supervisors are known to be dead now. */
static int hello_proof(const struct hearing *h)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(h->dead); i++) {
        const char *id = json_string_value(json_array_get(h->dead, i));
        struct fl_inst_ref ref;
        uint32_t number;

        if (id && fl_core_find_attempt(h->core, id, &ref, &number, NULL) == 0 &&
            ref.run->insts[ref.inst].undecided && number == ref.run->insts[ref.inst].try_count)
            rc = fl_emit_proof(h->events, h->input, ref.run, ref.inst,
                               "its worker says that its supervisor died", h->reterr);
    }
    return rc;
}

static int decide_hello(const struct fl_core *core, const struct fl_input *input,
                        struct fl_events *events, struct fl_err *reterr)
{
    struct fl_worker *worker = fl_core_worker(core, input->worker);
    const json_t *pools;
    const json_t *sites;
    struct hearing h = {.core = core, .input = input, .events = events, .reterr = reterr};
    int rc = fl_json_array_opt(input->message, "pools", &pools, reterr);

    if (rc == 0)
        rc = fl_json_array_opt(input->message, "sites", &sites, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(input->message, "attempts", &h.live, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(input->message, "dead", &h.dead, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(input->message, "told", &h.told, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "hello of worker '%s'", input->worker);
    if (!worker && core->worker_count >= FL_CORE_WORKERS_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "%d workers are known; the limit",
                          FL_CORE_WORKERS_MAX);
    if (json_array_size(pools) > FL_CORE_WORKER_POOLS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "worker '%s' brings more than %d pools",
                          input->worker, FL_CORE_WORKER_POOLS_MAX);
    for (size_t i = 0; rc == 0 && i < json_array_size(pools); i++)
        rc = hello_pool(core, input, worker, json_array_get(pools, i), events, reterr);
    for (size_t i = 0; rc == 0 && i < json_array_size(sites); i++) {
        const char *site = json_string_value(json_object_get(json_array_get(sites, i), "site"));

        if (site && (!worker || worker->gone ||
                     !site_is_known(core, worker, site, door_of(input->message, site))))
            rc = emit_joined(input, events, NULL, site, 0, 0, NULL, reterr);
    }
    /* without a list the hello says nothing of attempts: the worker is only heard again */
    if (rc == 0 && (h.live || h.dead))
        rc = hello_lost(&h);
    return rc < 0 ? rc : hello_proof(&h);
}

/* A worker is silent: attempts of stages that allow another beside the first are given up. Those of
 * all others go on, for all we know, and are taken up again when it is heard. */
static int gone_overlaps(const struct fl_core *core, const struct fl_input *input,
                         struct fl_events *events, struct fl_err *reterr)
{
    const struct fl_ending end = {.state = FL_STATE_LOST, .class = "config"};
    int rc = 0;

    for (size_t a = 0; rc == 0 && a < core->active_count; a++) {
        const struct fl_run *run = core->runs[core->active[a]];

        for (uint32_t i = fl_bits_next(&run->live, 0); rc == 0 && i != FL_BITS_NONE;
             i = fl_bits_next(&run->live, i + 1)) {
            const struct fl_attempt *attempt = fl_inst_last_try(&run->insts[i]);
            struct fl_event *event;

            if (strcmp(core->workers[attempt->worker]->name, input->worker) == 0 &&
                fl_again_allowed(run, i, &end))
                rc = fl_emit_failed_end(events, input, run, i, &end,
                                        "its worker is silent, and the stage allows another "
                                        "attempt beside it",
                                        &event, reterr);
        }
    }
    return rc;
}

static int decide_gone(const struct fl_core *core, const struct fl_input *input,
                       struct fl_events *events, struct fl_err *reterr)
{
    const struct fl_worker *worker = fl_core_worker(core, input->worker);
    struct fl_event *event;
    const char *reason;
    int rc;

    if (!worker || worker->gone)
        return 0;
    rc = fl_json_string_opt(input->message, "reason", input->why, &reason, reterr);
    if (rc == 0)
        rc = fl_emit(events, FL_EVENT_WORKER_LEFT, input->now_ns, NULL, UINT32_MAX, &event, reterr);
    if (rc == 0)
        rc = fl_event_set_text(event, &event->worker, input->worker, reterr);
    if (rc == 0)
        rc = fl_emit_text(event, &event->why, reason, reterr);
    if (rc == 0 && json_is_true(json_object_get(input->message, "silent")))
        rc = gone_overlaps(core, input, events, reterr);
    return rc;
}

int fl_core_decide(const struct fl_core *core, const struct fl_input *input,
                   struct fl_events *events, struct fl_err *reterr)
{
    fl_assert(core);
    fl_assert(input);
    fl_assert(events);
    switch (input->type) {
    case FL_INPUT_SUBMIT:
        return decide_submit(core, input, events, reterr);
    case FL_INPUT_WORKER_HELLO:
        return decide_hello(core, input, events, reterr);
    case FL_INPUT_WORKER_GONE:
        return decide_gone(core, input, events, reterr);
    case FL_INPUT_ATTEMPT:
        return fl_decide_attempt(core, input, events, reterr);
    case FL_INPUT_REQUEST:
        return fl_decide_request(core, input, events, reterr);
    case FL_INPUT_ARRIVED:
        return json_object_get(input->message, "lead")
                   ? fl_decide_available(core, input, events, reterr)
                   : fl_decide_arrived(core, input, events, reterr);
    case FL_INPUT_REMOVED:
        return fl_decide_removed(core, input, events, reterr);
    case FL_INPUT_NOTED:
        return fl_decide_noted(core, input, events, reterr);
    case FL_INPUT_TICK:
        return 0;
    }
    fl_assert(false);
    return FL_E_BUG;
}
