/* Tables, times and colours. */
#include "config.h"

#include "engine/cli/text.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/time.h"

#include "engine/base/banned.h"

#define NS_PER_S ((int64_t)1000000000)

bool fl_text_color(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR");

    return isatty(fileno(stream)) && (!no_color || !*no_color);
}

const char *fl_text_state_color(const char *state, bool color)
{
    static const struct {
        const char *state;
        const char *escape;
    } colors[] = {
        {"succeeded", "\033[32m"},   {"reused", "\033[32m"},     {"running", "\033[36m"},
        {"launched", "\033[36m"},    {"ready", "\033[34m"},      {"failed", "\033[1;31m"},
        {"timed-out", "\033[1;31m"}, {"lost", "\033[1;31m"},     {"cancelled", "\033[35m"},
        {"held", "\033[33m"},        {"skipped", "\033[33m"},    {"expired", "\033[33m"},
        {"waiting", "\033[2m"},      {"degraded", "\033[1;33m"},
    };

    for (size_t i = 0; color && i < FL_COUNT(colors); i++) {
        if (strncmp(state, colors[i].state, strlen(colors[i].state)) == 0)
            return colors[i].escape;
    }
    return "";
}

const char *fl_text_reset(bool color)
{
    return color ? "\033[0m" : "";
}

const char *fl_text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

int64_t fl_text_time_ns(const json_t *value)
{
    const char *text = json_string_value(value);
    char whole[FL_TIME_TEXT_MAX];
    struct fl_cycle cycle;
    int64_t fraction = 0;
    int64_t unit = NS_PER_S;
    size_t size;

    if (json_is_integer(value))
        return json_integer_value(value);
    size = text ? strcspn(text, ".Z") : 0;
    if (size == 0 || size + 2 > sizeof(whole))
        return 0;
    memcpy(whole, text, size);
    memcpy(whole + size, "Z", 2);
    if (fl_cycle_parse(whole, &cycle, NULL) < 0)
        return 0;
    for (const char *at = text + size + 1; text[size] == '.' && *at >= '0' && *at <= '9'; at++) {
        unit /= 10;
        fraction += (*at - '0') * unit;
    }
    return cycle.s * NS_PER_S + fraction;
}

const char *fl_text_time(int64_t time_ns, int64_t day_ns, char *text, size_t size)
{
    struct fl_cycle when = {.s = time_ns / NS_PER_S};
    int64_t day_s = 86400;
    bool same_day = when.s / day_s == day_ns / NS_PER_S / day_s;

    text[0] = '\0';
    if (time_ns != 0 &&
        fl_cycle_strftime(when, same_day ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S", text, size, NULL) < 0)
        text[0] = '\0';
    return text;
}

const char *fl_text_span(int64_t span_ns, char *text, size_t size)
{
    int64_t seconds = span_ns / NS_PER_S;

    if (span_ns < NS_PER_S)
        (void)snprintf(text, size, "%lld ms", (long long)(span_ns / 1000000));
    else if (seconds < 100)
        (void)snprintf(text, size, "%.1f s", (double)span_ns / 1e9);
    else if (seconds < 7200)
        (void)snprintf(text, size, "%lld min %02lld s", (long long)(seconds / 60),
                       (long long)(seconds % 60));
    else
        (void)snprintf(text, size, "%lld h %02lld min", (long long)(seconds / 3600),
                       (long long)(seconds / 60 % 60));
    return text;
}

void fl_table_init(struct fl_table *table, size_t columns, const char *const *heads,
                   int state_column)
{
    fl_assert(columns > 0 && columns <= FL_TABLE_COLUMNS_MAX);
    fl_buf_init(&table->cells, 0);
    table->columns = columns;
    table->count = 0;
    table->state_column = state_column;
    fl_table_row(table, heads);
}

void fl_table_release(struct fl_table *table)
{
    fl_buf_release(&table->cells);
}

void fl_table_row(struct fl_table *table, const char *const *cells)
{
    for (size_t i = 0; i < table->columns; i++) {
        const char *cell = cells[i] ? cells[i] : "";

        fl_buf_add(&table->cells, cell, strlen(cell) + 1);
    }
    table->count++;
}

/* Columns on the screen of a UTF-8 text (no wide characters among ours). */
static size_t text_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

int fl_table_print(const struct fl_table *table, FILE *stream, const char *indent,
                   struct fl_err *reterr)
{
    size_t widths[FL_TABLE_COLUMNS_MAX] = {0};
    bool color = fl_text_color(stream);
    const char *cell = table->cells.data;
    int rc = fl_buf_check(&table->cells, reterr);

    if (rc < 0)
        return rc;
    for (size_t i = 0; i < table->count * table->columns; i++) {
        size_t width = text_width(cell);

        if (width > widths[i % table->columns])
            widths[i % table->columns] = width;
        cell += strlen(cell) + 1;
    }
    cell = table->cells.data;
    for (size_t row = 0; row < table->count; row++) {
        size_t gap = 0;

        (void)fputs(indent, stream);
        for (size_t i = 0; i < table->columns; i++) {
            const char *escape = "";

            if (row == 0 && color)
                escape = "\033[1m";
            else if ((int)i == table->state_column)
                escape = fl_text_state_color(cell, color);
            if (*cell) /* no blanks at the end of a line */
                (void)fprintf(stream, "%*s%s%s%s", (int)gap, "", escape, cell,
                              *escape ? fl_text_reset(color) : "");
            gap = (*cell ? 0 : gap) + widths[i] - text_width(cell) + 2;
            cell += strlen(cell) + 1;
        }
        (void)fputc('\n', stream);
    }
    return 0;
}
