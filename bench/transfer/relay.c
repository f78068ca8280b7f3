/* A wire with a delay and a limit, between a client and a server on this machine:
 *     relay TO_PORT DELAY_MS MBIT [WINDOW_KIB]
 * Prints {"port": N} and carries connections to 127.0.0.1:TO_PORT until its standard input ends.
 * Each byte arrives DELAY_MS/2 after it was sent. Server to client: the connection's window begins
 * at 10 segments, grows by what was acknowledged (a round trip later), at most to WINDOW_KIB, and
 * all connections together share MBIT. A new connection's first bytes wait for one round trip, the
 * handshake that this machine's own network does not show. Not a model of loss.
 * Owns: its sockets. Threads: one. Limits: CONNECTIONS_MAX. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/macro.h"

#include "engine/base/banned.h"

#define CONNECTIONS_MAX 512
#define PIECE ((size_t)64 * 1024)
#define WINDOW_FIRST ((size_t)14600) /* RFC 6928 */
#define BACKLOG ((size_t)256 * 1024) /* towards the server */
#define SEGMENT 1448

/* Bytes on their way. */
struct piece {
    struct piece *next;
    int64_t due_us;
    int64_t acked_us;
    size_t size;
    size_t sent;
    char data[];
};

struct queue {
    struct piece *first;
    struct piece *last;
};

/* One direction of a connection. */
struct way {
    int from;
    int to;
    struct queue flying;
    struct queue unacked;
    size_t out; /* bytes not acknowledged yet */
    size_t window;
    int64_t hold_us; /* for the first bytes */
    bool metered;
    bool ended; /* the sender has no more */
    bool shut;
};

struct wire {
    int64_t delay_us;
    double bytes_us; /* 0: no limit */
    double tokens;
    int64_t filled_us;
    size_t window_max;
    int port;
    int listener;
    int poll_fd;
    struct way ways[CONNECTIONS_MAX][2];
    bool used[CONNECTIONS_MAX];
};

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* always there */
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void put(struct queue *queue, struct piece *piece)
{
    piece->next = NULL;
    if (queue->last)
        queue->last->next = piece;
    else
        queue->first = piece;
    queue->last = piece;
}

static struct piece *take(struct queue *queue)
{
    struct piece *piece = queue->first;

    queue->first = piece->next;
    if (!queue->first)
        queue->last = NULL;
    return piece;
}

static void drop(struct queue *queue)
{
    while (queue->first)
        free(take(queue));
}

static void sooner(int64_t *wake, int64_t at)
{
    *wake = at < *wake ? at : *wake;
}

static void refill(struct wire *wire, int64_t now)
{
    double most = wire->bytes_us * 4000 > 131072 ? wire->bytes_us * 4000 : 131072;

    wire->tokens += (double)(now - wire->filled_us) * wire->bytes_us;
    wire->filled_us = now;
    wire->tokens = wire->tokens < most ? wire->tokens : most;
}

static void acknowledge(struct wire *wire, struct way *way, int64_t now, int64_t *wake)
{
    while (way->unacked.first && way->unacked.first->acked_us <= now) {
        struct piece *piece = take(&way->unacked);

        way->out -= piece->size;
        way->window += piece->size;
        way->window = way->window < wire->window_max ? way->window : wire->window_max;
        free(piece);
    }
    if (way->unacked.first)
        sooner(wake, way->unacked.first->acked_us);
}

/* How much may be read now. */
static size_t room_of(struct wire *wire, const struct way *way, int64_t now, int64_t *wake)
{
    size_t most = way->metered ? way->window : BACKLOG;
    size_t room = way->out < most ? most - way->out : 0;

    room = room < PIECE ? room : PIECE;
    if (room > 0 && way->metered && wire->bytes_us > 0) {
        if (wire->tokens < SEGMENT) {
            sooner(wake, now + 200);
            return 0;
        }
        room = (double)room < wire->tokens ? room : (size_t)wire->tokens;
    }
    return room;
}

/* False when the connection is broken. */
static bool receive(struct wire *wire, struct way *way, int64_t now, int64_t *wake)
{
    size_t room;

    while (!way->ended && (room = room_of(wire, way, now, wake)) > 0) {
        struct piece *piece = malloc(sizeof(*piece) + room);
        ssize_t n = piece ? read(way->from, piece->data, room) : -1;

        if (n <= 0) {
            free(piece);
            way->ended = n == 0;
            return n == 0 || errno == EAGAIN;
        }
        if (way->metered)
            wire->tokens -= (double)n;
        piece->size = (size_t)n;
        piece->sent = 0;
        piece->due_us = now + wire->delay_us / 2 + way->hold_us;
        piece->acked_us = piece->due_us + wire->delay_us / 2;
        way->hold_us = 0;
        way->out += piece->size;
        put(&way->flying, piece);
    }
    return true;
}

static bool deliver(struct way *way, int64_t now, int64_t *wake)
{
    while (way->flying.first && way->flying.first->due_us <= now) {
        struct piece *piece = way->flying.first;
        ssize_t n =
            send(way->to, piece->data + piece->sent, piece->size - piece->sent, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            return false;
        piece->sent += n > 0 ? (size_t)n : 0;
        if (piece->sent < piece->size) {
            sooner(wake, now + 500);
            return true;
        }
        (void)take(&way->flying); /* piece */
        piece->acked_us = piece->acked_us > now ? piece->acked_us : now;
        put(&way->unacked, piece);
        sooner(wake, piece->acked_us);
    }
    if (way->flying.first)
        sooner(wake, way->flying.first->due_us);
    if (way->ended && !way->flying.first && !way->shut) {
        (void)shutdown(way->to, SHUT_WR); /* it may have gone */
        way->shut = true;
    }
    return true;
}

static void disconnect(struct wire *wire, size_t at)
{
    for (int i = 0; i < 2; i++) {
        (void)close(wire->ways[at][i].from); /* nothing to lose */
        drop(&wire->ways[at][i].flying);
        drop(&wire->ways[at][i].unacked);
    }
    wire->used[at] = false;
}

static void turn(struct wire *wire, int64_t now, int64_t *wake)
{
    refill(wire, now);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct way *ways = wire->ways[i];
        bool lives = true;

        for (int k = 0; wire->used[i] && lives && k < 2; k++) {
            acknowledge(wire, &ways[k], now, wake);
            lives = receive(wire, &ways[k], now, wake) && deliver(&ways[k], now, wake);
        }
        if (wire->used[i] && (!lives || (ways[0].shut && ways[1].shut)))
            disconnect(wire, i);
    }
}

static void set_up(int fd)
{
    int on = 1;

    (void)fcntl(fd, F_SETFL, O_NONBLOCK);                            /* cannot fail */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only slower */
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void watch(const struct wire *wire, int fd)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = fd};

    (void)epoll_ctl(wire->poll_fd, EPOLL_CTL_ADD, fd, &event); /* else the timer finds it */
}

static void connect_all(struct wire *wire)
{
    struct sockaddr_in to = loopback(wire->port);
    int client;

    while ((client = accept(wire->listener, NULL, NULL)) >= 0) {
        int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        size_t at = 0;

        while (at < CONNECTIONS_MAX && wire->used[at])
            at++;
        if (at == CONNECTIONS_MAX || connect(server, (struct sockaddr *)&to, sizeof(to)) < 0) {
            (void)close(client); /* refused */
            (void)close(server); /* the same */
            continue;
        }
        set_up(client);
        set_up(server);
        wire->used[at] = true;
        wire->ways[at][0] = (struct way){
            .from = client, .to = server, .hold_us = wire->delay_us, .window = BACKLOG};
        wire->ways[at][1] =
            (struct way){.from = server, .to = client, .window = WINDOW_FIRST, .metered = true};
        watch(wire, client);
        watch(wire, server);
    }
}

static int open_wire(struct wire *wire)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);

    wire->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    wire->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (wire->poll_fd < 0 || bind(wire->listener, (struct sockaddr *)&address, size) < 0 ||
        listen(wire->listener, CONNECTIONS_MAX) < 0 ||
        getsockname(wire->listener, (struct sockaddr *)&address, &size) < 0)
        return -1;
    watch(wire, wire->listener);
    watch(wire, STDIN_FILENO);
    (void)printf("{\"port\": %d}\n", ntohs(address.sin_port));
    return fflush(stdout);
}

int main(int argc, char **argv)
{
    struct wire *wire = calloc(1, sizeof(*wire));
    char sink[64];

    if (!wire || argc < 4) {
        (void)fprintf(stderr, "usage: relay TO_PORT DELAY_MS MBIT [WINDOW_KIB]\n");
        return 78;
    }
    wire->port = (int)strtol(argv[1], NULL, 10);
    wire->delay_us = (int64_t)(strtod(argv[2], NULL) * 1000);
    wire->bytes_us = strtod(argv[3], NULL) / 8;
    wire->window_max = (argc > 4 ? (size_t)strtoul(argv[4], NULL, 10) : 4096) * 1024;
    wire->filled_us = now_us();
    if (open_wire(wire) < 0) {
        perror("relay");
        return 70;
    }
    for (int64_t wake = 0;;) {
        struct epoll_event events[64];
        int64_t wait = wake - now_us();
        struct timespec limit = {.tv_sec = wait > 0 ? wait / 1000000 : 0,
                                 .tv_nsec = wait > 0 ? wait % 1000000 * 1000 : 0};
        int count = epoll_pwait2(wire->poll_fd, events, 64, &limit, NULL);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == STDIN_FILENO && read(STDIN_FILENO, sink, sizeof(sink)) <= 0)
                return 0; /* the kernel closes the rest */
        }
        connect_all(wire);
        wake = now_us() + 1000000;
        turn(wire, now_us(), &wake);
    }
}
