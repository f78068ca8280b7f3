/* What a worker does besides the plain road of a stage: full disks, stopped supervisors, bodies
 * without a record, housekeeping, files that arrive. */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/world/file.h"
#include "tests/unit/worker/node.h"

static struct rlimit limit_of(pid_t pid, const struct rlimit *fresh)
{
    struct rlimit was;

    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, fresh, &was), 0);
    return was;
}

/* A disk that is full for an hour in the night must cost neither the model that runs nor what it
 * said meanwhile. A limit of the file size stands for the disk: it is met and lifted like one. */
static void full_disk_ends_nothing_and_loses_nothing(void **state)
{
    const struct rlimit none_left = {.rlim_cur = 8, .rlim_max = RLIM_INFINITY};
    struct node node;
    struct rlimit was;
    json_t *where;
    pid_t supervisor;
    struct fl_wait_item item;
    struct fl_err err = {0};

    (void)state;
    node_open(&node);
    node_run(&node,
             "mkfifo fifo; (echo $$ > pid.new; mv pid.new pid); $E progress 0.5; read x < fifo\n"
             "echo printed while full; $E warn 'said while full'; echo y > ../out/y\n",
             json_pack("{s:[{s:s,s:s}]}", "outputs", "output", "y", "file", "y"));
    (void)node_until(&node, "progress");
    where = node_supervisor();
    supervisor = (pid_t)json_integer_value(json_object_get(where, "pid"));
    json_decref(where);
    was = limit_of(supervisor, &none_left);
    item = (struct fl_wait_item){
        .fd = fl_world_real()->ops->pidfd(node_pid_in(NODE_FOLDER "/data/pid"), NULL)};
    assert_true(item.fd >= 0);
    test_file_write(NODE_FOLDER "/data/fifo", "go\n", 3);
    assert_ok(fl_world_wait(fl_world_real(), &item, 1, INT64_C(60000000000), &err), err);
    (void)close(item.fd);
    assert_true(node_runs(supervisor));
    assert_int_equal(node_count(&node, "end"), 0);
    (void)limit_of(supervisor, &was);
    node_assert_end(node_until(&node, "end"), "succeeded", "", "");
    assert_int_equal(node_count(&node, "warn"), 1);
    assert_int_equal(node_count(&node, "output"), 1);
    assert_true(node_log_has("printed while full"));
    node_close(&node);
}

#define ORDERS 2000

/* A supervisor that somebody has stopped (a debugger, a frozen container) must not stop the node:
 * the other stages are launched, cancelled and told of. */
static void stopped_supervisor_stops_nobody_else(void **state)
{
    struct node node;
    char *text = node_script("echo body\n");
    json_t *where;
    pid_t supervisor;

    (void)state;
    node_open(&node);
    node_run(&node, "$E progress 0.5; exec sleep 1000\n", NULL);
    (void)node_until(&node, "progress");
    where = node_supervisor();
    supervisor = (pid_t)json_integer_value(json_object_get(where, "pid"));
    json_decref(where);
    assert_int_equal(kill(supervisor, SIGSTOP), 0);
    for (int i = 0; i < ORDERS; i++)
        node_say(&node, json_pack("{s:s,s:s,s:s,s:i}", "type", "cancel", "id", NODE_ID, "reason",
                                  "a person said so", "grace_s", 0));
    node_launch(&node, node_spec(text, json_pack("{s:s}", "id", "wf/20181009T0000Z/other/1")));
    free(text);
    node_until_count(&node, "end", 1); /* of the other one */
    assert_int_equal(kill(supervisor, SIGCONT), 0);
    node_assert_end(node_until(&node, "end"), "cancelled", "", "a person said so");
    node_close(&node);
}

/* A stage whose folder is taken away under it, and whose worker is started again: a body runs that
 * nobody knows. *ret_token is to be freed. */
static pid_t body_without_a_folder(struct node *node, char **ret_token)
{
    char *text =
        node_script("echo $$ > pid.new; mv pid.new pid; $E progress 0.5; exec sleep 1000\n");
    json_t *spec = node_spec(text, NULL);
    pid_t body;

    free(text);
    *ret_token = strdup(node_text(spec, "token"));
    node_process(node);
    node_until_hello(node, 1);
    node_launch(node, spec);
    (void)node_until(node, "progress");
    body = node_pid_in(NODE_FOLDER "/data/pid");
    node_kill(node);
    assert_int_equal(fl_dir_remove(fl_world_real(), "hpc", NULL), 0);
    (void)json_array_clear(node->seen);
    node_process(node);
    node_until_hello(node, 2);
    assert_int_equal(json_array_size(json_object_get(node->hello, "attempts")), 0);
    assert_true(node_runs(body));
    return body;
}

/* A lost attempt holds its stage until somebody can say that its body is dead: the worker makes it
 * so, and says how it knows. */
static void lost_attempt_is_proved_dead(void **state)
{
    struct node node;
    char *token = NULL;
    pid_t body;

    (void)state;
    node_open(&node);
    body = body_without_a_folder(&node, &token);
    node_say(&node, json_pack("{s:s,s:s,s:s}", "type", "prove", "id", NODE_ID, "token", token));
    node_assert_end(node_until(&node, "end"), "lost", "transient", "no process on host");
    assert_false(node_runs(body));
    free(token);
    node_close(&node);
}

/* The coordinator never heard that it had begun, and launches it again: not beside the first. */
static void launch_made_again_ends_a_body_without_a_folder(void **state)
{
    struct node node;
    char *token = NULL;
    pid_t body;

    (void)state;
    node_open(&node);
    body = body_without_a_folder(&node, &token);
    node_launch(&node, node_spec("#!/bin/sh\n", json_pack("{s:s}", "token", token)));
    node_assert_end(node_until(&node, "end"), "failed", "transient", "ran on without its folder");
    assert_false(node_runs(body));
    free(token);
    node_close(&node);
}

#define CROWD 30

static void launch_crowd(struct node *node)
{
    for (int i = 0; i < CROWD; i++) {
        char id[64];

        (void)snprintf(id, sizeof(id), "wf/20181009T0000Z/crowd/+%03d/1", i);
        node_launch(node, node_spec("#!/bin/sh\n", json_pack("{s:s}", "id", id)));
    }
}

/* A wide fan-out starts a few at a time. What the coordinator says meanwhile about one that has not
 * had its turn must reach it: a file that never comes would leave its stage waiting for ever. */
static void launch_that_waits_for_its_turn_is_provided_for(void **state)
{
    struct node node;

    (void)state;
    node_open(&node);
    node_embed(&node);
    node_until_hello(&node, 1);
    assert_int_equal(fl_dir_make(fl_world_real(), "hpc/work/wf/c/up/1/out", 0755, NULL), 0);
    test_file_write("hpc/work/wf/c/up/1/out/f3", "wind\n", 5);
    launch_crowd(&node);
    node_launch(&node, node_spec("#!/bin/sh\nuntil [ -e late.txt ]; do sleep 0.05; done\n"
                                 "cat late.txt\n",
                                 NULL));
    node_say(&node, json_pack("{s:s,s:s,s:[{s:s,s:s,s:s,s:i}]}", "type", "provide", "id", NODE_ID,
                              "inputs", "input", "w", "file", "late.txt", "path",
                              "work/wf/c/up/1/out/f3", "size", 5));
    node_until_count(&node, "end", CROWD + 1);
    assert_true(node_log_has("wind"));
    node_close(&node);
}

/* And one that a person cancels before its turn must not start when that comes. */
static void launch_that_waits_for_its_turn_can_be_cancelled(void **state)
{
    struct node node;

    (void)state;
    node_open(&node);
    node_embed(&node);
    node_until_hello(&node, 1);
    launch_crowd(&node);
    node_launch(&node, node_spec("#!/bin/sh\nsleep 1000\n", NULL));
    node_say(&node, json_pack("{s:s,s:s,s:s,s:i}", "type", "cancel", "id", NODE_ID, "reason",
                              "a person said so", "grace_s", 0));
    node_until_count(&node, "end", CROWD + 1);
    node_assert_end(node_until(&node, "end"), "cancelled", "", "");
    node_close(&node);
}

/* What is kept no longer must go from the disk, or the disk fills; what runs must stay. */
static void files_of_a_dropped_run_go_when_nothing_of_it_runs(void **state)
{
    struct node node;
    const json_t *cleaned;

    (void)state;
    node_open(&node);
    node_run(&node, "echo y > ../out/y; mkdir -p ../out/deep; echo z > ../out/deep/z\n",
             json_pack("{s:[{s:s,s:s}]}", "outputs", "output", "y", "file", "y"));
    node.no_ack = true;
    node_say(&node, json_pack("{s:s,s:[s]}", "type", "clean", "runs", "wf/20181009T0000Z"));
    (void)node_until(&node, "end");
    assert_true(test_file_exists(NODE_FOLDER "/out/y")); /* it was held, and refused */
    node_say(&node, json_pack("{s:s,s:s}", "type", "forget", "id", NODE_ID));
    node_say(&node,
             json_pack("{s:s,s:[s,s]}", "type", "clean", "runs", "../hpc", "wf/20181009T0000Z"));
    cleaned = node_until_message(&node, "cleaned");
    assert_string_equal(node_text(cleaned, "run"), "wf/20181009T0000Z");
    assert_string_equal(node_text(cleaned, "site"), "hpc");
    assert_true(json_integer_value(json_object_get(cleaned, "bytes")) >= 4);
    assert_false(test_file_exists("hpc/work/wf/20181009T0000Z"));
    node_close(&node);
}

/* A global centre's file that somebody else puts there starts the chain: when it is whole. */
static void file_that_arrives_is_told_when_it_is_whole(void **state)
{
    struct node node;
    const json_t *arrived;
    int fd;

    (void)state;
    node_open(&node);
    node_embed(&node);
    node_until_hello(&node, 1);
    node_say(&node, json_pack("{s:s,s:s,s:s,s:s}", "type", "watch", "id", "out", "site", "hpc",
                              "path", "../keys/worker.key")); /* refused, and logged */
    node_say(&node, json_pack("{s:s,s:s,s:s,s:s}", "type", "watch", "id", "a", "site", "hpc",
                              "path", "inbox/00/ready"));
    node_say(&node, json_pack("{s:s,s:s,s:s,s:s}", "type", "watch", "id", "b", "site", "hpc",
                              "path", "inbox/00/other"));
    node_say(&node, json_pack("{s:s,s:s}", "type", "unwatch", "id", "b"));
    assert_int_equal(fl_dir_make(fl_world_real(), "hpc/inbox/00", 0755, NULL), 0);
    fd = fl_world_real()->ops->open("hpc/inbox/00/ready", O_WRONLY | O_CREAT, 0644, NULL);
    assert_true(fd >= 0);
    assert_int_equal(fl_world_real()->ops->pwrite(fd, "ha", 2, 0, NULL), 2);
    node_say(&node, json_pack("{s:s,s:s,s:s}", "type", "cancel", "id", "wf/c/none/1", "reason",
                              "so that all before it has been taken"));
    node_until_count(&node, "end", 1);
    assert_int_equal(json_array_size(node.others), 0);
    assert_int_equal(fl_world_real()->ops->pwrite(fd, "lf", 2, 2, NULL), 2);
    (void)fl_world_real()->ops->close(fd, NULL);
    test_file_write("hpc/inbox/00/other", "x", 1);
    arrived = node_until_message(&node, "arrived");
    assert_string_equal(node_text(arrived, "id"), "a");
    assert_string_equal(node_text(arrived, "path"), "inbox/00/ready");
    assert_int_equal(json_integer_value(json_object_get(arrived, "size")), 4);
    assert_int_equal(json_array_size(node.others), 1);
    node_close(&node);
}

/* What a node has besides cores is said in one place, and a slip of the pen is told. */
static void pool_states_its_resources(void **state)
{
    struct fl_worker_pool pool;
    struct fl_err err = {0};
    char good[] = "hpc:site=s,cores=4,memory=64G,gpus=2,licence:matlab=3";
    char unknown[] = "hpc:site=s,coers=4";
    char amount[] = "hpc:site=s,memory=64Q";

    (void)state;
    assert_ok(fl_worker_parse_pool(good, &pool, &err), err);
    assert_int_equal(pool.resource_count, 3);
    assert_string_equal(pool.resources[0].name, "memory");
    assert_int_equal(pool.resources[0].amount, INT64_C(64) << 30);
    assert_int_equal(pool.resources[1].amount, 2);
    assert_string_equal(pool.resources[2].name, "matlab");
    assert_fails_with(fl_worker_parse_pool(unknown, &pool, &err), FL_E_USAGE, err, "licence:NAME");
    assert_fails_with(fl_worker_parse_pool(amount, &pool, &err), FL_E_USAGE, err, "K, M, G or T");
}

#define ON(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(full_disk_ends_nothing_and_loses_nothing),
        ON(stopped_supervisor_stops_nobody_else),
        ON(lost_attempt_is_proved_dead),
        ON(launch_made_again_ends_a_body_without_a_folder),
        ON(launch_that_waits_for_its_turn_is_provided_for),
        ON(launch_that_waits_for_its_turn_can_be_cancelled),
        ON(files_of_a_dropped_run_go_when_nothing_of_it_runs),
        ON(file_that_arrives_is_told_when_it_is_whole),
        ON(pool_states_its_resources),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
