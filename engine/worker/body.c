/* Arguments and environment of a stage. */
#include "config.h"

#include "engine/worker/body.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/time.h"
#include "engine/world/process.h"

#include "engine/base/banned.h"

#ifndef FL_MPIRUN
#define FL_MPIRUN "mpirun"
#endif

static int list_take(struct fl_body_list *list, char *item, struct fl_err *reterr)
{
    if (!item)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "command of the stage: out of memory");
    if (list->count + 2 > list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        char **items =
            room > FL_BODY_ITEMS_MAX ? NULL : realloc(list->items, room * sizeof(*items));

        if (!items) {
            free(item);
            return fl_err_set(reterr, FL_E_TOO_BIG, 0,
                              "more than %d arguments or variables for a stage",
                              FL_BODY_ITEMS_MAX / 2);
        }
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = item;
    list->items[list->count] = NULL;
    return 0;
}

static int list_add(struct fl_body_list *list, const char *item, struct fl_err *reterr)
{
    return list_take(list, strdup(item), reterr);
}

static void list_release(struct fl_body_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    memset(list, 0, sizeof(*list));
}

/* Sets a variable; one of the same name is replaced. value NULL: nothing. */
static int env_set(struct fl_body_list *list, const char *name, const char *value,
                   struct fl_err *reterr)
{
    size_t length = strlen(name);
    char *item = NULL;

    if (!value)
        return 0;
    if (asprintf(&item, "%s=%s", name, value) < 0)
        item = NULL;
    for (size_t i = 0; item && i < list->count; i++) {
        if (strncmp(list->items[i], item, length + 1) == 0) {
            free(list->items[i]);
            list->items[i] = item;
            return 0;
        }
    }
    return list_take(list, item, reterr);
}

static FL_PRINTF(4, 5) int env_format(struct fl_body_list *list, const char *name,
                                      struct fl_err *reterr, const char *fmt, ...)
{
    char value[FL_PATH_MAX];
    va_list args;
    int used;

    va_start(args, fmt);
    used = vsnprintf(value, sizeof(value), fmt, args);
    va_end(args);
    if (used < 0 || (size_t)used >= sizeof(value))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "variable %s is longer than %zu bytes", name,
                          sizeof(value));
    return env_set(list, name, value, reterr);
}

struct variable {
    const char *name;
    const char *value; /* NULL: not set */
};

static int env_set_all(struct fl_body_list *list, const struct variable *variables, size_t count,
                       struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; i < count && rc == 0; i++)
        rc = env_set(list, variables[i].name, variables[i].value, reterr);
    return rc;
}

/* FAIRLEAD_*: the stage contract. */
static int env_contract(struct fl_body_list *list, const struct fl_spec *spec, const char *folder,
                        const char *socket, struct fl_err *reterr)
{
    const struct variable variables[] = {
        {"FAIRLEAD_RUN", spec->run},     {"FAIRLEAD_WORKFLOW", spec->workflow},
        {"FAIRLEAD_STAGE", spec->stage}, {"FAIRLEAD_LEAD", spec->lead},
        {"FAIRLEAD_CYCLE", spec->cycle}, {"FAIRLEAD_SOCKET", socket},
        {"FAIRLEAD_TOKEN", spec->token},
    };
    int rc = env_set_all(list, variables, FL_COUNT(variables), reterr);

    if (rc == 0)
        rc = env_format(list, "FAIRLEAD_ATTEMPT", reterr, "%lld", (long long)spec->attempt);
    if (rc == 0)
        rc = env_format(list, "FAIRLEAD_OUTPUT_DIR", reterr, "%s/out", folder);
    if (rc == 0)
        rc = env_format(list, "FAIRLEAD_PRODUCTS", reterr, "%s/products", spec->root);
    if (rc == 0)
        rc = env_format(list, "FAIRLEAD_BOOK", reterr, "%s/.transfer", spec->root);
    if (rc == 0 && spec->site_file)
        rc = env_set(list, "FAIRLEAD_SITE", spec->site_file, reterr);
    return rc;
}

/* The names that scripts of the large centres know (NCO standards). */
static int env_operational(struct fl_body_list *list, const struct fl_spec *spec,
                           const char *folder, struct fl_err *reterr)
{
    char day[9] = "";
    char hour[3] = "";
    char job[FL_SPEC_ID_MAX + 1];
    int rc = 0;

    /* "20261124T0000Z" in whatever calendar: its parts are these names as they stand */
    if (strspn(spec->cycle, "0123456789") != 8 || spec->cycle[8] != 'T' ||
        strspn(spec->cycle + 9, "0123456789") < 2)
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "'%.40s' is not a cycle; accepted: 20261124T0000Z",
                        spec->cycle);
    else
        (void)snprintf(day, sizeof(day), "%.8s", spec->cycle);
    if (rc == 0)
        (void)snprintf(hour, sizeof(hour), "%.2s", spec->cycle + 9);
    (void)snprintf(job, sizeof(job), "%s", spec->id);
    for (char *at = job; *at; at++)
        *at = *at == '/' ? '.' : *at;
    if (rc == 0) {
        const struct variable variables[] = {
            {"PDY", day},         {"cyc", hour},  {"NET", spec->workflow}, {"RUN", spec->stage},
            {"job", spec->stage}, {"jobid", job}, {"envir", "prod"},       {"SENDCOM", "YES"},
        };

        rc = env_set_all(list, variables, FL_COUNT(variables), reterr);
    }
    if (rc == 0)
        rc = env_format(list, "cycle", reterr, "t%sz", hour);
    if (rc == 0)
        rc = env_format(list, "DATA", reterr, "%s/data", folder);
    if (rc == 0)
        rc = env_format(list, "DATAROOT", reterr, "%s/work", spec->root);
    if (rc == 0)
        rc = env_format(list, "COMROOT", reterr, "%s", spec->root);
    if (rc == 0)
        rc = env_format(list, "COMIN", reterr, "%s/data", folder);
    if (rc == 0)
        rc = env_format(list, "COMOUT", reterr, "%s/out", folder);
    return rc;
}

static const char *env_get(const struct fl_body_list *list, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < list->count; i++) {
        if (strncmp(list->items[i], name, length) == 0 && list->items[i][length] == '=')
            return list->items[i] + length + 1;
    }
    return NULL;
}

/* True when the search path has this folder in it. */
static bool path_has(const char *search, const char *folder)
{
    size_t length = strlen(folder);

    while (*search) {
        size_t part = strcspn(search, ":");

        if (part == length && strncmp(search, folder, length) == 0)
            return true;
        search += part + (search[part] == ':');
    }
    return false;
}

/* A script says `fairlead-event` without knowing where Fairlead lies: our folder of programs comes
 * first in PATH, unless it is in it already. */
static int env_path(struct fl_body_list *list, const char *tools, struct fl_err *reterr)
{
    const char *search = env_get(list, "PATH");
    char *value = NULL;
    int rc;

    if (!*tools || (search && path_has(search, tools)))
        return 0;
    if (asprintf(&value, "%s:%s", tools, search && *search ? search : "/usr/bin:/bin") < 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "environment of the stage: out of memory");
    rc = env_set(list, "PATH", value, reterr);
    free(value);
    return rc;
}

static int env_build(struct fl_body *body, const struct fl_spec *spec, const char *folder,
                     const char *socket, const char *tools, char *const *inherited,
                     struct fl_err *reterr)
{
    const char *name;
    json_t *value;
    int rc = 0;

    for (; inherited && *inherited && rc == 0; inherited++) {
        if (strncmp(*inherited, "FAIRLEAD_", 9) != 0)
            rc = list_add(&body->envp, *inherited, reterr);
    }
    if (rc == 0)
        rc = env_path(&body->envp, tools, reterr);
    if (rc == 0)
        rc = env_operational(&body->envp, spec, folder, reterr);
    if (rc == 0 && spec->mpi_ranks > 0 && geteuid() == 0) {
        rc = env_set(&body->envp, "OMPI_ALLOW_RUN_AS_ROOT", "1", reterr);
        if (rc == 0)
            rc = env_set(&body->envp, "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", reterr);
    }
    json_object_foreach((json_t *)(uintptr_t)spec->env, name, value)
    {
        if (rc == 0 && json_is_string(value) && name[0] && !strchr(name, '='))
            rc = env_set(&body->envp, name, json_string_value(value), reterr);
        else if (rc == 0)
            rc = fl_err_set(reterr, FL_E_CONFIG, 0, "env.%s must be a text", name);
    }
    if (rc == 0) /* last: what the engine relies on is not for the workflow to change */
        rc = env_contract(&body->envp, spec, folder, socket, reterr);
    return rc;
}

/* Open MPI, as far as its name tells: others take none of its options. */
static bool is_open_mpi(const char *path)
{
    char real[FL_PATH_MAX];
    const char *base;

    if (!realpath(path, real))
        return false;
    base = fl_path_base(real);
    return strstr(base, "openmpi") || strstr(base, "orterun") || strstr(base, "prterun");
}

static int argv_mpi(struct fl_body *body, const struct fl_world *world, const struct fl_spec *spec,
                    struct fl_err *reterr)
{
    static const char *const open_mpi[] = {"--bind-to", "none", "--mca", "mpi_yield_when_idle",
                                           "1"};
    const char *mpirun = getenv("MPIRUN");
    char ranks[32];
    int rc = fl_process_find(world, mpirun && *mpirun ? mpirun : FL_MPIRUN, body->path,
                             sizeof(body->path), reterr);

    if (rc < 0)
        return fl_err_note(reterr, rc, "an MPI stage needs mpirun (MPIRUN names another)");
    (void)snprintf(ranks, sizeof(ranks), "%lld", (long long)spec->mpi_ranks);
    rc = list_add(&body->argv, body->path, reterr);
    if (is_open_mpi(body->path)) {
        for (size_t i = 0; i < FL_COUNT(open_mpi) && rc == 0; i++)
            rc = list_add(&body->argv, open_mpi[i], reterr);
        if (rc == 0 && spec->mpi_oversubscribe)
            rc = list_add(&body->argv, "--oversubscribe", reterr);
    }
    if (rc == 0)
        rc = list_add(&body->argv, "-np", reterr);
    if (rc == 0)
        rc = list_add(&body->argv, ranks, reterr);
    return rc;
}

static int argv_build(struct fl_body *body, const struct fl_world *world,
                      const struct fl_spec *spec, struct fl_err *reterr)
{
    char program[FL_PATH_MAX];
    int rc = fl_process_find(world, spec->program, program, sizeof(program), reterr);

    if (rc == 0 && spec->mpi_ranks > 0)
        rc = argv_mpi(body, world, spec, reterr);
    else if (rc == 0)
        memcpy(body->path, program, sizeof(program));
    if (rc == 0)
        rc = list_add(&body->argv, program, reterr);
    for (size_t i = 0; rc == 0 && i < (spec->args ? json_array_size(spec->args) : 0); i++) {
        const char *arg = json_string_value(json_array_get(spec->args, i));

        rc = arg ? list_add(&body->argv, arg, reterr)
                 : fl_err_set(reterr, FL_E_CONFIG, 0, "argument %zu must be a text", i + 1);
    }
    return rc;
}

int fl_body_init(struct fl_body *body, const struct fl_world *world, const struct fl_spec *spec,
                 const char *folder, const char *socket, const char *tools, char *const *inherited,
                 struct fl_err *reterr)
{
    int rc;

    memset(body, 0, sizeof(*body));
    rc = argv_build(body, world, spec, reterr);
    if (rc == 0)
        rc = env_build(body, spec, folder, socket, tools, inherited, reterr);
    if (rc < 0)
        fl_body_release(body);
    return rc;
}

void fl_body_release(struct fl_body *body)
{
    list_release(&body->argv);
    list_release(&body->envp);
}
