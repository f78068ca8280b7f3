/* Document roots for the test origin: see origin_data.h. */

#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/world/file.h"
#include "tests/tools/grib_idx.h"
#include "tests/tools/origin_data.h"

#include "engine/base/banned.h"

#define CYCLE_STEP_S (6 * 3600)

static int make_path(char *path, size_t size, struct fl_err *reterr, const char *fmt, ...)
    FL_PRINTF(4, 5);
static int make_path(char *path, size_t size, struct fl_err *reterr, const char *fmt, ...)
{
    va_list args;
    int got;

    va_start(args, fmt);
    got = vsnprintf(path, size, fmt, args);
    va_end(args);
    return got < 0 || (size_t)got >= size ? fl_err_set(reterr, FL_E_TOO_BIG, 0, "path") : 0;
}

/* "gfs.t00z.pgrb2.0p50.f003" */
static int gfs_name(struct fl_cycle cycle, const char *grid, struct fl_lead lead, char *name,
                    size_t size, struct fl_err *reterr)
{
    char file[FL_TIME_TEXT_MAX];

    fl_lead_format_file(lead, file);
    return make_path(name, size, reterr, "gfs.t%02dz.pgrb2.%s.%s", (int)(cycle.s % 86400 / 3600),
                     grid, file);
}

/* Makes TO/root/gfs.YYYYMMDDHH. */
static int gfs_folder(struct fl_cycle cycle, const char *to, char *path, size_t size,
                      struct fl_err *reterr)
{
    char stamp[FL_TIME_TEXT_MAX];
    int rc = fl_cycle_strftime(cycle, "%Y%m%d%H", stamp, sizeof(stamp), reterr);

    if (rc == 0)
        rc = make_path(path, size, reterr, "%s/root/gfs.%s", to, stamp);
    return rc < 0 ? rc : fl_dir_make(fl_world_real(), path, 0755, reterr);
}

static int publish_rules(const char *to, const struct fl_buf *rules, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc = make_path(path, sizeof(path), reterr, "%s/rules.cfg", to);

    if (rc == 0)
        rc = fl_buf_check(rules, reterr);
    return rc < 0 ? rc : fl_file_publish(fl_world_real(), path, rules->data, rules->size, reterr);
}

int fl_origin_background(const struct fl_background_area *area, struct fl_cycle cycle,
                         const struct fl_leads *leads, const char *to, struct fl_err *reterr)
{
    int rc = fl_dir_make(fl_world_real(), to, 0755, reterr);

    for (size_t i = 0; i < fl_leads_count(leads) && rc == 0; i++) {
        fl_auto(fl_buf_release) struct fl_buf grib;
        char name[64], path[FL_PATH_MAX];
        struct fl_lead lead = fl_leads_at(leads, i);

        fl_buf_init(&grib, 0);
        rc = gfs_name(cycle, "0p50", lead, name, sizeof(name), reterr);
        if (rc == 0)
            rc = make_path(path, sizeof(path), reterr, "%s/%s", to, name);
        if (rc == 0)
            rc = fl_background_file(area, cycle, lead, &grib, reterr);
        if (rc == 0)
            rc = fl_file_publish(fl_world_real(), path, grib.data, grib.size, reterr);
        if (rc == 0)
            rc = fl_grib_idx_file(path, reterr);
    }
    return rc;
}

int fl_origin_best_track(const char *table, double every_s, const char *to, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf rules;
    char path[FL_PATH_MAX], name[64];
    struct fl_cycle cycle;
    struct fl_leads leads;
    int rc;

    fl_buf_init(&rules, 0);
    rc = fl_cycle_parse("20181009T0000Z", &cycle, reterr);
    if (rc == 0)
        rc = fl_leads_parse("+000/+054/3", &leads, reterr);
    if (rc == 0)
        rc = gfs_folder(cycle, to, path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_origin_background(&fl_background_gulf, cycle, &leads, path, reterr);
    if (rc == 0)
        rc = make_path(path, sizeof(path), reterr, "%s/root/atcf", to);
    if (rc == 0)
        rc = fl_dir_make(fl_world_real(), path, 0755, reterr);
    if (rc == 0)
        rc = make_path(path, sizeof(path), reterr, "%s/root/atcf/al142018-michael.csv", to);
    if (rc == 0)
        rc = fl_file_copy(fl_world_real(), table, path, reterr);
    fl_buf_puts(&rules, "rules = (");
    for (size_t i = 1; i < fl_leads_count(&leads) && rc == 0 && every_s > 0; i++) {
        rc = gfs_name(cycle, "0p50", fl_leads_at(&leads, i), name, sizeof(name), reterr);
        fl_buf_printf(&rules, "%s\n  { path = \"*/%s*\"; appears_s = %.3f; }", i > 1 ? "," : "",
                      name, (double)i * every_s);
    }
    fl_buf_puts(&rules, "\n);\n");
    return rc < 0 ? rc : publish_rules(to, &rules, reterr);
}

/* The cycles found, as bits from the first possible one. */
#define CYCLES_MAX 65536
struct gfs_set {
    const char *from;
    const char *to;
    struct fl_err *err;
    struct fl_cycle first, last;
    bool any;
    bool have[CYCLES_MAX]; /* by six-hourly cycle since 2010 */
};

static int64_t cycle_number(struct fl_cycle cycle)
{
    return (cycle.s - INT64_C(1262304000)) / CYCLE_STEP_S; /* 2010-01-01T00Z */
}

/* gfs.20181010.t12z.pgrb2.1p00.wind10m.f003.grib2; others are passed over. */
static int add_gfs_file(const char *name, bool is_dir, void *arg)
{
    struct gfs_set *set = arg;
    char folder[FL_PATH_MAX], path[FL_PATH_MAX], source[FL_PATH_MAX], plain[64];
    int year, month, day, hour, lead_h, used = 0, rc;
    struct fl_cycle cycle;
    int64_t number;

    if (is_dir ||
        sscanf(name, "gfs.%4d%2d%2d.t%2dz.pgrb2.1p00.wind10m.f%3d.grib2%n", &year, &month, &day,
               &hour, &lead_h, &used) != 5 ||
        used != (int)strlen(name))
        return 0;
    rc = fl_cycle_from_parts(year, month, day, hour, 0, 0, &cycle, set->err);
    if (rc < 0)
        return fl_err_note(set->err, rc, "file '%s'", name);
    number = cycle_number(cycle);
    if (number < 0 || number >= CYCLES_MAX)
        return fl_err_set(set->err, FL_E_DATA, 0, "file '%s': cycle out of range", name);
    rc = gfs_folder(cycle, set->to, folder, sizeof(folder), set->err);
    if (rc == 0)
        rc = gfs_name(cycle, "1p00", (struct fl_lead){lead_h * 60}, plain, sizeof(plain), set->err);
    if (rc == 0)
        rc = make_path(path, sizeof(path), set->err, "%s/%s", folder, plain);
    if (rc == 0)
        rc = make_path(source, sizeof(source), set->err, "%s/%s", set->from, name);
    if (rc == 0)
        rc = fl_file_copy(fl_world_real(), source, path, set->err);
    if (rc == 0)
        rc = fl_grib_idx_file(path, set->err);
    if (rc < 0)
        return rc;
    set->have[number] = true;
    if (!set->any || cycle.s < set->first.s)
        set->first = cycle;
    if (!set->any || cycle.s > set->last.s)
        set->last = cycle;
    set->any = true;
    return 0;
}

/* The page that the source sent, with status 200, for a file that it did not have. */
static int add_missing(const char *to, struct fl_cycle cycle, int lead_h, struct fl_buf *rules,
                       struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf page;
    char stamp[FL_TIME_TEXT_MAX], plain[64], path[FL_PATH_MAX], file[160];
    int rc = fl_cycle_strftime(cycle, "%Y%m%d%H", stamp, sizeof(stamp), reterr);

    fl_buf_init(&page, 0);
    if (rc == 0)
        rc = gfs_name(cycle, "1p00", (struct fl_lead){lead_h * 60}, plain, sizeof(plain), reterr);
    if (rc == 0)
        rc = make_path(file, sizeof(file), reterr, "/common/data/model/com/gfs/prod/gfs.%s/%s",
                       stamp, plain);
    if (rc == 0)
        rc = make_path(path, sizeof(path), reterr, "%s/absent.%s.%s.html", to, stamp, plain);
    if (rc < 0)
        return rc;
    fl_buf_printf(&page,
                  "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\"><html><head><title>"
                  "data file is not present; %s</title></head><body bgcolor=\"#ffffff\">"
                  "<p align=center>Data file is not present: %s</p><p align=left><small>"
                  "g2sub 1.1.0.beta-6 and comments: Wesley.Ebisuzaki@noaa.gov, "
                  "Jun.Wang@noaa.gov<br></small></body></html>\n",
                  file, file);
    fl_buf_printf(rules,
                  "%s\n  { path = \"gfs.%s/%s*\"; never = true; status = 200; page = \"%s\"; }",
                  rules->data[rules->size - 1] == '(' ? "" : ",", stamp, plain, fl_path_base(path));
    return fl_file_publish(fl_world_real(), path, page.data, page.size, reterr);
}

int fl_origin_gfs(const char *from, const char *to, struct fl_err *reterr)
{
    struct gfs_set set = {.from = from, .to = to, .err = reterr};
    fl_auto(fl_buf_release) struct fl_buf rules;
    int rc;

    fl_buf_init(&rules, 0);
    fl_buf_puts(&rules, "rules = (");
    rc = fl_dir_list(fl_world_real(), from, add_gfs_file, &set, reterr);
    if (rc < 0)
        return rc;
    if (!set.any)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "no files gfs.YYYYMMDD.tHHz.pgrb2.1p00.wind10m.fFFF.grib2 in '%s'", from);
    for (struct fl_cycle c = set.first; c.s < set.last.s && rc == 0; c.s += CYCLE_STEP_S) {
        if (set.have[cycle_number(c)])
            continue;
        rc = add_missing(to, c, 0, &rules, reterr);
        if (rc == 0)
            rc = add_missing(to, c, 3, &rules, reterr);
    }
    fl_buf_puts(&rules, "\n);\n");
    return rc < 0 ? rc : publish_rules(to, &rules, reterr);
}
