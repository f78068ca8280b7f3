/* Process trees from /proc. */
#include "config.h"

#include "engine/world/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/banned.h"

#define ENVIRON_MAX ((size_t)2 * 1024 * 1024) /* the kernel holds no more by default */
#define ENVIRON_PIECE 65536

struct proc {
    pid_t pid;
    pid_t parent;
    char state;
    bool in;
};

struct proc_list {
    struct proc *items;
    size_t count;
    size_t room;
};

/* Reads a small file of /proc; returns its length or -1. */
static ssize_t proc_read(const char *path, char *data, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -1;
    n = read(fd, data, size - 1);
    (void)close(fd);
    if (n >= 0)
        data[n] = '\0';
    return n;
}

/* The part of /proc/PID/stat after the name, which may hold anything. */
static const char *proc_stat(pid_t pid, char *data, size_t size)
{
    char path[64];
    const char *end;

    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    if (proc_read(path, data, size) <= 0)
        return NULL;
    end = strrchr(data, ')');
    return end && end[1] == ' ' ? end + 2 : NULL;
}

int fl_tree_adopt(struct fl_err *reterr)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L) != 0)
        return fl_err_errno(reterr, errno, "become the reaper of our children's children");
    return 0;
}

int fl_tree_reap(pid_t *ret_pid, struct fl_exit *ret_exit)
{
    int status = 0;
    pid_t pid;

    do
        pid = waitpid(-1, &status, WNOHANG);
    while (pid < 0 && errno == EINTR);
    if (pid < 0)
        return FL_E_NOENT;
    if (pid == 0)
        return 0;
    *ret_pid = pid;
    ret_exit->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ret_exit->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return 1;
}

static bool list_add(struct proc_list *list, pid_t pid)
{
    char data[1024];
    const char *at = proc_stat(pid, data, sizeof(data));
    struct proc proc = {.pid = pid};

    if (!at)
        return true; /* gone since the folder was read */
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 256;
        struct proc *items =
            room > FL_TREE_MAX ? NULL : realloc(list->items, room * sizeof(*items));

        if (!items)
            return false;
        list->items = items;
        list->room = room;
    }
    proc.state = at[0];
    proc.parent = (pid_t)strtol(at + 1, NULL, 10);
    list->items[list->count++] = proc;
    return true;
}

static void list_all(struct proc_list *list)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    bool more = dir != NULL;

    while (more && (entry = readdir(dir)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0]))
            more = list_add(list, (pid_t)strtol(entry->d_name, NULL, 10));
    }
    if (dir)
        (void)closedir(dir);
}

/* Marks all below those that are marked, and below `root`. */
static void list_close(struct proc_list *list, pid_t root)
{
    bool changed = true;

    while (changed) {
        changed = false;
        for (size_t i = 0; i < list->count; i++) {
            struct proc *proc = &list->items[i];

            if (proc->in)
                continue;
            if (proc->parent == root)
                proc->in = true;
            for (size_t k = 0; k < list->count && !proc->in; k++)
                proc->in = list->items[k].in && list->items[k].pid == proc->parent;
            changed = changed || proc->in;
        }
    }
}

size_t fl_tree_signal(int signal)
{
    struct proc_list list = {0};
    size_t count = 0;

    list_all(&list);
    list_close(&list, getpid());
    for (size_t i = 0; i < list.count; i++) {
        if (!list.items[i].in || list.items[i].state == 'Z')
            continue;
        (void)kill(list.items[i].pid,
                   signal); /* gone already, or not ours to end: seen next time */
        count++;
    }
    free(list.items);
    return count;
}

int fl_tree_start(pid_t pid, uint64_t *ret_ticks, struct fl_err *reterr)
{
    char data[1024];
    const char *at = proc_stat(pid, data, sizeof(data));

    /* field 22 of proc(5); what follows the name begins with field 3 */
    for (int field = 3; at && field < 22; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no process %ld", (long)pid);
    *ret_ticks = strtoull(at, NULL, 10);
    return 0;
}

int fl_tree_boot(char *text, size_t size, struct fl_err *reterr)
{
    if (proc_read("/proc/sys/kernel/random/boot_id", text, size) <= 0)
        return fl_err_errno(reterr, errno, "read /proc/sys/kernel/random/boot_id");
    text[strcspn(text, "\n")] = '\0';
    return 0;
}

/* True when the environment of pid has the marker as one of its entries. */
static bool has_marker(pid_t pid, const char *marker, char *piece)
{
    char path[64];
    size_t length = strlen(marker) + 1; /* with its NUL */
    size_t kept = 0;
    bool found = false;
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%ld/environ", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (!found && (n = read(fd, piece + kept, ENVIRON_PIECE - kept)) > 0) {
        size_t size = kept + (size_t)n;

        found = memmem(piece, size, marker, length) != NULL;
        kept = size < length ? size : length - 1;
        memmove(piece, piece + size - kept, kept);
    }
    (void)close(fd);
    return found;
}

size_t fl_tree_marked(const char *marker, pid_t *pids, size_t room)
{
    struct proc_list list = {0};
    char *piece = malloc(ENVIRON_PIECE);
    size_t count = 0;

    if (!piece)
        return 0;
    list_all(&list);
    for (size_t i = 0; i < list.count; i++) {
        list.items[i].in = list.items[i].pid != getpid() && list.items[i].state != 'Z' &&
                           has_marker(list.items[i].pid, marker, piece);
    }
    list_close(&list, -1);
    for (size_t i = 0; i < list.count && count < room; i++) {
        if (list.items[i].in && list.items[i].state != 'Z' && list.items[i].pid != getpid())
            pids[count++] = list.items[i].pid;
    }
    free(list.items);
    free(piece);
    return count;
}

/* The value of a variable in an environment as the kernel shows it: entries that end in NULs. */
static const char *value_in(const char *environment, size_t size, const char *name)
{
    size_t length = strlen(name);

    for (size_t at = 0; at < size;) {
        const char *entry = environment + at;

        if (strncmp(entry, name, length) == 0 && entry[length] == '=')
            return entry + length + 1;
        at += strlen(entry) + 1;
    }
    return NULL;
}

void fl_tree_values(const char *name, fl_tree_value_fn fn, void *arg)
{
    struct proc_list list = {0};
    char *environment = malloc(ENVIRON_MAX + 1);

    if (environment)
        list_all(&list);
    for (size_t i = 0; i < list.count; i++) {
        const char *value = NULL;
        char path[64];
        size_t size = 0;
        ssize_t n;
        int fd;

        (void)snprintf(path, sizeof(path), "/proc/%ld/environ", (long)list.items[i].pid);
        fd = list.items[i].state == 'Z' ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        while (size < ENVIRON_MAX && (n = read(fd, environment + size, ENVIRON_MAX - size)) > 0)
            size += (size_t)n;
        (void)close(fd);
        environment[size] = '\0';
        value = value_in(environment, size, name);
        if (value)
            fn(list.items[i].pid, value, arg);
    }
    free(list.items);
    free(environment);
}
