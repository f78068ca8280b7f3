/* `fairlead log`: what an attempt wrote, read where its site's files lie. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/text.h"
#include "engine/coordinator/coordinator.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define SITES_MAX ((size_t)1024 * 1024)
#define LOG_MAX ((size_t)64 * 1024 * 1024)

/* The root of a site as its worker told the coordinator. */
static int site_root(const struct fl_cli *cli, const char *site, char *root, size_t size,
                     struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text = {0};
    fl_json_auto json_t *sites = NULL;
    const json_t *entry;
    char path[FL_PATH_MAX];
    int rc = fl_path_join(cli->state, FL_COORDINATOR_SITES_FILE, path, sizeof(path), reterr);

    fl_buf_init(&text, SITES_MAX);
    if (rc == 0)
        rc = fl_file_read(cli->world, path, SITES_MAX, &text, reterr);
    if (rc == 0)
        rc = fl_json_parse(text.data, text.size, &sites, reterr);
    if (rc < 0)
        return rc;
    entry = json_object_get(sites, site);
    if (!*fl_text_of(entry, "root"))
        return fl_err_set(reterr, FL_E_NOENT, 0, "'%s' does not say where site '%s' lies", path,
                          site);
    (void)snprintf(root, size, "%s", fl_text_of(entry, "root"));
    if (!fl_file_exists(cli->world, root))
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "site '%s' lies at '%s' on host '%s'; logs are read on that host", site,
                          root, fl_text_of(entry, "host"));
    return 0;
}

/* What was found of one stream of an attempt. */
struct found {
    bool there;
    size_t size; /* bytes */
};

/* Prints a file when it is there; without a stream only looks at it. */
static int print_file(const struct fl_cli *cli, const char *path, FILE *stream, struct found *found,
                      struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text = {0};
    int rc;

    if (!fl_file_exists(cli->world, path))
        return 0;
    fl_buf_init(&text, LOG_MAX);
    rc = fl_file_read(cli->world, path, LOG_MAX, &text, reterr);
    if (rc < 0)
        return rc;
    found->there = true;
    found->size += text.size;
    if (stream && fwrite(text.data, 1, text.size, stream) != text.size)
        return fl_err_set(reterr, FL_E_IO, 0, "write standard output");
    return 0;
}

static int print_log(const struct fl_cli *cli, const char *folder, const char *name, FILE *stream,
                     struct found *found, struct fl_err *reterr)
{
    /* a log that grows has its newest part beside it (engine/worker/bodylog.h) */
    static const char *const parts[] = {"", ".older", ".part"};
    char path[FL_PATH_MAX * 2 + 64];
    int rc = 0;

    for (size_t i = 0; i < FL_COUNT(parts) && rc == 0; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s%s", folder, name, parts[i]);
        rc = print_file(cli, path, stream, found, reterr);
    }
    return rc;
}

/* Nothing was printed: so that nobody takes silence for a fault, and the other stream is found. */
static int tell_empty(const struct fl_cli *cli, const char *folder, const char *id,
                      struct fl_err *reterr)
{
    bool want_error = cli->given & FL_OPT_STDERR;
    struct found other = {0};
    int rc = print_log(cli, folder, want_error ? "stdout" : "stderr", NULL, &other, reterr);

    if (rc < 0)
        return rc;
    (void)fprintf(stderr, "fairlead: %s wrote nothing to standard %s", id,
                  want_error ? "error" : "output");
    if (other.size > 0)
        (void)fprintf(stderr, "; it did to standard %s: %s --stderr",
                      want_error ? "output" : "error", want_error ? "without" : "see it with");
    (void)fputc('\n', stderr);
    return 0;
}

/* The attempt is there; its logs come into being with what is printed. */
static bool is_made(const struct fl_cli *cli, const char *folder)
{
    char path[FL_PATH_MAX * 2 + 64];

    (void)snprintf(path, sizeof(path), "%.*s/spec.json", (int)(fl_path_base(folder) - folder),
                   folder);
    return fl_file_exists(cli->world, path);
}

int fl_cli_log(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_json_auto json_t *result = NULL;
    const char *run = NULL;
    const char *stage = NULL;
    const char *stream = cli->given & FL_OPT_STDERR ? "stderr" : "stdout";
    char root[FL_PATH_MAX] = "";
    char folder[FL_PATH_MAX * 2 + 16];
    struct found found = {0};
    int rc = fl_cli_run_stage(cli, &run, &stage, reterr);

    if (rc == 0)
        rc = fl_cli_ask(cli, "log", run, stage, &result, reterr);
    if (rc == 0)
        rc = site_root(cli, fl_text_of(result, "site"), root, sizeof(root), reterr);
    if (rc == 0 && (cli->given & FL_OPT_JSON)) {
        (void)json_object_set_new(result, "root", json_string(root));
        return fl_cli_print_json(result, reterr);
    }
    if (rc < 0)
        return rc;
    (void)snprintf(folder, sizeof(folder), "%s/%s", root, fl_text_of(result, "path"));
    rc = print_log(cli, folder, stream, stdout, &found, reterr);
    if (rc == 0 && !found.there && !is_made(cli, folder))
        return fl_err_set(reterr, FL_E_NOENT, 0, "no log yet at '%s/%s'", folder, stream);
    if (rc == 0 && found.size == 0)
        return tell_empty(cli, folder, fl_text_of(result, "id"), reterr);
    return rc;
}
