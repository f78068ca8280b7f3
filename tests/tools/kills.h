#ifndef FL_TESTS_TOOLS_KILLS_H
#define FL_TESTS_TOOLS_KILLS_H

/* The parts of the kill test: a workflow, a storm of kills over a run of it, and a judge of what is
 * left. Owns: nothing between calls. Threads: one. Limits: KILLS_STAGES_MAX, KILLS_MAX. */

#include <stddef.h>
#include <stdint.h>

#define KILLS_STAGES_MAX 5000
#define KILLS_MAX 10000
#define KILLS_RUN "kills/20261124T0000Z"
#define KILLS_LAST "last" /* the stage that waits for all others */

/* A small generator, the same everywhere (splitmix64). */
struct kills_random {
    uint64_t state;
};
uint64_t kills_draw(struct kills_random *random, uint64_t below);

/* Writes the workflow of so many instances to standard output. body: the program's path. 0, 1. */
int kills_flow(long stages, uint64_t seed, const char *body, const char *trail);

/* Runs FLOW below DIR to its end while it kills, and so many times fills DIR/disk, a small file
 * system that then holds state and site, for a while; 0, or 1 after it has said what went wrong.
 * Leaves DIR/state, DIR/trail (of the bodies) and DIR/kills: a line "K coordinator", "K worker" or
 * "K supervisor NAME ATTEMPT" each. */
int kills_storm(const char *dir, const char *flow, uint64_t seed, long kills, long stages,
                long fills);

/* What must hold; each says what does not and gives 1. events: JSON lines of `fairlead events`. */
int kills_judge_ends(const char *events, long stages);
int kills_judge_trail(const char *trail, const char *kills);
int kills_judge_results(const char *events, const char *undisturbed);

#endif
