#ifndef FL_CHECK_RULES_H
#define FL_CHECK_RULES_H

/* RULES.cfg: what each kind of file must be. The first rule whose pattern matches a file's name
 * holds for it. Owns: the parsed file, into which its texts point. Threads: any for reading.
 * Limits: FL_RULES_MAX rules, FL_RULE_VARS_MAX variables, FL_RULE_WORDS_MAX attributes or columns.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

#define FL_RULES_MAX 32
#define FL_RULE_VARS_MAX 32
#define FL_RULE_WORDS_MAX 32

enum fl_rule_type { FL_RULE_NETCDF, FL_RULE_PNG, FL_RULE_CSV };
/* What the time axis must be: nothing, one time that is cycle + lead, or an even complete axis. */
enum fl_rule_time { FL_TIME_NONE, FL_TIME_LEAD, FL_TIME_EVERY };

struct fl_rule_var {
    const char *name;
    const char *dims;          /* "time lat lon"; NULL: any */
    const char *units;         /* accepted spellings, '|' between them; NULL: any */
    const char *standard_name; /* NULL: not asked for */
    const char *sea;           /* a variable that is present where there is sea; NULL: all points */
    double min;
    double max;
    double missing_max; /* share of missing points, 0 to 1, over the sea */
};

struct fl_rule {
    const char *files; /* shell pattern for the file's name */
    enum fl_rule_type type;
    /* NetCDF */
    const char *conventions; /* NULL: not asked for */
    const char *attributes[FL_RULE_WORDS_MAX];
    size_t attribute_count;
    struct fl_rule_var var[FL_RULE_VARS_MAX];
    size_t var_count;
    enum fl_rule_time time;
    int64_t every_s; /* step of an even axis; also of a CSV's times, 0: only ascending */
    /* PNG */
    int64_t width_min;
    int64_t height_min;
    int64_t side_max;
    int64_t colours_min;
    /* CSV */
    const char *columns[FL_RULE_WORDS_MAX]; /* must be there */
    size_t column_count;
    const char *time_column; /* NULL: no times */
    int64_t rows_min;
    double min; /* of all numeric cells but those of other columns */
    double max;
    double missing_max;
    const char *text_columns[FL_RULE_WORDS_MAX]; /* hold words, not numbers */
    size_t text_count;
    /* all */
    int64_t size_min; /* bytes */
    int64_t size_max;
};

struct fl_rules {
    struct fl_cfg *file;
    size_t count;
    struct fl_rule rule[FL_RULES_MAX];
};

/* FL_E_CONFIG with file:line. */
int fl_rules_load(const char *path, struct fl_rules *ret_rules, struct fl_err *reterr);
void fl_rules_release(struct fl_rules *rules);
FL_DEFINE_AUTO_VALUE(struct fl_rules, fl_rules_release)
/* The first rule for a file (its last path component), or NULL. */
const struct fl_rule *fl_rules_find(const struct fl_rules *rules, const char *path);

#endif
