#ifndef FL_FETCH_PLAN_COMMAND_H
#define FL_FETCH_PLAN_COMMAND_H

/* The plan of a get, private to plan_command.c and plan_tell.c.
 * Owns: what it was made of. Threads: one at a time. Limits: those of the request. */

#include <jansson.h>

#include "data-fetch/book/book.h"
#include "data-fetch/source/ask.h"

/* What experience says of a mirror's speed, and where it comes from. */
struct fl_plan_speed {
    size_t mirror;
    double bytes_s; /* 0: not known */
};

/* One lead of the plan. */
struct fl_plan_lead {
    struct fl_lead lead; /* of the run */
    struct fl_lead source_lead;
    struct fl_cycle cycle; /* of the source */
    struct fl_cycle valid;
    struct fl_cycle expected; /* when it is there */
    int64_t cycles;           /* that this was learned from; 0: the catalogue says so */
    uint64_t usual_bytes;     /* of the source's file, by experience; 0: not known */
};

struct fl_planned {
    const struct fl_ask *ask;
    struct fl_plan_lead *leads;
    size_t count;
    int64_t now_s;
    const char *index;          /* where the ranges come from; NULL: no ranges */
    const struct fl_plan *plan; /* of the first lead, first part */
    struct fl_plan_speed speed;
};

/* Seconds that all leads take, as far as sizes and speed are known; 0: not known. */
double fl_planned_seconds(const struct fl_planned *planned);
/* For a person. FL_E_CONFIG when a path cannot be made. */
int fl_planned_print(const struct fl_planned *planned, struct fl_err *reterr);
/* For a program; new reference. FL_E_CONFIG, FL_E_NOMEM. */
int fl_planned_json(const struct fl_planned *planned, json_t **ret_json, struct fl_err *reterr);

#endif
