/* What the server says, and what is sent to it. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data-fetch/http/transfer.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)

/* ---- header lines ---- */

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

static void take_content_range(struct fl_http_transfer *transfer, const char *value)
{
    int64_t first = -1;
    int64_t last = -1;
    int64_t total = -1;
    int found = sscanf(value, "bytes %" SCNd64 "-%" SCNd64 "/%" SCNd64, &first, &last, &total);

    if (found < 2)
        return;
    transfer->range_first = first;
    transfer->range_last = last;
    transfer->range_total = found == 3 ? total : -1;
}

/* Seconds, or a date. */
static void take_retry_after(struct fl_http_transfer *transfer, const char *value)
{
    int64_t seconds = -1;
    time_t at;

    if (sscanf(value, "%" SCNd64, &seconds) == 1 && seconds >= 0) {
        transfer->retry_after_s = seconds;
        return;
    }
    at = curl_getdate(value, NULL);
    if (at < 0)
        return;
    seconds = (int64_t)at - fl_world_utc_ns(fl_world_real()) / SECOND_NS;
    transfer->retry_after_s = seconds > 0 ? seconds : 0;
}

size_t fl_http_take_header(char *line, size_t one, size_t size, void *arg)
{
    struct fl_http_transfer *transfer = arg;
    char value[FL_HTTP_ETAG_MAX];
    size_t whole = size;

    (void)one;
    if (transfer->cancelled)
        return 0;
    if (size >= 5 && strncmp(line, "HTTP/", 5) == 0) { /* a new answer, after a redirect */
        transfer->etag[0] = '\0';
        transfer->range_first = transfer->range_last = transfer->range_total = -1;
        transfer->retry_after_s = -1;
        fl_buf_clear(&transfer->head);
        return size;
    }
    if (header_is(line, size, "ETag", value, sizeof(value)))
        (void)snprintf(transfer->etag, sizeof(transfer->etag), "%s", value);
    else if (header_is(line, size, "Content-Range", value, sizeof(value)))
        take_content_range(transfer, value);
    else if (header_is(line, size, "Retry-After", value, sizeof(value)))
        take_retry_after(transfer, value);
    while (size > 0 && strchr("\r\n \t", line[size - 1]))
        size--;
    for (size_t i = 0; i < size; i++) /* SFTP's answers to commands have several lines */
        fl_buf_putc(&transfer->head, line[i] == '\n' ? '\0' : line[i]);
    if (size > 0)
        fl_buf_putc(&transfer->head, '\0');
    return whole;
}

const char *fl_http_header(const struct fl_http_reply *reply, const char *name)
{
    const struct fl_buf *head = &reply->transfer->head;
    size_t length = strlen(name);
    const char *found = NULL;

    for (const char *line = head->data; line < head->data + head->size; line += strlen(line) + 1) {
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            found = line + length + 1 + strspn(line + length + 1, " \t");
    }
    return found;
}

/* ---- bodies ---- */

static bool is_good(long status, const char *url)
{
    return (status >= 200 && status < 300) || (url && strncasecmp(url, "http", 4) != 0);
}

/* Before the first byte of a body: may it come? */
static int begin(struct fl_http_transfer *transfer)
{
    struct fl_http_reply reply;

    transfer->begun = true;
    if (!transfer->request.head)
        return 0;
    fl_http_describe(transfer, CURLE_OK, &reply);
    return transfer->request.head(&reply, transfer->request.arg);
}

size_t fl_http_take_body(char *data, size_t one, size_t size, void *arg)
{
    struct fl_http_transfer *transfer = arg;
    const char *url = NULL;
    long status = 0;

    (void)one;
    if (transfer->cancelled)
        return 0;
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &url);
    if (!transfer->begun)
        transfer->rc = begin(transfer);
    if (transfer->rc < 0 || transfer->cancelled)
        return 0;
    if (!is_good(status, url)) { /* an error page: enough of it to show */
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
    return transfer->rc < 0 || transfer->cancelled ? 0 : size;
}

size_t fl_http_give_body(char *data, size_t one, size_t size, void *arg)
{
    struct fl_http_transfer *transfer = arg;
    const struct fl_http_request *request = &transfer->request;
    int64_t total = transfer->content ? (int64_t)request->content_size : request->source_size;
    size_t room = one * size;
    ssize_t n;

    if (transfer->cancelled)
        return CURL_READFUNC_ABORT;
    if ((int64_t)room > total - transfer->given)
        room = (size_t)(total - transfer->given);
    if (room == 0)
        return 0;
    if (transfer->content) {
        memcpy(data, transfer->content + transfer->given, room);
        n = (ssize_t)room;
    } else {
        n = request->source(data, room, transfer->given, request->arg);
    }
    if (n < 0) {
        transfer->rc = (int)n;
        return CURL_READFUNC_ABORT;
    }
    fl_assert((size_t)n <= room);
    transfer->given += n;
    return (size_t)n;
}

int fl_http_seek_body(void *arg, curl_off_t offset, int origin)
{
    struct fl_http_transfer *transfer = arg;

    if (origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    if (offset > (transfer->content ? (curl_off_t)transfer->request.content_size
                                    : transfer->request.source_size))
        return CURL_SEEKFUNC_FAIL; /* what is there is longer than what we have */
    transfer->given = offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- the whole ---- */

static int code_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_OK:
        return 0;
    case CURLE_OPERATION_TIMEDOUT:
        return FL_E_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return FL_E_NOMEM;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
        return FL_E_CONFIG;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_LOGIN_DENIED:
    case CURLE_REMOTE_ACCESS_DENIED:
        return FL_E_PERM;
    case CURLE_REMOTE_FILE_NOT_FOUND:
        return FL_E_NOENT;
    case CURLE_REMOTE_DISK_FULL:
        return FL_E_NOSPACE;
    default:
        return FL_E_NET;
    }
}

static enum fl_http_cause cause_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_QUOTE_ERROR:
        return FL_HTTP_CAUSE_COMMAND;
    case CURLE_FTP_COULDNT_USE_REST:
        return FL_HTTP_CAUSE_LONGER;
    case CURLE_SSH:
    case CURLE_UPLOAD_FAILED:
    case CURLE_SEND_ERROR:
        return FL_HTTP_CAUSE_WRITE;
    default:
        return FL_HTTP_CAUSE_OTHER;
    }
}

static int64_t info_ns(CURL *easy, CURLINFO which)
{
    curl_off_t us = 0;

    return curl_easy_getinfo(easy, which, &us) == CURLE_OK ? (int64_t)us * 1000 : 0;
}

void fl_http_describe(struct fl_http_transfer *transfer, CURLcode code,
                      struct fl_http_reply *ret_reply)
{
    CURL *easy = transfer->easy;
    curl_off_t number = -1;
    long value = 0;
    char *text = NULL;

    *ret_reply = (struct fl_http_reply){
        .rc = code_of(code),
        .cause = cause_of(code),
        .body = transfer->body.data ? transfer->body.data : "",
        .size = transfer->body.size,
        .bytes = transfer->let_through,
        .sent_bytes = (uint64_t)transfer->given,
        .length = -1,
        .etag = transfer->etag,
        .if_range = transfer->etag[0] == '"' ? transfer->etag : "",
        .range_first = transfer->range_first,
        .range_last = transfer->range_last,
        .range_total = transfer->range_total,
        .retry_after_s = transfer->retry_after_s,
        .modified_s = -1,
        .why = transfer->why,
        .url = transfer->request.url,
        .address = "",
        .transfer = transfer,
    };
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &ret_reply->status);
    if (curl_easy_getinfo(easy, CURLINFO_FILETIME_T, &number) == CURLE_OK)
        ret_reply->modified_s = number;
    if (curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &number) == CURLE_OK)
        ret_reply->length = number;
    if (curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &text) == CURLE_OK && text)
        ret_reply->url = text;
    if (curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &text) == CURLE_OK && text)
        ret_reply->address = text;
    (void)curl_easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &ret_reply->redirects);
    if (curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &value) == CURLE_OK)
        ret_reply->local_port = (uint16_t)value;
    if (curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &value) == CURLE_OK)
        ret_reply->fresh = value > 0;
    if (curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &value) == CURLE_OK)
        ret_reply->http2 = value == (long)CURL_HTTP_VERSION_2_0;
    ret_reply->connect_ns = info_ns(easy, CURLINFO_PRETRANSFER_TIME_T);
    ret_reply->first_byte_ns = info_ns(easy, CURLINFO_STARTTRANSFER_TIME_T);
    ret_reply->total_ns = info_ns(easy, CURLINFO_TOTAL_TIME_T);
    if (!ret_reply->fresh)
        ret_reply->connect_ns = 0;
    if (transfer->rc < 0) {
        ret_reply->rc = transfer->rc;
        ret_reply->why = transfer->rc == FL_E_TOO_BIG ? "the answer is longer than was asked for"
                                                      : "the bytes could not be taken";
    } else if (code != CURLE_OK && !transfer->why[0]) {
        ret_reply->why = curl_easy_strerror(code);
    }
}

bool fl_http_status_is_transient(long status)
{
    return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
           status == 503 || status == 504;
}
