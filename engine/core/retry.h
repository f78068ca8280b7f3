#ifndef FL_CORE_RETRY_H
#define FL_CORE_RETRY_H

/* What follows the bad end of an attempt: another one, by the rule for the most exact cause; or the
 * end of its instance; or, for a lost attempt whose body nothing proves dead, neither: the instance
 * is lost and waits for proof or for a person.
 * Owns: nothing. Threads: any. Limits: FL_CORE_TRIES_MAX attempts; a day's delay. */

#include "engine/core/state.h"

/* How an attempt ended. */
struct fl_ending {
    enum fl_state state;
    const char *class; /* of the failure; may be NULL */
    int64_t code;
    int64_t signal;
    bool check;   /* the checks of its outputs refused it */
    bool proved;  /* of a lost one: its body is dead */
    bool by_hand; /* a person wants another attempt, now, whatever the rules */
};

/* The rule that holds for an end. */
struct fl_again {
    const char *cause; /* "exit_75", "lost", "transient" … */
    int64_t tries;     /* attempts in all that ended like this; 1: no other */
    int64_t delay_s;
    double grow;
    bool overlap;
};

/* The most exact rule: exit code or signal, check, timed-out or lost, class, any. The short form of
 * a stage (`retry`) is its rule for the classes transient and limit. False when none holds. */
bool fl_again_rule(const struct fl_stage *stage, const struct fl_ending *end,
                   struct fl_again *ret_again);
/* The same for an attempt that has ended. */
bool fl_again_of(const struct fl_stage *stage, const struct fl_attempt *attempt,
                 struct fl_again *ret_again);

/* True when the last attempt, ended like this, would be followed by another. */
bool fl_again_allowed(const struct fl_run *run, uint32_t inst, const struct fl_ending *end);

/* Ends the last attempt of an instance, which did not succeed: attempt-ended, and by rule a retry.
 */
int fl_emit_failed_end(struct fl_events *events, const struct fl_input *input,
                       const struct fl_run *run, uint32_t inst, const struct fl_ending *end,
                       const char *why, struct fl_event **ret_event, struct fl_err *reterr);
/* A lost attempt's body is proved dead after all: a retry by rule, or the end of the instance. */
int fl_emit_proof(struct fl_events *events, const struct fl_input *input, const struct fl_run *run,
                  uint32_t inst, const char *why, struct fl_err *reterr);

#endif
