/* `fairlead keys`: making and allowing keys. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/bus/keys.h"
#include "engine/bus/sites.h"
#include "engine/cli/cli.h"
#include "engine/cli/keys.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define WORKER_NAME "local"

static int keys_folder(const struct fl_cli *cli, char *path, size_t size, struct fl_err *reterr)
{
    if (cli->keys) {
        if (snprintf(path, size, "%s", cli->keys) >= (int)size)
            return fl_err_set(reterr, FL_E_TOO_BIG, 0, "--keys: the name is too long");
        return 0;
    }
    return fl_path_join(cli->state, "keys", path, size, reterr);
}

static int keys_allow(const struct fl_cli *cli, const char *keys, struct fl_err *reterr)
{
    char public_key[FL_KEY_TEXT];
    enum fl_bus_role role = FL_BUS_CLIENT;
    int rc;

    if (cli->arg_count != 4 ||
        (strcmp(cli->args[1], "worker") != 0 && strcmp(cli->args[1], "client") != 0))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "expected: fairlead keys allow worker|client NAME FILE.pub");
    if (strcmp(cli->args[1], "worker") == 0)
        role = FL_BUS_WORKER;
    rc = fl_keys_load_public(cli->world, cli->args[3], public_key, reterr);
    if (rc == 0)
        rc = fl_keys_allow(cli->world, keys, role, cli->args[2], public_key, reterr);
    if (rc == 0)
        (void)printf("%s '%s' may come in with the key of '%s'\n", cli->args[1], cli->args[2],
                     cli->args[3]);
    return rc;
}

/* The name under which worker.key may come in; "" for none. */
struct holder {
    const struct fl_world *world;
    const char *folder;
    const char *public_key;
    char name[FL_TRANSPORT_USER_MAX];
    bool same; /* it is the wanted one */
    const char *wanted;
};

static int note_holder(const char *file, bool is_dir, void *arg)
{
    struct holder *holder = arg;
    char path[FL_PATH_MAX];
    char public_key[FL_KEY_TEXT];
    size_t size = strlen(file);

    if (is_dir || size < 5 || strcmp(file + size - 4, ".pub") != 0 ||
        snprintf(path, sizeof(path), "%s/%s", holder->folder, file) >= (int)sizeof(path) ||
        fl_keys_load_public(holder->world, path, public_key, NULL) < 0 ||
        strcmp(public_key, holder->public_key) != 0)
        return 0;
    (void)snprintf(holder->name, sizeof(holder->name), "%.*s", (int)size - 4, file);
    holder->same = holder->same || strcmp(holder->name, holder->wanted) == 0;
    return 0;
}

/* One key is one worker: two with the same would be taken for each other. */
static int refuse_second(const struct fl_cli *cli, const char *keys, const char *name,
                         struct fl_err *reterr)
{
    char own[FL_PATH_MAX];
    char folder[FL_PATH_MAX];
    char public_key[FL_KEY_TEXT];
    struct holder holder = {
        .world = cli->world, .folder = folder, .public_key = public_key, .wanted = name};
    int rc = fl_path_join(keys, "worker.pub", own, sizeof(own), reterr);

    if (rc == 0)
        rc = fl_path_join(keys, "allowed/workers", folder, sizeof(folder), reterr);
    if (rc < 0 || fl_keys_load_public(cli->world, own, public_key, NULL) < 0 ||
        !fl_file_exists(cli->world, folder))
        return rc;
    rc = fl_dir_list(cli->world, folder, note_holder, &holder, reterr);
    if (rc < 0 || holder.same || !holder.name[0])
        return rc;
    return fl_err_set(reterr, FL_E_EXISTS, 0,
                      "'%s' is the key of worker '%s' already; a key of its own for '%s': fairlead "
                      "keys worker %s",
                      own, holder.name, name, name);
}

static int keys_setup(const struct fl_cli *cli, const char *keys, struct fl_err *reterr)
{
    const char *name = cli->arg_count == 2 ? cli->args[1] : WORKER_NAME;
    int rc = cli->keys ? 0 : fl_dir_make(cli->world, cli->state, 0755, reterr);

    if (rc == 0 && cli->arg_count == 2)
        rc = refuse_second(cli, keys, name, reterr);
    if (rc == 0)
        rc = fl_keys_setup(cli->world, keys, name, reterr);
    if (rc == 0)
        rc = fl_sites_setup(cli->world, keys, reterr);
    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_keys_list(cli, keys, reterr);
    (void)printf("keys are in '%s'\n"
                 "a worker on this host:    fairlead-worker --name %s --keys %s ...\n"
                 "a worker on another host: fairlead keys worker NAME  (makes a folder to copy)\n"
                 "sites that exchange files: fairlead keys site NAME   (once for each site)\n"
                 "coordinator.key, ca.key and grant.key never leave this host\n",
                 keys, name, keys);
    return 0;
}

/* What a worker elsewhere needs of ours. */
static int copy_public(const struct fl_cli *cli, const char *keys, const char *folder,
                       struct fl_err *reterr)
{
    static const char *const names[] = {"coordinator.pub", "ca.pem", "grant.pub"};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < FL_COUNT(names); i++) {
        char from[FL_PATH_MAX];
        char to[FL_PATH_MAX];

        rc = fl_path_join(keys, names[i], from, sizeof(from), reterr);
        if (rc == 0)
            rc = fl_path_join(folder, names[i], to, sizeof(to), reterr);
        if (rc == 0)
            rc = fl_file_copy(cli->world, from, to, reterr);
    }
    return rc;
}

static int keys_worker(const struct fl_cli *cli, const char *keys, struct fl_err *reterr)
{
    const char *name = cli->arg_count == 2 ? cli->args[1] : "";
    char public_key[FL_KEY_TEXT];
    char below[FL_PATH_MAX];
    char folder[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    int rc;

    if (!fl_name_is_safe(name))
        return fl_err_set(reterr, FL_E_USAGE, 0, "expected: fairlead keys worker NAME");
    rc = snprintf(below, sizeof(below), "hosts/%s", name) >= (int)sizeof(below)
             ? fl_err_set(reterr, FL_E_TOO_BIG, 0, "the worker's name is too long")
             : fl_path_join(keys, below, folder, sizeof(folder), reterr);
    if (rc == 0 && snprintf(path, sizeof(path), "%s/coordinator.pub", keys) < (int)sizeof(path) &&
        !fl_file_exists(cli->world, path))
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "no keys of a coordinator at '%s'; make them: fairlead keys setup", keys);
    if (rc == 0)
        rc = fl_sites_setup(cli->world, keys, reterr);
    if (rc == 0)
        rc = fl_keys_make(cli->world, folder, "worker", reterr);
    if (rc == 0)
        rc = copy_public(cli, keys, folder, reterr);
    if (rc == 0)
        rc = fl_path_join(folder, "worker.pub", path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_keys_load_public(cli->world, path, public_key, reterr);
    if (rc == 0)
        rc = fl_keys_allow(cli->world, keys, FL_BUS_WORKER, name, public_key, reterr);
    if (rc == 0)
        (void)printf("worker '%s' may come in with the key in '%s'\n"
                     "copy that folder to its host, keeping the modes (scp -rp), remove it here, "
                     "and there:\n"
                     "    fairlead-worker --name %s --keys THE-COPY ...\n"
                     "the keys of the sites that it serves belong into the same folder: fairlead "
                     "keys site NAME\n",
                     name, folder, name);
    return rc;
}

static int keys_site(const struct fl_cli *cli, const char *keys, struct fl_err *reterr)
{
    const char *name = cli->arg_count == 2 ? cli->args[1] : NULL;
    int rc = name ? fl_sites_make(cli->world, keys, name, reterr)
                  : fl_err_set(reterr, FL_E_USAGE, 0, "expected: fairlead keys site NAME");

    if (rc == 0)
        (void)printf("site '%s' proves itself with %s.pem and %s.key in '%s'\n"
                     "a worker on this host that serves it: fairlead-worker --keys %s ...\n"
                     "a worker on another host: copy %s.pem, %s.key (mode 0600: a secret), ca.pem "
                     "and grant.pub into its folder of keys, and remove %s.key here\n",
                     name, name, name, keys, keys, name, name, name);
    return rc;
}

int fl_cli_keys(struct fl_cli *cli, struct fl_err *reterr)
{
    char keys[FL_PATH_MAX];
    int rc = keys_folder(cli, keys, sizeof(keys), reterr);

    if (rc < 0)
        return rc;
    if (cli->arg_count == 0 || (cli->arg_count == 1 && strcmp(cli->args[0], "list") == 0))
        return fl_cli_keys_list(cli, keys, reterr);
    if (cli->arg_count <= 2 && strcmp(cli->args[0], "setup") == 0)
        return keys_setup(cli, keys, reterr);
    if (strcmp(cli->args[0], "worker") == 0)
        return keys_worker(cli, keys, reterr);
    if (strcmp(cli->args[0], "site") == 0)
        return keys_site(cli, keys, reterr);
    if (strcmp(cli->args[0], "allow") == 0)
        return keys_allow(cli, keys, reterr);
    return fl_err_set(reterr, FL_E_USAGE, 0,
                      "fairlead keys '%.40s'; accepted: list, setup [WORKER], worker NAME, site "
                      "NAME, allow worker|client NAME FILE.pub",
                      cli->args[0]);
}
