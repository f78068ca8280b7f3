/* Key files: who can read them, and that CZMQ's tools agree with us. */
#include "config.h"

#include "engine/bus/keys.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>
#include <czmq.h>

#include "engine/world/file.h"
#include "tests/lib/test.h"

/* A secret that others can read is a worker that others can be. */
static void secret_is_made_private_and_refused_when_it_is_not(void **state)
{
    struct fl_keys keys = {0};
    struct fl_err err = {0};
    struct stat info;

    (void)state;
    assert_ok(fl_keys_make(fl_world_real(), "keys", "worker", &err), err);
    assert_int_equal(stat("keys/worker.key", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(stat("keys", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_ok(fl_keys_load(fl_world_real(), "keys", "worker", &keys, &err), err);
    assert_int_equal(strlen(keys.secret_key), 40);

    assert_int_equal(chmod("keys/worker.key", 0640), 0);
    assert_fails_with(fl_keys_load(fl_world_real(), "keys", "worker", &keys, &err), FL_E_PERM, err,
                      "mode 0640");
    assert_int_equal(chmod("keys/worker.key", 0604), 0);
    assert_fails_with(fl_keys_load(fl_world_real(), "keys", "worker", &keys, &err), FL_E_PERM, err,
                      "worker.key");
}

/* Making keys twice must not lock out a worker that runs with the first. */
static void existing_key_is_kept(void **state)
{
    struct fl_keys first = {0};
    struct fl_keys second = {0};
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_keys_setup(fl_world_real(), "keys", "local", &err), err);
    assert_ok(fl_keys_load(fl_world_real(), "keys", "worker", &first, &err), err);
    assert_fails_with(fl_keys_make(fl_world_real(), "keys", "worker", &err), FL_E_EXISTS, err,
                      "worker.key");
    assert_ok(fl_keys_setup(fl_world_real(), "keys", "local", &err), err);
    assert_ok(fl_keys_load(fl_world_real(), "keys", "worker", &second, &err), err);
    assert_string_equal(first.public_key, second.public_key);
}

/* A key file that was cut or mixed up is named, with what it should hold. */
static void broken_key_file_is_named(void **state)
{
    struct fl_keys keys = {0};
    struct fl_err err = {0};
    char text[] = "curve\n    public-key = \"short\"\n";

    (void)state;
    assert_int_equal(mkdir("keys", 0700), 0);
    assert_fails_with(fl_keys_load(fl_world_real(), "keys", "worker", &keys, &err), FL_E_NOENT, err,
                      "keys/worker.key");
    test_file_write("keys/worker.key", text, strlen(text));
    assert_int_equal(chmod("keys/worker.key", 0600), 0);
    assert_fails_with(fl_keys_load(fl_world_real(), "keys", "worker", &keys, &err), FL_E_PARSE, err,
                      "secret-key");
}

/* Sites that keep keys with CZMQ's own tools use ours beside them. */
static void czmq_reads_our_certificates_and_we_read_its(void **state)
{
    struct fl_keys keys = {0};
    struct fl_err err = {0};
    char public_key[FL_KEY_TEXT] = "";
    zcert_t *cert;

    (void)state;
    assert_ok(fl_keys_make(fl_world_real(), "keys", "worker", &err), err);
    assert_ok(fl_keys_load(fl_world_real(), "keys", "worker", &keys, &err), err);
    cert = zcert_load("keys/worker.key");
    assert_non_null(cert);
    assert_string_equal(zcert_public_txt(cert), keys.public_key);
    assert_string_equal(zcert_secret_txt(cert), keys.secret_key);
    zcert_destroy(&cert);
    cert = zcert_load("keys/worker.pub");
    assert_non_null(cert);
    assert_string_equal(zcert_public_txt(cert), keys.public_key);
    zcert_destroy(&cert);

    cert = zcert_new();
    assert_int_equal(zcert_save_public(cert, "keys/theirs.pub"), 0);
    assert_ok(fl_keys_load_public(fl_world_real(), "keys/theirs.pub", public_key, &err), err);
    assert_string_equal(public_key, zcert_public_txt(cert));
    zcert_destroy(&cert);
}

/* The name on the list is the name a worker has; a name with a slash would leave the folder. */
static void list_tells_who_a_key_is(void **state)
{
    struct fl_keys_allowed *allowed = NULL;
    struct fl_keys keys = {0};
    struct fl_err err = {0};
    char user[FL_TRANSPORT_USER_MAX] = "";

    (void)state;
    assert_ok(fl_keys_make(fl_world_real(), "keys", "node7", &err), err);
    assert_ok(fl_keys_load(fl_world_real(), "keys", "node7", &keys, &err), err);
    assert_ok(fl_keys_allowed_create(fl_world_real(), "keys", &allowed, &err), err);
    assert_int_equal(fl_keys_allowed_check(keys.public_key, user, allowed), FL_E_REFUSED);
    assert_ok(fl_keys_allow(fl_world_real(), "keys", FL_BUS_WORKER, "node7", keys.public_key, &err),
              err);
    assert_int_equal(fl_keys_allowed_check(keys.public_key, user, allowed), 0);
    assert_string_equal(user, "worker/node7");
    assert_ok(fl_file_remove(fl_world_real(), "keys/allowed/workers/node7.pub", &err), err);
    assert_int_equal(fl_keys_allowed_check(keys.public_key, user, allowed), FL_E_REFUSED);
    assert_int_equal(
        fl_keys_allow(fl_world_real(), "keys", FL_BUS_WORKER, "../x", keys.public_key, &err),
        FL_E_USAGE);
    fl_keys_allowed_destroy(allowed);
}

/* Two commands started at once on a new state each wrote half of the coordinator's pair: nobody
 * could reach it from then on. */
static void starts_at_once_agree_on_the_keys(void **state)
{
    struct fl_keys keys = {0};
    struct fl_err err = {0};
    char public_key[FL_KEY_TEXT];
    pid_t child[6];
    int status;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(child); i++) {
        child[i] = fork();
        if (child[i] == 0)
            _exit(fl_keys_setup(fl_world_real(), "keys", "w1", &err) == 0 ? 0 : 1);
    }
    for (size_t i = 0; i < FL_COUNT(child); i++) {
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_int_equal(status, 0);
    }
    assert_ok(fl_keys_load(fl_world_real(), "keys", "coordinator", &keys, &err), err);
    assert_ok(fl_keys_load_public(fl_world_real(), "keys/coordinator.pub", public_key, &err), err);
    assert_string_equal(public_key, keys.public_key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(secret_is_made_private_and_refused_when_it_is_not,
                                        test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(existing_key_is_kept, test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(broken_key_file_is_named, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test_setup_teardown(czmq_reads_our_certificates_and_we_read_its,
                                        test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(starts_at_once_agree_on_the_keys, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test_setup_teardown(list_tells_who_a_key_is, test_folder_enter,
                                        test_folder_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
