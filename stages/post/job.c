/* From files to pictures and products. */
#include "config.h"

#include "stages/post/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"
#include "stages/common/contract.h"
#include "stages/common/prov.h"
#include "stages/post/caption.h"
#include "stages/post/map.h"
#include "stages/post/peaks.h"
#include "stages/post/plot.h"
#include "stages/post/product.h"

#include "engine/base/banned.h"

#define MARKS_MAX 64

/* What both jobs need. */
struct job {
    const struct fl_world *world;
    struct fl_contract *contract;
    struct fl_post_config config;
    struct fl_prov *prov;
    struct fl_track track;
    struct fl_gauges gauges;
    struct fl_coast *coast;
};

static void job_release(struct job *job)
{
    fl_post_config_release(&job->config);
    fl_prov_destroy(job->prov);
    fl_coast_destroy(job->coast);
}
FL_DEFINE_AUTO_VALUE(struct job, job_release)

/* Settings, tables, and the marks of the inputs. */
static int job_init(struct job *job, const char *settings, struct fl_err *reterr)
{
    const struct fl_degraded *marks = NULL;
    int rc = fl_post_config_load(settings, &job->config, reterr);

    if (rc == 0)
        rc = fl_prov_create(FL_POST_PROGRAM, &job->prov, reterr);
    if (rc == 0 && job->config.track)
        rc = fl_track_read(job->world, job->config.track, &job->track, reterr);
    if (rc == 0 && job->config.gauges)
        rc = fl_gauges_read(job->world, job->config.gauges, &job->gauges, reterr);
    if (rc == 0) {
        size_t count = fl_contract_degraded_of_inputs(job->contract, &marks);

        for (size_t i = 0; i < count && rc == 0; i++)
            rc = fl_prov_degraded(job->prov, marks[i].cause, marks[i].age, reterr);
    }
    return rc;
}

static struct fl_extent job_extent(const struct job *job, const struct fl_raster *raster)
{
    return job->config.has_domain ? job->config.domain : fl_extent_of(raster);
}

/* The lines of the provenance, "CAUSE [age AGE]", as marks. Cuts text in place. */
static size_t marks_parse(char *text, struct fl_degraded marks[static MARKS_MAX])
{
    size_t count = 0;

    while (*text && count < MARKS_MAX) {
        size_t length = strcspn(text, "\n");
        bool last = text[length] == 0;
        char *age = NULL;

        text[length] = 0;
        for (char *at = strstr(text, " [age "); at; at = strstr(at + 1, " [age "))
            age = at;
        if (age && length > 0 && text[length - 1] == ']') {
            text[length - 1] = 0;
            *age = 0;
            age += strlen(" [age ");
        } else {
            age = NULL;
        }
        marks[count++] = (struct fl_degraded){text, age};
        if (last)
            break;
        text += length + 1;
    }
    return count;
}

/* Announces a finished file with the marks that went into it. */
static int announce(const struct job *job, const char *output, const struct fl_lead *lead,
                    const char *path, struct fl_err *reterr)
{
    struct fl_degraded marks[MARKS_MAX];
    char *text = strdup(fl_prov_degraded_text(job->prov));
    int rc;

    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = fl_contract_output_marked(job->contract, output, lead, path, marks,
                                   marks_parse(text, marks), reterr);
    free(text);
    return rc;
}

/* Content, not names: the field must be of the run and lead that we work for. */
static int hour_check(const struct job *job, const char *path, const struct fl_hour *hour,
                      struct fl_err *reterr)
{
    const struct fl_contract_env *env = fl_contract_env(job->contract);
    char found[FL_TIME_TEXT_MAX];
    struct fl_cycle cycle;
    struct fl_lead lead;
    int rc;

    if (env->cycle) {
        rc = fl_cycle_parse(env->cycle, &cycle, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "FAIRLEAD_CYCLE");
        fl_cycle_format(hour->cycle, found);
        if (cycle.s != hour->cycle.s)
            return fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s' is of cycle %s; expected %s", path,
                              found, env->cycle);
    }
    if (env->lead) {
        rc = fl_lead_parse(env->lead, &lead, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "FAIRLEAD_LEAD");
        fl_cycle_format(hour->valid, found);
        if (fl_cycle_add(hour->cycle, lead).s != hour->valid.s)
            return fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s' is valid at %s; expected lead %s",
                              path, found, env->lead);
    }
    return 0;
}

/* Gauges as places on the map; the level at the nearest wet cell when that is near enough. */
static size_t job_places(const struct job *job, const struct fl_raster *level,
                         struct fl_map_place places[static FL_MAP_PLACES_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < job->gauges.count && count < FL_MAP_PLACES_MAX; i++) {
        const struct fl_gauge *gauge = &job->gauges.gauge[i];
        struct fl_map_place *place = &places[count++];
        size_t index;
        double km;

        place->place = gauge->place;
        place->level_m = NAN;
        (void)snprintf(place->name, sizeof(place->name), "%s", gauge->name);
        if (fl_raster_nearest(level, gauge->place, &index, &km) && km <= job->config.near_km)
            place->level_m = (double)level->value[index];
    }
    return count;
}

/* Draws a map of what is the same for both jobs and writes it. */
static int map_write(struct job *job, struct fl_map *map, const struct fl_caption *caption,
                     const char *path, struct fl_err *reterr)
{
    fl_auto(fl_canvas_destroy) struct fl_canvas *canvas = NULL;
    struct fl_map_place places[FL_MAP_PLACES_MAX];
    int rc;

    map->extent = job_extent(job, map->level);
    map->has_inset = job->config.has_inset;
    map->inset = job->config.inset;
    map->inset_corner = job->config.inset_corner;
    map->track = job->track.count > 0 ? &job->track : NULL;
    map->place_count = job_places(job, map->level, places);
    map->places = places;
    map->title = caption->title;
    map->when = caption->when;
    map->subtitle = caption->subtitle;
    map->when_more = caption->when_more;
    map->bar_title = caption->bar_title;
    map->source = caption->source;
    map->degraded = fl_prov_degraded_text(job->prov);
    rc = fl_coast_load(job->config.coastline, &map->extent, &job->coast, reterr);
    map->coast = job->coast;
    if (rc == 0)
        rc = fl_map_draw(map, &canvas, reterr);
    if (rc == 0)
        rc = fl_canvas_publish(canvas, job->world, path, reterr);
    map->places = NULL; /* ours, and gone now */
    map->place_count = 0;
    return rc;
}

static int hour_map(struct job *job, const struct fl_hour *hour, const char *path,
                    struct fl_err *reterr)
{
    bool arrows = job->config.arrows && hour->u.nlat && hour->v.nlat;
    struct fl_map map = {.level = &hour->zeta,
                         .u = arrows ? &hour->u : NULL,
                         .v = arrows ? &hour->v : NULL,
                         .bands = &job->config.levels,
                         .valid = &hour->valid,
                         .mark_lowest = true};
    struct fl_caption caption;

    fl_caption_hour(&job->config, hour, fl_contract_env(job->contract)->run, &caption);
    return map_write(job, &map, &caption, path, reterr);
}

int fl_job_map(const struct fl_world *world, struct fl_contract *contract,
               const struct fl_job_map *job_of, struct fl_err *reterr)
{
    fl_auto(job_release) struct job job = {.world = world, .contract = contract};
    fl_auto(fl_hour_release) struct fl_hour hour = {0};
    char path[FL_PATH_MAX];
    struct fl_lead lead;
    int rc;

    rc = job_init(&job, job_of->settings, reterr);
    if (rc == 0)
        rc = fl_prov_input(job.prov, NULL, job_of->field, reterr);
    if (rc == 0)
        rc = fl_hour_read(job_of->field, job.prov, &hour, reterr);
    if (rc == 0)
        rc = hour_check(&job, job_of->field, &hour, reterr);
    if (rc < 0)
        return rc;
    lead.minutes = (int32_t)((hour.valid.s - hour.cycle.s) / 60);
    if (job_of->product) {
        rc = fl_contract_place(contract, job_of->product, path, sizeof(path), reterr);
        if (rc == 0)
            rc = fl_product_hour(path, &hour, &job.config, job.prov, reterr);
        if (rc == 0)
            rc = announce(&job, "product", &lead, path, reterr);
    }
    if (rc == 0 && job_of->map) {
        rc = fl_contract_place(contract, job_of->map, path, sizeof(path), reterr);
        if (rc == 0)
            rc = hour_map(&job, &hour, path, reterr);
        if (rc == 0)
            rc = announce(&job, "map", &lead, path, reterr);
    }
    return rc;
}

/* Folder and name to a place where it is to be written. */
static int summary_place(const struct job *job, const char *folder, const char *name, char *path,
                         size_t size, struct fl_err *reterr)
{
    char joined[FL_PATH_MAX];

    if (strcmp(folder, ".") == 0)
        return fl_contract_place(job->contract, name, path, size, reterr);
    if (snprintf(joined, sizeof(joined), "%s/%s", folder, name) >= (int)sizeof(joined))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%s/%s'", folder, name);
    return fl_contract_place(job->contract, joined, path, size, reterr);
}

static int summary_map(struct job *job, const struct fl_maximum *maximum, const char *path,
                       struct fl_err *reterr)
{
    struct fl_map map = {.level = &maximum->zeta_max, .bands = &job->config.max_levels};
    struct fl_caption caption;

    fl_caption_maximum(&job->config, maximum, fl_contract_env(job->contract)->run, &caption);
    return map_write(job, &map, &caption, path, reterr);
}

static int summary_plot(struct job *job, const struct fl_series *series,
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

static int text_write(const struct job *job, const struct fl_buf *text, const char *path,
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

static int summary_file_write(struct job *job, enum summary_file which,
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
static int summary_keep_inputs(const struct job *job, const char *path, const char *input,
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

static int summary_write(struct job *job, const struct fl_job_summary *job_of,
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
            rc = announce(job, summary_files[which].output, NULL, path, reterr);
    }
    return rc;
}

static int summary_check(const struct job *job, const struct fl_job_summary *job_of,
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
    fl_auto(job_release) struct job job = {.world = world, .contract = contract};
    fl_auto(fl_maximum_release) struct fl_maximum maximum = {0};
    fl_auto(fl_series_release) struct fl_series series = {0};
    fl_auto(fl_buf_release) struct fl_buf table;
    struct fl_peak peaks[FL_STATIONS_MAX];
    int rc;

    fl_buf_init(&table, 0);
    rc = job_init(&job, job_of->settings, reterr);
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
