#ifndef FL_CORE_GIVEN_H
#define FL_CORE_GIVEN_H

/* What a run is told from outside: signals of people and programs, files that appear at a site;
 * private to engine/core.
 * Owns: nothing. Threads: one at a time. Limits: none of its own. */

#include "engine/core/decide.h"

/* A signal for all unfinished runs of a workflow that wait for it: {"workflow","name","text"?}. */
int fl_decide_signal_all(const struct fl_core *core, const struct fl_input *input,
                         struct fl_events *events, struct fl_err *reterr);
/* A worker says that a file is there: {"id","path","size"}. */
int fl_decide_arrived(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr);

/* The four parts "A|B|C|D" of the id of what a worker looks for; text is cut. */
bool fl_given_split(char *text, char *part[4]);

/* Messages {"type":"watch","id","site","path"} for the files that instances of a run wait for, to
 * workers of their sites; worker NULL: to all that can be reached. */
int fl_watch_effects(const struct fl_core *core, const struct fl_run *run,
                     const struct fl_worker *worker, struct fl_effects *effects,
                     struct fl_err *reterr);

#endif
