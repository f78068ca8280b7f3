/* Requests as they leave, answers as they are taken. */
#include "config.h"

#include "data-fetch/http/http.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data-fetch/http/sigv4.h"
#include "engine/base/time.h"
#include "engine/world/world.h"
#include "tests/lib/test.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* Stores refuse a request whose signature differs by one bit: the published examples of "Signature
 * Calculations for the Authorization Header", Amazon S3 API Reference. */
static void signatures_are_those_of_the_published_examples(void **state)
{
    static const struct {
        const char *url;
        const char *signature;
    } examples[] = {
        {"https://examplebucket.s3.amazonaws.com/?lifecycle",
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {"https://examplebucket.s3.amazonaws.com/?prefix=J&max-keys=2",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
        {"https://examplebucket.s3.amazonaws.com:443?max-keys=2&prefix=%4a",
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    struct fl_cycle time;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_cycle_parse("20130524T0000Z", &time, &err), err);
    for (size_t i = 0; i < FL_COUNT(examples); i++) {
        const struct fl_sigv4 ask = {.method = "GET",
                                     .url = examples[i].url,
                                     .key_id = "AKIAIOSFODNN7EXAMPLE",
                                     .secret = SECRET,
                                     .region = "us-east-1",
                                     .service = "s3",
                                     .body = EMPTY_SHA256,
                                     .time_s = time.s};
        fl_auto(fl_buf_release) struct fl_buf out;

        fl_buf_init(&out, 0);
        assert_ok(fl_sigv4_sign(&ask, &out, &err), err);
        assert_non_null(strstr(out.data, "X-Amz-Date: 20130524T000000Z\n"));
        assert_non_null(
            strstr(out.data, "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="));
        if (!strstr(out.data, examples[i].signature))
            fail_msg("'%s' gave %s", examples[i].url, out.data);
    }
}

/* ---- a server that says what it is told and remembers what it heard ---- */

struct listener {
    int fd;
    unsigned port;
    pthread_t thread;
    const char *answer; /* of the only connection, once the request's head and body are here */
    size_t body_size;
    bool hang; /* say nothing more, wait for the client to go */
    char heard[8192];
};

static void *listener_run(void *arg)
{
    struct listener *listener = arg;
    int fd = accept(listener->fd, NULL, NULL);
    size_t size = 0;
    char *end = NULL;
    ssize_t n;
    char sink[64];

    while (!end || size < (size_t)(end + 4 - listener->heard) + listener->body_size) {
        n = read(fd, listener->heard + size, sizeof(listener->heard) - 1 - size);
        if (n <= 0)
            break;
        size += (size_t)n;
        listener->heard[size] = '\0';
        end = strstr(listener->heard, "\r\n\r\n");
    }
    n = write(fd, listener->answer, strlen(listener->answer));
    while (n > 0 && listener->hang && read(fd, sink, sizeof(sink)) > 0)
        continue;
    (void)close(fd);
    return NULL;
}

static void listener_start(struct listener *listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(listener->fd, 8), 0);
    assert_int_equal(getsockname(listener->fd, (struct sockaddr *)&address, &size), 0);
    listener->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&listener->thread, NULL, listener_run, listener), 0);
}

static void listener_end(struct listener *listener)
{
    assert_int_equal(pthread_join(listener->thread, NULL), 0);
    (void)close(listener->fd);
}

/* What came of a request. */
struct outcome {
    int rc;
    long status;
    char body[256];
    char server[64];
    uint64_t bytes;
    int64_t retry_after_s;
    int done;
    int heads;
    int head_rc;
    size_t sunk;
    struct fl_http_transfer *cancel; /* by the sink */
    const char *upload;
    bool rtt;
};

static void done(const struct fl_http_reply *reply, void *arg)
{
    struct outcome *outcome = arg;
    const char *server = fl_http_header(reply, "x-SERVER");

    outcome->done++;
    outcome->rc = reply->rc;
    outcome->status = reply->status;
    outcome->bytes = reply->bytes;
    outcome->retry_after_s = reply->retry_after_s;
    (void)snprintf(outcome->body, sizeof(outcome->body), "%s", reply->body);
    (void)snprintf(outcome->server, sizeof(outcome->server), "%s", server ? server : "none");
    assert_null(fl_http_header(reply, "x-serve"));
}

static int head(const struct fl_http_reply *reply, void *arg)
{
    struct outcome *outcome = arg;
    struct fl_http_stats stats;

    outcome->heads++;
    assert_true(reply->status > 0);
    assert_int_equal(reply->bytes, 0);
    fl_http_stats(reply->transfer, &stats);
    outcome->rtt = stats.rtt_ns > 0;
    return outcome->head_rc;
}

static int sink(const void *data, size_t size, void *arg)
{
    struct outcome *outcome = arg;

    (void)data;
    outcome->sunk += size;
    if (outcome->cancel)
        fl_http_cancel(outcome->cancel);
    return 0;
}

static ssize_t give(void *data, size_t room, int64_t offset, void *arg)
{
    const struct outcome *outcome = arg;
    size_t size = strlen(outcome->upload) - (size_t)offset;

    size = size < room ? size : room;
    size = size < 3 ? size : 3; /* in small pieces */
    memcpy(data, outcome->upload + offset, size);
    return (ssize_t)size;
}

/* One request to a listener that gives that answer. */
static struct outcome ask(struct fl_http_request request, struct listener *listener,
                          struct outcome outcome)
{
    const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    fl_auto(fl_http_destroy) struct fl_http *http = NULL;
    char url[200];
    struct fl_err err = {0};

    listener_start(listener);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", listener->port, request.url);
    request.url = url;
    request.done = done;
    request.arg = &outcome;
    request.body_max = request.body_max ? request.body_max : 1000;
    assert_ok(fl_http_create(&limits, &http, &err), err);
    assert_ok(fl_http_start(http, &request, request.sink ? &outcome.cancel : NULL, &err), err);
    if (!outcome.upload || strcmp(outcome.upload, "cancel") != 0)
        outcome.cancel = NULL;
    while (fl_http_active(http) > 0)
        assert_ok(fl_http_turn(http, -1, &err), err);
    fl_http_destroy(http);
    http = NULL;
    listener_end(listener);
    return outcome;
}

/* Deliveries put, move and delete; a header that was not sent is a file in the wrong place. */
static void methods_headers_and_bodies_are_sent_as_given(void **state)
{
    static const char *const headers[] = {"Destination: /b", "Overwrite: F", NULL};
    struct listener listener = {
        .answer = "HTTP/1.1 201 Created\r\nX-Server: first\r\nX-Server:  last \r\n"
                  "Content-Length: 4\r\n\r\nmade"};
    struct outcome outcome =
        ask((struct fl_http_request){.url = "/a#1", .method = "MOVE", .headers = headers},
            &listener, (struct outcome){0});

    (void)state;
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(outcome.status, 201);
    assert_string_equal(outcome.body, "made");
    assert_string_equal(outcome.server, "last");
    assert_memory_equal(listener.heard, "MOVE /a%231 HTTP/1.1\r\n", 22);
    assert_non_null(strstr(listener.heard, "\r\nDestination: /b\r\nOverwrite: F\r\n"));

    listener = (struct listener){.answer = "HTTP/1.1 204 No Content\r\n\r\n", .body_size = 11};
    outcome = ask((struct fl_http_request){.url = "/a", .source = give, .source_size = 11},
                  &listener, (struct outcome){.upload = "hello world"});
    assert_int_equal(outcome.status, 204);
    assert_memory_equal(listener.heard, "PUT /a HTTP/1.1\r\n", 17);
    assert_non_null(strstr(listener.heard, "\r\n\r\nhello world"));

    listener =
        (struct listener){.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .body_size = 2};
    outcome = ask(
        (struct fl_http_request){
            .url = "/grants", .method = "POST", .content = "{}", .content_size = 2},
        &listener, (struct outcome){0});
    assert_int_equal(outcome.status, 200);
    assert_memory_equal(listener.heard, "POST /grants HTTP/1.1\r\n", 23);
    assert_non_null(strstr(listener.heard, "\r\n\r\n{}"));
}

/* The name that a certificate shows is asked for at the address that a line leads to. */
static void a_route_leads_elsewhere_than_the_url(void **state)
{
    struct listener listener = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"};
    const struct fl_http_route route = {.local = "127.0.0.1", .connect_to = "127.0.0.1:1"};
    char dial[40];
    struct fl_http_route there = route;
    struct fl_http_tls name = {.name = "hpc"};
    struct outcome outcome;

    (void)state;
    outcome =
        ask((struct fl_http_request){.url = "/x", .tls = &name}, &listener, (struct outcome){0});
    assert_int_equal(outcome.status, 200);
    assert_non_null(strstr(listener.heard, "\r\nHost: hpc\r\n"));

    listener = (struct listener){.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"};
    listener_start(&listener);
    (void)snprintf(dial, sizeof(dial), "127.0.0.1:%u", listener.port);
    there.connect_to = dial;
    {
        struct listener unused = {.answer = ""};
        const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
        fl_auto(fl_http_destroy) struct fl_http *http = NULL;
        struct fl_err err = {0};
        struct outcome got = {0};
        struct fl_http_request request = {.url = "http://far.example/y",
                                          .route = &there,
                                          .body_max = 100,
                                          .done = done,
                                          .arg = &got};

        (void)unused;
        assert_ok(fl_http_create(&limits, &http, &err), err);
        assert_ok(fl_http_start(http, &request, NULL, &err), err);
        while (fl_http_active(http) > 0)
            assert_ok(fl_http_turn(http, -1, &err), err);
        assert_int_equal(got.status, 200);
    }
    listener_end(&listener);
    assert_non_null(strstr(listener.heard, "\r\nHost: far.example\r\n"));
}

/* 200 to a range of a 500 MB file must cost a header, not 500 MB. */
static void a_wrong_answer_is_refused_before_its_body(void **state)
{
    struct listener listener = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\nxx",
                                .hang = true};
    struct outcome outcome = ask((struct fl_http_request){.url = "/x", .head = head, .sink = sink},
                                 &listener, (struct outcome){.head_rc = FL_E_MISMATCH});

    (void)state;
    assert_int_equal(outcome.rc, FL_E_MISMATCH);
    assert_int_equal(outcome.heads, 1);
    assert_int_equal(outcome.sunk, 0);
    assert_int_equal(outcome.done, 1);
    assert_true(outcome.rtt);
}

/* A chunk that another line has brought meanwhile ends in the middle, and nobody hears of it. */
static void a_cancelled_transfer_is_silent(void **state)
{
    struct listener listener = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc",
                                .hang = true};
    struct outcome outcome = ask((struct fl_http_request){.url = "/x", .sink = sink}, &listener,
                                 (struct outcome){.upload = "cancel"});

    (void)state;
    assert_int_equal(outcome.sunk, 3);
    assert_int_equal(outcome.done, 0);
}

/* A server that asks for patience by a date or by seconds gets it. */
static void retry_after_is_read_in_both_forms(void **state)
{
    struct listener listener = {
        .answer = "HTTP/1.1 429 Slow\r\nRetry-After: 17\r\nContent-Length: 4\r\n\r\nslow"};
    struct outcome outcome =
        ask((struct fl_http_request){.url = "/x"}, &listener, (struct outcome){0});

    (void)state;
    assert_int_equal(outcome.retry_after_s, 17);
    assert_string_equal(outcome.body, "slow");
    listener = (struct listener){.answer = "HTTP/1.1 503 No\r\nRetry-After: Fri, 01 Jan 2100 "
                                           "00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"};
    outcome = ask((struct fl_http_request){.url = "/x"}, &listener, (struct outcome){0});
    assert_true(outcome.retry_after_s > 86400);
}

/* Redirects lead nowhere but to the web, and never for a request that changes something. */
static void redirects_are_bounded(void **state)
{
    struct listener listener = {.answer = "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
                                          "Content-Length: 0\r\n\r\n"};
    struct outcome outcome =
        ask((struct fl_http_request){.url = "/x"}, &listener, (struct outcome){0});

    (void)state;
    assert_true(outcome.rc < 0);
    assert_string_equal(outcome.body, "");
    listener.answer = "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:1/\r\n"
                      "Content-Length: 0\r\n\r\n";
    outcome = ask((struct fl_http_request){.url = "/x", .method = "DELETE"}, &listener,
                  (struct outcome){0});
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(outcome.status, 307);
}

/* What is no URL of ours is told with what would be. */
static void other_schemes_are_refused(void **state)
{
    const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    fl_auto(fl_http_destroy) struct fl_http *http = NULL;
    struct fl_http_request request = {.url = "file:///etc/passwd", .done = done};
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_http_create(&limits, &http, &err), err);
    assert_fails_with(fl_http_start(http, &request, NULL, &err), FL_E_CONFIG, err, "sftp://");
    request.url = "http:///x";
    assert_fails_with(fl_http_start(http, &request, NULL, &err), FL_E_CONFIG, err, "no host");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_the_published_examples),
        cmocka_unit_test(methods_headers_and_bodies_are_sent_as_given),
        cmocka_unit_test(a_route_leads_elsewhere_than_the_url),
        cmocka_unit_test(a_wrong_answer_is_refused_before_its_body),
        cmocka_unit_test(a_cancelled_transfer_is_silent),
        cmocka_unit_test(retry_after_is_read_in_both_forms),
        cmocka_unit_test(redirects_are_bounded),
        cmocka_unit_test(other_schemes_are_refused),
    };

    return cmocka_run_group_tests_name("transfer_http", tests, NULL, NULL);
}
