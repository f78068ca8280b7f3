/* Strict reading of RULES.cfg. */
#include "config.h"

#include "stages/check/rules.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/path.h"
#include "stages/common/cfg.h"

#include "engine/base/banned.h"

#define SIZE_LIMIT ((int64_t)1 << 40)
#define RULE_PATH_MAX 96

static const char *const type_words[] = {"netcdf", "png", "csv"};

/* "rules.[2].KEY". */
static const char *key_of(char path[static RULE_PATH_MAX], size_t rule, const char *key)
{
    (void)snprintf(path, RULE_PATH_MAX, "rules.[%zu].%s", rule, key);
    return path;
}

static const char *var_key(char path[static RULE_PATH_MAX], size_t rule, size_t var,
                           const char *key)
{
    (void)snprintf(path, RULE_PATH_MAX, "rules.[%zu].variables.[%zu].%s", rule, var, key);
    return path;
}

static int var_read(struct fl_cfg *cfg, size_t rule, size_t index, struct fl_rule_var *var,
                    struct fl_err *reterr)
{
    char path[RULE_PATH_MAX];
    int rc = fl_cfg_string(cfg, var_key(path, rule, index, "name"), &var->name, reterr);

    if (rc == 0)
        rc = fl_cfg_string_opt(cfg, var_key(path, rule, index, "dims"), NULL, &var->dims, reterr);
    if (rc == 0)
        rc = fl_cfg_string_opt(cfg, var_key(path, rule, index, "units"), NULL, &var->units, reterr);
    if (rc == 0)
        rc = fl_cfg_string_opt(cfg, var_key(path, rule, index, "standard_name"), NULL,
                               &var->standard_name, reterr);
    if (rc == 0)
        rc = fl_cfg_string_opt(cfg, var_key(path, rule, index, "sea"), NULL, &var->sea, reterr);
    if (rc == 0)
        rc = fl_cfg_real_opt(cfg, var_key(path, rule, index, "min"), -INFINITY, -INFINITY, INFINITY,
                             &var->min, reterr);
    if (rc == 0)
        rc = fl_cfg_real_opt(cfg, var_key(path, rule, index, "max"), INFINITY, -INFINITY, INFINITY,
                             &var->max, reterr);
    if (rc == 0)
        rc = fl_cfg_real_opt(cfg, var_key(path, rule, index, "missing_max"), 1, 0, 1,
                             &var->missing_max, reterr);
    return rc;
}

static int time_read(struct fl_cfg *cfg, size_t index, struct fl_rule *rule, struct fl_err *reterr)
{
    char path[RULE_PATH_MAX];
    const char *text = NULL;
    int rc = fl_cfg_string_opt(cfg, key_of(path, index, "time"), "none", &text, reterr);

    if (rc < 0)
        return rc;
    if (strcmp(text, "none") == 0) {
        rule->time = FL_TIME_NONE;
    } else if (strcmp(text, "lead") == 0) {
        rule->time = FL_TIME_LEAD;
    } else if (fl_duration_parse(text, &rule->every_s, NULL) == 0 && rule->every_s > 0) {
        rule->time = FL_TIME_EVERY;
    } else {
        return fl_cfg_error(cfg, key_of(path, index, "time"), reterr,
                            "'%s'; expected \"none\", \"lead\" (one time, cycle + lead) or a step "
                            "such as \"PT10M\"",
                            text);
    }
    return 0;
}

static int netcdf_read(struct fl_cfg *cfg, size_t index, struct fl_rule *rule,
                       struct fl_err *reterr)
{
    char path[RULE_PATH_MAX];
    int rc = fl_cfg_string_opt(cfg, key_of(path, index, "conventions"), NULL, &rule->conventions,
                               reterr);

    if (rc == 0)
        rc = fl_cfg_strings(cfg, key_of(path, index, "attributes"), rule->attributes,
                            FL_RULE_WORDS_MAX, &rule->attribute_count, reterr);
    if (rc == 0)
        rc = fl_cfg_count(cfg, key_of(path, index, "variables"), FL_RULE_VARS_MAX, &rule->var_count,
                          reterr);
    for (size_t i = 0; rc == 0 && i < rule->var_count; i++)
        rc = var_read(cfg, index, i, &rule->var[i], reterr);
    return rc;
}

static int png_read(struct fl_cfg *cfg, size_t index, struct fl_rule *rule, struct fl_err *reterr)
{
    char path[RULE_PATH_MAX];
    int rc = fl_cfg_int_opt(cfg, key_of(path, index, "width_min"), 1, 1, 32767, &rule->width_min,
                            reterr);

    if (rc == 0)
        rc = fl_cfg_int_opt(cfg, key_of(path, index, "height_min"), 1, 1, 32767, &rule->height_min,
                            reterr);
    if (rc == 0)
        rc = fl_cfg_int_opt(cfg, key_of(path, index, "side_max"), 32767, 1, 32767, &rule->side_max,
                            reterr);
    if (rc == 0)
        rc = fl_cfg_int_opt(cfg, key_of(path, index, "colours_min"), 16, 1, 65536,
                            &rule->colours_min, reterr);
    return rc;
}

static int csv_read(struct fl_cfg *cfg, size_t index, struct fl_rule *rule, struct fl_err *reterr)
{
    char path[RULE_PATH_MAX];
    int rc = fl_cfg_strings(cfg, key_of(path, index, "columns"), rule->columns, FL_RULE_WORDS_MAX,
                            &rule->column_count, reterr);

    if (rc == 0)
        rc = fl_cfg_strings(cfg, key_of(path, index, "text_columns"), rule->text_columns,
                            FL_RULE_WORDS_MAX, &rule->text_count, reterr);
    if (rc == 0)
        rc = fl_cfg_string_opt(cfg, key_of(path, index, "time_column"), NULL, &rule->time_column,
                               reterr);
    if (rc == 0)
        rc = fl_cfg_int_opt(cfg, key_of(path, index, "rows_min"), 1, 0, 100000000, &rule->rows_min,
                            reterr);
    if (rc == 0)
        rc = fl_cfg_real_opt(cfg, key_of(path, index, "min"), -INFINITY, -INFINITY, INFINITY,
                             &rule->min, reterr);
    if (rc == 0)
        rc = fl_cfg_real_opt(cfg, key_of(path, index, "max"), INFINITY, -INFINITY, INFINITY,
                             &rule->max, reterr);
    if (rc == 0)
        rc = fl_cfg_real_opt(cfg, key_of(path, index, "missing_max"), 0, 0, 1, &rule->missing_max,
                             reterr);
    return rc;
}

static int rule_read(struct fl_cfg *cfg, size_t index, struct fl_rule *rule, struct fl_err *reterr)
{
    char path[RULE_PATH_MAX];
    size_t type = 0;
    int rc = fl_cfg_string(cfg, key_of(path, index, "files"), &rule->files, reterr);

    if (rc == 0)
        rc = fl_cfg_choice(cfg, key_of(path, index, "type"), type_words, FL_COUNT(type_words), NULL,
                           &type, reterr);
    rule->type = (enum fl_rule_type)type;
    if (rc == 0)
        rc = fl_cfg_int_opt(cfg, key_of(path, index, "size_min"), 1, 0, SIZE_LIMIT, &rule->size_min,
                            reterr);
    if (rc == 0)
        rc = fl_cfg_int_opt(cfg, key_of(path, index, "size_max"), SIZE_LIMIT, 1, SIZE_LIMIT,
                            &rule->size_max, reterr);
    if (rc < 0)
        return rc;
    switch (rule->type) {
    case FL_RULE_NETCDF:
        rc = netcdf_read(cfg, index, rule, reterr);
        return rc < 0 ? rc : time_read(cfg, index, rule, reterr);
    case FL_RULE_PNG:
        return png_read(cfg, index, rule, reterr);
    case FL_RULE_CSV:
        rc = csv_read(cfg, index, rule, reterr);
        return rc < 0 ? rc : time_read(cfg, index, rule, reterr);
    }
    return 0;
}

int fl_rules_load(const char *path, struct fl_rules *ret_rules, struct fl_err *reterr)
{
    struct fl_rules *rules = ret_rules;
    int rc;

    fl_assert(path);
    fl_assert(ret_rules);
    *rules = (struct fl_rules){0};
    rc = fl_cfg_open(path, &rules->file, reterr);
    if (rc == 0)
        rc = fl_cfg_count(rules->file, "rules", FL_RULES_MAX, &rules->count, reterr);
    if (rc == 0 && rules->count == 0)
        rc = fl_cfg_error(rules->file, "rules", reterr, "no rules; expected a list of groups");
    for (size_t i = 0; rc == 0 && i < rules->count; i++)
        rc = rule_read(rules->file, i, &rules->rule[i], reterr);
    if (rc == 0)
        rc = fl_cfg_reject_unknown(rules->file, reterr);
    if (rc < 0)
        fl_rules_release(rules);
    return rc;
}

void fl_rules_release(struct fl_rules *rules)
{
    fl_cfg_close(rules->file);
    rules->file = NULL;
    rules->count = 0;
}

const struct fl_rule *fl_rules_find(const struct fl_rules *rules, const char *path)
{
    for (size_t i = 0; i < rules->count; i++)
        if (fnmatch(rules->rule[i].files, fl_path_base(path), FNM_PERIOD) == 0)
            return &rules->rule[i];
    return NULL;
}
