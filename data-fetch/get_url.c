/* get URL: one whole file, verified, under its name in one step. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/command.h"
#include "data-fetch/pull.h"
#include "engine/base/log.h"
#include "engine/base/path.h"
#include "engine/world/world.h"
#include "stages/common/contract.h"

#include "engine/base/banned.h"

static int settle(struct fl_pull_item *item, struct fl_err *reterr, void *arg)
{
    (void)arg;
    return fl_incoming_settle(&item->incoming, reterr);
}

static bool is_digest(const char *text)
{
    return strlen(text) == FL_DIGEST_HEX - 1 &&
           strspn(text, "0123456789abcdef") == FL_DIGEST_HEX - 1;
}

int fl_get_url(struct fl_contract *contract, const char *url, const char *file, const char *sha256,
               int64_t size, const char *output, struct fl_err *reterr)
{
    struct fl_pull_item item = {.url = url, .size = size, .sha256 = sha256};
    char path[FL_PATH_MAX];
    int rc;

    if (sha256 && !is_digest(sha256))
        return fl_err_set(reterr, FL_E_USAGE, 0, "--sha256 '%.80s' is not 64 lower-case hex digits",
                          sha256);
    rc = fl_contract_place(contract, file, path, sizeof(path), reterr);
    if (rc < 0)
        return rc;
    item.path = path;
    rc = fl_pull_run(fl_world_real(), &item, 1, settle, NULL, reterr);
    if (rc < 0)
        return rc;
    fl_log(FL_LOG_INFO, "transfer.whole", "file='%s' sha256=%s", path, item.digest);
    if (output)
        rc = fl_contract_output(contract, output, NULL, file, reterr);
    return rc;
}
