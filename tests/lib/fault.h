#ifndef FL_TESTS_LIB_FAULT_H
#define FL_TESTS_LIB_FAULT_H

/* A world whose nth disk call fails; everything else is the real one. */

#include "engine/world/world.h"

/* The failing world. Not armed, it is the real one. */
const struct fl_world *fault_world(void);
/* The nth (from 0) open, write, truncate, sync, rename, link or mkdir from now on fails with
 * errnum. */
void fault_arm(int nth, int errnum);
/* True when the armed failure happened. */
bool fault_disarm(void);

#endif
