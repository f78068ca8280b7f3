#ifndef FL_FETCH_NCEP_H
#define FL_FETCH_NCEP_H

/* What wgrib2's names of variables and levels mean in GRIB2 code tables, so that a message can be
 * held against its index line. Pure. Owns: the tables. Threads: any.
 * Limits: the names in the tables; others are told to be unknown, never guessed.
 * Source: WMO Manual on Codes FM 92 GRIB2 tables 4.2 and 4.5, NCEP local tables. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fl_ncep_variable {
    int discipline; /* section 0 */
    int category;   /* table 4.1 */
    int number;     /* table 4.2 */
};

struct fl_ncep_level {
    int type;       /* table 4.5, first fixed surface */
    int type_other; /* a second code that shares the name, or -1 */
    bool has_value;
    double value; /* in the unit of the code table: m, Pa, level number */
    bool has_second;
    double second;
};

/* False when the name is not in the table (also "var discipline=0 center=7 ..." is understood). */
bool fl_ncep_variable(const char *name, struct fl_ncep_variable *ret_variable);
/* "10 m above ground", "500 mb", "mean sea level", "0-0.1 m below ground", ... */
bool fl_ncep_level(const char *text, struct fl_ncep_level *ret_level);

#endif
