/* A worker, turn by turn. */
#include "config.h"

#include "tests/sim/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"
#include "engine/base/banned.h"

void node_open(struct node *node, int number, struct machine *machine, struct facts *facts)
{
    *node = (struct node){.number = number, .machine = machine, .facts = facts};
}

static void down(struct node *node)
{
    fl_worker_destroy(node->worker);
    node->worker = NULL;
    machine_bury(node->machine);
}

void node_kill(struct node *node)
{
    machine_turn(node->machine);
    machine_die(node->machine);
    down(node);
    machine_turn(NULL);
}

void node_close(struct node *node)
{
    node_kill(node);
}

static void start(struct node *node)
{
    /* a folder that is its own real path everywhere: the worker asks the system for it */
    static const struct fl_worker_site sites[] = {{.site = "local", .root = "/"}};
    static const struct fl_worker_pool pools[] = {
        {.pool = "local", .site = "local", .cores = NODE_CORES, .jobs = NODE_JOBS}};
    char name[8];
    const struct fl_worker_config config = {.name = name,
                                            .coordinator = "sim",
                                            .keys_dir = "/keys",
                                            .pools = pools,
                                            .pool_count = 1,
                                            .sites = sites,
                                            .site_count = 1,
                                            .no_doors = true};
    struct fl_err err = {0};
    int rc;

    (void)snprintf(name, sizeof(name), "w%d", node->number);
    rc = fl_worker_create(&node->machine->world, &config, &node->worker, &err);
    node->lives++;
    if (rc < 0) {
        unsigned failures = disk_sync_failures(node->machine->disk);

        if (!node->machine->dead && failures == node->failures && !node->machine->full)
            facts_broken(node->facts, "worker %s does not start: %s", name, err.text);
        node->failures = failures;
        down(node);
    }
}

void node_turn(struct node *node)
{
    struct fl_err err = {0};
    int rc;

    machine_turn(node->machine);
    if (!node->worker) {
        start(node);
    } else {
        rc = fl_worker_turn(node->worker, &err);
        if (rc < 0 && !node->machine->dead)
            facts_broken(node->facts, "worker w%d ended: %s", node->number, err.text);
    }
    if (node->machine->dead)
        down(node);
    machine_turn(NULL);
}

struct choice {
    struct sim_random *random;
    unsigned seen;
    char name[256];
};

static int choose(const char *name, bool is_dir, void *arg)
{
    struct choice *choice = arg;

    if (is_dir && sim_pick(choice->random, ++choice->seen) == 0)
        (void)snprintf(choice->name, sizeof(choice->name), "%s", name);
    return 0;
}

void node_lose_folder(struct node *node)
{
    const struct fl_world *world = &node->machine->world;
    struct choice choice = {.random = node->machine->random};
    char path[600];

    node_kill(node);
    machine_turn(node->machine);
    if (fl_dir_list(world, "/work/.live", choose, &choice, NULL) == 0 && choice.seen > 0) {
        (void)snprintf(path, sizeof(path), "/work/.live/%s", choice.name);
        (void)fl_dir_remove(world, path, NULL);
        for (char *at = choice.name; *at; at++)
            *at = *at == '%' ? '/' : *at;
        ledger_deed(node->facts->ledger, choice.name)->forgotten = true;
        (void)snprintf(path, sizeof(path), "/work/%s", choice.name);
        (void)fl_dir_remove(world, path, NULL);
    }
    machine_turn(NULL);
}
