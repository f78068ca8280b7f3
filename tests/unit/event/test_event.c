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
    char **slots[] = {&event->who,    &event->why,  &event->run,    &event->stage, &event->key,
                      &event->worker, &event->pool, &event->site,   &event->token, &event->output,
                      &event->lead,   &event->path, &event->sha256, &event->state, &event->class,
                      &event->cause,  &event->age,  &event->digest, &event->cycle, &event->degraded,
                      &event->text};
    int64_t *numbers[] = {&event->attempt, &event->index, &event->cores,  &event->jobs,
                          &event->size,    &event->code,  &event->signal, &event->until_ns};

    for (size_t i = 0; i < FL_COUNT(slots); i++) {
        char text[32];

        (void)snprintf(text, sizeof(text), "text \"%zu\" \xc3\xa9", i);
        assert_ok(fl_event_set_text(slots[i], text, &err), err);
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
    char *field = NULL;
    char *text = calloc(1, FL_EVENT_TEXT_MAX + 2);
    struct fl_err err = {0};

    (void)state;
    assert_non_null(text);
    memset(text, 'x', FL_EVENT_TEXT_MAX);
    assert_ok(fl_event_set_text(&field, text, &err), err);
    text[FL_EVENT_TEXT_MAX] = 'x';
    assert_int_equal(fl_event_set_text(&field, text, &err), FL_E_TOO_BIG);
    assert_int_equal(strlen(field), FL_EVENT_TEXT_MAX);
    assert_ok(fl_event_set_text(&field, NULL, &err), err);
    assert_null(field);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_comes_back_the_same),
        cmocka_unit_test(bad_records_say_what_is_wrong),
        cmocka_unit_test(unknown_members_are_passed_over),
        cmocka_unit_test(texts_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
