/* Strict reading of POST.cfg. */
#include "config.h"

#include "stages/post/settings.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "stages/common/cfg.h"

#include "engine/base/banned.h"

static const char *const kind_words[] = {"hindcast", "analysis", "forecast"};
static const char *const corner_words[] = {"south-west", "south-east", "north-west", "north-east"};

static const struct fl_bands default_levels = {
    19,
    {-2, -1.5, -1, -0.75, -0.5, -0.25, -0.1, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5}};
static const struct fl_bands default_max_levels = {
    14, {0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5}};

const char *fl_kind_name(enum fl_kind kind)
{
    return kind_words[kind];
}

static int bands_read(struct fl_cfg *cfg, const char *key, const struct fl_bands *fallback,
                      struct fl_bands *bands, struct fl_err *reterr)
{
    int rc = fl_cfg_reals(cfg, key, bands->edge, FL_BANDS_MAX, &bands->count, reterr);

    if (rc < 0)
        return rc;
    if (bands->count == 0) {
        *bands = *fallback;
        return 0;
    }
    if (bands->count < 2)
        return fl_cfg_error(cfg, key, reterr, "one level; expected at least two, ascending");
    for (size_t i = 1; i < bands->count; i++)
        if (!(bands->edge[i] > bands->edge[i - 1]))
            return fl_cfg_error(cfg, key, reterr, "%g after %g; expected ascending levels",
                                bands->edge[i], bands->edge[i - 1]);
    return 0;
}

static int extent_read(struct fl_cfg *cfg, const char *key, bool *ret_has, struct fl_extent *extent,
                       struct fl_err *reterr)
{
    static const char *const sides[] = {"west", "east", "south", "north"};
    double *const values[] = {&extent->west, &extent->east, &extent->south, &extent->north};
    struct fl_err why = {0};
    char path[64];

    *ret_has = fl_cfg_has(cfg, key);
    for (size_t i = 0; *ret_has && i < FL_COUNT(sides); i++) {
        int rc;

        (void)snprintf(path, sizeof(path), "%s.%s", key, sides[i]);
        rc = fl_cfg_real(cfg, path, -360, 360, values[i], reterr);
        if (rc < 0)
            return rc;
    }
    if (*ret_has && fl_extent_check(extent, &why) < 0)
        return fl_cfg_error(cfg, key, reterr, "%s", why.text);
    return 0;
}

static int inset_read(struct fl_cfg *cfg, struct fl_post_config *config, struct fl_err *reterr)
{
    size_t corner = 0;
    int rc = extent_read(cfg, "inset", &config->has_inset, &config->inset, reterr);

    if (rc == 0 && config->has_inset)
        rc = fl_cfg_choice(cfg, "inset.corner", corner_words, FL_COUNT(corner_words),
                           corner_words[0], &corner, reterr);
    config->inset_corner = corner_words[corner];
    return rc;
}

static int thresholds_read(struct fl_cfg *cfg, struct fl_post_config *config, struct fl_err *reterr)
{
    int rc = fl_cfg_count(cfg, "thresholds", FL_THRESHOLDS_MAX, &config->threshold_count, reterr);
    char path[64];

    for (size_t i = 0; rc == 0 && i < config->threshold_count; i++) {
        struct fl_threshold *threshold = &config->threshold[i];

        (void)snprintf(path, sizeof(path), "thresholds.[%zu].level", i);
        rc = fl_cfg_real(cfg, path, -20, 20, &threshold->level_m, reterr);
        (void)snprintf(path, sizeof(path), "thresholds.[%zu].label", i);
        if (rc == 0)
            rc = fl_cfg_string(cfg, path, &threshold->label, reterr);
        (void)snprintf(path, sizeof(path), "thresholds.[%zu].station", i);
        if (rc == 0)
            rc = fl_cfg_string_opt(cfg, path, NULL, &threshold->station, reterr);
    }
    return rc;
}

static int words_read(struct fl_cfg *cfg, struct fl_post_config *config, struct fl_err *reterr)
{
    const struct {
        const char *key;
        const char *fallback;
        const char **ret_text;
    } words[] = {
        {"event", "", &config->event},
        {"note", fl_kind_name(config->kind), &config->note},
        {"datum", "mean sea level", &config->datum},
        {"datum_short", "MSL", &config->datum_short},
        {"model", "", &config->model},
        {"source", "", &config->source},
        {"track", NULL, &config->track},
        {"gauges", NULL, &config->gauges},
        {"coastline", FL_COASTLINE, &config->coastline},
    };

    for (size_t i = 0; i < FL_COUNT(words); i++) {
        int rc = fl_cfg_string_opt(cfg, words[i].key, words[i].fallback, words[i].ret_text, reterr);

        if (rc < 0)
            return rc;
        if (config->kind != FL_KIND_FORECAST && *words[i].ret_text &&
            strcasestr(*words[i].ret_text, "forecast"))
            return fl_cfg_error(cfg, words[i].key, reterr, "'%s' says forecast, but kind is '%s'",
                                *words[i].ret_text, fl_kind_name(config->kind));
    }
    return 0;
}

static int all_read(struct fl_cfg *cfg, struct fl_post_config *config, struct fl_err *reterr)
{
    size_t kind = 0;
    int rc = fl_cfg_choice(cfg, "kind", kind_words, FL_COUNT(kind_words), NULL, &kind, reterr);

    config->kind = (enum fl_kind)kind;
    if (rc == 0)
        rc = words_read(cfg, config, reterr);
    if (rc == 0)
        rc = bands_read(cfg, "levels", &default_levels, &config->levels, reterr);
    if (rc == 0)
        rc = bands_read(cfg, "max_levels", &default_max_levels, &config->max_levels, reterr);
    if (rc == 0)
        rc = fl_cfg_bool_opt(cfg, "arrows", true, &config->arrows, reterr);
    if (rc == 0)
        rc = extent_read(cfg, "domain", &config->has_domain, &config->domain, reterr);
    if (rc == 0)
        rc = inset_read(cfg, config, reterr);
    if (rc == 0)
        rc = fl_cfg_real_opt(cfg, "near_km", 4.0, 0, 1000, &config->near_km, reterr);
    if (rc == 0)
        rc = thresholds_read(cfg, config, reterr);
    if (rc == 0)
        rc = fl_cfg_reject_unknown(cfg, reterr);
    return rc;
}

int fl_post_config_load(const char *path, struct fl_post_config *ret_config, struct fl_err *reterr)
{
    struct fl_post_config config = {0};
    int rc;

    fl_assert(path);
    fl_assert(ret_config);
    rc = fl_cfg_open(path, &config.file, reterr);
    if (rc < 0)
        return rc;
    rc = all_read(config.file, &config, reterr);
    if (rc < 0) {
        fl_cfg_close(config.file);
        return rc;
    }
    *ret_config = config;
    return 0;
}

void fl_post_config_release(struct fl_post_config *config)
{
    fl_cfg_close(config->file);
    config->file = NULL;
}
