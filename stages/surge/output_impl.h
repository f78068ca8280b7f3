#ifndef FL_SURGE_OUTPUT_IMPL_H
#define FL_SURGE_OUTPUT_IMPL_H

/* Private to output.c, series.c and restart.c.
 * Owns: the buffers named. Threads: one. Limits: none. */

#include <stddef.h>

#include "stages/surge/output.h"

struct fl_output {
    struct fl_output_setup setup;
    double *mine;   /* this rank's rows, without gaps */
    double *full;   /* rank 0: a gathered field; room for one row and one column more */
    float *values;  /* the same in the file's type */
    double *series; /* [minute][station]; 0 where another rank has the cell */
    double *joined; /* rank 0: the series of all ranks */
    int64_t first_minute;
    size_t minute_count;
    size_t state_minutes; /* of the series in the restart being written */
};

enum fl_output_point {
    FL_POINT_CENTRE,
    FL_POINT_U_TO_CENTRE,
    FL_POINT_V_TO_CENTRE,
    FL_POINT_EAST,  /* u with the western edge: nlon + 1 a row */
    FL_POINT_NORTH, /* v without the southern edge */
};

/* Collective. Joins the rows of a field in output->full of rank 0. */
int fl_output_gather(struct fl_output *output, const double *field, enum fl_output_point point,
                     struct fl_err *reterr);
/* Collective: output->joined of rank 0. */
int fl_output_join_series(struct fl_output *output, struct fl_err *reterr);

/* Rank 0. */
int fl_output_path(const struct fl_output *output, const char *pattern, struct fl_lead lead,
                   char *path, size_t size, struct fl_err *reterr);
int fl_output_announce(struct fl_output *output, const char *key, const struct fl_lead *lead,
                       const char *path, struct fl_err *reterr);
/* Rank 0: writes stations.nc from the joined series. */
int fl_output_stations(struct fl_output *output, struct fl_lead lead, struct fl_err *reterr);

#endif
