/* The stage contract: environment, socket, events. inputs.json is read in inputs.c. */
#include "config.h"

#include "stages/common/contract.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "engine/base/json.h"
#include "engine/world/file.h"
#include "stages/common/inputs.h"

#include "engine/base/banned.h"

struct fl_contract {
    const struct fl_world *world;
    struct fl_contract_env env; /* points into texts */
    char *texts[8];
    struct fl_inputs *inputs; /* NULL when there is no inputs.json */
    int fd;                   /* -1 when nobody listens */
};

/* ---- environment ---- */

static int env_copy(struct fl_contract *contract, struct fl_err *reterr)
{
    const struct {
        const char *name;
        const char **slot;
    } table[] = {
        {"FAIRLEAD_RUN", &contract->env.run},
        {"FAIRLEAD_WORKFLOW", &contract->env.workflow},
        {"FAIRLEAD_STAGE", &contract->env.stage},
        {"FAIRLEAD_CYCLE", &contract->env.cycle},
        {"FAIRLEAD_LEAD", &contract->env.lead},
        {"FAIRLEAD_ATTEMPT", &contract->env.attempt},
        {"FAIRLEAD_OUTPUT_DIR", &contract->env.output_dir},
        {"FAIRLEAD_PRODUCTS", &contract->env.products},
    };

    _Static_assert(FL_COUNT(table) == FL_COUNT(contract->texts), "one copy a variable");
    for (size_t i = 0; i < FL_COUNT(table); i++) {
        const char *value = getenv(table[i].name);

        if (!value || !*value)
            continue;
        contract->texts[i] = strdup(value);
        if (!contract->texts[i])
            return fl_err_set(reterr, FL_E_NOMEM, 0, "environment variable %s", table[i].name);
        *table[i].slot = contract->texts[i];
    }
    return 0;
}

/* ---- socket ---- */

/* The address of a socket at path. One that does not fit into sun_path is reached through its
 * folder, held open in *ret_folder (-1 when not needed). */
static int socket_address(const struct fl_contract *contract, const char *path,
                          struct sockaddr_un *address, int *ret_folder, struct fl_err *reterr)
{
    const struct fl_world *world = contract->world;
    char folder[FL_PATH_MAX];
    const char *name = fl_path_base(path);
    int used;

    *ret_folder = -1;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) < sizeof(address->sun_path)) {
        (void)snprintf(address->sun_path, sizeof(address->sun_path), "%s", path);
        return 0;
    }
    if (strlen(path) >= sizeof(folder))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "FAIRLEAD_SOCKET is a path of %zu bytes",
                          strlen(path));
    (void)snprintf(folder, sizeof(folder), "%.*s", name > path ? (int)(name - path) : 1,
                   name > path ? path : ".");
    *ret_folder = world->ops->open(folder, O_PATH | O_DIRECTORY, 0, world->arg);
    if (*ret_folder < 0) {
        int errnum = -*ret_folder;

        *ret_folder = -1;
        return fl_err_set(reterr, FL_E_NET, errnum, "FAIRLEAD_SOCKET '%s': %s", path,
                          strerror(errnum));
    }
    used = snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s",
                    *ret_folder, name);
    if (used < 0 || (size_t)used >= sizeof(address->sun_path)) {
        (void)world->ops->close(*ret_folder, world->arg); /* only looked through */
        *ret_folder = -1;
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "FAIRLEAD_SOCKET '%s': name too long", path);
    }
    return 0;
}

static int socket_connect(struct fl_contract *contract, const char *path, struct fl_err *reterr)
{
    const struct fl_world *world = contract->world;
    const struct timeval limit = {.tv_sec = FL_CONTRACT_SEND_MAX_S};
    struct sockaddr_un address;
    int folder = -1;
    int errnum = 0;
    int fd;
    int rc = socket_address(contract, path, &address, &folder, reterr);

    if (rc < 0)
        return rc;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        errnum = errno;
    if (folder >= 0)
        (void)world->ops->close(folder, world->arg); /* only looked through */
    if (errnum != 0) {
        if (fd >= 0)
            (void)world->ops->close(fd, world->arg); /* nothing was sent */
        return fl_err_set(reterr, FL_E_NET, errnum, "FAIRLEAD_SOCKET '%s' cannot be reached: %s",
                          path, strerror(errnum));
    }
    contract->fd = fd;
    return 0;
}

/* Sends one event; consumes it. may_drop: a reader that is behind loses it. */
static int say(struct fl_contract *contract, json_t *event, bool may_drop, struct fl_err *reterr)
{
    char *text;
    size_t size;
    ssize_t sent;
    int rc = 0;

    if (!event)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "event of a stage (or a text that is not UTF-8)");
    text = fl_json_text(event);
    json_decref(event);
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "event of a stage");
    size = strlen(text);
    if (size > FL_CONTRACT_EVENT_MAX) {
        free(text);
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "event of %zu bytes; the limit is %zu", size,
                          FL_CONTRACT_EVENT_MAX);
    }
    do
        sent = send(contract->fd, text, size, MSG_NOSIGNAL | (may_drop ? MSG_DONTWAIT : 0));
    while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        int errnum = errno;
        bool behind = errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == ENOBUFS;

        if (!behind)
            rc = fl_err_set(reterr, FL_E_NET, errnum, "the event socket is gone: %s: %s",
                            strerror(errnum), text);
        else if (!may_drop)
            rc = fl_err_set(reterr, FL_E_TIMEOUT, errnum,
                            "the event socket's reader took nothing for %d s: %s",
                            FL_CONTRACT_SEND_MAX_S, text);
    }
    free(text);
    return rc;
}

/* ---- open and close ---- */

int fl_contract_open(struct fl_contract **ret_contract, struct fl_err *reterr)
{
    fl_auto(fl_contract_close) struct fl_contract *contract = calloc(1, sizeof(*contract));
    const char *socket_path = getenv("FAIRLEAD_SOCKET");
    const char *data = getenv("DATA");
    char path[FL_PATH_MAX] = "inputs.json";
    int rc;

    fl_assert(ret_contract);
    if (!contract)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "stage contract");
    contract->world = fl_world_real();
    contract->fd = -1;
    rc = env_copy(contract, reterr);
    if (rc < 0)
        return rc;
    if (contract->env.run && data && *data &&
        snprintf(path, sizeof(path), "%s/inputs.json", data) >= (int)sizeof(path))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "DATA is a path of %zu bytes", strlen(data));
    rc = fl_inputs_read(contract->world, path, &contract->inputs, reterr);
    if (rc < 0)
        return rc;
    if (socket_path && *socket_path) {
        rc = socket_connect(contract, socket_path, reterr);
        if (rc < 0)
            return rc;
    }
    *ret_contract = FL_STEAL(contract);
    return 0;
}

void fl_contract_close(struct fl_contract *contract)
{
    if (!contract)
        return;
    if (contract->fd >= 0)
        (void)contract->world->ops->close(contract->fd, contract->world->arg); /* all was sent */
    fl_inputs_destroy(contract->inputs);
    for (size_t i = 0; i < FL_COUNT(contract->texts); i++)
        free(contract->texts[i]);
    free(contract);
}

const struct fl_contract_env *fl_contract_env(const struct fl_contract *contract)
{
    fl_assert(contract);
    return &contract->env;
}

bool fl_contract_is_connected(const struct fl_contract *contract)
{
    fl_assert(contract);
    return contract->fd >= 0;
}

/* ---- inputs ---- */

size_t fl_contract_inputs(const struct fl_contract *contract, const struct fl_input **ret_inputs)
{
    fl_assert(contract);
    fl_assert(ret_inputs);
    *ret_inputs = contract->inputs ? contract->inputs->list : NULL;
    return contract->inputs ? contract->inputs->count : 0;
}

const struct fl_input *fl_contract_input_of_file(const struct fl_contract *contract,
                                                 const char *file)
{
    fl_assert(contract);
    fl_assert(file);
    if (!contract->inputs)
        return NULL;
    for (size_t i = 0; i < contract->inputs->count; i++) {
        if (strcmp(contract->inputs->list[i].file, fl_path_base(file)) == 0)
            return &contract->inputs->list[i];
    }
    return NULL;
}

size_t fl_contract_degraded_of_inputs(const struct fl_contract *contract,
                                      const struct fl_degraded **ret_degraded)
{
    fl_assert(contract);
    fl_assert(ret_degraded);
    *ret_degraded = contract->inputs ? contract->inputs->distinct : NULL;
    return contract->inputs ? contract->inputs->distinct_count : 0;
}

/* ---- outputs ---- */

/* The engine names outputs from the working folder, "../out/FILE": the name in the folder of the
 * outputs; other names as they are. */
static const char *from_data(const struct fl_contract *contract, const char *file)
{
    static const char beside[] = "../out/";

    if (contract->env.output_dir && strncmp(file, beside, sizeof(beside) - 1) == 0)
        file += sizeof(beside) - 1;
    return file;
}

int fl_contract_place(const struct fl_contract *contract, const char *file, char *path, size_t size,
                      struct fl_err *reterr)
{
    fl_assert(contract);
    fl_assert(file);
    fl_assert(path);
    if (contract->env.output_dir && strcmp(file, "../out") == 0)
        file = contract->env.output_dir;
    file = from_data(contract, file);
    if (contract->env.output_dir && file[0] != '/')
        return fl_path_join(contract->env.output_dir, file, path, size, reterr);
    if (strlen(file) >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path of %zu bytes", strlen(file));
    (void)snprintf(path, size, "%s", file);
    return 0;
}

/* The name of an output relative to FAIRLEAD_OUTPUT_DIR; checks that it is there. */
static int output_name(const struct fl_contract *contract, const char *file, const char **ret_name,
                       struct fl_err *reterr)
{
    const char *folder = contract->env.output_dir;
    size_t length = folder ? strlen(folder) : 0;
    char path[FL_PATH_MAX];
    struct fl_stat stat;
    int rc;

    file = from_data(contract, file);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    if (file[0] == '/' && length > 0 && strncmp(file, folder, length) == 0 && file[length] == '/') {
        file += length;
        while (*file == '/')
            file++;
    }
    if (!fl_path_is_safe(file))
        return fl_err_set(reterr, FL_E_PERM, 0,
                          "output file '%s' is not inside FAIRLEAD_OUTPUT_DIR ('%s')", file,
                          folder ? folder : "not set");
    rc = fl_contract_place(contract, file, path, sizeof(path), reterr);
    if (rc < 0)
        return rc;
    rc = fl_file_stat(contract->world, path, &stat, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "output to announce");
    *ret_name = file;
    return 0;
}

static int set_lead(json_t *event, const struct fl_lead *lead)
{
    char text[FL_TIME_TEXT_MAX];

    if (!lead)
        return 0;
    fl_lead_format(*lead, text);
    return json_object_set_new(event, "lead", json_string(text));
}

/* A text of a person, cut at the limit (never inside a UTF-8 sequence). */
static json_t *short_text(const char *text)
{
    size_t size = strlen(text);

    if (size > FL_CONTRACT_TEXT_MAX) {
        size = FL_CONTRACT_TEXT_MAX;
        while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
            size--;
    }
    return json_stringn(text, size);
}

/* Puts cause and age into object, or drops it when memory ends: then NULL. */
static json_t *with_cause(json_t *object, const char *cause, const char *age)
{
    if (object && (json_object_set_new(object, "cause", short_text(cause)) < 0 ||
                   (age && json_object_set_new(object, "age", json_string(age)) < 0))) {
        json_decref(object);
        return NULL;
    }
    return object;
}

int fl_contract_output(struct fl_contract *contract, const char *output, const struct fl_lead *lead,
                       const char *file, struct fl_err *reterr)
{
    return fl_contract_output_marked(contract, output, lead, file, NULL, 0, reterr);
}

int fl_contract_output_marked(struct fl_contract *contract, const char *output,
                              const struct fl_lead *lead, const char *file,
                              const struct fl_degraded *marks, size_t count, struct fl_err *reterr)
{
    fl_json_auto json_t *event = NULL;
    fl_json_auto json_t *list = NULL;
    const char *name = NULL;
    int rc;

    fl_assert(contract);
    fl_assert(output);
    fl_assert(file);
    if (contract->fd < 0)
        return 0;
    rc = output_name(contract, file, &name, reterr);
    if (rc < 0)
        return rc;
    event = json_pack("{ss ss ss}", "type", "output", "output", output, "file", name);
    list = json_array();
    for (size_t i = 0; i < count && list; i++) {
        json_t *mark = with_cause(json_object(), marks[i].cause, marks[i].age);

        if (json_array_append_new(list, mark) < 0)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "event of a stage");
    }
    if (!event || !list || set_lead(event, lead) < 0 ||
        (count > 0 && json_object_set(event, "degraded", list) < 0))
        return fl_err_set(reterr, FL_E_NOMEM, 0, "event of output '%s'", output);
    return say(contract, FL_STEAL(event), false, reterr);
}

int fl_contract_absent(struct fl_contract *contract, const char *output, const struct fl_lead *lead,
                       const char *cause, const char *age, struct fl_err *reterr)
{
    fl_json_auto json_t *event = NULL;

    fl_assert(contract);
    fl_assert(output);
    fl_assert(cause);
    if (contract->fd < 0)
        return 0;
    event = with_cause(json_pack("{ss ss}", "type", "absent", "output", output), cause, age);
    if (!event || set_lead(event, lead) < 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "event of output '%s'", output);
    return say(contract, FL_STEAL(event), false, reterr);
}

int fl_contract_progress(struct fl_contract *contract, struct fl_lead lead, struct fl_err *reterr)
{
    char text[FL_TIME_TEXT_MAX];

    fl_assert(contract);
    if (contract->fd < 0)
        return 0;
    fl_lead_format(lead, text);
    return say(contract, json_pack("{ss ss}", "type", "progress", "lead", text), true, reterr);
}

int fl_contract_progress_fraction(struct fl_contract *contract, double fraction,
                                  struct fl_err *reterr)
{
    fl_assert(contract);
    fl_assert(isfinite(fraction));
    if (contract->fd < 0)
        return 0;
    fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
    return say(contract, json_pack("{ss sf}", "type", "progress", "fraction", fraction), true,
               reterr);
}

int fl_contract_warn(struct fl_contract *contract, const char *text, struct fl_err *reterr)
{
    fl_assert(contract);
    fl_assert(text);
    if (contract->fd < 0)
        return 0;
    return say(contract, json_pack("{ss so}", "type", "warn", "text", short_text(text)), false,
               reterr);
}

int fl_contract_degraded(struct fl_contract *contract, const char *cause, const char *age,
                         struct fl_err *reterr)
{
    fl_assert(contract);
    fl_assert(cause);
    if (contract->fd < 0)
        return 0;
    return say(contract, with_cause(json_pack("{ss}", "type", "degraded"), cause, age), false,
               reterr);
}
