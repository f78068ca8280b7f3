/* The event codec. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/event/event.h"
#include "tests/lib/test.h"

/* An event of a type with every field filled. */
static struct fl_event *full_event(enum fl_event_type type)
{
    struct fl_event *event = NULL;
    struct fl_err err = {0};

    assert_ok(fl_event_create(type, &event, &err), err);
    const char **slots[] = {&event->who,    &event->why,      &event->run,      &event->stage,
                            &event->key,    &event->worker,   &event->pool,     &event->site,
                            &event->token,  &event->output,   &event->lead,     &event->path,
                            &event->sha256, &event->state,    &event->class,    &event->cause,
                            &event->age,    &event->digest,   &event->cycle,    &event->degraded,
                            &event->text,   &event->workflow, &event->resources};
    int64_t *numbers[] = {&event->attempt, &event->index, &event->cores,  &event->jobs,
                          &event->size,    &event->code,  &event->signal, &event->until_ns,
                          &event->action,  &event->files, &event->first,  &event->last};

    for (size_t i = 0; i < FL_COUNT(slots); i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "text \"%zu\" \xc3\xa9", i);
        assert_ok(fl_event_set_text(event, slots[i], text, &err), err);
    }
    for (size_t i = 0; i < FL_COUNT(numbers); i++)
        *numbers[i] = (int64_t)i + 41;
    event->seq.v = 7;
    event->time_ns = 1573862400123456789;
    return event;
}

/* What the store wrote must come back the same, for every type and field. */
static void every_type_comes_back_the_same(void **state)
{
    (void)state;
    for (enum fl_event_type type = 0; type < FL_EVENT_TYPE_COUNT; type++) {
        fl_auto(fl_event_destroy) struct fl_event *event = full_event(type);
        fl_auto(fl_event_destroy) struct fl_event *again = NULL;
        fl_json_auto json_t *json = NULL;
        fl_json_auto json_t *json_again = NULL;
        struct fl_err err = {0};

        assert_ok(fl_event_to_json(event, &json, &err), err);
        assert_ok(fl_event_from_json(json, &again, &err), err);
        assert_ok(fl_event_to_json(again, &json_again, &err), err);
        assert_int_equal(again->type, type);
        assert_int_equal(again->seq.v, 7);
        assert_int_equal(again->time_ns, event->time_ns);
        assert_true(json_equal(json, json_again));
    }
}

/* What is read from the text is what the tree gives. */
static void same_from_text(const struct fl_event *event, const struct fl_buf *text)
{
    fl_auto(fl_event_destroy) struct fl_event *again = NULL;
    fl_json_auto json_t *json = NULL;
    fl_json_auto json_t *json_again = NULL;
    struct fl_err err = {0};

    assert_ok(fl_event_from_text(text->data, text->size, &again, &err), err);
    assert_ok(fl_event_to_json(event, &json, &err), err);
    assert_ok(fl_event_to_json(again, &json_again, &err), err);
    assert_true(json_equal(json, json_again));
    assert_int_equal(again->time_ns, event->time_ns);
    assert_int_equal(again->seq.v, event->seq.v);
}

/* A record cut short, or with a byte changed, must be refused or be read as the tree reads it. */
static void damaged_text_is_read_as_the_tree_reads_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4000; i++) {
        fl_auto(fl_event_destroy) struct fl_event *event = full_event(FL_EVENT_OUTPUT_ACCEPTED);
        fl_auto(fl_event_destroy) struct fl_event *one = NULL;
        fl_auto(fl_event_destroy) struct fl_event *other = NULL;
        fl_auto(fl_buf_release) struct fl_buf text = {0};
        fl_json_auto json_t *json = NULL;
        struct fl_err err = {0};
        int rc;

        fl_buf_init(&text, 0);
        assert_ok(fl_event_to_text(event, &text, &err), err);
        if (i % 2)
            text.size = i * 7 % text.size;
        else
            text.data[i * 13 % text.size] = (char)(i * 31 % 256);
        rc = fl_json_parse(text.data, text.size, &json, &err);
        if (rc == 0)
            rc = fl_event_from_json(json, &one, &err);
        assert_int_equal(fl_event_from_text(text.data, text.size, &other, &err), rc);
        if (rc < 0)
            continue;
        same_from_text(one, &text);
    }
}

/* The store counts on times before 1970 and at the turns of months and years like on any other. */
static void times_come_back_the_same(void **state)
{
    static const int64_t times[] = {0,
                                    -1,
                                    -1000000000,
                                    INT64_C(951782400000000000),
                                    INT64_C(951868799999999999),
                                    INT64_C(1709164800123456789),
                                    INT64_C(1798761599999999999),
                                    INT64_C(1798761600000000000),
                                    INT64_C(4102444799000000001),
                                    INT64_C(-2208988800000000000)};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(times); i++) {
        fl_auto(fl_event_destroy) struct fl_event *event = full_event(FL_EVENT_HELD);
        fl_auto(fl_buf_release) struct fl_buf text = {0};
        struct fl_err err = {0};

        fl_buf_init(&text, 0);
        event->time_ns = times[i];
        assert_ok(fl_event_to_text(event, &text, &err), err);
        same_from_text(event, &text);
    }
}

/* The store writes events without a tree: the same bytes, or a record could not be read back. */
static void the_text_is_that_of_the_tree(void **state)
{
    static const int64_t numbers[] = {1, 9, 10, 99, 100, 12345, -1, -10, INT64_MAX, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < FL_EVENT_TYPE_COUNT + FL_COUNT(numbers); i++) {
        fl_auto(fl_event_destroy) struct fl_event *event =
            full_event((enum fl_event_type)(i % FL_EVENT_TYPE_COUNT));
        fl_auto(fl_buf_release) struct fl_buf text = {0};
        fl_json_auto json_t *json = NULL;
        struct fl_err err = {0};
        char *tree;

        fl_buf_init(&text, 0);
        event->size = numbers[i % FL_COUNT(numbers)];
        event->why = "\"\\/\b\f\n\r\t\x01\x1f\x7f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8a";
        assert_ok(fl_event_to_text(event, &text, &err), err);
        assert_ok(fl_event_to_json(event, &json, &err), err);
        tree = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);
        assert_string_equal(text.data, tree);
        free(tree);
        same_from_text(event, &text);
    }
}

/* A text that is not UTF-8 would make a record that no reader takes. */
static void a_text_that_is_not_utf8_is_refused(void **state)
{
    static const char *const bad[] = {
        "\xff", "\xc3", "a\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "12345678\x80"};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(bad); i++) {
        fl_auto(fl_event_destroy) struct fl_event *event = full_event(FL_EVENT_HELD);
        fl_auto(fl_buf_release) struct fl_buf text = {0};
        struct fl_err err = {0};

        fl_buf_init(&text, 0);
        event->why = bad[i];
        assert_fails_with(fl_event_to_text(event, &text, &err), FL_E_PARSE, err, "UTF-8");
    }
}

/* A log that outlives the state that made its events must not point into it. */
static void a_kept_event_owns_its_texts(void **state)
{
    fl_auto(fl_event_destroy) struct fl_event *event = NULL;
    char name[] = "surge/20261124T0000Z";
    char far[2 * FL_EVENT_OWN_BYTES];
    struct fl_err err = {0};

    (void)state;
    memset(far, 'y', sizeof(far));
    far[sizeof(far) - 1] = '\0';
    assert_ok(fl_event_create(FL_EVENT_HELD, &event, &err), err);
    assert_ok(fl_event_set_text(event, &event->stage, "prep", &err), err);
    event->run = name;
    event->why = far;
    assert_ok(fl_event_keep(event, &err), err);
    memset(name, 'x', sizeof(name) - 1);
    memset(far, 'x', sizeof(far) - 1);
    assert_string_equal(event->run, "surge/20261124T0000Z");
    assert_string_equal(event->stage, "prep");
    assert_int_equal(event->why[0], 'y');
}

static json_t *parsed(const char *text)
{
    json_t *json = NULL;
    struct fl_err err = {0};

    assert_ok(fl_json_parse(text, strlen(text), &json, &err), err);
    return json;
}

/* A damaged or newer record must stop recovery with its reason, never be half read. */
static void bad_records_say_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        int code;
        const char *words;
    } rows[] = {
        {"[]", FL_E_PARSE, "object"},
        {"{\"v\":3}", FL_E_UNSUPPORTED, "version 3"},
        {"{\"v\":1,\"type\":\"nonsense\"}", FL_E_PARSE, "nonsense"},
        {"{\"v\":1,\"type\":\"run-ended\"}", FL_E_PARSE, "time"},
        {"{\"v\":1,\"type\":\"run-ended\",\"time\":\"yesterday\"}", FL_E_PARSE, "yesterday"},
        {"{\"v\":1,\"type\":\"run-ended\",\"time\":\"2026-11-24T00:00:00.000000000Z\",\"run\":"
         "\"a\"}",
         FL_E_PARSE, "state"},
        {"{\"v\":1,\"type\":\"run-ended\",\"time\":\"2026-11-24T00:00:00.000000000Z\",\"run\":1}",
         FL_E_PARSE, "run"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rows); i++) {
        fl_json_auto json_t *json = parsed(rows[i].text);
        struct fl_event *event = NULL;
        struct fl_err err = {0};

        assert_fails_with(fl_event_from_json(json, &event, &err), rows[i].code, err, rows[i].words);
        assert_null(event);
    }
}

/* A coordinator that is one version newer may write members that this one does not know. */
static void unknown_members_are_passed_over(void **state)
{
    fl_json_auto json_t *json =
        parsed("{\"v\":2,\"type\":\"run-ended\",\"time\":\"2026-11-24T00:00:00.500000000Z\","
               "\"run\":\"a/b\",\"state\":\"failed\",\"new\":{\"x\":1}}");
    fl_auto(fl_event_destroy) struct fl_event *event = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_event_from_json(json, &event, &err), err);
    assert_string_equal(event->state, "failed");
    assert_int_equal(event->time_ns % 1000000000, 500000000);
}

/* A text without end must not fill the store. */
static void texts_have_a_limit(void **state)
{
    fl_auto(fl_event_destroy) struct fl_event *event = NULL;
    char *text = calloc(1, FL_EVENT_TEXT_MAX + 2);
    struct fl_err err = {0};

    (void)state;
    assert_non_null(text);
    assert_ok(fl_event_create(FL_EVENT_HELD, &event, &err), err);
    memset(text, 'x', FL_EVENT_TEXT_MAX);
    assert_ok(fl_event_set_text(event, &event->why, text, &err), err);
    text[FL_EVENT_TEXT_MAX] = 'x';
    assert_int_equal(fl_event_set_text(event, &event->why, text, &err), FL_E_TOO_BIG);
    assert_int_equal(strlen(event->why), FL_EVENT_TEXT_MAX);
    assert_ok(fl_event_set_text(event, &event->why, NULL, &err), err);
    assert_null(event->why);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back_the_same),
        cmocka_unit_test(bad_records_say_what_is_wrong),
        cmocka_unit_test(unknown_members_are_passed_over),
        cmocka_unit_test(texts_have_a_limit),
        cmocka_unit_test(the_text_is_that_of_the_tree),
        cmocka_unit_test(damaged_text_is_read_as_the_tree_reads_it),
        cmocka_unit_test(times_come_back_the_same),
        cmocka_unit_test(a_text_that_is_not_utf8_is_refused),
        cmocka_unit_test(a_kept_event_owns_its_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
