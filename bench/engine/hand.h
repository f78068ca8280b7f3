#ifndef FL_BENCH_HAND_H
#define FL_BENCH_HAND_H

/* A made-up worker on the real bus: answers what it is told at once, and keeps a record of the
 * attempts that it has begun, as a worker does, so that a coordinator that was killed finds them.
 * Owns: its bus client and its record. Threads: one. Limits: HAND_ATTEMPTS_MAX attempts. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/bus/bus.h"

#define HAND_ATTEMPTS_MAX ((size_t)1 << 20)

struct hand_config {
    const char *name; /* on the allow-list */
    const char *keys; /* folder with worker.key and coordinator.pub */
    const char *endpoint;
    const char *pool;
    const char *site;
    int64_t jobs;
    const char *hold; /* attempts whose id has this text wait for hand_release; NULL: none */
};

struct hand_counts {
    uint64_t launched;     /* attempts that it did not know before */
    uint64_t ended;        /* attempts whose end the coordinator has recorded */
    uint64_t again;        /* launches of attempts that it knew */
    int64_t first_ns;      /* monotonic time of the first new launch of this session; 0: none */
    int64_t last_ended_ns; /* monotonic */
    uint64_t sessions;
};

struct hand;

/* Errors of keys and bus. config's texts must outlive it. */
int hand_create(const struct hand_config *config, struct hand **ret_hand, struct fl_err *reterr);
void hand_destroy(struct hand *hand);
FL_DEFINE_AUTO(struct hand *, hand_destroy)

/* All that can be done without waiting. */
int hand_turn(struct hand *hand, struct fl_err *reterr);
/* Lets go what was held back. */
int hand_release(struct hand *hand, struct fl_err *reterr);
struct fl_bus_client *hand_client(struct hand *hand); /* borrowed, to wait on */
const struct hand_counts *hand_counts(const struct hand *hand);

#endif
