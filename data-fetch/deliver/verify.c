/* verify: the manifest's proof. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/deliver/manifest.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

static int tell(const char *file, const char *wrong, void *arg)
{
    (void)arg;
    (void)printf("%s: %s\n", file, wrong ? wrong : "OK");
    return 0;
}

int fl_command_verify(int argc, char **argv, struct fl_err *reterr)
{
    size_t files = 0;
    size_t wrong = 0;
    int rc;

    if (argc != 2 || argv[1][0] == '-')
        return fl_err_set(reterr, FL_E_USAGE, 0, "verify takes one folder: verify DIR");
    rc = fl_manifest_check(fl_world_real(), argv[1], tell, NULL, &files, &wrong, reterr);
    if (rc < 0)
        return rc;
    (void)printf("%zu files, %zu wrong\n", files, wrong);
    if (wrong > 0)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "%zu of %zu files in '%s' do not fit the "
                          "MANIFEST",
                          wrong, files, argv[1]);
    return 0;
}
