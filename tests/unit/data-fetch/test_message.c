/* GRIB messages against what was asked for. */
#include "config.h"

#include "data-fetch/source/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/frame.h"
#include "tests/lib/test.h"

#define WIND "gfs-1p00-wind10m-michael2018/gfs.20181009.t00z.pgrb2.1p00.wind10m.f003.grib2"

static struct fl_cycle cycle_of(const char *text)
{
    struct fl_cycle cycle = {0};
    struct fl_err err = {0};

    assert_ok(fl_cycle_parse(text, &cycle, &err), err);
    return cycle;
}

static char *load(const char *name, size_t *ret_size)
{
    char path[4096];

    return test_file_read(test_sample(name, path, sizeof(path)), ret_size);
}

static struct fl_plan_field field_of(const char *variable, const char *level)
{
    return (struct fl_plan_field){
        .variable = (char *)variable, .level = (char *)level, .forecast = (char *)"3 hour fcst"};
}

/* The first message of the sample wind file: U at 10 m, cycle 00Z, valid 03Z. */
static int check_wind(const char *data, const char *cycle, const char *valid, const char *variable,
                      const char *level, struct fl_err *err)
{
    struct fl_plan_field field = field_of(variable, level);
    struct fl_message_want want = {
        .cycle = cycle_of(cycle), .valid = cycle_of(valid), .fields = &field, .count = 1};
    uint64_t length = 0;
    struct fl_err unused = {0};

    assert_ok(fl_frame_length(data, 16, &length, &unused), unused);
    return fl_message_check(data, (size_t)length, &want, err);
}

/* What was asked for passes; everything else about the same message is told apart. */
static void a_message_must_be_what_was_asked_for(void **state)
{
    size_t size = 0;
    char *data = load(WIND, &size);
    struct fl_err err = {0};

    (void)state;
    assert_ok(
        check_wind(data, "20181009T0000Z", "20181009T0300Z", "UGRD", "10 m above ground", &err),
        err);
    assert_fails_with(
        check_wind(data, "20181009T0000Z", "20181009T0600Z", "UGRD", "10 m above ground", &err),
        FL_E_MISMATCH, err, "valid at 20181009T0300Z");
    assert_fails_with(
        check_wind(data, "20181008T1800Z", "20181009T0300Z", "UGRD", "10 m above ground", &err),
        FL_E_MISMATCH, err, "of cycle 20181009T0000Z");
    assert_fails_with(
        check_wind(data, "20181009T0000Z", "20181009T0300Z", "VGRD", "10 m above ground", &err),
        FL_E_MISMATCH, err, "'VGRD' is 0.2.3");
    assert_fails_with(
        check_wind(data, "20181009T0000Z", "20181009T0300Z", "UGRD", "80 m above ground", &err),
        FL_E_MISMATCH, err, "80 m above ground");
    assert_fails_with(check_wind(data, "20181009T0000Z", "20181009T0300Z", "UGRD", "500 mb", &err),
                      FL_E_MISMATCH, err, "500 mb");
    free(data);
}

/* Every message of a real file stands where its own real index says, and is what the line says. */
static void real_files_agree_with_their_index(void **state)
{
    static const struct {
        const char *file;
        const char *valid;
    } files[] = {
        {"gfswave-atlocn/gfswave.20230823.t18z.atlocn.0p16.f001.grib2", "20230823T1900Z"},
        {"gdaswave-wcoast/gdaswave.20211130.t00z.wcoast.0p16.f000.grib2", "20211130T0000Z"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(files); i++) {
        fl_auto(fl_index_destroy) struct fl_index *index = NULL;
        fl_auto(fl_plan_destroy) struct fl_plan *plan = NULL;
        struct fl_err err = {0};
        char name[300];
        size_t size = 0;
        size_t text_size = 0;
        char *data = load(files[i].file, &size);
        char *text;

        (void)snprintf(name, sizeof(name), "%s.idx", files[i].file);
        text = load(name, &text_size);
        assert_ok(fl_index_parse(text, text_size, &index, &err), err);
        assert_ok(fl_plan_make(index, NULL, 0, &plan, &err), err);
        assert_int_equal(plan->message_count, 19);
        for (size_t k = 0; k < plan->message_count; k++) {
            const struct fl_plan_message *message = &plan->messages[k];
            size_t end = message->end ? message->end : size;
            struct fl_message_want want = {.cycle = fl_index_at(index, k)->cycle,
                                           .valid = cycle_of(files[i].valid),
                                           .fields = message->fields,
                                           .count = message->count};

            assert_ok(fl_message_check(data + message->offset, end - message->offset, &want, &err),
                      err);
        }
        free(text);
        free(data);
    }
}

/* An error page, a cut file, a broken end: none may become forcing. */
static void what_is_no_message_is_refused(void **state)
{
    struct fl_message_want any = {.cycle = cycle_of("20181009T0000Z"),
                                  .valid = cycle_of("20181009T0300Z")};
    size_t size = 0;
    char *page = load("broken-inputs/gfs.20181010.t18z.pgrb2.1p00.f000.error-page.html", &size);
    char *data;
    uint64_t length = 0;
    struct fl_err err = {0};

    (void)state;
    assert_fails_with(fl_message_check(page, size, &any, &err), FL_E_DATA, err, "HTML");
    free(page);
    data = load(WIND, &size);
    assert_ok(fl_frame_length(data, size, &length, &err), err);
    assert_ok(fl_message_check(data, (size_t)length, &any, &err), err);
    assert_fails_with(fl_message_check(data, (size_t)length - 1, &any, &err), FL_E_DATA, err,
                      "the index says");
    assert_fails_with(fl_message_check(data, (size_t)length + 4, &any, &err), FL_E_DATA, err,
                      "the index says");
    assert_fails_with(fl_message_check(data + 1, (size_t)length, &any, &err), FL_E_DATA, err,
                      "not with 'GRIB'");
    assert_fails_with(fl_message_check("GRIB", 4, &any, &err), FL_E_DATA, err, "too few");
    data[length - 1] = '8';
    assert_fails_with(fl_message_check(data, (size_t)length, &any, &err), FL_E_DATA, err, "7777");
    data[length - 1] = '7';
    data[20] = 0x7f; /* the length of section 1 */
    data[16] = 0x7f;
    assert_true(fl_message_check(data, (size_t)length, &any, &err) < 0);
    free(data);
}

/* GRIB1 with a broken end, and GRIB1 padded with zeros between messages: the padding is no part of
 * a message, and the time of an edition 1 message is held like that of any other. */
static void edition_1_is_held_as_well(void **state)
{
    struct fl_message_want any = {.cycle = cycle_of("20130101T0000Z"),
                                  .valid = cycle_of("20130101T0000Z")};
    static const char *const files[] = {"broken-inputs/era5-levels-corrupted.grib",
                                        "ecmwf-storm-2013/mv_fc_storm.grib"};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(files); i++) {
        size_t size = 0;
        char *data = load(files[i], &size);
        uint64_t length = 0;
        struct fl_err err = {0};

        assert_ok(fl_frame_length(data, size, &length, &err), err);
        assert_int_equal(fl_message_check(data, size, &any, &err), FL_E_DATA);
        if (i == 0) {
            assert_int_equal(fl_message_check(data, (size_t)length, &any, &err), FL_E_DATA);
        } else {
            assert_fails_with(fl_message_check(data, (size_t)length, &any, &err), FL_E_MISMATCH,
                              err, "of cycle 20131025T0000Z");
            any.cycle = cycle_of("20131025T0000Z");
            assert_fails_with(fl_message_check(data, (size_t)length, &any, &err), FL_E_MISMATCH,
                              err, "valid at 20131028T0000Z");
            any.valid = cycle_of("20131028T0000Z");
            assert_ok(fl_message_check(data, (size_t)length, &any, &err), err);
        }
        free(data);
    }
}

/* The one message of a file that begins at its n-th GRIB. */
static char *message_of(char *file, size_t number, size_t *ret_size)
{
    struct fl_err err = {0};
    uint64_t length = 0;

    for (size_t i = 0; i <= number; i++) {
        file += length;
        assert_ok(fl_frame_length(file, 16, &length, &err), err);
    }
    *ret_size = (size_t)length;
    return file;
}

/* Rain of three hours is not rain of twelve, and a sum is not a mean, though both end at the same
 * time. */
static void an_interval_must_be_the_one_asked_for(void **state)
{
    static const struct {
        const char *forecast;
        const char *says;
    } cases[] = {
        {"0-12 hour acc fcst", NULL},
        {"9-12 hour acc fcst",
         "begins 0 minutes after the cycle; '9-12 hour acc fcst' begins at 540"},
        {"0-12 hour ave fcst", "statistical processing 1 of table 4.10"},
        {"0-12 hour max fcst", "statistical processing 1 of table 4.10"},
    };
    struct fl_plan_field field = field_of("APCP", "surface");
    struct fl_message_want want = {.cycle = cycle_of("20070124T0000Z"),
                                   .valid = cycle_of("20070124T1200Z"),
                                   .fields = &field,
                                   .count = 1};
    size_t size = 0;
    char *file = load("hrrr-nam-samples/nam.20070124.t00z.awp211.f012.grib2", &size);
    char *data = message_of(file, 13, &size);
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        int rc;

        field.forecast = (char *)cases[i].forecast;
        rc = fl_message_check(data, size, &want, &err);
        if (cases[i].says)
            assert_fails_with(rc, FL_E_MISMATCH, err, cases[i].says);
        else
            assert_ok(rc, err);
    }
    want.valid = cycle_of("20070124T0900Z");
    assert_fails_with(fl_message_check(data, size, &want, &err), FL_E_MISMATCH, err,
                      "valid at 20070124T1200Z");
    free(file);
}

/* One member for another is another forecast; ECMWF's lines tell parameter and level in other
 * words. */
static void members_and_ecmwf_s_words_are_held(void **state)
{
    static const struct {
        const char *variable;
        const char *level;
        const char *member;
        const char *says;
    } cases[] = {
        {"t", "pl 500", "0", NULL},
        {"t", "pl 500", "", NULL},
        {"nonsense", "pl 500", "0", NULL}, /* newer than the library's tables */
        {"q", "pl 500", "0", "parameter 't'; the index says 'q'"},
        {"t", "pl 850", "0", "value 50000; the index says 'pl 850'"},
        {"t", "sfc", "0", "surface type 100"},
        {"t", "pl 500", "7", "of member 0; the index says 7"},
    };
    struct fl_message_want want = {
        .cycle = cycle_of("20260310T0000Z"), .valid = cycle_of("20260310T0000Z"), .count = 1};
    size_t size = 0;
    char *data = load("ecmwf-opendata-samples/gb_aifs-ens-cf-t500.grib2", &size);
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct fl_plan_field field = field_of(cases[i].variable, cases[i].level);
        int rc;

        field.kind = FL_INDEX_ECMWF;
        field.member = (char *)cases[i].member;
        want.fields = &field;
        rc = fl_message_check(data, size, &want, &err);
        if (cases[i].says)
            assert_fails_with(rc, FL_E_MISMATCH, err, cases[i].says);
        else
            assert_ok(rc, err);
    }
    free(data);
}

/* A template that is newer than ecCodes is told as such: somebody must renew the library. */
static void an_unknown_template_is_named(void **state)
{
    struct fl_message_want any = {.cycle = cycle_of("20260628T0000Z"),
                                  .valid = cycle_of("20260628T0000Z")};
    size_t size = 0;
    size_t one = 0;
    char *file = load("ecmwf-opendata-samples/gb_aifs-single-wave.grib2", &size);
    struct fl_err err = {0};
    bool told = false;

    (void)state;
    for (char *at = file; at < file + size; at += one) {
        char *data = message_of(at, 0, &one);
        int rc = fl_message_check(data, one, &any, &err);

        told = told || (rc == FL_E_DATA && strstr(err.text, "product template 4.103"));
    }
    assert_true(told);
    free(file);
}

static int count_field(const void *data, size_t size, uint32_t field, struct fl_err *reterr,
                       void *arg)
{
    uint32_t *count = arg;

    assert_int_equal(field, *count + 1);
    assert_ok(fl_frame_check(data, size, reterr), *reterr);
    (*count)++;
    return 0;
}

/* Some centres pack twenty fields into one message; each is looked at, and each can be decoded. */
static void fields_of_a_packed_message_are_all_looked_at(void **state)
{
    size_t size = 0;
    char *data = load("jma-meps-mfwam-cmc/jma-meps-20190605T00-pall-first20.grib2", &size);
    struct fl_plan_field fields[2] = {field_of("UGRD", "975 mb"), field_of("TMP", "surface")};
    struct fl_message_want want = {
        .cycle = cycle_of("20190605T0000Z"), .valid = cycle_of("20190605T0000Z"), .fields = fields};
    uint32_t count = 0;
    uint32_t told = 0;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_frame_fields(data, size, count_field, &told, &err, &count), err);
    assert_int_equal(count, 20);
    assert_int_equal(told, 20);
    assert_ok(fl_message_check(data, size, &want, &err), err);
    fields[0].field = 1;
    want.count = 1;
    assert_ok(fl_message_check(data, size, &want, &err), err);
    fields[1].field = 20;
    want.count = 2;
    assert_fails_with(fl_message_check(data, size, &want, &err), FL_E_MISMATCH, err, "TMP");
    fields[1].field = 21;
    assert_fails_with(fl_message_check(data, size, &want, &err), FL_E_MISMATCH, err, "field 21");
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_must_be_what_was_asked_for),
        cmocka_unit_test(real_files_agree_with_their_index),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(edition_1_is_held_as_well),
        cmocka_unit_test(fields_of_a_packed_message_are_all_looked_at),
        cmocka_unit_test(an_interval_must_be_the_one_asked_for),
        cmocka_unit_test(members_and_ecmwf_s_words_are_held),
        cmocka_unit_test(an_unknown_template_is_named),
    };

    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
