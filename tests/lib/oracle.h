#ifndef FL_TESTS_LIB_ORACLE_H
#define FL_TESTS_LIB_ORACLE_H

/* A second opinion on a stream of events: keeps its own simple books and refuses an event that
 * breaks an invariant of section 4 of the design: nothing starts before its needs, one begin and
 * one end an attempt, one attempt at a time, limits of pools hold, nothing happens in an ended run.
 * It knows the compiled workflow, and nothing of the core's tables.
 * Owns: its books; workflows are borrowed. Threads: one. Limits: ORACLE_WORKFLOWS_MAX. */

#include "engine/core/workflow.h"
#include "engine/event/event.h"

#define ORACLE_WORKFLOWS_MAX 8

struct oracle {
    int run_order; /* of the runs as they are made */
    struct {
        char digest[FL_DIGEST_HEX];
        const struct fl_workflow *workflow;
    } known[ORACLE_WORKFLOWS_MAX];
    size_t known_count;
    struct {
        char *run;
        struct fl_workflow *workflow; /* with the sets that were declared in the run */
    } own[ORACLE_WORKFLOWS_MAX];
    size_t own_count;
    json_t *runs;   /* name -> {"digest","cycle","ended"} */
    json_t *slots;  /* "run|stage|output|key|member" -> "accepted", or "x" for absent */
    json_t *insts;  /* "run|stage|key" -> {"tries","open","begun","state"} */
    json_t *pools;  /* "worker|pool" -> [cores, jobs, used cores, used jobs] */
    json_t *jobs;   /* "run|pool" -> attempts under way */
    json_t *shared; /* "workflow|limit|NAME" and "worker|pool|RESOURCE" -> what is used */
    json_t *paged;  /* names of runs that the state holds no more */
    json_t *flows;  /* installed workflows: name -> {"digest","last","open","held","removed"} */
};

void oracle_init(struct oracle *oracle);
void oracle_release(struct oracle *oracle);
void oracle_workflow(struct oracle *oracle, const char *digest, const struct fl_workflow *workflow);
/* FL_E_BUG: what is broken. */
int oracle_event(struct oracle *oracle, const struct fl_event *event, struct fl_err *reterr);

#endif
