/* Plans in words and as JSON. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/pull/plan_command.h"

#include "engine/base/banned.h"

#define SIZE_TEXT 32
#define TIME_WORDS 64

/* Bytes of one part of one lead: by the index, else by experience; 0: not known. */
static uint64_t part_bytes(const struct fl_planned *planned, const struct fl_plan_lead *lead)
{
    bool open = false;

    if (planned->plan)
        return fl_plan_bytes(planned->plan, &open);
    return fl_ask_source(planned->ask)->index_kind == FL_INDEX_NONE ? lead->usual_bytes : 0;
}

static uint64_t all_bytes(const struct fl_planned *planned)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < planned->count; i++) {
        uint64_t one = part_bytes(planned, &planned->leads[i]);

        if (one == 0)
            return 0;
        bytes += one * fl_ask_parts(planned->ask);
    }
    return bytes;
}

double fl_planned_seconds(const struct fl_planned *planned)
{
    return planned->speed.bytes_s > 0 ? (double)all_bytes(planned) / planned->speed.bytes_s : 0;
}

/* "12.3 MB". */
static void size_text(double bytes, char *text, size_t size)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    size_t at = 0;

    for (; bytes >= 1000 && at + 1 < FL_COUNT(units); at++)
        bytes /= 1000;
    (void)snprintf(text, size, at ? "%.1f %s" : "%.0f %s", bytes, units[at]);
}

/* Does the mirror still have a file of that cycle? */
static bool is_kept(const struct fl_planned *planned, const struct fl_source_mirror *mirror,
                    struct fl_cycle cycle)
{
    return mirror->keeps_s == 0 || planned->now_s < cycle.s + mirror->keeps_s;
}

/* Path of a part; index: of its index. */
static int part_path(const struct fl_planned *planned, size_t part, const struct fl_plan_lead *lead,
                     bool index, struct fl_buf *out, struct fl_err *reterr)
{
    return index
               ? fl_ask_index_path(planned->ask, part, lead->cycle, lead->source_lead, out, reterr)
               : fl_ask_path(planned->ask, part, lead->cycle, lead->source_lead, out, reterr);
}

static int print_part(const struct fl_planned *planned, const struct fl_plan_lead *lead,
                      size_t part, struct fl_err *reterr)
{
    const struct fl_source *source = fl_ask_source(planned->ask);
    const char *name = fl_ask_part_name(planned->ask, part);
    fl_auto(fl_buf_release) struct fl_buf path;
    int rc;

    fl_buf_init(&path, 0);
    rc = part_path(planned, part, lead, false, &path, reterr);
    if (rc < 0)
        return rc;
    if (*name)
        (void)printf("  %s\n", name);
    for (size_t k = 0; k < source->mirror_count; k++)
        (void)printf("  %s/%s%s\n", source->mirrors[k].url, path.data,
                     is_kept(planned, &source->mirrors[k], lead->cycle)
                         ? ""
                         : "  (too old for this mirror)");
    return 0;
}

static int print_lead(const struct fl_planned *planned, const struct fl_plan_lead *lead,
                      struct fl_err *reterr)
{
    char name[FL_TIME_TEXT_MAX];
    char valid[FL_TIME_TEXT_MAX];
    char expected[FL_TIME_TEXT_MAX];
    char size[SIZE_TEXT];
    int rc = 0;

    fl_lead_format(lead->lead, name);
    fl_cycle_format_extended(lead->valid, valid);
    fl_cycle_format_extended(lead->expected, expected);
    (void)printf("%s  valid %s, there %s ", name, valid, expected);
    if (lead->cycles)
        (void)printf("(learned from %" PRId64 " cycles)", lead->cycles);
    else
        (void)printf("(by the catalogue)");
    if (lead->usual_bytes) {
        size_text((double)lead->usual_bytes, size, sizeof(size));
        (void)printf(", the file usually has %s", size);
    }
    (void)printf("\n");
    for (size_t part = 0; part < fl_ask_parts(planned->ask) && rc == 0; part++)
        rc = print_part(planned, lead, part, reterr);
    return rc;
}

static void print_ranges(const struct fl_planned *planned)
{
    const struct fl_plan *plan = planned->plan;
    char size[SIZE_TEXT];
    bool open = false;
    uint64_t bytes = fl_plan_bytes(plan, &open);

    (void)printf("\nby %s:\n", planned->index);
    for (size_t i = 0; i < plan->range_count; i++) {
        char range[64];

        fl_plan_range_text(&plan->ranges[i], range, sizeof(range));
        (void)printf("  bytes=%s  %zu message%s\n", range, plan->ranges[i].message_count,
                     plan->ranges[i].message_count == 1 ? "" : "s");
    }
    size_text((double)bytes, size, sizeof(size));
    (void)printf("  %zu messages in %zu ranges, %s%s a file\n", plan->message_count,
                 plan->range_count, size, open ? " and the last message" : "");
}

int fl_planned_print(const struct fl_planned *planned, struct fl_err *reterr)
{
    const struct fl_source *source = fl_ask_source(planned->ask);
    size_t files = planned->count * fl_ask_parts(planned->ask);
    double seconds = fl_planned_seconds(planned);
    char size[SIZE_TEXT];
    char rate[SIZE_TEXT];
    int rc = 0;

    for (size_t i = 0; i < planned->count && rc == 0; i++)
        rc = print_lead(planned, &planned->leads[i], reterr);
    if (rc < 0)
        return rc;
    if (planned->plan)
        print_ranges(planned);
    (void)printf("\n%zu lead%s from %zu file%s", planned->count, planned->count == 1 ? "" : "s",
                 files, files == 1 ? "" : "s");
    if (all_bytes(planned)) {
        size_text((double)all_bytes(planned), size, sizeof(size));
        (void)printf(", %s%s", planned->plan && files > 1 ? "about " : "", size);
    }
    if (seconds > 0) {
        size_text(planned->speed.bytes_s, rate, sizeof(rate));
        (void)printf(", %.0f s at the %s/s that %s gave", seconds, rate,
                     source->mirrors[planned->speed.mirror].provider);
    }
    (void)printf("\n");
    return 0;
}

/* ---- JSON ---- */

static bool put(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static int no_memory(struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the plan");
}

static int add_url(const struct fl_planned *planned, const struct fl_plan_lead *lead, size_t part,
                   size_t at, json_t *urls, struct fl_err *reterr)
{
    const struct fl_source *source = fl_ask_source(planned->ask);
    const struct fl_source_mirror *mirror = &source->mirrors[at];
    json_t *one = json_object();
    bool good = one && json_array_append_new(urls, one) == 0 &&
                put(one, "provider", json_string(mirror->provider)) &&
                put(one, "kept", json_boolean(is_kept(planned, mirror, lead->cycle)));

    for (int index = 0; good && index < (source->index_kind == FL_INDEX_NONE ? 1 : 2); index++) {
        fl_auto(fl_buf_release) struct fl_buf url;
        int rc;

        fl_buf_init(&url, 0);
        fl_buf_printf(&url, "%s/", mirror->url);
        rc = part_path(planned, part, lead, index == 1, &url, reterr);
        if (rc < 0)
            return rc;
        good = put(one, index ? "index" : "url", json_string(url.data));
    }
    return good ? 0 : no_memory(reterr);
}

static int lead_json(const struct fl_planned *planned, const struct fl_plan_lead *lead, json_t *out,
                     struct fl_err *reterr)
{
    const struct fl_source *source = fl_ask_source(planned->ask);
    json_t *parts = json_array();
    char text[4][FL_TIME_TEXT_MAX];
    char source_lead[FL_TIME_TEXT_MAX];
    uint64_t bytes = part_bytes(planned, lead);
    bool good;
    int rc = 0;

    fl_lead_format(lead->lead, text[0]);
    fl_lead_format(lead->source_lead, source_lead);
    fl_cycle_format_extended(lead->valid, text[1]);
    fl_cycle_format_extended(lead->cycle, text[2]);
    fl_cycle_format_extended(lead->expected, text[3]);
    good = put(out, "lead", json_string(text[0])) && put(out, "valid", json_string(text[1])) &&
           put(out, "cycle", json_string(text[2])) && put(out, "expected", json_string(text[3])) &&
           put(out, "source_lead", json_string(source_lead)) &&
           put(out, "learned_from_cycles", json_integer(lead->cycles)) &&
           put(out, "bytes_a_part", bytes ? json_integer((json_int_t)bytes) : json_null()) &&
           put(out, "parts", parts);
    for (size_t part = 0; good && rc == 0 && part < fl_ask_parts(planned->ask); part++) {
        json_t *one = json_object();
        json_t *urls = json_array();

        good = json_array_append_new(parts, one) == 0 &&
               put(one, "name", json_string(fl_ask_part_name(planned->ask, part))) &&
               put(one, "mirrors", urls);
        for (size_t i = 0; good && rc == 0 && i < source->mirror_count; i++)
            rc = add_url(planned, lead, part, i, urls, reterr);
    }
    return good ? rc : no_memory(reterr);
}

static int ranges_json(const struct fl_planned *planned, json_t *out, struct fl_err *reterr)
{
    const struct fl_plan *plan = planned->plan;
    json_t *ranges = json_array();
    bool open = false;
    uint64_t bytes = fl_plan_bytes(plan, &open);
    bool good = put(out, "ranges", ranges) && put(out, "index", json_string(planned->index)) &&
                put(out, "messages", json_integer((json_int_t)plan->message_count)) &&
                put(out, "range_bytes", json_integer((json_int_t)bytes)) &&
                put(out, "last_is_open", json_boolean(open));

    for (size_t i = 0; good && i < plan->range_count; i++) {
        char text[64];

        fl_plan_range_text(&plan->ranges[i], text, sizeof(text));
        good = json_array_append_new(ranges,
                                     json_pack("{ss sI}", "bytes", text, "messages",
                                               (json_int_t)plan->ranges[i].message_count)) == 0;
    }
    return good ? 0 : no_memory(reterr);
}

int fl_planned_json(const struct fl_planned *planned, json_t **ret_json, struct fl_err *reterr)
{
    const struct fl_source *source = fl_ask_source(planned->ask);
    json_t *out = json_object();
    json_t *leads = json_array();
    double seconds = fl_planned_seconds(planned);
    bool good =
        out && put(out, "source", json_string(source->name)) &&
        put(out, "request", fl_ask_json(planned->ask)) &&
        put(out, "seconds", seconds > 0 ? json_real(seconds) : json_null()) &&
        put(out, "bytes",
            all_bytes(planned) ? json_integer((json_int_t)all_bytes(planned)) : json_null());
    int rc = 0;

    good = put(out, "leads", leads) && good;
    for (size_t i = 0; good && rc == 0 && i < planned->count; i++) {
        json_t *one = json_object();

        good = json_array_append_new(leads, one) == 0;
        if (good)
            rc = lead_json(planned, &planned->leads[i], one, reterr);
    }
    if (good && rc == 0 && planned->plan)
        rc = ranges_json(planned, out, reterr);
    if (!good)
        rc = no_memory(reterr);
    if (rc < 0)
        json_decref(out);
    else
        *ret_json = out;
    return rc;
}
