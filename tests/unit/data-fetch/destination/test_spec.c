/* Destinations as people write them, and their secrets. */
#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data-fetch/destination/by_hand.h"
#include "data-fetch/destination/secret.h"
#include "data-fetch/destination/spec.h"
#include "data-fetch/lines/site.h"
#include "engine/world/world.h"
#include "tests/lib/test.h"

#include <stdio.h>

static int read_one(const char *text, struct fl_destination_spec *spec, struct fl_err *err)
{
    char file[2048];
    struct fl_site *site = NULL;
    int rc;

    (void)snprintf(
        file, sizeof(file),
        "site: { name = \"local\"; secrets = \"secrets\"; destinations = { far = { %s }; "
        "}; };",
        text);
    rc = fl_site_parse(file, "site.cfg", &site, err);
    assert_ok(rc, *err);
    rc = fl_destination_spec_read(site, "far", spec, err);
    fl_site_destroy(site);
    return rc;
}

#define SFTP "kind = \"sftp\"; url = \"sftp://h:22/p\"; user = \"u\"; "
#define S3 "kind = \"s3\"; url = \"https://h\"; bucket = \"b\"; access_key = \"k\"; "

/* What is written is what is done. */
static void each_kind_is_read(void **state)
{
    struct fl_destination_spec spec;
    struct fl_err err = {0};

    (void)state;
    assert_ok(read_one("kind = \"directory\"; path = \"out\"; inflight = 3;", &spec, &err), err);
    assert_string_equal(spec.path, "out");
    assert_int_equal(spec.inflight, 3);
    assert_ok(read_one(SFTP "key = \"secret:k\"; host_key = \"SHA256:abc\"; proof = \"size\"; "
                            "cap = \"8Mbit\";",
                       &spec, &err),
              err);
    assert_true(spec.trust_size);
    assert_int_equal(spec.cap_bytes_s, 1000000);
    assert_ok(read_one(S3 "secret_key = \"secret:s\"; part = \"8MiB\"; bucket_in_host = true;",
                       &spec, &err),
              err);
    assert_string_equal(spec.region, "us-east-1");
    assert_int_equal(spec.part_bytes, 8 << 20);
    assert_ok(
        read_one("kind = \"webdav\"; url = \"http://127.0.0.1:80/d\"; pieces = true;", &spec, &err),
        err);
    assert_true(spec.pieces);
}

/* A person who wrote it wrong reads where, what, and what would be right. */
static void what_is_wrong_is_said_with_its_place(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } wrong[] = {
        {"", "kind"},
        {"kind = \"ftp\";", "sftp"},
        {"kind = \"directory\";", "path"},
        {"kind = \"directory\"; path = \"x\"; url = \"u\";", "unknown key 'url'"},
        {"kind = \"directory\"; path = \"x\"; inflight = 17;", "16"},
        {SFTP, "'key' and 'password'"},
        {SFTP "key = \"secret:a\"; password = \"secret:b\"; host_key = \"SHA256:x\";",
         "'key' and 'password'"},
        {SFTP "key = \"secret:a\";", "host_key"},
        {SFTP "key = \"secret:a\"; host_key = \"MD5:x\";", "SHA256:"},
        {SFTP "key = \"/root/.ssh/id\"; host_key = \"SHA256:x\";", "in clear"},
        {SFTP "key = \"secret:../id\"; host_key = \"SHA256:x\";", "in clear"},
        {"kind = \"sftp\"; url = \"http://h/p\"; user = \"u\";", "sftp://"},
        {"kind = \"sftp\"; url = \"sftp://h/~/p\"; user = \"u\";", "absolute"},
        {"kind = \"webdav\"; url = \"https://u:hunter2@h/p\";", "keys of their own"},
        {"kind = \"webdav\"; url = \"http://far/p\";", "plain = true"},
        {"kind = \"webdav\"; url = \"https://h/p\"; user = \"u\"; password = \"hunter2\";",
         "in clear"},
        {"kind = \"webdav\"; url = \"https://h/p\"; user = \"u\"; password = \"secret:a\"; token = "
         "\"secret:b\";",
         "both"},
        {S3 "secret_key = \"hunter2\";", "in clear"},
        {S3 "secret_key = \"secret:s\"; part = \"1MiB\";", "5MiB"},
    };
    struct fl_destination_spec spec;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(wrong); i++) {
        struct fl_err err = {0};

        assert_fails_with(read_one(wrong[i].text, &spec, &err), FL_E_CONFIG, err, wrong[i].words);
        assert_non_null(strstr(err.text, "site.cfg:1"));
        assert_null(strstr(err.text, "hunter2"));
    }
}

/* Without the site file, or with another name, one reads what there is. */
static void a_name_that_is_not_there_lists_those_that_are(void **state)
{
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    struct fl_destination *dest = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_ok(
        fl_site_parse("site: { name = \"l\"; destinations = { one = { kind = \"site\"; site = "
                      "\"hpc\"; }; two = {}; }; };",
                      "site.cfg", &site, &err),
        err);
    assert_fails_with(fl_destination_named(fl_world_real(), site, "three", &dest, &err), FL_E_NOENT,
                      err, "one, two");
    assert_fails_with(fl_destination_named(fl_world_real(), NULL, "one", &dest, &err), FL_E_NOENT,
                      err, "--site");
    assert_fails_with(fl_destination_named(fl_world_real(), site, "one", &dest, &err),
                      FL_E_UNSUPPORTED, err, "pull");
}

/* A secret that others can read is none, and none is ever shown. */
static void secrets_are_read_from_files_that_nobody_else_reads(void **state)
{
    const struct fl_world *world = fl_world_real();
    char out[64];
    struct fl_err err = {0};

    (void)state;
    assert_int_equal(mkdir("secrets", 0700), 0);
    test_file_write("secrets/good", "hunter2\n", 8);
    test_file_write("secrets/empty", "\n", 1);
    test_file_write("secrets/lines", "hunter2\nmore\n", 13);
    test_file_write("secrets/long",
                    "hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2hunter2", 70);
    assert_int_equal(symlink("good", "secrets/link"), 0);
    assert_int_equal(chmod("secrets/good", 0644), 0);
    assert_fails_with(fl_secret_read(world, "secrets", "secret:good", out, sizeof(out), &err),
                      FL_E_PERM, err, "0600");
    assert_int_equal(chmod("secrets/good", 0600), 0);
    assert_int_equal(chmod("secrets/empty", 0600), 0);
    assert_int_equal(chmod("secrets/lines", 0600), 0);
    assert_int_equal(chmod("secrets/long", 0600), 0);
    assert_ok(fl_secret_read(world, "secrets", "secret:good", out, sizeof(out), &err), err);
    assert_string_equal(out, "hunter2");
    fl_secret_wipe(out, sizeof(out));
    assert_int_equal(out[0], 0);
    assert_fails_with(fl_secret_read(world, "secrets", "secret:link", out, sizeof(out), &err),
                      FL_E_PERM, err, "regular");
    assert_fails_with(fl_secret_read(world, "secrets", "secret:empty", out, sizeof(out), &err),
                      FL_E_CONFIG, err, "empty");
    assert_fails_with(fl_secret_read(world, "secrets", "secret:lines", out, sizeof(out), &err),
                      FL_E_CONFIG, err, "one line");
    assert_null(strstr(err.text, "hunter2"));
    assert_fails_with(fl_secret_read(world, "secrets", "secret:long", out, sizeof(out), &err),
                      FL_E_TOO_BIG, err, "longer");
    assert_int_equal(out[0], 0);
    assert_fails_with(fl_secret_read(world, "secrets", "secret:none", out, sizeof(out), &err),
                      FL_E_NOENT, err, "none");
    assert_fails_with(fl_secret_read(world, "secrets", "hunter2", out, sizeof(out), &err),
                      FL_E_CONFIG, err, "in clear");
    assert_null(strstr(err.text, "hunter2"));
    assert_fails_with(fl_secret_read(world, "", "secret:good", out, sizeof(out), &err), FL_E_CONFIG,
                      err, "names no folder");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_kind_is_read),
        TEST(what_is_wrong_is_said_with_its_place),
        TEST(a_name_that_is_not_there_lists_those_that_are),
        TEST(secrets_are_read_from_files_that_nobody_else_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
