#ifndef FL_TESTS_SIM_OFFICE_H
#define FL_TESTS_SIM_OFFICE_H

/* The coordinator's machine: the engine's own coordinator (its loop, its store on the simulated
 * disk, its end of the bus, its read model), turn by turn. The two threads that it has beside the
 * loop stand still in between: a commit is carried out when the simulation says so, a question is
 * answered at once.
 * Owns: the machine, the coordinator, a reader of its record. Threads: one. Limits: those of the
 * parts. */

#include "engine/coordinator/coordinator.h"
#include "engine/store/store.h"
#include "tests/sim/facts.h"

#define OFFICE_STATE "/state"

struct office {
    struct machine *machine;
    struct facts *facts;
    struct fl_coordinator *coordinator; /* NULL: it is down */
    struct fl_store *reader;
    unsigned lives;
    unsigned failures; /* syncs that failed and have had their effect */
};

void office_open(struct office *office, struct machine *machine, struct facts *facts);
void office_close(struct office *office);
/* One turn of the loop; starts it when it is down. */
void office_turn(struct office *office);
/* The commit under way, if there is one, is carried out. */
void office_commit(struct office *office);
/* It is killed: now. */
void office_kill(struct office *office);
/* The live state must be what its record says. Only when nothing is under way. */
void office_check_state(struct office *office);
/* UTC of the next thing that the state waits for; INT64_MAX: nothing. */
int64_t office_next_timer_ns(const struct office *office);

#endif
