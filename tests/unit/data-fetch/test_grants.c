/* Grants: what a door holds of them, and the way from a reader to it over TLS. */
#include "config.h"

#include "data-fetch/door/grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data-fetch/http/http.h"
#include "engine/base/json.h"
#include "engine/base/sign.h"
#include "engine/bus/sites.h"
#include "engine/world/certificate.h"
#include "engine/world/file.h"
#include "tests/lib/test.h"
#include "tests/unit/data-fetch/server.h"

#define OUT "work/w/20181009T0000Z#east2/prep.f003/1/out"
#define NOW 1000000

struct pair {
    struct fl_sign_key *secret;
    struct fl_sign_key *public;
};

static struct pair load_pair(const char *dir)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    struct pair pair = {0};
    struct fl_err err = {0};
    char path[200];

    (void)snprintf(path, sizeof(path), "%s/grant.pub", dir);
    fl_buf_init(&text, 0);
    assert_ok(fl_sites_setup(fl_world_real(), dir, &err), err);
    assert_ok(fl_sites_load_grant(fl_world_real(), dir, &pair.secret, &err), err);
    assert_ok(fl_file_read(fl_world_real(), path, 4096, &text, &err), err);
    assert_ok(fl_sign_key_read(text.data, text.size, false, &pair.public, &err), err);
    return pair;
}

static void drop_pair(struct pair *pair)
{
    fl_sign_key_destroy(pair->secret);
    fl_sign_key_destroy(pair->public);
}

/* A grant as inputs.json has it; free with json_decref. */
static json_t *make_grant(const struct pair *pair, const char *site, const char *to,
                          int64_t expires_s, json_t *files)
{
    json_t *doc = json_pack("{s:i,s:s,s:s,s:I,s:o}", "v", 1, "site", site, "to", to, "expires",
                            (json_int_t)expires_s, "files", files);
    char *text = fl_json_text(doc);
    char signature[FL_SIGNATURE_TEXT];
    struct fl_err err = {0};
    json_t *grant;

    assert_non_null(text);
    assert_ok(fl_sign(pair->secret, text, strlen(text), signature, &err), err);
    grant = json_pack("{s:s,s:s,s:s}", "site", site, "text", text, "signature", signature);
    assert_non_null(grant);
    free(text);
    json_decref(doc);
    return grant;
}

static int add(struct fl_grants *grants, json_t *grant, const char *peer, int64_t now_s,
               struct fl_err *reterr)
{
    char *text = fl_json_text(grant);
    int rc;

    assert_non_null(text);
    rc = fl_grants_add(grants, text, strlen(text), peer, now_s, reterr);
    free(text);
    json_decref(grant);
    return rc;
}

static json_t *files_of(const char *one, const char *other)
{
    return other ? json_pack("[s,s]", one, other) : json_pack("[s]", one);
}

/* A file that nobody granted, or granted to another, or too long ago, is another site's secret. */
static void only_what_a_grant_to_the_reader_names_is_open(void **state)
{
    fl_auto(fl_grants_destroy) struct fl_grants *grants = NULL;
    struct pair pair = load_pair("keys");
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_grants_create(pair.public, "hpc", &grants, &err), err);
    assert_false(fl_grants_allow(grants, "local", "work/a/1/out/x", NOW));
    assert_ok(add(grants,
                  make_grant(&pair, "hpc", "local", NOW + 100,
                             files_of("work/b/1/out/y", "work/a/1/out/x")),
                  "local", NOW, &err),
              err);
    assert_true(fl_grants_allow(grants, "local", "work/a/1/out/x", NOW));
    assert_true(fl_grants_allow(grants, "local", "work/b/1/out/y", NOW + 99));
    assert_false(fl_grants_allow(grants, "local", "work/a/1/out/", NOW));
    assert_false(fl_grants_allow(grants, "local", "work/a/1/out/x2", NOW));
    assert_false(fl_grants_allow(grants, "other", "work/a/1/out/x", NOW));
    assert_false(fl_grants_allow(grants, "local", "work/a/1/out/x", NOW + 100));
    drop_pair(&pair);
}

/* What is not the coordinator's word, or meant for somebody else, opens nothing. */
static void grants_of_others_are_refused_and_said_why(void **state)
{
    fl_auto(fl_grants_destroy) struct fl_grants *grants = NULL;
    struct pair pair = load_pair("keys");
    struct pair strange = load_pair("strange");
    struct fl_err err = {0};
    json_t *grant;

    (void)state;
    assert_ok(fl_grants_create(pair.public, "hpc", &grants, &err), err);
#define REFUSED(grant, peer, words) \
    assert_fails_with(add(grants, grant, peer, NOW, &err), FL_E_PERM, err, words)
    REFUSED(make_grant(&strange, "hpc", "local", NOW + 9, files_of("a", NULL)), "local",
            "signature");
    REFUSED(make_grant(&pair, "cloud", "local", NOW + 9, files_of("a", NULL)), "local",
            "site 'cloud'");
    REFUSED(make_grant(&pair, "hpc", "other", NOW + 9, files_of("a", NULL)), "local", "to 'other'");
    REFUSED(make_grant(&pair, "hpc", "local", NOW - 5, files_of("a", NULL)), "local", "5 s ago");
    grant = make_grant(&pair, "hpc", "local", NOW + 9, files_of("a", NULL));
    (void)json_object_set_new(grant, "text",
                              json_string("{\"expires\":1000009,\"files\":[\"b\"],\"site\":\"hpc\","
                                          "\"to\":\"local\",\"v\":1}"));
    REFUSED(grant, "local", "signature");
#undef REFUSED
    assert_int_equal(fl_grants_count(grants), 0);
    drop_pair(&pair);
    drop_pair(&strange);
}

/* Bodies that are no grants: a peer may send anything. */
static void what_is_no_grant_is_an_error(void **state)
{
    static const char *const bodies[] = {
        "",         "{",   "[]", "{}", "{\"text\":1,\"signature\":\"x\"}", "{\"text\":\"{}\"}",
        "\"text\"", "null"};
    fl_auto(fl_grants_destroy) struct fl_grants *grants = NULL;
    struct pair pair = load_pair("keys");
    struct fl_err err = {0};
    json_t *grant;

    (void)state;
    assert_ok(fl_grants_create(pair.public, "hpc", &grants, &err), err);
    for (size_t i = 0; i < FL_COUNT(bodies); i++)
        assert_int_equal(fl_grants_add(grants, bodies[i], strlen(bodies[i]), "local", NOW, &err),
                         FL_E_PARSE);
    grant = make_grant(&pair, "hpc", "local", NOW + 9, json_pack("[s,i]", "a", 7));
    assert_fails_with(add(grants, grant, "local", NOW, &err), FL_E_PARSE, err, "entry 1");
    grant = make_grant(&pair, "hpc", "local", NOW + 9, json_integer(7));
    assert_fails_with(add(grants, grant, "local", NOW, &err), FL_E_PARSE, err, "files");
    assert_int_equal(fl_grants_count(grants), 0);
    drop_pair(&pair);
}

/* A reader that hands in more and more must not fill the door's memory, nor push others out. */
static void memory_is_bounded_and_each_reader_has_its_share(void **state)
{
    fl_auto(fl_grants_destroy) struct fl_grants *grants = NULL;
    struct pair pair = load_pair("keys");
    struct fl_err err = {0};
    size_t most = 0;

    (void)state;
    assert_ok(fl_grants_create(pair.public, "hpc", &grants, &err), err);
    assert_ok(add(grants, make_grant(&pair, "hpc", "quiet", NOW + 9, files_of("q", NULL)), "quiet",
                  NOW, &err),
              err);
    for (int i = 0; i < 60; i++) {
        json_t *files = json_array();

        for (int k = 0; k < 4000; k++)
            (void)json_array_append_new(files, json_sprintf("work/%d/1/out/%0100d", i, k));
        assert_ok(
            add(grants, make_grant(&pair, "hpc", "greedy", NOW + 9, files), "greedy", NOW, &err),
            err);
        most = fl_grants_count(grants) > most ? fl_grants_count(grants) : most;
    }
    assert_true(most < 40);
    assert_true(fl_grants_allow(grants, "quiet", "q", NOW));
    assert_false(fl_grants_allow(grants, "greedy",
                                 "work/0/1/out/"
                                 "0000000000000000000000000000000000000000000000"
                                 "0000000000000000000000000000000000000000000000"
                                 "00000000",
                                 NOW));
    /* the same one again takes no room; those that are over make room */
    most = fl_grants_count(grants);
    assert_ok(add(grants, make_grant(&pair, "hpc", "quiet", NOW + 9, files_of("q", NULL)), "quiet",
                  NOW, &err),
              err);
    assert_int_equal(fl_grants_count(grants), most);
    assert_ok(add(grants, make_grant(&pair, "hpc", "quiet", NOW + 99, files_of("q", NULL)), "quiet",
                  NOW + 9, &err),
              err);
    assert_int_equal(fl_grants_count(grants), 1);
    drop_pair(&pair);
}

/* ---- over TLS ---- */

struct answer {
    bool done;
    int rc;
    long status;
    char body[200];
};

static void answered(const struct fl_http_reply *reply, void *arg)
{
    struct answer *answer = arg;

    answer->done = true;
    answer->rc = reply->rc;
    answer->status = reply->status;
    (void)snprintf(answer->body, sizeof(answer->body), "%.*s", (int)reply->size, reply->body);
}

/* GET, or POST of a body. */
static struct answer ask_with(const char *base, const char *path, const struct fl_http_tls *tls,
                              const char *body)
{
    const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    fl_auto(fl_http_destroy) struct fl_http *http = NULL;
    struct answer answer = {0};
    struct fl_err err = {0};
    char url[600];
    struct fl_http_request request = {.url = url,
                                      .body_max = 150,
                                      .done = answered,
                                      .arg = &answer,
                                      .tls = tls,
                                      .method = body ? "POST" : NULL,
                                      .content = body,
                                      .content_size = body ? strlen(body) : 0};

    (void)snprintf(url, sizeof(url), "%s/%s", base, path);
    assert_ok(fl_http_create(&limits, &http, &err), err);
    assert_ok(fl_http_start(http, &request, NULL, &err), err);
    while (!answer.done)
        assert_ok(fl_http_turn(http, -1, &err), err);
    return answer;
}

static struct answer ask(const char *base, const char *path, const struct fl_http_tls *tls)
{
    return ask_with(base, path, tls, NULL);
}

static void make_sites(void)
{
    struct fl_err err = {0};

    assert_ok(fl_dir_make(fl_world_real(), "site/" OUT, 0755, &err), err);
    test_file_write("site/" OUT "/a.nc", "0123456789", 10);
    test_file_write("site/" OUT "/b.nc", "b", 1);
    assert_ok(fl_sites_setup(fl_world_real(), "keys", &err), err);
    assert_ok(fl_sites_make(fl_world_real(), "keys", "hpc", &err), err);
    assert_ok(fl_sites_make(fl_world_real(), "keys", "local", &err), err);
    assert_ok(fl_sites_make(fl_world_real(), "keys", "other", &err), err);
    assert_ok(fl_sites_setup(fl_world_real(), "strange", &err), err);
    assert_ok(fl_sites_make(fl_world_real(), "strange", "local", &err), err);
}

static const char *const door_args[] = {"data-fetch/fairlead-transfer",
                                        "serve",
                                        "--root",
                                        "site",
                                        "--name",
                                        "hpc",
                                        "--keys",
                                        "keys",
                                        "--port-file",
                                        "port",
                                        "--until-eof",
                                        NULL};

static const struct fl_http_tls as_local = {.ca = "keys/ca.pem",
                                            .cert = "keys/local.pem",
                                            .key = "keys/local.key",
                                            .name = "hpc",
                                            .only_1_3 = true};

static int64_t utc_s(void)
{
    return fl_world_utc_ns(fl_world_real()) / 1000000000;
}

/* The whole way of a grant: no file without it, the file with it, not for another site, not for
 * another file, and again after the door was started anew. */
static void a_reader_hands_its_grant_in_and_reads(void **state)
{
    struct pair pair = load_pair("keys");
    struct server door;
    struct fl_http_tls other = as_local;
    struct answer answer;
    json_t *grant;
    char *body;

    (void)state;
    make_sites();
    grant = make_grant(&pair, "hpc", "local", utc_s() + 1000, files_of(OUT "/a.nc", NULL));
    body = fl_json_text(grant);
    server_start(&door, door_args);
    assert_int_equal(ask(door.url, OUT "/a.nc", &as_local).status, 403);
    assert_int_equal(ask_with(door.url, "grants", &as_local, body).status, 204);
    assert_string_equal(ask(door.url, OUT "/a.nc", &as_local).body, "0123456789");
    assert_int_equal(ask(door.url, OUT "/b.nc", &as_local).status, 403);
    other.cert = "keys/other.pem";
    other.key = "keys/other.key";
    assert_int_equal(ask(door.url, OUT "/a.nc", &other).status, 403);
    answer = ask_with(door.url, "grants", &other, body);
    assert_int_equal(answer.status, 403);
    assert_non_null(strstr(answer.body, "a grant to 'local'; you are 'other'"));
    assert_int_equal(ask_with(door.url, "grants", &as_local, "{").status, 400);
    server_stop(&door);
    server_start(&door, door_args);
    assert_int_equal(ask(door.url, OUT "/a.nc", &as_local).status, 403);
    assert_int_equal(ask_with(door.url, "grants", &as_local, body).status, 204);
    assert_int_equal(ask(door.url, OUT "/a.nc", &as_local).status, 200);
    server_stop(&door);
    json_decref(grant);
    free(body);
    drop_pair(&pair);
}

/* old.pem and old.key: of our authority, for site local, six years ago. */
static void make_expired(void)
{
    static const char *const names[] = {"keys/ca.key", "keys/ca.pem", "old.key", "old.pem"};
    struct fl_buf texts[4];
    struct fl_err err = {0};

    for (size_t i = 0; i < 4; i++)
        fl_buf_init(&texts[i], 0);
    for (size_t i = 0; i < 2; i++)
        assert_ok(fl_file_read(fl_world_real(), names[i], 16384, &texts[i], &err), err);
    assert_ok(fl_certificate_make_site(utc_s() - INT64_C(6) * 365 * 86400, "local", &texts[0],
                                       &texts[1], &texts[2], &texts[3], &err),
              err);
    for (size_t i = 2; i < 4; i++)
        assert_ok(fl_file_publish_mode(fl_world_real(), names[i], texts[i].data, texts[i].size,
                                       0600, &err),
                  err);
    for (size_t i = 0; i < 4; i++)
        fl_buf_release(&texts[i]);
}

/* Both ends know whom they talk to, or do not talk. */
static void who_does_not_prove_himself_is_refused(void **state)
{
    struct fl_http_tls none = {.ca = "keys/ca.pem", .name = "hpc"};
    struct fl_http_tls strange = as_local;
    struct fl_http_tls expired = as_local;
    struct fl_http_tls misled = as_local;
    struct fl_http_tls distrust = as_local;
    struct server door;
    char plain[160];

    (void)state;
    make_sites();
    server_start(&door, door_args);
    assert_int_equal(ask(door.url, OUT "/a.nc", &as_local).status, 403); /* is let in */
    assert_int_equal(ask(door.url, OUT "/a.nc", &none).status, 0);
    strange.cert = "strange/local.pem";
    strange.key = "strange/local.key";
    assert_int_equal(ask(door.url, OUT "/a.nc", &strange).status, 0);
    make_expired();
    expired.cert = "old.pem";
    expired.key = "old.key";
    assert_int_equal(ask(door.url, OUT "/a.nc", &expired).status, 0);
    misled.name = "cloud"; /* the door is not whom we want */
    assert_int_equal(ask(door.url, OUT "/a.nc", &misled).status, 0);
    distrust.ca = "strange/ca.pem";
    assert_int_equal(ask(door.url, OUT "/a.nc", &distrust).status, 0);
    (void)snprintf(plain, sizeof(plain), "http%s", strchr(door.url, ':'));
    assert_int_equal(ask(plain, OUT "/a.nc", NULL).status, 0);
    assert_int_equal(ask(door.url, OUT "/a.nc", &as_local).status, 403); /* nobody is shut out */
    server_stop(&door);
}

/* A door whose own keys are wrong says so at its start, not by failing transfers. */
static void a_door_without_good_keys_does_not_open(void **state)
{
    const char *args[FL_COUNT(door_args)];

    (void)state;
    make_sites();
    memcpy(args, door_args, sizeof(door_args));
    assert_int_equal(chmod("keys/hpc.key", 0640), 0);
    assert_int_equal(command_run(args, NULL), 78);
    assert_int_equal(chmod("keys/hpc.key", 0600), 0);
    args[5] = "cloud";
    assert_int_equal(command_run(args, NULL), 78);
    assert_int_equal(rename("keys/local.pem", "keys/cloud.pem"), 0);
    assert_int_equal(rename("keys/local.key", "keys/cloud.key"), 0);
    assert_int_equal(command_run(args, NULL), 78); /* it names another site */
    args[5] = "hpc";
    assert_int_equal(rename("keys/other.key", "keys/hpc.key"), 0);
    assert_int_equal(command_run(args, NULL), 78); /* no pair */
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(only_what_a_grant_to_the_reader_names_is_open),
        IN_FOLDER(grants_of_others_are_refused_and_said_why),
        IN_FOLDER(what_is_no_grant_is_an_error),
        IN_FOLDER(memory_is_bounded_and_each_reader_has_its_share),
        IN_FOLDER(a_reader_hands_its_grant_in_and_reads),
        IN_FOLDER(who_does_not_prove_himself_is_refused),
        IN_FOLDER(a_door_without_good_keys_does_not_open),
    };

    return cmocka_run_group_tests_name("grants", tests, NULL, NULL);
}
