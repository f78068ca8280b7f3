/* The rules of the test origin: see origin_rules.h. */

#include "config.h"

#include <errno.h>
#include <fnmatch.h>
#include <libconfig.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/path.h"
#include "tests/tools/origin_rules.h"

#include "engine/base/banned.h"

struct fl_rules {
    config_t config;
    char *folder;
    pthread_mutex_t lock;
    size_t count;
    struct fl_rule rule[FL_RULES_MAX];
};

enum key_kind { KEY_TEXT, KEY_INT, KEY_INT64, KEY_REAL, KEY_BOOL };

/* Every key of a rule: name, kind, place in struct fl_rule, smallest value of a number. */
static const struct rule_key {
    const char *name;
    enum key_kind kind;
    size_t offset;
    int64_t least;
} rule_keys[] = {
    {"path", KEY_TEXT, offsetof(struct fl_rule, path), 0},
    {"skip", KEY_INT64, offsetof(struct fl_rule, skip), 0},
    {"times", KEY_INT64, offsetof(struct fl_rule, times), 1},
    {"never", KEY_BOOL, offsetof(struct fl_rule, never), 0},
    {"appears_s", KEY_REAL, offsetof(struct fl_rule, appears_s), 0},
    {"status", KEY_INT, offsetof(struct fl_rule, status), 200},
    {"page", KEY_TEXT, offsetof(struct fl_rule, page), 0},
    {"retry_after_s", KEY_INT, offsetof(struct fl_rule, retry_after_s), 0},
    {"no_ranges", KEY_BOOL, offsetof(struct fl_rule, no_ranges), 0},
    {"wrong_range", KEY_BOOL, offsetof(struct fl_rule, wrong_range), 0},
    {"truncate_bytes", KEY_INT64, offsetof(struct fl_rule, truncate_bytes), 0},
    {"stall_after_bytes", KEY_INT64, offsetof(struct fl_rule, stall_after_bytes), 0},
    {"reset_after_bytes", KEY_INT64, offsetof(struct fl_rule, reset_after_bytes), 0},
    {"close_after_bytes", KEY_INT64, offsetof(struct fl_rule, close_after_bytes), 0},
    {"corrupt_byte", KEY_INT64, offsetof(struct fl_rule, corrupt_byte), 0},
    {"rate_bytes", KEY_INT64, offsetof(struct fl_rule, rate_bytes), 1},
    {"replace", KEY_TEXT, offsetof(struct fl_rule, replace), 0},
    {"replace_after", KEY_INT64, offsetof(struct fl_rule, replace_after), 0},
};

static int bad(const char *file, const config_setting_t *setting, struct fl_err *reterr,
               const char *what)
{
    return fl_err_set(reterr, FL_E_CONFIG, 0, "%s:%d: %s", file,
                      (int)config_setting_source_line(setting), what);
}

static int read_value(const char *file, const config_setting_t *setting, const struct rule_key *key,
                      struct fl_rule *rule, struct fl_err *reterr)
{
    void *to = (char *)rule + key->offset;
    int type = config_setting_type(setting);
    bool is_int = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
    char what[128];

    if (key->kind == KEY_TEXT && type == CONFIG_TYPE_STRING) {
        *(const char **)to = config_setting_get_string(setting);
        return 0;
    }
    if (key->kind == KEY_BOOL && type == CONFIG_TYPE_BOOL) {
        *(bool *)to = config_setting_get_bool(setting) != 0;
        return 0;
    }
    if (key->kind == KEY_REAL && (is_int || type == CONFIG_TYPE_FLOAT)) {
        double value =
            is_int ? (double)config_setting_get_int64(setting) : config_setting_get_float(setting);
        if (value >= (double)key->least) {
            *(double *)to = value;
            return 0;
        }
    }
    if ((key->kind == KEY_INT || key->kind == KEY_INT64) && is_int) {
        int64_t value = config_setting_get_int64(setting);
        if (value >= key->least && (key->kind == KEY_INT64 || value <= 86400)) {
            if (key->kind == KEY_INT)
                *(int *)to = (int)value;
            else
                *(int64_t *)to = value;
            return 0;
        }
    }
    snprintf(what, sizeof(what), "bad value of '%s'; accepted: %s", key->name,
             key->kind == KEY_TEXT   ? "a text"
             : key->kind == KEY_BOOL ? "true or false"
                                     : "a number not below its least value");
    return bad(file, setting, reterr, what);
}

static int read_rule(const char *file, const config_setting_t *group, struct fl_rule *rule,
                     struct fl_err *reterr)
{
    *rule = (struct fl_rule){
        .times = -1,
        .retry_after_s = -1,
        .truncate_bytes = -1,
        .stall_after_bytes = -1,
        .reset_after_bytes = -1,
        .close_after_bytes = -1,
        .corrupt_byte = -1,
    };
    if (!config_setting_is_group(group))
        return bad(file, group, reterr, "a rule is a group { path = ...; ... }");
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const struct rule_key *key = NULL;
        int rc;

        for (size_t k = 0; k < FL_COUNT(rule_keys) && !key; k++)
            if (strcmp(rule_keys[k].name, config_setting_name(setting)) == 0)
                key = &rule_keys[k];
        if (!key) {
            fl_auto(fl_buf_release) struct fl_buf text;
            fl_buf_init(&text, 0);
            fl_buf_printf(&text, "unknown key '%s'; accepted:", config_setting_name(setting));
            for (size_t k = 0; k < FL_COUNT(rule_keys); k++)
                fl_buf_printf(&text, "%s %s", k ? "," : "", rule_keys[k].name);
            return bad(file, setting, reterr, text.data);
        }
        rc = read_value(file, setting, key, rule, reterr);
        if (rc < 0)
            return rc;
    }
    if (!rule->path)
        return bad(file, group, reterr, "a rule needs a 'path'");
    if (rule->page && rule->status == 0 && !rule->never && rule->appears_s <= 0)
        return bad(file, group, reterr, "'page' needs 'status', 'never' or 'appears_s'");
    return 0;
}

/* A file that a rule names is there from the start. */
static int check_file(const char *file, const config_setting_t *group, const struct fl_rules *rules,
                      const char *name, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc;

    if (!name)
        return 0;
    rc = fl_rules_file(rules, name, path, sizeof(path), reterr);
    if (rc == 0 && access(path, R_OK) != 0)
        rc = fl_err_errno(reterr, errno, "'%s'", path);
    if (rc < 0)
        return fl_err_note(reterr, rc, "%s:%d", file, (int)config_setting_source_line(group));
    return 0;
}

static int read_rules(const char *file, struct fl_rules *rules, struct fl_err *reterr)
{
    const config_setting_t *root = config_root_setting(&rules->config);
    const config_setting_t *list = config_setting_get_member(root, "rules");

    if (!list || !config_setting_is_list(list) || config_setting_length(root) != 1)
        return bad(file, root, reterr, "expected one list: rules = ( { path = ...; }, ... );");
    if (config_setting_length(list) > FL_RULES_MAX)
        return bad(file, list, reterr, "too many rules");
    for (int i = 0; i < config_setting_length(list); i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        struct fl_rule *rule = &rules->rule[rules->count];
        int rc = read_rule(file, group, rule, reterr);

        if (rc == 0)
            rc = check_file(file, group, rules, rule->page, reterr);
        if (rc == 0)
            rc = check_file(file, group, rules, rule->replace, reterr);
        if (rc < 0)
            return rc;
        rules->count++;
    }
    return 0;
}

int fl_rules_load(const char *path, struct fl_rules **ret_rules, struct fl_err *reterr)
{
    fl_auto(fl_rules_destroy) struct fl_rules *rules = NULL;
    int rc;

    fl_assert(ret_rules);
    rules = calloc(1, sizeof(*rules));
    if (!rules)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "rules");
    config_init(&rules->config);
    pthread_mutex_init(&rules->lock, NULL);
    if (path) {
        const char *slash = strrchr(path, '/');
        rules->folder = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
        if (!rules->folder)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "rules");
        if (!config_read_file(&rules->config, path))
            return fl_err_set(reterr, FL_E_CONFIG, 0, "%s:%d: %s", path,
                              config_error_line(&rules->config), config_error_text(&rules->config));
        rc = read_rules(path, rules, reterr);
        if (rc < 0)
            return rc;
    }
    *ret_rules = FL_STEAL(rules);
    return 0;
}

void fl_rules_destroy(struct fl_rules *rules)
{
    if (!rules)
        return;
    config_destroy(&rules->config);
    pthread_mutex_destroy(&rules->lock);
    free(rules->folder);
    free(rules);
}

bool fl_rules_pick(struct fl_rules *rules, const char *path, struct fl_rule *ret_rule)
{
    bool found = false;

    fl_assert(rules);
    fl_assert(path);
    pthread_mutex_lock(&rules->lock);
    for (size_t i = 0; i < rules->count && !found; i++) {
        struct fl_rule *rule = &rules->rule[i];
        int64_t number;

        if (fnmatch(rule->path, path, 0) != 0)
            continue;
        number = rule->seen++;
        if (number < rule->skip)
            continue;
        if (rule->times >= 0 && number >= rule->skip + rule->times)
            continue;
        *ret_rule = *rule;
        ret_rule->seen = number;
        found = true;
    }
    pthread_mutex_unlock(&rules->lock);
    return found;
}

int fl_rules_file(const struct fl_rules *rules, const char *name, char *path, size_t size,
                  struct fl_err *reterr)
{
    fl_assert(rules->folder);
    return fl_path_join(rules->folder, name, path, size, reterr);
}
