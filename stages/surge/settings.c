/* Reading SURGE.cfg. */
#include "config.h"

#include "stages/surge/settings.h"

#include <math.h>
#include <string.h>

#include "engine/base/expand.h"
#include "stages/common/cfg.h"

#include "engine/base/banned.h"

static int read_leads(struct fl_cfg *cfg, const char *key, struct fl_leads *ret_leads,
                      struct fl_err *reterr)
{
    const char *text;
    struct fl_err why = {0};
    int rc = fl_cfg_string(cfg, key, &text, reterr);

    if (rc < 0)
        return rc;
    if (fl_leads_parse(text, ret_leads, &why) < 0)
        return fl_cfg_error(cfg, key, reterr, "%s", why.text);
    if (ret_leads->first.minutes < 0)
        return fl_cfg_error(cfg, key, reterr, "leads start before the cycle; accepted: +000 on");
    return 0;
}

/* "" stands for none. */
static int read_name(struct fl_cfg *cfg, const char *key, const char *fallback,
                     const char **ret_name, struct fl_err *reterr)
{
    int rc = fl_cfg_string_opt(cfg, key, fallback, ret_name, reterr);

    if (rc == 0 && *ret_name && !**ret_name)
        *ret_name = NULL;
    return rc;
}

static int read_edges(struct fl_cfg *cfg, unsigned *edges, struct fl_err *reterr)
{
    static const char *const names[] = {"west", "east", "south", "north"};
    const char *texts[FL_COUNT(names)];
    size_t count = 0;
    int rc;

    if (!fl_cfg_has(cfg, "physics.open"))
        return 0;
    rc = fl_cfg_strings(cfg, "physics.open", texts, FL_COUNT(names), &count, reterr);
    if (rc < 0)
        return rc;
    *edges = 0;
    for (size_t k = 0; k < count; k++) {
        size_t at = 0;

        while (at < FL_COUNT(names) && strcmp(names[at], texts[k]) != 0)
            at++;
        if (at == FL_COUNT(names))
            return fl_cfg_error(cfg, "physics.open", reterr,
                                "unknown edge '%s'; accepted: west, east, south, north", texts[k]);
        *edges |= 1u << at;
    }
    return 0;
}

static int read_physics(struct fl_cfg *cfg, struct fl_surge_settings *s, struct fl_err *reterr)
{
    struct fl_swe_physics *p = &s->physics;
    const struct {
        const char *key;
        double min, max;
        double *value;
    } reals[] = {
        {"physics.manning", 0.0, 0.5, &p->manning},
        {"physics.drag_a", 0.0, 10.0, &p->drag_a},
        {"physics.drag_b", 0.0, 1.0, &p->drag_b},
        {"physics.drag_cap", 0.0, 10.0, &p->drag_cap},
        {"physics.rho_air", 1.0, 1.4, &p->rho_air},
        {"physics.rho_water", 950.0, 1100.0, &p->rho_water},
        {"physics.p_env", 95000.0, 105000.0, &p->p_env_pa},
        {"physics.viscosity", 0.0, 10000.0, &p->viscosity_m2_s},
        {"physics.film", 0.001, 1.0, &p->film_m},
        {"physics.cfl", 0.05, 0.95, &p->cfl},
    };
    int rc = 0;

    for (size_t k = 0; rc == 0 && k < FL_COUNT(reals); k++)
        rc = fl_cfg_real_opt(cfg, reals[k].key, *reals[k].value, reals[k].min, reals[k].max,
                             reals[k].value, reterr);
    if (rc == 0)
        rc = fl_cfg_bool_opt(cfg, "physics.advection", true, &p->advection, reterr);
    if (rc == 0)
        rc = fl_cfg_duration_opt(cfg, "physics.ramp", (int64_t)6 * 3600, 0, (int64_t)30 * 86400,
                                 &s->ramp_s, reterr);
    return rc == 0 ? read_edges(cfg, &p->open_edges, reterr) : rc;
}

static int read_files(struct fl_cfg *cfg, struct fl_surge_settings *s, struct fl_err *reterr)
{
    int rc = fl_cfg_string(cfg, "grid", &s->grid, reterr);

    if (rc == 0)
        rc = fl_cfg_string(cfg, "forcing.file", &s->forcing, reterr);
    if (rc == 0)
        rc = read_leads(cfg, "forcing.leads", &s->forcing_leads, reterr);
    if (rc == 0)
        rc = fl_cfg_duration_opt(cfg, "forcing.wait", 1800, 0, (int64_t)7 * 86400, &s->wait_s,
                                 reterr);
    if (rc == 0)
        rc = fl_cfg_duration_opt(cfg, "forcing.gap", 900, 1, (int64_t)7 * 86400, &s->gap_s, reterr);
    if (rc == 0)
        rc = read_name(cfg, "stations.file", NULL, &s->stations, reterr);
    if (rc == 0)
        rc = fl_cfg_real_opt(cfg, "stations.within_km", 10.0, 0.0, 1000.0, &s->within_km, reterr);
    if (rc == 0)
        rc = fl_cfg_string_opt(cfg, "output.folder", ".", &s->folder, reterr);
    if (rc == 0)
        rc = fl_cfg_string_opt(cfg, "output.hour", "surge.{lead}.nc", &s->name_hour, reterr);
    if (rc == 0)
        rc = read_name(cfg, "output.restart", "rst.{lead}.nc", &s->name_restart, reterr);
    if (rc == 0)
        rc = read_name(cfg, "output.max", "max.nc", &s->name_max, reterr);
    if (rc == 0)
        rc = read_name(cfg, "output.stations", "stations.nc", &s->name_stations, reterr);
    if (rc == 0)
        rc = fl_cfg_duration_opt(cfg, "output.restart_every", 0, 0, (int64_t)30 * 86400,
                                 &s->restart_every_s, reterr);
    return rc == 0 ? read_name(cfg, "restart", NULL, &s->restart, reterr) : rc;
}

/* What no single key shows. */
static int check_settings(struct fl_cfg *cfg, const struct fl_surge_settings *s,
                          struct fl_err *reterr)
{
    if (s->restart_every_s % 60 != 0)
        return fl_cfg_error(cfg, "output.restart_every", reterr, "expected whole minutes");
    if (s->forcing_leads.last.minutes < s->leads.last.minutes)
        return fl_cfg_error(cfg, "forcing.leads", reterr,
                            "the forcing ends %d minutes before the run; it must cover all leads",
                            s->leads.last.minutes - s->forcing_leads.last.minutes);
    if (!s->restart && s->forcing_leads.first.minutes > s->leads.first.minutes)
        return fl_cfg_error(cfg, "forcing.leads", reterr,
                            "the forcing starts %d minutes after the run; it must cover all leads",
                            s->forcing_leads.first.minutes - s->leads.first.minutes);
    return 0;
}

int fl_surge_settings_read(const char *path, struct fl_surge_settings *ret_settings,
                           struct fl_err *reterr)
{
    fl_auto(fl_surge_settings_release) struct fl_surge_settings s = {.cfg = NULL};
    int rc = fl_cfg_open(path, &s.cfg, reterr);

    s.physics = fl_swe_defaults();
    if (rc == 0)
        rc = fl_cfg_string_opt(s.cfg, "title", "Storm surge", &s.title, reterr);
    if (rc == 0)
        rc = fl_cfg_time(s.cfg, "cycle", &s.cycle, reterr);
    if (rc == 0)
        rc = read_leads(s.cfg, "leads", &s.leads, reterr);
    if (rc == 0)
        rc = read_files(s.cfg, &s, reterr);
    if (rc == 0)
        rc = read_physics(s.cfg, &s, reterr);
    if (rc == 0)
        rc = fl_cfg_reject_unknown(s.cfg, reterr);
    if (rc == 0)
        rc = check_settings(s.cfg, &s, reterr);
    if (rc < 0)
        return rc;
    *ret_settings = s;
    s.cfg = NULL; /* handed out */
    return 0;
}

void fl_surge_settings_release(struct fl_surge_settings *settings)
{
    fl_cfg_close(settings->cfg);
    settings->cfg = NULL;
}

struct naming {
    struct fl_cycle cycle;
    struct fl_lead lead;
};

static int expand_name(const char *name, const char *format, struct fl_buf *out,
                       struct fl_err *reterr, void *arg)
{
    const struct naming *naming = arg;

    return fl_expand_time(name, format, naming->cycle, &naming->lead, out, reterr);
}

int fl_surge_settings_name(const struct fl_surge_settings *settings, const char *pattern,
                           struct fl_lead lead, struct fl_buf *out, struct fl_err *reterr)
{
    struct naming naming = {.cycle = settings->cycle, .lead = lead};
    int rc = fl_expand(pattern, expand_name, out, reterr, &naming);

    return rc == 0 ? fl_buf_check(out, reterr) : rc;
}
