/* `fairlead keys list`. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/time.h"
#include "engine/bus/keys.h"
#include "engine/bus/sites.h"
#include "engine/cli/cli.h"
#include "engine/cli/keys.h"
#include "engine/cli/text.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)

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
        strcmp(name, "grant.pub") == 0 || /* is no key of a session */
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

/* SITE.pem: its name, when it ends. */
static int list_certificate(const char *name, bool is_dir, void *arg)
{
    struct listing *listing = arg;
    char path[FL_PATH_MAX];
    char found[128];
    char until[FL_TIME_TEXT_MAX + 16];
    char day[FL_TIME_TEXT_MAX];
    int64_t until_s = 0;
    size_t size = strlen(name);
    const char *cells[] = {"site", found, until, path};

    if (is_dir || size < 5 || strcmp(name + size - 4, ".pem") != 0 || strcmp(name, "ca.pem") == 0 ||
        snprintf(path, sizeof(path), "%s/%s", listing->folder, name) >= (int)sizeof(path))
        return 0;
    if (fl_sites_read(listing->world, path, found, sizeof(found), &until_s, NULL) < 0) {
        (void)snprintf(found, sizeof(found), "%.*s", (int)(size - 4), name);
        (void)snprintf(until, sizeof(until), "(unreadable)");
    } else {
        fl_cycle_format((struct fl_cycle){.s = until_s}, day);
        (void)snprintf(until, sizeof(until), "until %s%s", day,
                       until_s < fl_world_utc_ns(listing->world) / SECOND_NS ? " (over)" : "");
    }
    fl_table_row(listing->table, cells);
    (void)json_array_append_new(listing->json,
                                json_pack("{s:s, s:s, s:s, s:s}", "role", "site", "name", found,
                                          "valid", until, "file", path));
    return 0;
}

static int list_folder(struct listing *listing, const char *keys, const char *below,
                       const char *what, fl_list_fn fn, struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    int rc = snprintf(folder, sizeof(folder), "%s%s", keys, below) >= (int)sizeof(folder)
                 ? fl_err_set(reterr, FL_E_TOO_BIG, 0, "the name of the keys' folder is too long")
                 : 0;

    listing->folder = folder;
    listing->what = what;
    if (rc == 0 && fl_file_exists(listing->world, folder))
        rc = fl_dir_list(listing->world, folder, fn, listing, reterr);
    listing->folder = NULL; /* it ends with this function */
    return rc;
}

int fl_cli_keys_list(const struct fl_cli *cli, const char *keys, struct fl_err *reterr)
{
    static const char *const heads[] = {"ROLE", "NAME", "PUBLIC KEY, OR HOW LONG IT HOLDS", "FILE"};
    fl_auto(fl_table_release) struct fl_table table = {0};
    fl_json_auto json_t *array = json_array();
    struct listing listing = {.world = cli->world, .table = &table, .json = array};
    int rc;

    if (!array)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    fl_table_init(&table, FL_COUNT(heads), heads, -1);
    rc = list_folder(&listing, keys, "", "own", list_key, reterr);
    if (rc == 0)
        rc = list_folder(&listing, keys, "/allowed/workers", "allowed worker", list_key, reterr);
    if (rc == 0)
        rc = list_folder(&listing, keys, "/allowed/clients", "allowed client", list_key, reterr);
    if (rc == 0)
        rc = list_folder(&listing, keys, "", "site", list_certificate, reterr);
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
