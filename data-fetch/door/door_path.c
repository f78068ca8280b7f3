/* What the door may serve: names, files, ranges. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "data-fetch/door/door.h"
#include "engine/base/path.h"

#include "engine/base/banned.h"

#define DEPTH_MIN 3 /* work, at least one name, the attempt's number; then out */

bool fl_door_path_is_open(const char *path)
{
    bool number = false;
    bool open = false;
    size_t depth = 0;

    if (!fl_path_is_safe(path))
        return false;
    for (const char *at = path;; depth++) {
        size_t size = strcspn(at, "/");

        if (at[0] == '.' || (depth == 0 && (size != 4 || memcmp(at, "work", 4) != 0)))
            return false;
        if (depth >= DEPTH_MIN && number && size == 3 && memcmp(at, "out", 3) == 0 && at[size])
            open = true;
        number = strspn(at, "0123456789") == size;
        if (!at[size])
            return open;
        at += size + 1;
    }
}

/* For kernels without openat2: component by component, following nothing. */
static int walk_open(int root_fd, const char *path)
{
    int at_fd = dup(root_fd);

    while (at_fd >= 0) {
        size_t size = strcspn(path, "/");
        bool last = path[size] == '\0';
        char name[256];
        int next;

        (void)snprintf(name, sizeof(name), "%.*s", (int)size, path);
        next = openat(at_fd, name,
                      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
        (void)close(at_fd); /* a folder on the way */
        if (last || next < 0)
            return next;
        at_fd = next;
        path += size + 1;
    }
    return -1;
}

int fl_door_open_file(int root_fd, const char *path, struct fl_err *reterr)
{
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    struct stat info;
    int fd;

    if (!fl_door_path_is_open(path))
        return fl_err_set(reterr, FL_E_NOENT, 0, "'%s' is not behind the door", path);
    fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = walk_open(root_fd, path);
    if (fd < 0)
        return errno == ENFILE || errno == EMFILE
                   ? fl_err_errno(reterr, errno, "open '%s'", path)
                   : fl_err_set(reterr, FL_E_NOENT, errno, "'%s' is not behind the door", path);
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        (void)close(fd); /* nothing was read */
        return fl_err_set(reterr, FL_E_NOENT, 0, "'%s' is not a regular file", path);
    }
    return fd;
}

static bool read_number(const char **at, uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *start = *at;

    for (; **at >= '0' && **at <= '9'; (*at)++) {
        if (value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(**at - '0');
    }
    *ret_value = value;
    return *at > start;
}

enum fl_door_range fl_door_range_parse(const char *header, uint64_t size, uint64_t *ret_first,
                                       uint64_t *ret_count)
{
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    const char *at = header ? header + 6 : NULL;
    bool has_first;
    bool has_last;

    *ret_first = 0;
    *ret_count = size;
    if (!header || strncmp(header, "bytes=", 6) != 0)
        return FL_DOOR_WHOLE;
    has_first = read_number(&at, &first);
    if (*at++ != '-')
        return FL_DOOR_WHOLE;
    has_last = read_number(&at, &last);
    if (*at || (!has_first && !has_last) || (has_first && has_last && last < first))
        return FL_DOOR_WHOLE;
    if (!has_first) { /* the last bytes */
        if (last == 0 || size == 0)
            return FL_DOOR_NONE;
        first = last < size ? size - last : 0;
        has_last = false;
    }
    if (first >= size)
        return FL_DOOR_NONE;
    if (!has_last || last >= size)
        last = size - 1;
    *ret_first = first;
    *ret_count = last - first + 1;
    return FL_DOOR_PART;
}
