/* Fuzzes the index of ECMWF's open data and the plans made of it: what a server sends. */

#include "config.h"

#include <stdint.h>
#include <string.h>

#include "data-fetch/source/plan.h"

#include "engine/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_plan(const struct fl_plan *plan)
{
    size_t messages = 0;
    uint64_t before = 0;

    for (size_t i = 0; i < plan->range_count; i++) {
        const struct fl_plan_range *range = &plan->ranges[i];

        fl_assert(range->message_first == messages);
        fl_assert(range->end > range->first); /* each line tells its length */
        fl_assert(i == 0 || range->first >= before);
        messages += range->message_count;
        before = range->end;
    }
    fl_assert(messages == plan->message_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    fl_auto(fl_keys_destroy) struct fl_keys *keys = NULL;
    fl_auto(fl_plan_destroy) struct fl_plan *some = NULL;
    fl_auto(fl_plan_destroy) struct fl_plan *all = NULL;
    struct fl_plan_choice choice = {.keys = &keys, .key_count = 1};

    if (fl_index_parse_ecmwf((const char *)data, size, &index, NULL) < 0)
        return 0;
    fl_assert(fl_keys_parse("param=q/2t,number=1/to/50", FL_INDEX_ECMWF, &keys, NULL) == 0);
    for (size_t i = 0; i < fl_index_count(index); i++) {
        const struct fl_index_line *line = fl_index_at(index, i);
        struct fl_lead lead;

        fl_assert(line->end > line->offset && line->variable && line->level && line->key);
        (void)fl_index_lead(line->kind, line->forecast, &lead); /* either is fine */
    }
    fl_assert(fl_plan_make(index, NULL, 4096, &all, NULL) == 0);
    check_plan(all);
    if (fl_plan_choose(index, &choice, 0, &some, NULL) == 0)
        check_plan(some);
    return 0;
}
