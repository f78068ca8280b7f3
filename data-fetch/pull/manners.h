#ifndef FL_FETCH_MANNERS_H
#define FL_FETCH_MANNERS_H

/* How the mirrors of a source are treated: how many requests at a time and a minute (shared with
 * the site's other processes through the book), pauses after 429 and 503, cooling after 403,
 * HTTP/1.1 or HTTP/2 by what was measured; and when a file that is not there is looked for again.
 * Owns: nothing; the book is the caller's. Threads: one at a time.
 * Limits: FL_SOURCE_MIRRORS_MAX mirrors. */

#include "data-fetch/book/book.h"
#include "data-fetch/http/http.h"
#include "data-fetch/source/catalogue.h"

#define FL_MANNERS_PAUSE_NS INT64_C(1000000000)       /* after the first 503 without Retry-After */
#define FL_MANNERS_PAUSE_MAX_NS INT64_C(300000000000) /* of any pause */
#define FL_MANNERS_LOOK_AHEAD 4 /* leads not there yet that are looked for as often as may be */

struct fl_manners_mirror {
    char provider[FL_SOURCE_TEXT_MAX];
    size_t asking; /* requests in flight */
    size_t limit;  /* most of them */
    int64_t per_minute;
    int64_t next_ns; /* nothing goes there before */
    int64_t sure_ns; /* without a quota: the book is not asked before */
    int pauses;      /* in a row */
    bool http2;
    bool settled; /* http2 is decided */
    /* what came from it, for the book */
    uint64_t bytes;
    int64_t first_ns; /* when its first byte was asked for; 0: nothing yet */
    int64_t last_ns;
};

struct fl_manners {
    const struct fl_world *world;
    struct fl_book *book;
    const struct fl_source *source;
    struct fl_manners_mirror mirrors[FL_SOURCE_MIRRORS_MAX];
};

void fl_manners_init(struct fl_manners *manners, const struct fl_world *world, struct fl_book *book,
                     const struct fl_source *source);
/* Tells the book what the mirrors gave. */
void fl_manners_end(struct fl_manners *manners);

/* True: a request may go to the mirror now, and is counted as in flight. Else *ret_due is when to
 * ask again; INT64_MAX: when a request has ended. */
bool fl_manners_ask(struct fl_manners *manners, size_t mirror, int64_t *ret_due);
/* A request is no longer in flight; reply NULL: it was cancelled. Learns from the answer: pauses,
 * cooling (then the text says so), bytes. */
void fl_manners_answered(struct fl_manners *manners, size_t mirror,
                         const struct fl_http_reply *reply, char *text, size_t size);
/* True when the answer says that we are not wanted: 403, 401, or a redirect to a page about it. */
bool fl_manners_is_refusal(const struct fl_http_reply *reply);

/* When to look again for a file that is not there. utc_s: the wall clock; the lead's expected time
 * comes from what was learned, else from the catalogue. poll_ns: between two looks around that
 * time. ahead: leads before this one that are not there either. */
int64_t fl_manners_look_ns(struct fl_manners *manners, struct fl_cycle cycle, struct fl_lead lead,
                           int64_t utc_s, int64_t poll_ns, size_t ahead);

#endif
