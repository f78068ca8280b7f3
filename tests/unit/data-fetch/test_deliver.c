/* Deliveries: many at once, again, other content, and killed at any point. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data-fetch/deliver/delivery.h"
#include "data-fetch/deliver/manifest.h"
#include "data-fetch/destination/destination.h"
#include "engine/world/file.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "tests/unit/data-fetch/server.h"

#define PROCESSES 8
#define SET "surge/20181009T0000Z"
#define PROGRAM "data-fetch/fairlead-transfer"

/* DATA of delivery `number`: two files and their inputs.json. */
static void make_data(const char *folder, int number, const char *content)
{
    fl_auto(fl_buf_release) struct fl_buf inputs;
    struct fl_err err = {0};
    char inputs_path[200];

    fl_buf_init(&inputs, 0);
    assert_ok(fl_dir_make(fl_world_real(), folder, 0755, &err), err);
    fl_buf_puts(&inputs, "{\"version\":1,\"run\":\"r\",\"workflow\":\"w\",\"cycle\":"
                         "\"20181009T0000Z\",\"stage\":\"deliver\",\"attempt\":1,\"inputs\":[");
    for (int i = 0; i < 2; i++) {
        char name[64];
        char path[200];
        char text[200];
        char hex[FL_DIGEST_HEX];

        (void)snprintf(name, sizeof(name), "%s.f%03d", i == 0 ? "product" : "map", number);
        (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
        (void)snprintf(text, sizeof(text), "%s %s %d\n", name, content, number);
        test_file_write(path, text, strlen(text));
        fl_digest_memory(text, strlen(text), hex);
        fl_buf_printf(&inputs,
                      "%s{\"input\":\"files\",\"stage\":\"post\",\"output\":\"product\","
                      "\"lead\":\"+%03d\",\"file\":\"%s\",\"size\":%zu,\"sha256\":\"%s\"}",
                      i ? "," : "", number, name, strlen(text), hex);
    }
    fl_buf_puts(&inputs, "]}");
    (void)snprintf(inputs_path, sizeof(inputs_path), "%s/inputs.json", folder);
    test_file_write(inputs_path, inputs.data, inputs.size);
}

static pid_t deliver_start(const char *folder, const char *run)
{
    char inputs[200];
    char setting[200];
    const char *const argv[] = {PROGRAM, "deliver", "--inputs", inputs, "--set",
                                SET,     "--to",    "products", NULL};
    const char *const settings[] = {setting, NULL};

    (void)snprintf(inputs, sizeof(inputs), "%s/inputs.json", folder);
    (void)snprintf(setting, sizeof(setting), "FAIRLEAD_RUN=%s", run);
    return command_start(argv, settings);
}

/* A user's own proof. */
static bool sha256sum_agrees(void)
{
    const char *const argv[] = {"sh", "-c", "cd products/" SET " && sha256sum --strict -c MANIFEST",
                                NULL};

    return command_run(argv, NULL) == 0;
}

static int count_row(const struct fl_custody *row, void *arg)
{
    int *count = arg;

    (*count)++;
    assert_true(row->received[0]);
    assert_true(row->sent[0]);
    return 0;
}

static int rows(bool present)
{
    fl_auto(fl_ledger_close) struct fl_ledger *ledger = NULL;
    struct fl_err err = {0};
    int count = 0;

    assert_ok(fl_ledger_open(fl_world_real(), "products", false, &ledger, &err), err);
    assert_ok(fl_ledger_each(ledger, present ? FL_LEDGER_PRESENT : FL_LEDGER_ALL, SET, NULL,
                             count_row, &count, &err),
              err);
    return count;
}

static int manifest_lines(void)
{
    char *text = test_file_read("products/" SET "/MANIFEST", NULL);
    int lines = 0;

    for (const char *at = text; at && *at; at = strchr(at, '\n'), at += at != NULL)
        lines += *at != '#';
    free(text);
    return lines;
}

/* Post-processing delivers an hour a process; two of them at once must not lose a line. */
static void many_deliveries_at_once_make_one_true_manifest(void **state)
{
    const char *const verify[] = {PROGRAM, "verify", "products/" SET, NULL};
    pid_t pids[PROCESSES];

    (void)state;
    for (int i = 0; i < PROCESSES; i++) {
        char folder[32];

        (void)snprintf(folder, sizeof(folder), "data%d", i);
        make_data(folder, i, "first");
        pids[i] = deliver_start(folder, "surge/20181009T0000Z");
    }
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(command_end(pids[i]), 0);
    assert_true(sha256sum_agrees());
    assert_int_equal(manifest_lines(), 2 * PROCESSES);
    assert_int_equal(rows(true), 2 * PROCESSES);
    assert_int_equal(command_run(verify, NULL), 0);
    assert_true(test_folder_is_empty("products/" SET "/.incoming"));
    test_file_write("products/" SET "/map.f003", "damaged", 7);
    assert_int_equal(command_run(verify, NULL), 65);
}

/* A retry sends nothing twice; a correction takes the place of what it corrects; another run's
 * products are not touched. */
static void content_decides_what_is_sent(void **state)
{
    char *text;

    (void)state;
    make_data("data0", 0, "first");
    assert_int_equal(command_end(deliver_start("data0", "surge/20181009T0000Z")), 0);
    assert_int_equal(command_end(deliver_start("data0", "surge/20181009T0000Z")), 0);
    assert_int_equal(rows(false), 2);
    assert_int_equal(command_end(deliver_start("data0", "surge/20181009T0000Z#east2")), 0);
    assert_int_equal(rows(false), 2);
    make_data("data0", 0, "second");
    assert_int_equal(command_end(deliver_start("data0", "surge/20181009T0000Z#east2")), 78);
    assert_int_equal(command_end(deliver_start("data0", "surge/20181009T0000Z")), 0);
    assert_int_equal(rows(true), 2);
    assert_int_equal(rows(false), 4);
    assert_int_equal(manifest_lines(), 2);
    assert_true(sha256sum_agrees());
    text = test_file_read("products/" SET "/map.f000", NULL);
    assert_string_equal(text, "map.f000 second 0\n");
    free(text);
}

/* Deliveries that were killed must not fill the customer's disk with what nobody sees. */
static void leftovers_of_killed_deliveries_go_after_a_day(void **state)
{
    const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_dir_make(fl_world_real(), "products/" SET "/.incoming", 0755, &err), err);
    test_file_write("products/" SET "/.incoming/left.0", "half", 4);
    test_file_write("products/" SET "/.incoming/live.1", "half", 4);
    assert_int_equal(utimensat(AT_FDCWD, "products/" SET "/.incoming/left.0", old, 0), 0);
    make_data("data0", 0, "first");
    assert_int_equal(command_end(deliver_start("data0", "surge/20181009T0000Z")), 0);
    assert_false(test_file_exists("products/" SET "/.incoming/left.0"));
    assert_true(test_file_exists("products/" SET "/.incoming/live.1"));
}

/* An input that is not what was promised is not delivered, and nothing of it is seen. */
static void a_wrong_digest_is_not_delivered(void **state)
{
    (void)state;
    make_data("data0", 0, "first");
    test_file_write("data0/map.f000", "map.f000 First 0\n", 17);
    assert_int_equal(command_end(deliver_start("data0", "surge/20181009T0000Z")), 65);
    assert_false(test_file_exists("products/" SET "/map.f000"));
    assert_false(test_file_exists("products/" SET "/MANIFEST"));
    assert_true(test_folder_is_empty("products/" SET "/.incoming"));
}

/* Power goes at any moment: what the manifest lists is always there and true. */
static void a_kill_at_any_point_leaves_the_manifest_true(void **state)
{
    const struct fl_world *world = fl_world_real();

    (void)state;
    for (int i = 0; i < 24; i++) {
        struct fl_wait_item item;
        struct fl_err err = {0};
        pid_t pid;

        make_data("data0", 0, i % 2 ? "odd" : "even");
        pid = deliver_start("data0", "surge/20181009T0000Z");
        item = (struct fl_wait_item){.fd = world->ops->pidfd(pid, world->arg)};
        (void)fl_world_wait(world, &item, 1, i * INT64_C(1000000), &err); /* sooner or later */
        (void)close(item.fd);
        (void)kill(pid, SIGKILL);
        (void)command_end(pid);
        if (test_file_exists("products/" SET "/MANIFEST"))
            assert_true(sha256sum_agrees() || manifest_lines() == 0);
    }
    assert_int_equal(command_end(deliver_start("data0", "surge/20181009T0000Z")), 0);
    assert_true(sha256sum_agrees());
    assert_int_equal(manifest_lines(), 2);
}

static int whole_or_not(const char *file, const char *sha256, const char *wrong, void *arg)
{
    (void)arg;
    (void)sha256;
    if (wrong)
        fail_msg("'%s': %s", file, wrong);
    return 0;
}

/* Fails unless what the manifest lists is true. Gives the number of files. */
static size_t files_that_are_true(void)
{
    struct fl_manifest_result result;
    struct fl_err err = {0};

    assert_ok(fl_manifest_check(fl_world_real(), "products/" SET, false, NULL, whole_or_not, NULL,
                                &result, &err),
              err);
    return result.files;
}

static int deliver_here(const struct fl_world *world, bool whole)
{
    struct fl_delivery delivery = {.world = world,
                                   .set = SET,
                                   .dir = "products",
                                   .run = "surge/20181009T0000Z",
                                   .whole = whole};
    const struct fl_feed feed = {.world = world, .inputs = "data0/inputs.json"};
    struct fl_err err = {0};

    return fl_delivery_run(&delivery, &feed, &err);
}

/* Whichever call of the disk fails while a correction is delivered: what the manifest lists is
 * true, and the next try ends well. */
static void a_failing_disk_leaves_the_manifest_true(void **state)
{
    (void)state;
    for (int nth = 0; nth < 600; nth++) {
        struct fl_err err = {0};
        bool hit;
        int rc;

        make_data("data0", 0, "first");
        assert_int_equal(deliver_here(fl_world_real(), false), 0);
        make_data("data0", 0, "second");
        fault_arm(nth, EIO);
        rc = deliver_here(fault_world(), false);
        hit = fault_disarm();
        (void)files_that_are_true();
        assert_int_equal(deliver_here(fl_world_real(), false), 0);
        assert_int_equal(files_that_are_true(), 2);
        if (!hit) {
            assert_int_equal(rc, 0);
            assert_true(nth > 20);
            return;
        }
        assert_ok(fl_dir_remove(fl_world_real(), "products", &err), err);
    }
    fail_msg("never ran out of faults");
}

/* A reader who sees the set sees all of it, whichever call fails on the way; the next try finishes
 * what is there and leaves nothing hidden behind. */
static void a_whole_set_is_there_or_not(void **state)
{
    (void)state;
    for (int nth = 0; nth < 600; nth++) {
        struct fl_err err = {0};
        bool hit;

        make_data("data0", 0, "first");
        fault_arm(nth, nth % 2 ? EIO : ENOSPC);
        (void)deliver_here(fault_world(), true);
        hit = fault_disarm();
        if (test_file_exists("products/" SET))
            assert_int_equal(files_that_are_true(), 2);
        assert_int_equal(deliver_here(fl_world_real(), true), 0);
        assert_int_equal(files_that_are_true(), 2);
        assert_int_equal(rows(true), 2);
        assert_int_equal(rows(false), 2);
        assert_true(test_folder_is_empty("products/surge/" FL_ARRIVING));
        assert_ok(fl_dir_remove(fl_world_real(), "products", &err), err);
        if (!hit)
            return;
    }
    fail_msg("never ran out of faults");
}

/* A rerun's products that are the same as the official ones are not sent over the lines again. */
static void the_same_content_of_another_set_is_copied_here(void **state)
{
    struct fl_delivery delivery = {.world = fl_world_real(),
                                   .set = "surge/20181009T0000Z#east2",
                                   .dir = "products",
                                   .run = "surge/20181009T0000Z#east2"};
    const struct fl_feed feed = {.world = fl_world_real(), .inputs = "far.json"};
    char inputs[1000];
    char hex[FL_DIGEST_HEX];
    struct fl_err err = {0};

    (void)state;
    make_data("data0", 0, "first");
    assert_int_equal(deliver_here(fl_world_real(), true), 0);
    fl_digest_memory("map.f000 first 0\n", 17, hex);
    (void)snprintf(inputs, sizeof(inputs), /* a door that nobody opens */
                   "{\"version\":1,\"inputs\":[{\"input\":\"a\",\"file\":\"m.f000\",\"url\":"
                   "\"http://127.0.0.1:1/m\",\"size\":17,\"sha256\":\"%s\"}]}",
                   hex);
    test_file_write("far.json", inputs, strlen(inputs));
    assert_ok(fl_delivery_run(&delivery, &feed, &err), err);
    assert_int_equal(delivery.reused, 1);
    assert_true(test_file_exists("products/surge/20181009T0000Z#east2/m.f000"));
}

/* A signature is that of the site; a line changed by whoever can write there is found out. */
static void a_manifest_is_signed_by_its_site(void **state)
{
    fl_auto(fl_signer_release) struct fl_signer signer = {.key = NULL};
    fl_auto(fl_signer_release) struct fl_signer key = {.key = NULL};
    struct fl_delivery delivery = {.world = fl_world_real(),
                                   .set = SET,
                                   .dir = "products",
                                   .run = "r",
                                   .whole = true,
                                   .signer = &signer};
    const struct fl_feed feed = {.world = fl_world_real(), .inputs = "data0/inputs.json"};
    struct fl_manifest_result result;
    struct fl_err err = {0};
    char *text;

    (void)state;
    make_data("data0", 0, "first");
    assert_ok(fl_dir_make(fl_world_real(), "keys", 0755, &err), err);
    assert_ok(fl_signer_open(fl_world_real(), "keys", "local", &signer, &err), err);
    assert_ok(fl_delivery_run(&delivery, &feed, &err), err);
    assert_true(sha256sum_agrees());
    assert_ok(fl_signer_public(fl_world_real(), "keys/" FL_MANIFEST_PUB, &key, &err), err);
    assert_ok(fl_manifest_check(fl_world_real(), "products/" SET, false, &key, whole_or_not, NULL,
                                &result, &err),
              err);
    assert_int_equal(result.signature, FL_SIGNATURE_GOOD);
    assert_string_equal(result.site, "local");
    assert_false(result.json_differs);
    text = test_file_read("products/" SET "/MANIFEST", NULL);
    *strchr(text, ':') = ';'; /* in the comment: sha256sum would not mind */
    test_file_write("products/" SET "/MANIFEST", text, strlen(text));
    free(text);
    assert_ok(fl_manifest_check(fl_world_real(), "products/" SET, false, &key, whole_or_not, NULL,
                                &result, &err),
              err);
    assert_int_equal(result.signature, FL_SIGNATURE_BAD);
    assert_int_equal(chmod("keys/" FL_MANIFEST_KEY, 0644), 0);
    fl_signer_release(&signer);
    assert_fails_with(fl_signer_open(fl_world_real(), "keys", "local", &signer, &err), FL_E_PERM,
                      err, "0600");
}

static int deliver_on(const struct fl_world *world, bool whole, struct fl_delivery *ret)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = NULL;
    struct fl_delivery delivery = {
        .world = world, .set = SET, .dir = "here", .run = "surge/20181009T0000Z", .whole = whole};
    const struct fl_feed feed = {.world = world, .inputs = "data0/inputs.json"};
    struct fl_err err = {0};
    int rc;

    assert_ok(fl_dir_make(fl_world_real(), "products", 0755, &err), err);
    assert_ok(fl_destination_open_folder(world, "products", &dest, &err), err);
    delivery.dest = dest;
    rc = fl_delivery_run(&delivery, &feed, &err);
    *ret = delivery;
    return rc;
}

/* Through this site to an archive: the set is there whole, nothing is kept on the way, whichever
 * call of a disk fails; what the ledger has as present is there. */
static void a_set_goes_on_to_another_destination(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        for (int nth = 0; nth < 900; nth += 1 + nth / 40) {
            fl_auto(fl_ledger_close) struct fl_ledger *ledger = NULL;
            struct fl_delivery delivery;
            struct fl_err err = {0};
            int count = 0;
            bool hit;

            make_data("data0", 0, "first");
            fault_arm(nth, EIO);
            (void)deliver_on(fault_world(), whole, &delivery);
            hit = fault_disarm();
            if (test_file_exists("products/" SET "/MANIFEST"))
                assert_int_equal(files_that_are_true(), 2);
            assert_int_equal(deliver_on(fl_world_real(), whole, &delivery), 0);
            assert_int_equal(files_that_are_true(), 2);
            assert_int_equal(deliver_on(fl_world_real(), whole, &delivery), 0);
            assert_int_equal(delivery.sent, 0);
            assert_ok(fl_ledger_open(fl_world_real(), "here", false, &ledger, &err), err);
            assert_ok(fl_ledger_each(ledger, FL_LEDGER_PRESENT, SET, NULL, count_row, &count, &err),
                      err);
            assert_int_equal(count, 2);
            assert_true(test_folder_is_empty("here/surge/" FL_ARRIVING));
            assert_ok(fl_dir_remove(fl_world_real(), "products", &err), err);
            assert_ok(fl_dir_remove(fl_world_real(), "here", &err), err);
            if (!hit)
                break;
        }
    }
}

static bool has_text(const char *path, const char *text)
{
    char *found = test_file_read(path, NULL);
    bool has = strstr(found, text) != NULL;

    free(found);
    return has;
}

/* A map with a wrong sign is recalled: readers find a notice and not the file; it does not come
 * back by itself, a corrected one does. */
static void a_withdrawn_product_is_gone_and_stays_away(void **state)
{
    const char *const withdraw[] = {
        PROGRAM,    "withdraw", "products", "--set", SET, "--why", "the sign of v is wrong",
        "map.f000", NULL};
    const char *const again[] = {PROGRAM, "withdraw",  "products", "--set", SET,
                                 "--why", "once more", "map.f000", NULL};

    (void)state;
    make_data("data0", 0, "first");
    assert_int_equal(deliver_here(fl_world_real(), true), 0);
    assert_int_equal(command_run(withdraw, NULL), 0);
    assert_false(test_file_exists("products/" SET "/map.f000"));
    assert_true(test_file_exists("products/" SET "/product.f000"));
    assert_int_equal(files_that_are_true(), 1);
    assert_true(sha256sum_agrees());
    assert_true(has_text("products/" SET "/WITHDRAWN.txt", "the sign of v is wrong"));
    assert_false(test_folder_is_empty("products/" SET "/.withdrawn"));
    assert_int_equal(command_run(again, NULL), 78);
    assert_int_equal(deliver_here(fl_world_real(), false), FL_E_REFUSED);
    make_data("data0", 0, "second");
    assert_int_equal(deliver_here(fl_world_real(), false), 0);
    assert_int_equal(files_that_are_true(), 2);
}

/* A disk is cleared by rule: what is old enough goes, and a look before says what that is. */
static void products_go_when_they_were_kept_long_enough(void **state)
{
    const char *const dry[] = {PROGRAM,      "retain", "products",  "--keep", "PT0S",
                               "--products", "map.*",  "--dry-run", NULL};
    const char *const young[] = {PROGRAM, "retain", "products", "--keep", "P30D", NULL};
    const char *const maps[] = {PROGRAM, "retain",     "products", "--keep",
                                "PT0S",  "--products", "map.*",    NULL};
    const char *const all[] = {PROGRAM, "retain", "products", "--keep", "PT0S", NULL};
    const char *const none[] = {PROGRAM, "retain", "products", NULL};

    (void)state;
    make_data("data0", 0, "first");
    assert_int_equal(deliver_here(fl_world_real(), true), 0);
    assert_int_equal(command_run(none, NULL), 78); /* without a rule nothing goes */
    assert_int_equal(command_run(dry, NULL), 0);
    assert_int_equal(command_run(young, NULL), 0);
    assert_int_equal(files_that_are_true(), 2);
    assert_int_equal(command_run(maps, NULL), 0);
    assert_int_equal(files_that_are_true(), 1);
    assert_false(test_file_exists("products/" SET "/map.f000"));
    assert_int_equal(command_run(all, NULL), 0);
    assert_false(test_file_exists("products/" SET));
    assert_int_equal(rows(false), 2); /* the ledger forgets nothing */
}

/* A file that was lost at the destination is sent again, and nothing else. */
static void what_is_missing_is_sent_again(void **state)
{
    const char *const resend[] = {PROGRAM, "resend", "--missing", "products", "--set", SET, NULL};
    struct stat before;
    struct stat after;

    (void)state;
    make_data("data0", 0, "first");
    assert_int_equal(deliver_here(fl_world_real(), true), 0);
    assert_int_equal(stat("products/" SET "/map.f000", &before), 0);
    test_file_write("products/" SET "/product.f000", "damaged", 7);
    assert_int_equal(command_run(resend, NULL), 0);
    assert_int_equal(files_that_are_true(), 2);
    assert_int_equal(stat("products/" SET "/map.f000", &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(unlink("products/" SET "/product.f000"), 0);
    assert_int_equal(unlink("data0/product.f000"), 0);
    assert_int_not_equal(command_run(resend, NULL), 0); /* and its source has it no more */
}

/* Staging brings the same bytes to another site and says what it brought. */
static void inputs_come_through_a_door_whole(void **state)
{
    const char *const serve[] = {PROGRAM,   "serve",       "--root",      "site",
                                 "--plain", "--no-grants", "--until-eof", NULL};
    const char *const stage[] = {PROGRAM, "stage",  "--inputs", "inputs.json",
                                 "--to",  "staged", NULL};
    struct fl_err err = {0};
    struct server door;
    char hex[FL_DIGEST_HEX];
    char inputs[1000];
    char *text;

    (void)state;
    assert_ok(fl_dir_make(fl_world_real(), "site/work/w/c#v/s/1/out", 0755, &err), err);
    test_file_write("site/work/w/c#v/s/1/out/a.nc", "whole", 5);
    fl_digest_memory("whole", 5, hex);
    server_start(&door, serve);
    for (int wrong = 1; wrong >= 0; wrong--) {
        (void)snprintf(inputs, sizeof(inputs),
                       "{\"version\":1,\"inputs\":[{\"input\":\"a\",\"output\":\"o\",\"file\":"
                       "\"a.nc\",\"url\":\"%s/work/w/c#v/s/1/out/a.nc\",\"size\":%d,\"sha256\":"
                       "\"%s\"}]}",
                       door.url, 5 - wrong, hex);
        test_file_write("inputs.json", inputs, strlen(inputs));
        assert_int_equal(command_run(stage, NULL), wrong ? 65 : 0);
        assert_int_equal(test_file_exists("staged/a.nc"), !wrong);
    }
    server_stop(&door);
    text = test_file_read("staged/a.nc", NULL);
    assert_string_equal(text, "whole");
    free(text);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(many_deliveries_at_once_make_one_true_manifest),
        IN_FOLDER(content_decides_what_is_sent),
        IN_FOLDER(leftovers_of_killed_deliveries_go_after_a_day),
        IN_FOLDER(a_wrong_digest_is_not_delivered),
        IN_FOLDER(a_kill_at_any_point_leaves_the_manifest_true),
        IN_FOLDER(a_failing_disk_leaves_the_manifest_true),
        IN_FOLDER(a_whole_set_is_there_or_not),
        IN_FOLDER(the_same_content_of_another_set_is_copied_here),
        IN_FOLDER(a_manifest_is_signed_by_its_site),
        IN_FOLDER(a_set_goes_on_to_another_destination),
        IN_FOLDER(a_withdrawn_product_is_gone_and_stays_away),
        IN_FOLDER(products_go_when_they_were_kept_long_enough),
        IN_FOLDER(what_is_missing_is_sent_again),
        IN_FOLDER(inputs_come_through_a_door_whole),
    };

    return cmocka_run_group_tests_name("deliver", tests, NULL, NULL);
}
