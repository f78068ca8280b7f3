/* Reading comma-separated tables. */
#include "config.h"

#include "stages/post/table.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"

#include "engine/base/banned.h"

struct fl_table {
    char *path;
    char *text;
    size_t columns;
    size_t rows;
    size_t room;
    const char **cells; /* (rows + 1, columns); row 0 holds the names */
    int *lines;         /* line number of each row, (rows + 1) */
};

static char *trim(char *text)
{
    char *end = text + strlen(text);

    while (*text == ' ' || *text == '\t')
        text++;
    while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    *end = 0;
    return text;
}

/* Splits a line in place; number of cells, which may exceed max (cells beyond are not kept). */
static size_t split(char *line, const char **cells, size_t max)
{
    size_t count = 0;
    char *at = line;

    for (;;) {
        char *comma = strchr(at, ',');

        if (comma)
            *comma = 0;
        if (count < max)
            cells[count] = trim(at);
        count++;
        if (!comma)
            return count;
        at = comma + 1;
    }
}

static int row_add(struct fl_table *table, const char **cells, size_t count, int line,
                   struct fl_err *reterr)
{
    size_t row = table->columns == 0 ? 0 : table->rows + 1;

    if (table->columns == 0)
        table->columns = count;
    if (count != table->columns)
        return fl_err_set(reterr, FL_E_PARSE, 0, "%s:%d: %zu cells; the heading has %zu",
                          table->path, line, count, table->columns);
    if (row > FL_TABLE_ROWS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "%s:%d: more than %d rows", table->path, line,
                          FL_TABLE_ROWS_MAX);
    if (row == table->room) {
        size_t room = table->room ? table->room * 2 : 32;
        const char **grown = realloc(table->cells, room * table->columns * sizeof(*grown));
        int *lines = realloc(table->lines, room * sizeof(*lines));

        if (grown)
            table->cells = grown;
        if (lines)
            table->lines = lines;
        if (!grown || !lines)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "table '%s'", table->path);
        table->room = room;
    }
    memcpy(table->cells + row * table->columns, cells, count * sizeof(*cells));
    table->lines[row] = line;
    table->rows = row;
    return 0;
}

static int table_parse(struct fl_table *table, struct fl_err *reterr)
{
    const char *cells[FL_TABLE_COLUMNS_MAX];
    char *at = table->text;

    for (int line = 1; at; line++) {
        char *end = strchr(at, '\n');
        char *text;
        size_t count;
        int rc;

        if (end)
            *end = 0;
        text = trim(at);
        at = end ? end + 1 : NULL;
        if (!*text || *text == '#')
            continue;
        count = split(text, cells, FL_TABLE_COLUMNS_MAX);
        if (count > FL_TABLE_COLUMNS_MAX)
            return fl_err_set(reterr, FL_E_TOO_BIG, 0, "%s:%d: more than %d columns", table->path,
                              line, FL_TABLE_COLUMNS_MAX);
        rc = row_add(table, cells, count, line, reterr);
        if (rc < 0)
            return rc;
    }
    if (table->columns == 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "%s: no line of column names", table->path);
    return 0;
}

int fl_table_read(const struct fl_world *world, const char *path, struct fl_table **ret_table,
                  struct fl_err *reterr)
{
    fl_auto(fl_table_destroy) struct fl_table *table = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc;

    fl_assert(path);
    fl_assert(ret_table);
    fl_buf_init(&text, FL_TABLE_SIZE_MAX + 1);
    rc = fl_file_read(world, path, FL_TABLE_SIZE_MAX, &text, reterr);
    if (rc < 0)
        return rc;
    table = calloc(1, sizeof(*table));
    if (!table)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "table '%s'", path);
    table->path = strdup(path);
    table->text = fl_buf_steal(&text);
    if (!table->path || !table->text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "table '%s'", path);
    rc = table_parse(table, reterr);
    if (rc < 0)
        return rc;
    *ret_table = FL_STEAL(table);
    return 0;
}

void fl_table_destroy(struct fl_table *table)
{
    if (!table)
        return;
    free(table->path);
    free(table->text);
    free(table->cells);
    free(table->lines);
    free(table);
}

size_t fl_table_rows(const struct fl_table *table)
{
    return table->rows;
}

size_t fl_table_find(const struct fl_table *table, const char *column)
{
    for (size_t i = 0; i < table->columns; i++)
        if (strcmp(table->cells[i], column) == 0)
            return i;
    return FL_TABLE_NO_COLUMN;
}

const char *fl_table_cell(const struct fl_table *table, size_t row, size_t column)
{
    fl_assert(row < table->rows);
    if (column == FL_TABLE_NO_COLUMN)
        return "";
    fl_assert(column < table->columns);
    return table->cells[(row + 1) * table->columns + column];
}

/* The cell of a column that must be there. */
static int cell_of(const struct fl_table *table, size_t row, const char *column,
                   const char **ret_cell, struct fl_err *reterr)
{
    size_t at = fl_table_find(table, column);

    if (at == FL_TABLE_NO_COLUMN)
        return fl_err_set(reterr, FL_E_PARSE, 0, "%s:%d: no column '%s'", table->path,
                          table->lines[0], column);
    *ret_cell = fl_table_cell(table, row, at);
    return 0;
}

int fl_table_number(const struct fl_table *table, size_t row, const char *column, double *ret_value,
                    struct fl_err *reterr)
{
    const char *cell = NULL;
    char *end = NULL;
    double value;
    int rc = cell_of(table, row, column, &cell, reterr);

    if (rc < 0)
        return rc;
    value = strtod(cell, &end);
    if (end == cell || *end || !isfinite(value))
        return fl_err_set(reterr, FL_E_PARSE, 0, "%s:%d: column '%s' has '%s'; expected a number",
                          table->path, table->lines[row + 1], column, cell);
    *ret_value = value;
    return 0;
}

int fl_table_time(const struct fl_table *table, size_t row, const char *column,
                  struct fl_cycle *ret_time, struct fl_err *reterr)
{
    const char *cell = NULL;
    int rc = cell_of(table, row, column, &cell, reterr);

    if (rc < 0)
        return rc;
    rc = fl_cycle_parse(cell, ret_time, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "%s:%d: column '%s'", table->path, table->lines[row + 1],
                           column);
    return 0;
}
