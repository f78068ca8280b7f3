/* One output time: the map and the product. */
#include "config.h"

#include "stages/post/job.h"

#include "engine/base/path.h"
#include "stages/common/contract.h"
#include "stages/common/prov.h"
#include "stages/post/caption.h"
#include "stages/post/job_impl.h"
#include "stages/post/map.h"
#include "stages/post/product.h"

#include "engine/base/banned.h"

/* Content, not names: the field must be of the run and lead that we work for. */
static int hour_check(const struct fl_job *job, const char *path, const struct fl_hour *hour,
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

static int hour_map(struct fl_job *job, const struct fl_hour *hour, const char *path,
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
    return fl_job_draw_map(job, &map, &caption, path, reterr);
}

int fl_job_map(const struct fl_world *world, struct fl_contract *contract,
               const struct fl_job_map *job_of, struct fl_err *reterr)
{
    fl_auto(fl_job_release) struct fl_job job = {.world = world, .contract = contract};
    fl_auto(fl_hour_release) struct fl_hour hour = {0};
    char path[FL_PATH_MAX];
    struct fl_lead lead;
    int rc;

    rc = fl_job_init(&job, job_of->settings, reterr);
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
            rc = fl_job_announce(&job, "product", &lead, path, reterr);
    }
    if (rc == 0 && job_of->map) {
        rc = fl_contract_place(contract, job_of->map, path, sizeof(path), reterr);
        if (rc == 0)
            rc = hour_map(&job, &hour, path, reterr);
        if (rc == 0)
            rc = fl_job_announce(&job, "map", &lead, path, reterr);
    }
    return rc;
}
