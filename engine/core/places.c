/* Who offers which pool: derived from the workers, kept so that a launch finds room at once and a
 * full pool costs nothing. */
#include "config.h"

#include <stdlib.h>

#include "engine/core/state.h"

#include "engine/base/banned.h"

static int64_t free_jobs(const struct fl_worker *worker, const struct fl_worker_pool *pool)
{
    return worker->gone || pool->used_jobs >= pool->jobs ? 0 : pool->jobs - pool->used_jobs;
}

bool fl_core_place(const struct fl_core *core, const char *pool, const char *site,
                   uint32_t *ret_place)
{
    uint32_t pool_word;
    uint32_t site_word;

    if (!fl_names_find(&core->words.index, pool, &pool_word) ||
        !fl_names_find(&core->words.index, site, &site_word))
        return false;
    for (uint32_t i = 0; i < core->place_count; i++) {
        if (core->places[i].pool == pool_word && core->places[i].site == site_word) {
            *ret_place = i;
            return true;
        }
    }
    return false;
}

static int place_get(struct fl_core *core, uint32_t pool, uint32_t site, uint32_t *ret_place,
                     struct fl_err *reterr)
{
    struct fl_place *places;

    for (uint32_t i = 0; i < core->place_count; i++) {
        if (core->places[i].pool == pool && core->places[i].site == site) {
            *ret_place = i;
            return 0;
        }
    }
    places = realloc(core->places, (core->place_count + 1) * sizeof(*places));
    if (!places)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a pool");
    core->places = places;
    places[core->place_count] = (struct fl_place){.pool = pool, .site = site};
    *ret_place = (uint32_t)core->place_count++;
    return 0;
}

static int place_add(struct fl_place *place, uint32_t worker, uint32_t pool, struct fl_err *reterr)
{
    if (place->member_count == place->member_room) {
        size_t room = place->member_room ? place->member_room * 2 : 4;
        struct fl_place_member *members = realloc(place->members, room * sizeof(*members));

        if (!members)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a pool");
        place->members = members;
        place->member_room = room;
    }
    place->members[place->member_count++] = (struct fl_place_member){worker, pool};
    return 0;
}

int fl_core_places(struct fl_core *core, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; i < core->place_count; i++) {
        core->places[i].member_count = 0;
        core->places[i].free_jobs = 0;
    }
    for (uint32_t w = 0; w < core->worker_count; w++) {
        struct fl_worker *worker = core->workers[w];

        for (uint32_t p = 0; rc == 0 && p < worker->pool_count; p++) {
            struct fl_worker_pool *pool = &worker->pools[p];

            rc = place_get(core, pool->pool, pool->site, &pool->place, reterr);
            if (rc == 0)
                rc = place_add(&core->places[pool->place], w, p, reterr);
            if (rc == 0)
                core->places[pool->place].free_jobs += free_jobs(worker, pool);
        }
    }
    return rc;
}

void fl_core_use(struct fl_core *core, uint32_t worker, uint32_t pool, int64_t cores, int sign)
{
    struct fl_worker_pool *has = fl_worker_pool(core->workers[worker], pool);
    struct fl_place *place;

    if (!has)
        return; /* it no longer brings the pool */
    place = &core->places[has->place];
    place->free_jobs -= free_jobs(core->workers[worker], has);
    has->used_cores += sign * cores;
    has->used_jobs += sign;
    place->free_jobs += free_jobs(core->workers[worker], has);
}
