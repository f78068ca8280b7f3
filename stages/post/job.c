/* What both jobs share: settings, tables, marks, and the map. */
#include "config.h"

#include "stages/post/job.h"

#include <math.h>
#include <stdio.h>

#include "stages/common/contract.h"
#include "stages/common/prov.h"
#include "stages/post/caption.h"
#include "stages/post/job_impl.h"
#include "stages/post/map.h"

#include "engine/base/banned.h"

void fl_job_release(struct fl_job *job)
{
    fl_post_config_release(&job->config);
    fl_prov_destroy(job->prov);
    fl_coast_destroy(job->coast);
}

int fl_job_init(struct fl_job *job, const char *settings, struct fl_err *reterr)
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

static struct fl_extent job_extent(const struct fl_job *job, const struct fl_raster *raster)
{
    return job->config.has_domain ? job->config.domain : fl_extent_of(raster);
}

int fl_job_announce(const struct fl_job *job, const char *output, const struct fl_lead *lead,
                    const char *path, struct fl_err *reterr)
{
    const struct fl_degraded *marks = NULL;
    size_t count = 0;
    int rc = fl_prov_marks(job->prov, &marks, &count, reterr);

    if (rc < 0)
        return rc;
    return fl_contract_output_marked(job->contract, output, lead, path, marks, count, reterr);
}

/* Gauges as places on the map; the level at the nearest wet cell when that is near enough. */
static size_t job_places(const struct fl_job *job, const struct fl_raster *level,
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

int fl_job_draw_map(struct fl_job *job, struct fl_map *map, const struct fl_caption *caption,
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
