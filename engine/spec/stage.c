/* The keys of a stage that stand alone: program, resources, success, retries, times. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define CORES_MAX 10000000
#define GRACE_DEFAULT_S 10

static const char *const stage_keys[] = {
    "program",  "args",    "env",        "pool",           "cores",
    "mpi",      "per",     "foreach",    "declares",       "leads",
    "when",     "inputs",  "outputs",    "files",          "success",
    "retry",    "on",      "to",         "uses",           "needs",
    "at",       "expire",  "time_limit", "grace",          "optional",
    "only",     "cycle",   "expect",     "once",           "priority",
    "deadline", "by",      "source",     "select",         "missing",
    "mirror",   "series",  "wait",       "keep_at_source", "missing_cause",
    "products", "release", "release_at", "notify",         "keys",
    "with",     "area"};

static void read_success(struct fl_compile *c, const struct fl_layers *layers,
                         struct fl_success *success)
{
    static const char *const keys[] = {"exit", "log", "outputs", "check"};
    static const char *const log_keys[] = {"file", "has", "forbid"};
    struct fl_layers group = fl_layers_sub(layers, "success");
    struct fl_layers log = fl_layers_sub(&group, "log");
    const char *outputs = "all";
    const char *text = NULL;

    if (!fl_is_group(c, layers, "success"))
        return;
    (void)fl_only(c, &group, "success", keys, FL_COUNT(keys));
    (void)fl_get_int(c, &group, "exit", 0, 255, &success->exit);
    if (fl_get_text(c, &group, "outputs", &outputs)) {
        if (strcmp(outputs, "none") == 0)
            success->outputs = FL_SUCCESS_NONE;
        else if (strcmp(outputs, "all") != 0)
            fl_complain(c, fl_layers_get(&group, "outputs"),
                        "outputs = \"%s\"; accepted: \"all\", \"none\"", outputs);
    }
    if (fl_layers_get(&group, "check"))
        fl_complain(c, fl_layers_get(&group, "check"),
                    "success.check is not carried out in this version; make a stage with "
                    "fairlead-check of it");
    if (!fl_is_group(c, &group, "log"))
        return;
    (void)fl_only(c, &log, "success.log", log_keys, FL_COUNT(log_keys));
    text = "stdout";
    (void)fl_get_text(c, &log, "file", &text);
    fl_set_text(c, &success->log_file, text);
    text = NULL;
    (void)fl_get_text(c, &log, "has", &text);
    fl_set_text(c, &success->log_has, text);
    (void)fl_get_texts(c, &log, "forbid", &success->log_forbid);
}

static void add_deadline(struct fl_compile *c, struct fl_stage *stage, const config_setting_t *at,
                         const char *leads, const char *by)
{
    struct fl_deadline *deadline =
        fl_grow(c, &stage->deadlines, &stage->deadline_count, sizeof(*deadline));
    struct fl_err why = {0};

    if (!deadline)
        return;
    deadline->leads = (struct fl_leads){.last = {.minutes = INT32_MAX}, .step_minutes = INT32_MAX};
    if (leads) {
        /* "+000/+024" without a step is a range of any leads */
        char text[96];
        const char *slash = strchr(leads, '/');

        (void)snprintf(text, sizeof(text), "%s%s", leads,
                       slash && !strchr(slash + 1, '/') ? "/1" : "");
        if (fl_leads_parse(text, &deadline->leads, &why) < 0)
            fl_complain(c, at, "deadline: %s", why.text);
    }
    if (fl_duration_parse(by, &deadline->by_s, &why) < 0)
        fl_complain(c, at, "deadline: %s", why.text);
}

static void read_deadline(struct fl_compile *c, const struct fl_layers *layers,
                          struct fl_stage *stage)
{
    static const char *const keys[] = {"leads", "by"};
    const config_setting_t *at = fl_layers_get(layers, "deadline");

    if (!at)
        return;
    if (config_setting_type(at) == CONFIG_TYPE_STRING) {
        add_deadline(c, stage, at, NULL, config_setting_get_string(at));
    } else if (config_setting_is_list(at)) {
        for (int i = 0; i < config_setting_length(at); i++) {
            struct fl_layers one = fl_layers_of(config_setting_get_elem(at, (unsigned)i));
            const char *leads = NULL;
            const char *by = NULL;

            (void)fl_only(c, &one, "deadline", keys, FL_COUNT(keys));
            if (!fl_get_text(c, &one, "leads", &leads) || !fl_get_text(c, &one, "by", &by) || !by)
                fl_complain(
                    c, at, "deadline: accepted: ( { leads = \"+000/+024\"; by = \"+PT4H30M\"; } )");
            else
                add_deadline(c, stage, at, leads, by);
        }
    } else {
        fl_complain(c, at, "deadline: accepted: \"+PT5H\" or ( { leads = …; by = …; } )");
    }
}

static void read_env(struct fl_compile *c, const struct fl_layers *layers, struct fl_stage *stage)
{
    struct fl_layers group = fl_layers_sub(layers, "env");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, layers, "env") ? fl_layers_keys(c, &group, names) : 0;

    for (size_t i = 0; i < count && i < FL_WORKFLOW_LIST_MAX; i++) {
        const char *value = NULL;
        struct fl_env *env;

        if (strncmp(names[i], "FAIRLEAD_", 9) == 0) {
            fl_complain(c, fl_layers_get(&group, names[i]), "'%s' is set by Fairlead itself",
                        names[i]);
            continue;
        }
        if (!fl_get_text(c, &group, names[i], &value))
            continue;
        env = fl_grow(c, &stage->env, &stage->env_count, sizeof(*env));
        if (!env)
            return;
        fl_set_text(c, &env->name, names[i]);
        fl_set_text(c, &env->value, value);
    }
}

static void read_room(struct fl_compile *c, const struct fl_layers *layers, struct fl_stage *stage)
{
    static const char *const keys[] = {"ranks"};
    struct fl_layers mpi = fl_layers_sub(layers, "mpi");
    const char *pool = NULL;

    if (fl_is_group(c, layers, "mpi")) {
        (void)fl_only(c, &mpi, "mpi", keys, FL_COUNT(keys));
        stage->ranks = 1;
        (void)fl_get_int(c, &mpi, "ranks", 1, CORES_MAX, &stage->ranks);
    }
    if (stage->kind == FL_STAGE_PROGRAM)
        stage->cores = stage->ranks ? stage->ranks : 1;
    (void)fl_get_int(c, layers, "cores", 0, CORES_MAX, &stage->cores);
    if (fl_get_text(c, layers, "pool", &pool) && stage->kind != FL_STAGE_DELIVER)
        stage->pool = fl_find_pool(c, fl_layers_get(layers, "pool"), pool);
    if (stage->pool != FL_NONE && c->workflow->pools[stage->pool].cores &&
        stage->cores > c->workflow->pools[stage->pool].cores)
        fl_complain(c, c->drafts[stage - c->workflow->stages].at,
                    "stage '%s' asks for %lld cores; pool '%s' has %lld", stage->name,
                    (long long)stage->cores, c->workflow->pools[stage->pool].name,
                    (long long)c->workflow->pools[stage->pool].cores);
}

/* A name with a slash that is not absolute is below the workflow's folder, wherever the stage runs.
 */
static void read_program(struct fl_compile *c, const struct fl_layers *layers,
                         struct fl_stage *stage)
{
    const char *base = c->options->base ? c->options->base : c->folder;
    const char *text = NULL;
    char path[FL_PATH_MAX];

    if (!fl_get_text(c, layers, "program", &text) || !text)
        return;
    if (!strchr(text, '/') || text[0] == '/') {
        fl_set_text(c, &stage->program, text);
        return;
    }
    if (strncmp(text, "./", 2) == 0)
        text += 2;
    if (!fl_path_is_safe(text) ||
        (size_t)snprintf(path, sizeof(path), "%s/%s", base, text) >= sizeof(path))
        fl_complain(c, fl_layers_get(layers, "program"),
                    "program '%s' is not a plain path below the workflow's folder", text);
    else
        fl_set_text(c, &stage->program, path);
}

struct fl_layers fl_draft_own(const struct fl_draft *draft)
{
    struct fl_layers own = {.count = 0};

    for (size_t i = draft->inherited; i < draft->layers.count; i++)
        own.item[own.count++] = draft->layers.item[i];
    return own;
}

void fl_read_stage(struct fl_compile *c, size_t index)
{
    struct fl_draft *draft = &c->drafts[index];
    const struct fl_layers *layers = &draft->layers;
    struct fl_stage *stage = &c->workflow->stages[index];
    struct fl_layers own = fl_draft_own(draft);

    (void)fl_only(c, &own, "a stage", stage_keys, FL_COUNT(stage_keys));
    stage->kind = fl_layers_get(layers, "source") ? FL_STAGE_SOURCE
                  : fl_layers_get(layers, "to")   ? FL_STAGE_DELIVER
                                                  : FL_STAGE_PROGRAM;
    stage->grace_s = GRACE_DEFAULT_S;
    stage->keep_at_source = true;
    read_program(c, layers, stage);
    (void)fl_get_texts(c, layers, "args", &stage->args);
    fl_read_when(c, draft, stage);
    read_env(c, layers, stage);
    read_room(c, layers, stage);
    read_success(c, layers, &stage->success);
    fl_read_retries(c, layers, stage);
    fl_read_clock(c, layers, stage);
    fl_read_uses(c, layers, stage);
    (void)fl_get_bool(c, layers, "once", &stage->once);
    (void)fl_get_bool(c, layers, "keep_at_source", &stage->keep_at_source);
    read_deadline(c, layers, stage);
    fl_sugar(c, index);
    fl_read_needs(c, layers, stage);
    if (!stage->program && !fl_layers_get(layers, "program"))
        fl_complain(c, draft->at, "stage '%s' has no program; accepted: program, source or to",
                    stage->name);
}
