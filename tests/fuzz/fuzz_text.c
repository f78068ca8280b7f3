/* Fuzzes the parsers of text in engine/base: times, leads, durations, paths, expansion, JSON.
 * The first byte chooses the parser. What a parser accepts it must print and accept again. */

#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/expand.h"
#include "engine/base/json.h"
#include "engine/base/path.h"
#include "engine/base/time.h"

#include "engine/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_cycle(const char *text)
{
    struct fl_cycle cycle, again;
    char out[FL_TIME_TEXT_MAX];

    if (fl_cycle_parse(text, &cycle, NULL) < 0)
        return;
    fl_cycle_format(cycle, out);
    fl_assert(fl_cycle_parse(out, &again, NULL) == 0);
    fl_assert(again.s == cycle.s);
}

static void fuzz_duration(const char *text)
{
    int64_t seconds, again;
    char out[FL_TIME_TEXT_MAX];

    if (fl_duration_parse(text, &seconds, NULL) < 0)
        return;
    fl_duration_format(seconds, out);
    fl_assert(fl_duration_parse(out, &again, NULL) == 0);
    fl_assert(again == seconds);
}

static void fuzz_leads(const char *text)
{
    struct fl_leads leads;

    if (fl_leads_parse(text, &leads, NULL) < 0)
        return;
    fl_assert(fl_leads_count(&leads) >= 1 && fl_leads_count(&leads) <= FL_LEADS_MAX);
    fl_assert(fl_leads_find(&leads, fl_leads_at(&leads, fl_leads_count(&leads) - 1)) >= 0);
}

static void fuzz_path(const char *text)
{
    char path[FL_PATH_MAX];

    if (fl_path_join("/root", text, path, sizeof(path), NULL) < 0)
        return;
    fl_assert(strncmp(path, "/root/", 6) == 0);
    fl_assert(!strstr(path, "/../"));
}

static int expand_time(const char *name, const char *format, struct fl_buf *out,
                       struct fl_err *reterr, void *arg)
{
    const struct fl_lead lead = {370};
    (void)arg;
    return fl_expand_time(name, format, (struct fl_cycle){1539043200}, &lead, out, reterr);
}

static void fuzz_expand(const char *text)
{
    fl_auto(fl_buf_release) struct fl_buf out;

    fl_buf_init(&out, 1 << 20);
    (void)fl_expand(text, expand_time, &out, NULL, NULL); /* either answer is fine */
}

static void fuzz_json(const char *text)
{
    fl_json_auto json_t *doc = NULL;
    char *out;

    if (fl_json_parse(text, strlen(text), &doc, NULL) < 0)
        return;
    out = fl_json_text(doc);
    fl_assert(out);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parsers[])(const char *) = {fuzz_cycle, fuzz_duration, fuzz_leads,
                                                    fuzz_path,  fuzz_expand,   fuzz_json};
    char *text;

    if (size == 0)
        return 0;
    text = strndup((const char *)data + 1, size - 1);
    fl_assert(text);
    parsers[data[0] % FL_COUNT(parsers)](text);
    free(text);
    return 0;
}
