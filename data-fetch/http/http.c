/* Requests in flight: libcurl's multi interface, thinly. */
#include "config.h"

#include "data-fetch/http/http.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/http/transfer.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

int fl_http_create(const struct fl_http_limits *limits, struct fl_http **ret_http,
                   struct fl_err *reterr)
{
    struct fl_http *http = calloc(1, sizeof(*http));

    fl_assert(limits);
    fl_assert(ret_http);
    if (!http || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "libcurl cannot be set up");
    }
    http->limits = *limits;
    for (size_t i = 0; i < FL_COUNT(http->sockets); i++)
        http->sockets[i] = -1;
    http->multi = curl_multi_init();
    http->share = curl_share_init();
    if (!http->multi || !http->share ||
        curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION) != CURLSHE_OK ||
        curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)FL_HTTP_ACTIVE_MAX) !=
            CURLM_OK) {
        fl_http_destroy(http);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "libcurl cannot be set up");
    }
    *ret_http = http;
    return 0;
}

static void transfer_destroy(struct fl_http_transfer *transfer)
{
    if (transfer->easy) {
        (void)curl_multi_remove_handle(transfer->http->multi, transfer->easy); /* may not be in */
        curl_easy_cleanup(transfer->easy);
    }
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->connect_to);
    curl_slist_free_all(transfer->before);
    curl_slist_free_all(transfer->after);
    fl_buf_release(&transfer->body);
    fl_buf_release(&transfer->head);
    free(transfer->content);
    free(transfer);
}

/* Out of the list; the handle stays. */
static void transfer_unlink(struct fl_http_transfer *transfer)
{
    struct fl_http *http = transfer->http;

    if (transfer->previous)
        transfer->previous->next = transfer->next;
    else
        http->transfers = transfer->next;
    if (transfer->next)
        transfer->next->previous = transfer->previous;
}

void fl_http_destroy(struct fl_http *http)
{
    if (!http)
        return;
    fl_assert(!http->turning);
    while (http->transfers) {
        struct fl_http_transfer *transfer = http->transfers;

        transfer_unlink(transfer);
        transfer_destroy(transfer);
    }
    if (http->multi)
        (void)curl_multi_cleanup(http->multi); /* all handles are out */
    if (http->share)
        (void)curl_share_cleanup(http->share); /* nobody shares any more */
    curl_global_cleanup();
    free(http);
}

/* ---- starting ---- */

static int transfer_create(struct fl_http *http, const struct fl_http_request *request,
                           struct fl_http_transfer **ret_transfer)
{
    struct fl_http_transfer *transfer = calloc(1, sizeof(*transfer));

    if (!transfer)
        return FL_E_NOMEM;
    transfer->http = http;
    transfer->request = *request;
    transfer->fd = -1;
    transfer->range_first = transfer->range_last = transfer->range_total = -1;
    transfer->retry_after_s = -1;
    fl_buf_init(&transfer->body,
                request->body_max > FL_HTTP_PAGE_MAX ? request->body_max : FL_HTTP_PAGE_MAX);
    fl_buf_init(&transfer->head, FL_HTTP_HEAD_MAX);
    transfer->easy = curl_easy_init();
    if (request->content)
        transfer->content = malloc(request->content_size + 1);
    if (!transfer->easy || (request->content && !transfer->content)) {
        transfer_destroy(transfer);
        return FL_E_NOMEM;
    }
    if (request->content)
        memcpy(transfer->content, request->content, request->content_size);
    *ret_transfer = transfer;
    return 0;
}

int fl_http_start(struct fl_http *http, const struct fl_http_request *request,
                  struct fl_http_transfer **ret_transfer, struct fl_err *reterr)
{
    struct fl_http_transfer *transfer = NULL;
    int rc;

    fl_assert(request->url);
    fl_assert(request->done);
    if (http->active >= FL_HTTP_ACTIVE_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "%d requests are in flight", FL_HTTP_ACTIVE_MAX);
    rc = transfer_create(http, request, &transfer);
    if (rc < 0)
        return fl_err_set(reterr, rc, 0, "out of memory for a request");
    rc = fl_http_prepare(transfer, reterr);
    if (rc == 0 && curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a request");
    if (rc < 0) {
        transfer_destroy(transfer);
        return rc;
    }
    transfer->request.url = "";
    transfer->request.method = transfer->request.range = transfer->request.if_range = NULL;
    transfer->request.headers = transfer->request.before = transfer->request.after = NULL;
    transfer->request.route = NULL;
    transfer->request.tls = NULL;
    transfer->request.auth = NULL;
    transfer->request.limits = NULL;
    transfer->next = http->transfers;
    if (transfer->next)
        transfer->next->previous = transfer;
    http->transfers = transfer;
    http->active++;
    if (ret_transfer)
        *ret_transfer = transfer;
    return 0;
}

void fl_http_cancel(struct fl_http_transfer *transfer)
{
    struct fl_http *http = transfer->http;

    if (transfer->cancelled)
        return;
    transfer->cancelled = true;
    http->active--;
    if (http->turning) { /* libcurl may be at work on it */
        http->any_cancelled = true;
        return;
    }
    transfer_unlink(transfer);
    transfer_destroy(transfer);
}

void fl_http_cap(struct fl_http_transfer *transfer, int64_t cap_bytes_s)
{
    curl_off_t cap = cap_bytes_s > 0 ? cap_bytes_s : 0;

    /* known options with values in range */
    (void)curl_easy_setopt(transfer->easy, CURLOPT_MAX_RECV_SPEED_LARGE, cap);
    (void)curl_easy_setopt(transfer->easy, CURLOPT_MAX_SEND_SPEED_LARGE, cap);
}

size_t fl_http_active(const struct fl_http *http)
{
    return http->active;
}

/* ---- turns ---- */

static void drop_cancelled(struct fl_http *http)
{
    struct fl_http_transfer *next;

    if (!http->any_cancelled)
        return;
    http->any_cancelled = false;
    for (struct fl_http_transfer *transfer = http->transfers; transfer; transfer = next) {
        next = transfer->next;
        if (transfer->cancelled) {
            transfer_unlink(transfer);
            transfer_destroy(transfer);
        }
    }
}

static void finish(struct fl_http_transfer *transfer, CURLcode code)
{
    struct fl_http_reply reply;

    fl_http_describe(transfer, code, &reply);
    transfer_unlink(transfer);
    transfer->http->active--;
    transfer->cancelled = true; /* a cancel from its own callback has nothing left to do */
    transfer->request.done(&reply, transfer->request.arg);
    transfer_destroy(transfer);
}

static CURLMcode perform(struct fl_http *http, int *ret_running)
{
    CURLMcode code;

    http->turning = true;
    code = curl_multi_perform(http->multi, ret_running);
    http->turning = false;
    drop_cancelled(http);
    return code;
}

static CURLMcode wait_for(struct fl_http *http, struct fl_wait_item *items, size_t count,
                          int64_t timeout_ns)
{
    struct curl_waitfd fds[FL_HTTP_ITEMS_MAX];
    int64_t timeout_ms = timeout_ns < 0 ? INT32_MAX : (timeout_ns + 999999) / 1000000;
    CURLMcode code;

    for (size_t i = 0; i < count; i++) {
        fds[i] = (struct curl_waitfd){.fd = items[i].fd,
                                      .events = items[i].want_write ? CURL_WAIT_POLLOUT
                                                                    : CURL_WAIT_POLLIN};
        items[i].ready = false;
    }
    code = curl_multi_poll(http->multi, fds, (unsigned)count,
                           timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms, NULL);
    for (size_t i = 0; code == CURLM_OK && i < count; i++)
        items[i].ready = fds[i].revents != 0;
    return code;
}

int fl_http_turn_with(struct fl_http *http, struct fl_wait_item *items, size_t count,
                      int64_t timeout_ns, struct fl_err *reterr)
{
    int running = 0;
    int left = 0;
    CURLMsg *message;
    CURLMcode code;

    fl_assert(count <= FL_HTTP_ITEMS_MAX);
    code =
        wait_for(http, items, count, timeout_ns); /* at once when a request has just been added */
    if (code == CURLM_OK)
        code = perform(http, &running);
    if (code != CURLM_OK)
        return fl_err_set(reterr, FL_E_NET, (int)code, "libcurl: %s", curl_multi_strerror(code));
    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct fl_http_transfer *transfer = NULL;
        CURLcode result = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        fl_assert(transfer && !transfer->cancelled);
        finish(transfer, result);
    }
    return 0;
}

int fl_http_turn(struct fl_http *http, int64_t timeout_ns, struct fl_err *reterr)
{
    return fl_http_turn_with(http, NULL, 0, timeout_ns, reterr);
}
