#ifndef FL_TESTS_SIM_DESK_H
#define FL_TESTS_SIM_DESK_H

/* People: a client of the bus that submits the runs, and asks for this and that. It asks again when
 * the coordinator was lost before it answered.
 * Owns: its client. Threads: one. Limits: one request under way. */

#include "engine/bus/bus.h"
#include "tests/sim/facts.h"

#define DESK_NODE SIM_CLIENT

struct desk {
    struct machine *machine;
    struct facts *facts;
    struct fl_bus_client *client;
    json_t *workflow;
    json_t *request; /* under way, or NULL */
    unsigned number;
    unsigned replies;
};

void desk_open(struct desk *desk, struct machine *machine, struct facts *facts, json_t *workflow);
void desk_close(struct desk *desk);
void desk_turn(struct desk *desk);
bool desk_is_free(const struct desk *desk);
void desk_install(struct desk *desk);
void desk_submit(struct desk *desk, unsigned run);
/* stage: NULL for the whole run. */
void desk_ask(struct desk *desk, const char *verb, unsigned run, const char *stage);
/* All lost attempts of a run are dead: others may start. */
void desk_force(struct desk *desk, unsigned run);
/* Goes away and comes back, as another process. */
void desk_restart(struct desk *desk);

#endif
