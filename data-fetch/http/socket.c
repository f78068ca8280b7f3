/* Which socket carries a transfer, and what the kernel knows of it. libcurl tells a transfer's
 * socket only after its end; so the sockets are made and closed here, and the local port that a
 * request begins on tells which one it has. */
#include "config.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data-fetch/http/transfer.h"

#include "engine/base/banned.h"

static curl_socket_t socket_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fl_http *http = arg;
    int fd;

    (void)purpose;
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    for (size_t i = 0; fd >= 0 && i < FL_COUNT(http->sockets); i++) {
        if (http->sockets[i] < 0) {
            http->sockets[i] = fd;
            break;
        }
    }
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int socket_close(void *arg, curl_socket_t fd)
{
    struct fl_http *http = arg;

    for (size_t i = 0; i < FL_COUNT(http->sockets); i++) {
        if (http->sockets[i] == fd)
            http->sockets[i] = -1;
    }
    for (struct fl_http_transfer *transfer = http->transfers; transfer; transfer = transfer->next) {
        if (transfer->fd == fd)
            transfer->fd = -1;
    }
    return close(fd);
}

static int local_port(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return -1;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static int request_begins(void *arg, char *server_address, char *own_address, int server_port,
                          int own_port)
{
    struct fl_http_transfer *transfer = arg;
    struct fl_http *http = transfer->http;

    (void)server_address;
    (void)own_address;
    (void)server_port;
    transfer->fd = -1;
    for (size_t i = 0; i < FL_COUNT(http->sockets) && transfer->fd < 0; i++) {
        if (http->sockets[i] >= 0 && local_port(http->sockets[i]) == own_port)
            transfer->fd = http->sockets[i];
    }
    return CURL_PREREQFUNC_OK;
}

CURLcode fl_http_watch_socket(struct fl_http_transfer *transfer)
{
    CURL *easy = transfer->easy;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);

    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer->http);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, socket_close);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, transfer->http);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, request_begins);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    return rc;
}

void fl_http_stats(const struct fl_http_transfer *transfer, struct fl_http_stats *ret_stats)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof(info);

    *ret_stats = (struct fl_http_stats){.bytes = transfer->let_through,
                                        .sent_bytes = (uint64_t)transfer->given,
                                        .rtt_ns = -1,
                                        .rtt_var_ns = -1,
                                        .retransmits = -1,
                                        .segments = -1};
    if (transfer->fd < 0 || getsockopt(transfer->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return;
    ret_stats->rtt_ns = (int64_t)info.tcpi_rtt * 1000;
    ret_stats->rtt_var_ns = (int64_t)info.tcpi_rttvar * 1000;
    ret_stats->retransmits = info.tcpi_total_retrans;
    if (size >= offsetof(struct tcp_info, tcpi_segs_out) + sizeof(info.tcpi_segs_out))
        ret_stats->segments = info.tcpi_segs_out;
}
