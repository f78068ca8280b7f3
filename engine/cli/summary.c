/* Reading what a status sums up. */
#include "config.h"

#include "engine/cli/summary.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/time.h"
#include "engine/cli/text.h"

#include "engine/base/banned.h"

static int64_t number(const json_t *entry, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(entry, key));
}

struct fl_summary fl_summary_of(const json_t *entry, const char *name)
{
    return (struct fl_summary){
        .name = fl_text_of(entry, name),
        .state = fl_text_of(entry, "state"),
        .counts = json_object_get(entry, "counts"),
        .reason = fl_text_of(entry, "reason"),
        .instances = number(entry, "instances"),
        .takes_s = number(entry, "takes_s"),
        .done = number(entry, "done"),
        .degraded = number(entry, "degraded"),
        .begun_ns = fl_text_time_ns(json_object_get(entry, "begun")),
        .ended_ns = fl_text_time_ns(json_object_get(entry, "ended")),
    };
}

void fl_summary_note(const struct fl_summary *summary, char *text, size_t size)
{
    fl_auto(fl_buf_release) struct fl_buf out;
    const char *state;
    json_t *count;

    fl_buf_init(&out, size - 1);
    json_object_foreach((json_t *)(uintptr_t)summary->counts, state, count)
    {
        if (json_object_size(summary->counts) > 1 && strcmp(state, "succeeded") != 0)
            fl_buf_printf(&out, "%s%lld %s", out.size ? ", " : "",
                          (long long)json_integer_value(count), state);
    }
    if (summary->degraded > 0)
        fl_buf_printf(&out, "%s%lld degraded", out.size ? ", " : "", (long long)summary->degraded);
    if (summary->takes_s > 0 && (json_object_get(summary->counts, "running") ||
                                 json_object_get(summary->counts, "launched"))) {
        char span[FL_TIME_TEXT_MAX];

        fl_buf_printf(&out, "%susually %s", out.size ? ", " : "",
                      fl_text_span(summary->takes_s * INT64_C(1000000000), span, sizeof(span)));
    }
    if (*summary->reason)
        fl_buf_printf(&out, "%s%s", out.size ? "; " : "", summary->reason);
    (void)snprintf(text, size, "%s", out.data ? out.data : ""); /* cut when too long */
}
