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

/* Marks the lines that some expression matches. FL_E_MISMATCH for an expression without a line. */
static int choose(const struct fl_index *index, const struct fl_select *select, bool *chosen,
                  struct fl_err *reterr)
{
    for (size_t at = 0; at < fl_index_count(index) && (!select || select->count == 0); at++)
        chosen[at] = true;
    for (size_t i = 0; select && i < select->count; i++) {
        bool any = false;

        for (size_t at = 0; at < fl_index_count(index); at++) {
            if (regexec(&select->parts[i].regex, fl_index_at(index, at)->key, 0, NULL, 0) == 0)
                any = chosen[at] = true;
        }
        if (!any)
            return fl_err_set(reterr, FL_E_MISMATCH, 0,
                              "selection '%s' matches none of the index's %zu lines (first: '%s')",
                              select->parts[i].text, fl_index_count(index),
                              fl_index_at(index, 0)->key);
    }
    return 0;
}

static int add_field(struct fl_plan_message *message, const struct fl_index_line *line,
                     struct fl_err *reterr)
{
    struct fl_plan_field *fields =
        realloc(message->fields, (message->count + 1) * sizeof(*message->fields));
    struct fl_plan_field *field;

    if (!fields)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the plan");
    message->fields = fields;
    field = &fields[message->count++];
    field->field = line->field;
    field->variable = strdup(line->variable);
    field->level = strdup(line->level);
    field->forecast = strdup(line->forecast);
    if (!field->variable || !field->level || !field->forecast)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the plan");
    return 0;
}

static int collect(struct fl_plan *plan, const struct fl_index *index, const bool *chosen,
                   struct fl_err *reterr)
{
    for (size_t at = 0; at < fl_index_count(index); at++) {
        const struct fl_index_line *line = fl_index_at(index, at);
        struct fl_plan_message *message = NULL;
        int rc;

        if (!chosen[at])
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
        rc = add_field(message, line, reterr);
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

int fl_plan_make(const struct fl_index *index, const struct fl_select *select, uint64_t gap_bytes,
                 struct fl_plan **ret_plan, struct fl_err *reterr)
{
    fl_auto(fl_plan_destroy) struct fl_plan *plan = calloc(1, sizeof(*plan));
    size_t count = fl_index_count(index);
    bool *chosen = calloc(count, sizeof(*chosen));
    int rc = 0;

    fl_assert(ret_plan);
    if (plan) {
        plan->messages = calloc(count, sizeof(*plan->messages));
        plan->ranges = calloc(count, sizeof(*plan->ranges));
    }
    if (!plan || !chosen || !plan->messages || !plan->ranges)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the plan");
    if (rc == 0)
        rc = choose(index, select, chosen, reterr);
    if (rc == 0)
        rc = collect(plan, index, chosen, reterr);
    free(chosen);
    if (rc < 0)
        return rc;
    qsort(plan->messages, plan->message_count, sizeof(*plan->messages), order_of_messages);
    merge(plan, gap_bytes);
    *ret_plan = FL_STEAL(plan);
    return 0;
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
