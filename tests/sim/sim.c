/* Steps and faults of a simulation. */
#include "config.h"

#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/check.h"
#include "tests/sim/node.h"
#include "engine/base/banned.h"

#define NODES 2
#define FAULT_STEPS 3000
#define START_NS INT64_C(1795478400000000000)

struct sim {
    struct sim_random random;
    struct sim_net net;
    struct office office;
    struct node nodes[NODES];
};

static void fault(struct sim *sim)
{
    static const char *const verbs[] = {"hold", "release", "release", "cancel", "retry"};
    struct node *node = &sim->nodes[sim_pick(&sim->random, NODES)];

    switch (sim_pick(&sim->random, 8)) {
    case 0:
    case 1:
        node_kill(node);
        node_start(node);
        break;
    case 2:
        office_crash(&sim->office);
        break;
    case 3:
    case 4: /* its lease runs out while it is cut off */
        sim->net.cut[node->number] = true;
        break;
    case 5:
        for (size_t i = 0; i < SIM_NODES_MAX; i++)
            sim->net.cut[i] = false;
        break;
    case 6:
        if (sim_chance(&sim->random, 200))
            node_lose_folder(node);
        break;
    default:
        office_ask(&sim->office, verbs[sim_pick(&sim->random, FL_COUNT(verbs))]);
        break;
    }
}

static void heal(struct sim *sim)
{
    sim->net.faults = false;
    for (size_t i = 0; i < SIM_NODES_MAX; i++)
        sim->net.cut[i] = false;
    for (int s = 0; s < SIM_STAGES_MAX * 20; s++) /* nothing stays held by hand */
        office_ask(&sim->office, "release");
}

/* No two bodies of one instance run at the same time, whatever worker they are on. */
static void check_overlap(struct sim *sim)
{
    const struct folder *running[NODES * NODE_JOBS + 1];
    size_t count = 0;

    for (size_t i = 0; i < NODES; i++) {
        for (size_t f = 0; f < sim->nodes[i].folder_count; f++) {
            const struct folder *folder = &sim->nodes[i].folders[f];
            size_t instance = (size_t)(strrchr(folder->id, '/') - folder->id);

            if (!folder->exists || folder->body != BODY_RUNS)
                continue;
            for (size_t r = 0; r < count; r++)
                if (strncmp(running[r]->id, folder->id, instance) == 0 &&
                    running[r]->id[instance] == '/')
                    sim_broken(&sim->office, "two bodies of %s run at once", folder->id);
            if (count < FL_COUNT(running))
                running[count++] = folder;
        }
    }
    if (count > NODES * NODE_JOBS)
        sim_broken(&sim->office, "more bodies run than the pools have jobs");
}

static void step(struct sim *sim)
{
    sim->net.now_ns += (int64_t)sim_pick(&sim->random, 400) * 1000000;
    if (sim->net.faults && sim_chance(&sim->random, 30))
        fault(sim);
    switch (sim_pick(&sim->random, 4)) {
    case 0:
        office_poll(&sim->office);
        office_submit(&sim->office);
        break;
    case 1:
        node_poll(&sim->nodes[sim_pick(&sim->random, NODES)]);
        break;
    default:
        node_step(&sim->nodes[sim_pick(&sim->random, NODES)]);
        break;
    }
    for (size_t i = 0; i < NODES; i++)
        if (sim->nodes[i].broken)
            sim_broken(&sim->office, "%s", sim->nodes[i].broken);
    check_overlap(sim);
}

int sim_run(uint64_t seed, const char *folder, char hash[static FL_DIGEST_HEX], char *why,
            size_t size)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    bool failed;

    fl_assert(sim);
    sim->random.state = seed;
    sim_net_init(&sim->net, &sim->random, START_NS);
    office_open(&sim->office, &sim->net, folder);
    for (int i = 0; i < NODES; i++) {
        sim->nodes[i].number = i + 1;
        sim->nodes[i].net = &sim->net;
        node_start(&sim->nodes[i]);
    }
    for (int n = 0; n < SIM_STEPS_MAX && !sim->office.failed && !office_has_ended(&sim->office);
         n++) {
        if (n == FAULT_STEPS)
            heal(sim);
        if (n > FAULT_STEPS && n % 500 == 0)
            office_decide_lost(&sim->office);
        step(sim);
        if (n % 500 == 0)
            office_check_replay(&sim->office);
    }
    if (!sim->office.failed)
        office_check_replay(&sim->office);
    if (!sim->office.failed && !office_has_ended(&sim->office))
        office_tell_stuck(&sim->office);
    failed = sim->office.failed;
    if (failed)
        (void)snprintf(why, size, "%s", sim->office.why);
    else
        office_summary(&sim->office, why, size);
    office_hash(&sim->office, hash);
    for (int i = 0; i < NODES; i++)
        node_release(&sim->nodes[i]);
    office_close(&sim->office);
    sim_net_release(&sim->net);
    free(sim);
    return failed ? -1 : 0;
}
