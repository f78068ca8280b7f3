#ifndef FL_LINES_BOND_H
#define FL_LINES_BOND_H

/* What each connection of each line fetches next. It does no input or output and has no clock: it
 * is told what happened and when, and answers what to do. So all of it runs in tests on a made-up
 * clock.
 *
 * Work is given as extents of files, in the order of their ranks. Each connection gets chunks,
 * as long as its line has lately carried in a second, and shorter towards the end, so that all end
 * together. An idle connection takes part of the chunk that would end last.
 *
 * A line is judged by itself: it is silent when nothing comes for several times the longest gap
 * that it lately had. Then its chunks go back, from the first byte that has not come. A line that
 * is down is tried with one small request at a time, after pauses of an eighth of the time it has
 * been down; when bytes flow it is on trial with one connection for that long again, and then gets
 * its others back one by one. A line that fails on trial is as down as before.
 *
 * A burst line stands aside until the deadline would be missed without it.
 *
 * Owns: extents, chunks, what is known of the lines. Threads: one at a time.
 * Limits: FL_BOND_LINES_MAX lines, FL_BOND_SLOTS_MAX connections each, FL_BOND_EXTENTS_MAX extents
 * waiting. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

#define FL_BOND_LINES_MAX 8
#define FL_BOND_SLOTS_MAX 16
#define FL_BOND_CONNECTIONS_MAX (FL_BOND_LINES_MAX * FL_BOND_SLOTS_MAX)
#define FL_BOND_EXTENTS_MAX 1024
#define FL_BOND_WHY_MAX 120
#define FL_BOND_OPEN INT64_MAX /* an end that is not known */

struct fl_bond;

struct fl_bond_line {
    double weight; /* share before rates are known */
    bool burst;
    int connections; /* at most; 0: FL_BOND_SLOTS_MAX */
};

/* Bytes [first, end) of a file, fetched over connection `conn` (line * FL_BOND_SLOTS_MAX + slot).
 */
struct fl_bond_chunk {
    uint32_t file;
    int conn;
    int64_t first;
    int64_t end;
    bool open;  /* the file's size is not known: fl_bond_total or fl_bond_unsplit must be told */
    bool whole; /* to be asked for without a range */
};

enum fl_bond_end {
    FL_BOND_DONE, /* the answer has ended as it should, or was ended as fl_bond_came asked */
    FL_BOND_LOST, /* the network, or the server on the other end of the line */
    FL_BOND_FILE, /* this file's own matter: what is missing of the chunk is forgotten */
    FL_BOND_BACK, /* not the line's fault: what is missing goes back, for any line */
};

enum fl_bond_health {
    FL_BOND_UP,
    FL_BOND_TRIAL,
    FL_BOND_DOWN,
    FL_BOND_ASIDE, /* a burst line that is not needed */
};
/* "up", "on trial", "down", "aside". */
const char *fl_bond_health_name(enum fl_bond_health health);

struct fl_bond_state {
    enum fl_bond_health health;
    char why[FL_BOND_WHY_MAX]; /* of the last change */
    double bytes_s;
    int64_t rtt_ns;    /* -1 not known */
    uint64_t bytes;    /* that came and were wanted */
    uint64_t again;    /* that came and were not: fetched twice */
    uint64_t downs;    /* times it went down */
    int64_t joined_ns; /* time a burst line has been in use */
    int running;       /* connections at work */
};

/* FL_E_NOMEM. */
int fl_bond_create(const struct fl_bond_line *lines, size_t count, int64_t now_ns,
                   struct fl_bond **ret_bond, struct fl_err *reterr);
void fl_bond_destroy(struct fl_bond *bond);
FL_DEFINE_AUTO(struct fl_bond *, fl_bond_destroy)

/* ---- work ---- */

/* Extents that can be added now. */
size_t fl_bond_room(const struct fl_bond *bond);
/* Bytes [first, end) of a file; lower ranks go first. whole: in one request, without a range.
 * FL_E_FULL. */
int fl_bond_add(struct fl_bond *bond, uint32_t file, uint64_t rank, int64_t first, int64_t end,
                bool whole, struct fl_err *reterr);
/* Bytes that will be added later; more: something will be, whatever its size. */
void fl_bond_later(struct fl_bond *bond, int64_t bytes, bool more);
/* When the last byte should be here; INT64_MAX: any time. */
void fl_bond_deadline(struct fl_bond *bond, int64_t deadline_ns);
/* Forgets what waits of a file. Its running chunks are the caller's to end with FL_BOND_FILE. */
void fl_bond_drop(struct fl_bond *bond, uint32_t file);
/* No new chunks on this line (others go first), or again. */
void fl_bond_hold(struct fl_bond *bond, size_t line, bool held);
/* The most that is let through [bytes s-1]; 0: all. Pauses that come of it are no silence. */
void fl_bond_limit(struct fl_bond *bond, size_t line, int64_t bytes_s);
/* Something waits to be fetched. */
bool fl_bond_waits(const struct fl_bond *bond);

/* ---- what to do ---- */

/* The next chunk to ask for, and on which connection; false when there is none now. Call until
 * false. */
bool fl_bond_next(struct fl_bond *bond, int64_t now_ns, struct fl_bond_chunk *ret_chunk);
/* A connection whose request is to be broken off; -1 when there is none. The bond has taken its
 * chunk back already: no fl_bond_ended for it. Call until -1, after what has arrived was told, and
 * at the latest at fl_bond_wake. */
int fl_bond_tick(struct fl_bond *bond, int64_t now_ns);
/* When the next tick or fl_bond_next may have something to say. */
int64_t fl_bond_wake(const struct fl_bond *bond, int64_t now_ns);

/* ---- what happened ---- */

/* The connection is there (or was). rtt_ns: of its socket, -1 when not known. */
void fl_bond_connected(struct fl_bond *bond, int conn, int64_t rtt_ns);
/* The file of an open chunk has this size: the rest is added. FL_E_FULL. */
int fl_bond_total(struct fl_bond *bond, int conn, int64_t total, struct fl_err *reterr);
/* The server sends the whole file whatever it is asked for: the chunk is [0, total), total may be
 * FL_BOND_OPEN. */
void fl_bond_unsplit(struct fl_bond *bond, int conn, int64_t total);
/* Bytes came. How many of them are wanted; fewer than size: the rest of the chunk is no longer this
 * connection's, and the request is to be ended (FL_BOND_DONE). */
int64_t fl_bond_came(struct fl_bond *bond, int conn, int64_t size, int64_t now_ns);
/* why: one line, for FL_BOND_LOST. */
void fl_bond_ended(struct fl_bond *bond, int conn, enum fl_bond_end end, const char *why,
                   int64_t now_ns);

/* ---- what is known ---- */

bool fl_bond_idle(const struct fl_bond *bond); /* nothing waits and nothing runs */
/* The running chunk; its first is the next byte to come. False when the connection is idle. */
bool fl_bond_running(const struct fl_bond *bond, int conn, struct fl_bond_chunk *ret_chunk);
void fl_bond_state(const struct fl_bond *bond, size_t line, int64_t now_ns,
                   struct fl_bond_state *ret_state);
/* When all will be here at the present rates of the lines in use; INT64_MAX when nothing flows. */
int64_t fl_bond_predict(const struct fl_bond *bond, int64_t now_ns);

#endif
