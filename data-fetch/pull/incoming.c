/* Files on their way in. */
#include "config.h"

#include "data-fetch/pull/incoming.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"

#include "engine/base/banned.h"

int fl_incoming_make_folder(const struct fl_world *world, const char *path, struct fl_err *reterr)
{
    const char *base = fl_path_base(path);
    char folder[FL_PATH_MAX];

    if (base == path || base == path + 1)
        return 0;
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(base - path - 1), path);
    return fl_dir_make(world, folder, 0755, reterr);
}

static int open_temp(struct fl_incoming *incoming, struct fl_err *reterr)
{
    const struct fl_world *world = incoming->world;
    char temp[FL_PATH_MAX];
    int rc = fl_file_incoming(world, incoming->path, temp, sizeof(temp), reterr);
    int fd = rc == 0 ? world->ops->open(temp, O_WRONLY | O_CREAT | O_EXCL, 0644, world->arg) : -1;

    if (rc < 0)
        return rc;
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", temp);
    incoming->fd = fd;
    incoming->temp = strdup(temp);
    if (!incoming->temp) {
        (void)world->ops->unlink(temp, world->arg); /* empty */
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for '%s'", temp);
    }
    return 0;
}

int fl_incoming_open(struct fl_incoming *incoming, const struct fl_world *world, const char *path,
                     struct fl_err *reterr)
{
    int rc;

    fl_assert(path);
    *incoming = (struct fl_incoming){.world = world, .fd = -1};
    if (strlen(path) >= FL_PATH_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path '%.200s' is too long", path);
    incoming->path = strdup(path);
    rc = incoming->path ? fl_incoming_make_folder(world, path, reterr)
                        : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for '%s'", path);
    if (rc == 0)
        rc = fl_digest_create(&incoming->digest, reterr);
    if (rc == 0)
        rc = open_temp(incoming, reterr);
    if (rc < 0)
        fl_incoming_drop(incoming);
    return rc;
}

int fl_incoming_add(struct fl_incoming *incoming, const void *data, size_t size,
                    struct fl_err *reterr)
{
    const struct fl_world *world = incoming->world;
    const char *at = data;

    fl_assert(incoming->fd >= 0);
    fl_digest_add(incoming->digest, data, size);
    while (size > 0) {
        ssize_t n = world->ops->pwrite(incoming->fd, at, size, (int64_t)incoming->size, world->arg);

        if (n == -EINTR)
            continue;
        if (n < 0)
            return fl_err_errno(reterr, (int)-n, "write '%s'", incoming->temp);
        at += n;
        size -= (size_t)n;
        incoming->size += (uint64_t)n;
    }
    return 0;
}

int fl_incoming_finish(struct fl_incoming *incoming, char hex[static FL_DIGEST_HEX],
                       struct fl_err *reterr)
{
    const struct fl_world *world = incoming->world;
    int rc;

    fl_assert(incoming->fd >= 0);
    rc = world->ops->sync(incoming->fd, world->arg);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "sync '%s'", incoming->temp);
    rc = world->ops->close(incoming->fd, world->arg);
    incoming->fd = -1;
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "close '%s'", incoming->temp);
    fl_digest_finish(incoming->digest, hex);
    return 0;
}

/* The journal last: without its temporary it means nothing. */
static void forget(struct fl_incoming *incoming)
{
    const struct fl_world *world = incoming->world;

    free(incoming->temp);
    incoming->temp = NULL;
    if (!incoming->journal)
        return;
    (void)world->ops->unlink(incoming->journal, world->arg);   /* hidden */
    (void)world->ops->close(incoming->journal_fd, world->arg); /* with its lock */
    free(incoming->journal);
    incoming->journal = NULL;
}

int fl_incoming_unhitch(struct fl_incoming *incoming, struct fl_err *reterr)
{
    const struct fl_world *world = incoming->world;
    char temp[FL_PATH_MAX];
    char *copy;
    int rc;

    if (!incoming->journal)
        return 0;
    rc = fl_file_incoming(world, incoming->path, temp, sizeof(temp), reterr);
    if (rc < 0)
        return rc;
    copy = strdup(temp);
    if (!copy)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for '%s'", temp);
    rc = world->ops->rename(incoming->temp, temp, world->arg);
    if (rc < 0) {
        free(copy);
        return fl_err_errno(reterr, -rc, "rename '%s' to '%s'", incoming->temp, temp);
    }
    forget(incoming);
    incoming->temp = copy;
    return 0;
}

int fl_incoming_settle(struct fl_incoming *incoming, struct fl_err *reterr)
{
    int rc;

    fl_assert(incoming->fd < 0 && incoming->temp);
    rc = fl_file_settle(incoming->world, incoming->temp, incoming->path, reterr);
    forget(incoming); /* settled, or removed by the failure */
    return rc;
}

void fl_incoming_drop(struct fl_incoming *incoming)
{
    if (!incoming->world)
        return;
    if (incoming->fd >= 0)
        (void)incoming->world->ops->close(incoming->fd, incoming->world->arg); /* thrown away */
    incoming->fd = -1;
    if (incoming->temp)
        (void)incoming->world->ops->unlink(incoming->temp, incoming->world->arg); /* hidden */
    forget(incoming);
    free(incoming->path);
    incoming->path = NULL;
    fl_digest_destroy(incoming->digest);
    incoming->digest = NULL;
}

int fl_refused_keep(const struct fl_world *world, const char *folder, const char *name,
                    const void *data, size_t size, char *ret_path, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc;

    if (ret_path)
        ret_path[0] = '\0';
    for (int n = 1; n <= FL_REFUSED_MAX; n++) {
        if (snprintf(path, sizeof(path), "%s/" FL_REFUSED "/%s.%d", folder, name, n) >=
            (int)sizeof(path))
            return fl_err_set(reterr, FL_E_TOO_BIG, 0, "path of a refused file is too long");
        if (fl_file_exists(world, path))
            continue;
        rc = fl_incoming_make_folder(world, path, reterr);
        if (rc == 0)
            rc = fl_file_publish(world, path, data, size, reterr);
        if (rc == 0 && ret_path)
            (void)snprintf(ret_path, FL_PATH_MAX, "%s", path);
        return rc;
    }
    return 0;
}
