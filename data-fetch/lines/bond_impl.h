#ifndef FL_LINES_BOND_IMPL_H
#define FL_LINES_BOND_IMPL_H

/* Inside the bond: bond.c decides what is fetched next, extent.c keeps what waits, health.c judges
 * lines. Owns, threads, limits: as bond.h. */

#include "data-fetch/lines/bond.h"
#include "data-fetch/lines/rate.h"

#define FL_SECOND_NS INT64_C(1000000000)
#define FL_MS_NS INT64_C(1000000)

struct fl_extent {
    uint64_t rank;
    int64_t first;
    int64_t end;
    uint32_t file;
    bool whole;
    bool open; /* of a file whose size is not known; end is FL_BOND_OPEN while it waits */
};

struct fl_bond_conn {
    bool running;
    bool connected;
    bool trial; /* the request that tries a line which is down */
    bool whole; /* cannot be split */
    bool open;
    uint32_t file;
    uint64_t rank;
    int64_t first; /* next byte to come */
    int64_t end;
    int64_t got; /* bytes of this chunk */
    int64_t started_ns;
    int64_t byte_ns;       /* last byte, or the start */
    int64_t rest_until_ns; /* after a failure */
    struct fl_rate rate;
};

struct fl_line_state {
    struct fl_bond_line spec;
    struct fl_bond_conn conns[FL_BOND_SLOTS_MAX];
    enum fl_bond_health health;
    char why[FL_BOND_WHY_MAX];
    struct fl_rate rate;
    double known_bytes_s; /* the last rate while it was up */
    bool held;
    int64_t limit_bytes_s; /* 0: none */
    bool joined;           /* a burst line in use */
    int allowed;           /* connections, growing after a trial */
    int running;
    int fails;  /* since the last whole chunk */
    int misses; /* trials in a row without a byte */
    int64_t rtt_ns;
    int64_t gap_ns; /* longest lately, fading */
    int64_t gap_at_ns;
    int64_t answer_ns; /* longest wait for a first byte lately, fading */
    double chunk_s;    /* mean time of a chunk without its wait */
    int64_t byte_ns;
    int64_t busy_ns; /* since when something runs on it without a pause */
    int64_t down_ns; /* since when it is down, counted through failed trials */
    int64_t back_ns; /* when bytes flowed again */
    int64_t try_ns;  /* when it is tried next */
    int64_t joined_at_ns;
    int64_t joined_ns;
    uint64_t bytes;
    uint64_t again;
    uint64_t downs;
};

struct fl_bond {
    size_t line_count;
    struct fl_line_state lines[FL_BOND_LINES_MAX];
    /* waiting, in the order of (rank, first); room for what running chunks may give back */
    struct fl_extent waiting[FL_BOND_EXTENTS_MAX + 2 * FL_BOND_CONNECTIONS_MAX];
    size_t waiting_count;
    int64_t waiting_bytes;
    int64_t later_bytes;
    bool more;
    int64_t deadline_ns;
    int64_t judged_ns; /* burst lines, overdue chunks */
};

/* extent.c */
void fl_extent_put(struct fl_bond *bond, const struct fl_extent *extent);
/* At most size bytes of the one at index (all of it when it cannot be split). */
struct fl_extent fl_extent_take(struct fl_bond *bond, size_t index, int64_t size);
/* At most size bytes from the end of the last that can be split, else like take of the last. */
struct fl_extent fl_extent_take_last(struct fl_bond *bond, int64_t size);

/* health.c */
void fl_line_came(struct fl_line_state *line, struct fl_bond_conn *conn, int64_t now_ns);
void fl_line_chunk_done(struct fl_line_state *line, const struct fl_bond_conn *conn,
                        int64_t now_ns);
void fl_line_lost(struct fl_line_state *line, const struct fl_bond_conn *conn, const char *why,
                  int64_t now_ns);
void fl_line_down(struct fl_line_state *line, const char *why, int64_t now_ns);
/* Of a line that is down: the next try is an eighth of the time it has been so from now. */
void fl_line_try_later(struct fl_line_state *line, int64_t now_ns);
/* True when this connection has been silent for too long; *ret_line: and so is the line. */
bool fl_line_is_late(const struct fl_line_state *line, const struct fl_bond_conn *conn,
                     int64_t now_ns, bool *ret_line);
/* When the connection would be late. */
int64_t fl_line_late_ns(const struct fl_line_state *line, const struct fl_bond_conn *conn);
double fl_line_bytes_s(const struct fl_line_state *line, int64_t now_ns);
/* Connections that this line should use now. */
int fl_line_wants(const struct fl_line_state *line);
void fl_bond_judge_bursts(struct fl_bond *bond, int64_t now_ns);

/* bond.c */
int64_t fl_bond_left(const struct fl_bond *bond);
double fl_bond_bytes_s(const struct fl_bond *bond, int64_t now_ns, bool bursts);

#endif
