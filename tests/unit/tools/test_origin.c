/* The test origin itself: what other tests prove with it is worth no more than its own answers. */

#include "config.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/world/file.h"
#include "tests/lib/test.h"
#include "tests/tools/origin_http.h"

#include "engine/base/banned.h"

/* One answer, whole. */
struct got {
    CURLcode code;
    long status;
    size_t size;
    size_t stop_at; /* leave after this many bytes; 0: never */
    char body[4096];
    char headers[4096];
};

static struct fl_origin *origin;
static struct fl_rules *rules;

static size_t on_body(char *data, size_t one, size_t count, void *arg)
{
    struct got *got = arg;

    assert_true(got->size + count < sizeof(got->body));
    memcpy(got->body + got->size, data, count);
    got->size += count;
    return got->stop_at && got->size >= got->stop_at ? 0 : one * count;
}

static size_t on_header(char *data, size_t one, size_t count, void *arg)
{
    struct got *got = arg;
    size_t have = strlen(got->headers);

    snprintf(got->headers + have, sizeof(got->headers) - have, "%.*s", (int)count, data);
    return one * count;
}

/* extra: one more request header, or NULL. */
static struct got *ask(const char *path, const char *range, const char *extra, bool head)
{
    static struct got got;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = extra ? curl_slist_append(NULL, extra) : NULL;
    char url[256];

    memset(&got, 0, sizeof(got));
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/%s", fl_origin_port(origin), path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &got);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &got);
    curl_easy_setopt(curl, CURLOPT_RANGE, range);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_NOBODY, head ? 1L : 0L);
    if (strstr(path, "stall"))
        got.stop_at = 10;
    got.code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got.status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return &got;
}

static void start(const char *rules_text)
{
    struct fl_err err = {0};

    if (rules_text)
        test_file_write("rules.cfg", rules_text, strlen(rules_text));
    assert_ok(fl_rules_load(rules_text ? "rules.cfg" : NULL, &rules, &err), err);
    assert_ok(fl_origin_start("root", "127.0.0.1:0", rules, false, &origin, &err), err);
}

static int enter(void **state)
{
    static const char *const names[] = {"a",   "late",  "page",  "stall",  "reset", "close",
                                        "cut", "plain", "wrong", "spoilt", "busy",  "new"};
    char path[64];
    int rc = test_folder_enter(state);

    if (rc != 0 || fl_dir_make(fl_world_real(), "root", 0755, NULL) < 0)
        return -1;
    for (size_t i = 0; i < FL_COUNT(names); i++) {
        snprintf(path, sizeof(path), "root/%s", names[i]);
        test_file_write(path, "0123456789abcdefghij", 20);
    }
    test_file_write("secret", "secret", 6);
    test_file_write("page.html", "<html>not there</html>", 22);
    test_file_write("other", "ANOTHER", 7);
    return rc;
}

static int leave(void **state)
{
    fl_origin_stop(origin);
    fl_rules_destroy(rules);
    origin = NULL;
    rules = NULL;
    return test_folder_leave(state);
}

/* A transfer that trusts these answers takes the right bytes of a file of many gigabytes. */
static void ranges_are_answered_as_asked(void **state)
{
    (void)state;
    struct got *got;

    start(NULL);
    got = ask("a", NULL, NULL, false);
    assert_int_equal(got->status, 200);
    assert_int_equal(got->size, 20);
    assert_non_null(strstr(got->headers, "Accept-Ranges: bytes"));
    got = ask("a", "5-9", NULL, false);
    assert_int_equal(got->status, 206);
    assert_string_equal(got->body, "56789");
    assert_non_null(strstr(got->headers, "Content-Range: bytes 5-9/20"));
    got = ask("a", "15-", NULL, false);
    assert_string_equal(got->body, "fghij");
    got = ask("a", "-3", NULL, false);
    assert_string_equal(got->body, "hij");
    got = ask("a", "20-", NULL, false);
    assert_int_equal(got->status, 416);
    assert_non_null(strstr(got->headers, "Content-Range: bytes */20"));
    got = ask("a", NULL, NULL, true);
    assert_int_equal(got->status, 200);
    assert_int_equal(got->size, 0);
    assert_non_null(strstr(got->headers, "Content-Length: 20"));
}

/* A file replaced in the middle of a transfer is never joined with the old one. */
static void validators_protect_a_transfer_in_parts(void **state)
{
    (void)state;
    char etag[128], line[160];
    const char *at;
    struct got *got;

    start("rules = ({ path = \"new\"; replace = \"other\"; replace_after = 2; });");
    got = ask("new", "0-1", NULL, false);
    at = strstr(got->headers, "ETag: ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "ETag: %127s", etag), 1);
    snprintf(line, sizeof(line), "If-Range: %s", etag);
    got = ask("new", "2-3", line, false);
    assert_int_equal(got->status, 206);
    got = ask("new", "4-5", line, false);
    assert_int_equal(got->status, 200);
    assert_string_equal(got->body, "ANOTHER");
    snprintf(line, sizeof(line), "If-None-Match: %s", etag);
    assert_int_equal(ask("new", NULL, line, false)->status, 200);
}

/* The three forms of "not yet" of real sources, and "come back later". */
static void absent_and_busy_sources_answer_as_real_ones_do(void **state)
{
    (void)state;
    struct got *got;

    start("rules = ("
          "{ path = \"late\"; appears_s = 3600; },"
          "{ path = \"page*\"; never = true; status = 200; page = \"page.html\"; },"
          "{ path = \"busy\"; times = 1; status = 429; retry_after_s = 7; });");
    assert_int_equal(ask("late", NULL, NULL, false)->status, 404);
    assert_int_equal(ask("nothing", NULL, NULL, false)->status, 404);
    got = ask("page.idx", NULL, NULL, false);
    assert_int_equal(got->status, 200);
    assert_string_equal(got->body, "<html>not there</html>");
    assert_non_null(strstr(got->headers, "text/html"));
    got = ask("busy", NULL, NULL, false);
    assert_int_equal(got->status, 429);
    assert_non_null(strstr(got->headers, "Retry-After: 7"));
    assert_int_equal(ask("busy", NULL, NULL, false)->status, 200);
}

/* Connections that end badly do so after exactly the bytes that the rule says. */
static void broken_connections_break_where_told(void **state)
{
    (void)state;
    struct got *got;

    start("rules = ("
          "{ path = \"stall\"; stall_after_bytes = 10; },"
          "{ path = \"reset\"; reset_after_bytes = 10; },"
          "{ path = \"close\"; close_after_bytes = 10; });");
    got = ask("close", NULL, NULL, false);
    assert_int_equal(got->code, CURLE_PARTIAL_FILE);
    assert_int_equal(got->size, 10);
    got = ask("reset", NULL, NULL, false);
    assert_int_equal(got->code, CURLE_RECV_ERROR);
    got = ask("stall", NULL, NULL, false);
    assert_int_equal(got->size, 10);
}

/* Answers that look fine and are wrong: what a client must find out by itself. */
static void false_answers_are_false_as_told(void **state)
{
    (void)state;
    struct got *got;

    start("rules = ("
          "{ path = \"cut\"; truncate_bytes = 12; },"
          "{ path = \"plain\"; no_ranges = true; },"
          "{ path = \"wrong\"; wrong_range = true; },"
          "{ path = \"spoilt\"; corrupt_byte = 6; });");
    assert_int_equal(ask("cut", NULL, NULL, false)->size, 12);
    assert_int_equal(ask("cut", "12-", NULL, false)->status, 416);
    got = ask("plain", "5-9", NULL, false);
    assert_int_equal(got->status, 200);
    assert_int_equal(got->size, 20);
    got = ask("wrong", "5-9", NULL, false);
    assert_int_equal(got->status, 206);
    assert_non_null(strstr(got->headers, "Content-Range: bytes 6-10/20"));
    got = ask("spoilt", "5-7", NULL, false);
    assert_int_equal(got->body[0], '5');
    assert_int_equal((unsigned char)got->body[1], 0xff - '6');
    assert_int_equal(got->body[2], '7');
}

/* A wrong path in a test must not read the machine's files. */
static void nothing_outside_the_root_is_served(void **state)
{
    (void)state;
    start(NULL);
    assert_int_equal(ask("../secret", NULL, NULL, false)->status, 404);
    assert_int_equal(ask("%2e%2e/secret", NULL, NULL, false)->status, 404);
    assert_int_equal(ask("", NULL, NULL, false)->status, 404);
}

/* A misspelt rule would make a test of failures pass for want of a failure. */
static void bad_rules_are_named_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"rules = (\n{ path = \"a\"; stal = 1; });", "rules.cfg:2: unknown key 'stal'; accepted:"},
        {"rules = (\n{ never = true; });", "rules.cfg:2: a rule needs a 'path'"},
        {"rules = ({ path = 3; });", "bad value of 'path'"},
        {"rules = ({ path = \"a\"; times = 0; });", "bad value of 'times'"},
        {"rules = ({ path = \"a\"; page = \"page.html\"; });", "'page' needs"},
        {"rules = ({ path = \"a\"; status = 404; page = \"gone.html\"; });", "gone.html"},
        {"rules = ({ path = \"a\"; status = 404; page = \"../x\"; });", "../x"},
        {"rule = ();", "expected one list"},
        {"rules = (", "rules.cfg:1: syntax error"},
    };
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct fl_err err = {0};
        int rc;
        test_file_write("rules.cfg", cases[i].text, strlen(cases[i].text));
        rc = fl_rules_load("rules.cfg", &rules, &err);
        assert_true(rc < 0);
        if (!strstr(err.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
    }
}

/* It never listens where another machine could reach it. */
static void only_loopback_is_listened_on(void **state)
{
    (void)state;
    struct fl_err err = {0};

    assert_ok(fl_rules_load(NULL, &rules, &err), err);
    assert_fails_with(fl_origin_start("root", "0.0.0.0:0", rules, false, &origin, &err),
                      FL_E_REFUSED, err, "not a loopback address");
    assert_fails_with(fl_origin_start("root", "127.0.0.1", rules, false, &origin, &err), FL_E_USAGE,
                      err, "not ADDRESS:PORT");
    assert_fails_with(fl_origin_start("no", "127.0.0.1:0", rules, false, &origin, &err), FL_E_NOENT,
                      err, "not a folder");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)
    const struct CMUnitTest tests[] = {
        TEST(ranges_are_answered_as_asked),
        TEST(validators_protect_a_transfer_in_parts),
        TEST(absent_and_busy_sources_answer_as_real_ones_do),
        TEST(broken_connections_break_where_told),
        TEST(false_answers_are_false_as_told),
        TEST(nothing_outside_the_root_is_served),
        TEST(bad_rules_are_named_with_their_line),
        TEST(only_loopback_is_listened_on),
    };
    int rc;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return rc;
}
