/* The DEGRADED banner. */
#include "config.h"

#include "stages/post/banner.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/time.h"

#include "engine/base/banned.h"

#define BANNER_LINE_HEIGHT 20
#define BANNER_PADDING 14

static size_t cause_count(const char *degraded)
{
    size_t count = 0;

    for (const char *at = degraded; at && *at; count++) {
        const char *end = strchr(at, '\n');

        at = end ? end + 1 : NULL;
    }
    return count;
}

/* One cause for people: "late wind [age PT9H]" becomes "late wind (9 h old)". */
static void cause_text(const char *from, size_t length, char *text, size_t size)
{
    static const char mark[] = " [age ";
    int64_t seconds = 0;
    char *age = NULL;
    size_t end;

    (void)snprintf(text, size, "%.*s", (int)length, from);
    for (char *at = strstr(text, mark); at; at = strstr(at + 1, mark))
        age = at;
    end = strlen(text);
    if (!age || text[end - 1] != ']')
        return;
    text[end - 1] = 0;
    if (fl_duration_parse(age + strlen(mark), &seconds, NULL) < 0)
        text[end - 1] = ']';
    else
        (void)snprintf(age, size - (size_t)(age - text), " (%.3g h old)", (double)seconds / 3600);
}

double fl_banner_height(const char *degraded)
{
    size_t count = cause_count(degraded);

    if (count == 0)
        return 0;
    if (count > FL_BANNER_LINES)
        count = FL_BANNER_LINES + 1;
    return (double)(BANNER_PADDING + BANNER_LINE_HEIGHT * (int)count);
}

void fl_banner_draw(struct fl_canvas *canvas, double y, const char *degraded)
{
    static const struct fl_text_style word = {17, true, FL_ANCHOR_LEFT, {1, 1, 1}, 0};
    static const struct fl_text_style cause = {13.5, false, FL_ANCHOR_LEFT, {1, 1, 1}, 0};
    cairo_t *cairo = fl_canvas_cairo(canvas);
    size_t count = cause_count(degraded);
    double width = (double)fl_canvas_width(canvas);
    const char *at = degraded;
    char line[600];

    if (count == 0)
        return;
    cairo_rectangle(cairo, 0, y, width, fl_banner_height(degraded));
    fl_canvas_colour(canvas, (struct fl_colour){0.72, 0.09, 0.09}, 1);
    cairo_fill(cairo);
    fl_canvas_text(canvas, &word, 20, y + BANNER_PADDING / 2.0 + 16, "DEGRADED");
    for (size_t i = 0; i < count && i < FL_BANNER_LINES; i++) {
        size_t length = strcspn(at, "\n");

        cause_text(at, length, line, sizeof(line));
        fl_canvas_text_fit(canvas, &cause, 138,
                           y + BANNER_PADDING / 2.0 + 15 + BANNER_LINE_HEIGHT * (double)i,
                           width - 138 - 20, line);
        at += length + (at[length] == '\n');
    }
    if (count > FL_BANNER_LINES) {
        (void)snprintf(line, sizeof(line),
                       "and %zu more causes; see the product's attribute "
                       "fairlead_degraded",
                       count - FL_BANNER_LINES);
        fl_canvas_text_fit(canvas, &cause, 138,
                           y + BANNER_PADDING / 2.0 + 15 + BANNER_LINE_HEIGHT * FL_BANNER_LINES,
                           width - 138 - 20, line);
    }
}
