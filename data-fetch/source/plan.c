/* Selection and byte ranges. */
#include "config.h"

#include "data-fetch/source/plan.h"

#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

struct fl_select {
    size_t count;
    struct {
        char *text;
        regex_t regex;
        bool ready;
    } parts[FL_PLAN_SELECT_MAX];
};

int fl_select_create(const char *const *expressions, size_t count, struct fl_select **ret_select,
                     struct fl_err *reterr)
{
    fl_auto(fl_select_destroy) struct fl_select *select = NULL;

    fl_assert(count == 0 || expressions);
    if (count > FL_PLAN_SELECT_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "%zu selections; the limit is %d", count,
                          FL_PLAN_SELECT_MAX);
    select = calloc(1, sizeof(*select));
    if (!select)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the selections");
    for (size_t i = 0; i < count; i++) {
        char why[200];
        int rc = regcomp(&select->parts[i].regex, expressions[i], REG_EXTENDED | REG_NOSUB);

        if (rc != 0) {
            (void)regerror(rc, &select->parts[i].regex, why, sizeof(why));
            return fl_err_set(reterr, FL_E_CONFIG, rc,
                              "selection '%s' is not a POSIX extended regular expression: %s",
                              expressions[i], why);
        }
        select->parts[i].ready = true;
        select->count = i + 1;
        select->parts[i].text = strdup(expressions[i]);
        if (!select->parts[i].text)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the selections");
    }
    *ret_select = FL_STEAL(select);
    return 0;
}

void fl_select_destroy(struct fl_select *select)
{
    if (!select)
        return;
    for (size_t i = 0; i < FL_PLAN_SELECT_MAX; i++) {
        if (select->parts[i].ready)
            regfree(&select->parts[i].regex);
        free(select->parts[i].text);
    }
    free(select);
}

size_t fl_select_count(const struct fl_select *select)
{
    return select->count;
}

const char *fl_select_text(const struct fl_select *select, size_t at)
{
    fl_assert(at < select->count);
    return select->parts[at].text;
}

/* What was found of one line. */
struct chosen {
    bool taken;
    uint64_t selects;
    uint64_t keys;
    struct fl_plan_open *open;
    size_t open_count;
};

static bool lead_fits(const struct fl_plan_choice *choice, const struct fl_index_line *line)
{
    struct fl_lead lead;

    return !choice->lead || !fl_index_lead(line->kind, line->forecast, &lead) ||
           lead.minutes == choice->lead->minutes;
}

static int choose_by_select(const struct fl_index *index, const struct fl_plan_choice *choice,
                            size_t at_select, struct chosen *chosen, struct fl_err *reterr)
{
    bool any = false;

    for (size_t at = 0; at < fl_index_count(index); at++) {
        const struct fl_index_line *line = fl_index_at(index, at);

        if (!lead_fits(choice, line) ||
            regexec(&choice->select->parts[at_select].regex, line->key, 0, NULL, 0) != 0)
            continue;
        any = chosen[at].taken = true;
        chosen[at].selects |= UINT64_C(1) << at_select;
    }
    if (any)
        return 0;
    return fl_err_set(reterr, FL_E_MISMATCH, 0,
                      "selection '%s' matches none of the index's %zu lines (first: '%s')",
                      choice->select->parts[at_select].text, fl_index_count(index),
                      fl_index_at(index, 0)->key);
}

static int add_open(struct chosen *chosen, size_t keys, uint32_t open, struct fl_err *reterr)
{
    struct fl_plan_open *grown =
        realloc(chosen->open, (chosen->open_count + 1) * sizeof(*chosen->open));

    if (!grown)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the plan");
    chosen->open = grown;
    grown[chosen->open_count++] =
        (struct fl_plan_open){.keys = (uint16_t)keys, .conditions = (uint16_t)open};
    return 0;
}

static int choose_by_keys(const struct fl_index *index, const struct fl_plan_choice *choice,
                          size_t at_keys, struct chosen *chosen, struct fl_err *reterr)
{
    const struct fl_keys *keys = choice->keys[at_keys];
    bool any = false;

    for (size_t at = 0; at < fl_index_count(index); at++) {
        const struct fl_index_line *line = fl_index_at(index, at);
        uint32_t open = 0;
        enum fl_keys_answer answer =
            lead_fits(choice, line) ? fl_keys_line(keys, line, &open) : FL_KEYS_NO;

        if (answer == FL_KEYS_NO)
            continue;
        any = chosen[at].taken = true;
        if (answer == FL_KEYS_YES)
            chosen[at].keys |= UINT64_C(1) << at_keys;
        else if (add_open(&chosen[at], at_keys, open, reterr) < 0)
            return FL_E_NOMEM;
    }
    if (any)
        return 0;
    return fl_err_set(reterr, FL_E_MISMATCH, 0,
                      "keys '%s' match none of the index's %zu lines (first: '%s')",
                      fl_keys_text(keys), fl_index_count(index), fl_index_at(index, 0)->key);
}

/* Marks the lines that are asked for. FL_E_MISMATCH for an expression or keys without a line. */
static int choose(const struct fl_index *index, const struct fl_plan_choice *choice,
                  struct chosen *chosen, struct fl_err *reterr)
{
    size_t selects = choice->select ? choice->select->count : 0;
    int rc = 0;

    for (size_t i = 0; i < selects && rc == 0; i++)
        rc = choose_by_select(index, choice, i, chosen, reterr);
    for (size_t i = 0; i < choice->key_count && rc == 0; i++)
        rc = choose_by_keys(index, choice, i, chosen, reterr);
    if (selects == 0 && choice->key_count == 0) {
        for (size_t at = 0; at < fl_index_count(index); at++)
            chosen[at].taken = lead_fits(choice, fl_index_at(index, at));
    }
    return rc;
}

static int add_field(struct fl_plan_message *message, const struct fl_index_line *line,
                     struct chosen *chosen, struct fl_err *reterr)
{
    struct fl_plan_field *fields =
        realloc(message->fields, (message->count + 1) * sizeof(*message->fields));
    struct fl_plan_field *field;

    if (!fields)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the plan");
    message->fields = fields;
    field = &fields[message->count++];
    *field = (struct fl_plan_field){.field = line->field,
                                    .kind = line->kind,
                                    .variable = strdup(line->variable),
                                    .level = strdup(line->level),
                                    .forecast = strdup(line->forecast),
                                    .member = strdup(line->member),
                                    .selects = chosen->selects,
                                    .keys = chosen->keys,
                                    .open = chosen->open,
                                    .open_count = chosen->open_count};
    chosen->open = NULL;
    if (!field->variable || !field->level || !field->forecast || !field->member)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the plan");
    return 0;
}

static int collect(struct fl_plan *plan, const struct fl_index *index, struct chosen *chosen,
                   struct fl_err *reterr)
{
    for (size_t at = 0; at < fl_index_count(index); at++) {
        const struct fl_index_line *line = fl_index_at(index, at);
        struct fl_plan_message *message = NULL;
        int rc;

        if (!chosen[at].taken)
            continue;
        for (size_t i = plan->message_count; line->field != 0 && i > 0 && !message; i--) {
            if (plan->messages[i - 1].offset == line->offset)
                message = &plan->messages[i - 1];
        }
        if (!message) {
            message = &plan->messages[plan->message_count++];
            message->number = line->number;
            message->offset = line->offset;
            message->end = line->end;
        }
        rc = add_field(message, line, &chosen[at], reterr);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int order_of_messages(const void *a, const void *b)
{
    const struct fl_plan_message *left = a;
    const struct fl_plan_message *right = b;

    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static void merge(struct fl_plan *plan, uint64_t gap_bytes)
{
    struct fl_plan_range *range = NULL;

    for (size_t i = 0; i < plan->message_count; i++) {
        const struct fl_plan_message *message = &plan->messages[i];

        if (!range || message->offset > range->end + gap_bytes ||
            (message->end ? message->end : message->offset) - range->first > FL_PLAN_RANGE_BYTES) {
            range = &plan->ranges[plan->range_count++];
            range->first = message->offset;
            range->message_first = i;
        }
        range->end = message->end;
        range->message_count++;
    }
}

int fl_plan_choose(const struct fl_index *index, const struct fl_plan_choice *choice,
                   uint64_t gap_bytes, struct fl_plan **ret_plan, struct fl_err *reterr)
{
    fl_auto(fl_plan_destroy) struct fl_plan *plan = calloc(1, sizeof(*plan));
    size_t count = fl_index_count(index);
    struct chosen *chosen = calloc(count, sizeof(*chosen));
    int rc = 0;

    fl_assert(ret_plan);
    fl_assert(choice->key_count <= FL_ASK_KEYS_MAX);
    if (plan) {
        plan->messages = calloc(count, sizeof(*plan->messages));
        plan->ranges = calloc(count, sizeof(*plan->ranges));
    }
    if (!plan || !chosen || !plan->messages || !plan->ranges)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the plan");
    if (rc == 0)
        rc = choose(index, choice, chosen, reterr);
    if (rc == 0)
        rc = collect(plan, index, chosen, reterr);
    for (size_t i = 0; chosen && i < count; i++)
        free(chosen[i].open);
    free(chosen);
    if (rc < 0)
        return rc;
    qsort(plan->messages, plan->message_count, sizeof(*plan->messages), order_of_messages);
    merge(plan, gap_bytes);
    *ret_plan = FL_STEAL(plan);
    return 0;
}

int fl_plan_make(const struct fl_index *index, const struct fl_select *select, uint64_t gap_bytes,
                 struct fl_plan **ret_plan, struct fl_err *reterr)
{
    struct fl_plan_choice choice = {.select = select};

    return fl_plan_choose(index, &choice, gap_bytes, ret_plan, reterr);
}

void fl_plan_destroy(struct fl_plan *plan)
{
    if (!plan)
        return;
    for (size_t i = 0; plan->messages && i < plan->message_count; i++) {
        for (size_t k = 0; k < plan->messages[i].count; k++) {
            free(plan->messages[i].fields[k].variable);
            free(plan->messages[i].fields[k].level);
            free(plan->messages[i].fields[k].forecast);
            free(plan->messages[i].fields[k].member);
            free(plan->messages[i].fields[k].open);
        }
        free(plan->messages[i].fields);
    }
    free(plan->messages);
    free(plan->ranges);
    free(plan);
}

uint64_t fl_plan_bytes(const struct fl_plan *plan, bool *ret_open)
{
    uint64_t total = 0;

    *ret_open = false;
    for (size_t i = 0; i < plan->range_count; i++) {
        if (plan->ranges[i].end == 0)
            *ret_open = true;
        else
            total += plan->ranges[i].end - plan->ranges[i].first;
    }
    return total;
}

void fl_plan_range_text(const struct fl_plan_range *range, char *text, size_t size)
{
    if (range->end == 0)
        (void)snprintf(text, size, "%" PRIu64 "-", range->first);
    else
        (void)snprintf(text, size, "%" PRIu64 "-%" PRIu64, range->first, range->end - 1);
}
