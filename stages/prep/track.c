/* Best tracks. */
#include "config.h"

#include "stages/prep/track.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"
#include "stages/common/grid.h"

#include "engine/base/banned.h"

#define FILE_MAX ((size_t)1024 * 1024)
#define COLUMNS 17

static const char *const column_names[COLUMNS] = {
    "time_utc", "lat_n",  "lon_e",  "vmax_kt", "pmin_hpa", "r34_ne", "r34_se", "r34_sw", "r34_nw",
    "r50_ne",   "r50_se", "r50_sw", "r50_nw",  "r64_ne",   "r64_se", "r64_sw", "r64_nw"};

/* Lowest and highest value of each column after the time. */
static const double column_limits[COLUMNS][2] = {
    {0, 0},   {-60, 60}, {-180, 360}, {10, 200}, {850, 1050}, {0, 800},
    {0, 800}, {0, 800},  {0, 800},    {0, 800},  {0, 800},    {0, 800},
    {0, 800}, {0, 800},  {0, 800},    {0, 800},  {0, 800}};

/* Where we are in the file, for messages. */
struct reader {
    const char *path;
    int line;
    int order[COLUMNS]; /* column of the table for each field of a line */
    bool has_header;
};

/* Cuts a line into fields at its commas, in place; blanks around a field are dropped. */
static size_t cut_fields(char *line, char *fields[], size_t max)
{
    size_t count = 0;
    char *at = line;

    for (;;) {
        char *comma = strchr(at, ',');
        char *end = comma ? comma : at + strlen(at);

        if (comma)
            *comma = 0;
        while (*at == ' ' || *at == '\t')
            at++;
        while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
            *--end = 0;
        if (count < max)
            fields[count] = at;
        count++;
        if (!comma)
            return count;
        at = comma + 1;
    }
}

static int read_header(struct reader *reader, char *fields[], size_t count, struct fl_err *reterr)
{
    for (size_t i = 0; i < COLUMNS; i++)
        reader->order[i] = -1;
    for (size_t i = 0; i < count && i < COLUMNS; i++) {
        size_t c = 0;

        while (c < COLUMNS && strcmp(column_names[c], fields[i]) != 0)
            c++;
        if (c == COLUMNS)
            return fl_err_set(
                reterr, FL_E_DATA, 0,
                "%s:%d: unknown column '%s'; accepted: time_utc, lat_n, lon_e, vmax_kt, "
                "pmin_hpa, and r34_, r50_, r64_ with ne, se, sw, nw",
                reader->path, reader->line, fields[i]);
        for (size_t k = 0; k < i; k++) {
            if (reader->order[k] == (int)c)
                return fl_err_set(reterr, FL_E_DATA, 0, "%s:%d: column '%s' stands twice",
                                  reader->path, reader->line, fields[i]);
        }
        reader->order[i] = (int)c;
    }
    if (count != COLUMNS)
        return fl_err_set(reterr, FL_E_DATA, 0, "%s:%d: %zu columns; all %d are needed",
                          reader->path, reader->line, count, COLUMNS);
    reader->has_header = true;
    return 0;
}

static int read_number(const struct reader *reader, size_t column, const char *text,
                       double *ret_value, struct fl_err *reterr)
{
    char *end = NULL;
    double value = strtod(text, &end);

    if (end == text || *end || !isfinite(value) || value < column_limits[column][0] ||
        value > column_limits[column][1])
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "%s:%d: %s is '%s'; it must be a number within %g to %g", reader->path,
                          reader->line, column_names[column], text, column_limits[column][0],
                          column_limits[column][1]);
    *ret_value = value;
    return 0;
}

/* Radii shrink from 34 over 50 to 64 kt, and a stronger wind has none where a weaker has none. */
static int check_radii(const struct reader *reader, const struct fl_fix *fix, struct fl_err *reterr)
{
    static const char *const quadrants[] = {"NE", "SE", "SW", "NW"};

    for (int s = FL_TRACK_R50; s < FL_TRACK_SPEEDS; s++) {
        for (int q = 0; q < FL_TRACK_QUADRANTS; q++) {
            if (fix->radius_nmi[s][q] > fix->radius_nmi[s - 1][q])
                return fl_err_set(reterr, FL_E_DATA, 0,
                                  "%s:%d: radii in %s: a stronger wind reaches further (%g) than a "
                                  "weaker one (%g nautical miles)",
                                  reader->path, reader->line, quadrants[q], fix->radius_nmi[s][q],
                                  fix->radius_nmi[s - 1][q]);
        }
    }
    return 0;
}

static int read_fix(const struct reader *reader, char *fields[], size_t count, struct fl_fix *fix,
                    struct fl_err *reterr)
{
    double *const slots[COLUMNS] = {
        NULL,
        &fix->lat,
        &fix->lon,
        &fix->vmax_kt,
        &fix->pmin_hpa,
        &fix->radius_nmi[FL_TRACK_R34][0],
        &fix->radius_nmi[FL_TRACK_R34][1],
        &fix->radius_nmi[FL_TRACK_R34][2],
        &fix->radius_nmi[FL_TRACK_R34][3],
        &fix->radius_nmi[FL_TRACK_R50][0],
        &fix->radius_nmi[FL_TRACK_R50][1],
        &fix->radius_nmi[FL_TRACK_R50][2],
        &fix->radius_nmi[FL_TRACK_R50][3],
        &fix->radius_nmi[FL_TRACK_R64][0],
        &fix->radius_nmi[FL_TRACK_R64][1],
        &fix->radius_nmi[FL_TRACK_R64][2],
        &fix->radius_nmi[FL_TRACK_R64][3],
    };
    int rc = 0;

    if (count != COLUMNS)
        return fl_err_set(reterr, FL_E_DATA, 0, "%s:%d: %zu fields; the header names %d columns",
                          reader->path, reader->line, count, COLUMNS);
    for (size_t i = 0; rc == 0 && i < COLUMNS; i++) {
        size_t column = (size_t)reader->order[i];

        if (slots[column])
            rc = read_number(reader, column, fields[i], slots[column], reterr);
        else if (fl_cycle_parse(fields[i], &fix->time, NULL) < 0)
            rc = fl_err_set(reterr, FL_E_DATA, 0,
                            "%s:%d: time_utc is '%s'; it must be a time such as 2018-10-07T12:00Z",
                            reader->path, reader->line, fields[i]);
    }
    return rc < 0 ? rc : check_radii(reader, fix, reterr);
}

static int read_line(struct reader *reader, char *line, struct fl_track *track,
                     struct fl_err *reterr)
{
    char *fields[COLUMNS + 1];
    size_t count;
    int rc;

    line[strcspn(line, "\r")] = 0;
    if (line[0] == '#' || line[strspn(line, " \t")] == 0)
        return 0;
    count = cut_fields(line, fields, COLUMNS + 1);
    if (!reader->has_header)
        return read_header(reader, fields, count, reterr);
    if (track->count == FL_TRACK_FIXES_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "%s:%d: more than %d fixes", reader->path,
                          reader->line, FL_TRACK_FIXES_MAX);
    rc = read_fix(reader, fields, count, &track->fixes[track->count], reterr);
    if (rc < 0)
        return rc;
    if (track->count > 0 &&
        track->fixes[track->count].time.s <= track->fixes[track->count - 1].time.s)
        return fl_err_set(reterr, FL_E_DATA, 0, "%s:%d: the times do not ascend", reader->path,
                          reader->line);
    track->count++;
    return 0;
}

int fl_track_read(const char *path, struct fl_track **ret_track, struct fl_err *reterr)
{
    fl_auto(fl_track_destroy) struct fl_track *track = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    struct reader reader = {.path = path};
    int rc;

    fl_assert(path && ret_track);
    fl_buf_init(&text, FILE_MAX);
    rc = fl_file_read(fl_world_real(), path, FILE_MAX, &text, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "track");
    track = calloc(1, sizeof(*track));
    if (track)
        track->fixes = calloc(FL_TRACK_FIXES_MAX, sizeof(*track->fixes));
    if (!track || !track->fixes)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", path);
    for (char *line = text.data; rc == 0 && *line;) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n');

        line[length] = 0;
        reader.line++;
        if (length > FL_TRACK_LINE_MAX)
            rc = fl_err_set(reterr, FL_E_DATA, 0, "%s:%d: a line of %zu bytes", path, reader.line,
                            length);
        else
            rc = read_line(&reader, line, track, reterr);
        line = next;
    }
    if (rc == 0 && track->count < 2)
        rc = fl_err_set(reterr, FL_E_DATA, 0, "%s:%d: %zu fixes; a track has at least 2", path,
                        reader.line, track->count);
    if (rc == 0)
        *ret_track = FL_STEAL(track);
    return rc;
}

void fl_track_destroy(struct fl_track *track)
{
    if (!track)
        return;
    free(track->fixes);
    free(track);
}

/* ---- between the fixes ---- */

static double radians(double degrees)
{
    return degrees * (M_PI / 180.0);
}

static void unit_vector(double lat, double lon, double out[3])
{
    out[0] = cos(radians(lat)) * cos(radians(lon));
    out[1] = cos(radians(lat)) * sin(radians(lon));
    out[2] = sin(radians(lat));
}

/* The point at this part of the great circle from a to b. */
static void on_great_circle(const struct fl_fix *a, const struct fl_fix *b, double part,
                            double *ret_lat, double *ret_lon)
{
    double from[3];
    double to[3];
    double at[3];
    double angle = fl_grid_distance_m(a->lat, a->lon, b->lat, b->lon) / FL_EARTH_RADIUS_M;
    double weight_from = angle < 1e-9 ? 1.0 - part : sin((1.0 - part) * angle) / sin(angle);
    double weight_to = angle < 1e-9 ? part : sin(part * angle) / sin(angle);

    unit_vector(a->lat, a->lon, from);
    unit_vector(b->lat, b->lon, to);
    for (int i = 0; i < 3; i++)
        at[i] = weight_from * from[i] + weight_to * to[i];
    *ret_lat = atan2(at[2], hypot(at[0], at[1])) * (180.0 / M_PI);
    *ret_lon = atan2(at[1], at[0]) * (180.0 / M_PI);
}

/* Mean velocity [m s-1] over the segment that begins at fix i. */
static void segment_velocity(const struct fl_track *track, size_t i, double *ret_east,
                             double *ret_north)
{
    const struct fl_fix *a = &track->fixes[i];
    const struct fl_fix *b = &track->fixes[i + 1];
    double seconds = (double)(b->time.s - a->time.s);
    double lon = remainder(b->lon - a->lon, 360.0);

    *ret_north = FL_EARTH_RADIUS_M * radians(b->lat - a->lat) / seconds;
    *ret_east = FL_EARTH_RADIUS_M * radians(lon) * cos(radians((a->lat + b->lat) / 2.0)) / seconds;
}

/* Velocity at a fix: the mean of the segments that meet there, so that it never jumps. */
static void fix_velocity(const struct fl_track *track, size_t i, double *ret_east,
                         double *ret_north)
{
    size_t before = i > 0 ? i - 1 : 0;
    size_t after = i + 1 < track->count ? i : track->count - 2;
    double east[2];
    double north[2];

    segment_velocity(track, before, &east[0], &north[0]);
    segment_velocity(track, after, &east[1], &north[1]);
    *ret_east = (east[0] + east[1]) / 2.0;
    *ret_north = (north[0] + north[1]) / 2.0;
}

static double between(double from, double to, double weight)
{
    return from + (to - from) * weight;
}

int fl_track_at(const struct fl_track *track, struct fl_cycle time,
                struct fl_track_place *ret_place, struct fl_err *reterr)
{
    struct fl_track_place place = {0};
    size_t i = 0;
    double east[2];
    double north[2];

    fl_assert(track && track->count >= 2 && ret_place);
    if (time.s < track->fixes[0].time.s || time.s > track->fixes[track->count - 1].time.s) {
        char first[FL_TIME_TEXT_MAX];
        char last[FL_TIME_TEXT_MAX];
        char asked[FL_TIME_TEXT_MAX];

        fl_cycle_format(track->fixes[0].time, first);
        fl_cycle_format(track->fixes[track->count - 1].time, last);
        fl_cycle_format(time, asked);
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "the track covers %s to %s; %s was asked for",
                          first, last, asked);
    }
    while (i + 2 < track->count && track->fixes[i + 1].time.s <= time.s)
        i++;
    place.before = &track->fixes[i];
    place.after = &track->fixes[i + 1];
    place.weight = (double)(time.s - place.before->time.s) /
                   (double)(place.after->time.s - place.before->time.s);
    on_great_circle(place.before, place.after, place.weight, &place.lat, &place.lon);
    fix_velocity(track, i, &east[0], &north[0]);
    fix_velocity(track, i + 1, &east[1], &north[1]);
    place.move_east_ms = between(east[0], east[1], place.weight);
    place.move_north_ms = between(north[0], north[1], place.weight);
    place.vmax_kt = between(place.before->vmax_kt, place.after->vmax_kt, place.weight);
    place.pmin_hpa = between(place.before->pmin_hpa, place.after->pmin_hpa, place.weight);
    *ret_place = place;
    return 0;
}
