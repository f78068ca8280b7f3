/* libcurl, thinly. */
#include "config.h"

#include "data-fetch/http/http.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/banned.h"

#define URL_MAX 4096

struct transfer {
    struct fl_http *http;
    struct fl_http_request request;
    CURL *easy;
    struct curl_slist *headers;
    struct fl_buf body;
    char etag[FL_HTTP_ETAG_MAX];
    char why[CURL_ERROR_SIZE];
    int64_t range_first;
    int64_t range_last;
    int64_t range_total;
    int64_t retry_after_s;
    uint64_t let_through;
    int rc; /* of the sink, or FL_E_TOO_BIG */
    struct transfer *next;
};

struct fl_http {
    CURLM *multi;
    struct fl_http_limits limits;
    struct transfer *transfers;
    size_t active;
};

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
    http->multi = curl_multi_init();
    if (!http->multi) {
        free(http);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "libcurl cannot be set up");
    }
    *ret_http = http;
    return 0;
}

static void transfer_destroy(struct transfer *transfer)
{
    if (transfer->easy) {
        (void)curl_multi_remove_handle(transfer->http->multi, transfer->easy); /* may not be in */
        curl_easy_cleanup(transfer->easy);
    }
    curl_slist_free_all(transfer->headers);
    fl_buf_release(&transfer->body);
    free(transfer);
}

void fl_http_destroy(struct fl_http *http)
{
    if (!http)
        return;
    while (http->transfers) {
        struct transfer *transfer = http->transfers;

        http->transfers = transfer->next;
        transfer_destroy(transfer);
    }
    (void)curl_multi_cleanup(http->multi); /* all handles are out */
    curl_global_cleanup();
    free(http);
}

/* ---- what the server says ---- */

static bool header_is(const char *line, size_t size, const char *name, char *value, size_t room)
{
    size_t length = strlen(name);
    size_t from = length + 1;

    if (size <= length || strncasecmp(line, name, length) != 0 || line[length] != ':')
        return false;
    while (from < size && (line[from] == ' ' || line[from] == '\t'))
        from++;
    while (size > from &&
           (line[size - 1] == '\r' || line[size - 1] == '\n' || line[size - 1] == ' '))
        size--;
    if (size - from >= room)
        return false;
    memcpy(value, line + from, size - from);
    value[size - from] = '\0';
    return true;
}

static size_t take_header(char *line, size_t one, size_t size, void *arg)
{
    struct transfer *transfer = arg;
    char value[FL_HTTP_ETAG_MAX];
    int64_t numbers[3] = {-1, -1, -1};

    (void)one;
    if (size >= 5 && strncmp(line, "HTTP/", 5) == 0) { /* a new answer, after a redirect */
        transfer->etag[0] = '\0';
        transfer->range_first = transfer->range_last = transfer->range_total = -1;
        transfer->retry_after_s = -1;
    } else if (header_is(line, size, "ETag", value, sizeof(value))) {
        (void)snprintf(transfer->etag, sizeof(transfer->etag), "%s", value);
    } else if (header_is(line, size, "Content-Range", value, sizeof(value))) {
        int found = sscanf(value, "bytes %" SCNd64 "-%" SCNd64 "/%" SCNd64, &numbers[0],
                           &numbers[1], &numbers[2]);

        if (found >= 2) {
            transfer->range_first = numbers[0];
            transfer->range_last = numbers[1];
            transfer->range_total = found == 3 ? numbers[2] : -1;
        }
    } else if (header_is(line, size, "Retry-After", value, sizeof(value))) {
        if (sscanf(value, "%" SCNd64, &numbers[0]) == 1 && numbers[0] >= 0)
            transfer->retry_after_s = numbers[0];
    }
    return size;
}

static size_t take_body(char *data, size_t one, size_t size, void *arg)
{
    struct transfer *transfer = arg;
    long status = 0;

    (void)one;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 && status != 206) { /* an error page: enough of it to show */
        size_t room = FL_HTTP_PAGE_MAX - transfer->body.size;

        fl_buf_add(&transfer->body, data, size < room ? size : room);
        return size;
    }
    if (transfer->let_through + size > transfer->request.body_max) {
        transfer->rc = FL_E_TOO_BIG;
        return 0;
    }
    transfer->let_through += size;
    if (transfer->request.sink)
        transfer->rc = transfer->request.sink(data, size, transfer->request.arg);
    else
        fl_buf_add(&transfer->body, data, size);
    if (transfer->rc == 0 && transfer->body.failed)
        transfer->rc = FL_E_TOO_BIG;
    return transfer->rc < 0 ? 0 : size;
}

/* ---- starting ---- */

/* The URL as it is sent: '#' and what no URL may hold are escaped. */
static int clean_url(const char *url, char *out, size_t size, struct fl_err *reterr)
{
    size_t used = 0;

    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return fl_err_set(
            reterr, FL_E_CONFIG, 0,
            "'%.200s' is not a URL that can be fetched; accepted: http://…, https://…", url);
    for (; *url; url++) {
        unsigned char c = (unsigned char)*url;
        bool escape = c <= 0x20 || c >= 0x7f || c == '#' || c == '"' || c == '<' || c == '>';

        if (used + 4 > size)
            return fl_err_set(reterr, FL_E_TOO_BIG, 0, "a URL longer than %zu bytes", size);
        if (escape)
            (void)snprintf(out + used, 4, "%%%02X", c);
        else
            out[used] = (char)c;
        used += escape ? 3 : 1;
    }
    out[used] = '\0';
    return 0;
}

static bool is_loopback(const char *url)
{
    const char *host = strstr(url, "://") + 3;

    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           strncasecmp(host, "localhost", 9) == 0;
}

/* What began on https stays there. */
static CURLcode set_protocols(CURL *easy, bool secure)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");

    return rc != CURLE_OK ? rc
                          : curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR,
                                             secure ? "https" : "http,https");
#else
    long both = CURLPROTO_HTTP | CURLPROTO_HTTPS;
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS, both);

    return rc != CURLE_OK ? rc
                          : curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS,
                                             secure ? (long)CURLPROTO_HTTPS : both);
#endif
}

static CURLcode set_headers(struct transfer *transfer)
{
    char line[FL_HTTP_ETAG_MAX + 32];
    struct curl_slist *more;

    if (!transfer->request.if_range || !*transfer->request.if_range)
        return CURLE_OK;
    (void)snprintf(line, sizeof(line), "If-Range: %s", transfer->request.if_range);
    more = curl_slist_append(transfer->headers, line);
    if (!more)
        return CURLE_OUT_OF_MEMORY;
    transfer->headers = more;
    return curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
}

static CURLcode set_options(struct transfer *transfer, const char *url)
{
    const struct fl_http_limits *limits = &transfer->http->limits;
    CURL *easy = transfer->easy;
    CURLcode rc = CURLE_OK;

#define SET(option, value) \
    do { \
        if (rc == CURLE_OK) \
            rc = curl_easy_setopt(easy, option, value); \
    } while (0)
    SET(CURLOPT_URL, url);
    SET(CURLOPT_USERAGENT, "fairlead-transfer/" PACKAGE_VERSION);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, (long)FL_HTTP_REDIRECTS_MAX);
    SET(CURLOPT_CONNECTTIMEOUT, (long)limits->connect_s);
    SET(CURLOPT_LOW_SPEED_TIME, (long)limits->stall_s);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)limits->stall_bytes);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->why);
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_FILETIME, 1L);
    if (transfer->request.range)
        SET(CURLOPT_RANGE, transfer->request.range);
    if (is_loopback(url))
        SET(CURLOPT_PROXY, "");
#undef SET
    if (rc == CURLE_OK)
        rc = set_protocols(easy, strncasecmp(url, "https", 5) == 0);
    return rc == CURLE_OK ? set_headers(transfer) : rc;
}

int fl_http_start(struct fl_http *http, const struct fl_http_request *request,
                  struct fl_err *reterr)
{
    struct transfer *transfer;
    char url[URL_MAX];
    CURLcode code = CURLE_OUT_OF_MEMORY;
    int rc;

    fl_assert(request->url);
    fl_assert(request->done);
    if (http->active >= FL_HTTP_ACTIVE_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "%d requests are in flight", FL_HTTP_ACTIVE_MAX);
    rc = clean_url(request->url, url, sizeof(url), reterr);
    if (rc < 0)
        return rc;
    transfer = calloc(1, sizeof(*transfer));
    if (!transfer)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a request");
    transfer->http = http;
    transfer->request = *request;
    transfer->range_first = transfer->range_last = transfer->range_total = -1;
    transfer->retry_after_s = -1;
    fl_buf_init(&transfer->body,
                request->body_max > FL_HTTP_PAGE_MAX ? request->body_max : FL_HTTP_PAGE_MAX);
    transfer->easy = curl_easy_init();
    if (transfer->easy)
        code = set_options(transfer, url);
    if (code != CURLE_OK || curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK) {
        transfer_destroy(transfer);
        return fl_err_set(reterr, FL_E_NOMEM, (int)code, "request '%s': %s", request->url,
                          curl_easy_strerror(code));
    }
    transfer->next = http->transfers;
    http->transfers = transfer;
    http->active++;
    return 0;
}

size_t fl_http_active(const struct fl_http *http)
{
    return http->active;
}

/* ---- ending ---- */

static int code_of(CURLcode code)
{
    if (code == CURLE_OK)
        return 0;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return FL_E_TIMEOUT;
    if (code == CURLE_OUT_OF_MEMORY)
        return FL_E_NOMEM;
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return FL_E_CONFIG;
    return FL_E_NET;
}

static void finish(struct transfer *transfer, CURLcode code)
{
    struct fl_http *http = transfer->http;
    struct fl_http_reply reply = {.rc = code_of(code),
                                  .body = transfer->body.data ? transfer->body.data : "",
                                  .size = transfer->body.size,
                                  .etag = transfer->etag,
                                  .if_range = transfer->etag[0] == '"' ? transfer->etag : "",
                                  .range_first = transfer->range_first,
                                  .range_last = transfer->range_last,
                                  .range_total = transfer->range_total,
                                  .retry_after_s = transfer->retry_after_s,
                                  .modified_s = -1,
                                  .why = transfer->why};
    curl_off_t modified = -1;

    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &reply.status);
    if (curl_easy_getinfo(transfer->easy, CURLINFO_FILETIME_T, &modified) == CURLE_OK)
        reply.modified_s = modified;
    if (transfer->rc < 0) {
        reply.rc = transfer->rc;
        reply.why = transfer->rc == FL_E_TOO_BIG ? "the answer is longer than was asked for"
                                                 : "the bytes could not be taken";
    } else if (code != CURLE_OK && !transfer->why[0]) {
        reply.why = curl_easy_strerror(code);
    }
    for (struct transfer **slot = &http->transfers; *slot; slot = &(*slot)->next) {
        if (*slot == transfer) {
            *slot = transfer->next;
            break;
        }
    }
    http->active--;
    transfer->request.done(&reply, transfer->request.arg);
    transfer_destroy(transfer);
}

int fl_http_turn(struct fl_http *http, int64_t timeout_ns, struct fl_err *reterr)
{
    int64_t timeout_ms = timeout_ns < 0 ? 1000 : (timeout_ns + 999999) / 1000000;
    int running = 0;
    int left = 0;
    CURLMsg *message;
    CURLMcode code = curl_multi_perform(http->multi, &running);

    if (code == CURLM_OK && timeout_ms > INT32_MAX)
        timeout_ms = INT32_MAX;
    if (code == CURLM_OK && (size_t)running == http->active && timeout_ms > 0)
        code = curl_multi_poll(http->multi, NULL, 0, (int)timeout_ms, NULL);
    if (code == CURLM_OK)
        code = curl_multi_perform(http->multi, &running);
    if (code != CURLM_OK)
        return fl_err_set(reterr, FL_E_NET, (int)code, "libcurl: %s", curl_multi_strerror(code));
    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct transfer *transfer = NULL;
        CURLcode result = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        fl_assert(transfer);
        finish(transfer, result);
    }
    return 0;
}

bool fl_http_status_is_transient(long status)
{
    return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
           status == 503 || status == 504;
}
