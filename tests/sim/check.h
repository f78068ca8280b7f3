#ifndef FL_TESTS_SIM_CHECK_H
#define FL_TESTS_SIM_CHECK_H

/* The invariants of the design, held against every event before it is applied.
 * Owns: nothing. Threads: one. Limits: none. */

#include "tests/sim/office.h"

void sim_broken(struct office *office, const char *fmt, ...) FL_PRINTF(2, 3);
void sim_check_event(struct office *office, const struct fl_events *batch, size_t at);
void sim_check_limits(struct office *office);
/* All of the state that matters, as one digest. */
void sim_picture(const struct fl_core *core, char hex[static FL_DIGEST_HEX]);

#endif
