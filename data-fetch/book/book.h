#ifndef FL_FETCH_BOOK_H
#define FL_FETCH_BOOK_H

/* What the transfers of one site remember together: a SQLite file (WAL) that many processes use at
 * once. Quotas of providers, cooling after a refusal, when leads arrived, how big files were, what
 * is whole, who is fetching what.
 * The book never stops a transfer: every access is bounded by FL_BOOK_BUSY_MS, and one that fails
 * is told once and left alone for FL_BOOK_REST_NS; meanwhile quotas are a safe share for this
 * process (one in FL_BOOK_SHARE of the rate), nothing is known, and every lease is granted.
 * Times within the book are of the machine's monotonic clock where they count (quotas, cooling,
 * leases), so that a wrong wall clock harms nothing; after a restart of the machine they lapse.
 * Owns: the database connection. Threads: one at a time. Limits: the FL_BOOK_*_MAX below. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/digest.h"
#include "engine/base/path.h"
#include "engine/base/time.h"

#define FL_BOOK_FILE "book.db"
#define FL_BOOK_BUSY_MS 250
#define FL_BOOK_REST_NS INT64_C(30000000000)
#define FL_BOOK_SHARE 8
#define FL_BOOK_ARRIVALS_MAX 40               /* remembered for each lead of a source */
#define FL_BOOK_SIZES_MAX 20                  /* for each lead of a source and selection */
#define FL_BOOK_WHOLE_MAX 20000               /* rows; the oldest go */
#define FL_BOOK_PROVIDERS_MAX 16              /* that one process keeps a share for */
#define FL_BOOK_COOL_NS INT64_C(600000000000) /* after the first refusal; doubles */
#define FL_BOOK_COOL_MAX_NS INT64_C(3600000000000)
#define FL_BOOK_PROBE_NS INT64_C(60000000000) /* for the answer to the one request after it */

struct fl_book;
struct fl_world;

/* Called when the book cannot be used, once each time it begins to fail. */
typedef void (*fl_book_warn_fn)(const char *text, void *arg);

/* The folder of the book: dir when it is not NULL, else what FAIRLEAD_BOOK names, else
 * $XDG_STATE_HOME/fairlead/transfer or ~/.local/state/fairlead/transfer. FL_E_CONFIG when there is
 * no home, FL_E_TOO_BIG. */
int fl_book_folder(const char *dir, char *path, size_t size, struct fl_err *reterr);
/* Opens (and makes) the book in folder. A book that cannot be opened is a book that fails (see
 * above), no error; folder NULL: one that is never used. warn may be NULL. FL_E_NOMEM. */
int fl_book_open(const struct fl_world *world, const char *folder, fl_book_warn_fn warn, void *arg,
                 struct fl_book **ret_book, struct fl_err *reterr);
void fl_book_close(struct fl_book *book);
FL_DEFINE_AUTO(struct fl_book *, fl_book_close)

/* ---- providers ---- */

/* May one more request go to the provider? 0: yes, now (it is counted). Else how long to wait [ns]
 * before asking again. per_minute 0: no quota, but cooling counts. */
int64_t fl_book_ask(struct fl_book *book, const char *provider, int64_t per_minute);
/* It has refused us (403, a page about abuse): nothing goes there for FL_BOOK_COOL_NS, twice that
 * after the next refusal and so on, then one request alone until it is answered. How long [ns]. */
int64_t fl_book_refused(struct fl_book *book, const char *provider);
/* It asks for patience (Retry-After): nothing goes there for pause_ns. */
void fl_book_patience(struct fl_book *book, const char *provider, int64_t pause_ns);
/* It has answered as it should. */
void fl_book_fine(struct fl_book *book, const char *provider);

/* ---- experience ---- */

/* A lead of a source was there delay_s after its cycle time. */
void fl_book_arrived(struct fl_book *book, const char *source, struct fl_cycle cycle,
                     struct fl_lead lead, int64_t delay_s);
struct fl_book_arrival {
    int64_t count;      /* of cycles remembered */
    int64_t earliest_s; /* after the cycle time; the tenth part came by then */
    int64_t median_s;
    int64_t latest_s; /* nine tenths had come */
};
/* count 0: nothing known. */
void fl_book_arrival(struct fl_book *book, const char *source, struct fl_lead lead,
                     struct fl_book_arrival *ret_arrival);

/* What a selection of a lead came to. */
void fl_book_sized(struct fl_book *book, const char *source, struct fl_cycle cycle,
                   struct fl_lead lead, const char *selection, uint64_t bytes, uint64_t messages);
struct fl_book_size {
    int64_t count;  /* of other cycles remembered */
    uint64_t bytes; /* median */
    uint64_t messages;
};
/* Of cycles other than that one. */
void fl_book_size(struct fl_book *book, const char *source, struct fl_cycle cycle,
                  struct fl_lead lead, const char *selection, struct fl_book_size *ret_size);

/* Bytes a second that a provider gave in a mode ("h1", "h2"); a moving mean is kept. */
void fl_book_rate_add(struct fl_book *book, const char *provider, const char *mode, double bytes_s);
/* 0: not known. */
double fl_book_rate(struct fl_book *book, const char *provider, const char *mode);

/* ---- once at a site ---- */

/* The bytes that key (a digest of URL or source file, ranges) and etag stand for lie in path. */
void fl_book_whole(struct fl_book *book, const char *key, const char *etag, const char *path,
                   const char *sha256, uint64_t size);
struct fl_book_file {
    char etag[256];
    char path[FL_PATH_MAX];
    char sha256[FL_DIGEST_HEX];
    uint64_t size;
};
/* The newest file of that key. False: not known. It may be gone or changed by now. */
bool fl_book_find(struct fl_book *book, const char *key, struct fl_book_file *ret_file);
void fl_book_forget(struct fl_book *book, const char *key);

/* Takes key for this process, or tells who has it: false, and *ret_holder is that process. A lease
 * of a process that has ended is taken over. Taking what one has is fine. */
bool fl_book_lease(struct fl_book *book, const char *key, int64_t *ret_holder);
void fl_book_release(struct fl_book *book, const char *key);

#endif
