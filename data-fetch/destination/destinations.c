/* destinations: what the site file has, and whether one works. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/destination/by_hand.h"
#include "data-fetch/destination/spec.h"
#include "data-fetch/lines/site.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

static void print_step(const char *step, int rc, const char *words, void *arg)
{
    (void)arg;
    (void)printf("%-8s %-4s %s\n", step, rc < 0 ? "NO" : "ok", words);
    (void)fflush(stdout);
}

static int list_all(const struct fl_site *site, struct fl_err *reterr)
{
    size_t count = fl_destination_spec_count(site);

    if (!site)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "there is no site file; say --site FILE or set FAIRLEAD_SITE");
    for (size_t i = 0; i < count; i++) {
        struct fl_destination_spec spec;
        int rc = fl_destination_spec_read(site, fl_destination_spec_name(site, i), &spec, reterr);

        if (rc < 0)
            return rc;
        (void)printf("%-20s %-10s %s%s%s\n", spec.name, spec.kind,
                     strcmp(spec.kind, "directory") == 0 ? spec.path
                     : strcmp(spec.kind, "site") == 0    ? spec.user
                                                         : spec.url,
                     spec.bucket[0] ? " bucket " : "", spec.bucket);
    }
    if (count == 0)
        (void)printf("no destinations in this site file\n");
    return 0;
}

int fl_command_destinations(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"site", required_argument, NULL, 's'},
        {"check", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    fl_auto(fl_destination_close) struct fl_destination *dest = NULL;
    const char *path = NULL;
    const char *check = NULL;
    int code;
    int rc;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        *(code == 's' ? &path : &check) = optarg;
    }
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    rc = fl_site_find(fl_world_real(), path, &site, reterr);
    if (rc < 0 || !check)
        return rc == 0 ? list_all(site, reterr) : rc;
    rc = fl_destination_named(fl_world_real(), site, check, &dest, reterr);
    if (rc < 0) {
        print_step("open", rc, reterr->text, NULL);
        return rc;
    }
    return fl_destination_try(dest, print_step, NULL, reterr);
}
