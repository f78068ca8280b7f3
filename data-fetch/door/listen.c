/* The door's addresses, and who may knock. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "data-fetch/door/private.h"

#include "engine/base/banned.h"

#define BACKLOG 128
#define HOST_MAX 64

/* "a.b.c.d:port", "[addr6]:port" to an address. */
static int parse(const char *listen, struct sockaddr_storage *ret_address, char host[HOST_MAX],
                 uint16_t *ret_port, struct fl_err *reterr)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;
    const char *colon = strrchr(listen, ':');
    char *end = NULL;
    long port = colon ? strtol(colon + 1, &end, 10) : -1;
    size_t length = colon ? (size_t)(colon - listen) : 0;
    bool good = colon && end != colon + 1 && !*end && port >= 0 && port <= 65535 && length > 0 &&
                length < HOST_MAX;

    memset(ret_address, 0, sizeof(*ret_address));
    if (good && listen[0] == '[' && listen[length - 1] == ']') {
        (void)snprintf(host, HOST_MAX, "%.*s", (int)length - 2, listen + 1);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        good = inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
    } else if (good) {
        (void)snprintf(host, HOST_MAX, "%.*s", (int)length, listen);
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        good = inet_pton(AF_INET, host, &v4->sin_addr) == 1;
    }
    if (!good)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "listen address '%s'; accepted: an address of this host and a port, such "
                          "as 10.0.0.2:7443, [fd00::2]:7443, 127.0.0.1:0",
                          listen);
    *ret_port = (uint16_t)port;
    return 0;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

    return address->ss_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)
                                          : (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
}

/* All addresses of this host: its name is what others can use. */
static bool is_any(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

    return address->ss_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)
                                          : v4->sin_addr.s_addr == htonl(INADDR_ANY);
}

static socklen_t address_size(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

/* An address that the host does not have yet (a link that is down) is no reason to fail. */
static int bind_socket(int fd, const struct sockaddr_storage *address, const char *listen_text,
                       struct fl_err *reterr)
{
    int on = 1;
    bool six = address->ss_family == AF_INET6;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (six)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    (void)setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_FREEBIND : IP_FREEBIND, &on,
                     sizeof(on));
    if (bind(fd, (const struct sockaddr *)address, address_size(address)) == 0 &&
        listen(fd, BACKLOG) == 0)
        return 0;
    return errno == EADDRINUSE ? fl_err_set(reterr, FL_E_LOCKED, errno,
                                            "'%s' is taken by another process", listen_text)
                               : fl_err_set(reterr, FL_E_NET, errno, "cannot listen on '%s': %s",
                                            listen_text, strerror(errno));
}

static void make_url(const struct fl_door *door, struct listener *listener,
                     const struct sockaddr_storage *address, const char *host)
{
    struct utsname name;
    const char *open = address->ss_family == AF_INET6 ? "[" : "";
    const char *shut = address->ss_family == AF_INET6 ? "]" : "";

    if (is_any(address) && uname(&name) == 0 && name.nodename[0]) {
        host = name.nodename;
        open = shut = "";
    }
    (void)snprintf(listener->url, sizeof(listener->url), "%s://%s%s%s:%u",
                   door->plain ? "http" : "https", open, host, shut, listener->port);
}

int fl_door_listen(struct fl_door *door, const char *listen, struct fl_err *reterr)
{
    struct listener *listener = &door->listeners[door->listener_count];
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);
    char host[HOST_MAX];
    int rc = parse(listen, &address, host, &listener->port, reterr);

    if (rc == 0 && door->plain && !is_loopback(&address))
        rc = fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                        "the door cannot listen on '%s': without keys it speaks plain HTTP, so "
                        "only on loopback addresses (127.0.0.1, [::1]); for others give it --keys",
                        listen);
    if (rc < 0)
        return rc;
    listener->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0)
        return fl_err_set(reterr, FL_E_NET, errno, "no socket for '%s': %s", listen,
                          strerror(errno));
    door->listener_count++;
    rc = bind_socket(listener->fd, &address, listen, reterr);
    if (rc < 0)
        return rc;
    if (getsockname(listener->fd, (struct sockaddr *)&address, &size) == 0)
        listener->port =
            ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                : ((struct sockaddr_in *)&address)->sin_port);
    make_url(door, listener, &address, host);
    return 0;
}

static void text_of(const struct sockaddr_storage *address, char text[FL_DOOR_ADDRESS_MAX])
{
    const void *raw = address->ss_family == AF_INET6
                          ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                          : (const void *)&((const struct sockaddr_in *)address)->sin_addr;

    if (!inet_ntop(address->ss_family, raw, text, FL_DOOR_ADDRESS_MAX))
        text[0] = '\0';
}

static size_t open_from(const struct fl_door *door, const char *address)
{
    size_t count = 0;

    for (const struct conn *conn = door->conns; conn; conn = conn->next)
        count += strcmp(conn->address, address) == 0;
    return count;
}

/* True when there is room for one more from there. A door on loopback knows all by one address. */
static bool is_welcome(struct fl_door *door, const struct sockaddr_storage *from,
                       const char *address)
{
    const char *why = NULL;

    if (door->counts.open >= door->connections_max)
        why = "all connections are in use";
    else if (!is_loopback(from) && open_from(door, address) >= (door->connections_max + 1) / 2)
        why = "half of all connections are from there";
    if (!why)
        return true;
    door->counts.turned++;
    fl_door_tell(door, "door.full", address, why);
    return false;
}

void fl_door_accept(struct fl_door *door, const struct listener *listener)
{
    for (size_t i = 0; i < BACKLOG; i++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof(from);
        int fd =
            accept4(listener->fd, (struct sockaddr *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        char address[FL_DOOR_ADDRESS_MAX];
        struct conn *conn;
        int on = 1;

        if (fd < 0)
            return; /* nothing waits, or it has gone again */
        text_of(&from, address);
        conn = is_welcome(door, &from, address) ? calloc(1, sizeof(*conn)) : NULL;
        if (!conn) {
            (void)close(fd); /* its peer sees the end */
            continue;
        }
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        conn->door = door;
        conn->fd = fd;
        conn->since_ns = fl_world_mono_ns(door->world);
        memcpy(conn->address, address, sizeof(address));
        conn->next = door->conns;
        door->conns = conn;
        door->counts.open++;
        /* takes the descriptor in any case; tells of the beginning and, on failure, of nothing */
        if (MHD_add_connection(door->daemon, fd, (const struct sockaddr *)&from, size) != MHD_YES &&
            door->conns == conn && !conn->mhd) {
            door->conns = conn->next;
            door->counts.open--;
            free(conn);
        }
    }
}
