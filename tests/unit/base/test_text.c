/* Buffers, rings, paths, expansion, digests, errors. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/digest.h"
#include "engine/base/expand.h"
#include "engine/base/json.h"
#include "engine/base/path.h"
#include "engine/base/ring.h"
#include "engine/base/text.h"
#include "tests/lib/test.h"

/* A text that grows without end must stop at its limit and say so. */
static void buffer_stops_at_its_limit(void **state)
{
    fl_auto(fl_buf_release) struct fl_buf buf;
    struct fl_err err = {0};

    (void)state;
    fl_buf_init(&buf, 8);
    fl_buf_puts(&buf, "12345678");
    assert_ok(fl_buf_check(&buf, &err), err);
    fl_buf_putc(&buf, '9');
    assert_int_equal(fl_buf_check(&buf, &err), FL_E_TOO_BIG);
    assert_string_equal(buf.data, "12345678");
}

/* A full queue pushes back; it never grows and never drops. */
static void ring_refuses_when_full(void **state)
{
    fl_auto(fl_ring_destroy) struct fl_ring *ring = NULL;
    int items[3] = {0};
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_ring_create(2, &ring, &err), err);
    assert_int_equal(fl_ring_push(ring, &items[0]), 0);
    assert_int_equal(fl_ring_push(ring, &items[1]), 0);
    assert_int_equal(fl_ring_push(ring, &items[2]), FL_E_FULL);
    assert_ptr_equal(fl_ring_pop(ring), &items[0]);
    assert_int_equal(fl_ring_push(ring, &items[2]), 0);
    assert_ptr_equal(fl_ring_pop(ring), &items[1]);
    assert_ptr_equal(fl_ring_pop(ring), &items[2]);
    assert_null(fl_ring_pop(ring));
}

/* A name from outside never leaves its root. */
static void unsafe_paths_are_refused(void **state)
{
    static const char *const bad[] = {"",   "/etc/passwd", "..",   "a/../b", "a//b",
                                      "a/", "./a",         "a\nb", "a\\b"};
    static const char *const good[] = {"a", "a/b.nc", "..a/b", ".hidden"};
    char path[64];
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(bad); i++)
        assert_false(fl_path_is_safe(bad[i]));
    for (size_t i = 0; i < FL_COUNT(good); i++)
        assert_true(fl_path_is_safe(good[i]));
    assert_false(fl_name_is_safe(".hidden"));
    assert_int_equal(fl_path_join("/r", "../x", path, sizeof(path), &err), FL_E_PERM);
    assert_ok(fl_path_join("/r", "x/y", path, sizeof(path), &err), err);
    assert_string_equal(path, "/r/x/y");
}

static int time_names(const char *name, const char *format, struct fl_buf *out,
                      struct fl_err *reterr, void *arg)
{
    const struct fl_lead lead = {.minutes = 390};

    return fl_expand_time(name, format, *(const struct fl_cycle *)arg, &lead, out, reterr);
}

/* A namelist with a wrong date runs the wrong day. */
static void templates_expand_times(void **state)
{
    fl_auto(fl_buf_release) struct fl_buf out;
    struct fl_cycle cycle;
    struct fl_err err = {0};

    (void)state;
    fl_buf_init(&out, 0);
    assert_ok(fl_cycle_parse("20261124T0000Z", &cycle, &err), err);
    assert_ok(fl_expand("{{x}} {cycle} {cycle:%Y-%m-%d_%H:%M:%S} {lead} {lead:hhh} {valid:%H%M}",
                        time_names, &out, &err, &cycle),
              err);
    assert_string_equal(out.data, "{x} 20261124T0000Z 2026-11-24_00:00:00 f006m30 006 0630");
    assert_fails_with(fl_expand("a\n{nope}", time_names, &out, &err, &cycle), FL_E_NOENT, err,
                      "line 2");
    assert_fails_with(fl_expand("{cycle", time_names, &out, &err, &cycle), FL_E_PARSE, err,
                      "without its '}'");
    assert_fails_with(fl_expand("x}", time_names, &out, &err, &cycle), FL_E_PARSE, err,
                      "without its '{'");
}

/* The digest is the user's proof: it must be the standard one. */
static void digest_is_sha256(void **state)
{
    char hex[FL_DIGEST_HEX];

    (void)state;
    fl_digest_memory("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* An error names where it happened and keeps its class through the layers. */
static void errors_carry_place_and_class(void **state)
{
    struct fl_err err = {0};
    int rc = fl_err_set(&err, FL_E_DATA, 7, "message %d is short", 3);

    (void)state;
    rc = fl_err_note(&err, rc, "file '%s'", "a.grib2");
    assert_int_equal(rc, FL_E_DATA);
    assert_string_equal(err.text, "file 'a.grib2': message 3 is short");
    assert_int_equal(fl_err_exit_code(rc), 65);
    assert_int_equal(fl_err_class(-9999), FL_CLASS_BUG);
}

/* A mistyped member is named, not guessed. */
static void json_members_are_strict(void **state)
{
    fl_json_auto json_t *doc = NULL;
    const char *text = NULL;
    int64_t value = 0;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_json_parse("{\"a\":1,\"b\":\"x\"}", 15, &doc, &err), err);
    assert_ok(fl_json_int(doc, "a", &value, &err), err);
    assert_fails_with(fl_json_string(doc, "a", &text, &err), FL_E_PARSE, err,
                      "'a' must be a string");
    assert_fails_with(fl_json_int(doc, "c", &value, &err), FL_E_PARSE, err, "'c' is missing");
}

/* "Did you mean" must find the slip, and must not write past its row for a name without end. */
static void slips_are_near_and_other_names_are_not(void **state)
{
    char endless[300];

    (void)state;
    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_int_equal(fl_text_distance("status", "status"), 0);
    assert_int_equal(fl_text_distance("stauts", "status"), 2);
    assert_int_equal(fl_text_distance("hold", "holds"), 1);
    assert_int_equal(fl_text_distance("", "why"), 3);
    assert_int_equal(fl_text_distance(endless, ""), FL_TEXT_DISTANCE_BYTES);
    assert_int_equal(fl_text_distance(endless, endless), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_stops_at_its_limit),
        cmocka_unit_test(ring_refuses_when_full),
        cmocka_unit_test(unsafe_paths_are_refused),
        cmocka_unit_test(templates_expand_times),
        cmocka_unit_test(digest_is_sha256),
        cmocka_unit_test(errors_carry_place_and_class),
        cmocka_unit_test(json_members_are_strict),
        cmocka_unit_test(slips_are_near_and_other_names_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
