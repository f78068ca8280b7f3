/* The site file, and every mistake in it with its exact message: tests/golden/site/mistakes.txt. */
#include "config.h"

#include "data-fetch/lines/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/world.h"
#include "tests/lib/test.h"

#define GOOD \
    "site: {\n" \
    "  name = \"local\"; keys = \"keys\";\n" \
    "  door = { listen = \"10.0.0.2:7443\"; };\n" \
    "  peers = ( { site = \"hpc\"; lines = (\n" \
    "    { name = \"fibre\"; local = \"10.0.0.2\"; peer = \"10.0.0.1:7443\"; weight = 2;\n" \
    "      cap = \"400Mbit\"; },\n" \
    "    { name = \"lte\"; interface = \"wwan0\"; peer = \"[2001:db8::1]:7443\";\n" \
    "      burst = true; cost = 0.02; } ); } );\n" \
    "  caps = ( { from = \"08:00\"; until = \"18:00\"; cap = \"200Mbit\"; },\n" \
    "           { from = \"17:00\"; until = \"02:00\"; cap = \"80Mbit\"; } );\n" \
    "  reserve = { operations = 30; };\n" \
    "  providers = { nomads = { per_minute = 100; }; };\n" \
    "};\n"

/* A line read wrongly is a bill, or a night without data. */
static void a_site_is_what_its_file_says(void **state)
{
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    const struct fl_site_peer *peer;
    struct fl_err err = {0};

    (void)state;
    test_file_write("s.cfg", GOOD, strlen(GOOD));
    assert_ok(fl_site_read(fl_world_real(), "./s.cfg", &site, &err), err);
    assert_string_equal(site->name, "local");
    assert_string_equal(site->keys, "./keys");
    assert_string_equal(site->listen, "10.0.0.2:7443");
    assert_int_equal(site->connections, 64);
    assert_int_equal(site->reserve_percent, 30);
    assert_non_null(site->providers);
    assert_null(site->destinations);
    peer = fl_site_peer(site, "hpc");
    assert_non_null(peer);
    assert_null(fl_site_peer(site, "fibre"));
    assert_int_equal(peer->line_count, 2);
    assert_string_equal(peer->lines[0].local, "10.0.0.2");
    assert_int_equal(peer->lines[0].cap_bytes_s, 50000000);
    assert_true(peer->lines[0].weight == 2.0);
    assert_false(peer->lines[0].burst);
    assert_string_equal(peer->lines[1].local, "wwan0");
    assert_string_equal(peer->lines[1].peer, "[2001:db8::1]:7443");
    assert_true(peer->lines[1].burst);
    assert_true(peer->lines[1].cost == 0.02);
}

static void cap_is(const struct fl_site *site, int hour, int minute, int64_t cap, int until_minute)
{
    int64_t day_s = INT64_C(20000) * 86400;
    int64_t until_s = 0;

    assert_int_equal(fl_site_cap_at(site, day_s + hour * 3600 + minute * 60 + 59, &until_s), cap);
    assert_int_equal(until_s, day_s + (int64_t)until_minute * 60);
}

/* A cap that ends at the wrong minute fills the line while people work. */
static void caps_hold_by_the_time_of_day(void **state)
{
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_site_parse(GOOD, "s.cfg", &site, &err), err);
    cap_is(site, 1, 59, 10000000, 120);
    cap_is(site, 2, 0, 0, 480);
    cap_is(site, 7, 59, 0, 480);
    cap_is(site, 8, 0, 25000000, 17 * 60);
    cap_is(site, 17, 0, 10000000, 18 * 60);
    cap_is(site, 23, 0, 10000000, 26 * 60);
    assert_int_equal(fl_site_cap_at(NULL, 0, NULL), 0);
}

static void addresses_are_host_and_port(void **state)
{
    (void)state;
    assert_true(fl_address_is_whole("10.0.0.1:7443", false));
    assert_true(fl_address_is_whole("[::1]:1", false));
    assert_true(fl_address_is_whole("a.b-c:65535", false));
    assert_true(fl_address_is_whole("127.0.0.1:0", true));
    assert_false(fl_address_is_whole("127.0.0.1:0", false));
    assert_false(fl_address_is_whole("::1:80", false));
    assert_false(fl_address_is_whole(":80", false));
    assert_false(fl_address_is_whole("h:", false));
    assert_false(fl_address_is_whole("h:8x", false));
    assert_false(fl_address_is_whole("[]:80", false));
    assert_false(fl_address_is_whole("h/p:80", false));
}

/* No site file is a site alone; one that is named must be there. */
static void the_file_is_found_by_option_or_environment(void **state)
{
    struct fl_site *site = NULL;
    struct fl_err err = {0};

    (void)state;
    (void)unsetenv("FAIRLEAD_SITE");
    assert_ok(fl_site_find(fl_world_real(), NULL, &site, &err), err);
    assert_null(site);
    assert_fails_with(fl_site_find(fl_world_real(), "none.cfg", &site, &err), FL_E_NOENT, err,
                      "FAIRLEAD_SITE");
    test_file_write("s.cfg", GOOD, strlen(GOOD));
    (void)setenv("FAIRLEAD_SITE", "s.cfg", 1);
    assert_ok(fl_site_find(fl_world_real(), NULL, &site, &err), err);
    assert_non_null(site);
    fl_site_destroy(site);
    (void)unsetenv("FAIRLEAD_SITE");
}

static void expect(const char *title, const char *text, const char *wanted)
{
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    struct fl_err err = {0};
    int rc = fl_site_parse(text, "s.cfg", &site, &err);

    if (rc != FL_E_CONFIG || strcmp(err.text, wanted) != 0)
        fail_msg("%s: expected '%s', got %d '%s'", title, wanted, rc, err.text);
}

/* A mistake without its place and the way out costs an hour of a night. */
static void every_mistake_has_its_message(void **state)
{
    char path[4096];
    char *all;
    int count = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/tests/golden/site/mistakes.txt",
                   getenv("FL_TOP_SRCDIR"));
    all = test_file_read(path, NULL);
    for (char *at = strstr(all, "\n= "); at; count++) {
        char *title = at + 3;
        char *text = strchr(title, '\n');
        char *says = text ? strstr(text, "\n--\n") : NULL;
        char *end = says ? strchr(says + 4, '\n') : NULL;

        assert_non_null(end);
        at = strncmp(end, "\n= ", 3) == 0 ? end : NULL;
        *end = '\0';
        *says = '\0';
        *text = '\0';
        expect(title, says > text ? text + 1 : "", says + 4);
    }
    assert_true(count > 30);
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_site_is_what_its_file_says, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test(caps_hold_by_the_time_of_day),
        cmocka_unit_test(addresses_are_host_and_port),
        cmocka_unit_test_setup_teardown(the_file_is_found_by_option_or_environment,
                                        test_folder_enter, test_folder_leave),
        cmocka_unit_test(every_mistake_has_its_message),
    };

    return cmocka_run_group_tests_name("site", tests, NULL, NULL);
}
