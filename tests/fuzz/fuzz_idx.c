/* Fuzzes the inventory parser, the selection, the plan, and the frame of GRIB messages: what a
 * server sends. Seeds are real `.idx` files; those of the sample data do (see
 * tests/unit/data-fetch/test_index.c, which also cuts and garbles one in each ordinary test run).
 */

#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/frame.h"
#include "data-fetch/source/ncep.h"
#include "data-fetch/source/plan.h"

#include "engine/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int see_field(const void *data, size_t size, uint32_t field, struct fl_err *reterr,
                     void *arg)
{
    (void)field;
    (void)arg;
    fl_assert(fl_frame_check(data, size, reterr) == 0);
    return 0;
}

static void fuzz_frame(const uint8_t *data, size_t size)
{
    uint32_t count = 0;

    if (fl_frame_check(data, size, NULL) == 0 &&
        fl_frame_fields(data, size, see_field, &count, NULL, NULL) == 0)
        fl_assert(count > 0);
}

static void check_plan(const struct fl_plan *plan)
{
    uint64_t before = 0;
    size_t messages = 0;

    for (size_t i = 0; i < plan->range_count; i++) {
        const struct fl_plan_range *range = &plan->ranges[i];

        fl_assert(range->message_first == messages);
        fl_assert(range->end == 0 || range->end > range->first);
        fl_assert(i == 0 || range->first >= before);
        messages += range->message_count;
        before = range->end;
    }
    fl_assert(messages == plan->message_count);
}

static void fuzz_index(const char *text, size_t size)
{
    static const char *const expression = ":(UGRD|VGRD|WIND):[^:]*:.*fcst:";
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    fl_auto(fl_select_destroy) struct fl_select *select = NULL;
    fl_auto(fl_plan_destroy) struct fl_plan *some = NULL;
    fl_auto(fl_plan_destroy) struct fl_plan *all = NULL;

    if (fl_index_parse(text, size, &index, NULL) < 0)
        return;
    fl_assert(fl_select_create(&expression, 1, &select, NULL) == 0);
    if (fl_plan_make(index, select, 0, &some, NULL) == 0)
        check_plan(some);
    fl_assert(fl_plan_make(index, NULL, 4096, &all, NULL) == 0);
    check_plan(all);
    for (size_t i = 0; i < fl_index_count(index); i++) {
        struct fl_ncep_variable variable;
        struct fl_ncep_level level;
        struct fl_lead lead;

        (void)fl_ncep_variable(fl_index_at(index, i)->variable, &variable); /* either is fine */
        (void)fl_ncep_level(fl_index_at(index, i)->level, &level);
        (void)fl_index_forecast(fl_index_at(index, i)->forecast, &lead);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_frame(data, size);
    fuzz_index((const char *)data, size);
    return 0;
}
