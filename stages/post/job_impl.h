#ifndef FL_POST_JOB_IMPL_H
#define FL_POST_JOB_IMPL_H

/* Private to the jobs: what both share.
 * Owns: settings, tables, coast, provenance. Threads: one at a time. Limits: those of its parts. */

#include "stages/post/coast.h"
#include "stages/post/facts.h"
#include "stages/post/settings.h"

struct fl_caption;
struct fl_contract;
struct fl_lead;
struct fl_map;
struct fl_prov;

struct fl_job {
    const struct fl_world *world;
    struct fl_contract *contract;
    struct fl_post_config config;
    struct fl_prov *prov;
    struct fl_track track;
    struct fl_gauges gauges;
    struct fl_coast *coast;
};

/* Reads the settings and the tables they name; takes the marks of the inputs. The errors of the
 * parts; release in any case. */
int fl_job_init(struct fl_job *job, const char *settings, struct fl_err *reterr);
void fl_job_release(struct fl_job *job);
FL_DEFINE_AUTO_VALUE(struct fl_job, fl_job_release)

/* Announces a finished file with the marks that went into it; lead may be NULL. */
int fl_job_announce(const struct fl_job *job, const char *output, const struct fl_lead *lead,
                    const char *path, struct fl_err *reterr);
/* Completes a map with what is the same for both jobs, draws it, and writes it to path. */
int fl_job_draw_map(struct fl_job *job, struct fl_map *map, const struct fl_caption *caption,
                    const char *path, struct fl_err *reterr);

#endif
