/* The file door. */
#include "config.h"

#include "data-fetch/door/door.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_outputs_of_attempts_are_behind_the_door),
        IN_FOLDER(only_regular_files_without_links_are_opened),
        cmocka_unit_test(ranges_are_read_as_the_standard_says),
        IN_FOLDER(the_door_serves_files_and_ranges_and_nothing_else),
        IN_FOLDER(plain_http_is_for_loopback_alone),
    };

    return cmocka_run_group_tests_name("door", tests, NULL, NULL);
}
