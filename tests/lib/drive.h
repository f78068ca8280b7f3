#ifndef FL_TESTS_LIB_DRIVE_H
#define FL_TESTS_LIB_DRIVE_H

/* Drives the pure core as the coordinator's loop does, with workflows written as files, and one
 * simulated worker that does as it is told. After each event the oracle is asked, and the state's
 * number is kept: at the end a replay of the log, through its JSON, must come to the same number
 * after every event. Fails the test on any breach.
 * Owns: the core, the log. Threads: one. Limits: DRIVE_RULES_MAX. */

#include "engine/base/json.h"
#include "engine/core/core.h"
#include "tests/lib/oracle.h"

#define DRIVE_RULES_MAX 16

/* What the simulated stages do other than succeed. */
struct drive_rule {
    const char *stage;
    const char *lead;  /* of the output, or of the instance for a failure; NULL: any */
    const char *class; /* fails with this class */
    int64_t attempts;  /* of a failure: up to this attempt; 0: all */
    const char *cause; /* the output is absent for this cause */
    const char *age;
};

struct drive {
    struct fl_core *core;
    struct oracle oracle;
    struct fl_events log;
    uint64_t *hashes; /* of the state after each event; 0: not taken */
    size_t every;     /* take every so manieth */
    json_t *workflows;
    char digest[FL_DIGEST_HEX]; /* of the last workflow loaded */
    char run[256];
    json_t *queue;     /* [worker, message] that no worker has taken yet */
    json_t *attempts;  /* of the simulated worker: id -> what it knows */
    bool mute;         /* the simulated worker passes over all it is told */
    int fail_removals; /* so many removals fail first */
    bool lag;          /* followers work only when all others have nothing to do */
    struct drive_rule rules[DRIVE_RULES_MAX];
    const char *teller; /* this stage tells that first of all (an event as of drive_say) */
    const char *told;
    int64_t now_ns;
    int64_t fed;
    struct fl_err err;
};

void drive_open(struct drive *d);
/* Loads snapshots of the present state in each of which one byte is another one: each is refused or
 * is a state. */
void drive_spoil(struct drive *d);
/* Replays first. */
void drive_close(struct drive *d);
/* Compiles and adds. text: the content of workflow.cfg. */
void drive_load(struct drive *d, const char *text);
void drive_load_file(struct drive *d, const char *path, const char *override);
/* Takes a workflow that the test has made (build.h). */
void drive_take(struct drive *d, struct fl_workflow *workflow);
/* The error of a text that does not compile. */
const char *drive_load_error(struct drive *d, const char *text);

/* One input through decide, apply, advance, effects and answer. Takes message. rc of decide. */
int drive_feed(struct drive *d, enum fl_input_type type, const char *worker, json_t *message);
/* Submits the last workflow for a cycle ("20261124T0000Z"). */
void drive_submit(struct drive *d, const char *cycle);
/* Installs the last workflow; ends: more of the request as JSON with ' for ", or NULL. rc of
 * decide.
 */
int drive_install(struct drive *d, const char *ends);
/* Names the run that the calls below speak of: a cycle of the last workflow. */
void drive_look_at(struct drive *d, const char *cycle);
/* Sets the clock, without a tick. */
void drive_set_clock(struct drive *d, const char *time);
/* A worker with all pools of the last workflow and a door for each site. live: ids or NULL. */
void drive_hello(struct drive *d, const char *worker, const char *const *live);
int drive_ask(struct drive *d, const char *verb, const char *stage, const char *key);
/* A request with members given as JSON (' for "), for the run unless it names one; rc of decide. */
int drive_request(struct drive *d, const char *text);
/* insert, remove or reload-run: the run goes by the workflow that was loaded last. more: further
 * members, from the comma on. */
int drive_reload(struct drive *d, const char *verb, const char *more);
/* Says an entry of a spool: attempt "prep.f003/1" of the run, event as JSON with ' for ". index 0:
 * the next one. */
int drive_say(struct drive *d, const char *attempt, int64_t index, const char *event);
void drive_begin(struct drive *d, const char *attempt);
void drive_output(struct drive *d, const char *attempt, const char *output, const char *lead);
void drive_end(struct drive *d, const char *attempt, const char *state);
/* Lets the simulated worker work, and time pass, until nothing more happens. */
void drive_play(struct drive *d);
/* Only what is due now. */
void drive_work(struct drive *d);
void drive_pass(struct drive *d, int64_t seconds);

/* The messages of a type for an attempt ("prep.f003/1", NULL: any) that wait to be taken. */
size_t drive_count(const struct drive *d, const char *type, const char *attempt);
/* Messages that tell a worker to clean up after a run. */
size_t drive_cleans(const struct drive *d, const char *run);
/* The last one of them, borrowed; fails the test when there is none. */
const json_t *drive_message(const struct drive *d, const char *type, const char *attempt);
void drive_clear(struct drive *d);
/* State of "prep.f003", "grid"; of the run with NULL; and its reason. */
const char *drive_state(const struct drive *d, const char *instance);
const char *drive_reason(const struct drive *d, const char *instance);
/* Marks of an accepted output as compact JSON, or "" (borrowed until the next event). */
const char *drive_marks(const struct drive *d, const char *stage, const char *output,
                        const char *lead);
/* Events of a type in the log, of a stage (NULL: any). */
size_t drive_events(const struct drive *d, enum fl_event_type type, const char *stage);
/* Replays the log and compares. */
void drive_replay(const struct drive *d);

#endif
