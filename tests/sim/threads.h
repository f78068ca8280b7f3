#ifndef FL_TESTS_SIM_THREADS_H
#define FL_TESTS_SIM_THREADS_H

/* The coordinator's two other threads, without threads: commit.h and query.h of engine/coordinator,
 * put in at link time. A commit waits until the simulation carries it out; a question is answered
 * from the real read model when it is asked.
 * Owns: what the headers say. Threads: one. Limits: the headers'. */

struct fl_commit;

/* Carries out the batch that was given, if there is one. */
void sim_commit_do(struct fl_commit *commit);

#endif
