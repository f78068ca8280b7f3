/* The file door. */
#include "config.h"

#include "data-fetch/door/door.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data-fetch/http/http.h"
#include "engine/world/file.h"
#include "tests/lib/test.h"
#include "tests/unit/data-fetch/server.h"

#define OUT "work/w/20181009T0000Z#east2/prep.f003/1/out"

static void make(const char *path)
{
    struct fl_err err = {0};

    assert_ok(fl_dir_make(fl_world_real(), path, 0755, &err), err);
}

static void make_site(void)
{
    make("site/" OUT "/maps");
    make("site/" OUT "/.incoming");
    make("site/work/w/c/s/1/data");
    test_file_write("site/" OUT "/a.nc", "0123456789", 10);
    test_file_write("site/" OUT "/maps/b.png", "png", 3);
    test_file_write("site/" OUT "/.incoming/c.nc", "half", 4);
    test_file_write("site/" OUT "/.hidden", "no", 2);
    test_file_write("site/work/w/c/s/1/data/inputs.json", "{}", 2);
    test_file_write("site/work/w/c/s/1/end.json", "{}", 2);
    test_file_write("secret", "secret", 6);
    assert_int_equal(symlink("../../../../../../../secret", "site/" OUT "/link"), 0);
    assert_int_equal(symlink(".", "site/" OUT "/loop"), 0);
    assert_int_equal(mkfifo("site/" OUT "/fifo", 0644), 0);
}

/* What was asked, and what came. */
struct asked {
    bool done;
    int rc;
    long status;
    char body[64];
    size_t size;
    int64_t first;
    int64_t last;
    int64_t total;
    char etag[FL_HTTP_ETAG_MAX];
};

static void answered(const struct fl_http_reply *reply, void *arg)
{
    struct asked *asked = arg;

    asked->done = true;
    asked->rc = reply->rc;
    asked->status = reply->status;
    asked->size = reply->size;
    asked->first = reply->range_first;
    asked->last = reply->range_last;
    asked->total = reply->range_total;
    (void)snprintf(asked->body, sizeof(asked->body), "%.*s", (int)reply->size, reply->body);
    (void)snprintf(asked->etag, sizeof(asked->etag), "%s", reply->etag);
}

static struct asked ask(const char *base, const char *path, const char *range, const char *if_range)
{
    const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    fl_auto(fl_http_destroy) struct fl_http *http = NULL;
    struct asked asked = {0};
    struct fl_err err = {0};
    char url[1000];
    struct fl_http_request request = {.url = url,
                                      .range = range,
                                      .if_range = if_range,
                                      .body_max = 60,
                                      .done = answered,
                                      .arg = &asked};

    (void)snprintf(url, sizeof(url), "%s/%s", base, path);
    assert_ok(fl_http_create(&limits, &http, &err), err);
    assert_ok(fl_http_start(http, &request, NULL, &err), err);
    while (!asked.done)
        assert_ok(fl_http_turn(http, -1, &err), err);
    return asked;
}

/* A door that shows more than accepted outputs is a way into the site. */
static void only_outputs_of_attempts_are_behind_the_door(void **state)
{
    static const char *const open[] = {"work/w/c/s/1/out/a.nc", "work/w/c/s.f003/12/out/maps/b.png",
                                       OUT "/a.nc", "work/out/1/out/a"};
    static const char *const closed[] = {
        "",
        "/",
        "work",
        "work/w/c/s/1/out",
        "work/w/c/s/1/out/",
        "work/w/c/s/1/data/inputs.json",
        "work/w/c/s/1/end.json",
        "work/w/c/s/1/log/stdout",
        "work/out/c/s/1/data/a",
        "work/w/out/s/1/data/a",
        "products/x/MANIFEST",
        "work/w/c/s/1/out/.hidden",
        "work/w/c/s/1/out/.incoming/a.nc",
        "work/w/c/s/1/out/../data/a",
        "work/w/c/./s/1/out/a",
        "/work/w/c/s/1/out/a.nc",
        "work//w/c/s/1/out/a.nc",
        "work/w/c/s/1/out/a\\b",
        "work/.w/c/s/1/out/a.nc",
        "workx/w/c/s/1/out/a.nc",
        "work/1/out/a/../../../x",
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(open); i++) {
        if (!fl_door_path_is_open(open[i]))
            fail_msg("'%s' is shut", open[i]);
    }
    for (size_t i = 0; i < FL_COUNT(closed); i++) {
        if (fl_door_path_is_open(closed[i]))
            fail_msg("'%s' is open", closed[i]);
    }
}

/* Links, folders, pipes: a stage may leave anything in its output folder. */
static void only_regular_files_without_links_are_opened(void **state)
{
    static const char *const shut[] = {OUT "/link",
                                       OUT "/loop/a.nc",
                                       OUT "/fifo",
                                       OUT "/maps",
                                       OUT "/none",
                                       OUT "/.hidden",
                                       "work/w/c/s/1/data/inputs.json"};
    struct fl_err err = {0};
    int root;
    int fd;

    (void)state;
    make_site();
    root = open("site", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(root >= 0);
    fd = fl_door_open_file(root, OUT "/a.nc", &err);
    assert_true(fd >= 0);
    (void)close(fd);
    for (size_t i = 0; i < FL_COUNT(shut); i++)
        assert_int_equal(fl_door_open_file(root, shut[i], &err), FL_E_NOENT);
    (void)close(root);
}

/* A range that is one byte off is a broken file at the other site. */
static void ranges_are_read_as_the_standard_says(void **state)
{
    static const struct {
        const char *header;
        uint64_t size;
        enum fl_door_range kind;
        uint64_t first;
        uint64_t count;
    } ranges[] = {
        {NULL, 10, FL_DOOR_WHOLE, 0, 10},
        {"bytes=0-0", 10, FL_DOOR_PART, 0, 1},
        {"bytes=2-5", 10, FL_DOOR_PART, 2, 4},
        {"bytes=9-", 10, FL_DOOR_PART, 9, 1},
        {"bytes=-3", 10, FL_DOOR_PART, 7, 3},
        {"bytes=-30", 10, FL_DOOR_PART, 0, 10},
        {"bytes=5-99", 10, FL_DOOR_PART, 5, 5},
        {"bytes=10-", 10, FL_DOOR_NONE, 0, 0},
        {"bytes=-0", 10, FL_DOOR_NONE, 0, 0},
        {"bytes=0-", 0, FL_DOOR_NONE, 0, 0},
        {"bytes=5-2", 10, FL_DOOR_WHOLE, 0, 10},
        {"bytes=0-1,3-4", 10, FL_DOOR_WHOLE, 0, 10},
        {"bytes=x-1", 10, FL_DOOR_WHOLE, 0, 10},
        {"items=0-1", 10, FL_DOOR_WHOLE, 0, 10},
        {"bytes=99999999999999999999-", 10, FL_DOOR_WHOLE, 0, 10},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(ranges); i++) {
        uint64_t first = 0;
        uint64_t count = 0;

        assert_int_equal(fl_door_range_parse(ranges[i].header, ranges[i].size, &first, &count),
                         ranges[i].kind);
        if (ranges[i].kind != FL_DOOR_NONE) {
            assert_int_equal(first, ranges[i].first);
            assert_int_equal(count, ranges[i].count);
        }
    }
}

/* The door as a process, asked by the client that will ask it in operation. */
static void the_door_serves_files_and_ranges_and_nothing_else(void **state)
{
    const char *const argv[] = {"data-fetch/fairlead-transfer",
                                "serve",
                                "--root",
                                "site",
                                "--plain",
                                "--no-grants",
                                "--port-file",
                                "port",
                                "--until-eof",
                                NULL};
    struct server door;
    struct asked asked;
    char before[128];

    (void)state;
    make_site();
    server_start(&door, argv);
    asked = ask(door.url, OUT "/a.nc", NULL, NULL); /* the '#' of a variant run goes through */
    assert_int_equal(asked.status, 200);
    assert_string_equal(asked.body, "0123456789");
    assert_true(asked.etag[0] == '"');
    asked = ask(door.url, OUT "/a.nc", "2-5", asked.etag);
    assert_int_equal(asked.status, 206);
    assert_string_equal(asked.body, "2345");
    assert_int_equal(asked.first, 2);
    assert_int_equal(asked.last, 5);
    assert_int_equal(asked.total, 10);
    assert_int_equal(ask(door.url, OUT "/a.nc", "2-5", "\"another\"").status, 200);
    assert_int_equal(ask(door.url, OUT "/a.nc", "10-", NULL).status, 416);
    assert_int_equal(ask(door.url, OUT "/none.nc", NULL, NULL).status, 404);
    assert_int_equal(ask(door.url, OUT "/.hidden", NULL, NULL).status, 404);
    assert_int_equal(ask(door.url, OUT "/link", NULL, NULL).status, 404);
    assert_int_equal(ask(door.url, OUT "/%2e%2e/data/x", NULL, NULL).status, 404);
    assert_int_equal(ask(door.url, OUT "/..%2f..%2f1/data/x", NULL, NULL).status, 404);
    assert_int_equal(ask(door.url, "work/w/c/s/1/data/inputs.json", NULL, NULL).status, 404);
    assert_int_equal(ask(door.url, "", NULL, NULL).status, 404);
    (void)snprintf(before, sizeof(before), "%s", door.url);
    server_stop(&door); /* its parent's end is its own */
    server_start(&door, argv);
    assert_string_equal(door.url, before); /* URLs that were handed out stay good */
    server_stop(&door);
}

static int open_plain(const char *root, const char *listen, struct fl_err *reterr)
{
    const struct fl_door_config config = {.world = fl_world_real(),
                                          .root = root,
                                          .plain = true,
                                          .open = true,
                                          .listen = &listen,
                                          .listen_count = 1};
    struct fl_door *door = NULL;
    int rc = fl_door_open(&config, &door, reterr);

    fl_door_close(door);
    return rc;
}

/* Plain HTTP on an outer address would give everybody the site's files. */
static void plain_http_is_for_loopback_alone(void **state)
{
    static const char *const outer[] = {"0.0.0.0:0", "192.168.1.1:0", "[::]:0"};
    static const char *const wrong[] = {"127.0.0.1", ":0", "127.0.0.1:x", "127.0.0.1:70000",
                                        "localhost:0"};
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(outer); i++)
        assert_fails_with(open_plain(".", outer[i], &err), FL_E_UNSUPPORTED, err, "loopback");
    for (size_t i = 0; i < FL_COUNT(wrong); i++)
        assert_fails_with(open_plain(".", wrong[i], &err), FL_E_USAGE, err, "10.0.0.2:7443");
    assert_fails_with(open_plain("./none", "127.0.0.1:0", &err), FL_E_NOENT, err, "./none");
}

/* ---- a door in a thread of the test, on a clock that the test moves ---- */

struct shifted {
    struct fl_world_ops ops;
    struct fl_world world;
    _Atomic int64_t shift_ns;
};

static int64_t shifted_ns(void *arg)
{
    struct shifted *shifted = arg;

    return fl_world_mono_ns(fl_world_real()) + shifted->shift_ns;
}

struct running {
    struct shifted clock;
    struct fl_door *door;
    pthread_t thread;
    int stop[2];
    int rc;
    struct fl_err err;
};

static void *run_door(void *arg)
{
    struct running *running = arg;

    running->rc = fl_door_run(running->door, running->stop[0], -1, &running->err);
    return NULL;
}

/* The real world's other calls take no argument of it. */
static void start_door(struct running *running, size_t connections)
{
    static const char *const listen = "127.0.0.1:0";
    struct fl_door_config config = {.world = &running->clock.world,
                                    .root = "site",
                                    .plain = true,
                                    .open = true,
                                    .listen = &listen,
                                    .listen_count = 1,
                                    .connections = connections};
    struct fl_err err = {0};

    running->clock.ops = *fl_world_real()->ops;
    running->clock.ops.mono_ns = shifted_ns;
    running->clock.world = (struct fl_world){&running->clock.ops, &running->clock};
    assert_int_equal(pipe2(running->stop, O_CLOEXEC | O_NONBLOCK), 0);
    assert_ok(fl_door_open(&config, &running->door, &err), err);
    assert_int_equal(pthread_create(&running->thread, NULL, run_door, running), 0);
}

static void stop_door(struct running *running)
{
    assert_int_equal(write(running->stop[1], "x", 1), 1);
    assert_int_equal(pthread_join(running->thread, NULL), 0);
    assert_ok(running->rc, running->err);
    (void)close(running->stop[0]);
    (void)close(running->stop[1]);
}

static int dial(const struct running *running)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(fl_door_port(running->door, 0)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* True when the other end has gone, by a close or a reset. */
static bool is_ended(int fd)
{
    char byte;

    return read(fd, &byte, 1) <= 0;
}

static void hear(int fd, const char *begin)
{
    char text[16] = "";

    assert_int_equal(recv(fd, text, strlen(begin), MSG_WAITALL), strlen(begin));
    assert_string_equal(text, begin);
}

#define ASK \
    "GET /" \
    "work/w/20181009T0000Z%23east2/prep.f003/1/out/"

/* A whole answer without a body. */
static void hear_head(int fd)
{
    char text[2000];
    size_t size = 0;

    do {
        assert_int_equal(read(fd, text + size, 1), 1);
        text[++size] = '\0';
    } while (!strstr(text, "\r\n\r\n") && size < sizeof(text) - 1);
}

#define HEAD "HEAD /work/w/20181009T0000Z%23east2/prep.f003/1/out/"

/* One who opens a connection and says nothing, or a letter an hour, must not keep others out. */
static void who_asks_for_nothing_is_sent_away(void **state)
{
    struct running running = {0};
    struct fl_door_counts counts;
    int slow;
    int silent;
    int good;

    (void)state;
    make_site();
    start_door(&running, 4);
    slow = dial(&running);
    say(slow, "GET /wo");
    silent = dial(&running);
    good = dial(&running);
    say(good, HEAD "a.nc HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(good); /* all three are known to the door by now */
    running.clock.shift_ns = (FL_DOOR_ASK_S - 5) * INT64_C(1000000000);
    say(slow, "r");
    say(good, HEAD "a.nc HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_head(good);
    running.clock.shift_ns = (FL_DOOR_ASK_S + 5) * INT64_C(1000000000);
    (void)close(dial(&running)); /* wakes it */
    assert_true(is_ended(slow));
    assert_true(is_ended(silent));
    stop_door(&running);
    fl_door_counts(running.door, &counts);
    assert_int_equal(counts.turned, 2);
    assert_int_equal(counts.requests, 2);
    assert_int_equal(counts.open, 0);
    fl_door_close(running.door);
    (void)close(slow);
    (void)close(silent);
    (void)close(good);
}

/* Each connection costs memory: their number has an end, and places that are left are given again.
 */
static void connections_beyond_the_limit_are_turned_away(void **state)
{
    struct running running = {0};
    struct fl_door_counts counts;
    int first;
    int second;
    int third;

    (void)state;
    make_site();
    start_door(&running, 2);
    first = dial(&running);
    second = dial(&running);
    third = dial(&running);
    assert_true(is_ended(third));
    say(second, ASK "a.nc HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    hear(second, "HTTP/1.1 200");
    while (!is_ended(second)) {
    }
    (void)close(third);
    third = dial(&running);
    say(third, "HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
    hear(third, "HTTP/1.1 404");
    stop_door(&running);
    fl_door_counts(running.door, &counts);
    assert_int_equal(counts.turned, 1);
    fl_door_close(running.door);
    (void)close(first);
    (void)close(second);
    (void)close(third);
}

/* An upgrade of a site must not cut what is under way: told to end, the door ends its answers. */
static void told_to_end_it_ends_its_answers_first(void **state)
{
    enum { SIZE = 24 * 1024 * 1024 };
    struct running running = {0};
    char *piece = calloc(1, 65536);
    struct fl_door_counts counts;
    size_t bytes = 0;
    ssize_t n;
    int fd;
    int idle;

    (void)state;
    make_site();
    assert_non_null(piece);
    for (int i = 0; i < SIZE / 65536; i++) {
        struct fl_err err = {0};

        assert_ok(fl_file_append(fl_world_real(), "site/" OUT "/big", piece, 65536, false, &err),
                  err);
    }
    start_door(&running, 4);
    idle = dial(&running);
    fd = dial(&running);
    say(fd, ASK "big HTTP/1.0\r\n\r\n");
    hear(fd, "HTTP/1.");
    assert_int_equal(write(running.stop[1], "x", 1), 1);
    assert_true(is_ended(idle));
    while ((n = read(fd, piece, 65536)) > 0)
        bytes += (size_t)n;
    assert_true(bytes > SIZE);
    assert_int_equal(pthread_join(running.thread, NULL), 0);
    assert_ok(running.rc, running.err);
    fl_door_counts(running.door, &counts);
    assert_int_equal(counts.bytes, SIZE);
    fl_door_close(running.door);
    (void)close(running.stop[0]);
    (void)close(running.stop[1]);
    (void)close(fd);
    (void)close(idle);
    free(piece);
}

/* Requests that are sent without waiting for answers, and those that no client of ours makes. */
static void odd_requests_are_answered_or_refused(void **state)
{
    static const char *const wrong[] = {"DELETE /x HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"};
    struct running running = {0};
    int fd;

    (void)state;
    make_site();
    start_door(&running, 8);
    fd = dial(&running);
    say(fd, ASK "a.nc HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\n\r\n" ASK
                "none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    hear(fd, "HTTP/1.1 206");
    while (!is_ended(fd)) {
    }
    (void)close(fd);
    for (size_t i = 0; i < FL_COUNT(wrong); i++) {
        fd = dial(&running);
        say(fd, wrong[i]);
        hear(fd, "HTTP/1.1 405");
        (void)close(fd);
    }
    fd = dial(&running);
    say(fd, "PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nbytes");
    while (!is_ended(fd)) { /* with or without a page, not kept */
    }
    (void)close(fd);
    fd = dial(&running);
    say(fd, "\x16\x03\x01 not HTTP\r\n\r\n");
    while (!is_ended(fd)) {
    }
    (void)close(fd);
    stop_door(&running);
    fl_door_close(running.door);
}

/* A site with two networks has a door in each. */
static void several_addresses_are_told_one_by_one(void **state)
{
    struct fl_err err = {0};
    static const char *const listen[] = {"127.0.0.1:0", "[::1]:0"};
    const struct fl_door_config config = {.world = fl_world_real(),
                                          .root = ".",
                                          .plain = true,
                                          .open = true,
                                          .listen = listen,
                                          .listen_count = 2};
    struct fl_door *door = NULL;

    (void)state;
    assert_ok(fl_door_open(&config, &door, &err), err);
    assert_non_null(strstr(fl_door_url(door, 0), "http://127.0.0.1:"));
    assert_non_null(strstr(fl_door_url(door, 1), "http://[::1]:"));
    fl_door_close(door);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_outputs_of_attempts_are_behind_the_door),
        IN_FOLDER(only_regular_files_without_links_are_opened),
        cmocka_unit_test(ranges_are_read_as_the_standard_says),
        IN_FOLDER(the_door_serves_files_and_ranges_and_nothing_else),
        IN_FOLDER(plain_http_is_for_loopback_alone),
        IN_FOLDER(who_asks_for_nothing_is_sent_away),
        IN_FOLDER(connections_beyond_the_limit_are_turned_away),
        IN_FOLDER(told_to_end_it_ends_its_answers_first),
        IN_FOLDER(odd_requests_are_answered_or_refused),
        cmocka_unit_test(several_addresses_are_told_one_by_one),
    };

    return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
