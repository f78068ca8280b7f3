/* get URL: one whole file, verified, under its name in one step. */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/pull/magic.h"
#include "data-fetch/lines/pull.h"
#include "engine/base/log.h"
#include "engine/base/path.h"
#include "engine/world/world.h"
#include "stages/common/contract.h"

#include "engine/base/banned.h"

/* With a digest the bytes are proved; without one at least their beginning must fit the name. */
static int settle(struct fl_pull_item *item, struct fl_err *reterr, void *arg)
{
    const struct fl_world *world = fl_world_real();
    char head[FL_MAGIC_BYTES];
    ssize_t size = 0;
    int fd = item->sha256 ? -1 : world->ops->open(item->incoming.temp, O_RDONLY, 0, world->arg);
    int rc = 0;

    (void)arg;
    if (fd >= 0) {
        size = world->ops->pread(fd, head, sizeof(head), 0, world->arg);
        (void)world->ops->close(fd, world->arg); /* only read */
        if (size < 0)
            rc = fl_err_errno(reterr, (int)-size, "read '%s'", item->incoming.temp);
        else
            rc = fl_magic_check(fl_path_base(item->path), head, (size_t)size, reterr);
    } else if (!item->sha256) {
        rc = fl_err_errno(reterr, -fd, "read '%s'", item->incoming.temp);
    }
    if (rc < 0)
        return fl_err_note(reterr, rc, "%s", item->url);
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
    const struct fl_world *world = fl_world_real();
    struct fl_pull_item item = {.url = url, .size = size, .sha256 = sha256};
    char name[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    int rc;

    if (sha256 && !is_digest(sha256))
        return fl_err_set(reterr, FL_E_USAGE, 0, "--sha256 '%.80s' is not 64 lower-case hex digits",
                          sha256);
    rc = fl_command_file(contract, file, name, sizeof(name), reterr);
    if (rc == 0)
        rc = fl_contract_place(contract, name, path, sizeof(path), reterr);
    if (rc < 0)
        return rc;
    item.path = path;
    rc = fl_pull_run(world, &item, 1, settle, NULL, reterr);
    if (rc < 0)
        return rc;
    fl_log(FL_LOG_INFO, "transfer.whole", "file='%s' sha256=%s", path, item.digest);
    if (output)
        rc = fl_contract_output(contract, output, NULL, name, reterr);
    return rc;
}
