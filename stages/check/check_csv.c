/* CSV tables: heading, rows, times in order, finite values. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/time.h"
#include "engine/world/file.h"
#include "stages/check/check.h"

#include "engine/base/banned.h"

#define COLUMNS_MAX 256

/* State of one pass over the lines. */
struct reader {
    const struct fl_rule *rule;
    const struct fl_asked *asked;
    struct fl_findings *findings;
    size_t columns;
    char *names[COLUMNS_MAX];
    bool is_text[COLUMNS_MAX];
    size_t time_at; /* SIZE_MAX: none */
    int64_t rows;
    struct fl_cycle last;
    size_t cells;
    size_t missing;
    double low;
    double high;
    bool marked; /* a comment says DEGRADED */
    bool failed; /* evidence of a bad line was given; the rest is not looked at */
};

static bool word_in(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

/* Splits in place; SIZE_MAX when there are too many cells. */
static size_t split(char *line, char *cells[static COLUMNS_MAX])
{
    size_t count = 0;

    for (char *at = line; at; count++) {
        char *comma = strchr(at, ',');

        if (count == COLUMNS_MAX)
            return SIZE_MAX;
        if (comma)
            *comma = 0;
        cells[count] = at;
        at = comma ? comma + 1 : NULL;
    }
    return count;
}

static void heading(struct reader *reader, char *line)
{
    const struct fl_rule *rule = reader->rule;

    reader->columns = split(line, reader->names);
    if (reader->columns == SIZE_MAX) {
        reader->failed = true;
        fl_findings_add(reader->findings, FL_VERDICT_FAIL, "heading", "more than %d columns",
                        COLUMNS_MAX);
        return;
    }
    for (size_t i = 0; i < reader->columns; i++) {
        reader->is_text[i] = word_in(reader->names[i], rule->text_columns, rule->text_count);
        if (rule->time_column && strcmp(reader->names[i], rule->time_column) == 0)
            reader->time_at = i;
    }
    for (size_t i = 0; i < rule->column_count; i++)
        if (!word_in(rule->columns[i], (const char *const *)reader->names, reader->columns)) {
            reader->failed = true;
            fl_findings_add(reader->findings, FL_VERDICT_FAIL, "heading", "no column '%s'",
                            rule->columns[i]);
        }
    if (rule->time_column && reader->time_at == SIZE_MAX) {
        reader->failed = true;
        fl_findings_add(reader->findings, FL_VERDICT_FAIL, "heading", "no column '%s'",
                        rule->time_column);
    }
    if (!reader->failed)
        fl_findings_add(reader->findings, FL_VERDICT_PASS, "heading", "%zu columns",
                        reader->columns);
}

static void row_time(struct reader *reader, const char *cell, int64_t line)
{
    struct fl_cycle time;
    struct fl_err why = {0};

    if (fl_cycle_parse(cell, &time, &why) < 0) {
        reader->failed = true;
        fl_findings_add(reader->findings, FL_VERDICT_FAIL, "times", "line %" PRId64 ": %s", line,
                        why.text);
        return;
    }
    if (reader->rows > 0) {
        int64_t step_s = time.s - reader->last.s;

        if (step_s <= 0 || (reader->rule->every_s > 0 && step_s != reader->rule->every_s)) {
            reader->failed = true;
            fl_findings_add(reader->findings, FL_VERDICT_FAIL, "times",
                            "line %" PRId64 ": '%s' is %" PRId64 " s after the line before; "
                            "expected %s%" PRId64 " s",
                            line, cell, step_s, reader->rule->every_s ? "" : "more than ",
                            reader->rule->every_s);
        }
    } else if (reader->asked->has_cycle &&
               (time.s < reader->asked->cycle.s ||
                (reader->rule->every_s > 0 &&
                 time.s > reader->asked->cycle.s + reader->rule->every_s))) {
        reader->failed = true;
        fl_findings_add(reader->findings, FL_VERDICT_FAIL, "times",
                        "the first time '%s' is not at the beginning of the cycle", cell);
    }
    reader->last = time;
}

static void row_number(struct reader *reader, size_t column, const char *cell, int64_t line)
{
    char *end = NULL;
    double value;

    reader->cells++;
    if (!*cell) {
        reader->missing++;
        return;
    }
    value = strtod(cell, &end);
    if (*end || !isfinite(value)) {
        reader->failed = true;
        fl_findings_add(reader->findings, FL_VERDICT_FAIL, "values",
                        "line %" PRId64 " column '%s': '%.40s' is not a finite number", line,
                        reader->names[column], cell);
        return;
    }
    reader->low = fmin(reader->low, value);
    reader->high = fmax(reader->high, value);
}

static void row(struct reader *reader, char *text, int64_t line)
{
    char *cells[COLUMNS_MAX];
    size_t count = split(text, cells);

    if (count != reader->columns) {
        reader->failed = true;
        fl_findings_add(reader->findings, FL_VERDICT_FAIL, "rows",
                        "line %" PRId64 " does not have %zu cells", line, reader->columns);
        return;
    }
    for (size_t i = 0; i < count && !reader->failed; i++) {
        if (i == reader->time_at)
            row_time(reader, cells[i], line);
        else if (!reader->is_text[i])
            row_number(reader, i, cells[i], line);
    }
    reader->rows++;
}

static void read_lines(struct reader *reader, char *text)
{
    int64_t line = 0;

    for (char *at = text; at && *at && !reader->failed;) {
        char *end = strchr(at, '\n');

        line++;
        if (end)
            *end = 0;
        if (*at == '#')
            reader->marked = reader->marked || strstr(at, "DEGRADED") != NULL;
        else if (*at && reader->columns == 0)
            heading(reader, at);
        else if (*at)
            row(reader, at, line);
        at = end ? end + 1 : NULL;
    }
}

static void judge(struct reader *reader)
{
    const struct fl_rule *rule = reader->rule;
    double share = reader->cells ? (double)reader->missing / (double)reader->cells : 0;

    if (reader->failed)
        return;
    if (reader->columns == 0)
        fl_findings_add(reader->findings, FL_VERDICT_FAIL, "heading", "no line of column names");
    fl_findings_add(reader->findings,
                    reader->rows < rule->rows_min ? FL_VERDICT_FAIL : FL_VERDICT_PASS, "rows",
                    "%" PRId64 " rows; expected at least %" PRId64, reader->rows, rule->rows_min);
    fl_findings_add(reader->findings, share > rule->missing_max ? FL_VERDICT_FAIL : FL_VERDICT_PASS,
                    "missing", "%.1f %% of %zu cells are empty; accepted %.1f %%", 100 * share,
                    reader->cells, 100 * rule->missing_max);
    if (reader->low <= reader->high)
        fl_findings_add(reader->findings,
                        reader->low < rule->min || reader->high > rule->max ? FL_VERDICT_FAIL
                                                                            : FL_VERDICT_PASS,
                        "range", "%g to %g; accepted %g to %g", reader->low, reader->high,
                        rule->min, rule->max);
    if (*reader->asked->marks && !reader->marked)
        fl_findings_add(reader->findings, FL_VERDICT_FAIL, "degraded",
                        "the input is degraded (%s), but no comment says DEGRADED",
                        reader->asked->marks);
    else if (reader->marked)
        fl_findings_add(reader->findings, FL_VERDICT_DEGRADED, "degraded",
                        "the table says that it is DEGRADED");
}

int fl_check_csv(const struct fl_world *world, const char *path, const struct fl_rule *rule,
                 const struct fl_asked *asked, struct fl_findings *findings, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    struct reader *reader;
    struct fl_err why = {0};

    fl_buf_init(&text, FL_CHECK_TEXT_MAX + 1);
    if (fl_file_read(world, path, FL_CHECK_TEXT_MAX, &text, &why) < 0) {
        fl_findings_add(findings, FL_VERDICT_FAIL, "open", "%s", why.text);
        return 0;
    }
    if (memchr(text.data, 0, text.size)) {
        fl_findings_add(findings, FL_VERDICT_FAIL, "open", "not text: there is a NUL byte in it");
        return 0;
    }
    reader = calloc(1, sizeof(*reader));
    if (!reader)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s': out of memory", path);
    reader->rule = rule;
    reader->asked = asked;
    reader->findings = findings;
    reader->time_at = SIZE_MAX;
    reader->low = INFINITY;
    reader->high = -INFINITY;
    read_lines(reader, text.data);
    judge(reader);
    free(reader);
    return 0;
}
