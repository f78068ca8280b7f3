/* Telling libcurl what is asked for, over which way, and as whom. */
#include "config.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data-fetch/http/sigv4.h"
#include "data-fetch/http/transfer.h"
#include "engine/base/digest.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define SCHEMES "http://…, https://…, sftp://…, ftp://…"
#define BUFFER_BYTES (256L * 1024)

#define SET(option, value) \
    do { \
        if (rc == CURLE_OK) \
            rc = curl_easy_setopt(easy, option, value); \
    } while (0)

static bool has_scheme(const char *url, const char *scheme)
{
    return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

/* The URL as it is sent: '#' and what no URL may hold are escaped, and its host is `name` when that
 * is set. The place that the caller's URL names goes to host. */
static int clean_url(const char *url, const char *name, char *out, size_t size, char *host,
                     size_t host_size, struct fl_err *reterr)
{
    size_t used = 0;
    size_t length;

    if (!has_scheme(url, "http://") && !has_scheme(url, "https://") &&
        !has_scheme(url, "sftp://") && !has_scheme(url, "ftp://"))
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "'%.200s' is not a URL that can be fetched; accepted: " SCHEMES, url);
    used = (size_t)(strstr(url, "://") + 3 - url);
    length = strcspn(url + used, "/?#");
    if (length == 0 || length >= host_size)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "'%.200s' names no host", url);
    (void)snprintf(host, host_size, "%.*s", (int)length, url + used);
    if (name) {
        (void)snprintf(out, size, "%.*s%s", (int)used, url, name);
        url += used + length;
        used = strlen(out);
    } else {
        used = 0;
    }
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

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           strncasecmp(host, "localhost", 9) == 0;
}

static CURLcode append(struct curl_slist **list, const char *line)
{
    struct curl_slist *more = curl_slist_append(*list, line);

    if (!more)
        return CURLE_OUT_OF_MEMORY;
    *list = more;
    return CURLE_OK;
}

static CURLcode append_all(struct curl_slist **list, const char *const *lines)
{
    CURLcode rc = CURLE_OK;

    for (; rc == CURLE_OK && lines && *lines; lines++)
        rc = append(list, *lines);
    return rc;
}

/* What began on https stays there; a redirect never leads away from http. */
static CURLcode set_protocols(CURL *easy, bool secure)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    CURLcode rc = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https,sftp,ftp");

    SET(CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
#else
    CURLcode rc = curl_easy_setopt(
        easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_SFTP | CURLPROTO_FTP);

    SET(CURLOPT_REDIR_PROTOCOLS,
        secure ? (long)CURLPROTO_HTTPS : (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    return rc;
}

/* ---- method and body ---- */

static CURLcode set_method(struct fl_http_transfer *transfer)
{
    const struct fl_http_request *request = &transfer->request;
    CURL *easy = transfer->easy;
    bool body = transfer->content || request->source;
    int64_t size = transfer->content ? (int64_t)request->content_size : request->source_size;
    CURLcode rc = CURLE_OK;

    if (body) {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_READFUNCTION, fl_http_give_body);
        SET(CURLOPT_READDATA, transfer);
        SET(CURLOPT_SEEKFUNCTION, fl_http_seek_body);
        SET(CURLOPT_SEEKDATA, transfer);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
        SET(CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
        if (request->resume_from != 0)
            SET(CURLOPT_RESUME_FROM_LARGE, (curl_off_t)request->resume_from);
        SET(CURLOPT_FTP_CREATE_MISSING_DIRS,
            request->make_folders ? (long)CURLFTP_CREATE_DIR : (long)CURLFTP_CREATE_DIR_NONE);
    } else if (request->method && strcmp(request->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    }
    if (request->method && strcmp(request->method, "HEAD") != 0 &&
        strcmp(request->method, "GET") != 0 && !(body && strcmp(request->method, "PUT") == 0))
        SET(CURLOPT_CUSTOMREQUEST, request->method);
    if (request->range)
        SET(CURLOPT_RANGE, request->range);
    return rc;
}

static bool follows(const struct fl_http_request *request)
{
    return !request->keep_redirects && !request->source && !request->content &&
           (!request->method || strcmp(request->method, "GET") == 0 ||
            strcmp(request->method, "HEAD") == 0);
}

/* ---- way ---- */

static CURLcode set_route(struct fl_http_transfer *transfer, const char *host)
{
    const struct fl_http_route *route = transfer->request.route;
    const struct fl_http_tls *tls = transfer->request.tls;
    const char *dial = route ? route->connect_to : NULL;
    CURL *easy = transfer->easy;
    char text[512];
    struct in6_addr address;
    CURLcode rc = CURLE_OK;

    if (is_loopback(host) || dial || (route && route->local && *route->local))
        SET(CURLOPT_PROXY, "");
    if (!dial && tls && tls->name)
        dial = host;
    if (dial) { /* whatever the URL says, this is where the connection goes */
        (void)snprintf(text, sizeof(text), "::%s", dial);
        if (rc == CURLE_OK)
            rc = append(&transfer->connect_to, text);
        SET(CURLOPT_CONNECT_TO, transfer->connect_to);
    }
    if (route && route->local && *route->local) {
        bool is_address = inet_pton(AF_INET, route->local, &address) == 1 ||
                          inet_pton(AF_INET6, route->local, &address) == 1;

        (void)snprintf(text, sizeof(text), "%s!%s", is_address ? "host" : "if", route->local);
        SET(CURLOPT_INTERFACE, text);
    }
    if (route && route->cap_bytes_s > 0) {
        SET(CURLOPT_MAX_RECV_SPEED_LARGE, (curl_off_t)route->cap_bytes_s);
        SET(CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)route->cap_bytes_s);
    }
    return rc;
}

static CURLcode set_tls(struct fl_http_transfer *transfer)
{
    const struct fl_http_tls *tls = transfer->request.tls;
    CURL *easy = transfer->easy;
    CURLcode rc = CURLE_OK;

    SET(CURLOPT_SSLVERSION,
        tls && tls->only_1_3 ? (long)CURL_SSLVERSION_TLSv1_3 : (long)CURL_SSLVERSION_TLSv1_2);
    if (!tls)
        return rc;
    if (tls->ca) {
        SET(CURLOPT_CAINFO, tls->ca);
        SET(CURLOPT_CAPATH, NULL);
    }
    if (tls->cert)
        SET(CURLOPT_SSLCERT, tls->cert);
    if (tls->key)
        SET(CURLOPT_SSLKEY, tls->key);
    return rc;
}

/* ---- proof ---- */

static int set_aws(struct fl_http_transfer *transfer, const char *url, struct fl_err *reterr)
{
    const struct fl_http_request *request = &transfer->request;
    const struct fl_http_auth *auth = request->auth;
    bool body = transfer->content || request->source;
    char digest[FL_DIGEST_HEX];
    struct fl_sigv4 ask = {.method = request->method ? request->method
                                     : body          ? "PUT"
                                                     : "GET",
                           .url = url,
                           .key_id = auth->user,
                           .secret = auth->password,
                           .token = auth->token,
                           .region = auth->region,
                           .service = auth->service ? auth->service : "s3",
                           .body = auth->body_sha256,
                           .headers = request->headers,
                           .time_s = fl_world_utc_ns(fl_world_real()) / INT64_C(1000000000)};
    fl_auto(fl_buf_release) struct fl_buf lines;
    int rc;

    if (!auth->user || !auth->password)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "'%.200s': a signed request needs a key id and a "
                          "secret key",
                          url);
    if (!ask.body && !request->source) {
        fl_digest_memory(transfer->content ? transfer->content : "", request->content_size, digest);
        ask.body = digest;
    }
    if (!ask.body)
        ask.body = FL_SIGV4_UNSIGNED;
    fl_buf_init(&lines, 0);
    rc = fl_sigv4_sign(&ask, &lines, reterr);
    for (char *at = lines.data; rc == 0 && *at;) {
        size_t length = strcspn(at, "\n");

        at[length] = '\0';
        if (append(&transfer->headers, at) != CURLE_OK)
            rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a request");
        at += length + 1;
    }
    return rc;
}

static CURLcode set_auth(struct fl_http_transfer *transfer)
{
    const struct fl_http_auth *auth = transfer->request.auth;
    CURL *easy = transfer->easy;
    CURLcode rc = CURLE_OK;

    if (!auth || auth->region)
        return rc;
    if (auth->user)
        SET(CURLOPT_USERNAME, auth->user);
    if (auth->key_file) {
        SET(CURLOPT_SSH_AUTH_TYPES, (long)CURLSSH_AUTH_PUBLICKEY);
        SET(CURLOPT_SSH_PRIVATE_KEYFILE, auth->key_file);
        if (auth->password)
            SET(CURLOPT_KEYPASSWD, auth->password);
    } else if (auth->password) {
        SET(CURLOPT_PASSWORD, auth->password);
    }
    if (auth->known_hosts)
        SET(CURLOPT_SSH_KNOWNHOSTS, auth->known_hosts);
    if (auth->host_key)
        SET(CURLOPT_SSH_HOST_PUBLIC_KEY_SHA256, auth->host_key);
    return rc;
}

static CURLcode set_headers(struct fl_http_transfer *transfer)
{
    const struct fl_http_request *request = &transfer->request;
    CURL *easy = transfer->easy;
    char line[FL_HTTP_ETAG_MAX + 32];
    CURLcode rc = append_all(&transfer->headers, request->headers);

    if (rc == CURLE_OK && request->if_range && *request->if_range) {
        (void)snprintf(line, sizeof(line), "If-Range: %s", request->if_range);
        rc = append(&transfer->headers, line);
    }
    if (rc == CURLE_OK)
        rc = append_all(&transfer->before, request->before);
    if (rc == CURLE_OK)
        rc = append_all(&transfer->after, request->after);
    if (transfer->headers)
        SET(CURLOPT_HTTPHEADER, transfer->headers);
    if (transfer->before)
        SET(CURLOPT_QUOTE, transfer->before);
    if (transfer->after)
        SET(CURLOPT_POSTQUOTE, transfer->after);
    return rc;
}

static CURLcode set_common(struct fl_http_transfer *transfer, const char *url)
{
    const struct fl_http_request *request = &transfer->request;
    const struct fl_http_limits *limits =
        request->limits ? request->limits : &transfer->http->limits;
    CURL *easy = transfer->easy;
    CURLcode rc = CURLE_OK;

    SET(CURLOPT_URL, url);
    SET(CURLOPT_USERAGENT, "fairlead-transfer/" PACKAGE_VERSION);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FOLLOWLOCATION, follows(request) ? 1L : 0L);
    SET(CURLOPT_MAXREDIRS, (long)FL_HTTP_REDIRECTS_MAX);
    SET(CURLOPT_CONNECTTIMEOUT, (long)limits->connect_s);
    SET(CURLOPT_LOW_SPEED_TIME, (long)limits->stall_s);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)limits->stall_bytes);
    SET(CURLOPT_TIMEOUT, (long)limits->total_s);
    SET(CURLOPT_BUFFERSIZE, BUFFER_BYTES);
    SET(CURLOPT_HEADERFUNCTION, fl_http_take_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEFUNCTION, fl_http_take_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->why);
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_FILETIME, 1L);
    SET(CURLOPT_SHARE, transfer->http->share);
    /* Without a wish for HTTP/2 each request has its connection, as HTTP/1.1 has. */
    SET(CURLOPT_HTTP_VERSION,
        request->http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PIPEWAIT, request->http2 ? 1L : 0L);
    return rc;
}

int fl_http_prepare(struct fl_http_transfer *transfer, struct fl_err *reterr)
{
    const struct fl_http_request *request = &transfer->request;
    const char *name = request->tls ? request->tls->name : NULL;
    char url[FL_HTTP_URL_MAX];
    char host[300];
    CURLcode code;
    int rc = clean_url(request->url, name, url, sizeof(url), host, sizeof(host), reterr);

    if (rc < 0)
        return rc;
    code = set_common(transfer, url);
    if (code == CURLE_OK)
        code = set_protocols(transfer->easy, has_scheme(url, "https"));
    if (code == CURLE_OK)
        code = set_method(transfer);
    if (code == CURLE_OK)
        code = set_route(transfer, host);
    if (code == CURLE_OK)
        code = fl_http_watch_socket(transfer);
    if (code == CURLE_OK)
        code = set_tls(transfer);
    if (code == CURLE_OK)
        code = set_auth(transfer);
    if (code == CURLE_OK && request->auth && request->auth->region)
        rc = set_aws(transfer, url, reterr);
    if (rc < 0)
        return rc;
    if (code == CURLE_OK)
        code = set_headers(transfer);
    if (code != CURLE_OK)
        return fl_err_set(reterr, code == CURLE_OUT_OF_MEMORY ? FL_E_NOMEM : FL_E_CONFIG, (int)code,
                          "request '%s': %s", request->url, curl_easy_strerror(code));
    return 0;
}
