/* Grants for what a worker is told to start: the files that lie at other sites, by site. Made from
 * the message and the launch's time alone, so that a message that is made again has the same. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/grant.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/base/sign.h"
#include "engine/bus/sites.h"
#include "engine/coordinator/private.h"

#include "engine/base/banned.h"

#define TEXT_MAX ((size_t)256 * 1024) /* of paths in one grant */
#define NS_PER_S INT64_C(1000000000)

void fl_coordinator_load_grant_key(struct fl_coordinator *c)
{
    struct fl_err err = {0};
    int rc = fl_sites_setup_grant(c->world, c->keys, &err);

    if (rc == 0)
        rc = fl_sites_load_grant(c->world, c->keys, &c->grant_key, &err);
    if (rc < 0)
        fl_log(FL_LOG_WARN, "grants.none",
               "error='%s'; nothing can be read through the doors of sites that ask for grants",
               err.text);
}

/* One grant for files, which it takes. */
static int sign(const struct fl_coordinator *c, const char *site, const char *to, int64_t expires_s,
                json_t *files, json_t *grants, struct fl_err *reterr)
{
    fl_json_auto json_t *grant =
        json_pack("{s:i,s:s,s:s,s:I,s:o}", "v", FL_GRANT_VERSION, "site", site, "to", to, "expires",
                  (json_int_t)expires_s, "files", files);
    char *text = grant ? fl_json_text(grant) : NULL;
    char signature[FL_SIGNATURE_TEXT];
    int rc = text ? fl_sign(c->grant_key, text, strlen(text), signature, reterr)
                  : fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for grants");

    if (rc == 0 && json_array_append_new(grants, json_pack("{s:s,s:s,s:s}", "site", site, "text",
                                                           text, "signature", signature)) < 0)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for grants");
    free(text);
    return rc;
}

/* The files of one site, in as many grants as they take. */
static int grant_site(const struct fl_coordinator *c, const char *site, const char *to,
                      int64_t expires_s, const json_t *inputs, json_t *grants,
                      struct fl_err *reterr)
{
    json_t *files = json_array();
    size_t bytes = 0;
    int rc = files ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for grants");

    for (size_t i = 0; rc == 0 && i < json_array_size(inputs); i++) {
        const json_t *entry = json_array_get(inputs, i);
        const char *from = json_string_value(json_object_get(entry, "site"));
        json_t *path = json_object_get(entry, "path");

        if (!from || strcmp(from, site) != 0 || !json_is_string(path) ||
            !json_is_string(json_object_get(entry, "url")))
            continue;
        bytes += json_string_length(path) + 4;
        if (json_array_append(files, path) < 0)
            rc = fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for grants");
        if (rc == 0 && bytes >= TEXT_MAX) {
            rc = sign(c, site, to, expires_s, files, grants, reterr);
            files = json_array();
            bytes = 0;
        }
    }
    if (rc == 0 && bytes > 0)
        return sign(c, site, to, expires_s, files, grants, reterr);
    json_decref(files);
    return rc;
}

static bool is_seen(const json_t *sites, const char *site)
{
    return json_object_get(sites, site) != NULL;
}

/* {"grants"} of inputs, put into target. */
static int add(const struct fl_coordinator *c, const json_t *inputs, const char *to,
               int64_t expires_s, json_t *target, struct fl_err *reterr)
{
    fl_json_auto json_t *seen = NULL;
    fl_json_auto json_t *grants = NULL;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < json_array_size(inputs); i++) {
        const json_t *entry = json_array_get(inputs, i);
        const char *site = json_string_value(json_object_get(entry, "site"));

        if (!site || !json_is_string(json_object_get(entry, "url")))
            continue;
        if (!seen) { /* most have nothing elsewhere */
            seen = json_object();
            grants = json_array();
        }
        if (is_seen(seen, site))
            continue;
        rc = json_object_set_new(seen, site, json_true()) == 0
                 ? grant_site(c, site, to, expires_s, inputs, grants, reterr)
                 : fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for grants");
    }
    if (rc == 0 && grants && json_object_set(target, "grants", grants) < 0)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for grants");
    return rc;
}

/* Most attempts read at their own site alone. */
static bool is_any_elsewhere(const json_t *inputs)
{
    for (size_t i = 0; i < json_array_size(inputs); i++)
        if (json_is_string(json_object_get(json_array_get(inputs, i), "url")))
            return true;
    return false;
}

int fl_coordinator_add_grants(const struct fl_coordinator *c, json_t *message,
                              struct fl_err *reterr)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    bool launch = type && strcmp(type, "launch") == 0;
    json_t *target = launch ? json_object_get(message, "spec") : message;
    const json_t *inputs = json_object_get(target, "inputs");
    const char *id = json_string_value(json_object_get(target, "id"));
    const char *to = NULL;
    int64_t launched_ns = 0;

    if (!c->grant_key || !id || !is_any_elsewhere(inputs) ||
        (!launch && (!type || strcmp(type, "provide") != 0)) ||
        fl_core_launched(c->core, id, &to, &launched_ns) < 0)
        return 0;
    return add(c, inputs, to, launched_ns / NS_PER_S + FL_COORDINATOR_GRANT_S, target, reterr);
}
