#ifndef FL_POST_TABLE_H
#define FL_POST_TABLE_H

/* Small tables of facts as comma-separated text: comments (#), one line of column names, rows.
 * No quoting: a comma always separates. Owns: its text. Threads: one at a time.
 * Limits: FL_TABLE_SIZE_MAX bytes, FL_TABLE_COLUMNS_MAX columns, FL_TABLE_ROWS_MAX rows. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"
#include "engine/base/time.h"
#include "engine/world/world.h"
#include "stages/post/raster.h"

#define FL_TABLE_SIZE_MAX ((size_t)1024 * 1024)
#define FL_TABLE_COLUMNS_MAX 64
#define FL_TABLE_ROWS_MAX 10000
#define FL_TABLE_NO_COLUMN SIZE_MAX

struct fl_table;

/* FL_E_NOENT; FL_E_PARSE with file:line for a row of another number of columns. */
int fl_table_read(const struct fl_world *world, const char *path, struct fl_table **ret_table,
                  struct fl_err *reterr);
void fl_table_destroy(struct fl_table *table);
FL_DEFINE_AUTO(struct fl_table *, fl_table_destroy)

size_t fl_table_rows(const struct fl_table *table);
/* FL_TABLE_NO_COLUMN when there is none. */
size_t fl_table_find(const struct fl_table *table, const char *column);
/* Borrowed text of a cell, blanks around it removed. "" for FL_TABLE_NO_COLUMN. */
const char *fl_table_cell(const struct fl_table *table, size_t row, size_t column);
/* FL_E_PARSE with file:line and column when the column is missing or the cell is no such value. */
int fl_table_number(const struct fl_table *table, size_t row, const char *column, double *ret_value,
                    struct fl_err *reterr);
int fl_table_time(const struct fl_table *table, size_t row, const char *column,
                  struct fl_cycle *ret_time, struct fl_err *reterr);

#endif
