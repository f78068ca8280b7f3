/* The keys of sites: who can read them, whom they name, and what is signed with them. */
#include "config.h"

#include "engine/bus/sites.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/sign.h"
#include "engine/world/certificate.h"
#include "engine/world/file.h"
#include "tests/lib/test.h"

static void setup(const char *dir)
{
    struct fl_err err = {0};

    assert_ok(fl_sites_setup(fl_world_real(), dir, &err), err);
}

static struct fl_sign_key *public_key(const char *path)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_sign_key *key = NULL;
    struct fl_err err = {0};

    fl_buf_init(&text, 0);
    assert_ok(fl_file_read(fl_world_real(), path, 4096, &text, &err), err);
    assert_ok(fl_sign_key_read(text.data, text.size, false, &key, &err), err);
    return key;
}

/* A secret that others can read is a site that others can be. */
static void secrets_are_private_from_their_first_moment(void **state)
{
    static const char *const names[] = {"keys/ca.key", "keys/grant.key", "keys/hpc.key"};
    struct fl_sign_key *key = NULL;
    struct fl_err err = {0};
    struct stat info;

    (void)state;
    setup("keys");
    assert_ok(fl_sites_make(fl_world_real(), "keys", "hpc", &err), err);
    for (size_t i = 0; i < FL_COUNT(names); i++) {
        assert_int_equal(stat(names[i], &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
    assert_int_equal(chmod("keys/grant.key", 0640), 0);
    assert_fails_with(fl_sites_load_grant(fl_world_real(), "keys", &key, &err), FL_E_PERM, err,
                      "mode 0640");
    assert_int_equal(chmod("keys/ca.key", 0604), 0);
    assert_fails_with(fl_sites_make(fl_world_real(), "keys", "other", &err), FL_E_PERM, err,
                      "ca.key");
}

/* The name in the certificate is whom the other end takes a site for. */
static void certificate_names_its_site_and_its_end(void **state)
{
    char name[FL_CERTIFICATE_NAME_MAX + 1];
    struct fl_err err = {0};
    int64_t until_s = 0;
    int64_t now_s = fl_world_utc_ns(fl_world_real()) / 1000000000;

    (void)state;
    setup("keys");
    assert_false(fl_sites_have(fl_world_real(), "keys", "hpc.north-1"));
    assert_ok(fl_sites_make(fl_world_real(), "keys", "hpc.north-1", &err), err);
    assert_true(fl_sites_have(fl_world_real(), "keys", "hpc.north-1"));
    assert_ok(
        fl_sites_read(fl_world_real(), "keys/hpc.north-1.pem", name, sizeof(name), &until_s, &err),
        err);
    assert_string_equal(name, "hpc.north-1");
    assert_true(until_s > now_s + (FL_CERTIFICATE_SITE_DAYS - 1) * INT64_C(86400));
    assert_fails_with(
        fl_sites_read(fl_world_real(), "keys/ca.pem", name, sizeof(name), &until_s, &err),
        FL_E_PARSE, err, "does not name one site");
}

/* Making keys again must not lock out the sites that have copies of the first. */
static void what_is_there_is_kept(void **state)
{
    char first[FL_DIGEST_HEX];
    char second[FL_DIGEST_HEX];
    struct fl_err err = {0};

    (void)state;
    setup("keys");
    assert_ok(fl_file_digest(fl_world_real(), "keys/ca.pem", first, NULL, &err), err);
    setup("keys");
    assert_ok(fl_file_digest(fl_world_real(), "keys/ca.pem", second, NULL, &err), err);
    assert_string_equal(first, second);
    assert_ok(fl_sites_make(fl_world_real(), "keys", "hpc", &err), err);
    assert_fails_with(fl_sites_make(fl_world_real(), "keys", "hpc", &err), FL_E_EXISTS, err,
                      "hpc.key");
}

/* A name that hides another key, leaves the folder or fits no certificate is refused, and said. */
static void name_that_no_site_can_have_is_refused(void **state)
{
    static const char *const names[] = {"worker", "ca", "", "a/b", "..", ".a", "a b", "-a", "a."};
    struct fl_err err = {0};

    (void)state;
    setup("keys");
    for (size_t i = 0; i < FL_COUNT(names); i++)
        assert_fails_with(fl_sites_make(fl_world_real(), "keys", names[i], &err), FL_E_USAGE, err,
                          "accepted");
    assert_fails_with(fl_sites_make(fl_world_real(), "empty", "hpc", &err), FL_E_NOENT, err,
                      "fairlead keys setup");
}

/* A grant that was changed on its way, or made by another, opens no door; and one that is made
 * again is the same. */
static void signature_holds_for_its_text_and_key_alone(void **state)
{
    fl_auto(fl_sign_key_destroy) struct fl_sign_key *secret = NULL;
    fl_auto(fl_sign_key_destroy) struct fl_sign_key *public = NULL;
    fl_auto(fl_sign_key_destroy) struct fl_sign_key *other = NULL;
    char first[FL_SIGNATURE_TEXT];
    char second[FL_SIGNATURE_TEXT];
    struct fl_err err = {0};

    (void)state;
    setup("keys");
    setup("others");
    assert_ok(fl_sites_load_grant(fl_world_real(), "keys", &secret, &err), err);
    public = public_key("keys/grant.pub");
    other = public_key("others/grant.pub");
    assert_ok(fl_sign(secret, "a text", 6, first, &err), err);
    assert_ok(fl_sign(secret, "a text", 6, second, &err), err);
    assert_string_equal(first, second);
    assert_int_equal(strlen(first), FL_SIGNATURE_TEXT - 1);
    assert_true(fl_sign_verify(public, "a text", 6, first));
    assert_false(fl_sign_verify(public, "a texT", 6, first));
    assert_false(fl_sign_verify(public, "a tex", 5, first));
    assert_false(fl_sign_verify(other, "a text", 6, first));
    first[10] = first[10] == 'A' ? 'B' : 'A';
    assert_false(fl_sign_verify(public, "a text", 6, first));
    assert_false(fl_sign_verify(public, "a text", 6, ""));
    assert_false(fl_sign_verify(public, "a text", 6, "not base64"));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(secrets_are_private_from_their_first_moment),
        IN_FOLDER(certificate_names_its_site_and_its_end),
        IN_FOLDER(what_is_there_is_kept),
        IN_FOLDER(name_that_no_site_can_have_is_refused),
        IN_FOLDER(signature_holds_for_its_text_and_key_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
