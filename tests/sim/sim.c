/* Steps and faults of a simulation. */
#include "config.h"

#include "tests/sim/sim.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spec/spec.h"
#include "tests/sim/desk.h"
#include "tests/sim/node.h"
#include "tests/sim/office.h"
#include "tests/sim/vfs.h"
#include "engine/base/banned.h"

#define START_NS INT64_C(1795478400000000000) /* 2026-11-24T00:00:00Z */
#define DAY_NS (INT64_C(86400) * 1000000000)
#define CHECK_STEPS 100 /* between comparisons of the live state with its record */
#define IDLE_STEPS 400  /* without an event, before the time is moved to the next timer */
#define FAULTS_OF_THOUSAND 25
#define STREAM_WORLD 1
#define STREAM_FAULTS 100000

struct sim {
    const struct sim_config *config;
    struct sim_trace *trace;
    bool compares;
    struct sim_random random;
    struct sim_graph graph;
    struct sim_net net;
    struct ledger ledger;
    struct facts facts;
    struct office office;
    struct node nodes[SIM_NODES];
    struct desk desk;
    struct machine *desk_machine;
    uint32_t runs;
    bool healed;
    unsigned release; /* next one to be let go after the faults have stopped */
    uint64_t seq;     /* last one seen by the step */
    unsigned idle;    /* steps since then */
};

const char *sim_fault_name(enum sim_fault fault)
{
    static const char *const names[] = {
#define SIM_FAULT_NAME(NAME, name) name,
        SIM_FAULTS(SIM_FAULT_NAME)
#undef SIM_FAULT_NAME
    };

    return names[fault];
}

/* ---------------------------------------------------------------- the workflow */

static int read_text(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                     void *arg)
{
    (void)path;
    (void)limit;
    (void)reterr;
    sim_graph_text(&((const struct sim *)arg)->graph, ((const struct sim *)arg)->runs, out);
    return 0;
}

static json_t *compile(struct sim *sim)
{
    const struct fl_spec_options options = {.read = read_text, .arg = sim};
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    struct fl_diagnostics list = {0};
    struct fl_err err = {0};
    json_t *json = NULL;
    int rc = fl_spec_load("sim.cfg", &options, &workflow, &list, &err);

    if (rc == 0)
        rc = fl_workflow_to_json(workflow, &json, &err);
    if (rc < 0)
        facts_broken(&sim->facts, "workflow: %s", list.count > 0 ? list.items[0].text : err.text);
    return json;
}

/* ---------------------------------------------------------------- faults */

static void fault_clock(struct sim_random *chance, struct machine *machine)
{
    static const int64_t jumps[] = {-DAY_NS, 40 * DAY_NS, -DAY_NS / 24, DAY_NS / 1440, 0};

    machine->utc_offset_ns = jumps[sim_pick(chance, FL_COUNT(jumps))];
}

static void fault_people(struct sim *sim, struct sim_random *chance)
{
    static const char *const verbs[] = {"hold", "release", "release", "cancel", "retry", "retry"};
    const char *verb = verbs[sim_pick(chance, FL_COUNT(verbs))];
    unsigned run = sim_pick(chance, sim->runs);
    unsigned stage = sim_pick(chance, sim->graph.stage_count + 1);

    if (strcmp(verb, "cancel") == 0 && stage == sim->graph.stage_count)
        return; /* not a whole run: it would end too soon to be of interest */
    if (desk_is_free(&sim->desk))
        desk_ask(&sim->desk, verb, run,
                 stage < sim->graph.stage_count ? sim->graph.stages[stage].name : NULL);
}

/* The machine's process dies at one of the next things that it asks; or its power fails then. */
static void fault_death(struct sim_random *chance, struct machine *machine, bool power)
{
    static const uint32_t spans[] = {1, 10, 100, 400};

    machine->die_after = 1 + sim_pick(chance, spans[sim_pick(chance, FL_COUNT(spans))]);
    machine->power_fails = power;
}

static void fault(struct sim *sim, enum sim_fault fault, struct sim_random *chance)
{
    struct node *node = &sim->nodes[sim_pick(chance, SIM_NODES)];
    struct machine *office = sim->office.machine;

    switch (fault) {
    case SIM_KILL_COORDINATOR:
    case SIM_POWER_COORDINATOR:
        fault_death(chance, office, fault == SIM_POWER_COORDINATOR);
        break;
    case SIM_KILL_WORKER:
    case SIM_POWER_WORKER:
        fault_death(chance, node->machine, fault == SIM_POWER_WORKER);
        break;
    case SIM_KILL_SUPERVISOR:
        stages_kill_one(node->machine);
        break;
    case SIM_KILL_CLIENT:
        desk_restart(&sim->desk);
        break;
    case SIM_PARTITION: /* its lease may run out while it is cut off */
        sim->net.cut[node->number] = !sim->net.cut[node->number];
        break;
    case SIM_PACKETS:
        sim->net.lose = sim_pick(chance, 150);
        sim->net.repeat = sim_pick(chance, 150);
        sim->net.reorder = sim_pick(chance, 300);
        sim->net.delay = sim_pick(chance, 60);
        break;
    case SIM_FULL_COORDINATOR:
        machine_fill(office, !office->full);
        break;
    case SIM_FULL_WORKER:
        machine_fill(node->machine, !node->machine->full);
        break;
    case SIM_SYNC_COORDINATOR:
        disk_fail_sync(office->disk, true);
        break;
    case SIM_SYNC_WORKER:
        disk_fail_sync(node->machine->disk, true);
        break;
    case SIM_CLOCK:
        fault_clock(chance, sim_chance(chance, 600) ? office : node->machine);
        break;
    case SIM_FOLDER:
        if (sim_chance(chance, 200))
            node_lose_folder(node);
        break;
    case SIM_PEOPLE:
        fault_people(sim, chance);
        break;
    case SIM_STAGES: /* happen in the stages themselves */
    case SIM_FAULT_COUNT:
        break;
    }
}

static void maybe_fault(struct sim *sim, uint32_t step)
{
    struct sim_random chance = sim_random_stream(sim->config->seed, STREAM_FAULTS + step);
    enum sim_fault which;

    if (!sim_chance(&chance, FAULTS_OF_THOUSAND))
        return;
    which = (enum sim_fault)sim_pick(&chance, SIM_FAULT_COUNT);
    if (sim->config->faults & (UINT32_C(1) << which))
        fault(sim, which, &chance);
}

static void heal_machine(struct machine *machine)
{
    machine->utc_offset_ns = 0;
    machine->die_after = 0;
    machine->power_fails = false;
    machine_fill(machine, false);
    disk_fail_sync(machine->disk, false);
}

static void heal(struct sim *sim)
{
    sim->healed = true;
    sim->net.lose = sim->net.repeat = sim->net.reorder = sim->net.delay = 0;
    memset(sim->net.cut, 0, sizeof(sim->net.cut));
    heal_machine(sim->office.machine);
    for (size_t i = 0; i < SIM_NODES; i++)
        heal_machine(sim->nodes[i].machine);
}

/* ---------------------------------------------------------------- people */

static bool is_over(const char *id, void *arg)
{
    const struct attempt_fact *attempt = facts_find(arg, id);

    return attempt && attempt->ended;
}

/* Somebody sees to it that nothing of lost attempts runs on, and says so. */
static void decide_lost(struct sim *sim, unsigned run)
{
    if (!sim->facts.lost[run] || sim->facts.ended[run])
        return;
    for (size_t i = 0; i < SIM_NODES; i++)
        stages_end_lost(sim->nodes[i].machine, is_over, &sim->facts);
    sim->facts.lost[run] = false;
    desk_force(&sim->desk, run);
}

/* The next of all runs and stages is let go: nothing stays held by hand, or lost for ever. */
static void release_next(struct sim *sim)
{
    unsigned each = sim->graph.stage_count + 2;
    unsigned run = sim->release / each;
    unsigned stage = sim->release % each;

    if (run >= sim->runs)
        return;
    sim->release++;
    if (stage == sim->graph.stage_count + 1)
        decide_lost(sim, run);
    else if (stage == sim->graph.stage_count)
        desk_ask(&sim->desk, "release", run, NULL);
    else if (sim->graph.stages[stage].there)
        desk_ask(&sim->desk, "release", run, sim->graph.stages[stage].name);
}

static void step_desk(struct sim *sim)
{
    desk_turn(&sim->desk);
    if (!desk_is_free(&sim->desk))
        return;
    if (sim->graph.installed) {
        if (!sim->facts.installed && (sim->healed || sim_chance(&sim->random, 100)))
            desk_install(&sim->desk);
        else if (sim->healed)
            release_next(sim);
        return;
    }
    for (unsigned r = 0; r < sim->runs; r++) {
        if (sim->facts.created[r])
            continue;
        if (sim->healed || sim_chance(&sim->random, 100))
            desk_submit(&sim->desk, r);
        return;
    }
    if (sim->healed)
        release_next(sim);
}

/* ---------------------------------------------------------------- steps */

/* No two bodies of one instance run at the same time, whatever machine they are on. */
static void check_overlap(struct sim *sim)
{
    const struct stage *running[64];
    size_t count = 0;

    for (size_t i = 0; i < SIM_NODES; i++) {
        const struct machine *machine = sim->nodes[i].machine;

        for (size_t s = 0; s < machine->stage_count; s++) {
            const struct stage *stage = machine->stages[s];
            size_t instance =
                strrchr(stage->id, '/') ? (size_t)(strrchr(stage->id, '/') - stage->id) : 0;

            if (stage->body == 0)
                continue;
            for (size_t r = 0; r < count; r++) {
                if (strncmp(running[r]->id, stage->id, instance + 1) == 0)
                    facts_broken(&sim->facts, "two bodies run at once: %s and %s", running[r]->id,
                                 stage->id);
            }
            if (count < FL_COUNT(running))
                running[count++] = stage;
        }
    }
}

/* The time goes to the next thing that anybody waits for when nothing else happens. */
static void skip_time(struct sim *sim)
{
    int64_t due_ns = office_next_timer_ns(&sim->office);

    if (sim->facts.seq != sim->seq)
        sim->idle = 0;
    sim->seq = sim->facts.seq;
    if (++sim->idle < IDLE_STEPS || !sim->healed)
        return;
    sim->idle = 0;
    sim->release = 0; /* what was refused before may be granted now */
    if (due_ns != INT64_MAX && due_ns > sim->net.now_ns)
        sim->net.now_ns = due_ns;
}

static void step(struct sim *sim)
{
    struct node *node = &sim->nodes[sim_pick(&sim->random, SIM_NODES)];

    sim->net.now_ns += (int64_t)sim_pick(&sim->random, 300) * 1000000;
    switch (sim_pick(&sim->random, 10)) {
    case 0:
    case 1:
        office_turn(&sim->office);
        break;
    case 2:
    case 3:
        office_commit(&sim->office);
        break;
    case 4:
    case 5:
        node_turn(node);
        break;
    case 6:
        step_desk(sim);
        break;
    default:
        machine_turn(node->machine);
        stages_step(node->machine, &sim->ledger,
                    !sim->healed && sim->config->faults & (UINT32_C(1) << SIM_STAGES));
        machine_turn(NULL);
        break;
    }
    if (sim->ledger.broken[0])
        facts_broken(&sim->facts, "%s", sim->ledger.broken);
    check_overlap(sim);
    skip_time(sim);
}

static bool has_ended(const struct sim *sim)
{
    for (unsigned r = 0; r < sim->runs; r++) {
        if (!sim->facts.ended[r])
            return false;
    }
    return sim->facts.live == 0;
}

static void tell_stuck(struct sim *sim)
{
    fl_auto(fl_buf_release) struct fl_buf out;

    fl_buf_init(&out, 400);
    facts_stuck(sim->facts.core, &out);
    facts_broken(&sim->facts, "not all has ended though the faults have stopped:%s",
                 out.data ? out.data : "");
}

/* Another way than before: something that no seed fixes has had an effect. */
static void trace_step(struct sim *sim, uint32_t n)
{
    struct sim_trace *trace = sim->trace;

    if (!trace)
        return;
    if (!sim->compares) {
        trace->at[n] = sim->random.state;
        trace->count = n + 1;
    } else if (n >= trace->count || trace->at[n] != sim->random.state) {
        facts_broken(&sim->facts, "two plays of one seed part at step %u", n);
    }
}

static void play(struct sim *sim)
{
    for (uint32_t n = 0; n < SIM_STEPS_MAX && !sim->facts.broken[0] && !has_ended(sim); n++) {
        if (n == sim->config->steps)
            heal(sim);
        if (n < sim->config->steps)
            maybe_fault(sim, n);
        step(sim);
        trace_step(sim, n);
        if (n % CHECK_STEPS == 0)
            office_check_state(&sim->office);
    }
    if (!sim->facts.broken[0] && !has_ended(sim))
        tell_stuck(sim);
    office_check_state(&sim->office);
}

static void sim_open(struct sim *sim, const struct sim_config *config)
{
    sim->config = config;
    sim->random = sim_random_stream(config->seed, STREAM_WORLD);
    sim->runs = 1 + sim_pick(&sim->random, SIM_RUNS_MAX);
    if (sim->runs > config->runs)
        sim->runs = config->runs;
    sim_graph_draw(config->seed, config->without, &sim->graph);
    sim_net_init(&sim->net, &sim->random, START_NS);
    if (config->faults & (UINT32_C(1) << SIM_PACKETS))
        sim->net.lose = sim->net.repeat = sim->net.reorder = 30;
    facts_init(&sim->facts, &sim->graph, &sim->ledger);
    sim->facts.tells = config->tells && !sim->compares;
    office_open(&sim->office, machine_create(0, &sim->net, &sim->random), &sim->facts);
    for (int i = 0; i < SIM_NODES; i++)
        node_open(&sim->nodes[i], i + 1, machine_create(i + 1, &sim->net, &sim->random),
                  &sim->facts);
    sim->nodes[0].machine->mirror = sim->nodes[1].machine;
    sim->nodes[1].machine->mirror = sim->nodes[0].machine;
    sim->desk_machine = machine_create(DESK_NODE, &sim->net, &sim->random);
    desk_open(&sim->desk, sim->desk_machine, &sim->facts, compile(sim));
}

static void sim_close(struct sim *sim)
{
    json_decref(sim->desk.workflow);
    desk_close(&sim->desk);
    for (int i = 0; i < SIM_NODES; i++) {
        node_close(&sim->nodes[i]);
        machine_destroy(sim->nodes[i].machine);
    }
    office_close(&sim->office);
    machine_destroy(sim->office.machine);
    machine_destroy(sim->desk_machine);
    facts_release(&sim->facts);
    sim_net_release(&sim->net);
    free(sim->ledger.deeds);
    free(sim);
}

int sim_run(const struct sim_config *config, struct sim_trace *trace,
            char hash[static FL_DIGEST_HEX], char *why, size_t size)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    char text[128];
    int rc;

    fl_assert(sim);
    sim_vfs_register();
    sim->trace = trace;
    sim->compares = trace && trace->count > 0;
    sim_open(sim, config);
    machine_turn(sim->office.machine);
    (void)sqlite3_test_control(SQLITE_TESTCTRL_PRNG_RESET); /* its chance comes from ours too */
    machine_turn(NULL);
    play(sim);
    rc = sim->facts.broken[0] ? -1 : 0;
    if (rc < 0)
        (void)snprintf(why, size, "%s", sim->facts.broken);
    else
        (void)snprintf(why, size,
                       "%u runs, %llu events, %zu attempts; lives: coordinator %u, "
                       "workers %u",
                       sim->runs, (unsigned long long)sim->facts.seq, sim->facts.attempt_count,
                       sim->office.lives, sim->nodes[0].lives + sim->nodes[1].lives);
    (void)snprintf(text, sizeof(text), "%llu %llx %lld", (unsigned long long)sim->facts.seq,
                   sim->facts.seq ? (unsigned long long)sim->facts.chain[sim->facts.seq] : 0,
                   (long long)sim->net.now_ns);
    fl_digest_memory(text, strlen(text), hash);
    sim_close(sim);
    return rc;
}
