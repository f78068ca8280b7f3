#ifndef FL_TESTS_UNIT_CORE_BENCH_H
#define FL_TESTS_UNIT_CORE_BENCH_H

/* A core on the bench: a small workflow built by hand, one worker spoken for by the test, every
 * event logged, and after each step the state compared with a replay of the log. Owns: the core,
 * the log. Threads: one. Limits: those of the core. */

#include "engine/core/view.h"

#define BENCH_RUN "toy/20261124T0000Z"

struct bench {
    struct fl_core *core;
    struct fl_events log;
    struct fl_effects sent; /* since the last bench_clear */
    int64_t now_ns;
    char *workflow; /* its JSON, for replays */
    char digest[FL_DIGEST_HEX];
    struct bench_index {
        char id[256];
        int64_t index;
    } spools[256];
    size_t spool_count;
    int refused; /* code of the last request */
    struct fl_err err;
};

/* stages: JSON array of stages in short form (see bench.c); pools: cores and jobs of the one pool.
 */
void bench_open(struct bench *bench, const char *stages, int64_t cores, int64_t jobs);
void bench_close(struct bench *bench);
/* Feeds an input, advances until nothing is added, gathers effects. */
void bench_feed(struct bench *bench, enum fl_input_type type, const char *message);
void bench_submit(struct bench *bench);
void bench_hello(struct bench *bench, const char *attempts_json);
/* Says an entry of an attempt's spool ("prep.f003/1"), with the next index. */
void bench_say(struct bench *bench, const char *attempt, const char *event);
void bench_begin(struct bench *bench, const char *attempt);
void bench_output(struct bench *bench, const char *attempt, const char *output, const char *lead,
                  char digit);
void bench_end(struct bench *bench, const char *attempt, const char *state, const char *class);
/* "prep(+003)" or "grid": its state's name. */
const char *bench_state(struct bench *bench, const char *which);
const char *bench_run_state(struct bench *bench);
/* Number of messages of a type sent for an attempt (NULL: any) since the last clear. */
size_t bench_sent(const struct bench *bench, const char *type, const char *attempt);
const json_t *bench_launch(const struct bench *bench, const char *attempt);
void bench_clear(struct bench *bench);
/* Replays each prefix of the log into a fresh core; the last one must equal the live state. */
void bench_check_replay(struct bench *bench);
/* The whole state as text: all views of all runs and workers. Free with free(). */
char *bench_picture(const struct fl_core *core);

#endif
