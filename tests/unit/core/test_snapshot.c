/* Random streams of events: the state that goes through snapshots on the way is the state that a
 * replay of all events gives, in every field (drive_close compares them). */
#include "config.h"

#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/drive.h"

#include "engine/base/banned.h"

#define SEEDS 40
#define STEPS 60

static const char flow[] =
    "workflow: { name = \"mix\"; leads = { hours = \"+000/+009/3\"; };"
    " sets = { m = \"m01/m05\"; }; params = { x = 1; };"
    " sites: { near: { root = \"near\"; }; far: { root = \"far\"; }; };"
    " pools: { p: { site = \"near\"; cores = 3; }; q: { site = \"far\"; cores = 2; jobs = 2; }; };"
    " stages: {"
    "  make: { program = \"sh\"; pool = \"p\"; leads = \"hours\";"
    "          outputs = { step = { file = \"s.{lead}.txt\"; per = \"lead\"; }; }; };"
    "  post: { per = \"make.step\"; program = \"sh\"; pool = \"p\"; inputs = { step = "
    "\"make.step\"; };"
    "          retry = { tries = 3; delay = \"PT5S\"; };"
    "          outputs = { doc = \"d.{lead}.txt\"; }; };"
    "  each: { foreach = [\"m\"]; program = \"sh\"; pool = \"p\"; outputs = { o = \"o.{m}.txt\"; "
    "}; };"
    "  sum: { program = \"sh\"; pool = \"p\"; inputs = { docs = \"post.doc\"; all = \"each.o\"; };"
    "         outputs = { all = \"all.txt\"; }; };"
    "  tell: { program = \"sh\"; pool = \"p\"; when = \"each\"; outputs = { t = \"t.txt\"; }; "
    "};"
    " }; };";

static uint64_t next(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* Something a stage, a worker or a person does; what is refused changes nothing. */
static void step(struct drive *d, uint64_t *random)
{
    static const char *const stages[] = {"make", "post", "each", "sum", "tell"};
    static const char *const verbs[] = {"hold", "release", "retry", "cancel", "skip"};
    const char *stage = stages[next(random) % FL_COUNT(stages)];

    switch (next(random) % 12) {
    case 0:
        (void)drive_ask(d, verbs[next(random) % FL_COUNT(verbs)], stage, NULL);
        break;
    case 1:
        (void)drive_ask(d, verbs[next(random) % 2], NULL, NULL);
        break;
    case 2:
        (void)drive_feed(d, FL_INPUT_WORKER_GONE, next(random) % 2 ? "w1" : "w2",
                         json_pack("{s:s}", "reason", "silent"));
        break;
    case 3:
        drive_hello(d, next(random) % 2 ? "w1" : "w2", NULL);
        break;
    case 4:
    case 5:
        drive_pass(d, (int64_t)(next(random) % 20));
        break;
    default:
        drive_work(d);
        break;
    }
}

/* Each restart of a coordinator is such a stream, cut anywhere. */
static void random_streams_are_the_same_through_snapshots(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
        struct drive d;

        drive_open(&d);
        drive_load(&d, flow);
        d.rules[0] = (struct drive_rule){
            .stage = "post", .class = next(&random) % 2 ? "transient" : "data", .attempts = 1};
        if (seed % 3 == 0)
            d.rules[1] = (struct drive_rule){.stage = "each", .class = "config"};
        d.lag = seed % 2;
        drive_hello(&d, "w1", NULL);
        drive_submit(&d, "20261124T0000Z");
        for (int i = 0; i < STEPS; i++) {
            if (i == STEPS / 2)
                drive_submit(&d, "20261124T0600Z");
            step(&d, &random);
        }
        drive_close(&d);
    }
}

/* A snapshot of which the digest holds but a byte does not mean what it should: each byte in turn
 * is another one, and the reader refuses it or has a state; it never looks where nothing is. */
static void any_byte_of_a_snapshot_may_be_wrong(void **state)
{
    struct drive d;

    (void)state;
    drive_open(&d);
    drive_load(&d, flow);
    drive_hello(&d, "w1", NULL);
    drive_submit(&d, "20261124T0000Z");
    drive_work(&d);
    drive_spoil(&d);
    drive_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_streams_are_the_same_through_snapshots),
        cmocka_unit_test(any_byte_of_a_snapshot_may_be_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
