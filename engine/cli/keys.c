/* `fairlead keys`: making, listing and allowing keys. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/bus/keys.h"
#include "engine/cli/cli.h"
#include "engine/cli/text.h"
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

struct listing {
    const struct fl_world *world;
    const char *folder;
    const char *what;
    struct fl_table *table;
    json_t *json; /* array */
};

static int list_key(const char *name, bool is_dir, void *arg)
{
    struct listing *listing = arg;
    char path[FL_PATH_MAX];
    char public_key[FL_KEY_TEXT];
    char plain[FL_PATH_MAX];
    size_t size = strlen(name);
    const char *cells[] = {listing->what, plain, public_key, path};

    if (is_dir || size < 5 || strcmp(name + size - 4, ".pub") != 0 ||
        snprintf(path, sizeof(path), "%s/%s", listing->folder, name) >= (int)sizeof(path))
        return 0;
    (void)snprintf(plain, sizeof(plain), "%.*s", (int)(size - 4), name);
    if (fl_keys_load_public(listing->world, path, public_key, NULL) < 0)
        (void)snprintf(public_key, sizeof(public_key), "(unreadable)");
    fl_table_row(listing->table, cells);
    (void)json_array_append_new(listing->json,
                                json_pack("{s:s, s:s, s:s, s:s}", "role", listing->what, "name",
                                          plain, "public", public_key, "file", path));
    return 0;
}

static int list_folder(struct listing *listing, const char *keys, const char *below,
                       const char *what, struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    int rc = snprintf(folder, sizeof(folder), "%s%s", keys, below) >= (int)sizeof(folder)
                 ? fl_err_set(reterr, FL_E_TOO_BIG, 0, "the name of the keys' folder is too long")
                 : 0;

    listing->folder = folder;
    listing->what = what;
    if (rc == 0 && fl_file_exists(listing->world, folder))
        rc = fl_dir_list(listing->world, folder, list_key, listing, reterr);
    listing->folder = NULL; /* it ends with this function */
    return rc;
}

static int keys_list(const struct fl_cli *cli, const char *keys, struct fl_err *reterr)
{
    static const char *const heads[] = {"ROLE", "NAME", "PUBLIC KEY", "FILE"};
    fl_auto(fl_table_release) struct fl_table table = {0};
    fl_json_auto json_t *array = json_array();
    struct listing listing = {.world = cli->world, .table = &table, .json = array};
    int rc;

    if (!array)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    fl_table_init(&table, FL_COUNT(heads), heads, -1);
    rc = list_folder(&listing, keys, "", "own", reterr);
    if (rc == 0)
        rc = list_folder(&listing, keys, "/allowed/workers", "allowed worker", reterr);
    if (rc == 0)
        rc = list_folder(&listing, keys, "/allowed/clients", "allowed client", reterr);
    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON) {
        fl_json_auto json_t *all = json_pack("{s:s, s:O}", "folder", keys, "keys", array);

        return fl_cli_print_json(all, reterr);
    }
    if (table.count == 1) {
        (void)printf("no keys at '%s'; make them: fairlead keys setup\n", keys);
        return 0;
    }
    return fl_table_print(&table, stdout, "", reterr);
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

int fl_cli_keys(struct fl_cli *cli, struct fl_err *reterr)
{
    char keys[FL_PATH_MAX];
    int rc = keys_folder(cli, keys, sizeof(keys), reterr);

    if (rc < 0)
        return rc;
    if (cli->arg_count == 0 || (cli->arg_count == 1 && strcmp(cli->args[0], "list") == 0))
        return keys_list(cli, keys, reterr);
    if (cli->arg_count <= 2 && strcmp(cli->args[0], "setup") == 0) {
        rc = cli->keys ? 0 : fl_dir_make(cli->world, cli->state, 0755, reterr);
        if (rc == 0)
            rc = fl_keys_setup(cli->world, keys, cli->arg_count == 2 ? cli->args[1] : WORKER_NAME,
                               reterr);
        if (rc == 0 && !(cli->given & FL_OPT_JSON))
            (void)printf("keys are in '%s'\n"
                         "a worker on this host: fairlead-worker --keys %s ...\n"
                         "on another host: the same with a copy of worker.key, worker.pub and "
                         "coordinator.pub\n",
                         keys, keys);
        return rc < 0 || !(cli->given & FL_OPT_JSON) ? rc : keys_list(cli, keys, reterr);
    }
    if (strcmp(cli->args[0], "allow") == 0)
        return keys_allow(cli, keys, reterr);
    return fl_err_set(reterr, FL_E_USAGE, 0,
                      "fairlead keys '%.40s'; accepted: list, setup [WORKER], allow "
                      "worker|client NAME FILE.pub",
                      cli->args[0]);
}
