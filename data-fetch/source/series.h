#ifndef FL_FETCH_SERIES_H
#define FL_FETCH_SERIES_H

/* A source over several of its cycles (hindcast, nowcast): which (cycle, lead) of the source stands
 * for a valid time. Pure. Owns: nothing. Threads: any. Limits: FL_SERIES_BACK_MAX cycles back. */

#include "engine/base/time.h"

#define FL_SERIES_BACK_MAX 1000

struct fl_series {
    int64_t every_s;       /* the source's cycles that are used, counted from 00Z */
    struct fl_leads leads; /* of each of them */
};

/* "every=PT6H,leads=+000/+003/3". FL_E_USAGE. */
int fl_series_parse(const char *text, struct fl_series *ret_series, struct fl_err *reterr);

/* The newest cycle that has a lead for that time. FL_E_NOENT when none has. */
int fl_series_map(const struct fl_series *series, struct fl_cycle valid, struct fl_cycle *ret_cycle,
                  struct fl_lead *ret_lead, struct fl_err *reterr);

#endif
