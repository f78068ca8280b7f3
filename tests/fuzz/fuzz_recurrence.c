/* Fuzzes recurrences. The first byte chooses the calendar, the next eight a cycle to look for. What
 * is accepted is printed and accepted again, its points ascend, and each is found where it lies. */

#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/recurrence.h"

#include "engine/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_at(const struct fl_recurrence *rule, struct fl_cycle asked)
{
    int64_t after = fl_recurrence_at_or_after(rule, asked);
    int64_t before = fl_recurrence_at_or_before(rule, asked);
    struct fl_cycle at;

    fl_assert(after < 0 || (fl_recurrence_nth(rule, after, &at) && at.s >= asked.s));
    fl_assert(before < 0 || (fl_recurrence_nth(rule, before, &at) && at.s <= asked.s));
    fl_assert(after < 0 || after == before || after == before + 1);
    (void)fl_recurrence_check(rule, asked, NULL); /* either answer is fine */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char shown[FL_RECURRENCE_TEXT_MAX];
    struct fl_recurrence rule;
    struct fl_recurrence again;
    enum fl_calendar calendar;
    struct fl_cycle asked;
    struct fl_cycle at;
    struct fl_cycle last = {INT64_MIN};
    char *text;

    if (size < 9)
        return 0;
    calendar = (enum fl_calendar)(data[0] % FL_CALENDAR_COUNT);
    memcpy(&asked.s, data + 1, sizeof(asked.s));
    asked.s = calendar * FL_CALENDAR_SPAN + asked.s % (FL_CALENDAR_SPAN / 4);
    text = strndup((const char *)data + 9, size - 9);
    fl_assert(text);
    if (fl_recurrence_parse(text, calendar, data[0] & 0x80 ? &asked : NULL, &rule, NULL) == 0) {
        for (int64_t k = 0; k < 20 && fl_recurrence_nth(&rule, k, &at); k++) {
            fl_assert(at.s > last.s);
            fl_assert(fl_recurrence_find(&rule, at) == k);
            last = at;
        }
        if (fl_cycle_in_range(asked))
            look_at(&rule, asked);
        fl_recurrence_format(&rule, shown);
        fl_assert(fl_recurrence_parse(shown, calendar, NULL, &again, NULL) == 0);
        fl_assert(memcmp(&again, &rule, sizeof(rule)) == 0);
    }
    free(text);
    return 0;
}
