#ifndef FL_COMMON_NC_IMPL_H
#define FL_COMMON_NC_IMPL_H

/* Private to nc.c and nc_write.c: the handle and the conversion of NetCDF's errors.
 * Owns: nothing. Threads: one. Limits: none. */

#include "engine/base/path.h"
#include "stages/common/nc.h"

struct fl_nc {
    int id;
    bool open;
    bool writing;
    bool created; /* the temporary is ours to remove */
    char path[FL_PATH_MAX];
    char temp[FL_PATH_MAX];
};

/* Converts a NetCDF status: the file and variable (NULL: none) and what was being done.
 * writing failures of the disk are IO or NOSPACE, reading failures DATA. */
int fl_nc_fail(const struct fl_nc *nc, int status, const char *var, const char *doing,
               struct fl_err *reterr);
/* Id of a variable, or NC_GLOBAL for FL_NC_GLOBAL. FL_E_MISMATCH. */
int fl_nc_var_id(const struct fl_nc *nc, const char *name, int *ret_id, struct fl_err *reterr);
/* start and count of a whole variable where the caller gave none. */
int fl_nc_block(const struct fl_nc *nc, const char *name, const size_t **start,
                const size_t **count, size_t *zeros, size_t *shape, int *ret_id,
                struct fl_err *reterr);

#endif
