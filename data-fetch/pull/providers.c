/* Providers of the site file. */
#include "config.h"

#include "data-fetch/pull/providers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data-fetch/command/settings.h"

#include "engine/base/banned.h"

#define PER_MINUTE_MAX 1000000

static bool is_host_of(const char *host, const struct fl_source_mirror *mirror)
{
    const char *at = strstr(mirror->url, "://");
    size_t size = strlen(host);

    at = at ? at + 3 : mirror->url;
    return strncasecmp(at, host, size) == 0 &&
           (at[size] == '\0' || at[size] == '/' || at[size] == ':');
}

static int apply_one(const struct fl_settings *settings, const struct config_setting_t *group,
                     struct fl_source *source, struct fl_err *reterr)
{
    static const char *const keys[] = {"hosts", "per_minute", "connections", NULL};
    const struct config_setting_t *hosts = NULL;
    const char *name = fl_settings_name(group);
    int64_t per_minute = -1;
    int64_t connections = 0;
    size_t count = 0;
    int rc = fl_settings_known(settings, group, keys, reterr);

    if (rc == 0)
        rc = fl_settings_list(settings, group, "hosts", 1, FL_PROVIDER_HOSTS_MAX, &hosts, &count,
                              reterr);
    if (rc == 0)
        rc = fl_settings_int(settings, group, "per_minute", 0, PER_MINUTE_MAX, &per_minute, reterr);
    if (rc == 0)
        rc = fl_settings_int(settings, group, "connections", 1, FL_SOURCE_CONNECTIONS_MAX,
                             &connections, reterr);
    if (rc == 0 && strlen(name) >= FL_SOURCE_NAME_MAX)
        rc = fl_settings_bad(settings, group, reterr, "the name '%.80s' is longer than %d bytes",
                             name, FL_SOURCE_NAME_MAX - 1);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const char *host = "";

        rc = fl_settings_text_at(settings, hosts, i, &host, reterr);
        for (size_t k = 0; rc == 0 && k < source->mirror_count; k++) {
            struct fl_source_mirror *mirror = &source->mirrors[k];

            if (!is_host_of(host, mirror))
                continue;
            (void)snprintf(mirror->provider, sizeof(mirror->provider), "%s", name);
            if (per_minute >= 0)
                mirror->per_minute = (int)per_minute;
            if (connections > 0)
                mirror->connections = (int)connections;
        }
    }
    return rc;
}

int fl_providers_apply(const struct fl_world *world, const char *site, struct fl_source *source,
                       struct fl_err *reterr)
{
    fl_auto(fl_settings_destroy) struct fl_settings *settings = NULL;
    const struct config_setting_t *group = NULL;
    const struct config_setting_t *providers = NULL;
    int rc;

    if (!site)
        site = getenv("FAIRLEAD_SITE");
    if (!site || !*site)
        return 0;
    rc = fl_settings_read(world, site, FL_PROVIDER_SITE_BYTES_MAX, &settings, reterr);
    if (rc == 0)
        rc = fl_settings_group(settings, fl_settings_root(settings), "site", NULL, true, &group,
                               reterr);
    if (rc == 0)
        rc = fl_settings_group(settings, group, "providers", NULL, false, &providers, reterr);
    for (size_t i = 0; rc == 0 && providers && i < fl_settings_count(providers); i++) {
        const struct config_setting_t *one = NULL;

        rc = fl_settings_group(settings, providers, fl_settings_name(fl_settings_at(providers, i)),
                               NULL, true, &one, reterr);
        if (rc == 0)
            rc = apply_one(settings, one, source, reterr);
    }
    return rc;
}
