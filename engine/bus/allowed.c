/* The allow-list of public keys, and the usual ways onto the bus. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bus/keys.h"
#include "engine/bus/message.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define FRESH_NS INT64_C(2000000000)

struct allowed_key {
    char public_key[FL_KEY_TEXT];
    char user[FL_TRANSPORT_USER_MAX];
};

struct allowed_folder {
    char path[FL_PATH_MAX];
    const char *role;
    int64_t mtime_ns; /* when it was last read; 0: never, or absent */
};

struct fl_keys_allowed {
    const struct fl_world *world;
    struct allowed_folder folder[2];
    struct allowed_key *keys;
    size_t count;
};

struct read_walk {
    struct fl_keys_allowed *allowed;
    const struct allowed_folder *folder;
};

int fl_keys_allowed_create(const struct fl_world *world, const char *dir,
                           struct fl_keys_allowed **ret_allowed, struct fl_err *reterr)
{
    struct fl_keys_allowed *allowed = calloc(1, sizeof(*allowed));
    int rc;

    if (!allowed)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "allow-list: out of memory");
    allowed->world = world;
    allowed->folder[0].role = "worker";
    allowed->folder[1].role = "client";
    rc = fl_path_join(dir, "allowed/workers", allowed->folder[0].path, FL_PATH_MAX, reterr);
    if (rc == 0)
        rc = fl_path_join(dir, "allowed/clients", allowed->folder[1].path, FL_PATH_MAX, reterr);
    if (rc < 0) {
        free(allowed);
        return rc;
    }
    *ret_allowed = allowed;
    return 0;
}

void fl_keys_allowed_destroy(struct fl_keys_allowed *allowed)
{
    if (allowed)
        free(allowed->keys);
    free(allowed);
}

static int read_one(const char *name, bool is_dir, void *arg)
{
    struct read_walk *walk = arg;
    struct fl_keys_allowed *allowed = walk->allowed;
    size_t length = strlen(name);
    struct allowed_key key = {0};
    struct allowed_key *keys;
    char path[FL_PATH_MAX];
    int used;

    if (is_dir || !fl_name_is_safe(name) || length < 5 || strcmp(name + length - 4, ".pub") != 0 ||
        allowed->count >= FL_KEYS_ALLOWED_MAX)
        return 0;
    used =
        snprintf(key.user, sizeof(key.user), "%s/%.*s", walk->folder->role, (int)length - 4, name);
    if (used < 0 || (size_t)used >= sizeof(key.user) ||
        fl_path_join(walk->folder->path, name, path, sizeof(path), NULL) < 0 ||
        fl_keys_load_public(allowed->world, path, key.public_key, NULL) < 0)
        return 0; /* a file that holds no key lets nobody in */
    keys = realloc(allowed->keys, (allowed->count + 1) * sizeof(*keys));
    if (!keys)
        return 0;
    allowed->keys = keys;
    keys[allowed->count++] = key;
    return 0;
}

/* Reads both folders again when either changed. */
static void allowed_refresh(struct fl_keys_allowed *allowed)
{
    int64_t now_ns = fl_world_utc_ns(allowed->world);
    bool changed = false;

    for (size_t i = 0; i < FL_COUNT(allowed->folder); i++) {
        struct allowed_folder *folder = &allowed->folder[i];
        struct fl_stat info = {0};

        if (fl_file_stat(allowed->world, folder->path, &info, NULL) < 0)
            info.mtime_ns = 0;
        /* a folder that changed this moment may change again within the same tick of its clock */
        changed = changed || info.mtime_ns != folder->mtime_ns || now_ns - info.mtime_ns < FRESH_NS;
        folder->mtime_ns = info.mtime_ns;
    }
    if (!changed)
        return;
    allowed->count = 0;
    for (size_t i = 0; i < FL_COUNT(allowed->folder); i++) {
        struct read_walk walk = {.allowed = allowed, .folder = &allowed->folder[i]};

        /* an absent folder lets nobody in */
        (void)fl_dir_list(allowed->world, allowed->folder[i].path, read_one, &walk, NULL);
    }
}

int fl_keys_allowed_check(const char *public_key, char user[FL_TRANSPORT_USER_MAX], void *arg)
{
    struct fl_keys_allowed *allowed = arg;

    allowed_refresh(allowed);
    for (size_t i = 0; i < allowed->count; i++) {
        if (strcmp(allowed->keys[i].public_key, public_key) == 0) {
            memcpy(user, allowed->keys[i].user, FL_TRANSPORT_USER_MAX);
            return 0;
        }
    }
    return FL_E_REFUSED;
}

static void allowed_drop(void *thing)
{
    fl_keys_allowed_destroy(thing);
}

int fl_bus_listen(const struct fl_world *world, const char *keys_dir, const char *endpoint,
                  const struct fl_bus_limits *limits, struct fl_bus_server **ret_server,
                  struct fl_err *reterr)
{
    fl_auto(fl_keys_allowed_destroy) struct fl_keys_allowed *allowed = NULL;
    fl_auto(fl_transport_destroy) struct fl_transport *transport = NULL;
    struct fl_keys keys = {0};
    int rc = fl_keys_load(world, keys_dir, "coordinator", &keys, reterr);

    if (rc == 0)
        rc = fl_keys_allowed_create(world, keys_dir, &allowed, reterr);
    if (rc == 0)
        rc = fl_transport_listen(endpoint, keys.public_key, keys.secret_key, fl_keys_allowed_check,
                                 allowed, &transport, reterr);
    explicit_bzero(&keys, sizeof(keys));
    if (rc == 0)
        rc = fl_bus_server_create(world, transport, limits, ret_server, reterr);
    if (rc < 0)
        return rc;
    transport = NULL; /* the server's now */
    fl_bus_server_keep(*ret_server, FL_STEAL(allowed), allowed_drop);
    return 0;
}

int fl_bus_connect(const struct fl_world *world, const char *keys_dir, const char *name,
                   const char *endpoint, const struct fl_bus_limits *limits,
                   struct fl_bus_client **ret_client, struct fl_err *reterr)
{
    fl_auto(fl_transport_destroy) struct fl_transport *transport = NULL;
    char path[FL_PATH_MAX];
    char server_key[FL_KEY_TEXT] = "";
    struct fl_keys keys = {0};
    int rc = fl_keys_load(world, keys_dir, name, &keys, reterr);

    if (rc == 0)
        rc = fl_path_join(keys_dir, "coordinator.pub", path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_keys_load_public(world, path, server_key, reterr);
    if (rc == 0)
        rc = fl_transport_connect(endpoint, server_key, keys.public_key, keys.secret_key,
                                  &transport, reterr);
    explicit_bzero(&keys, sizeof(keys));
    if (rc == 0)
        rc = fl_bus_client_create(world, transport, limits, ret_client, reterr);
    if (rc == 0)
        transport = NULL; /* the client's now */
    return rc;
}
