/* CURVE certificates in files, and the allow-list. */
#include "config.h"

#include "engine/bus/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"

#include "engine/base/banned.h"

#define KEY_FILE_MAX 4096
#define OTHERS 077

static const char *const role_folder[] = {
    [FL_BUS_WORKER] = "allowed/workers", [FL_BUS_CLIENT] = "allowed/clients"};
static const char *const role_name[] = {[FL_BUS_WORKER] = "worker", [FL_BUS_CLIENT] = "client"};

static int key_path(const char *dir, const char *name, const char *suffix, char path[FL_PATH_MAX],
                    struct fl_err *reterr)
{
    char rel[FL_PATH_MAX];
    int used = snprintf(rel, sizeof(rel), "%s%s", name, suffix);

    if (used < 0 || (size_t)used >= sizeof(rel))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "key name of %zu bytes", strlen(name));
    return fl_path_join(dir, rel, path, FL_PATH_MAX, reterr);
}

/* A certificate as zcert_save writes it; secret may be NULL. */
static void cert_text(const char *name, const struct fl_keys *keys, bool secret, struct fl_buf *out)
{
    fl_buf_printf(out, "#   ZeroMQ CURVE %s Certificate\n", secret ? "**Secret**" : "Public");
    fl_buf_puts(out, secret ? "#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its "
                              "permissions.\n\n"
                            : "#   Exchange securely, or use a secure mechanism to verify.\n\n");
    fl_buf_printf(out, "metadata\n    name = \"%s\"\n", name);
    fl_buf_printf(out, "curve\n    public-key = \"%s\"\n", keys->public_key);
    if (secret)
        fl_buf_printf(out, "    secret-key = \"%s\"\n", keys->secret_key);
}

/* The quoted value of key in a certificate. */
static int cert_value(const char *text, const char *key, const char *path, char value[FL_KEY_TEXT],
                      struct fl_err *reterr)
{
    const char *at = text;
    size_t length = strlen(key);

    while (at) {
        const char *line = at + strspn(at, " \t");

        if (strncmp(line, key, length) == 0) {
            const char *quote = line + length + strspn(line + length, " \t=");

            if (*quote == '"' && strcspn(quote + 1, "\"\n") == FL_KEY_TEXT - 1 &&
                quote[FL_KEY_TEXT] == '"') {
                memcpy(value, quote + 1, FL_KEY_TEXT - 1);
                value[FL_KEY_TEXT - 1] = '\0';
                return 0;
            }
        }
        at = strchr(at, '\n');
        if (at)
            at++;
    }
    return fl_err_set(reterr, FL_E_PARSE, 0,
                      "'%s': no line %s = \"KEY\" with a key of %d characters (a CURVE certificate "
                      "is expected)",
                      path, key, FL_KEY_TEXT - 1);
}

static int cert_write(const struct fl_world *world, const char *path, const char *name,
                      const struct fl_keys *keys, bool secret, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc;

    fl_buf_init(&text, KEY_FILE_MAX);
    cert_text(name, keys, secret, &text);
    rc = fl_buf_check(&text, reterr);
    if (rc == 0)
        rc = fl_file_publish_mode(world, path, text.data, text.size, secret ? 0600 : 0644, reterr);
    return rc;
}

int fl_keys_make(const struct fl_world *world, const char *dir, const char *name,
                 struct fl_err *reterr)
{
    char secret_path[FL_PATH_MAX];
    char public_path[FL_PATH_MAX];
    struct fl_keys keys = {0};
    int rc = key_path(dir, name, ".key", secret_path, reterr);

    if (rc == 0)
        rc = key_path(dir, name, ".pub", public_path, reterr);
    if (rc == 0 && fl_file_exists(world, secret_path))
        rc = fl_err_set(reterr, FL_E_EXISTS, 0, "key '%s' exists; remove it first to make another",
                        secret_path);
    if (rc == 0)
        rc = fl_dir_make(world, dir, 0700, reterr);
    if (rc == 0)
        rc = fl_transport_keypair(keys.public_key, keys.secret_key, reterr);
    if (rc == 0)
        rc = cert_write(world, public_path, name, &keys, false, reterr);
    if (rc == 0)
        rc = cert_write(world, secret_path, name, &keys, true, reterr);
    return rc;
}

static int cert_read(const struct fl_world *world, const char *path, struct fl_buf *text,
                     struct fl_err *reterr)
{
    fl_buf_init(text, KEY_FILE_MAX);
    return fl_file_read(world, path, KEY_FILE_MAX, text, reterr);
}

int fl_keys_load(const struct fl_world *world, const char *dir, const char *name,
                 struct fl_keys *ret_keys, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text = {0};
    char path[FL_PATH_MAX];
    char derived[FL_KEY_TEXT];
    struct fl_keys keys = {0};
    struct fl_stat info;
    int rc = key_path(dir, name, ".key", path, reterr);

    if (rc == 0)
        rc = fl_file_stat(world, path, &info, reterr);
    if (rc == 0 && (info.mode & OTHERS) != 0)
        rc = fl_err_set(reterr, FL_E_PERM, 0,
                        "secret key '%s' has mode %04o: others can get at it; chmod 600, or make a "
                        "new one",
                        path, info.mode & 07777);
    if (rc == 0)
        rc = cert_read(world, path, &text, reterr);
    if (rc == 0)
        rc = cert_value(text.data, "secret-key", path, keys.secret_key, reterr);
    if (rc == 0)
        rc = cert_value(text.data, "public-key", path, keys.public_key, reterr);
    if (rc == 0) {
        rc = fl_transport_public_of(keys.secret_key, derived, reterr);
        if (rc == 0 && strcmp(derived, keys.public_key) != 0)
            rc = fl_err_set(reterr, FL_E_PARSE, 0, "its public and secret key do not match");
        if (rc < 0)
            rc = fl_err_note(reterr, rc, "'%s'", path);
    }
    if (rc == 0)
        *ret_keys = keys;
    explicit_bzero(&keys, sizeof(keys));
    if (text.data)
        explicit_bzero(text.data, text.size);
    return rc;
}

int fl_keys_load_public(const struct fl_world *world, const char *path,
                        char public_key[static FL_KEY_TEXT], struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text = {0};
    int rc = cert_read(world, path, &text, reterr);

    if (rc == 0)
        rc = cert_value(text.data, "public-key", path, public_key, reterr);
    return rc;
}

int fl_keys_allow(const struct fl_world *world, const char *dir, enum fl_bus_role role,
                  const char *name, const char *public_key, struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    struct fl_keys keys = {0};
    int rc;

    if (!fl_name_is_safe(name) ||
        strlen(role_name[role]) + 1 + strlen(name) >= FL_TRANSPORT_USER_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "'%s' is no name for a %s; accepted: a plain word of at most %d bytes",
                          name, role_name[role], FL_TRANSPORT_USER_MAX - 8);
    if (strlen(public_key) != FL_KEY_TEXT - 1)
        return fl_err_set(reterr, FL_E_USAGE, 0, "a public key has %d characters", FL_KEY_TEXT - 1);
    memcpy(keys.public_key, public_key, FL_KEY_TEXT);
    rc = fl_path_join(dir, role_folder[role], folder, sizeof(folder), reterr);
    if (rc == 0)
        rc = fl_dir_make(world, folder, 0700, reterr);
    if (rc == 0)
        rc = key_path(folder, name, ".pub", path, reterr);
    if (rc == 0)
        rc = cert_write(world, path, name, &keys, false, reterr);
    return rc;
}

static int make_and_allow(const struct fl_world *world, const char *dir, const char *key,
                          enum fl_bus_role role, const char *name, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    char public_key[FL_KEY_TEXT] = "";
    int rc = fl_keys_make(world, dir, key, reterr);

    if (rc == FL_E_EXISTS)
        rc = 0;
    if (rc == 0)
        rc = key_path(dir, key, ".pub", path, reterr);
    if (rc == 0)
        rc = fl_keys_load_public(world, path, public_key, reterr);
    if (rc == 0)
        rc = fl_keys_allow(world, dir, role, name, public_key, reterr);
    return rc;
}

int fl_keys_setup(const struct fl_world *world, const char *dir, const char *worker_name,
                  struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int lock_fd = -1;
    int rc = fl_dir_make(world, dir, 0700, reterr);

    /* two starts at once would each write half of a pair */
    if (rc == 0)
        rc = fl_path_join(dir, ".lock", path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_lock_wait(world, path, &lock_fd, reterr);
    if (rc == 0)
        rc = fl_keys_make(world, dir, "coordinator", reterr);
    if (rc == FL_E_EXISTS)
        rc = 0;
    if (rc == 0)
        rc = make_and_allow(world, dir, "worker", FL_BUS_WORKER, worker_name, reterr);
    if (rc == 0)
        rc = make_and_allow(world, dir, "client", FL_BUS_CLIENT, "local", reterr);
    fl_lock_release(world, lock_fd);
    return rc;
}
