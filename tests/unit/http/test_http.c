/* The HTTP server by real requests over a socket: answers, the event stream, and what is refused.
 */
#include "config.h"

#include "tests/lib/test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/http/http.h"

#include "engine/base/banned.h"

#define REPLY_MAX 65536

struct site {
    struct fl_store *store;
    struct fl_model *model;
    struct fl_http *http;
    uint16_t port;
};

static void add_worker(struct site *site, const char *name)
{
    struct fl_event *event = NULL;
    struct fl_err err = {0};

    assert_ok(fl_event_create(FL_EVENT_WORKER_JOINED, &event, &err), err);
    event->time_ns = 1542000000000000000;
    event->cores = 2;
    event->jobs = 4;
    assert_ok(fl_event_set_text(event, &event->worker, name, &err), err);
    assert_ok(fl_event_set_text(event, &event->pool, "hpc", &err), err);
    assert_ok(fl_event_set_text(event, &event->site, "hpc", &err), err);
    assert_ok(fl_store_append(site->store, &event, 1, &err), err);
    fl_event_destroy(event);
    assert_ok(fl_model_catch_up(site->model, &err), err);
}

static void site_open(struct site *site)
{
    struct fl_store_config store = {.folder = "."};
    struct fl_http_config http = {.world = fl_world_real(), .listen = "127.0.0.1:0", .web = "web"};
    struct fl_err err = {0};

    memset(site, 0, sizeof(*site));
    assert_ok(fl_store_open(&store, &site->store, &err), err);
    assert_ok(fl_model_create(".", &site->model, &err), err);
    assert_int_equal(mkdir("web", 0755), 0);
    test_file_write("web/index.html", "<p>hello</p>", 12);
    test_file_write("secret.html", "secret", 6);
    http.model = site->model;
    assert_ok(fl_http_create(&http, &site->http, &err), err);
    site->port = (uint16_t)strtoul(strrchr(fl_http_address(site->http), ':') + 1, NULL, 10);
}

static void site_close(struct site *site)
{
    fl_http_destroy(site->http);
    fl_model_destroy(site->model);
    fl_store_destroy(site->store);
}

/* Sends a request (its lines end in \n here) and gives the socket. */
static int ask(const struct site *site, const char *lines)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(site->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    for (const char *at = lines; *at; at++) {
        if (*at == '\n')
            assert_int_equal(write(fd, "\r\n", 2), 2);
        else
            assert_int_equal(write(fd, at, 1), 1);
    }
    return fd;
}

/* Reads on until the text so far has the words, or to the end when words is NULL. */
static void read_until(int fd, const char *words, char text[static REPLY_MAX])
{
    size_t used = strlen(text);

    while (!words || !strstr(text, words)) {
        ssize_t n = read(fd, text + used, REPLY_MAX - 1 - used);

        if (n <= 0 && words)
            fail_msg("the answer ended without '%s': %s", words, text);
        if (n <= 0)
            return;
        used += (size_t)n;
        text[used] = '\0';
    }
}

static void get(const struct site *site, const char *lines, char text[static REPLY_MAX])
{
    int fd = ask(site, lines);

    text[0] = '\0';
    read_until(fd, NULL, text);
    (void)close(fd);
}

#define HOST "Host: localhost\nConnection: close\n\n"

#define assert_has(text, words) \
    do { \
        if (!strstr((text), (words))) \
            fail_msg("no '%s' in: %s", (words), (text)); \
    } while (0)

/* The dashboard and other systems live on these answers. */
static void the_api_answers_in_json(void **state)
{
    static char text[REPLY_MAX];
    struct site site;

    (void)state;
    site_open(&site);
    add_worker(&site, "w1");
    get(&site, "GET /api/runs HTTP/1.1\n" HOST, text);
    assert_has(text, "200 OK");
    assert_has(text, "application/json");
    assert_has(text, "\"runs\":[]");
    assert_has(text, "\"seq\":1");
    get(&site, "GET /api/workers HTTP/1.1\n" HOST, text);
    assert_has(text, "\"worker\":\"w1\"");
    get(&site, "GET /api/events?from=1 HTTP/1.1\n" HOST, text);
    assert_has(text, "\"type\":\"worker-joined\"");
    get(&site, "GET /api/events?from=x HTTP/1.1\n" HOST, text);
    assert_has(text, "400 ");
    get(&site, "GET /api/runs/none HTTP/1.1\n" HOST, text);
    assert_has(text, "404 ");
    assert_has(text, "FL_E_NOENT");
    get(&site, "GET /api/nothing HTTP/1.1\n" HOST, text);
    assert_has(text, "404 ");
    site_close(&site);
}

/* A browser that was cut off must neither miss an event nor be told one twice. */
static void the_stream_goes_on_after_the_last_event_that_was_seen(void **state)
{
    static char text[REPLY_MAX];
    struct site site;
    int fd;

    (void)state;
    site_open(&site);
    add_worker(&site, "w1");
    add_worker(&site, "w2");
    fd = ask(&site, "GET /api/events/stream HTTP/1.1\nHost: localhost\n\n");
    text[0] = '\0';
    read_until(fd, "id: 2", text);
    assert_has(text, "text/event-stream");
    assert_has(text, "id: 1\n");
    add_worker(&site, "w3");
    fl_http_notify(site.http);
    read_until(fd, "id: 3", text);
    (void)close(fd);
    fd = ask(&site, "GET /api/events/stream HTTP/1.1\nHost: localhost\nLast-Event-ID: 2\n\n");
    text[0] = '\0';
    read_until(fd, "id: 3", text);
    assert_null(strstr(text, "id: 2\n"));
    (void)close(fd);
    fd = ask(&site, "GET /api/events/stream HTTP/1.1\nHost: localhost\nLast-Event-ID: 3\n\n");
    text[0] = '\0';
    read_until(fd, "retry:", text);
    site_close(&site); /* with a stream that sleeps */
    read_until(fd, NULL, text);
    (void)close(fd);
}

/* Forgotten tabs must not take all connections away from others. */
static void streams_are_bounded(void **state)
{
    static char text[REPLY_MAX];
    struct site site;
    int fds[FL_HTTP_STREAMS_MAX];

    (void)state;
    site_open(&site);
    for (int i = 0; i < FL_HTTP_STREAMS_MAX; i++) {
        fds[i] = ask(&site, "GET /api/events/stream HTTP/1.1\nHost: localhost\n\n");
        text[0] = '\0';
        read_until(fds[i], "retry:", text);
    }
    get(&site, "GET /api/events/stream HTTP/1.1\n" HOST, text);
    assert_has(text, "503 ");
    get(&site, "GET /api/runs HTTP/1.1\n" HOST, text);
    assert_has(text, "200 OK");
    for (int i = 0; i < FL_HTTP_STREAMS_MAX; i++)
        (void)close(fds[i]);
    site_close(&site);
}

/* Names from outside are data: nothing beside the pages can be read. */
static void only_plain_pages_are_served(void **state)
{
    static const char *const bad[] = {"/../secret.html", "/..%2fsecret.html", "/%2e%2e/secret.html",
                                      "//etc/passwd",    "/.hidden.html",     "/none.html",
                                      "/fairlead.db",    "/web/index.html",   "/..\\secret.html"};
    static char text[REPLY_MAX];
    struct site site;

    (void)state;
    site_open(&site);
    get(&site, "GET / HTTP/1.1\n" HOST, text);
    assert_has(text, "<p>hello</p>");
    assert_has(text, "Content-Security-Policy: default-src 'none'");
    assert_has(text, "X-Content-Type-Options: nosniff");
    for (size_t i = 0; i < FL_COUNT(bad); i++) {
        char request[256];

        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\n" HOST, bad[i]);
        get(&site, request, text);
        assert_has(text, "404 ");
        assert_null(strstr(text, "\r\n\r\nsecret"));
    }
    site_close(&site);
}

/* A page of elsewhere that makes a browser ask here, or anyone who wants to change something. */
static void other_hosts_and_methods_are_refused(void **state)
{
    static char text[REPLY_MAX];
    struct site site;

    (void)state;
    site_open(&site);
    get(&site, "GET /api/runs HTTP/1.1\nHost: evil.example\nConnection: close\n\n", text);
    assert_has(text, "403 ");
    get(&site, "POST /api/runs HTTP/1.1\nContent-Length: 2\n" HOST "{}", text);
    assert_has(text, "405 ");
    get(&site, "HEAD /api/runs HTTP/1.1\n" HOST, text);
    assert_has(text, "200 OK");
    assert_null(strstr(text, "\"runs\""));
    site_close(&site);
}

/* An address that a person mistyped is named, with what would be accepted. */
static void a_bad_address_is_said(void **state)
{
    static const char *const bad[] = {"8090", "localhost:80", "127.0.0.1", "127.0.0.1:99999", ":1"};
    struct fl_http_config config = {.world = fl_world_real()};
    struct fl_store_config store = {.folder = "."};
    struct fl_store *made = NULL;
    struct fl_http *http = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_store_open(&store, &made, &err), err);
    assert_ok(fl_model_create(".", &config.model, &err), err);
    for (size_t i = 0; i < FL_COUNT(bad); i++) {
        config.listen = bad[i];
        assert_fails_with(fl_http_create(&config, &http, &err), FL_E_CONFIG, err, "accepted");
    }
    fl_model_destroy(config.model);
    fl_store_destroy(made);
}

#define FOLDER_TEST(name) \
    cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(the_api_answers_in_json),
        FOLDER_TEST(the_stream_goes_on_after_the_last_event_that_was_seen),
        FOLDER_TEST(streams_are_bounded),
        FOLDER_TEST(only_plain_pages_are_served),
        FOLDER_TEST(other_hosts_and_methods_are_refused),
        FOLDER_TEST(a_bad_address_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
