/* AWS Signature Version 4. */
#include "config.h"

#include "data-fetch/http/sigv4.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/digest.h"
#include "engine/base/time.h"

#include "engine/base/banned.h"

#define PARTS_MAX 64
#define KEY_BYTES 32
#define ALGORITHM "AWS4-HMAC-SHA256"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Everything but the unreserved characters as %XX, whatever was escaped before. */
static void add_encoded(struct fl_buf *out, const char *text, size_t size, const char *keep)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '%' && i + 2 < size && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            c = (unsigned char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        }
        if (c && (isalnum(c) || strchr("-._~", c) || strchr(keep, c)))
            fl_buf_putc(out, (char)c);
        else
            fl_buf_printf(out, "%%%02X", c);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The query's parts, each encoded as NAME=VALUE, in order. */
static int add_query(struct fl_buf *out, const char *query, struct fl_err *reterr)
{
    char *parts[PARTS_MAX];
    size_t count = 0;
    int rc = 0;

    while (query && *query && count < PARTS_MAX) {
        size_t length = strcspn(query, "&");
        const char *equal = memchr(query, '=', length);
        size_t name = equal ? (size_t)(equal - query) : length;
        struct fl_buf part;

        fl_buf_init(&part, FL_SIGV4_TEXT_MAX * 3);
        add_encoded(&part, query, name, "");
        fl_buf_putc(&part, '=');
        if (equal)
            add_encoded(&part, equal + 1, length - name - 1, "");
        parts[count++] = fl_buf_steal(&part);
        fl_buf_release(&part);
        query += length + (query[length] == '&');
    }
    if (query && *query)
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %d parts in the query of a URL",
                        PARTS_MAX);
    qsort(parts, count, sizeof(*parts), by_text);
    for (size_t i = 0; i < count; i++) {
        fl_buf_printf(out, "%s%s", i ? "&" : "", parts[i]);
        free(parts[i]);
    }
    return rc;
}

static void mac(const void *key, size_t key_size, const char *text, unsigned char out[KEY_BYTES])
{
    unsigned int size = KEY_BYTES;
    const unsigned char *made = HMAC(EVP_sha256(), key, (int)key_size, (const unsigned char *)text,
                                     strlen(text), out, &size);

    fl_assert(made);
}

static void signature(const struct fl_sigv4 *ask, const char *day, const char *text, char *hex)
{
    unsigned char key[KEY_BYTES];
    unsigned char next[KEY_BYTES];
    char first[300];

    (void)snprintf(first, sizeof(first), "AWS4%s", ask->secret);
    mac(first, strlen(first), day, key);
    mac(key, KEY_BYTES, ask->region, next);
    mac(next, KEY_BYTES, ask->service, key);
    mac(key, KEY_BYTES, "aws4_request", next);
    mac(next, KEY_BYTES, text, key);
    for (size_t i = 0; i < KEY_BYTES; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", key[i]);
    OPENSSL_cleanse(first, sizeof(first));
}

/* "name:value" lines of what is signed, in order, and the names joined by ';'. */
static int add_signed(const struct fl_sigv4 *ask, const char *host, const char *date,
                      struct fl_buf *out, struct fl_buf *names)
{
    char *lines[PARTS_MAX];
    size_t count = 0;
    struct fl_buf line;

#define LINE(...) \
    do { \
        fl_buf_init(&line, FL_SIGV4_TEXT_MAX); \
        fl_buf_printf(&line, __VA_ARGS__); \
        lines[count++] = fl_buf_steal(&line); \
        fl_buf_release(&line); \
    } while (0)
    LINE("host:%s", host);
    LINE("x-amz-content-sha256:%s", ask->body);
    LINE("x-amz-date:%s", date);
    if (ask->token)
        LINE("x-amz-security-token:%s", ask->token);
    for (size_t i = 0; ask->headers && ask->headers[i] && count < PARTS_MAX; i++) {
        const char *colon = strchr(ask->headers[i], ':');

        if (!colon || strncasecmp(ask->headers[i], "x-amz-", 6) != 0)
            continue;
        LINE("%s", ask->headers[i]);
        for (char *at = lines[count - 1]; *at != ':'; at++)
            *at = (char)tolower((unsigned char)*at);
        colon = strchr(lines[count - 1], ':');
        memmove(lines[count - 1] + (colon - lines[count - 1]) + 1,
                colon + 1 + strspn(colon + 1, " "), strlen(colon + 1 + strspn(colon + 1, " ")) + 1);
    }
#undef LINE
    qsort(lines, count, sizeof(*lines), by_text);
    for (size_t i = 0; i < count; i++) {
        fl_buf_printf(out, "%s\n", lines[i]);
        fl_buf_printf(names, "%s%.*s", i ? ";" : "", (int)strcspn(lines[i], ":"), lines[i]);
        free(lines[i]);
    }
    return 0;
}

/* Host is sent without it. */
static void drop_default_port(char *host, const char *port)
{
    size_t size = strlen(host);
    size_t length = strlen(port);

    if (size > length && strcmp(host + size - length, port) == 0)
        host[size - length] = '\0';
}

int fl_sigv4_sign(const struct fl_sigv4 *ask, struct fl_buf *out, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    fl_auto(fl_buf_release) struct fl_buf names;
    const char *host = strstr(ask->url, "://");
    const char *path = host ? host + 3 + strcspn(host + 3, "/?") : NULL;
    const char *query = path ? strchr(path, '?') : NULL;
    char digest[FL_DIGEST_HEX];
    char hex[2 * KEY_BYTES + 1];
    char date[32];
    char name[300];
    int rc = 0;

    fl_buf_init(&text, 0);
    fl_buf_init(&names, 0);
    if (!host || (size_t)(path - host) >= sizeof(name) || strlen(ask->secret) > 256)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "'%.200s' cannot be signed", ask->url);
    (void)snprintf(name, sizeof(name), "%.*s", (int)(path - host - 3), host + 3);
    drop_default_port(name, strncmp(ask->url, "https:", 6) == 0 ? ":443" : ":80");
    rc = fl_cycle_strftime((struct fl_cycle){ask->time_s}, "%Y%m%dT%H%M%SZ", date, sizeof(date),
                           reterr);
    if (rc < 0)
        return rc;
    fl_buf_printf(&text, "%s\n", ask->method);
    if (*path == '/')
        add_encoded(&text, path, strcspn(path, "?"), "/");
    else
        fl_buf_putc(&text, '/');
    fl_buf_putc(&text, '\n');
    rc = add_query(&text, query ? query + 1 : NULL, reterr);
    fl_buf_putc(&text, '\n');
    if (rc == 0)
        rc = add_signed(ask, name, date, &text, &names);
    fl_buf_printf(&text, "\n%s\n%s", names.data, ask->body);
    if (rc == 0)
        rc = fl_buf_check(&text, reterr);
    if (rc < 0)
        return rc;
    fl_digest_memory(text.data, text.size, digest);
    fl_buf_clear(&text);
    fl_buf_printf(&text, ALGORITHM "\n%s\n%.8s/%s/%s/aws4_request\n%s", date, date, ask->region,
                  ask->service, digest);
    (void)snprintf(name, sizeof(name), "%.8s", date);
    signature(ask, name, text.data, hex);
    fl_buf_printf(out, "X-Amz-Date: %s\nX-Amz-Content-Sha256: %s\n", date, ask->body);
    if (ask->token)
        fl_buf_printf(out, "X-Amz-Security-Token: %s\n", ask->token);
    fl_buf_printf(out,
                  "Authorization: " ALGORITHM " Credential=%s/%.8s/%s/%s/aws4_request, "
                  "SignedHeaders=%s, Signature=%s\n",
                  ask->key_id, date, ask->region, ask->service, names.data, hex);
    return fl_buf_check(out, reterr);
}
