/* Fuzzes what people write of sources: catalogue files, sets of keys, areas. The first byte
 * chooses; a catalogue file that is accepted must give a path, a description and a request. */

#include "config.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/ask.h"
#include "data-fetch/source/crop.h"
#include "data-fetch/source/describe.h"

#include "engine/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_catalogue(const char *text)
{
    struct fl_source *source = calloc(1, sizeof(*source));
    struct fl_ask_words words = {0};
    fl_auto(fl_ask_destroy) struct fl_ask *ask = NULL;
    fl_auto(fl_buf_release) struct fl_buf path;
    struct fl_cycle cycle = {.s = INT64_C(1795478400)};
    struct fl_lead lead = {.minutes = 360};
    char line[300];
    json_t *json;

    fl_assert(source);
    fl_buf_init(&path, 0);
    if (fl_source_parse(text, "fuzz.cfg", source, NULL) == 0) {
        json = fl_describe_json(source, "fuzz.cfg");
        json_decref(json); /* text that is no UTF-8 gives none */
        fl_describe_cycles(source, line, sizeof(line));
        fl_describe_last_lead(source, line, sizeof(line));
        fl_source_leads_text(source, cycle, line, sizeof(line));
        (void)fl_source_has_lead(source, cycle, lead); /* either is fine */
        (void)fl_source_expected_s(source, lead);
        if (fl_ask_create(source, &words, &ask, NULL) == 0) {
            for (size_t i = 0; i < fl_ask_parts(ask) && i < 4; i++)
                (void)fl_ask_path(ask, i, cycle, lead, &path, NULL); /* or no path for that date */
        }
    }
    fl_ask_destroy(FL_STEAL(ask)); /* it borrows the source */
    free(source);
}

static bool no_value(const char *name, char *text, size_t size, void *arg)
{
    (void)arg;
    if (strcmp(name, "Ni") != 0 || size < 4)
        return false;
    memcpy(text, "360", 4);
    return true;
}

static void fuzz_keys(const char *text)
{
    static const char ecmwf[] =
        "{\"date\":\"20240301\",\"time\":\"1200\",\"step\":\"6\",\"levelist\":\"1000\","
        "\"levtype\":\"pl\",\"param\":\"q\",\"number\":\"7\",\"_offset\":38,\"_length\":60}\n";
    static const char idx[] = "1:0:d=2023110400:TMP:500 mb:18-21 hour acc fcst:ENS=+3\n";
    static const char *const texts[] = {NULL, idx, ecmwf};

    for (int kind = FL_INDEX_NONE; kind <= FL_INDEX_ECMWF; kind++) {
        fl_auto(fl_keys_destroy) struct fl_keys *keys = NULL;
        fl_auto(fl_index_destroy) struct fl_index *index = NULL;
        uint32_t open = 0;

        if (fl_keys_parse(text, (enum fl_index_kind)kind, &keys, NULL) < 0)
            continue;
        fl_assert(strcmp(fl_keys_text(keys), text) == 0);
        (void)fl_keys_message(keys, FL_KEYS_ALL, no_value, NULL, NULL, 0); /* either is fine */
        if (kind == FL_INDEX_NONE)
            continue;
        fl_assert(fl_index_parse_kind((enum fl_index_kind)kind, texts[kind], strlen(texts[kind]),
                                      &index, NULL) == 0);
        (void)fl_keys_line(keys, fl_index_at(index, 0), &open); /* either is fine */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = size > 0 ? malloc(size) : NULL;
    struct fl_area area;

    if (size == 0)
        return 0;
    fl_assert(text);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] & 3) {
    case 0:
        fuzz_keys(text);
        break;
    case 1:
        if (fl_area_parse(text, &area, NULL) == 0)
            fl_assert(area.north > area.south);
        break;
    default:
        fuzz_catalogue(text);
        break;
    }
    free(text);
    return 0;
}
