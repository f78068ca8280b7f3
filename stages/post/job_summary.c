/* A whole run: maxima, series, peaks. */
#include "config.h"

#include "stages/post/job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/world/file.h"
#include "stages/common/contract.h"
#include "stages/common/prov.h"
#include "stages/post/caption.h"
#include "stages/post/job_impl.h"
#include "stages/post/map.h"
#include "stages/post/peaks.h"
#include "stages/post/plot.h"
#include "stages/post/product.h"

#include "engine/base/banned.h"

/* Folder and name to a place where it is to be written. */
static int summary_place(const struct fl_job *job, const char *folder, const char *name, char *path,
                         size_t size, struct fl_err *reterr)
{
    char joined[FL_PATH_MAX];

    if (strcmp(folder, ".") == 0)
        return fl_contract_place(job->contract, name, path, size, reterr);
    if (snprintf(joined, sizeof(joined), "%s/%s", folder, name) >= (int)sizeof(joined))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%s/%s'", folder, name);
    return fl_contract_place(job->contract, joined, path, size, reterr);
}

static int summary_map(struct fl_job *job, const struct fl_maximum *maximum, const char *path,
                       struct fl_err *reterr)
{
    struct fl_map map = {.level = &maximum->zeta_max, .bands = &job->config.max_levels};
    struct fl_caption caption;

    fl_caption_maximum(&job->config, maximum, fl_contract_env(job->contract)->run, &caption);
    return fl_job_draw_map(job, &map, &caption, path, reterr);
}

static int summary_plot(struct fl_job *job, const struct fl_series *series,
                        const struct fl_peak *peaks, const char *path, struct fl_err *reterr)
{
    fl_auto(fl_canvas_destroy) struct fl_canvas *canvas = NULL;
    char source[2 * FL_CAPTION_MAX];
    struct fl_plot plot = {.series = series,
                           .peaks = peaks,
                           .config = &job->config,
                           .source = source,
                           .degraded = fl_prov_degraded_text(job->prov)};
    int rc;

    fl_caption_source(&job->config, fl_contract_env(job->contract)->run, source, sizeof(source));
    rc = fl_plot_draw(&plot, &canvas, reterr);
    if (rc == 0)
        rc = fl_canvas_publish(canvas, job->world, path, reterr);
    return rc;
}

static int text_write(const struct fl_job *job, const struct fl_buf *text, const char *path,
                      struct fl_err *reterr)
{
    int rc = fl_buf_check(text, reterr);

    if (rc < 0)
        return fl_err_note(reterr, rc, "'%s'", path);
    return fl_file_publish(job->world, path, text->data, text->size, reterr);
}

/* The five files, in the order in which they are announced. */
enum summary_file { FILE_MAX, FILE_MAX_MAP, FILE_SERIES, FILE_PLOT, FILE_PEAKS, FILE_COUNT };
static const struct {
    const char *output;
    const char *name;
} summary_files[FILE_COUNT] = {
    [FILE_MAX] = {"max", "max.nc"},
    [FILE_MAX_MAP] = {"max_map", "max.png"},
    [FILE_SERIES] = {"series", "stations.csv"},
    [FILE_PLOT] = {"plot", "stations.png"},
    [FILE_PEAKS] = {"peaks", "peaks.csv"},
};

static int summary_file_write(struct fl_job *job, enum summary_file which,
                              const struct fl_maximum *maximum, const struct fl_series *series,
                              const struct fl_peak *peaks, const char *path, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    const char *degraded = fl_prov_degraded_text(job->prov);

    fl_buf_init(&text, 0);
    switch (which) {
    case FILE_MAX:
        return fl_product_maximum(path, maximum, &job->config, job->prov, reterr);
    case FILE_MAX_MAP:
        return summary_map(job, maximum, path, reterr);
    case FILE_SERIES:
        fl_series_csv(series, peaks, &job->config, degraded, &text);
        return text_write(job, &text, path, reterr);
    case FILE_PLOT:
        return summary_plot(job, series, peaks, path, reterr);
    case FILE_PEAKS:
        fl_peaks_csv(peaks, series->station_count, &job->config, degraded, &text);
        return text_write(job, &text, path, reterr);
    case FILE_COUNT:
        break;
    }
    return fl_err_set(reterr, FL_E_BUG, 0, "no such summary file");
}

/* The output max.nc must not replace the input of the same name. */
static int summary_keep_inputs(const struct fl_job *job, const char *path, const char *input,
                               struct fl_err *reterr)
{
    struct fl_stat out;
    struct fl_stat in;

    if (fl_file_stat(job->world, path, &out, NULL) < 0 ||
        fl_file_stat(job->world, input, &in, NULL) < 0 || out.inode != in.inode)
        return 0;
    return fl_err_set(reterr, FL_E_USAGE, 0,
                      "output '%s' would replace the input '%s'; give another folder with --to",
                      path, input);
}

static int summary_write(struct fl_job *job, const struct fl_job_summary *job_of,
                         const struct fl_maximum *maximum, const struct fl_series *series,
                         const struct fl_peak *peaks, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc = 0;

    if (strcmp(job_of->folder, ".") != 0) {
        rc = fl_contract_place(job->contract, job_of->folder, path, sizeof(path), reterr);
        if (rc == 0)
            rc = fl_dir_make(job->world, path, 0755, reterr);
    }
    for (int which = 0; which < FILE_COUNT && rc == 0; which++) {
        rc = summary_place(job, job_of->folder, summary_files[which].name, path, sizeof(path),
                           reterr);
        if (rc == 0)
            rc = summary_keep_inputs(job, path, job_of->max, reterr);
        if (rc == 0)
            rc = summary_file_write(job, (enum summary_file)which, maximum, series, peaks, path,
                                    reterr);
        if (rc == 0)
            rc = fl_job_announce(job, summary_files[which].output, NULL, path, reterr);
    }
    return rc;
}

static int summary_check(const struct fl_job *job, const struct fl_job_summary *job_of,
                         struct fl_maximum *maximum, const struct fl_series *series,
                         struct fl_err *reterr)
{
    const struct fl_contract_env *env = fl_contract_env(job->contract);
    struct fl_cycle cycle;
    int rc;

    if (!maximum->has_period) {
        maximum->has_period = true;
        maximum->from.s = series->cycle.s + llround(series->time_s[0]);
        maximum->to.s = series->cycle.s + llround(series->time_s[series->time_count - 1]);
    }
    if (maximum->cycle.s != series->cycle.s)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s' and '%s' are of different cycles",
                          job_of->max, job_of->stations);
    if (!env->cycle)
        return 0;
    rc = fl_cycle_parse(env->cycle, &cycle, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "FAIRLEAD_CYCLE");
    if (cycle.s != maximum->cycle.s)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s' is not of cycle %s", job_of->max,
                          env->cycle);
    return 0;
}

int fl_job_summary(const struct fl_world *world, struct fl_contract *contract,
                   const struct fl_job_summary *job_of, struct fl_err *reterr)
{
    fl_auto(fl_job_release) struct fl_job job = {.world = world, .contract = contract};
    fl_auto(fl_maximum_release) struct fl_maximum maximum = {0};
    fl_auto(fl_series_release) struct fl_series series = {0};
    fl_auto(fl_buf_release) struct fl_buf table;
    struct fl_peak peaks[FL_STATIONS_MAX];
    int rc;

    fl_buf_init(&table, 0);
    rc = fl_job_init(&job, job_of->settings, reterr);
    if (rc == 0)
        rc = fl_prov_input(job.prov, NULL, job_of->max, reterr);
    if (rc == 0)
        rc = fl_prov_input(job.prov, NULL, job_of->stations, reterr);
    if (rc == 0)
        rc = fl_maximum_read(job_of->max, job.prov, &maximum, reterr);
    if (rc == 0)
        rc = fl_series_read(job_of->stations, job.prov, &series, reterr);
    if (rc == 0)
        rc = summary_check(&job, job_of, &maximum, &series, reterr);
    if (rc < 0)
        return rc;
    fl_peaks_find(&series, &job.gauges, job.config.near_km, peaks);
    rc = summary_write(&job, job_of, &maximum, &series, peaks, reterr);
    if (rc < 0)
        return rc;
    fl_peaks_table(peaks, series.station_count, &job.config, &table);
    (void)fwrite(table.data, 1, table.size, stdout); /* the files hold the same */
    return 0;
}
