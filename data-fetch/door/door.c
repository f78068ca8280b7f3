/* The file door on libmicrohttpd, turned by one thread. Its TLS is GnuTLS.
 * Measured with answers read by blocks of 64 KiB it takes as much CPU as OpenSSL with a loop of our
 * own, and less than nginx (see bench/README). */
#include "config.h"

#include "data-fetch/door/door.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data-fetch/door/private.h"
#include "engine/base/log.h"
#include "engine/base/sign.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define TELL_NS (300 * SECOND_NS) /* between lines of figures */
#define KEY_MAX ((size_t)65536)
/* TLS 1.3 alone, all its ciphers. */
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3"

/* ---- the library's callbacks ---- */

/* The library's log goes nowhere: what a peer does wrong is its own affair. */
static void quiet(void *arg, const char *fmt, va_list args)
{
    (void)arg;
    (void)fmt;
    (void)args;
}

static const char *why_ended(const struct conn *conn)
{
    if (conn->refused)
        return conn->refused;
    if (conn->told)
        return "it shows no certificate";
    return "it speaks no TLS 1.3, or does not take our certificate";
}

static void conn_end(struct conn *conn)
{
    struct fl_door *door = conn->door;
    struct conn **slot = &door->conns;

    while (*slot && *slot != conn)
        slot = &(*slot)->next;
    if (*slot)
        *slot = conn->next;
    door->counts.open--;
    if (!door->plain && !conn->asked && !conn->shut && !(conn->proved && !conn->refused))
        fl_door_refused(door, conn->address, why_ended(conn));
    free(conn);
}

static void notify(void *arg, struct MHD_Connection *mhd, void **context,
                   enum MHD_ConnectionNotificationCode code)
{
    struct fl_door *door = arg;
    struct conn *conn = *context;

    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (conn)
            conn_end(conn);
        *context = NULL;
        return;
    }
    conn = door->conns; /* the one that was just given to the library */
    if (!conn || conn->mhd)
        return;
    conn->mhd = mhd;
    *context = conn;
    if (!door->plain)
        fl_door_demand(conn);
}

/* ---- opening ---- */

static int start(struct fl_door *door, struct fl_buf keys[static 3], struct fl_err *reterr)
{
    unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG |
                     (door->plain ? 0U : (unsigned)MHD_USE_TLS);
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, keys[0].data},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, keys[1].data},
        {MHD_OPTION_HTTPS_MEM_TRUST, 0, keys[2].data},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES},
        {MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    const union MHD_DaemonInfo *info;

    door->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, fl_door_answer, door, MHD_OPTION_EXTERNAL_LOGGER, quiet, NULL,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)door->connections_max, MHD_OPTION_CONNECTION_TIMEOUT,
        0U, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)FL_DOOR_HEAD_MAX,
        MHD_OPTION_NOTIFY_CONNECTION, notify, door, MHD_OPTION_NOTIFY_COMPLETED, fl_door_answered,
        door, MHD_OPTION_ARRAY, door->plain ? none : tls, MHD_OPTION_END);
    if (!door->daemon)
        return door->plain
                   ? fl_err_set(reterr, FL_E_NET, 0, "the HTTP library cannot be started")
                   : fl_err_set(reterr, FL_E_CONFIG, 0,
                                "the site's key and certificate are no pair, or not in PEM");
    info = MHD_get_daemon_info(door->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return fl_err_set(reterr, FL_E_BUG, 0, "the HTTP library has no epoll descriptor");
    door->epoll_fd = info->epoll_fd;
    return 0;
}

static int start_with_keys(struct fl_door *door, const struct fl_door_config *config,
                           struct fl_err *reterr)
{
    struct fl_buf keys[3];
    int rc;

    for (size_t i = 0; i < FL_COUNT(keys); i++)
        fl_buf_init(&keys[i], KEY_MAX);
    rc = fl_door_read_keys(door, config, &keys[0], &keys[1], &keys[2], reterr);
    if (rc == 0)
        rc = start(door, keys, reterr);
    if (keys[0].data)
        explicit_bzero(keys[0].data, keys[0].size);
    for (size_t i = 0; i < FL_COUNT(keys); i++)
        fl_buf_release(&keys[i]);
    return rc;
}

int fl_door_open(const struct fl_door_config *config, struct fl_door **ret_door,
                 struct fl_err *reterr)
{
    fl_auto(fl_door_close) struct fl_door *door = calloc(1, sizeof(*door));
    int rc = 0;

    fl_assert(config->world && config->root && ret_door);
    fl_assert(config->plain || (config->site && config->keys));
    fl_assert(config->open || config->keys);
    if (!door)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    door->world = config->world;
    door->told_ns = fl_world_mono_ns(config->world);
    door->plain = config->plain;
    door->open_to_all = config->open;
    door->connections_max = config->connections ? config->connections : FL_DOOR_CONNECTIONS;
    door->root_fd =
        config->world->ops->open(config->root, O_PATH | O_DIRECTORY, 0, config->world->arg);
    if (door->root_fd < 0) {
        rc = fl_err_errno(reterr, -door->root_fd, "root folder '%s'", config->root);
        door->root_fd = -1;
        return rc;
    }
    if (config->listen_count > FL_DOOR_LISTEN_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0, "more than %d addresses", FL_DOOR_LISTEN_MAX);
    for (size_t i = 0; rc == 0 && i < config->listen_count; i++)
        rc = fl_door_listen(door, config->listen[i], reterr);
    if (rc == 0)
        rc = start_with_keys(door, config, reterr);
    if (rc == 0 && !door->open_to_all)
        rc = fl_grants_create(door->grant_key, config->site, &door->grants, reterr);
    if (rc < 0)
        return rc;
    *ret_door = FL_STEAL(door);
    return 0;
}

void fl_door_close(struct fl_door *door)
{
    if (!door)
        return;
    for (size_t i = 0; i < door->listener_count; i++)
        (void)close(door->listeners[i].fd); /* nobody is let in any more */
    if (door->daemon)
        MHD_stop_daemon(door->daemon); /* ends each connection, which we are told */
    fl_grants_destroy(door->grants);
    fl_sign_key_destroy(door->grant_key);
    if (door->root_fd >= 0)
        (void)close(door->root_fd); /* only looked through */
    free(door);
}

const char *fl_door_url(const struct fl_door *door, size_t index)
{
    fl_assert(index < door->listener_count);
    return door->listeners[index].url;
}

uint16_t fl_door_port(const struct fl_door *door, size_t index)
{
    fl_assert(index < door->listener_count);
    return door->listeners[index].port;
}

void fl_door_counts(const struct fl_door *door, struct fl_door_counts *ret_counts)
{
    *ret_counts = door->counts;
    ret_counts->grants = door->grants ? fl_grants_count(door->grants) : 0;
}

/* ---- turning ---- */

static void end_conn(struct conn *conn, const char *why)
{
    if (conn->shut)
        return;
    conn->shut = true;
    (void)shutdown(conn->fd, SHUT_RDWR); /* the library sees its end */
    if (!why)
        return;
    conn->door->counts.turned++;
    fl_door_tell(conn->door, "door.slow", conn->peer[0] ? conn->peer : conn->address, why);
}

/* Ends connections that hold a place for nothing; gives the time of the next look. */
static int64_t look_after(struct fl_door *door, int64_t now_ns)
{
    int64_t next_ns = INT64_MAX;

    for (struct conn *conn = door->conns; conn; conn = conn->next) {
        int64_t limit_ns = FL_DOOR_ASK_S * SECOND_NS;
        bool quick = conn->answering && conn->sent - conn->moved >= FL_DOOR_SLOW_BYTES;

        if (door->ending && !conn->answering)
            end_conn(conn, NULL);
        if (now_ns - conn->since_ns >= limit_ns) {
            if (!quick)
                end_conn(conn, conn->answering ? "it hardly takes what it asked for"
                               : conn->asked   ? NULL
                                               : "it asks for nothing");
            conn->moved = conn->sent;
            conn->since_ns = now_ns;
        }
        if (conn->since_ns + limit_ns < next_ns)
            next_ns = conn->since_ns + limit_ns;
    }
    return next_ns;
}

/* A line of figures when there is something new, not often. */
static int64_t tell_counts(struct fl_door *door, int64_t now_ns, bool last)
{
    const struct fl_door_counts *counts = &door->counts;

    if (counts->requests == door->told.requests && counts->refused == door->told.refused &&
        counts->turned == door->told.turned)
        return INT64_MAX;
    if (!last && now_ns < door->told_ns + TELL_NS)
        return door->told_ns + TELL_NS;
    fl_log(FL_LOG_INFO, "door.counts",
           "requests=%llu bytes=%llu refused=%llu denied=%llu turned_away=%llu open=%zu grants=%zu",
           (unsigned long long)counts->requests, (unsigned long long)counts->bytes,
           (unsigned long long)counts->refused, (unsigned long long)counts->denied,
           (unsigned long long)counts->turned, counts->open,
           door->grants ? fl_grants_count(door->grants) : 0);
    door->told = *counts;
    door->told_ns = now_ns;
    return INT64_MAX;
}

static int wait_turn(struct fl_door *door, int stop_fd, int end_fd, int64_t due_ns,
                     struct fl_wait_item items[static FL_DOOR_LISTEN_MAX + 3],
                     struct fl_err *reterr)
{
    int64_t now_ns = fl_world_mono_ns(door->world);
    MHD_UNSIGNED_LONG_LONG pending_ms;
    int64_t timeout_ns = due_ns == INT64_MAX ? -1 : due_ns > now_ns ? due_ns - now_ns : 0;
    size_t count = 0;
    int rc;

    items[count++] = (struct fl_wait_item){.fd = stop_fd};
    items[count++] = (struct fl_wait_item){.fd = end_fd >= 0 ? end_fd : stop_fd};
    items[count++] = (struct fl_wait_item){.fd = door->epoll_fd};
    for (size_t i = 0; !door->ending && i < door->listener_count; i++)
        items[count++] = (struct fl_wait_item){.fd = door->listeners[i].fd};
    if (MHD_get_timeout(door->daemon, &pending_ms) == MHD_YES &&
        (timeout_ns < 0 || (int64_t)pending_ms * 1000000 < timeout_ns))
        timeout_ns = (int64_t)pending_ms * 1000000;
    rc = fl_world_wait(door->world, items, count, timeout_ns, reterr);
    return rc == FL_E_TIMEOUT ? 0 : rc;
}

/* True when its writer has closed it. */
static bool is_over(int fd)
{
    char sink[256];
    ssize_t n = read(fd, sink, sizeof(sink));

    return n == 0;
}

int fl_door_run(struct fl_door *door, int stop_fd, int end_fd, struct fl_err *reterr)
{
    struct fl_wait_item items[FL_DOOR_LISTEN_MAX + 3];
    int64_t end_ns = INT64_MAX;
    int64_t due_ns = INT64_MAX;
    int rc = 0;

    while (rc == 0 && !(door->ending && !door->conns)) {
        int64_t now_ns;
        int64_t told_ns;

        rc = wait_turn(door, stop_fd, end_fd, due_ns, items, reterr);
        now_ns = fl_world_mono_ns(door->world);
        if (rc < 0 || now_ns >= end_ns || (end_fd >= 0 && items[1].ready && is_over(end_fd)))
            break;
        if (items[0].ready) {
            char sink[512];

            if (door->ending)
                break;
            (void)!read(stop_fd, sink, sizeof(sink)); /* what it was does not matter */
            door->ending = true;
            end_ns = now_ns + FL_DOOR_END_S * SECOND_NS;
        }
        for (size_t i = 0; !door->ending && i < door->listener_count; i++)
            if (items[3 + i].ready)
                fl_door_accept(door, &door->listeners[i]);
        (void)MHD_run(door->daemon); /* fails without a daemon alone */
        due_ns = look_after(door, now_ns);
        told_ns = tell_counts(door, now_ns, false);
        due_ns = told_ns < due_ns ? told_ns : due_ns;
        due_ns = end_ns < due_ns ? end_ns : due_ns;
    }
    (void)tell_counts(door, fl_world_mono_ns(door->world), true);
    return rc;
}
