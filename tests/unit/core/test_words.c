/* Messages that come late, twice, or not at all, and what people ask for. */
#include "config.h"

#include <string.h>

#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#define CYCLE "20261124T0000Z"
#define HEAD \
    "workflow: { name = \"toy\"; leads = { all = \"+000/+006/3\"; };" \
    " sites = { near = { root = \"near\"; }; };" \
    " pools = { near = { site = \"near\"; cores = 2; jobs = 3; }; }; stages: {"
#define TAIL " }; };"
#define ONE \
    " one: { program = \"x\"; outputs = { file = \"one.nc\"; };" \
    " retry = { tries = 3; delay = \"PT10S\"; grow = 3.0; }; };"
#define TWO \
    " two: { program = \"x\"; inputs = { a = \"one.file\"; }; outputs = { b = \"b.nc\"; }; };"

static void open_with(struct drive *d, const char *text)
{
    drive_open(d);
    drive_load(d, text);
    drive_submit(d, CYCLE);
    drive_hello(d, "w1", NULL);
}

/* A worker that resends after a lost connection repeats whole spools: nothing happens twice, and a
 * hole in what arrives is not passed over. */
static void repeats_and_gaps_change_nothing(void **state)
{
    struct drive d;
    size_t before;

    (void)state;
    open_with(&d, HEAD ONE TWO TAIL);
    drive_begin(&d, "one/1");
    drive_output(&d, "one/1", "file", NULL);
    before = d.log.count;
    assert_int_equal(drive_say(&d, "one/1", 1, "{'type':'begin','token':'x'}"), 0);
    assert_int_equal(drive_say(&d, "one/1", 2, "{'type':'warn','text':'again'}"), 0);
    assert_int_equal(drive_say(&d, "one/1", 9, "{'type':'end','state':'succeeded'}"), 0);
    assert_int_equal(d.log.count, before);
    assert_int_equal(
        json_integer_value(json_object_get(drive_message(&d, "ack", "one/1"), "index")), 2);
    drive_end(&d, "one/1", "succeeded");
    before = d.log.count;
    assert_int_equal(drive_say(&d, "one/1", 3, "{'type':'end','state':'failed'}"), 0);
    assert_int_equal(drive_say(&d, "one/1", 4, "{'type':'end','state':'failed'}"), 0);
    assert_int_equal(d.log.count, before);
    assert_string_equal(drive_state(&d, "one"), "succeeded");
    drive_close(&d);
}

/* A frozen node that wakes with the token of yesterday starts nothing. */
static void old_token_may_not_begin(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, HEAD ONE TAIL);
    assert_int_equal(drive_say(&d, "one/1", 0, "{'type':'begin','token':'0000'}"), 0);
    assert_string_equal(drive_state(&d, "one"), "launched");
    assert_int_equal(drive_count(&d, "go", NULL), 0);
    assert_int_equal(drive_count(&d, "refuse", "one/1"), 1);
    drive_close(&d);
}

/* A refused begin is taken note of all the same: what the supervisor says after it still counts. */
static void refused_begin_is_followed_by_its_end(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, HEAD ONE TAIL);
    assert_int_equal(drive_say(&d, "one/1", 0, "{'type':'begin','token':'0000'}"), 0);
    assert_int_equal(drive_say(&d, "one/1", 2, "{'type':'end','state':'cancelled'}"), 0);
    assert_string_equal(drive_state(&d, "one"), "cancelled");
    assert_string_equal(drive_state(&d, NULL), "failed");
    drive_close(&d);
}

/* What may work later is tried again, later each time; bad data is not. */
static void retries_wait_longer_each_time(void **state)
{
    struct drive d;
    int64_t start_ns;

    (void)state;
    open_with(&d, HEAD ONE TWO TAIL);
    d.rules[0] = (struct drive_rule){.stage = "one", .class = "transient"};
    start_ns = d.now_ns;
    drive_play(&d);
    assert_int_equal((d.now_ns - start_ns) / 1000000000, 10 + 30);
    assert_int_equal(drive_events(&d, FL_EVENT_ATTEMPT_LAUNCHED, "one"), 3);
    assert_string_equal(drive_state(&d, "one"), "failed");
    assert_string_equal(drive_state(&d, "two"), "skipped");
    assert_non_null(strstr(drive_reason(&d, "two"), "one"));
    assert_string_equal(drive_state(&d, NULL), "failed");
    drive_close(&d);

    open_with(&d, HEAD ONE TWO TAIL);
    d.rules[0] = (struct drive_rule){.stage = "one", .class = "data"};
    drive_play(&d);
    assert_int_equal(drive_events(&d, FL_EVENT_ATTEMPT_LAUNCHED, "one"), 1);
    drive_close(&d);
}

/* More members than the pool has room for: the oracle holds the limits, and all come to run. */
static void pool_is_never_overfull(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, HEAD " many: { program = \"x\"; per = \"leads:all\"; outputs = {"
                       " o = \"o.{lead}.nc\"; }; };" TAIL);
    assert_int_equal(drive_count(&d, "launch", NULL), 2); /* two cores */
    drive_play(&d);
    assert_int_equal(drive_events(&d, FL_EVENT_ATTEMPT_LAUNCHED, "many"), 3);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* A worker that comes back is told all it needs again: what it never got, and what may go. */
static void worker_that_comes_back_is_told_again(void **state)
{
    static const char *const live[] = {"one/1", NULL};
    struct drive d;

    (void)state;
    open_with(&d, HEAD ONE TAIL);
    drive_clear(&d); /* the launch was lost */
    drive_hello(&d, "w1", NULL);
    assert_int_equal(drive_count(&d, "launch", "one/1"), 1);
    drive_begin(&d, "one/1");
    drive_clear(&d); /* the go was lost */
    drive_hello(&d, "w1", live);
    assert_int_equal(drive_count(&d, "launch", NULL), 0);
    assert_int_equal(drive_count(&d, "go", "one/1"), 1);
    drive_hello(&d, "w1", NULL); /* its disk is new: what it ran is lost, and a person decides */
    assert_int_equal(drive_events(&d, FL_EVENT_ATTEMPT_ENDED, "one"), 1);
    drive_play(&d);
    assert_string_equal(drive_state(&d, "one"), "lost");
    assert_int_equal(drive_feed(&d, FL_INPUT_REQUEST, NULL,
                                json_pack("{s:s,s:s,s:s,s:b}", "verb", "retry", "run", d.run,
                                          "stage", "one", "force", 1)),
                     0);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* A held stage starts only when it is released. */
static void held_stage_waits_for_its_release(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, HEAD ONE TWO TAIL);
    assert_int_equal(drive_ask(&d, "hold", "two", NULL), 0);
    drive_play(&d);
    assert_string_equal(drive_state(&d, "two"), "held");
    assert_string_equal(drive_state(&d, NULL), "running");
    assert_int_equal(drive_ask(&d, "release", "two", NULL), 0);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

/* Who asks for a retry while a cancel is under way would get a run that neither works nor ends. */
static void retry_waits_until_the_cancel_is_through(void **state)
{
    struct drive d;

    (void)state;
    open_with(&d, HEAD ONE " three: { program = \"x\"; outputs = { c = \"c.nc\"; }; };" TAIL);
    drive_begin(&d, "one/1");
    assert_int_equal(drive_ask(&d, "cancel", NULL, NULL), 0);
    assert_int_equal(drive_count(&d, "cancel", "one/1"), 1);
    assert_int_equal(drive_count(&d, "cancel", "three/1"), 1);
    drive_end(&d, "three/1", "cancelled");
    assert_string_equal(drive_state(&d, "three"), "cancelled");
    assert_int_equal(drive_ask(&d, "retry", "three", NULL), FL_E_REFUSED);
    assert_non_null(strstr(d.err.text, "being cancelled"));
    drive_end(&d, "one/1", "cancelled");
    assert_string_equal(drive_state(&d, NULL), "cancelled");
    assert_int_equal(drive_ask(&d, "retry", NULL, NULL), 0);
    drive_play(&d);
    assert_string_equal(drive_state(&d, NULL), "succeeded");
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats_and_gaps_change_nothing),
        cmocka_unit_test(old_token_may_not_begin),
        cmocka_unit_test(refused_begin_is_followed_by_its_end),
        cmocka_unit_test(retries_wait_longer_each_time),
        cmocka_unit_test(pool_is_never_overfull),
        cmocka_unit_test(worker_that_comes_back_is_told_again),
        cmocka_unit_test(held_stage_waits_for_its_release),
        cmocka_unit_test(retry_waits_until_the_cancel_is_through),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
