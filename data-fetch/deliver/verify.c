/* verify: the manifest's proof. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/deliver/manifest.h"
#include "data-fetch/lines/site.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

static int tell(const char *file, const char *sha256, const char *wrong, void *arg)
{
    const bool *quiet = arg;

    (void)sha256;
    if (wrong || !*quiet)
        (void)printf("%s: %s\n", file, wrong ? wrong : "OK");
    return 0;
}

/* --key FILE, else the site's own public key, else none. */
static int find_key(const char *path, const char *site_file, struct fl_signer *key,
                    struct fl_err *reterr)
{
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    char own[FL_PATH_MAX];
    int rc;

    if (path)
        return fl_signer_public(fl_world_real(), path, key, reterr);
    rc = fl_site_find(fl_world_real(), site_file, &site, reterr);
    if (rc < 0 || !site || !site->keys[0])
        return rc;
    rc = fl_path_join(site->keys, FL_MANIFEST_PUB, own, sizeof(own), reterr);
    return rc < 0 || !fl_file_exists(fl_world_real(), own)
               ? rc
               : fl_signer_public(fl_world_real(), own, key, reterr);
}

static int judge(const struct fl_manifest_result *result, const char *folder, bool want_key,
                 struct fl_err *reterr)
{
    static const char *const words[] = {"not signed", "signed, no key to hold it against",
                                        "signature is good", "SIGNATURE IS WRONG"};

    (void)printf("%zu files, %zu wrong; %s%s%s%s\n", result->files, result->wrong,
                 words[result->signature], result->site[0] ? " (site '" : "", result->site,
                 result->site[0] ? "')" : "");
    if (result->wrong > 0)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "%zu of %zu files in '%s' do not fit the MANIFEST", result->wrong,
                          result->files, folder);
    if (result->json_differs)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s/" FL_MANIFEST_JSON "' is not the one that MANIFEST names", folder);
    if (result->signature == FL_SIGNATURE_BAD)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "the signature below the MANIFEST of '%s' is not that of site '%s'",
                          folder, result->site);
    if (want_key && result->signature != FL_SIGNATURE_GOOD)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "the MANIFEST of '%s' is not signed", folder);
    return 0;
}

int fl_command_verify(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"key", required_argument, NULL, 'k'},
        {"site", required_argument, NULL, 's'},
        {"quiet", no_argument, NULL, 'q'},
        {NULL, 0, NULL, 0},
    };
    fl_auto(fl_signer_release) struct fl_signer key = {.key = NULL};
    struct fl_manifest_result result;
    const char *path = NULL;
    const char *site = NULL;
    bool quiet = false;
    int code;
    int rc;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        quiet = quiet || code == 'q';
        path = code == 'k' ? optarg : path;
        site = code == 's' ? optarg : site;
    }
    if (optind + 1 != argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "verify takes one folder: verify DIR");
    rc = find_key(path, site, &key, reterr);
    if (rc == 0)
        rc = fl_manifest_check(fl_world_real(), argv[optind], false, &key, tell, &quiet, &result,
                               reterr);
    return rc < 0 ? rc : judge(&result, argv[optind], path != NULL, reterr);
}
