/* Requests of a source. */
#include "config.h"

#include "data-fetch/source/ask_impl.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/frame.h"
#include "data-fetch/source/message.h"
#include "engine/base/json.h"

#include "engine/base/banned.h"

const struct fl_source *fl_ask_source(const struct fl_ask *ask)
{
    return ask->source;
}

size_t fl_ask_parts(const struct fl_ask *ask)
{
    return ask->part_count;
}

const char *fl_ask_part_name(const struct fl_ask *ask, size_t part)
{
    fl_assert(part < ask->part_count);
    return ask->parts[part].name;
}

const char *fl_ask_digest(const struct fl_ask *ask)
{
    return ask->digest;
}

/* ---- paths ---- */

const char *fl_ask_value_of(const char *dimension, void *arg)
{
    const struct fl_ask_values_of *of = arg;

    return fl_ask_value(of->ask, of->part, dimension);
}

int fl_ask_path(const struct fl_ask *ask, size_t part, struct fl_cycle cycle, struct fl_lead lead,
                struct fl_buf *out, struct fl_err *reterr)
{
    struct fl_ask_values_of of = {.ask = ask, .part = part};

    fl_assert(part < ask->part_count);
    return fl_source_path_of(ask->source, cycle, lead, fl_ask_value_of, &of, out, reterr);
}

int fl_ask_index_path(const struct fl_ask *ask, size_t part, struct fl_cycle cycle,
                      struct fl_lead lead, struct fl_buf *out, struct fl_err *reterr)
{
    const struct fl_source *source = ask->source;
    fl_auto(fl_buf_release) struct fl_buf path;
    size_t off = strlen(source->index_replaces);
    int rc;

    fl_assert(source->index_kind != FL_INDEX_NONE);
    fl_buf_init(&path, 0);
    rc = fl_ask_path(ask, part, cycle, lead, &path, reterr);
    if (rc < 0)
        return rc;
    if (path.size < off || strcmp(path.data + path.size - off, source->index_replaces) != 0)
        return fl_err_set(reterr, FL_E_CONFIG, 0,
                          "source '%s': path '%s' does not end in '%s', which its index replaces",
                          source->name, path.data, source->index_replaces);
    fl_buf_add(out, path.data, path.size - off);
    fl_buf_puts(out, source->index);
    return 0;
}

/* ---- the index ---- */

static int check_cycle(const struct fl_index *index, const struct fl_ask_time *time,
                       struct fl_err *reterr)
{
    char found[FL_TIME_TEXT_MAX];
    char wanted[FL_TIME_TEXT_MAX];

    for (size_t i = 0; i < fl_index_count(index); i++) {
        struct fl_cycle cycle = fl_index_at(index, i)->cycle;

        if (cycle.s == time->cycle.s)
            continue;
        fl_cycle_format(cycle, found);
        fl_cycle_format(time->cycle, wanted);
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "the index is of cycle %s (line %zu); asked for was %s", found, i + 1,
                          wanted);
    }
    return 0;
}

static int check_valid(const struct fl_plan *plan, const struct fl_ask_time *time,
                       struct fl_err *reterr)
{
    char wanted[FL_TIME_TEXT_MAX];

    for (size_t i = 0; i < plan->message_count; i++) {
        for (size_t k = 0; k < plan->messages[i].count; k++) {
            const struct fl_plan_field *field = &plan->messages[i].fields[k];
            struct fl_lead lead = {0};

            if (!fl_index_lead(field->kind, field->forecast, &lead) ||
                fl_cycle_add(time->cycle, lead).s == time->valid.s)
                continue;
            fl_cycle_format(time->valid, wanted);
            return fl_err_set(reterr, FL_E_MISMATCH, 0,
                              "the index says ':%s:%s:%s:' where a field valid at %s was asked for",
                              field->variable, field->level, field->forecast, wanted);
        }
    }
    return 0;
}

/* time NULL: nothing is held against it. */
static int make_plan(const struct fl_ask *ask, const struct fl_ask_time *time, struct fl_lead lead,
                     const struct fl_index *index, uint64_t gap_bytes, struct fl_plan **ret_plan,
                     struct fl_err *reterr)
{
    fl_auto(fl_plan_destroy) struct fl_plan *plan = NULL;
    struct fl_plan_choice choice = {.select = ask->select,
                                    .keys = ask->keys,
                                    .key_count = ask->key_count,
                                    .lead = ask->source->file_spans_s ? &lead : NULL};
    int rc = time ? check_cycle(index, time, reterr) : 0;

    if (rc == 0)
        rc = fl_plan_choose(index, &choice, gap_bytes, &plan, reterr);
    if (rc == 0 && time)
        rc = check_valid(plan, time, reterr);
    if (rc == 0 && plan->message_count == 0)
        rc = fl_err_set(reterr, FL_E_MISMATCH, 0,
                        "none of the index's %zu lines is of the lead that is asked for",
                        fl_index_count(index));
    if (rc < 0)
        return rc;
    *ret_plan = FL_STEAL(plan);
    return 0;
}

int fl_ask_plan_of(const struct fl_ask *ask, size_t part, const struct fl_ask_time *time,
                   const struct fl_index *index, uint64_t gap_bytes, struct fl_plan **ret_plan,
                   struct fl_err *reterr)
{
    struct fl_lead lead = {.minutes = (int32_t)((time->valid.s - time->cycle.s) / 60)};

    fl_assert(part < ask->part_count);
    return make_plan(ask, time, lead, index, gap_bytes, ret_plan, reterr);
}

int fl_ask_plan(const struct fl_ask *ask, size_t part, const struct fl_ask_time *time,
                const char *text, size_t size, struct fl_plan **ret_plan, struct fl_err *reterr)
{
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    int rc = fl_index_parse_kind(ask->source->index_kind, text, size, &index, reterr);

    return rc < 0 ? rc
                  : fl_ask_plan_of(ask, part, time, index, ask->source->merge_gap_bytes, ret_plan,
                                   reterr);
}

int fl_ask_estimate(const struct fl_ask *ask, size_t part, struct fl_lead lead, const char *text,
                    size_t size, struct fl_plan **ret_plan, struct fl_err *reterr)
{
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    int rc = fl_index_parse_kind(ask->source->index_kind, text, size, &index, reterr);

    fl_assert(part < ask->part_count);
    return rc < 0
               ? rc
               : make_plan(ask, NULL, lead, index, ask->source->merge_gap_bytes, ret_plan, reterr);
}

bool fl_ask_is_plain(const struct fl_ask *ask)
{
    return !ask->has_area && ask->key_count == 0;
}

/* ---- messages ---- */

struct taking {
    const struct fl_ask *ask;
    struct fl_ask_tally *tally;
    fl_ask_emit_fn emit;
    void *arg;
    struct fl_buf *cut;
    int emitted; /* what emit said; it is no fault of the message */
};

static int give_on(struct taking *taking, const void *data, size_t size)
{
    taking->emitted = taking->emit(data, size, taking->arg);
    if (taking->emitted < 0)
        return taking->emitted;
    taking->tally->messages++;
    taking->tally->bytes += size;
    return 0;
}

static int take_field(const void *data, size_t size, void *handle, struct fl_err *reterr, void *arg)
{
    struct taking *taking = arg;
    int rc;

    fl_buf_clear(taking->cut);
    rc = fl_crop_field(data, size, handle, &taking->ask->area, taking->cut, reterr);
    return rc < 0 ? rc : give_on(taking, taking->cut->data, taking->cut->size);
}

/* Takes off zero bytes behind the message. */
static size_t without_padding(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    uint64_t length = 0;
    size_t at = size;

    if (fl_frame_length(data, size, &length, NULL) < 0 || length >= size)
        return size;
    while (at > length && bytes[at - 1] == 0)
        at--;
    return at == length ? at : size;
}

int fl_ask_take(const struct fl_ask *ask, size_t part, const struct fl_ask_time *time,
                const struct fl_plan_message *message, const void *data, size_t size,
                struct fl_ask_tally *tally, fl_ask_emit_fn emit, void *arg, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf cut;
    struct taking taking = {.ask = ask, .tally = tally, .emit = emit, .arg = arg, .cut = &cut};
    struct fl_message_found found = {0};
    struct fl_message_want want = {.cycle = time->cycle,
                                   .valid = time->valid,
                                   .fields = message ? message->fields : NULL,
                                   .count = message ? message->count : 0,
                                   .keys = ask->keys,
                                   .key_count = ask->key_count,
                                   .field = ask->has_area ? take_field : NULL,
                                   .arg = &taking};
    int rc;

    fl_assert(part < ask->part_count);
    fl_buf_init(&cut, FL_MESSAGE_MAX);
    want.expects = ask->parts[part].expects;
    want.expect_count = ask->parts[part].expect_count;
    size = without_padding(data, size);
    rc = fl_message_look(data, size, &want, &found, reterr);
    if (rc < 0)
        return rc;
    tally->keys |= found.keys;
    if (found.wanted == 0)
        tally->left_out++;
    else if (!ask->has_area)
        rc = give_on(&taking, data, size);
    return rc;
}

int fl_ask_end(const struct fl_ask *ask, const struct fl_ask_tally *tally, struct fl_err *reterr)
{
    for (size_t i = 0; i < ask->key_count && ask->source->format == FL_FORMAT_GRIB; i++) {
        if ((tally->keys & UINT64_C(1) << i) == 0)
            return fl_err_set(reterr, FL_E_MISMATCH, 0,
                              "no message has the keys '%s' (%zu were looked at)",
                              fl_keys_text(ask->keys[i]), tally->messages + tally->left_out);
    }
    if (tally->bytes == 0)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "nothing of what is asked for has come");
    return 0;
}
