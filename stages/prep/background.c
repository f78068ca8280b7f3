/* GRIB winds on the model grid. */
#include "config.h"

#include "stages/prep/background.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "stages/common/grib.h"
#include "stages/common/grid.h"

#include "engine/base/banned.h"

#define FILES_MAX 64
#define LEVEL_TYPE_HEIGHT 103 /* WMO code table 4.5: metres above ground */
#define LEVEL_TYPE_MSL 101    /* mean sea level */

/* A parameter that we look for. discipline, category, number: WMO code table 4.2. */
static const struct wanted {
    const char *name;
    int category;
    int number;
    int level_type;
    double level;
    const char *short_names[2]; /* for files whose level is coded in another way */
    double min;                 /* what the atmosphere of the earth has shown, with room */
    double max;
} wanted[FL_BACKGROUND_KINDS] = {
    {"10 m wind, eastward", 2, 2, LEVEL_TYPE_HEIGHT, 10.0, {"10u", "10u"}, -150.0, 150.0},
    {"10 m wind, northward", 2, 3, LEVEL_TYPE_HEIGHT, 10.0, {"10v", "10v"}, -150.0, 150.0},
    {"pressure at mean sea level", 3, 1, LEVEL_TYPE_MSL, NAN, {"prmsl", "msl"}, 85000.0, 110000.0},
};

struct field {
    double *values; /* shape of the grid; NULL: not there */
    struct fl_cycle reference;
    int member;
    size_t file;
};

struct moment {
    struct fl_cycle valid;
    struct field fields[FL_BACKGROUND_KINDS];
    uint64_t files; /* bit for each file that holds a wind for it */
};

struct fl_background {
    struct moment *moments; /* ascending once all is read */
    size_t count;
    size_t cells;
    struct fl_bilinear *bilinear; /* for the grid met last */
    const char *path;             /* while reading */
    size_t file;
};

/* ---- reading ---- */

static bool is_wanted(const struct fl_grib_info *info, const struct wanted *want)
{
    if (info->discipline == 0 && info->category == want->category && info->number == want->number &&
        info->level_type == want->level_type)
        return isnan(want->level) || info->level == want->level;
    return strcmp(info->short_name, want->short_names[0]) == 0 ||
           strcmp(info->short_name, want->short_names[1]) == 0;
}

static int moment_of(struct fl_background *b, struct fl_cycle valid, struct moment **ret_moment,
                     struct fl_err *reterr)
{
    size_t at = 0;

    while (at < b->count && b->moments[at].valid.s < valid.s)
        at++;
    if (at == b->count || b->moments[at].valid.s != valid.s) {
        if (b->count == FL_BACKGROUND_TIMES_MAX)
            return fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %d valid times",
                              FL_BACKGROUND_TIMES_MAX);
        memmove(&b->moments[at + 1], &b->moments[at], (b->count - at) * sizeof(*b->moments));
        b->moments[at] = (struct moment){.valid = valid};
        b->count++;
    }
    *ret_moment = &b->moments[at];
    return 0;
}

static int check_values(const struct fl_background *b, const struct fl_grib_info *info,
                        const struct wanted *want, const double *values, struct fl_err *reterr)
{
    for (size_t k = 0; k < b->cells; k++) {
        if (!(values[k] >= want->min && values[k] <= want->max))
            return fl_err_set(reterr, FL_E_DATA, 0,
                              "'%s' message at offset %llu: %s is %g %s on the grid; it must be "
                              "within %g to %g",
                              b->path, (unsigned long long)info->offset, want->name, values[k],
                              info->units, want->min, want->max);
    }
    return 0;
}

/* Decodes the current field onto the model grid. */
static int decode(struct fl_background *b, const struct fl_grib_file *file,
                  const struct fl_grid *grid, double *target, struct fl_err *reterr)
{
    struct fl_grib_grid source;
    double *lat = NULL;
    double *lon = NULL;
    double *values = NULL;
    int rc = fl_grib_grid(file, &source, reterr);

    if (rc < 0)
        return rc;
    lat = calloc(source.nj, sizeof(*lat));
    lon = calloc(source.ni, sizeof(*lon));
    values = calloc(source.ni * source.nj, sizeof(*values));
    if (!lat || !lon || !values)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", b->path);
    if (rc == 0)
        rc = fl_grib_values_sorted(file, &source, lat, lon, values, reterr);
    if (rc == 0 &&
        !(b->bilinear && fl_bilinear_fits(b->bilinear, lat, source.nj, lon, source.ni))) {
        fl_bilinear_destroy(b->bilinear);
        b->bilinear = NULL;
        rc = fl_bilinear_create(lat, source.nj, lon, source.ni, grid, &b->bilinear, reterr);
        if (rc < 0)
            (void)fl_err_note(reterr, rc, "'%s'", b->path); /* rc stays */
    }
    if (rc == 0)
        fl_bilinear_apply(b->bilinear, values, target);
    free(lat);
    free(lon);
    free(values);
    return rc;
}

/* Puts the current field where it belongs, unless a later analysis has the same time. */
static int take(struct fl_background *b, const struct fl_grib_file *file,
                const struct fl_grib_info *info, int kind, const struct fl_grid *grid,
                struct fl_err *reterr)
{
    struct moment *moment = NULL;
    struct field *field;
    double *values;
    int rc;

    if (!info->has_time)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "'%s' message at offset %llu: its time cannot be read", b->path,
                          (unsigned long long)info->offset);
    rc = moment_of(b, info->valid, &moment, reterr);
    if (rc < 0)
        return rc;
    if (kind != FL_BACKGROUND_MSL)
        moment->files |= (uint64_t)1 << b->file;
    field = &moment->fields[kind];
    if (field->values && field->reference.s == info->reference.s && field->member != info->member)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s': ensemble members %d and %d of %s for one time; give one member",
                          b->path, field->member, info->member, wanted[kind].name);
    if (field->values && field->reference.s > info->reference.s)
        return 0;
    values = calloc(b->cells, sizeof(*values));
    if (!values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", b->path);
    rc = decode(b, file, grid, values, reterr);
    if (rc == 0)
        rc = check_values(b, info, &wanted[kind], values, reterr);
    if (rc < 0) {
        free(values);
        return rc;
    }
    free(field->values);
    *field = (struct field){values, info->reference, info->member, b->file};
    return 0;
}

static int read_file(struct fl_background *b, const struct fl_grid *grid, struct fl_err *reterr)
{
    fl_auto(fl_grib_close) struct fl_grib_file *file = NULL;
    struct fl_grib_info info;
    bool found = false;
    int rc = fl_grib_open(b->path, &file, reterr);

    while (rc == 0) {
        bool more = false;

        rc = fl_grib_next(file, &info, &more, reterr);
        if (rc < 0 || !more)
            break;
        for (int kind = 0; rc == 0 && kind < FL_BACKGROUND_KINDS; kind++) {
            if (!is_wanted(&info, &wanted[kind]))
                continue;
            found = found || kind != FL_BACKGROUND_MSL;
            rc = take(b, file, &info, kind, grid, reterr);
        }
    }
    if (rc == 0 && !found)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s' holds no 10 m wind (UGRD, VGRD)",
                          b->path);
    return rc;
}

/* ---- what was read, as a whole ---- */

static int check_whole(const struct fl_background *b, struct fl_err *reterr)
{
    size_t with_msl = 0;

    for (size_t m = 0; m < b->count; m++) {
        const struct moment *moment = &b->moments[m];
        bool has_u = moment->fields[FL_BACKGROUND_U].values != NULL;
        bool has_v = moment->fields[FL_BACKGROUND_V].values != NULL;
        char valid[FL_TIME_TEXT_MAX];

        fl_cycle_format(moment->valid, valid);
        if (!has_u || !has_v)
            return fl_err_set(reterr, FL_E_MISMATCH, 0, "for %s there is no %s", valid,
                              wanted[has_u ? FL_BACKGROUND_V : FL_BACKGROUND_U].name);
        if (moment->fields[FL_BACKGROUND_U].reference.s !=
            moment->fields[FL_BACKGROUND_V].reference.s)
            return fl_err_set(reterr, FL_E_MISMATCH, 0,
                              "for %s the wind's components are of different cycles", valid);
        with_msl += moment->fields[FL_BACKGROUND_MSL].values != NULL;
    }
    if (with_msl != 0 && with_msl != b->count)
        return fl_err_set(
            reterr, FL_E_MISMATCH, 0,
            "%zu of %zu valid times have pressure at mean sea level; it must be all or "
            "none",
            with_msl, b->count);
    return 0;
}

int fl_background_read(const char *const *paths, size_t count, const struct fl_grid *grid,
                       struct fl_background **ret_background, struct fl_err *reterr)
{
    fl_auto(fl_background_destroy) struct fl_background *b = calloc(1, sizeof(*b));
    int rc = 0;

    fl_assert(paths && grid && ret_background);
    fl_assert(count <= FILES_MAX);
    if (b)
        b->moments = calloc(FL_BACKGROUND_TIMES_MAX, sizeof(*b->moments));
    if (!b || !b->moments)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "%zu GRIB files", count);
    b->cells = grid->nlat * grid->nlon;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        b->path = paths[i];
        b->file = i;
        rc = read_file(b, grid, reterr);
    }
    b->path = NULL;
    if (rc == 0)
        rc = check_whole(b, reterr);
    if (rc == 0)
        *ret_background = FL_STEAL(b);
    return rc;
}

void fl_background_destroy(struct fl_background *background)
{
    if (!background)
        return;
    for (size_t m = 0; background->moments && m < background->count; m++) {
        for (int kind = 0; kind < FL_BACKGROUND_KINDS; kind++)
            free(background->moments[m].fields[kind].values);
    }
    free(background->moments);
    fl_bilinear_destroy(background->bilinear);
    free(background);
}

/* ---- asking ---- */

size_t fl_background_count(const struct fl_background *background)
{
    return background->count;
}

struct fl_cycle fl_background_valid(const struct fl_background *background, size_t index)
{
    fl_assert(index < background->count);
    return background->moments[index].valid;
}

bool fl_background_has_msl(const struct fl_background *background)
{
    return background->count > 0 && background->moments[0].fields[FL_BACKGROUND_MSL].values;
}

bool fl_background_file_holds(const struct fl_background *background, size_t file,
                              struct fl_cycle valid)
{
    for (size_t m = 0; m < background->count; m++) {
        if (background->moments[m].valid.s == valid.s)
            return (background->moments[m].files >> file & 1) != 0;
    }
    return false;
}

void fl_background_file_times(const struct fl_background *background, size_t file, char *text,
                              size_t size)
{
    size_t used = 0;

    (void)snprintf(text, size, "none");
    for (size_t m = 0; m < background->count && used < size; m++) {
        char valid[FL_TIME_TEXT_MAX];

        if ((background->moments[m].files >> file & 1) == 0)
            continue;
        fl_cycle_format(background->moments[m].valid, valid);
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", valid);
    }
}

int fl_background_bracket(const struct fl_background *background, struct fl_cycle time,
                          struct fl_background_bracket *ret_bracket, struct fl_err *reterr)
{
    const struct moment *m = background->moments;
    const size_t last = background->count ? background->count - 1 : 0;
    size_t at = 0;
    char asked[FL_TIME_TEXT_MAX];
    char first[FL_TIME_TEXT_MAX] = "";
    char end[FL_TIME_TEXT_MAX] = "";

    fl_assert(ret_bracket);
    while (at < last && m[at + 1].valid.s <= time.s)
        at++;
    if (background->count > 0 && m[at].valid.s == time.s) {
        *ret_bracket = (struct fl_background_bracket){at, at, 0.0, 0};
        return 0;
    }
    if (background->count > 0 && at < last && m[at].valid.s < time.s) {
        int64_t gap = m[at + 1].valid.s - m[at].valid.s;

        *ret_bracket = (struct fl_background_bracket){
            at, at + 1, (double)(time.s - m[at].valid.s) / (double)gap, gap};
        return 0;
    }
    fl_cycle_format(time, asked);
    if (background->count == 0)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "no forcing for %s: no GRIB file", asked);
    fl_cycle_format(m[0].valid, first);
    fl_cycle_format(m[last].valid, end);
    return fl_err_set(reterr, FL_E_MISMATCH, 0,
                      "no forcing for %s: the GRIB files hold valid times %s to %s", asked, first,
                      end);
}

void fl_background_at(const struct fl_background *background,
                      const struct fl_background_bracket *bracket, enum fl_background_kind kind,
                      double *values)
{
    const double *before = background->moments[bracket->before].fields[kind].values;
    const double *after = background->moments[bracket->after].fields[kind].values;

    fl_assert(before && after);
    for (size_t k = 0; k < background->cells; k++)
        values[k] = before[k] + (after[k] - before[k]) * bracket->weight;
}
