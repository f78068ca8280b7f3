/* Real stages under real supervisors, a worker on the real bus. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "engine/base/digest.h"
#include "engine/world/file.h"
#include "engine/world/process.h"
#include "tests/unit/worker/node.h"

/* The plain road: inputs stand in DATA, outputs are told with their digests, and the end comes
 * once. A script finds fairlead-event by its name. */
static void stage_gets_its_inputs_and_its_outputs_are_told_with_digests(void **state)
{
    struct node node;
    struct stat info;
    char hex[FL_DIGEST_HEX];
    const json_t *output;

    (void)state;
    node_open(&node);
    assert_int_equal(fl_dir_make(fl_world_real(), "hpc/work/wf/c/up/1/out", 0755, NULL), 0);
    test_file_write("hpc/work/wf/c/up/1/out/a.txt", "wind\n", 5);
    node_run(&node,
             "cat a.txt; test -s inputs.json; echo \"$PDY $cyc $FAIRLEAD_RUN $jobid\"\n"
             "echo done > ../out/one.txt; $E output one one.txt\n"
             "echo two > \"$COMOUT/two.f003.txt\"; fairlead-event warn 'low sun'; "
             "$E degraded 'old wind' PT6H\n",
             json_pack("{s:[{s:s,s:s,s:s,s:i}],s:[{s:s,s:s},{s:s,s:s,s:s}]}", "inputs", "input",
                       "w", "file", "a.txt", "path", "work/wf/c/up/1/out/a.txt", "size", 5,
                       "outputs", "output", "one", "file", "one.txt", "output", "two", "lead",
                       "+003", "file", "two.f003.txt"));
    node_assert_end(node_until(&node, "end"), "succeeded", "", "");
    output = node_until(&node, "output");
    fl_digest_memory("done\n", 5, hex);
    assert_string_equal(node_text(output, "output"), "one");
    assert_string_equal(node_text(output, "path"), "work/" NODE_ID "/out/one.txt");
    assert_string_equal(node_text(output, "sha256"), hex);
    assert_int_equal(json_integer_value(json_object_get(output, "size")), 5);
    assert_int_equal(node_count(&node, "output"), 2); /* the one nobody announced too */
    assert_string_equal(node_text(node_until(&node, "degraded"), "age"), "PT6H");
    assert_string_equal(node_text(node_until(&node, "warn"), "text"), "low sun");
    assert_true(node_log_has("wind\n20181009 00 wf/20181009T0000Z wf.20181009T0000Z.stage.1"));
    assert_int_equal(stat(NODE_FOLDER "/data/inputs.json", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0444);
    assert_int_equal(stat(NODE_FOLDER "/spec.json", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(node_count(&node, "end"), 1);
    node_close(&node);
}

/* A model that blew up and still ended with 0 must not be taken for a forecast. */
static void exit_code_alone_is_no_success(void **state)
{
    static const struct {
        const char *body;
        const char *reason;
    } cases[] = {
        {"echo all went well\n", "does not have the words 'surge: done'"},
        {"echo surge: done; echo zeta is NaN\n", "forbidden words 'NaN'"},
        {"echo surge: done; rm -f ../out/x.nc\n", "1 of 1 declared outputs is missing"},
        {"echo surge: done; ln -s /etc/passwd ../out/x.nc\n", "1 of 1 declared outputs is missing"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct node node;

        node_open(&node);
        node_run(&node, cases[i].body,
                 json_pack("{s:[{s:s,s:s}],s:{s:i,s:s,s:{s:s,s:s,s:[s,s]}}}", "outputs", "output",
                           "x", "file", "x.nc", "success", "exit", 0, "outputs", "all", "log",
                           "file", "stdout", "has", "surge: done", "forbid", "CFL", "NaN"));
        node_assert_end(node_until(&node, "end"), "failed", "data", cases[i].reason);
        node_close(&node);
        assert_int_equal(fl_dir_remove(fl_world_real(), "hpc", NULL), 0);
    }
}

/* A disk that fills up under a stage leaves half a file under the final name; taken for the output
 * it would be computed on, and stay when the next attempt brings the whole one. */
static void a_failed_body_leaves_only_what_it_announced(void **state)
{
    static const char *const bodies[] = {"exit 75\n", "kill -9 $$\n", "echo NaN\n"};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(bodies); i++) {
        char body[256];
        struct node node;

        (void)snprintf(body, sizeof(body),
                       "echo whole > ../out/one.txt; $E output one one.txt\n"
                       "printf ha > ../out/two.txt\n%s",
                       bodies[i]);
        node_open(&node);
        node_run(&node, body,
                 json_pack("{s:[{s:s,s:s},{s:s,s:s}],s:{s:i,s:s,s:{s:s,s:[s]}}}", "outputs",
                           "output", "one", "file", "one.txt", "output", "two", "file", "two.txt",
                           "success", "exit", 0, "outputs", "all", "log", "file", "stdout",
                           "forbid", "NaN"));
        assert_string_equal(node_text(node_until(&node, "end"), "state"), "failed");
        assert_int_equal(node_count(&node, "output"), 1);
        node_close(&node);
        assert_int_equal(fl_dir_remove(fl_world_real(), "hpc", NULL), 0);
    }
}

/* Whether a failure is tried again depends on its class, which stages give by exit code. */
static void exit_code_gives_the_class_of_a_failure(void **state)
{
    static const struct {
        const char *body;
        const char *class;
    } cases[] = {{"exit 75\n", "transient"},    {"exit 65\n", "data"},
                 {"exit 78\n", "config"},       {"exit 1\n", "bug"},
                 {"kill -9 $$\n", "transient"}, {"kill -11 $$\n", "bug"}};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct node node;

        node_open(&node);
        node_run(&node, cases[i].body, NULL);
        node_assert_end(node_until(&node, "end"), "failed", cases[i].class, "./run.sh");
        node_close(&node);
        assert_int_equal(fl_dir_remove(fl_world_real(), "hpc", NULL), 0);
    }
}

/* A stage that hangs must not hold its cores for ever. */
static void time_limit_ends_a_stage(void **state)
{
    struct node node;

    (void)state;
    node_open(&node);
    node_run(&node, "exec sleep 1000\n", json_pack("{s:i,s:i}", "time_limit_s", 1, "grace_s", 5));
    node_assert_end(node_until(&node, "end"), "timed-out", "limit", "PT1S");
    node_close(&node);
}

#define HIDDEN_CHILD \
    "(setsid sh -c 'trap \"\" TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 1000; " \
    "done' &)\n" \
    "until [ -e pid ]; do sleep 0.05; done; $E progress 0.1\n"

/* A model that was cancelled and goes on writing in the background spoils what comes after. */
static void cancel_ends_children_that_hid_themselves(void **state)
{
    struct node node;
    pid_t hidden;

    (void)state;
    node_open(&node);
    node_run(&node, HIDDEN_CHILD "exec sleep 1000\n", NULL);
    (void)node_until(&node, "progress");
    hidden = node_pid_in(NODE_FOLDER "/data/pid");
    assert_true(node_runs(hidden));
    node_say(&node, json_pack("{s:s,s:s,s:s,s:i}", "type", "cancel", "id", NODE_ID, "reason",
                              "a person said so", "grace_s", 0));
    node_assert_end(node_until(&node, "end"), "cancelled", "", "a person said so");
    assert_false(node_runs(hidden));
    node_close(&node);
}

/* A stage that ends by itself leaves nothing behind either. */
static void what_a_stage_leaves_behind_is_ended(void **state)
{
    struct node node;

    (void)state;
    node_open(&node);
    node_run(&node, HIDDEN_CHILD, NULL);
    node_assert_end(node_until(&node, "end"), "succeeded", "", "");
    assert_false(node_runs(node_pid_in(NODE_FOLDER "/data/pid")));
    node_close(&node);
}

/* Out of memory, the kernel may pick the supervisor: a second body beside the first would write the
 * same files. */
static void dead_supervisor_is_found_and_its_tree_ended_before_the_end_is_told(void **state)
{
    struct node node;
    json_t *where;
    pid_t hidden;

    (void)state;
    node_open(&node);
    node_run(&node, HIDDEN_CHILD "exec sleep 1000\n", NULL);
    (void)node_until(&node, "progress");
    hidden = node_pid_in(NODE_FOLDER "/data/pid");
    where = node_supervisor();
    assert_int_equal(kill((pid_t)json_integer_value(json_object_get(where, "pid")), SIGKILL), 0);
    node_assert_end(node_until(&node, "end"), "failed", "transient", "supervisor died");
    assert_false(test_file_exists(node_text(where, "socket")));
    json_decref(where);
    assert_false(node_runs(hidden));
    node_close(&node);
}

/* Upgrading or losing the worker in the night must not cost the forecast that runs, nor start it
 * again. */
static void killed_worker_is_followed_by_one_that_adopts(void **state)
{
    struct node node;
    char *text = node_script(
        "mkfifo fifo; echo body >> bodies; $E progress 0.5; read x < fifo; echo y > ../out/y\n");

    (void)state;
    node_open(&node);
    node_process(&node);
    node_until_hello(&node, 1);
    node_launch(&node, node_spec(text, json_pack("{s:[{s:s,s:s}]}", "outputs", "output", "y",
                                                 "file", "y")));
    (void)node_until(&node, "progress");
    node_kill(&node);
    node_process(&node);
    node_until_hello(&node, 2);
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(node.hello, "attempts"), 0)), NODE_ID);
    test_file_write(NODE_FOLDER "/data/fifo", "go\n", 3);
    node_assert_end(node_until(&node, "end"), "succeeded", "", "");
    assert_int_equal(node_count(&node, "begun"), 1);
    assert_int_equal(node_count(&node, "output"), 1);
    free(text);
    text = test_file_read(NODE_FOLDER "/data/bodies", NULL);
    assert_string_equal(text, "body\n");
    free(text);
    node_close(&node);
}

/* A worker that died between begin and go: the next one asks again, and the body starts once. */
static void begin_is_asked_again_by_the_next_worker(void **state)
{
    struct node node;
    char *text = node_script("echo body >> bodies\n");

    (void)state;
    node_open(&node);
    node.no_go = node.no_ack = true;
    node_process(&node);
    node_until_hello(&node, 1);
    node_launch(&node, node_spec(text, NULL));
    (void)node_until(&node, "begin");
    node_kill(&node);
    node.no_go = node.no_ack = false;
    node_process(&node);
    node_assert_end(node_until(&node, "end"), "succeeded", "", "");
    free(text);
    text = test_file_read(NODE_FOLDER "/data/bodies", NULL);
    assert_string_equal(text, "body\n");
    free(text);
    node_close(&node);
}

/* An end that the worker learnt of while the coordinator was away is told when it is back. */
static void attempt_that_ended_while_no_worker_lived_is_told_by_the_next(void **state)
{
    struct node node;
    char *text = node_script("mkfifo fifo; $E progress 0.5; read x < fifo\n");
    json_t *where;
    struct fl_wait_item item;
    struct fl_err err = {0};

    (void)state;
    node_open(&node);
    node_process(&node);
    node_until_hello(&node, 1);
    node_launch(&node, node_spec(text, NULL));
    free(text);
    (void)node_until(&node, "progress");
    node_kill(&node);
    where = node_supervisor();
    item =
        (struct fl_wait_item){.fd = fl_world_real()->ops->pidfd(
                                  (pid_t)json_integer_value(json_object_get(where, "pid")), NULL)};
    json_decref(where);
    assert_true(item.fd >= 0);
    test_file_write(NODE_FOLDER "/data/fifo", "go\n", 3);
    assert_ok(fl_world_wait(fl_world_real(), &item, 1, INT64_C(60000000000), &err), err);
    (void)close(item.fd);
    node_process(&node);
    node_assert_end(node_until(&node, "end"), "succeeded", "", "");
    node_close(&node);
}

#define MANY 24
#define KILLS 6

/* However often the worker is killed while stages start and end, each has one body and one end. */
static void repeated_kills_lose_no_attempt_and_repeat_none(void **state)
{
    struct node node;
    char *text = node_script("echo body >> bodies; echo y > ../out/y; $E output y y\n");

    (void)state;
    node_open(&node);
    node_process(&node);
    node_until_hello(&node, 1);
    for (int i = 0; i < MANY; i++) {
        char id[64];

        (void)snprintf(id, sizeof(id), "wf/20181009T0000Z/s%d/1", i);
        node_launch(&node, node_spec(text, json_pack("{s:s,s:[{s:s,s:s}]}", "id", id, "outputs",
                                                     "output", "y", "file", "y")));
    }
    for (int i = 1; i <= KILLS; i++) {
        node_until_count(&node, i % 2 ? "begun" : "output", i * MANY / (2 * KILLS));
        node_kill(&node);
        node_process(&node);
        node_until_hello(&node, 1 + i);
        for (int k = 0; k < MANY; k++) { /* what the new one does not know is asked for again */
            char id[64];
            bool known = false;
            size_t n;
            json_t *one;

            (void)snprintf(id, sizeof(id), "wf/20181009T0000Z/s%d/1", k);
            json_array_foreach(json_object_get(node.hello, "attempts"), n, one) known =
                known || strcmp(json_string_value(one), id) == 0;
            json_array_foreach(node.seen, n, one) known =
                known || (strcmp(node_text(one, "id"), id) == 0 &&
                          strcmp(node_text(json_object_get(one, "event"), "type"), "end") == 0);
            if (!known)
                node_launch(&node,
                            node_spec(text, json_pack("{s:s,s:[{s:s,s:s}]}", "id", id, "outputs",
                                                      "output", "y", "file", "y")));
        }
    }
    node_until_count(&node, "end", MANY);
    assert_int_equal(node_count(&node, "end"), MANY);
    assert_int_equal(node_count(&node, "begun"), MANY);
    assert_int_equal(node_count(&node, "output"), MANY);
    free(text);
    for (int i = 0; i < MANY; i++) {
        char path[128];

        (void)snprintf(path, sizeof(path), "hpc/work/wf/20181009T0000Z/s%d/1/data/bodies", i);
        text = test_file_read(path, NULL);
        assert_string_equal(text, "body\n");
        free(text);
    }
    node_close(&node);
}

/* The coordinator's no is final: no body, and an end that says why. */
static void refused_begin_starts_no_body(void **state)
{
    struct node node;

    (void)state;
    node_open(&node);
    node.no_go = true;
    node_run(&node, "echo body > body\n", NULL);
    (void)node_until(&node, "begin");
    node_say(&node, json_pack("{s:s,s:s,s:s}", "type", "refuse", "id", NODE_ID, "reason",
                              "an older token"));
    node_assert_end(node_until(&node, "end"), "cancelled", "", "an older token");
    assert_false(test_file_exists(NODE_FOLDER "/data/body"));
    node_close(&node);
}

/* The question costs a round trip and a commit for each stage: a launch that carries the grant
 * needs none. */
static void granted_launch_starts_its_body_unasked(void **state)
{
    struct node node;
    char *text = node_script("echo body >> bodies\n");

    (void)state;
    node_open(&node);
    node.no_go = true;
    node_embed(&node);
    node_until_hello(&node, 1);
    node_say(&node, json_pack("{s:s,s:b,s:o}", "type", "launch", "grant", true, "spec",
                              node_spec(text, NULL)));
    free(text);
    node_assert_end(node_until(&node, "end"), "succeeded", "", "");
    assert_true(json_is_true(json_object_get(node_until(&node, "begin"), "granted")));
    node_close(&node);
}

/* A cancel for an attempt whose launch was lost must not leave the coordinator waiting. */
static void cancel_of_an_unknown_attempt_is_answered(void **state)
{
    struct node node;

    (void)state;
    node_open(&node);
    node_embed(&node);
    node_until_hello(&node, 1);
    node_say(&node, json_pack("{s:s,s:s,s:s,s:i}", "type", "cancel", "id", NODE_ID, "reason",
                              "a person said so", "grace_s", 10));
    node_assert_end(node_until(&node, "end"), "cancelled", "", "before it was launched");
    node_close(&node);
}

/* Of one of which some was recorded and nothing is left, the end comes after what is recorded: as a
 * first entry it would be taken for an old one, and the run would wait for ever. */
static void cancel_of_an_attempt_without_a_trace_ends_what_is_recorded(void **state)
{
    struct node node;

    (void)state;
    node_open(&node);
    node_embed(&node);
    node_until_hello(&node, 1);
    node_say(&node, json_pack("{s:s,s:s,s:s,s:i,s:i}", "type", "cancel", "id", NODE_ID, "reason",
                              "a person said so", "grace_s", 10, "index", 3));
    node_assert_end(node_until(&node, "end"), "cancelled", "", "");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(node.seen, 0), "index")), 4);
    node_close(&node);
}

/* A model that follows its forcing gets each file whole, under its name. */
static void followed_inputs_appear_while_the_stage_runs(void **state)
{
    struct node node;
    json_t *inputs;
    json_t *list;

    (void)state;
    node_open(&node);
    assert_int_equal(fl_dir_make(fl_world_real(), "hpc/work/wf/c/up/1/out", 0755, NULL), 0);
    test_file_write("hpc/work/wf/c/up/1/out/f3", "wind\n", 5);
    node_run(&node, "$E progress 0; until [ -e late.txt ]; do sleep 0.05; done; cat late.txt\n",
             NULL);
    (void)node_until(&node, "progress");
    for (int i = 0; i < 2; i++) /* said twice: no harm */
        node_say(&node, json_pack("{s:s,s:s,s:[{s:s,s:s,s:s,s:i}]}", "type", "provide", "id",
                                  NODE_ID, "inputs", "input", "w", "file", "late.txt", "path",
                                  "work/wf/c/up/1/out/f3", "size", 5));
    node_assert_end(node_until(&node, "end"), "succeeded", "", "");
    assert_true(node_log_has("wind"));
    inputs = json_load_file(NODE_FOLDER "/data/inputs.json", 0, NULL);
    list = json_object_get(inputs, "inputs");
    assert_int_equal(json_array_size(list), 1);
    json_decref(inputs);
    node_close(&node);
}

/* What cannot be prepared or started is told as a failure with its reason, not left waiting. */
static void launch_that_cannot_be_is_told(void **state)
{
    static const struct {
        const char *key;
        const char *value;
        const char *class;
        const char *reason;
    } cases[] = {{"program", "no-such-model", "config", "no-such-model"},
                 {"site", "moon", "config", "no site 'moon'"}};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct node node;

        node_open(&node);
        node_run(&node, "true\n", json_pack("{s:s}", cases[i].key, cases[i].value));
        node_assert_end(node_until(&node, "end"), "failed", cases[i].class, cases[i].reason);
        node_close(&node);
        assert_int_equal(fl_dir_remove(fl_world_real(), "hpc", NULL), 0);
    }
}

/* An input that was changed after it was accepted is not computed with. */
static void input_of_another_size_is_refused(void **state)
{
    struct node node;

    (void)state;
    node_open(&node);
    assert_int_equal(fl_dir_make(fl_world_real(), "hpc/work/wf/c/up/1/out", 0755, NULL), 0);
    test_file_write("hpc/work/wf/c/up/1/out/a.txt", "wi", 2);
    node_run(&node, "true\n",
             json_pack("{s:[{s:s,s:s,s:s,s:i}]}", "inputs", "input", "w", "file", "a.txt", "path",
                       "work/wf/c/up/1/out/a.txt", "size", 5));
    node_assert_end(node_until(&node, "end"), "failed", "data", "2 bytes where 5 were accepted");
    node_close(&node);
}

/* A program that writes into its inputs would change what other stages have read, unseen. */
static void stage_that_changes_its_input_fails_unless_it_has_a_copy(void **state)
{
    (void)state;
    for (int copy = 0; copy < 2; copy++) {
        struct node node;
        char *text;

        node_open(&node);
        assert_int_equal(fl_dir_make(fl_world_real(), "hpc/work/wf/c/up/1/out", 0755, NULL), 0);
        test_file_write("hpc/work/wf/c/up/1/out/a.txt", "wind\n", 5);
        node_run(&node, "echo more >> a.txt\n",
                 json_pack("{s:[{s:s,s:s,s:s,s:i,s:b}]}", "inputs", "input", "w", "file", "a.txt",
                           "path", "work/wf/c/up/1/out/a.txt", "size", 5, "copy", copy));
        if (copy)
            node_assert_end(node_until(&node, "end"), "succeeded", "", "");
        else
            node_assert_end(node_until(&node, "end"), "failed", "config",
                            "changed its input 'a.txt'");
        text = test_file_read("hpc/work/wf/c/up/1/out/a.txt", NULL);
        assert_string_equal(text, copy ? "wind\n" : "wind\nmore\n");
        free(text);
        node_close(&node);
        assert_int_equal(fl_dir_remove(fl_world_real(), "hpc", NULL), 0);
    }
}

/* A stage cannot publish what is not its own. */
static void outputs_outside_the_folder_are_not_taken(void **state)
{
    struct node node;

    (void)state;
    node_open(&node);
    node_run(&node,
             "ln -s /etc ../out/etc\n"
             "$E output x etc/passwd; $E output other run.sh 2>/dev/null || echo not there\n",
             json_pack("{s:[{s:s,s:s}]}", "outputs", "output", "x", "file", "x"));
    node_assert_end(node_until(&node, "end"), "failed", "data", "missing");
    assert_int_equal(node_count(&node, "output"), 0);
    assert_non_null(strstr(node_text(node_until(&node, "warn"), "text"), "outside the output"));
    assert_true(node_log_has("not there"));
    node_close(&node);
}

/* Two ranks by the installed mpirun, also as root. */
static void mpi_stage_runs_under_mpirun(void **state)
{
    struct node node;
    const char *mpirun = getenv("MPIRUN");

    (void)state;
    if (!mpirun || access(mpirun, X_OK) != 0)
        skip();
    node_open(&node);
    node_run(&node, "true\n",
             json_pack("{s:s,s:{s:i},s:[s,s]}", "program", "sh", "mpi", "ranks", 2, "args", "-c",
                       "echo rank of $FAIRLEAD_STAGE"));
    node_assert_end(node_until(&node, "end"), "succeeded", "", "");
    assert_true(node_log_has("rank of stage\nrank of stage"));
    node_close(&node);
}

/* Other sites find the files of this one by what hello says. */
static void hello_tells_where_the_file_door_is(void **state)
{
    struct node node;
    const json_t *site;
    char *port;
    char url[4096];

    (void)state;
    if (fl_process_find(fl_world_real(), "fairlead-transfer", url, sizeof(url), NULL) < 0)
        skip();
    node_open(&node);
    node.doors = true;
    node_embed(&node);
    node_until_hello(&node, 1);
    site = json_array_get(json_object_get(node.hello, "sites"), 0);
    assert_string_equal(node_text(site, "site"), "hpc");
    port = test_file_read("hpc/work/.door-port", NULL);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%ld", strtol(port, NULL, 10));
    free(port);
    assert_string_equal(node_text(site, "door"), url);
    node_close(&node);
}

/* A script must be able to say things when it is tried from a shell, and to learn of its mistakes
 * there. */
static void event_program_works_outside_an_attempt(void **state)
{
    static const struct {
        const char *words[6];
        int code;
    } cases[] = {{{"progress", "+036"}, 0},
                 {{"progress", "0.5"}, 0},
                 {{"warn", "text"}, 0},
                 {{"degraded", "cause", "PT9H"}, 0},
                 {{"absent", "step", "--lead", "+042", "--cause", "none"}, 0},
                 {{"progress", "1.5"}, 78},
                 {{"degraded", "cause", "9 hours"}, 78},
                 {{"output", "x", "no-such-file"}, 78},
                 {{"output", "x", "../../etc/passwd"}, 78},
                 {{"absent", "step"}, 78},
                 {{"sing"}, 78}};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        const char *argv[8] = {node_event_program()};
        const struct fl_spawn spawn = {
            .path = argv[0], .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
        struct fl_wait_item item;
        struct fl_exit ended = {0};
        struct fl_err err = {0};
        pid_t pid = 0;

        for (size_t k = 0; k < FL_COUNT(cases[i].words); k++)
            argv[k + 1] = cases[i].words[k];
        assert_ok(fl_process_spawn(fl_world_real(), &spawn, &pid, &err), err);
        item = (struct fl_wait_item){.fd = fl_world_real()->ops->pidfd(pid, NULL)};
        assert_ok(fl_world_wait(fl_world_real(), &item, 1, INT64_C(60000000000), &err), err);
        assert_true(fl_process_ended(fl_world_real(), pid, &ended));
        (void)close(item.fd);
        assert_int_equal(ended.code, cases[i].code);
    }
}

#define ON(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(stage_gets_its_inputs_and_its_outputs_are_told_with_digests),
        ON(exit_code_alone_is_no_success),
        ON(a_failed_body_leaves_only_what_it_announced),
        ON(exit_code_gives_the_class_of_a_failure),
        ON(time_limit_ends_a_stage),
        ON(cancel_ends_children_that_hid_themselves),
        ON(what_a_stage_leaves_behind_is_ended),
        ON(dead_supervisor_is_found_and_its_tree_ended_before_the_end_is_told),
        ON(killed_worker_is_followed_by_one_that_adopts),
        ON(begin_is_asked_again_by_the_next_worker),
        ON(attempt_that_ended_while_no_worker_lived_is_told_by_the_next),
        ON(repeated_kills_lose_no_attempt_and_repeat_none),
        ON(refused_begin_starts_no_body),
        ON(granted_launch_starts_its_body_unasked),
        ON(cancel_of_an_unknown_attempt_is_answered),
        ON(cancel_of_an_attempt_without_a_trace_ends_what_is_recorded),
        ON(followed_inputs_appear_while_the_stage_runs),
        ON(launch_that_cannot_be_is_told),
        ON(input_of_another_size_is_refused),
        ON(stage_that_changes_its_input_fails_unless_it_has_a_copy),
        ON(outputs_outside_the_folder_are_not_taken),
        ON(mpi_stage_runs_under_mpirun),
        ON(hello_tells_where_the_file_door_is),
        ON(event_program_works_outside_an_attempt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
