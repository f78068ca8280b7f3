/* The invariants, held against committed events. */
#include "config.h"

#include "tests/sim/facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/bus/session.h"
#include "engine/core/state.h"
#include "engine/store/model.h"
#include "engine/base/banned.h"

#define CYCLE_NS INT64_C(1795478400000000000) /* 2026-11-24T00:00:00Z, the first cycle */

static const char *const run_names[SIM_RUNS_MAX] = {"sim/20261124T0000Z", "sim/20261124T0600Z",
                                                    "sim/20261124T1200Z"};

const char *facts_run_name(unsigned run)
{
    return run_names[run];
}

void facts_init(struct facts *facts, const struct sim_graph *graph, struct ledger *ledger)
{
    *facts = (struct facts){.graph = graph, .ledger = ledger};
    fl_assert(fl_core_create(&facts->core, NULL) == 0);
}

/* Back to the beginning, for events that were never promised may be others now. */
static void forget(struct facts *facts)
{
    fl_core_destroy(facts->core);
    fl_assert(fl_core_create(&facts->core, NULL) == 0);
    facts->seq = 0;
    facts->attempt_count = 0;
    facts->live = 0;
    memset(facts->outputs, 0, sizeof(facts->outputs));
    memset(facts->said, 0, sizeof(facts->said));
    memset(facts->created, 0, sizeof(facts->created));
    facts->installed = false;
    memset(facts->ended, 0, sizeof(facts->ended));
    memset(facts->lost, 0, sizeof(facts->lost));
}

void facts_release(struct facts *facts)
{
    fl_core_destroy(facts->core);
    free(facts->chain);
    free(facts->attempts);
}

void facts_broken(struct facts *facts, const char *fmt, ...)
{
    va_list args;

    if (facts->broken[0])
        return;
    va_start(args, fmt);
    (void)vsnprintf(facts->broken, sizeof(facts->broken), fmt, args); /* cut when too long */
    va_end(args);
}

const struct attempt_fact *facts_find(const struct facts *facts, const char *id)
{
    for (size_t i = facts->attempt_count; i > 0; i--) {
        if (strcmp(facts->attempts[i - 1].id, id) == 0)
            return &facts->attempts[i - 1];
    }
    return NULL;
}

/* ---------------------------------------------------------------- one event */

static unsigned run_of(const char *name)
{
    unsigned run = 0;

    while (run < SIM_RUNS_MAX && (!name || strcmp(run_names[run], name) != 0))
        run++;
    return run;
}

/* Of an output in an event: its own member, else that of the instance. */
static unsigned slot_of(const struct fl_event *event)
{
    return sim_graph_slot(event->lead ? event->lead : event->key);
}

/* "sim/20261124T0000Z/s1.f003/2" */
static void make_id(const struct fl_event *event, char *id, size_t size)
{
    bool lead = event->key && event->key[0] == '+';

    (void)snprintf(id, size, "%s/%s%s%s%s/%lld", event->run, event->stage, event->key ? "." : "",
                   lead ? "f" : "", event->key ? event->key + (lead ? 1 : 0) : "",
                   (long long)event->attempt);
}

static struct attempt_fact *attempt_of(struct facts *facts, const struct fl_event *event)
{
    char id[160];

    make_id(event, id, sizeof(id));
    return (struct attempt_fact *)(uintptr_t)facts_find(facts, id);
}

/* Nothing starts before what it needs is there. */
static void check_needs(struct facts *facts, const struct fl_event *event, unsigned run, unsigned s)
{
    const struct sim_stage *stage = &facts->graph->stages[s];

    for (unsigned i = 0; i < stage->input_count; i++) {
        const struct sim_input *input = &stage->inputs[i];
        const struct sim_stage *from = &facts->graph->stages[input->from];
        unsigned first;
        unsigned count;

        if (input->follow || input->first_of)
            continue;
        sim_graph_slots(facts->graph, input->from, &first, &count);
        if (from->axis == SIM_BY_SAID && !facts->said[run])
            facts_broken(facts, "%s %s was launched before its set was said", event->run,
                         event->stage);
        if (stage->per && stage->axis == from->axis) {
            first = sim_graph_slot(event->key);
            count = 1;
        }
        for (unsigned m = first; m < first + count; m++) {
            enum output_fact is = facts->outputs[run][input->from][m];

            if (is != OUTPUT_ACCEPTED && !(is == OUTPUT_ABSENT && input->bridged))
                facts_broken(facts, "%s %s %s was launched before output %u of %s", event->run,
                             event->stage, event->key ? event->key : "", m, from->name);
        }
    }
}

/* No pool, no worker and no limit is asked for more than it has. */
static void check_room(struct facts *facts)
{
    unsigned jobs[SIM_NODES + 1] = {0};
    unsigned cores[SIM_NODES + 1] = {0};
    unsigned pool[SIM_RUNS_MAX] = {0};
    unsigned limit = 0;

    for (size_t i = facts->attempt_count, seen = 0; i > 0 && seen < facts->live; i--) {
        const struct attempt_fact *attempt = &facts->attempts[i - 1];

        if (attempt->ended)
            continue;
        seen++;
        jobs[attempt->node]++;
        cores[attempt->node] += facts->graph->stages[attempt->stage].cores;
        pool[attempt->run]++;
        limit += facts->graph->stages[attempt->stage].uses;
    }
    if (limit > SIM_LIMIT)
        facts_broken(facts, "%u of the limit are held", limit);
    for (unsigned n = 1; n <= SIM_NODES; n++) {
        if (jobs[n] > NODE_JOBS || cores[n] > NODE_CORES)
            facts_broken(facts, "worker w%u holds %u jobs and %u cores", n, jobs[n], cores[n]);
    }
    for (unsigned r = 0; r < SIM_RUNS_MAX; r++) {
        if (pool[r] > facts->graph->pool_jobs)
            facts_broken(facts, "%s holds %u jobs of its pool", run_names[r], pool[r]);
    }
}

static void on_launched(struct facts *facts, const struct fl_event *event, unsigned run)
{
    unsigned stage = sim_graph_find(facts->graph, event->stage);
    struct attempt_fact *attempt;

    if (attempt_of(facts, event))
        facts_broken(facts, "event %llu: an attempt of %s was launched twice",
                     (unsigned long long)event->seq.v, event->stage);
    if (run == SIM_RUNS_MAX || stage == SIM_STAGES_MAX) {
        facts_broken(facts, "launch of %s %s, which nobody has asked for", event->run,
                     event->stage);
        return;
    }
    check_needs(facts, event, run, stage);
    if (facts->latest_ns < CYCLE_NS + (run * SIM_CYCLE_S + facts->graph->stages[stage].at_s) *
                                          INT64_C(1000000000) &&
        facts->graph->stages[stage].at_s > 0)
        facts_broken(facts, "%s %s was launched before its time", event->run, event->stage);
    if (facts->attempt_count == facts->attempt_room) {
        facts->attempt_room = facts->attempt_room ? facts->attempt_room * 2 : 64;
        facts->attempts = realloc(facts->attempts, facts->attempt_room * sizeof(*facts->attempts));
        fl_assert(facts->attempts);
    }
    attempt = &facts->attempts[facts->attempt_count++];
    *attempt = (struct attempt_fact){
        .run = run, .stage = stage, .node = (unsigned)(event->worker[1] - '0') % (SIM_NODES + 1)};
    make_id(event, attempt->id, sizeof(attempt->id));
    (void)snprintf(attempt->token, sizeof(attempt->token), "%s", event->token);
    facts->live++;
    check_room(facts);
}

static void on_ended(struct facts *facts, const struct fl_event *event,
                     struct attempt_fact *attempt)
{
    if (strcmp(event->state, "succeeded") == 0 &&
        !ledger_deed(facts->ledger, attempt->id)->ended_well)
        facts_broken(facts, "%s is recorded as succeeded; its body did not end well", attempt->id);
    facts->lost[attempt->run] |= strcmp(event->state, "lost") == 0;
    attempt->ended = true;
    facts->live--;
}

/* Each entry of a spool is recorded once, and none is passed over. One entry may give an end and
 * the absences that come with it. */
static void check_index(struct facts *facts, const struct fl_event *event,
                        struct attempt_fact *attempt)
{
    bool alone = event->type != FL_EVENT_OUTPUT_ABSENT && event->type != FL_EVENT_ATTEMPT_ENDED;

    if (event->index == 0)
        return; /* not from a spool */
    if (event->index < attempt->index || (alone && event->index == attempt->index))
        facts_broken(facts, "entry %lld of %s is recorded twice", (long long)event->index,
                     attempt->id);
    if (event->index > attempt->index + 1)
        facts_broken(facts, "entry %lld of %s follows entry %lld", (long long)event->index,
                     attempt->id, (long long)attempt->index);
    if (event->index > attempt->index)
        attempt->index = event->index;
}

/* What an attempt says: it must be one, and one that may still be heard. */
static void on_attempt(struct facts *facts, const struct fl_event *event, unsigned run)
{
    struct attempt_fact *attempt = attempt_of(facts, event);

    if (!attempt || attempt->ended) {
        facts_broken(facts, "%s of attempt %lld of %s %s, which %s",
                     fl_event_type_name(event->type), (long long)event->attempt, event->run,
                     event->stage, attempt ? "has ended" : "was not launched");
        return;
    }
    check_index(facts, event, attempt);
    if (event->type == FL_EVENT_ATTEMPT_BEGUN && attempt->begun)
        facts_broken(facts, "%s has begun twice", attempt->id);
    attempt->begun |= event->type == FL_EVENT_ATTEMPT_BEGUN;
    facts->said[run] |= event->type == FL_EVENT_SET_DECLARED;
    if (event->type == FL_EVENT_ATTEMPT_ENDED)
        on_ended(facts, event, attempt);
    if (event->type == FL_EVENT_OUTPUT_ACCEPTED)
        facts->outputs[run][attempt->stage][slot_of(event)] = OUTPUT_ACCEPTED;
    if (event->type == FL_EVENT_OUTPUT_ABSENT)
        facts->outputs[run][attempt->stage][slot_of(event)] = OUTPUT_ABSENT;
}

/* True for what an attempt says of itself. */
static bool is_said(const struct fl_event *event)
{
    return event->attempt > 0 &&
           (event->type == FL_EVENT_ATTEMPT_BEGUN || event->type == FL_EVENT_ATTEMPT_NOTED ||
            event->type == FL_EVENT_ATTEMPT_DEGRADED || event->type == FL_EVENT_ATTEMPT_ENDED ||
            event->type == FL_EVENT_OUTPUT_ACCEPTED || event->type == FL_EVENT_OUTPUT_ABSENT ||
            event->type == FL_EVENT_SET_DECLARED);
}

static void on_event(struct facts *facts, const struct fl_event *event)
{
    unsigned run = run_of(event->run);

    if (event->time_ns > facts->latest_ns)
        facts->latest_ns = event->time_ns;
    if (event->type == FL_EVENT_RUN_CREATED && run < SIM_RUNS_MAX)
        facts->created[run] = true;
    if (event->type == FL_EVENT_WORKFLOW_INSTALLED)
        facts->installed = true;
    if (event->type == FL_EVENT_RUN_ENDED && run < SIM_RUNS_MAX)
        facts->ended[run] = true;
    if (event->type == FL_EVENT_ATTEMPT_LAUNCHED)
        on_launched(facts, event, run);
    else if (is_said(event) && run < SIM_RUNS_MAX)
        on_attempt(facts, event, run);
    else if (event->type == FL_EVENT_OUTPUT_ABSENT && run < SIM_RUNS_MAX) /* without an attempt */
        facts->outputs[run][sim_graph_find(facts->graph, event->stage) % SIM_STAGES_MAX]
                      [slot_of(event)] = OUTPUT_ABSENT;
}

/* ---------------------------------------------------------------- reading */

static uint64_t chain_add(uint64_t before, const struct fl_event *event)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    uint64_t hash = before ^ UINT64_C(14695981039346656037);

    fl_buf_init(&text, 0);
    fl_assert(fl_event_to_text(event, &text, NULL) == 0);
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ (unsigned char)text.data[i]) * UINT64_C(1099511628211);
    return hash;
}

static int know_workflow(struct facts *facts, struct fl_store *store, const char *digest,
                         struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    fl_json_auto json_t *json = NULL;
    struct fl_workflow *workflow = NULL;
    int rc;

    fl_buf_init(&text, FL_STORE_WORKFLOW_MAX);
    if (fl_core_has_workflow(facts->core, digest))
        return 0;
    rc = fl_store_get_workflow(store, digest, &text, reterr);
    if (rc == 0)
        rc = fl_json_parse(text.data, text.size, &json, reterr);
    if (rc == 0)
        rc = fl_workflow_from_json(json, &workflow, reterr);
    if (rc == 0)
        rc = fl_core_add_workflow(facts->core, digest, workflow, reterr);
    if (rc < 0)
        fl_workflow_destroy(workflow);
    return rc;
}

struct reading {
    struct facts *facts;
    struct fl_store *store;
    bool differs;
};

static void tell_event(const struct fl_event *event)
{
    fl_auto(fl_buf_release) struct fl_buf text;

    fl_buf_init(&text, 0);
    if (fl_event_to_text(event, &text, NULL) == 0)
        (void)printf("# %.*s\n", (int)text.size, text.data);
}

static int read_event(const struct fl_event *event, void *arg, struct fl_err *reterr)
{
    struct reading *reading = arg;
    struct facts *facts = reading->facts;
    int rc = 0;

    if (event->seq.v != facts->seq + 1)
        return fl_err_set(reterr, FL_E_DATA, 0, "event %llu follows event %llu",
                          (unsigned long long)event->seq.v, (unsigned long long)facts->seq);
    if (event->type == FL_EVENT_RUN_CREATED || event->type == FL_EVENT_WORKFLOW_INSTALLED)
        rc = know_workflow(facts, reading->store, event->digest, reterr);
    if (rc < 0)
        return rc;
    if (facts->chain_room <= event->seq.v) {
        facts->chain_room = facts->chain_room ? facts->chain_room * 2 : 256;
        facts->chain = realloc(facts->chain, facts->chain_room * sizeof(*facts->chain));
        fl_assert(facts->chain);
        facts->chain[0] = 0;
    }
    facts->chain[event->seq.v] = chain_add(facts->chain[event->seq.v - 1], event);
    if (facts->tells)
        tell_event(event);
    on_event(facts, event);
    facts->seq = event->seq.v;
    return fl_core_apply(facts->core, event, reterr);
}

void facts_read(struct facts *facts, struct fl_store *store)
{
    struct reading reading = {.facts = facts, .store = store};
    struct fl_err err = {0};

    if (!facts->broken[0] &&
        fl_store_load(store, facts->seq + 1, 0, read_event, &reading, &err) < 0)
        facts_broken(facts, "the record cannot be replayed: %s", err.text);
}

static int compare_event(const struct fl_event *event, void *arg, struct fl_err *reterr)
{
    struct reading *reading = arg;
    const struct facts *facts = reading->facts;

    (void)reterr;
    if (event->seq.v <= facts->seq &&
        chain_add(facts->chain[event->seq.v - 1], event) != facts->chain[event->seq.v])
        reading->differs = true;
    return 0;
}

void facts_recover(struct facts *facts, struct fl_store *store)
{
    struct reading reading = {.facts = facts, .store = store};
    struct fl_err err = {0};
    uint64_t kept = 0;
    uint64_t checked = facts->promised;

    if (fl_store_last_seq(store, &kept, &err) < 0) {
        facts_broken(facts, "%s", err.text);
        return;
    }
    if (kept < facts->promised)
        facts_broken(facts, "%llu events were let out, %llu are left after the crash",
                     (unsigned long long)facts->promised, (unsigned long long)kept);
    if (checked > 0 && fl_store_load(store, checked, 1, compare_event, &reading, &err) < 0)
        facts_broken(facts, "%s", err.text);
    if (reading.differs)
        facts_broken(facts, "event %llu is another one after the crash",
                     (unsigned long long)checked);
    if (facts->seq > facts->promised &&
        (kept < facts->seq ||
         fl_store_load(store, facts->promised + 1, 0, compare_event, &reading, &err) < 0 ||
         reading.differs))
        forget(facts);
    facts_read(facts, store);
}

/* ---------------------------------------------------------------- what goes out */

static void look_message(struct facts *facts, const json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    const json_t *spec = json_object_get(message, "spec");
    const char *id = json_string_value(json_object_get(spec ? spec : message, "id"));
    const char *token = json_string_value(json_object_get(spec ? spec : message, "token"));
    const struct attempt_fact *attempt = id ? facts_find(facts, id) : NULL;

    if (!type || !id || strcmp(type, "reply") == 0 || strcmp(type, "forget") == 0)
        return;
    if (!attempt) {
        if (strcmp(type, "cancel") != 0)
            facts_broken(facts, "'%s' for %s left before a launch of it was committed", type, id);
        return;
    }
    if (token && strcmp(token, attempt->token) != 0)
        facts_broken(facts, "'%s' for %s with another token than was committed", type, id);
    if (strcmp(type, "go") == 0 && !attempt->begun)
        facts_broken(facts, "%s was let go before its begin was committed", id);
    if (strcmp(type, "ack") == 0 &&
        json_integer_value(json_object_get(message, "index")) > attempt->index)
        facts_broken(facts, "entry %lld of %s was acknowledged before it was committed",
                     (long long)json_integer_value(json_object_get(message, "index")), id);
}

void facts_look(struct facts *facts, const void *packet, size_t size)
{
    fl_json_auto json_t *message = NULL;
    struct fl_frame frame;

    if (facts->broken[0] || fl_frame_decode(packet, size, &frame, NULL) < 0 ||
        frame.kind != FL_FRAME_DATA)
        return;
    facts->promised = facts->seq;
    if (fl_json_parse(frame.data, frame.size_bytes, &message, NULL) == 0)
        look_message(facts, message);
}

/* ---------------------------------------------------------------- pictures */

static void run_picture(const struct fl_run *run, struct fl_buf *out)
{
    fl_buf_printf(out, "%s %d %d %d\n", run->name, (int)run->state, run->cancel_asked, run->held);
    for (uint32_t i = 0; i < run->plan->inst_count; i++) {
        const struct fl_inst *in = &run->insts[i];
        const struct fl_attempt *last = fl_inst_last_try(in);
        const char *token = last ? fl_attempt_token(last) : NULL;

        fl_buf_printf(out, "%u %d %d %u %lld %u %lld %s\n", i, (int)in->state, in->final, in->doom,
                      (long long)in->not_before_ns, in->try_count,
                      last ? (long long)last->index : 0, token ? token : "");
    }
    for (uint32_t s = 0; s < run->plan->slot_count; s++) {
        char sha[FL_DIGEST_HEX] = "";

        if (run->slots[s].state == FL_SLOT_ACCEPTED)
            fl_slot_sha256(&run->slots[s], sha);
        fl_buf_printf(out, "%d %s\n", (int)run->slots[s].state, sha);
    }
    for (uint32_t t = 0; t < run->plan->term_count; t++)
        fl_buf_printf(out, "%u/%u ", run->terms[t].met, run->terms[t].lost);
}

static void run_stuck(const struct fl_run *run, struct fl_buf *out)
{
    fl_buf_printf(out, " %s is %s%s;", run->name, fl_state_name(run->state),
                  run->held ? ", held" : "");
    for (uint32_t i = 0; i < run->plan->inst_count; i++) {
        char title[FL_CORE_ID_MAX];

        if (fl_state_is_end(run->insts[i].state))
            continue;
        fl_inst_title(run, i, title, sizeof(title));
        fl_buf_printf(out, " %s is %s;", title, fl_state_name(run->insts[i].state));
    }
}

void facts_stuck(const struct fl_core *core, struct fl_buf *out)
{
    for (size_t r = 0; r < core->run_count; r++)
        run_stuck(core->runs[r], out);
}

void facts_picture(const struct fl_core *core, char hex[static FL_DIGEST_HEX])
{
    fl_auto(fl_buf_release) struct fl_buf out;

    fl_buf_init(&out, 0);
    for (size_t r = 0; r < core->run_count; r++)
        run_picture(core->runs[r], &out);
    for (size_t w = 0; w < core->worker_count; w++) {
        const struct fl_worker *worker = core->workers[w];

        fl_buf_printf(&out, "%s %d", worker->name, worker->gone);
        for (size_t p = 0; p < worker->pool_count; p++)
            fl_buf_printf(&out, " %lld %lld", (long long)worker->pools[p].used_cores,
                          (long long)worker->pools[p].used_jobs);
    }
    fl_digest_memory(out.data, out.size, hex);
}
