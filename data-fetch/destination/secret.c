/* Secrets, from files that nobody else can read. */
#include "config.h"

#include "data-fetch/destination/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define PREFIX "secret:"

bool fl_secret_is_reference(const char *text)
{
    return strncmp(text, PREFIX, strlen(PREFIX)) == 0 && fl_name_is_safe(text + strlen(PREFIX));
}

int fl_secret_path(const struct fl_world *world, const char *folder, const char *reference,
                   char *path, size_t size, struct fl_err *reterr)
{
    struct fl_stat info;
    const char *name;
    int rc;

    if (!fl_secret_is_reference(reference)) /* perhaps the secret itself: it is not shown */
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "a secret is written in clear; accepted: \"" PREFIX
                          "NAME\", a file of the site's folder of secrets");
    name = reference + strlen(PREFIX);
    if (!folder || !folder[0])
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "'%s' cannot be looked up: the site file names no folder 'secrets'",
                          reference);
    rc = fl_path_join(folder, name, path, size, reterr);
    if (rc < 0)
        return rc;
    rc = world->ops->stat(path, &info, world->arg);
    if (rc < 0)
        return fl_err_errno(reterr, -rc, "secret '%s': file '%s'", name, path);
    if (info.is_dir || info.is_link)
        return fl_err_set(reterr, FL_E_PERM, 0, "secret '%s': '%s' is not a regular file", name,
                          path);
    if (info.mode & 077)
        return fl_err_set(reterr, FL_E_PERM, 0,
                          "secret '%s': file '%s' has mode %04o, so that others can get at it; "
                          "accepted: 0600 (chmod 600 does it)",
                          name, path, info.mode);
    return 0;
}

int fl_secret_read(const struct fl_world *world, const char *folder, const char *reference,
                   char *out, size_t size, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    ssize_t n;
    int fd;
    int rc = fl_secret_path(world, folder, reference, path, sizeof(path), reterr);

    if (rc < 0)
        return rc;
    fd = world->ops->open(path, O_RDONLY | O_NOFOLLOW, 0, world->arg);
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "secret: file '%s'", path);
    n = world->ops->pread(fd, out, size, 0, world->arg);
    (void)world->ops->close(fd, world->arg); /* was only read */
    if (n < 0)
        return fl_err_errno(reterr, (int)-n, "secret: file '%s'", path);
    while (n > 0 && strchr("\r\n", out[n - 1]))
        n--;
    if ((size_t)n == size)
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "secret: file '%s' is longer than %zu bytes", path,
                        size - 1);
    for (ssize_t i = 0; rc == 0 && i < n; i++) {
        if ((unsigned char)out[i] < ' ')
            rc =
                fl_err_set(reterr, FL_E_CONFIG, 0,
                           "secret: file '%s' has a control character or more than one line", path);
    }
    if (rc == 0 && n == 0)
        rc = fl_err_set(reterr, FL_E_CONFIG, 0, "secret: file '%s' is empty", path);
    if (rc < 0)
        fl_secret_wipe(out, size);
    else
        out[n] = '\0';
    return rc;
}

void fl_secret_wipe(void *data, size_t size)
{
    explicit_bzero(data, size);
}
