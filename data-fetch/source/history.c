/* Files against their past. */
#include "config.h"

#include "data-fetch/source/history.h"

#include <inttypes.h>

#include "data-fetch/book/book.h"

#include "engine/base/banned.h"

/* True when value is below the part of the median; in parts that cannot overflow. */
static bool is_few(uint64_t value, uint64_t median, int percent)
{
    return value > 0 && median > 0 && (double)value * 100 < (double)median * percent;
}

enum fl_history_act fl_history_judge(const struct fl_history_rule *rule,
                                     const struct fl_book_size *past, uint64_t bytes,
                                     uint64_t messages, struct fl_err *ret_why)
{
    fl_assert(rule->percent > 0 && rule->percent <= 100);
    if (past->count < rule->cycles)
        return FL_HISTORY_PASS;
    if (is_few(messages, past->messages, rule->percent) && rule->few != FL_HISTORY_PASS) {
        (void)fl_err_set(ret_why, FL_E_MISMATCH, 0,
                         "the file has %" PRIu64 " messages; %" PRId64 " other cycles had %" PRIu64
                         " (median)",
                         messages, past->count, past->messages);
        return rule->few;
    }
    if (is_few(bytes, past->bytes, rule->percent) && rule->few != FL_HISTORY_PASS) {
        (void)fl_err_set(ret_why, FL_E_MISMATCH, 0,
                         "the file has %" PRIu64 " bytes; %" PRId64 " other cycles had %" PRIu64
                         " (median)",
                         bytes, past->count, past->bytes);
        return rule->few;
    }
    if (messages > 0 && past->messages > 0 && messages != past->messages &&
        rule->changed != FL_HISTORY_PASS) {
        (void)fl_err_set(ret_why, FL_E_MISMATCH, 0,
                         "the file has %" PRIu64 " messages; %" PRId64 " other cycles had %" PRIu64,
                         messages, past->count, past->messages);
        return rule->changed;
    }
    return FL_HISTORY_PASS;
}
