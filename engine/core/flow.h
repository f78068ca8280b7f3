#ifndef FL_CORE_FLOW_H
#define FL_CORE_FLOW_H

/* Installed workflows: their cycles become runs by themselves, one after the other, never twice;
 * private to engine/core. What has been made is kept as the last cycle, and the next one follows
 * from it and the recurrences alone: a clock that jumps makes none again.
 * Owns: see struct fl_flow. Threads: one at a time. Limits: FL_CORE_FLOWS_MAX. */

#include "engine/base/recurrence.h"
#include "engine/core/apply.h"

#define FL_CORE_FLOWS_MAX 1000
#define FL_CORE_DROPPED_MAX 2000 /* names of dropped runs that are remembered */
#define FL_FLOW_ROUND_MAX 100    /* cycles made, skipped or dropped in one call */

/* Which of a workflow's recurrences a cycle is on, by index. */
struct fl_rule_bits {
    uint64_t bits[(FL_WORKFLOW_RULES_MAX + 63) / 64];
};

struct fl_flow {
    char *name;                 /* of the workflow */
    const struct fl_plan *plan; /* of the cycles to come */
    struct fl_recurrence *rules;
    size_t rule_count;
    bool removed;
    bool held;
    bool begun; /* a cycle of it has become a run */
    bool has_start;
    bool has_stop;
    bool has_last;
    bool has_next;
    struct fl_cycle start;
    struct fl_cycle stop;   /* the last cycle there will be */
    struct fl_cycle last;   /* the last one that is a run or was skipped */
    struct fl_cycle newest; /* the last one that became a run */
    struct fl_cycle next;
    struct fl_rule_bits next_rules;
    uint32_t unfinished; /* runs of it */
    uint32_t *ended;     /* runs of it that have ended, by cycle */
    size_t ended_count;
    size_t ended_room;
    uint64_t made;
    uint64_t skipped;
    int64_t since_ns;
    char *who;
    char *reason; /* of a hold; or NULL */
    char *passed; /* why the last skipped cycle was skipped; or NULL */
};

void fl_flow_destroy(struct fl_flow *flow);
FL_DEFINE_AUTO(struct fl_flow *, fl_flow_destroy)
/* NULL when there is none of that name. */
struct fl_flow *fl_core_flow(const struct fl_core *core, const char *name);
/* That which made a run, or NULL. */
struct fl_flow *fl_run_flow(const struct fl_core *core, const struct fl_run *run);

/* The recurrences of a workflow's cycles. start: where `every` without `from` begins, may be NULL.
 * The list is the caller's. FL_E_CONFIG when it has none, FL_E_PARSE. */
int fl_flow_rules(const struct fl_workflow *workflow, const struct fl_cycle *start,
                  struct fl_recurrence **ret_rules, size_t *ret_count, struct fl_err *reterr);
/* 0 when the cycle is on one of the rules; else FL_E_REFUSED with the nearest points. */
int fl_flow_check(const struct fl_recurrence *rules, size_t count, struct fl_cycle cycle,
                  struct fl_err *reterr);
/* The first cycle that is not before from, with the rules that it is on. False when there is none.
 */
bool fl_flow_first(const struct fl_recurrence *rules, size_t count, struct fl_cycle from,
                   struct fl_cycle *ret_cycle, struct fl_rule_bits *ret_bits);
/* Sets next anew from last, start and stop. */
void fl_flow_look(struct fl_flow *flow);
/* True when a stage is no part of a run: not its cycle's recurrence, or not its place in the
 * operation; why in words. */
bool fl_flow_excludes(const struct fl_run *run, const struct fl_stage *stage, char *why,
                      size_t size);

/* How far back a workflow's stages reach into earlier cycles [s], <= 0: with inputs and triggers.
 */
int64_t fl_reach_back_s(const struct fl_plan *plan);
/* True when an unfinished run may still take something from one that has ended. */
bool fl_needed_by_runs(const struct fl_core *core, const struct fl_run *old);
/* True when a run that is still to be made may: the next cycle of an installed workflow, or one
 * that a person makes after the newest cycle that there is. */
bool fl_needed_later(const struct fl_core *core, const struct fl_run *old);

/* Cycles whose time has come, cycles that are skipped, runs that are dropped; stages that are no
 * part of their run. */
int fl_flow_advance(const struct fl_core *core, const struct fl_input *tick,
                    struct fl_events *events, struct fl_err *reterr);
/* When the next cycle of any is due, after since; or INT64_MAX. */
int64_t fl_flow_timer_ns(const struct fl_core *core, int64_t since_ns);

/* Requests: install, uninstall, reload, and hold or release of a whole workflow. */
int fl_decide_install(const struct fl_core *core, const struct fl_input *input,
                      struct fl_events *events, struct fl_err *reterr);
int fl_decide_uninstall(const struct fl_core *core, const struct fl_input *input,
                        struct fl_events *events, struct fl_err *reterr);
int fl_decide_reload(const struct fl_core *core, const struct fl_input *input,
                     struct fl_events *events, struct fl_err *reterr);
int fl_decide_flow_hold(const struct fl_core *core, const struct fl_input *input, const char *name,
                        bool hold, struct fl_events *events, struct fl_err *reterr);

/* Events. */
int fl_apply_installed(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
int fl_apply_reloaded(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
int fl_apply_removed(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
int fl_apply_cycle_skipped(struct fl_core *core, const struct fl_event *event,
                           struct fl_err *reterr);
int fl_apply_dropped(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
int fl_apply_flow_hold(struct fl_core *core, const struct fl_event *event, struct fl_err *reterr);
/* A run was created (with event->workflow: by a flow; text is the event's), has ended, or goes on
 * after all. */
/* The run goes on by another version of its workflow: recurrences keep their names, and what is no
 * part of the run is looked at anew. */
int fl_flow_moved(struct fl_run *run, const struct fl_workflow *was, struct fl_err *reterr);
int fl_flow_created(struct fl_core *core, struct fl_run *run, const struct fl_event *event,
                    const json_t *text, struct fl_err *reterr);
int fl_flow_ended(struct fl_core *core, const struct fl_run *run, struct fl_err *reterr);
/* A run leaves the state. */
void fl_flow_left(struct fl_core *core, const struct fl_run *run);
void fl_flow_reopened(struct fl_core *core, const struct fl_run *run);

#endif
