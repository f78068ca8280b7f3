#ifndef FL_TESTS_SIM_OFFICE_H
#define FL_TESTS_SIM_OFFICE_H

/* A simulated coordinator: the real core, the real end of the bus, and the log, in the real store
 * when there is a folder for it. It may die before a commit (the batch is torn off) and between a
 * commit and its effects. Invariants are checked at every turn. Owns: core, server, log. Threads:
 * one. Limits: those of the parts. */

#include "engine/bus/bus.h"
#include "engine/core/state.h"
#include "engine/store/store.h"
#include "tests/sim/net.h"

#define OFFICE_RUN "sim/20261124T0000Z"

struct office {
    struct sim_net *net;
    const char *folder; /* of the store, or NULL: a log in memory */
    struct fl_store *store;
    struct fl_core *core;
    struct fl_bus_server *bus;
    struct fl_events log; /* committed */
    json_t *workflow;
    char digest[FL_DIGEST_HEX];
    json_t *hellos[SIM_NODES_MAX];
    uint64_t peers[SIM_NODES_MAX];
    unsigned lives; /* how often it came up */
    bool died;      /* in this turn: effects and replies are lost */
    char why[512];
    bool failed;
};

void office_open(struct office *office, struct sim_net *net, const char *folder);
void office_close(struct office *office);
/* Dies and comes back with what was committed. */
void office_crash(struct office *office);
/* Takes what has arrived and what is due. */
void office_poll(struct office *office);
void office_submit(struct office *office);
/* A person asks something: verb, stage by chance. */
void office_ask(struct office *office, const char *verb);
/* The log, replayed, must give the live state. */
void office_check_replay(struct office *office);
/* A person who knows that all bodies of lost attempts are dead says so. */
void office_decide_lost(struct office *office);
bool office_has_ended(const struct office *office);
void office_tell_stuck(struct office *office);
/* "succeeded after 80 events in 3 lives". */
void office_summary(const struct office *office, char *text, size_t size);
void office_hash(const struct office *office, char hash[static FL_DIGEST_HEX]);

#endif
