/* Where the sites lie, as their workers say it in the hello: kept beside the state for the commands
 * that read files (logs) on the same host. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/coordinator/private.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

/* Puts what the hello says into all; *ret_changed when it said something new. */
static int sites_merge(json_t *all, const char *worker, const json_t *hello, bool *ret_changed,
                       struct fl_err *reterr)
{
    const json_t *sites = NULL;
    const char *host = "";
    size_t i;
    json_t *site;
    int rc = fl_json_array_opt(hello, "sites", &sites, reterr);

    if (rc == 0)
        rc = fl_json_string_opt(hello, "host", "", &host, reterr);
    if (rc < 0)
        return rc;
    json_array_foreach(sites, i, site)
    {
        const char *name = json_string_value(json_object_get(site, "site"));
        const char *root = json_string_value(json_object_get(site, "root"));
        fl_json_auto json_t *entry = NULL;

        if (!name || !root)
            continue;
        entry = json_pack("{s:s, s:s, s:s}", "root", root, "host", host, "worker", worker);
        if (entry && json_equal(json_object_get(all, name), entry))
            continue;
        if (!entry || json_object_set(all, name, entry) != 0)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
        *ret_changed = true;
    }
    return 0;
}

void fl_coordinator_note_sites(struct fl_coordinator *c, const char *worker, const json_t *hello)
{
    char path[FL_PATH_MAX];
    char *text = NULL;
    bool changed = false;
    struct fl_err err = {0};
    int rc = sites_merge(c->sites, worker, hello, &changed, &err);

    if (rc == 0 && changed) {
        text = fl_json_text(c->sites);
        rc = text ? fl_path_join(c->state, FL_COORDINATOR_SITES_FILE, path, sizeof(path), &err)
                  : fl_err_set(&err, FL_E_NOMEM, 0, "out of memory");
    }
    if (rc == 0 && changed)
        rc = fl_file_publish(c->world, path, text, strlen(text), &err);
    free(text);
    if (rc < 0) /* a convenience: nothing that the run needs */
        fl_log(FL_LOG_WARN, "sites.note", "worker='%s' error='%s'", worker, err.text);
}
