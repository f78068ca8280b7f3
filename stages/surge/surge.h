#ifndef FL_SURGE_SURGE_H
#define FL_SURGE_SURGE_H

/* A run of the storm-surge model from its settings to its last output.
 * Owns: nothing between calls. Threads: one a rank. Limits: those of its parts. */

#include "engine/base/err.h"

struct fl_mpi;
struct fl_surge_settings;

/* Collective: runs the model. Every rank returns the same; rank 0 prints progress to standard
 * output. The errors of the parts: grid, forcing, stations, restart, output; FL_E_DATA when the
 * water goes out of bounds. */
int fl_surge_run(const struct fl_surge_settings *settings, const char *settings_path,
                 const struct fl_mpi *mpi, struct fl_err *reterr);

#endif
