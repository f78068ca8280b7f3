#ifndef FL_LINES_RULES_H
#define FL_LINES_RULES_H

/* Who goes first, and how much each may take: decided from what the transfers of a site tell each
 * other. Pure: no clock, no files.
 *
 * On a line, a transfer whose deadline is later than that of another which has something waiting
 * begins no chunk (one without a deadline is the latest of all). Those that may go share the line's
 * cap, and the site's cap of this time of day, in equal parts. Others than those of operations
 * leave them the reserve: of the line's cap, or of the most it was ever seen to carry. Owns:
 * nothing. Threads: any. Limits: none. */

#include "data-fetch/lines/share.h"

struct fl_rule_line {
    /* asked */
    const char *site;
    const char *line;
    int64_t cap_bytes_s; /* of the line; 0: none */
    double most_bytes_s; /* it was seen to carry by us; 0: not known */
    double bytes_s;      /* now, by us */
    /* answered */
    bool held;
    int64_t may_bytes_s; /* 0: as much as comes */
    /* gathered */
    int others;      /* that go by it beside us */
    double others_s; /* what they carry */
};

struct fl_rules {
    int64_t deadline_s; /* ours, UTC; 0: none */
    bool operations;    /* ours */
    int64_t reserve_percent;
    int64_t site_cap_bytes_s; /* of all lines together; 0: none */
    int going;                /* other transfers that go by any line */
    struct fl_rule_line *lines;
    size_t count;
};

/* Before the first record. */
void fl_rules_begin(struct fl_rules *rules);
/* Once for each other transfer. */
void fl_rules_see(struct fl_rules *rules, const struct fl_share_record *record);
/* After the last one: held and may_bytes_s are right. */
void fl_rules_end(struct fl_rules *rules);

#endif
