#ifndef FL_SURGE_SETTINGS_H
#define FL_SURGE_SETTINGS_H

/* What SURGE.cfg says. The keys are listed in man fairlead-surge.
 * Owns: the parsed file, into which all texts point. Threads: one at a time.
 * Limits: leads as fl_leads. */

#include <stdint.h>

#include "engine/base/time.h"
#include "stages/surge/swe.h"

struct fl_cfg;
struct fl_buf;

struct fl_surge_settings {
    struct fl_cfg *cfg; /* private */
    const char *title;
    struct fl_cycle cycle;
    struct fl_leads leads; /* of the hour files; the last one ends the run */
    const char *grid;
    const char *forcing; /* pattern with {lead} */
    struct fl_leads forcing_leads;
    int64_t wait_s;       /* longest wait for one forcing file */
    int64_t gap_s;        /* longest time between two forcing fields */
    const char *stations; /* CSV; NULL: none */
    double within_km;
    const char *folder;
    const char *name_hour; /* patterns; restart, max and stations may be NULL: not written */
    const char *name_restart;
    const char *name_max;
    const char *name_stations;
    int64_t restart_every_s; /* 0: none */
    const char *restart;     /* file to start from; NULL: cold */
    int64_t ramp_s;
    struct fl_swe_physics physics;
};

/* FL_E_CONFIG with file and line; FL_E_NOENT. */
int fl_surge_settings_read(const char *path, struct fl_surge_settings *ret_settings,
                           struct fl_err *reterr);
void fl_surge_settings_release(struct fl_surge_settings *settings);
FL_DEFINE_AUTO_VALUE(struct fl_surge_settings, fl_surge_settings_release)

/* A name pattern with its {cycle}, {valid} and {lead} put in. FL_E_NOENT for an unknown {name}. */
int fl_surge_settings_name(const struct fl_surge_settings *settings, const char *pattern,
                           struct fl_lead lead, struct fl_buf *out, struct fl_err *reterr);

#endif
