/* Areas of fields. */
#include "config.h"

#include "data-fetch/source/crop.h"

#include <eccodes.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define HEAD_BYTES 16
#define GRID_BYTES 72 /* section 3 with template 3.0 */
#define SECTION_COUNT 8
#define MISSING (-1e100)
#define TOLERANCE 1e-5 /* degrees: grid points are told to a millionth, areas by people */
#define CIRCLE 360.0
#define PACKED_MAX 4294967295.0

/* The sections of a message of one field. */
struct sections {
    const unsigned char *at[SECTION_COUNT];
    size_t size[SECTION_COUNT];
};

struct grid {
    size_t ni;
    size_t nj;
    double unit;      /* [degrees] of the whole numbers in section 3 */
    double lat_first; /* [degrees] */
    double lon_first;
    double lat_step; /* negative: rows go south */
    double lon_step; /* negative: points go west */
    bool global;     /* the last column has the first as its neighbour */
};

/* The rows and columns that are kept; columns may go on at 0 behind ni - 1. */
struct cut {
    size_t column;
    size_t columns;
    size_t row;
    size_t rows;
};

/* ---- the area in words ---- */

static int bad_area(const char *text, const char *what, struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_CONFIG, 0,
                      "area '%.60s': %s; accepted: NORTH/WEST/SOUTH/EAST in degrees, such as "
                      "50/-100/10/-60",
                      text, what);
}

int fl_area_parse(const char *text, struct fl_area *ret_area, struct fl_err *reterr)
{
    double parts[4];
    const char *at = text;

    for (size_t i = 0; i < FL_COUNT(parts); i++) {
        char *end = NULL;

        parts[i] = strtod(at, &end);
        if (end == at || !isfinite(parts[i]) || *end != (i < 3 ? '/' : '\0'))
            return bad_area(text, "it is not four numbers", reterr);
        at = end + 1;
    }
    if (parts[0] > 90 || parts[2] < -90 || parts[0] <= parts[2])
        return bad_area(text, "north must be above south, both within -90 to 90", reterr);
    for (size_t i = 1; i < FL_COUNT(parts); i += 2) {
        if (parts[i] < -180 || parts[i] > 360)
            return bad_area(text, "west and east must be within -180 to 360", reterr);
    }
    if (parts[1] == parts[3])
        return bad_area(text, "west and east are the same", reterr);
    *ret_area =
        (struct fl_area){.north = parts[0], .west = parts[1], .south = parts[2], .east = parts[3]};
    return 0;
}

/* ---- bytes ---- */

static uint64_t big_endian(const unsigned char *at, size_t count)
{
    uint64_t value = 0;

    for (size_t i = 0; i < count; i++)
        value = value << 8 | at[i];
    return value;
}

/* A number whose highest bit is its sign. */
static double signed_number(const unsigned char *at, size_t count)
{
    uint64_t value = big_endian(at, count);
    uint64_t sign = UINT64_C(1) << (8 * count - 1);

    return value & sign ? -(double)(value & ~sign) : (double)value;
}

static void put_number(unsigned char *at, size_t count, uint64_t value)
{
    for (size_t i = count; i > 0; i--, value >>= 8)
        at[i - 1] = (unsigned char)value;
}

static void put_signed(unsigned char *at, double value)
{
    put_number(at, 4, (uint64_t)llround(fabs(value)) | (value < 0 ? UINT64_C(1) << 31 : 0));
}

static int find_sections(const unsigned char *bytes, size_t size, struct sections *sections,
                         struct fl_err *reterr)
{
    size_t at = HEAD_BYTES;

    *sections = (struct sections){.at = {bytes}, .size = {HEAD_BYTES}};
    while (at + 4 < size) {
        size_t length = at + 9 <= size ? (size_t)big_endian(bytes + at, 4) : 0;
        unsigned number = length ? bytes[at + 4] : 0;

        if (length < 5 || length > size - 4 - at || number == 0 || number >= SECTION_COUNT ||
            sections->at[number])
            return fl_err_set(reterr, FL_E_DATA, 0, "the section at byte %zu does not fit", at);
        sections->at[number] = bytes + at;
        sections->size[number] = length;
        at += length;
    }
    for (size_t i = 1; i < SECTION_COUNT; i++) {
        if (i != 2 && !sections->at[i])
            return fl_err_set(reterr, FL_E_DATA, 0, "the message has no section %zu", i);
    }
    return 0;
}

/* ---- the grid ---- */

static int not_cut(codes_handle *handle, const char *what, struct fl_err *reterr)
{
    char type[80] = "unknown";
    size_t size = sizeof(type);

    (void)codes_get_string(handle, "gridType", type, &size); /* a name for the message */
    return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                      "a field on a grid '%s' cannot be cut to an area: %s; accepted: regular_ll, "
                      "rows from west to east or east to west",
                      type, what);
}

static int read_grid(const struct sections *sections, codes_handle *handle, struct grid *grid,
                     struct fl_err *reterr)
{
    const unsigned char *at = sections->at[3];
    uint64_t basic;
    double lat_last;
    double lon_last;
    double span;
    unsigned scan;

    if (sections->size[3] < GRID_BYTES || at[5] != 0 || at[10] != 0 || big_endian(at + 12, 2) != 0)
        return not_cut(handle, "it is another kind of grid", reterr);
    grid->ni = (size_t)big_endian(at + 30, 4);
    grid->nj = (size_t)big_endian(at + 34, 4);
    if (grid->ni < 2 || grid->nj < 2 || grid->ni == UINT32_MAX || grid->nj == UINT32_MAX ||
        (uint64_t)grid->ni * grid->nj != big_endian(at + 6, 4))
        return not_cut(handle, "it is thinned or has a single row", reterr);
    basic = big_endian(at + 38, 4);
    grid->unit = basic == 0 || basic == UINT32_MAX || big_endian(at + 42, 4) == 0
                     ? 1e-6
                     : (double)basic / (double)big_endian(at + 42, 4);
    scan = at[71];
    if (scan & 0x3f)
        return not_cut(handle, "its points are scanned another way", reterr);
    grid->lat_first = signed_number(at + 46, 4) * grid->unit;
    grid->lon_first = signed_number(at + 50, 4) * grid->unit;
    lat_last = signed_number(at + 55, 4) * grid->unit;
    lon_last = signed_number(at + 59, 4) * grid->unit;
    span = scan & 0x80 ? grid->lon_first - lon_last : lon_last - grid->lon_first;
    if (span <= 0)
        span += CIRCLE;
    grid->lon_step = span / (double)(grid->ni - 1);
    grid->global = span + grid->lon_step > CIRCLE - TOLERANCE;
    if (span > CIRCLE - TOLERANCE) /* its last column is its first once more */
        return not_cut(handle, "its first column stands there twice", reterr);
    if (scan & 0x80)
        grid->lon_step = -grid->lon_step;
    grid->lat_step = (lat_last - grid->lat_first) / (double)(grid->nj - 1);
    return 0;
}

/* Degrees east of the area's western edge, 0 to 360. */
static double east_of(const struct grid *grid, const struct fl_area *area, size_t column)
{
    double lon = grid->lon_first + (double)column * grid->lon_step - area->west;

    lon -= CIRCLE * floor(lon / CIRCLE);
    return lon > CIRCLE - TOLERANCE ? 0 : lon;
}

static bool has_column(const struct grid *grid, const struct fl_area *area, size_t column)
{
    double width = area->east - area->west;

    if (width < 0)
        width += CIRCLE;
    return width > CIRCLE - TOLERANCE || east_of(grid, area, column) <= width + TOLERANCE;
}

static bool has_row(const struct grid *grid, const struct fl_area *area, size_t row)
{
    double lat = grid->lat_first + (double)row * grid->lat_step;

    return lat <= area->north + TOLERANCE && lat >= area->south - TOLERANCE;
}

/* Columns of a run that may pass the last one; a second run would be a hole in the grid. */
static int cut_columns(const struct grid *grid, const struct fl_area *area, struct cut *cut,
                       struct fl_err *reterr)
{
    size_t runs = 0;
    size_t all = 0;

    cut->column = 0;
    for (size_t i = 0; i < grid->ni; i++) {
        bool before = i > 0 ? has_column(grid, area, i - 1)
                            : grid->global && has_column(grid, area, grid->ni - 1);

        all += has_column(grid, area, i);
        if (has_column(grid, area, i) && !before) {
            cut->column = i;
            runs++;
        }
    }
    if (runs > 1)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "the area takes both ends of the grid and not what lies between them");
    cut->columns = all;
    return 0;
}

static int find_cut(const struct grid *grid, const struct fl_area *area, struct cut *cut,
                    struct fl_err *reterr)
{
    int rc = cut_columns(grid, area, cut, reterr);

    cut->row = 0;
    cut->rows = 0;
    for (size_t j = 0; j < grid->nj; j++) {
        if (!has_row(grid, area, j))
            continue;
        cut->row = cut->rows == 0 ? j : cut->row;
        cut->rows++;
    }
    if (rc == 0 && (cut->rows == 0 || cut->columns == 0))
        rc = fl_err_set(reterr, FL_E_MISMATCH, 0,
                        "no point of the grid lies in the area %g/%g/%g/%g (it has %zu x %zu from "
                        "latitude %g, longitude %g)",
                        area->north, area->west, area->south, area->east, grid->ni, grid->nj,
                        grid->lat_first, grid->lon_first);
    return rc;
}

/* ---- values ---- */

/* What stands for the values: value = (reference + packed * scale) / decimal. */
struct packing {
    double reference;
    double scale;   /* 2^E */
    double decimal; /* 10^D */
};

static int read_packing(const struct sections *sections, codes_handle *handle,
                        struct packing *packing, struct fl_err *reterr)
{
    static const unsigned known[] = {0, 2, 3, 40, 41, 42};
    const unsigned char *at = sections->at[5];
    unsigned template = sections->size[5] >= 21 ? (unsigned)big_endian(at + 9, 2) : UINT32_MAX;
    uint32_t bits = sections->size[5] >= 21 ? (uint32_t)big_endian(at + 11, 4) : 0;
    bool good = false;
    float reference;
    char type[80] = "unknown";
    size_t size = sizeof(type);

    for (size_t i = 0; i < FL_COUNT(known); i++)
        good = good || known[i] == template;
    if (!good) {
        (void)codes_get_string(handle, "packingType", type, &size); /* a name for the message */
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "a field packed as '%s' cannot be cut without loss", type);
    }
    memcpy(&reference, &bits, sizeof(reference));
    packing->reference = (double)reference;
    packing->scale = ldexp(1.0, (int)signed_number(at + 15, 2));
    packing->decimal = pow(10.0, signed_number(at + 17, 2));
    return 0;
}

static int read_values(codes_handle *handle, size_t count, double **ret_values,
                       struct fl_err *reterr)
{
    size_t found = 0;
    double *values;
    int code = codes_set_double(handle, "missingValue", MISSING);

    if (code == CODES_SUCCESS)
        code = codes_get_size(handle, "values", &found);
    if (code == CODES_SUCCESS && found != count)
        return fl_err_set(reterr, FL_E_DATA, 0, "the field has %zu values; its grid has %zu points",
                          found, count);
    values = calloc(count, sizeof(*values));
    if (!values)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a field of %zu points", count);
    if (code == CODES_SUCCESS)
        code = codes_get_double_array(handle, "values", values, &found);
    if (code != CODES_SUCCESS) {
        free(values);
        return fl_err_set(reterr, FL_E_DATA, code, "the field's values cannot be decoded: %s",
                          codes_get_error_message(code));
    }
    *ret_values = values;
    return 0;
}

/* The packed number that a value came from. FL_E_DATA when there is none. */
static int packed_number(const struct packing *packing, double value, uint64_t *ret_packed,
                         struct fl_err *reterr)
{
    double packed = round((value * packing->decimal - packing->reference) / packing->scale);
    double again = (packing->reference + packed * packing->scale) / packing->decimal;

    if (!(packed >= 0 && packed <= PACKED_MAX) ||
        fabs(again - value) > 1e-9 * (fabs(value) + packing->scale / packing->decimal))
        return fl_err_set(reterr, FL_E_DATA, 0,
                          "the value %.12g is no whole number of steps of its packing", value);
    *ret_packed = (uint64_t)packed;
    return 0;
}

/* Bits one after the other, the highest first. */
struct bits {
    struct fl_buf *out;
    uint64_t pending;
    unsigned count;
};

static void put_bits(struct bits *bits, uint64_t value, unsigned count)
{
    bits->pending = bits->pending << count | value;
    bits->count += count;
    while (bits->count >= 8) {
        fl_buf_putc(bits->out, (char)(bits->pending >> (bits->count - 8)));
        bits->count -= 8;
        bits->pending &= (UINT64_C(1) << bits->count) - 1;
    }
}

static void end_bits(struct bits *bits)
{
    if (bits->count > 0)
        put_bits(bits, 0, 8 - bits->count);
}

/* The kept points as packed numbers in their order; UINT64_MAX where missing. */
static int pack_points(const struct grid *grid, const struct cut *cut,
                       const struct packing *packing, const double *values, uint64_t *points,
                       size_t *ret_present, uint64_t *ret_largest, struct fl_err *reterr)
{
    size_t at = 0;

    *ret_present = 0;
    *ret_largest = 0;
    for (size_t j = 0; j < cut->rows; j++) {
        const double *row = values + (cut->row + j) * grid->ni;

        for (size_t i = 0; i < cut->columns; i++, at++) {
            double value = row[(cut->column + i) % grid->ni];
            int rc = 0;

            points[at] = UINT64_MAX;
            if (value == MISSING)
                continue;
            rc = packed_number(packing, value, &points[at], reterr);
            if (rc < 0)
                return rc;
            (*ret_present)++;
            *ret_largest = points[at] > *ret_largest ? points[at] : *ret_largest;
        }
    }
    return 0;
}

/* ---- the new message ---- */

static void add_section(struct fl_buf *out, const struct sections *sections, size_t number)
{
    if (sections->at[number])
        fl_buf_add(out, sections->at[number], sections->size[number]);
}

static double turned(double lon, double unit)
{
    lon -= CIRCLE * floor(lon / CIRCLE);
    return lon / unit >= CIRCLE / unit - 0.5 ? 0 : lon / unit;
}

static void add_grid(struct fl_buf *out, const struct sections *sections, const struct grid *grid,
                     const struct cut *cut)
{
    size_t start = out->size;
    double lon = grid->lon_first + (double)cut->column * grid->lon_step;
    double lat = grid->lat_first + (double)cut->row * grid->lat_step;
    unsigned char *at;

    add_section(out, sections, 3);
    if (out->failed)
        return;
    at = (unsigned char *)out->data + start;
    put_number(at + 6, 4, cut->rows * cut->columns);
    put_number(at + 30, 4, cut->columns);
    put_number(at + 34, 4, cut->rows);
    put_signed(at + 46, lat / grid->unit);
    put_signed(at + 50, turned(lon, grid->unit));
    put_signed(at + 55, (lat + (double)(cut->rows - 1) * grid->lat_step) / grid->unit);
    put_signed(at + 59, turned(lon + (double)(cut->columns - 1) * grid->lon_step, grid->unit));
}

static void add_head(struct fl_buf *out, size_t size, unsigned number)
{
    unsigned char head[5];

    put_number(head, 4, size);
    head[4] = (unsigned char)number;
    fl_buf_add(out, head, sizeof(head));
}

/* Sections 5, 6 and 7. */
static void add_points(struct fl_buf *out, const struct sections *sections, const uint64_t *points,
                       size_t count, size_t present, uint64_t largest)
{
    unsigned char packing[16] = {0};
    struct bits bits = {.out = out};
    unsigned width = 0;

    while (largest >> width)
        width++;
    add_head(out, 21, 5);
    put_number(packing, 4, present);
    memcpy(packing + 6, sections->at[5] + 11, 8); /* reference value, scale factors */
    packing[14] = (unsigned char)width;
    packing[15] = sections->at[5][20];
    fl_buf_add(out, packing, sizeof(packing));
    add_head(out, present < count ? 6 + (count + 7) / 8 : 6, 6);
    fl_buf_putc(out, present < count ? 0 : (char)255);
    for (size_t i = 0; i < count && present < count; i++)
        put_bits(&bits, points[i] != UINT64_MAX, 1);
    end_bits(&bits);
    add_head(out, 5 + (present * width + 7) / 8, 7);
    for (size_t i = 0; i < count && width > 0; i++) {
        if (points[i] != UINT64_MAX)
            put_bits(&bits, points[i], width);
    }
    end_bits(&bits);
}

static int build(const struct sections *sections, const struct grid *grid, const struct cut *cut,
                 const uint64_t *points, size_t present, uint64_t largest, struct fl_buf *out,
                 struct fl_err *reterr)
{
    size_t start = out->size;

    for (size_t i = 0; i < 3; i++)
        add_section(out, sections, i);
    add_grid(out, sections, grid, cut);
    add_section(out, sections, 4);
    add_points(out, sections, points, cut->rows * cut->columns, present, largest);
    fl_buf_puts(out, "7777");
    if (!out->failed)
        put_number((unsigned char *)out->data + start + 8, 8, out->size - start);
    return fl_buf_check(out, reterr);
}

int fl_crop_field(const void *data, size_t size, void *handle, const struct fl_area *area,
                  struct fl_buf *out, struct fl_err *reterr)
{
    struct sections sections;
    struct grid grid = {0};
    struct cut cut = {0};
    struct packing packing = {0};
    double *values = NULL;
    uint64_t *points = NULL;
    size_t present = 0;
    uint64_t largest = 0;
    int rc;

    if (size < HEAD_BYTES + 4 || ((const unsigned char *)data)[7] != 2)
        return not_cut(handle, "the message is of edition 1", reterr);
    rc = find_sections(data, size, &sections, reterr);
    if (rc == 0)
        rc = read_grid(&sections, handle, &grid, reterr);
    if (rc == 0)
        rc = find_cut(&grid, area, &cut, reterr);
    if (rc == 0)
        rc = read_packing(&sections, handle, &packing, reterr);
    if (rc == 0)
        rc = read_values(handle, grid.ni * grid.nj, &values, reterr);
    if (rc < 0)
        return rc;
    fl_assert(cut.rows > 0 && cut.columns > 0);
    points = calloc(cut.rows * cut.columns, sizeof(*points));
    if (!points)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for an area of %zu points",
                        cut.rows * cut.columns);
    if (rc == 0)
        rc = pack_points(&grid, &cut, &packing, values, points, &present, &largest, reterr);
    if (rc == 0)
        rc = build(&sections, &grid, &cut, points, present, largest, out, reterr);
    free(points);
    free(values);
    return rc;
}
