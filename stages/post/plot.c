/* Station series as panels. */
#include "config.h"

#include "stages/post/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "stages/post/banner.h"

#include "engine/base/banned.h"

#define PLOT_WIDTH 1160
#define PLOT_LEFT 70
#define PLOT_PANEL_WIDTH 690
#define PLOT_FACTS_LEFT (PLOT_LEFT + PLOT_PANEL_WIDTH + 26)
#define PLOT_TITLE 92
#define PLOT_PANEL_HEIGHT 172
#define PLOT_PANEL_GAP 30
#define PLOT_FOOT 92

static const struct fl_colour ink = {0.12, 0.13, 0.16};
static const struct fl_colour soft = {0.36, 0.38, 0.42};
static const struct fl_colour model_blue = {0.10, 0.34, 0.62};
static const struct fl_colour model_grey = {0.48, 0.53, 0.60};
static const struct fl_colour gauge_red = {0.75, 0.22, 0.09};
static const struct fl_colour warn_amber = {0.62, 0.42, 0.02};

/* One panel's place and scales. */
struct panel {
    const struct fl_plot *plot;
    const struct fl_peak *peak;
    size_t station;
    struct fl_box box;
    double t0; /* [s] since cycle */
    double t1;
    double low; /* [m] */
    double high;
    double step;
};

static double panel_x(const struct panel *panel, double t)
{
    return panel->box.x + (t - panel->t0) / (panel->t1 - panel->t0) * panel->box.w;
}

static double panel_y(const struct panel *panel, double level)
{
    return panel->box.y + (panel->high - level) / (panel->high - panel->low) * panel->box.h;
}

static const float *panel_values(const struct panel *panel)
{
    return panel->plot->series->zeta + panel->station * panel->plot->series->time_count;
}

/* The published peak on the model's datum, or on its own when the difference is not known. */
static double gauge_level(const struct fl_gauge *gauge)
{
    return gauge->peak_m + (isfinite(gauge->datum_above_msl_m) ? gauge->datum_above_msl_m : 0);
}

static bool has_published(const struct fl_peak *peak)
{
    return peak->gauge && isfinite(peak->gauge->peak_m);
}

static bool threshold_applies(const struct fl_threshold *threshold,
                              const struct fl_station *station)
{
    return !threshold->station || strcmp(threshold->station, station->name) == 0;
}

/* Range with room above for labels; ticks at a round step, at most six. */
static void panel_scale(struct panel *panel)
{
    static const double steps[] = {0.1, 0.2, 0.5, 1, 2, 5, 10};
    const struct fl_series *series = panel->plot->series;
    const float *values = panel_values(panel);
    double low = 0;
    double high = 0.5;

    for (size_t t = 0; t < series->time_count; t++) {
        if (!isfinite(values[t]))
            continue;
        low = fmin(low, (double)values[t]);
        high = fmax(high, (double)values[t]);
    }
    if (has_published(panel->peak))
        high = fmax(high, gauge_level(panel->peak->gauge));
    for (size_t i = 0; i < panel->plot->config->threshold_count; i++)
        if (threshold_applies(&panel->plot->config->threshold[i], panel->peak->station) &&
            panel->plot->config->threshold[i].level_m < high + 1.5)
            high = fmax(high, panel->plot->config->threshold[i].level_m);
    panel->step = steps[FL_COUNT(steps) - 1];
    for (size_t i = 0; i < FL_COUNT(steps); i++) {
        if ((high - low) / steps[i] <= 5) {
            panel->step = steps[i];
            break;
        }
    }
    panel->low = low < -0.02 ? low - 0.08 * (high - low) : 0;
    panel->high = high + 0.17 * (high - panel->low);
}

/* Hours between time ticks, so that there are at most ten. */
static int64_t tick_hours(double span_s)
{
    static const int hours[] = {1, 2, 3, 6, 12, 24, 48};

    for (size_t i = 0; i < FL_COUNT(hours); i++)
        if (span_s / 3600 / hours[i] <= 10)
            return hours[i];
    return 120;
}

static void line(struct fl_canvas *canvas, double x0, double y0, double x1, double y1,
                 struct fl_colour colour, double alpha, double width)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);

    cairo_new_path(cairo);
    cairo_move_to(cairo, x0, y0);
    cairo_line_to(cairo, x1, y1);
    fl_canvas_colour(canvas, colour, alpha);
    cairo_set_line_width(cairo, width);
    cairo_stroke(cairo);
}

static void panel_time_axis(const struct panel *panel, struct fl_canvas *canvas, bool labels)
{
    static const struct fl_text_style hour = {12, false, FL_ANCHOR_CENTRE, {0.2, 0.2, 0.22}, 0};
    static const struct fl_text_style day = {12.5, true, FL_ANCHOR_LEFT, {0.2, 0.2, 0.22}, 0};
    const struct fl_series *series = panel->plot->series;
    int64_t step_s = tick_hours(panel->t1 - panel->t0) * 3600;
    int64_t first = series->cycle.s + (int64_t)ceil(panel->t0);
    double bottom = panel->box.y + panel->box.h;
    char text[FL_TIME_TEXT_MAX];

    first += (step_s - first % step_s) % step_s;
    for (int64_t at = first; (double)(at - series->cycle.s) <= panel->t1; at += step_s) {
        double x = panel_x(panel, (double)(at - series->cycle.s));
        bool midnight = at % 86400 == 0;

        line(canvas, x, panel->box.y, x, bottom, ink, midnight ? 0.35 : 0.12, 1);
        if (!labels)
            continue;
        line(canvas, x, bottom, x, bottom + 5, ink, 1, 1);
        if (fl_cycle_strftime((struct fl_cycle){at}, "%H", text, sizeof(text), NULL) == 0)
            fl_canvas_text(canvas, &hour, x, bottom + 19, text);
        if ((midnight || at == first) && x < panel->box.x + panel->box.w - 60 &&
            fl_cycle_strftime((struct fl_cycle){at}, "%a %d %b", text, sizeof(text), NULL) == 0)
            fl_canvas_text(canvas, &day, x - 7, bottom + 37, text);
    }
}

static void panel_level_axis(const struct panel *panel, struct fl_canvas *canvas)
{
    static const struct fl_text_style style = {12, false, FL_ANCHOR_RIGHT, {0.2, 0.2, 0.22}, 0};
    double right = panel->box.x + panel->box.w;
    char text[32];

    for (double level = ceil(panel->low / panel->step - 1e-9) * panel->step;
         level <= panel->high + 1e-9; level += panel->step) {
        double y = panel_y(panel, level);
        double shown = fabs(level) < 1e-9 ? 0 : level;

        line(canvas, panel->box.x, y, right, y, ink, shown == 0 ? 0.55 : 0.12, 1);
        (void)snprintf(text, sizeof(text), "%s%.*f", shown < 0 ? "\u2212" : "",
                       panel->step < 1 ? 1 : 0, fabs(shown));
        fl_canvas_text(canvas, &style, panel->box.x - 8, y + 4, text);
    }
}

/* The series; one point a pixel is enough, but each pixel's extremes are kept. */
static void panel_series(const struct panel *panel, struct fl_canvas *canvas)
{
    const struct fl_series *series = panel->plot->series;
    const float *values = panel_values(panel);
    cairo_t *cairo = fl_canvas_cairo(canvas);
    bool open = false;

    cairo_new_path(cairo);
    for (size_t t = 0; t < series->time_count; t++) {
        if (!isfinite(values[t])) {
            open = false;
            continue;
        }
        if (open)
            cairo_line_to(cairo, panel_x(panel, series->time_s[t]),
                          panel_y(panel, (double)values[t]));
        else
            cairo_move_to(cairo, panel_x(panel, series->time_s[t]),
                          panel_y(panel, (double)values[t]));
        open = true;
    }
    fl_canvas_colour(canvas, panel->peak->shown_only ? model_grey : model_blue, 1);
    cairo_set_line_width(cairo, 2.2);
    cairo_stroke(cairo);
}

static void dashed_level(const struct panel *panel, struct fl_canvas *canvas, double level,
                         struct fl_colour colour, double dash)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);
    double dashes[] = {dash, dash * 0.7};

    cairo_save(cairo);
    cairo_set_line_cap(cairo, CAIRO_LINE_CAP_BUTT);
    cairo_set_dash(cairo, dashes, 2, 0);
    line(canvas, panel->box.x, panel_y(panel, level), panel->box.x + panel->box.w,
         panel_y(panel, level), colour, 0.95, 1.7);
    cairo_restore(cairo);
}

static void panel_levels(const struct panel *panel, struct fl_canvas *canvas)
{
    static const struct fl_text_style published = {
        12, true, FL_ANCHOR_LEFT, {0.75, 0.22, 0.09}, 2.5};
    static const struct fl_text_style other = {11.5, false, FL_ANCHOR_RIGHT, {0.36, 0.3, 0.1}, 2.5};
    const struct fl_post_config *config = panel->plot->config;
    char text[160];

    for (size_t i = 0; i < config->threshold_count; i++) {
        const struct fl_threshold *threshold = &config->threshold[i];

        if (!threshold_applies(threshold, panel->peak->station) || threshold->level_m > panel->high)
            continue;
        dashed_level(panel, canvas, threshold->level_m, warn_amber, 2.5);
        (void)snprintf(text, sizeof(text), "%s %.1f m", threshold->label, threshold->level_m);
        fl_canvas_text(canvas, &other, panel->box.x + panel->box.w - 6,
                       panel_y(panel, threshold->level_m) - 4, text);
    }
    if (!has_published(panel->peak))
        return;
    dashed_level(panel, canvas, gauge_level(panel->peak->gauge), gauge_red, 8);
    (void)snprintf(text, sizeof(text), "published peak %.2f m above %s", panel->peak->gauge->peak_m,
                   panel->peak->gauge->datum);
    fl_canvas_text(canvas, &published, panel->box.x + 8,
                   panel_y(panel, gauge_level(panel->peak->gauge)) - 5, text);
}

static void panel_peak(const struct panel *panel, struct fl_canvas *canvas)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);
    double x;
    double y;

    if (!panel->peak->found)
        return;
    x = panel_x(panel, (double)(panel->peak->time.s - panel->plot->series->cycle.s));
    y = panel_y(panel, panel->peak->level_m);
    cairo_new_path(cairo);
    cairo_arc(cairo, x, y, 4.5, 0, 2 * acos(-1.0));
    fl_canvas_colour(canvas, (struct fl_colour){1, 1, 1}, 1);
    cairo_fill_preserve(cairo);
    fl_canvas_colour(canvas, panel->peak->shown_only ? model_grey : model_blue, 1);
    cairo_set_line_width(cairo, 2.2);
    cairo_stroke(cairo);
}

/* The next line of facts; y moves down. Empty text leaves half a line. */
static void fact(struct fl_canvas *canvas, double *y, double size, bool bold,
                 struct fl_colour colour, const char *text)
{
    struct fl_text_style style = {size, bold, FL_ANCHOR_LEFT, colour, 0};

    *y += size + 5.5;
    fl_canvas_text_fit(canvas, &style, PLOT_FACTS_LEFT, *y, PLOT_WIDTH - PLOT_FACTS_LEFT - 20,
                       text);
}

static void facts_published(const struct panel *panel, struct fl_canvas *canvas, double *y)
{
    const struct fl_gauge *gauge = panel->peak->gauge;
    const struct fl_post_config *config = panel->plot->config;
    char text[320];

    (void)snprintf(text, sizeof(text), "Published %.2f m above %s", gauge->peak_m, gauge->datum);
    fact(canvas, y, 13.5, true, gauge_red, text);
    (void)snprintf(text, sizeof(text), "%s%s%s", gauge->source, *gauge->id ? ", station " : "",
                   gauge->id);
    fact(canvas, y, 11.5, false, soft, text);
    if (isfinite(gauge->datum_above_msl_m))
        (void)snprintf(text, sizeof(text), "%s is about %.1f m above %s: approximate, unverified",
                       gauge->datum, gauge->datum_above_msl_m, config->datum_short);
    else
        (void)snprintf(text, sizeof(text), "%s against %s: not known; line at its own number",
                       gauge->datum, config->datum_short);
    fact(canvas, y, 11.5, false, soft, text);
    if (*gauge->note) {
        (void)snprintf(text, sizeof(text), "note: %s", gauge->note);
        fact(canvas, y, 11.5, false, soft, text);
    }
}

static void panel_facts(const struct panel *panel, struct fl_canvas *canvas)
{
    const struct fl_peak *peak = panel->peak;
    const struct fl_post_config *config = panel->plot->config;
    char when[FL_TIME_TEXT_MAX];
    char text[256];
    double y = panel->box.y - 4;

    fact(canvas, &y, 16, true, ink, peak->station->name);
    if (peak->found &&
        fl_cycle_strftime(peak->time, "%d %b %H:%M UTC", when, sizeof(when), NULL) == 0) {
        (void)snprintf(text, sizeof(text), "Modelled %.2f m above %s", peak->level_m,
                       config->datum_short);
        fact(canvas, &y, 13.5, true, peak->shown_only ? model_grey : model_blue, text);
        (void)snprintf(text, sizeof(text), "at %s", when);
        fact(canvas, &y, 11.5, false, soft, text);
    }
    if (has_published(peak))
        facts_published(panel, canvas, &y);
    if (isfinite(peak->distance_km)) {
        (void)snprintf(text, sizeof(text), "nearest wet model cell %.1f km from the station",
                       peak->distance_km);
        fact(canvas, &y, 11.5, false, soft, text);
    }
    if (peak->shown_only)
        fact(canvas, &y, 12, true, warn_amber, "shown only: not resolved by the grid");
}

static void panel_draw(struct panel *panel, struct fl_canvas *canvas, bool last)
{
    cairo_t *cairo = fl_canvas_cairo(canvas);
    const struct fl_box *box = &panel->box;

    panel_scale(panel);
    cairo_new_path(cairo);
    cairo_rectangle(cairo, box->x, box->y, box->w, box->h);
    fl_canvas_colour(canvas, (struct fl_colour){0.984, 0.986, 0.99}, 1);
    cairo_fill(cairo);
    panel_time_axis(panel, canvas, last);
    panel_level_axis(panel, canvas);
    cairo_save(cairo);
    cairo_rectangle(cairo, box->x, box->y, box->w, box->h);
    cairo_clip(cairo);
    panel_series(panel, canvas);
    panel_levels(panel, canvas);
    panel_peak(panel, canvas);
    cairo_restore(cairo);
    cairo_rectangle(cairo, box->x, box->y, box->w, box->h);
    fl_canvas_colour(canvas, ink, 1);
    cairo_set_line_width(cairo, 1.1);
    cairo_stroke(cairo);
    panel_facts(panel, canvas);
}

/* "9 Oct 2018 00:00 to 11 Oct 2018 06:00 UTC". */
static void period_text(const struct fl_series *series, char *text, size_t size)
{
    char from[FL_TIME_TEXT_MAX] = "";
    char to[FL_TIME_TEXT_MAX] = "";
    struct fl_cycle first = {series->cycle.s + llround(series->time_s[0])};
    struct fl_cycle last = {series->cycle.s + llround(series->time_s[series->time_count - 1])};

    (void)fl_cycle_strftime(first, "%d %b %Y %H:%M", from, sizeof(from), NULL); /* "" if not */
    (void)fl_cycle_strftime(last, "%d %b %Y %H:%M", to, sizeof(to), NULL);      /* the same */
    (void)snprintf(text, size, "%s to %s UTC", from, to);
}

static void plot_title(const struct fl_plot *plot, struct fl_canvas *canvas)
{
    static const struct fl_text_style big = {25, true, FL_ANCHOR_LEFT, {0.05, 0.08, 0.15}, 0};
    static const struct fl_text_style more = {14.5, false, FL_ANCHOR_LEFT, {0.25, 0.27, 0.32}, 0};
    static const struct fl_text_style right = {14.5, false, FL_ANCHOR_RIGHT, {0.25, 0.27, 0.32}, 0};
    const struct fl_post_config *config = plot->config;
    double left = 24;
    char text[512];
    double width;

    (void)snprintf(text, sizeof(text), "%s%s", config->event,
                   *config->event ? ": water level at stations" : "Water level at stations");
    fl_canvas_text_fit(canvas, &big, left, 42, PLOT_WIDTH - 2 * left, text);
    period_text(plot->series, text, sizeof(text));
    fl_canvas_text(canvas, &right, PLOT_WIDTH - left, 69, text);
    width = fl_canvas_text_width(canvas, &right, text);
    (void)snprintf(text, sizeof(text), "%s. Metres above %s", config->note, config->datum);
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
    fl_canvas_text_fit(canvas, &more, left, 69, PLOT_WIDTH - 2 * left - width - 30, text);
}

static void plot_foot(const struct fl_plot *plot, struct fl_canvas *canvas, double y)
{
    static const struct fl_text_style style = {11, false, FL_ANCHOR_LEFT, {0.38, 0.38, 0.40}, 0};
    static const struct fl_text_style key = {12.5, false, FL_ANCHOR_LEFT, {0.15, 0.15, 0.15}, 0};
    const char *second = strchr(plot->source, '\n');
    char first[512];

    line(canvas, PLOT_FACTS_LEFT, y + 28, PLOT_FACTS_LEFT + 26, y + 28, model_blue, 1, 2.4);
    fl_canvas_text(canvas, &key, PLOT_FACTS_LEFT + 34, y + 32, "model");
    for (int i = 0; i < 3; i++)
        line(canvas, PLOT_FACTS_LEFT + 96 + 11 * i, y + 28, PLOT_FACTS_LEFT + 101 + 11 * i, y + 28,
             gauge_red, 1, 2);
    fl_canvas_text(canvas, &key, PLOT_FACTS_LEFT + 134, y + 32, "published peak");
    (void)snprintf(first, sizeof(first), "%.*s",
                   (int)(second ? (size_t)(second - plot->source) : strlen(plot->source)),
                   plot->source);
    fl_canvas_text_fit(canvas, &style, 24, y + 64, PLOT_WIDTH - 48, first);
    if (second)
        fl_canvas_text_fit(canvas, &style, 24, y + 80, PLOT_WIDTH - 48, second + 1);
}

int fl_plot_draw(const struct fl_plot *plot, struct fl_canvas **ret_canvas, struct fl_err *reterr)
{
    fl_auto(fl_canvas_destroy) struct fl_canvas *canvas = NULL;
    const struct fl_series *series = plot->series;
    double top = PLOT_TITLE + fl_banner_height(plot->degraded);
    size_t count = series->station_count;
    double bottom;
    int rc;

    if (count > FL_PLOT_PANELS_MAX)
        count = FL_PLOT_PANELS_MAX;
    bottom = top + (double)count * (PLOT_PANEL_HEIGHT + PLOT_PANEL_GAP) - PLOT_PANEL_GAP;
    rc = fl_canvas_create(PLOT_WIDTH, (int)bottom + PLOT_FOOT, &canvas, reterr);
    if (rc < 0)
        return rc;
    plot_title(plot, canvas);
    fl_banner_draw(canvas, PLOT_TITLE - 10, plot->degraded);
    for (size_t i = 0; i < count; i++) {
        struct panel panel = {
            .plot = plot,
            .peak = &plot->peaks[i],
            .station = i,
            .box = {PLOT_LEFT, top + (double)i * (PLOT_PANEL_HEIGHT + PLOT_PANEL_GAP),
                    PLOT_PANEL_WIDTH, PLOT_PANEL_HEIGHT},
            .t0 = series->time_s[0],
            .t1 = fmax(series->time_s[series->time_count - 1], series->time_s[0] + 60)};

        panel_draw(&panel, canvas, i + 1 == count);
    }
    plot_foot(plot, canvas, bottom);
    *ret_canvas = FL_STEAL(canvas);
    return 0;
}
