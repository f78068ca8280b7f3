/* `fairlead custody`, `verify` and `withdraw`: what became of products after their delivery. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "engine/base/json.h"
#include "engine/cli/cli.h"
#include "engine/cli/text.h"
#include "engine/coordinator/coordinator.h"
#include "engine/world/file.h"
#include "engine/world/process.h"

#include "engine/base/banned.h"

#define TRANSFER "fairlead-transfer"
#define SITES_MAX ((size_t)1024 * 1024)

/* Runs fairlead-transfer in our place on the terminal; its exit status is ours. */
static int transfer(const struct fl_cli *cli, const char *const *argv, struct fl_err *reterr)
{
    const struct fl_world *world = cli->world;
    char path[FL_PATH_MAX];
    const struct fl_spawn spawn = {
        .path = path, .argv = argv, .stdin_fd = 0, .stdout_fd = 1, .stderr_fd = 2};
    struct fl_wait_item item = {.fd = -1};
    pid_t pid = 0;
    int status = 0;
    int rc = fl_process_find(world, TRANSFER, path, sizeof(path), reterr);

    if (rc < 0)
        return rc;
    (void)fflush(stdout);
    rc = fl_process_spawn(world, &spawn, &pid, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, TRANSFER);
    item.fd = world->ops->pidfd(pid, world->arg);
    if (item.fd < 0)
        return fl_err_errno(reterr, -item.fd, "watch " TRANSFER);
    while (rc == 0 && world->ops->reap(pid, &status, world->arg) == 0)
        rc = fl_world_wait(world, &item, 1, -1, reterr);
    (void)world->ops->close(item.fd, world->arg); /* only watched */
    if (rc < 0)
        return rc;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 70;
}

/* The products folders of this host's sites that have a ledger, and the ledgers of their other
 * destinations. */
struct folders {
    const struct fl_cli *cli;
    const char *run;
    size_t count;
    int code;
    char products[FL_PATH_MAX];
};

static int print_ledger(struct folders *f, const char *dir, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    const char *argv[8] = {TRANSFER, "custody"};
    size_t count = 2;
    int code;

    if (fl_path_join(dir, ".fairlead/custody.db", path, sizeof(path), NULL) < 0 ||
        !fl_file_exists(f->cli->world, path))
        return 0;
    f->count++;
    if (f->run) {
        argv[count++] = "--run";
        argv[count++] = f->run;
    }
    if (f->cli->given & FL_OPT_JSON)
        argv[count++] = "--json";
    argv[count++] = dir;
    argv[count] = NULL;
    code = transfer(f->cli, argv, reterr);
    if (code > 0)
        f->code = code;
    return code < 0 ? code : 0;
}

static int print_other(const char *name, bool is_dir, void *arg)
{
    struct folders *f = arg;
    char dir[FL_PATH_MAX];

    if (is_dir && snprintf(dir, sizeof(dir), "%.3500s/.fairlead/to/%.500s", f->products, name) > 0)
        (void)print_ledger(f, dir, NULL); /* its message went to the terminal */
    return 0;
}

static int each_site(struct folders *f, const json_t *sites, struct fl_err *reterr)
{
    const char *name;
    json_t *site;
    int rc = 0;

    json_object_foreach((json_t *)(uintptr_t)sites, name, site)
    {
        char path[FL_PATH_MAX];

        if (rc < 0 || fl_path_join(fl_text_of(site, "root"), "products", f->products,
                                   sizeof(f->products), NULL) < 0)
            continue;
        rc = print_ledger(f, f->products, reterr);
        if (rc == 0 && fl_path_join(f->products, ".fairlead/to", path, sizeof(path), NULL) == 0)
            (void)fl_dir_list(f->cli->world, path, print_other, f, NULL); /* most often none */
    }
    return rc;
}

int fl_cli_custody(struct fl_cli *cli, struct fl_err *reterr)
{
    struct folders folders = {.cli = cli, .run = cli->arg_count > 0 ? cli->args[0] : NULL};
    fl_auto(fl_buf_release) struct fl_buf text;
    fl_json_auto json_t *sites = NULL;
    char path[FL_PATH_MAX];
    int rc = fl_path_join(cli->state, FL_COORDINATOR_SITES_FILE, path, sizeof(path), reterr);

    fl_buf_init(&text, SITES_MAX);
    if (rc == 0)
        rc = fl_file_read(cli->world, path, SITES_MAX, &text, reterr);
    if (rc == 0)
        rc = fl_json_parse(text.data, text.size, &sites, reterr);
    if (rc == 0)
        rc = each_site(&folders, sites, reterr);
    if (rc == 0 && folders.count == 0)
        rc = fl_err_set(reterr, FL_E_NOENT, 0,
                        "no site of '%s' on this host has a ledger of deliveries; elsewhere: "
                        "fairlead-transfer custody PRODUCTS",
                        cli->state);
    return rc < 0 ? rc : folders.code;
}

int fl_cli_verify(struct fl_cli *cli, struct fl_err *reterr)
{
    const char *const argv[] = {TRANSFER, "verify", cli->args[0], NULL};

    return transfer(cli, argv, reterr);
}

int fl_cli_withdraw(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    fl_json_auto json_t *result = NULL;
    json_t *files = json_array();
    json_t *request;
    int rc = 0;

    for (int i = 1; files && i < cli->arg_count; i++)
        (void)json_array_append_new(files, json_string(cli->args[i])); /* refused when not UTF-8 */
    request = json_pack("{s:s, s:s, s:o, s:s*}", "verb", "withdraw", "run", cli->args[0], "files",
                        files, "why", cli->why);
    if (!request)
        return fl_err_set(reterr, FL_E_USAGE, 0, "the names must be UTF-8");
    if ((cli->given & FL_OPT_DRY) && json_object_set_new(request, "dry", json_true()) != 0)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_LIVE, reterr);
    if (rc < 0) {
        json_decref(request);
        return rc;
    }
    rc = fl_client_ask(&client, request, &result, reterr);
    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    (void)printf("%s of %s %s withdrawn: %s\n", cli->arg_count == 2 ? cli->args[1] : "these files",
                 cli->args[0], cli->given & FL_OPT_DRY ? "would be" : "are being", cli->why);
    return 0;
}
