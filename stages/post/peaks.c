/* Peaks and their tables. */
#include "config.h"

#include "stages/post/peaks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

void fl_peaks_find(const struct fl_series *series, const struct fl_gauges *gauges, double near_km,
                   struct fl_peak peaks[static FL_STATIONS_MAX])
{
    for (size_t s = 0; s < series->station_count; s++) {
        const float *zeta = series->zeta + s * series->time_count;
        const struct fl_station *station = &series->station[s];
        struct fl_peak *peak = &peaks[s];

        *peak = (struct fl_peak){.station = station, .distance_km = station->distance_km};
        peak->gauge = gauges ? fl_gauges_find(gauges, station->name) : NULL;
        if (!isfinite(peak->distance_km) && peak->gauge)
            peak->distance_km = fl_distance_km(peak->gauge->place, station->cell);
        peak->shown_only = isfinite(peak->distance_km) && peak->distance_km > near_km;
        for (size_t t = 0; t < series->time_count; t++) {
            if (!isfinite(zeta[t]) || (peak->found && (double)zeta[t] <= peak->level_m))
                continue;
            peak->found = true;
            peak->level_m = (double)zeta[t];
            peak->time.s = series->cycle.s + llround(series->time_s[t]);
        }
    }
}

void fl_peak_datum_text(const struct fl_peak *peak, const struct fl_post_config *config, char *text,
                        size_t size)
{
    const struct fl_gauge *gauge = peak->gauge;

    if (!gauge)
        (void)snprintf(text, size, "%s", "");
    else if (isfinite(gauge->datum_above_msl_m))
        (void)snprintf(text, size, "%s; about %.1f m above %s, approximate and unverified",
                       gauge->datum, gauge->datum_above_msl_m, config->datum_short);
    else
        (void)snprintf(text, size, "%s; difference to %s not known, approximate and unverified",
                       gauge->datum, config->datum_short);
}

/* Text for a cell: no comma, no line break. */
static void cell_puts(struct fl_buf *out, const char *text)
{
    for (; *text; text++)
        fl_buf_putc(out, *text == ',' ? ';' : (*text == '\n' || *text == '\r' ? ' ' : *text));
}

/* Each line of a text as a comment. */
static void comment_lines(struct fl_buf *out, const char *before, const char *text)
{
    while (text && *text) {
        size_t length = strcspn(text, "\n");

        fl_buf_printf(out, "# %s%.*s\n", before, (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void csv_head(struct fl_buf *out, const char *what, const struct fl_post_config *config,
                     const char *degraded)
{
    fl_buf_printf(out, "# %s%s%s\n", config->event, *config->event ? ": " : "", what);
    fl_buf_printf(out, "# %s\n", config->note);
    fl_buf_printf(out, "# levels in m above %s, times in UTC\n", config->datum);
    comment_lines(out, "model: ", config->model);
    comment_lines(out, "DEGRADED: ", degraded);
}

static void cell_comment(struct fl_buf *out, const struct fl_peak *peak)
{
    const struct fl_station *station = peak->station;

    fl_buf_printf(out, "# %s: model cell %.4f N %.4f E", station->name, station->cell.lat,
                  station->cell.lon);
    if (isfinite(peak->distance_km))
        fl_buf_printf(out, ", %.1f km from the station%s", peak->distance_km,
                      peak->shown_only ? ": shown only; not resolved by the grid" : "");
    fl_buf_putc(out, '\n');
}

void fl_series_csv(const struct fl_series *series, const struct fl_peak *peaks,
                   const struct fl_post_config *config, const char *degraded, struct fl_buf *out)
{
    char text[FL_TIME_TEXT_MAX];

    csv_head(out, "water level at stations", config, degraded);
    for (size_t s = 0; s < series->station_count; s++)
        cell_comment(out, &peaks[s]);
    fl_buf_puts(out, "time_utc");
    for (size_t s = 0; s < series->station_count; s++) {
        fl_buf_putc(out, ',');
        cell_puts(out, series->station[s].name);
    }
    fl_buf_putc(out, '\n');
    for (size_t t = 0; t < series->time_count; t++) {
        fl_cycle_format_extended((struct fl_cycle){series->cycle.s + llround(series->time_s[t])},
                                 text);
        fl_buf_puts(out, text);
        for (size_t s = 0; s < series->station_count; s++) {
            double value = (double)series->zeta[s * series->time_count + t];

            if (isfinite(value))
                fl_buf_printf(out, ",%.4f", fabs(value) < 0.00005 ? 0.0 : value);
            else
                fl_buf_putc(out, ',');
        }
        fl_buf_putc(out, '\n');
    }
}

void fl_peaks_csv(const struct fl_peak *peaks, size_t count, const struct fl_post_config *config,
                  const char *degraded, struct fl_buf *out)
{
    char text[256];

    csv_head(out, "modelled and published peaks", config, degraded);
    fl_buf_puts(out, "# shown_only: the nearest wet cell is too far from the station for a "
                     "comparison\n");
    fl_buf_puts(out, "station,id,modelled_peak_m,modelled_time_utc,published_peak_m,"
                     "published_datum,published_source,distance_to_cell_km,shown_only,note\n");
    for (size_t i = 0; i < count; i++) {
        const struct fl_peak *peak = &peaks[i];
        const struct fl_gauge *gauge = peak->gauge;

        cell_puts(out, peak->station->name);
        fl_buf_putc(out, ',');
        cell_puts(out, gauge ? gauge->id : "");
        fl_buf_putc(out, ',');
        if (peak->found) {
            fl_cycle_format_extended(peak->time, text);
            fl_buf_printf(out, "%.2f,%s", peak->level_m, text);
        } else {
            fl_buf_putc(out, ',');
        }
        fl_buf_putc(out, ',');
        if (gauge && isfinite(gauge->peak_m))
            fl_buf_printf(out, "%.2f", gauge->peak_m);
        fl_buf_putc(out, ',');
        fl_peak_datum_text(peak, config, text, sizeof(text));
        cell_puts(out, text);
        fl_buf_putc(out, ',');
        cell_puts(out, gauge ? gauge->source : "");
        fl_buf_putc(out, ',');
        if (isfinite(peak->distance_km))
            fl_buf_printf(out, "%.1f", peak->distance_km);
        fl_buf_printf(out, ",%s,", peak->shown_only ? "yes" : "no");
        cell_puts(out, gauge ? gauge->note : "");
        fl_buf_putc(out, '\n');
    }
}

void fl_peaks_table(const struct fl_peak *peaks, size_t count, const struct fl_post_config *config,
                    struct fl_buf *out)
{
    char when[FL_TIME_TEXT_MAX];
    char text[256];

    fl_buf_printf(out, "peaks, m above %s (%s)\n", config->datum, config->note);
    fl_buf_printf(out, "%-20s %9s  %-17s %10s %9s  %s\n", "station", "modelled", "time (UTC)",
                  "published", "cell [km]", "datum and source of the published peak");
    for (size_t i = 0; i < count; i++) {
        const struct fl_peak *peak = &peaks[i];
        const struct fl_gauge *gauge = peak->gauge;

        fl_buf_printf(out, "%-20.20s ", peak->station->name);
        if (peak->found &&
            fl_cycle_strftime(peak->time, "%Y-%m-%d %H:%M", when, sizeof(when), NULL) == 0)
            fl_buf_printf(out, "%9.2f  %-17s ", peak->level_m, when);
        else
            fl_buf_printf(out, "%9s  %-17s ", "-", "-");
        if (gauge && isfinite(gauge->peak_m))
            fl_buf_printf(out, "%10.2f ", gauge->peak_m);
        else
            fl_buf_printf(out, "%10s ", "-");
        if (isfinite(peak->distance_km))
            fl_buf_printf(out, "%9.1f  ", peak->distance_km);
        else
            fl_buf_printf(out, "%9s  ", "-");
        fl_peak_datum_text(peak, config, text, sizeof(text));
        fl_buf_printf(out, "%s%s%s%s\n", peak->shown_only ? "SHOWN ONLY; " : "", text,
                      gauge ? "; " : "", gauge ? gauge->source : "");
    }
}
