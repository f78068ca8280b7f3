/* Who goes first, and how much each may take. */
#include "config.h"

#include "data-fetch/lines/rules.h"

#include <string.h>

#include "engine/base/banned.h"

static int64_t order_of(int64_t deadline_s)
{
    return deadline_s > 0 ? deadline_s : INT64_MAX;
}

void fl_rules_begin(struct fl_rules *rules)
{
    rules->going = 0;
    for (size_t i = 0; i < rules->count; i++) {
        rules->lines[i].held = false;
        rules->lines[i].others = 0;
        rules->lines[i].others_s = 0;
    }
}

void fl_rules_see(struct fl_rules *rules, const struct fl_share_record *record)
{
    bool sooner = order_of(record->deadline_s) < order_of(rules->deadline_s);
    bool later = order_of(record->deadline_s) > order_of(rules->deadline_s);
    bool goes = false;

    for (size_t k = 0; k < record->count; k++) {
        const struct fl_share_line *theirs = &record->lines[k];

        for (size_t i = 0; i < rules->count; i++) {
            struct fl_rule_line *ours = &rules->lines[i];

            if (strcmp(ours->site, theirs->site) != 0 || strcmp(ours->line, theirs->line) != 0)
                continue;
            ours->others_s += theirs->state.bytes_s;
            if (sooner && theirs->wants)
                ours->held = true;
            if (theirs->state.running > 0 && !later)
                ours->others++;
        }
        goes = goes || (theirs->state.running > 0 && !later);
    }
    rules->going += goes;
}

static int64_t least(int64_t a, int64_t b)
{
    if (a <= 0 || b <= 0)
        return a > 0 ? a : b;
    return a < b ? a : b;
}

void fl_rules_end(struct fl_rules *rules)
{
    double all = 0;

    for (size_t i = 0; i < rules->count; i++)
        all += rules->lines[i].held ? 0 : rules->lines[i].bytes_s;
    for (size_t i = 0; i < rules->count; i++) {
        struct fl_rule_line *line = &rules->lines[i];
        double most = line->cap_bytes_s > 0 ? (double)line->cap_bytes_s : line->most_bytes_s;
        int64_t may = line->cap_bytes_s;

        if (!rules->operations && rules->reserve_percent > 0 && most > 0) {
            double left = most * (double)(100 - rules->reserve_percent) / 100;

            may = least(may, left > 1 ? (int64_t)left : 1);
        }
        if (may > 0)
            may = may / (line->others + 1) > 0 ? may / (line->others + 1) : 1;
        if (rules->site_cap_bytes_s > 0) {
            double share = (double)rules->site_cap_bytes_s / (rules->going + 1);
            double part = all > 0 ? line->bytes_s / all : 1.0 / (double)rules->count;

            /* a line that is idle now may begin with a little */
            part = part > 0.05 ? part : 0.05;
            may = least(may, share * part > 1 ? (int64_t)(share * part) : 1);
        }
        line->may_bytes_s = may;
    }
}
