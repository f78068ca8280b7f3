/* Reading a launch spec. */
#include "config.h"

#include "engine/worker/spec.h"

#include <string.h>

#include "engine/base/json.h"

#include "engine/base/banned.h"

#define GRACE_S 10
#define LOG_BYTES (4 * 1024 * 1024)

bool fl_spec_id_is_safe(const char *id)
{
    return fl_path_is_safe(id) && strlen(id) <= FL_SPEC_ID_MAX && id[0] != '.' && !strchr(id, '%');
}

static int read_success(struct fl_spec *spec, struct fl_err *reterr)
{
    const json_t *success = NULL;
    const json_t *log = NULL;
    const char *outputs = "all";
    int rc = fl_json_object_opt(spec->json, "success", &success, reterr);

    spec->success_outputs = true;
    if (rc < 0 || !success)
        return rc;
    rc = fl_json_int_opt(success, "exit", 0, &spec->success_exit, reterr);
    if (rc == 0)
        rc = fl_json_string_opt(success, "outputs", "all", &outputs, reterr);
    if (rc == 0 && strcmp(outputs, "all") != 0 && strcmp(outputs, "none") != 0)
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "success.outputs is '%s'; accepted: all, none",
                        outputs);
    if (rc == 0)
        spec->success_outputs = strcmp(outputs, "all") == 0;
    if (rc == 0)
        rc = fl_json_object_opt(success, "log", &log, reterr);
    if (rc < 0 || !log)
        return rc;
    rc = fl_json_string_opt(log, "file", "stdout", &spec->success_log, reterr);
    if (rc == 0)
        rc = fl_json_string_opt(log, "has", NULL, &spec->success_has, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(log, "forbid", &spec->success_forbid, reterr);
    if (rc == 0 && !fl_path_is_safe(spec->success_log))
        rc = fl_err_set(reterr, FL_E_PERM, 0, "log file '%s' leaves the attempt's folder",
                        spec->success_log);
    return rc;
}

static int read_limits(struct fl_spec *spec, struct fl_err *reterr)
{
    const json_t *mpi = NULL;
    int rc = fl_json_int_opt(spec->json, "time_limit_s", 0, &spec->time_limit_s, reterr);

    if (rc == 0)
        rc = fl_json_int_opt(spec->json, "grace_s", GRACE_S, &spec->grace_s, reterr);
    if (rc == 0)
        rc = fl_json_int_opt(spec->json, "log_max_bytes", LOG_BYTES, &spec->log_max_bytes, reterr);
    if (rc == 0)
        rc = fl_json_object_opt(spec->json, "mpi", &mpi, reterr);
    if (rc == 0 && mpi)
        rc = fl_json_int(mpi, "ranks", &spec->mpi_ranks, reterr);
    if (rc == 0 && mpi)
        rc = fl_json_bool_opt(mpi, "oversubscribe", false, &spec->mpi_oversubscribe, reterr);
    if (rc < 0)
        return rc;
    if (spec->time_limit_s < 0 || spec->grace_s < 0 || spec->mpi_ranks < 0 ||
        spec->mpi_ranks > 1000000 || spec->log_max_bytes < 0)
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "time_limit_s, grace_s, log_max_bytes and mpi.ranks are not negative");
    if (spec->log_max_bytes < FL_SPEC_LOG_MIN)
        spec->log_max_bytes = FL_SPEC_LOG_MIN;
    return 0;
}

static int read_names(struct fl_spec *spec, struct fl_err *reterr)
{
    const struct {
        const char *key;
        const char **text;
        bool needed;
    } names[] = {
        {"id", &spec->id, true},
        {"run", &spec->run, true},
        {"workflow", &spec->workflow, true},
        {"cycle", &spec->cycle, true},
        {"stage", &spec->stage, true},
        {"token", &spec->token, true},
        {"site", &spec->site, true},
        {"program", &spec->program, true},
        {"lead", &spec->lead, false},
        {"root", &spec->root, false},
        {"site_file", &spec->site_file, false},
    };
    int rc = 0;

    for (size_t i = 0; i < FL_COUNT(names) && rc == 0; i++) {
        if (names[i].needed)
            rc = fl_json_string(spec->json, names[i].key, names[i].text, reterr);
        else
            rc = fl_json_string_opt(spec->json, names[i].key, NULL, names[i].text, reterr);
    }
    if (rc == 0 && !fl_spec_id_is_safe(spec->id))
        rc = fl_err_set(reterr, FL_E_PERM, 0, "'%.300s' is no attempt id", spec->id);
    if (rc == 0 && strlen(spec->token) < 16)
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "token of %zu characters; at least 16 are expected",
                        strlen(spec->token));
    if (rc == 0)
        rc = fl_json_int(spec->json, "attempt", &spec->attempt, reterr);
    return rc;
}

/* Every element has these texts, and the named one is one plain file name. */
static int check_entries(const json_t *array, const char *what, const char *file, const char *other,
                         struct fl_err *reterr)
{
    size_t count = array ? json_array_size(array) : 0;

    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(array, i);
        const char *text;
        int rc = json_is_object(entry) ? fl_json_string(entry, file, &text, reterr)
                                       : fl_err_set(reterr, FL_E_PARSE, 0, "not an object");

        if (rc == 0 && !fl_path_is_safe(text))
            rc = fl_err_set(reterr, FL_E_PERM, 0, "'%s' is no safe file name", text);
        if (rc == 0)
            rc = fl_json_string(entry, other, &text, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "%s %zu", what, i + 1);
    }
    return 0;
}

int fl_spec_init(struct fl_spec *spec, json_t *json, struct fl_err *reterr)
{
    int rc;

    memset(spec, 0, sizeof(*spec));
    spec->json = json_incref(json);
    rc = read_names(spec, reterr);
    if (rc == 0)
        rc = read_limits(spec, reterr);
    if (rc == 0)
        rc = read_success(spec, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(json, "args", &spec->args, reterr);
    if (rc == 0)
        rc = fl_json_object_opt(json, "env", &spec->env, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(json, "inputs", &spec->inputs, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(json, "grants", &spec->grants, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(json, "files", &spec->files, reterr);
    if (rc == 0)
        rc = fl_json_array_opt(json, "outputs", &spec->outputs, reterr);
    if (rc == 0)
        rc = check_entries(spec->inputs, "input", "file", "path", reterr);
    if (rc == 0)
        rc = check_entries(spec->files, "file", "name", "content", reterr);
    if (rc == 0)
        rc = check_entries(spec->outputs, "output", "file", "output", reterr);
    if (rc < 0) {
        fl_spec_release(spec);
        return fl_err_note(reterr, rc, "launch spec");
    }
    return 0;
}

void fl_spec_release(struct fl_spec *spec)
{
    json_decref(spec->json);
    memset(spec, 0, sizeof(*spec));
}
