/* Reading the stations' table. */
#include "config.h"

#include "stages/surge/stations.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/world/file.h"
#include "stages/surge/grid.h"

#include "engine/base/banned.h"

#define TABLE_MAX_BYTES ((size_t)1024 * 1024)
#define CELLS_MAX 64

static const char *const column_names[] = {"name", "id", "lat", "lon"};
enum { NAME, ID, LAT, LON, COLUMNS };

/* What is known so far of a table being read. */
struct reading {
    struct fl_stations stations;
    size_t columns[COLUMNS]; /* where name, id, lat and lon stand */
    bool has_columns;
};

/* Splits a line in place at its commas; quotes around a text are taken off. Number of cells. */
static size_t split(char *line, char **cells)
{
    size_t count = 0;
    char *at = line;

    while (count < CELLS_MAX) {
        bool quoted;
        char *end;

        at += strspn(at, " \t");
        quoted = *at == '"';

        at += quoted ? 1 : 0;
        cells[count++] = at;
        end = at + strcspn(at, quoted ? "\"" : ",\r");
        if (quoted && *end) {
            *end++ = '\0';
            end += strcspn(end, ",\r");
        }
        if (*end != ',') {
            *end = '\0';
            break;
        }
        *end = '\0';
        at = end + 1;
    }
    return count;
}

static bool parse_degrees(const char *text, double limit, double *ret_value)
{
    char *end = NULL;

    *ret_value = strtod(text, &end);
    return end != text && end[strspn(end, " \t")] == '\0' && fabs(*ret_value) <= limit;
}

static int find_columns(const char *path, size_t line, char **cells, size_t count, size_t *columns,
                        struct fl_err *reterr)
{
    for (size_t want = 0; want < COLUMNS; want++) {
        columns[want] = CELLS_MAX;
        for (size_t k = 0; k < count; k++) {
            if (strcmp(cells[k], column_names[want]) == 0)
                columns[want] = k;
        }
        if (columns[want] == CELLS_MAX)
            return fl_err_set(reterr, FL_E_DATA, 0,
                              "'%s' line %zu: no column '%s'; expected name, id, lat, lon", path,
                              line, column_names[want]);
    }
    return 0;
}

static int read_station(const char *path, size_t line, char **cells, size_t count,
                        const size_t *columns, struct fl_station *station, struct fl_err *reterr)
{
    for (size_t want = 0; want < COLUMNS; want++) {
        if (columns[want] >= count)
            return fl_err_set(reterr, FL_E_DATA, 0, "'%s' line %zu: no value for '%s'", path, line,
                              column_names[want]);
    }
    if (strlen(cells[columns[NAME]]) >= FL_STATION_TEXT ||
        strlen(cells[columns[ID]]) >= FL_STATION_TEXT || !*cells[columns[NAME]])
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s' line %zu: name or id: expected 1 to %d bytes",
                          path, line, FL_STATION_TEXT - 1);
    if (!parse_degrees(cells[columns[LAT]], 90.0, &station->asked_lat) ||
        !parse_degrees(cells[columns[LON]], 360.0, &station->asked_lon))
        return fl_err_set(reterr, FL_E_DATA, 0, "'%s' line %zu: place '%s', '%s': expected degrees",
                          path, line, cells[columns[LAT]], cells[columns[LON]]);
    memcpy(station->name, cells[columns[NAME]], strlen(cells[columns[NAME]]) + 1);
    memcpy(station->id, cells[columns[ID]], strlen(cells[columns[ID]]) + 1);
    return 0;
}

static int place(const char *path, size_t line, const struct fl_surge_grid *grid, double within_km,
                 struct fl_station *station, struct fl_err *reterr)
{
    if (!fl_surge_grid_nearest(grid, station->asked_lat, station->asked_lon, &station->j,
                               &station->i, &station->km) ||
        station->km > within_km)
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "'%s' line %zu: '%s' lies %.1f km from the nearest sea cell; accepted: "
                          "%.1f km (stations.within_km)",
                          path, line, station->name, station->km, within_km);
    station->lat = grid->lat[station->j];
    station->lon = grid->lon[station->i];
    return 0;
}

/* Takes one line: the first that says something is the heading. */
static int take_line(const char *path, size_t line, char *text, const struct fl_surge_grid *grid,
                     double within_km, struct reading *reading, struct fl_err *reterr)
{
    char *cells[CELLS_MAX];
    struct fl_stations *stations = &reading->stations;
    struct fl_station *station;
    size_t count;
    int rc;

    if (*text == '#' || text[strspn(text, " \t\r")] == '\0')
        return 0;
    count = split(text, cells);
    if (!reading->has_columns) {
        reading->has_columns = true;
        return find_columns(path, line, cells, count, reading->columns, reterr);
    }
    if (stations->count == FL_STATIONS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "'%s' has more than %d stations", path,
                          FL_STATIONS_MAX);
    station = &stations->list[stations->count];
    rc = read_station(path, line, cells, count, reading->columns, station, reterr);
    if (rc == 0)
        rc = place(path, line, grid, within_km, station, reterr);
    stations->count += rc == 0 ? 1 : 0;
    return rc;
}

int fl_stations_read(const char *path, const struct fl_surge_grid *grid, double within_km,
                     struct fl_stations *ret_stations, struct fl_err *reterr)
{
    struct reading reading = {.has_columns = false};
    fl_auto(fl_buf_release) struct fl_buf text;
    size_t line = 1;
    int rc;

    fl_buf_init(&text, TABLE_MAX_BYTES);
    rc = fl_file_read(fl_world_real(), path, TABLE_MAX_BYTES, &text, reterr);
    if (rc < 0)
        return rc;
    reading.stations.list = calloc(FL_STATIONS_MAX, sizeof(*reading.stations.list));
    if (!reading.stations.list)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    for (char *at = text.data; rc == 0 && *at; line++) {
        char *end = at + strcspn(at, "\n");
        bool more = *end == '\n';

        *end = '\0';
        rc = take_line(path, line, at, grid, within_km, &reading, reterr);
        at = end + (more ? 1 : 0);
    }
    if (rc == 0 && !reading.has_columns)
        rc = fl_err_set(reterr, FL_E_DATA, 0, "'%s' is empty; expected name,id,lat,lon", path);
    if (rc < 0) {
        fl_stations_release(&reading.stations);
        return rc;
    }
    *ret_stations = reading.stations;
    return 0;
}

int fl_stations_init(struct fl_stations *stations, size_t count, struct fl_err *reterr)
{
    stations->list = calloc(count + 1, sizeof(*stations->list));
    if (!stations->list)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    stations->count = count;
    return 0;
}

void fl_stations_release(struct fl_stations *stations)
{
    free(stations->list);
    memset(stations, 0, sizeof(*stations));
}
