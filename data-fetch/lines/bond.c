/* What is fetched next, and over which connection. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/lines/bond_impl.h"

#include "engine/base/banned.h"

#define KIB INT64_C(1024)
#define FIRST_CHUNK (256 * KIB) /* before a rate is known */
#define CHUNK_MIN (64 * KIB)
#define CHUNK_MAX (65536 * KIB)
#define TRIES_MAX 3
#define TRIAL_CHUNK (128 * KIB)
#define STEAL_MIN (64 * KIB)
#define CHUNK_S 1.0     /* a chunk lasts about that long, */
#define CHUNK_WAITS 4.0 /* or so many waits for an answer, so that asking costs little */
#define OVERDUE 3.0     /* times that, and it is cut short */
#define STEAL_GAIN_S 0.03
#define JUDGE_NS (500 * FL_MS_NS)
#define RTT_GUESS_S 0.01
#define REST_NS (100 * FL_MS_NS) /* of a connection after a failure */

int fl_bond_create(const struct fl_bond_line *lines, size_t count, int64_t now_ns,
                   struct fl_bond **ret_bond, struct fl_err *reterr)
{
    struct fl_bond *bond = calloc(1, sizeof(*bond));

    fl_assert(count >= 1 && count <= FL_BOND_LINES_MAX);
    if (!bond)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for %zu lines", count);
    bond->line_count = count;
    bond->deadline_ns = INT64_MAX;
    bond->judged_ns = now_ns + JUDGE_NS; /* rates are known after the first second */
    for (size_t i = 0; i < count; i++) {
        struct fl_line_state *line = &bond->lines[i];

        line->spec = lines[i];
        if (line->spec.connections <= 0 || line->spec.connections > FL_BOND_SLOTS_MAX)
            line->spec.connections = FL_BOND_SLOTS_MAX;
        line->health = lines[i].burst ? FL_BOND_ASIDE : FL_BOND_UP;
        line->allowed = FL_BOND_SLOTS_MAX;
        line->rtt_ns = -1;
        line->busy_ns = line->byte_ns = line->gap_at_ns = now_ns;
        line->rate.at_ns = now_ns;
        (void)snprintf(line->why, sizeof(line->why), "%s",
                       lines[i].burst ? "a burst line, not needed" : "not used yet");
    }
    *ret_bond = bond;
    return 0;
}

void fl_bond_destroy(struct fl_bond *bond)
{
    free(bond);
}

/* ---- work ---- */

size_t fl_bond_room(const struct fl_bond *bond)
{
    return bond->waiting_count < FL_BOND_EXTENTS_MAX ? FL_BOND_EXTENTS_MAX - bond->waiting_count
                                                     : 0;
}

int fl_bond_add(struct fl_bond *bond, uint32_t file, uint64_t rank, int64_t first, int64_t end,
                bool whole, struct fl_err *reterr)
{
    struct fl_extent extent = {.rank = rank,
                               .first = first,
                               .end = end,
                               .file = file,
                               .whole = whole,
                               .open = end == FL_BOND_OPEN && !whole};

    fl_assert(first >= 0 && (first < end || whole));
    if (fl_bond_room(bond) == 0)
        return fl_err_set(reterr, FL_E_FULL, 0, "%d extents wait", FL_BOND_EXTENTS_MAX);
    fl_extent_put(bond, &extent);
    return 0;
}

void fl_bond_later(struct fl_bond *bond, int64_t bytes, bool more)
{
    bond->later_bytes = bytes;
    bond->more = more;
}

void fl_bond_deadline(struct fl_bond *bond, int64_t deadline_ns)
{
    bond->deadline_ns = deadline_ns;
}

void fl_bond_drop(struct fl_bond *bond, uint32_t file)
{
    for (size_t i = bond->waiting_count; i-- > 0;) {
        if (bond->waiting[i].file == file)
            (void)fl_extent_take(bond, i, INT64_MAX); /* forgotten */
    }
}

void fl_bond_hold(struct fl_bond *bond, size_t line, bool held)
{
    bond->lines[line].held = held;
}

void fl_bond_limit(struct fl_bond *bond, size_t line, int64_t bytes_s)
{
    bond->lines[line].limit_bytes_s = bytes_s;
}

bool fl_bond_waits(const struct fl_bond *bond)
{
    return bond->waiting_count > 0;
}

/* ---- what is known ---- */

static struct fl_bond_conn *conn_at(struct fl_bond *bond, int conn)
{
    fl_assert(conn >= 0 && (size_t)conn < bond->line_count * FL_BOND_SLOTS_MAX);
    return &bond->lines[conn / FL_BOND_SLOTS_MAX].conns[conn % FL_BOND_SLOTS_MAX];
}

static struct fl_line_state *line_of(struct fl_bond *bond, int conn)
{
    return &bond->lines[conn / FL_BOND_SLOTS_MAX];
}

static int64_t left_of(const struct fl_bond_conn *conn)
{
    return conn->end == FL_BOND_OPEN ? 0 : conn->end - conn->first;
}

int64_t fl_bond_left(const struct fl_bond *bond)
{
    int64_t left = bond->waiting_bytes + bond->later_bytes;

    for (size_t l = 0; l < bond->line_count; l++) {
        for (int s = 0; s < FL_BOND_SLOTS_MAX; s++) {
            if (bond->lines[l].conns[s].running)
                left += left_of(&bond->lines[l].conns[s]);
        }
    }
    return left;
}

double fl_bond_bytes_s(const struct fl_bond *bond, int64_t now_ns, bool bursts)
{
    double sum = 0;

    for (size_t i = 0; i < bond->line_count; i++) {
        const struct fl_line_state *line = &bond->lines[i];
        bool used = line->health == FL_BOND_UP || line->health == FL_BOND_TRIAL;

        if (used && !line->held && (bursts || !line->spec.burst))
            sum += fl_line_bytes_s(line, now_ns);
    }
    return sum;
}

int64_t fl_bond_predict(const struct fl_bond *bond, int64_t now_ns)
{
    double rate = fl_bond_bytes_s(bond, now_ns, true);
    double left = (double)fl_bond_left(bond);

    return rate > 0 && left / rate < 1e9 ? now_ns + (int64_t)(left / rate * 1e9) : INT64_MAX;
}

bool fl_bond_idle(const struct fl_bond *bond)
{
    for (size_t i = 0; i < bond->line_count; i++) {
        if (bond->lines[i].running > 0)
            return false;
    }
    return bond->waiting_count == 0;
}

bool fl_bond_running(const struct fl_bond *bond, int conn, struct fl_bond_chunk *ret_chunk)
{
    const struct fl_bond_conn *at =
        &bond->lines[conn / FL_BOND_SLOTS_MAX].conns[conn % FL_BOND_SLOTS_MAX];

    if (at->running && ret_chunk)
        *ret_chunk = (struct fl_bond_chunk){.file = at->file,
                                            .conn = conn,
                                            .first = at->first,
                                            .end = at->end,
                                            .open = at->open,
                                            .whole = at->whole};
    return at->running;
}

void fl_bond_state(const struct fl_bond *bond, size_t line, int64_t now_ns,
                   struct fl_bond_state *ret_state)
{
    const struct fl_line_state *at = &bond->lines[line];
    bool joined = at->spec.burst && at->health != FL_BOND_ASIDE;

    *ret_state = (struct fl_bond_state){
        .health = at->health,
        .bytes_s = at->running > 0 ? fl_rate_now(&at->rate, now_ns) : at->known_bytes_s,
        .rtt_ns = at->rtt_ns,
        .bytes = at->bytes,
        .again = at->again,
        .downs = at->downs,
        .joined_ns = at->joined_ns + (joined ? now_ns - at->joined_at_ns : 0),
        .running = at->running};
    (void)snprintf(ret_state->why, sizeof(ret_state->why), "%s", at->why);
}

/* ---- starting ---- */

static double rtt_s(const struct fl_line_state *line)
{
    return line->rtt_ns > 0 ? (double)line->rtt_ns * 1e-9 : RTT_GUESS_S;
}

static double chunk_s(const struct fl_line_state *line)
{
    double by_wait = CHUNK_WAITS * (double)line->answer_ns * 1e-9;

    return by_wait > CHUNK_S ? by_wait : CHUNK_S;
}

/* What one connection of the line carries; 0: not known. */
static double conn_bytes_s(const struct fl_line_state *line, int64_t now_ns)
{
    int conns = fl_line_wants(line);

    return fl_line_bytes_s(line, now_ns) / (conns > 0 ? conns : 1);
}

static int64_t chunk_size(const struct fl_bond *bond, const struct fl_line_state *line, int slot,
                          int64_t now_ns)
{
    double rate = conn_bytes_s(line, now_ns);
    double all = fl_bond_bytes_s(bond, now_ns, true);
    double left = (double)(bond->waiting_bytes + bond->later_bytes);
    /* of different lengths, so that not all connections wait for answers at the same time */
    double size = rate * chunk_s(line) * (0.75 + 0.5 * (slot % 4) / 3);
    double low = rate * 4 * rtt_s(line);

    if (line->health != FL_BOND_UP)
        return TRIAL_CHUNK;
    if (!(rate > 0))
        return FIRST_CHUNK;
    if (all > 0 && left * rate / all / 2 < size)
        size = left * rate / all / 2;
    if (size < low)
        size = low;
    if (size < (double)CHUNK_MIN)
        return CHUNK_MIN;
    return size > (double)CHUNK_MAX ? CHUNK_MAX : (int64_t)size / (64 * KIB) * (64 * KIB);
}

static void start(struct fl_bond *bond, size_t l, int slot, const struct fl_extent *extent,
                  int64_t now_ns)
{
    struct fl_line_state *line = &bond->lines[l];
    struct fl_bond_conn *conn = &line->conns[slot];

    if (line->health == FL_BOND_DOWN)
        fl_line_try_later(line, now_ns);
    if (line->running++ == 0) {
        line->busy_ns = now_ns;
        fl_rate_busy(&line->rate, true, now_ns);
    }
    *conn = (struct fl_bond_conn){.running = true,
                                  .trial = line->health == FL_BOND_DOWN,
                                  .whole = extent->whole,
                                  .open = extent->open,
                                  .file = extent->file,
                                  .rank = extent->rank,
                                  .first = extent->first,
                                  .end = extent->end,
                                  .started_ns = now_ns,
                                  .byte_ns = now_ns,
                                  .rate = {.at_ns = now_ns}};
}

/* The chunk that would end last, and what of it an idle connection with this rate should take so
 * that both end together; 0 when nothing is gained. */
static int64_t steal_from(struct fl_bond *bond, const struct fl_line_state *thief, int64_t now_ns,
                          struct fl_bond_conn **ret_victim)
{
    double latest_s = 0;
    double theirs = 0;
    double ours = conn_bytes_s(thief, now_ns);
    double setup_s = 2 * rtt_s(thief);
    struct fl_bond_conn *victim = NULL;
    double take;

    for (size_t l = 0; l < bond->line_count; l++) {
        const struct fl_line_state *line = &bond->lines[l];
        double share = conn_bytes_s(line, now_ns);

        for (int s = 0; s < FL_BOND_SLOTS_MAX; s++) {
            struct fl_bond_conn *conn = &bond->lines[l].conns[s];
            double rate = conn->got > 0 ? fl_rate_now(&conn->rate, now_ns) : share;
            double needs_s;

            if (line->health == FL_BOND_DOWN)
                rate = 0; /* a try: nobody waits for it */

            if (!conn->running || conn->whole || conn->open)
                continue;
            if (line == thief && conn->got > 0 && rate > share / 4)
                continue; /* they share what the line has */
            needs_s = (double)left_of(conn) / (rate > 1 ? rate : 1);
            if (needs_s > latest_s) {
                latest_s = needs_s;
                theirs = rate > 1 ? rate : 1;
                victim = conn;
            }
        }
    }
    if (!victim)
        return 0;
    if (!(ours > 0))
        ours = theirs;
    take = (latest_s - setup_s) * (ours * theirs / (ours + theirs));
    if (take < (double)STEAL_MIN || take / theirs < STEAL_GAIN_S + setup_s)
        return 0;
    if ((double)left_of(victim) - take < (double)STEAL_MIN && theirs < ours / 8)
        take = (double)left_of(victim); /* not worth waiting for */
    *ret_victim = victim;
    return take > (double)left_of(victim) ? left_of(victim) : (int64_t)take;
}

static bool take_work(struct fl_bond *bond, const struct fl_line_state *line, int slot,
                      int64_t now_ns, struct fl_extent *ret_extent)
{
    struct fl_bond_conn *victim = NULL;
    int64_t size = chunk_size(bond, line, slot, now_ns);

    if (bond->waiting_count > 0) {
        *ret_extent = line->health == FL_BOND_UP ? fl_extent_take(bond, 0, size)
                                                 : fl_extent_take_last(bond, size);
        return true;
    }
    if (bond->more || line->health != FL_BOND_UP)
        return false;
    size = steal_from(bond, line, now_ns, &victim);
    if (size <= 0)
        return false;
    victim->end -= size;
    *ret_extent = (struct fl_extent){.rank = victim->rank,
                                     .first = victim->end,
                                     .end = victim->end + size,
                                     .file = victim->file};
    return true;
}

static bool may_start(const struct fl_line_state *line, int64_t now_ns)
{
    if (line->health == FL_BOND_ASIDE || line->held)
        return false;
    if (line->health == FL_BOND_DOWN) /* tries may overlap: one that began too early waits long */
        return now_ns >= line->try_ns && line->running < TRIES_MAX;
    return line->running < fl_line_wants(line);
}

static int idle_slot(const struct fl_line_state *line, int64_t now_ns)
{
    for (int s = 0; s < line->spec.connections; s++) {
        if (!line->conns[s].running && line->conns[s].rest_until_ns <= now_ns)
            return s;
    }
    return -1;
}

/* What a line is worth now: the first bytes go to the fastest. */
static double worth(const struct fl_line_state *line, int64_t now_ns)
{
    double rate = conn_bytes_s(line, now_ns);

    return line->health == FL_BOND_UP ? (rate > 0 ? rate : line->spec.weight * 1e-3) : 0;
}

bool fl_bond_next(struct fl_bond *bond, int64_t now_ns, struct fl_bond_chunk *ret_chunk)
{
    bool asked[FL_BOND_LINES_MAX] = {false};

    for (size_t round = 0; round < bond->line_count; round++) {
        size_t best = bond->line_count;
        struct fl_extent extent;
        int slot;

        for (size_t l = 0; l < bond->line_count; l++) {
            if (!asked[l] && may_start(&bond->lines[l], now_ns) &&
                (best == bond->line_count ||
                 worth(&bond->lines[l], now_ns) > worth(&bond->lines[best], now_ns)))
                best = l;
        }
        if (best == bond->line_count)
            return false;
        asked[best] = true;
        slot = idle_slot(&bond->lines[best], now_ns);
        if (slot < 0 || !take_work(bond, &bond->lines[best], slot, now_ns, &extent))
            continue;
        start(bond, best, slot, &extent, now_ns);
        return fl_bond_running(bond, (int)best * FL_BOND_SLOTS_MAX + slot, ret_chunk);
    }
    return false;
}

/* ---- what happened ---- */

/* The connection has no chunk any more. back: what is missing of it waits again. */
static void stop(struct fl_bond *bond, int at, bool back, int64_t now_ns)
{
    struct fl_bond_conn *conn = conn_at(bond, at);
    struct fl_line_state *line = line_of(bond, at);

    fl_assert(conn->running && line->running > 0);
    if (back && (conn->first < conn->end || conn->whole)) {
        struct fl_extent extent = {.rank = conn->rank,
                                   .first = conn->whole ? 0 : conn->first,
                                   .end = conn->open ? FL_BOND_OPEN : conn->end,
                                   .file = conn->file,
                                   .whole = conn->whole,
                                   .open = conn->open};

        if (conn->whole)
            line->again += (uint64_t)conn->first;
        fl_extent_put(bond, &extent);
    }
    conn->running = false;
    if (--line->running == 0) {
        if (line->health == FL_BOND_UP)
            line->known_bytes_s = fl_line_bytes_s(line, now_ns);
        fl_rate_busy(&line->rate, false, now_ns);
    }
}

void fl_bond_connected(struct fl_bond *bond, int conn, int64_t rtt_ns)
{
    struct fl_line_state *line = line_of(bond, conn);

    conn_at(bond, conn)->connected = true;
    if (rtt_ns >= 0)
        line->rtt_ns = rtt_ns;
}

int fl_bond_total(struct fl_bond *bond, int at, int64_t total, struct fl_err *reterr)
{
    struct fl_bond_conn *conn = conn_at(bond, at);

    if (!conn->open)
        return 0;
    conn->open = false;
    if (conn->end >= total) {
        conn->end = total > conn->first ? total : conn->first;
        return 0;
    }
    return fl_bond_add(bond, conn->file, conn->rank, conn->end, total, false, reterr);
}

void fl_bond_unsplit(struct fl_bond *bond, int at, int64_t total)
{
    struct fl_bond_conn *conn = conn_at(bond, at);

    fl_bond_drop(bond, conn->file);
    conn->open = false;
    conn->whole = true;
    conn->first = 0;
    conn->end = total;
}

int64_t fl_bond_came(struct fl_bond *bond, int at, int64_t size, int64_t now_ns)
{
    struct fl_bond_conn *conn = conn_at(bond, at);
    struct fl_line_state *line = line_of(bond, at);
    int64_t wanted = conn->end - conn->first;

    fl_assert(conn->running && size > 0);
    fl_line_came(line, conn, now_ns);
    if (wanted > size)
        wanted = size;
    conn->first += wanted;
    conn->got += size;
    line->bytes += (uint64_t)wanted;
    line->again += (uint64_t)(size - wanted);
    fl_rate_add(&line->rate, size, now_ns);
    fl_rate_add(&conn->rate, size, now_ns);
    return wanted;
}

void fl_bond_ended(struct fl_bond *bond, int at, enum fl_bond_end end, const char *why,
                   int64_t now_ns)
{
    struct fl_bond_conn *conn = conn_at(bond, at);
    struct fl_line_state *line = line_of(bond, at);
    bool all = conn->first >= conn->end || conn->end == FL_BOND_OPEN;

    if (end == FL_BOND_DONE && !all)
        end = FL_BOND_LOST; /* an answer that was short */
    if (end == FL_BOND_DONE && conn->got > 0)
        fl_line_chunk_done(line, conn, now_ns);
    stop(bond, at, end == FL_BOND_LOST || end == FL_BOND_BACK, now_ns);
    if (end != FL_BOND_LOST)
        return;
    conn->rest_until_ns = now_ns + (REST_NS << (line->fails < 4 ? line->fails : 4));
    fl_line_lost(line, conn, why ? why : "an answer ended early", now_ns);
}

/* ---- time ---- */

static int late(struct fl_bond *bond, size_t l, int64_t now_ns)
{
    struct fl_line_state *line = &bond->lines[l];

    for (int s = 0; s < FL_BOND_SLOTS_MAX; s++) {
        bool whole_line = false;
        char why[FL_BOND_WHY_MAX];

        if (line->conns[s].running && line->conns[s].first == line->conns[s].end &&
            line->conns[s].got == 0) { /* others took all of it before it began */
            stop(bond, (int)l * FL_BOND_SLOTS_MAX + s, false, now_ns);
            return (int)l * FL_BOND_SLOTS_MAX + s;
        }
        if (!line->conns[s].running ||
            !(fl_line_is_late(line, &line->conns[s], now_ns, &whole_line) ||
              (line->health == FL_BOND_DOWN && !line->conns[s].trial)))
            continue;
        stop(bond, (int)l * FL_BOND_SLOTS_MAX + s, true, now_ns);
        line->conns[s].rest_until_ns = now_ns + REST_NS;
        if (whole_line && (line->health != FL_BOND_DOWN || line->conns[s].trial)) {
            (void)snprintf(why, sizeof(why), "silent for %.1f s%s",
                           (double)(now_ns - line->conns[s].byte_ns) * 1e-9,
                           line->conns[s].got > 0     ? ""
                           : line->conns[s].connected ? ", before an answer"
                                                      : ", before a connection");
            fl_line_down(line, why, now_ns);
        }
        return (int)l * FL_BOND_SLOTS_MAX + s;
    }
    return -1;
}

/* A chunk that takes several times as long as was meant keeps what it can bring in one time; others
 * take the rest. */
static void cut_overdue(struct fl_bond *bond, int64_t now_ns)
{
    for (size_t l = 0; l < bond->line_count; l++) {
        for (int s = 0; s < FL_BOND_SLOTS_MAX; s++) {
            struct fl_line_state *line = &bond->lines[l];
            struct fl_bond_conn *conn = &line->conns[s];
            double rate = fl_rate_now(&conn->rate, now_ns);
            int64_t keep = (int64_t)(rate * chunk_s(line)) + STEAL_MIN;
            struct fl_extent rest;

            if (!conn->running || conn->whole || conn->open || conn->got == 0 ||
                now_ns - conn->started_ns < FL_SECOND_NS ||
                (double)left_of(conn) < rate * chunk_s(line) * OVERDUE ||
                left_of(conn) < keep + STEAL_MIN || fl_bond_room(bond) == 0)
                continue;
            rest = (struct fl_extent){.rank = conn->rank,
                                      .first = conn->first + keep,
                                      .end = conn->end,
                                      .file = conn->file};
            conn->end = rest.first;
            fl_extent_put(bond, &rest);
        }
    }
}

int fl_bond_tick(struct fl_bond *bond, int64_t now_ns)
{
    for (size_t l = 0; l < bond->line_count; l++) {
        int conn = late(bond, l, now_ns);

        if (conn >= 0)
            return conn;
    }
    if (now_ns - bond->judged_ns >= JUDGE_NS) {
        bond->judged_ns = now_ns;
        cut_overdue(bond, now_ns);
        fl_bond_judge_bursts(bond, now_ns);
    }
    return -1;
}

int64_t fl_bond_wake(const struct fl_bond *bond, int64_t now_ns)
{
    int64_t wake_ns = bond->judged_ns + JUDGE_NS;

    for (size_t l = 0; l < bond->line_count; l++) {
        const struct fl_line_state *line = &bond->lines[l];

        if (line->health == FL_BOND_DOWN && line->running < TRIES_MAX && !line->held &&
            bond->waiting_count > 0 && line->try_ns < wake_ns)
            wake_ns = line->try_ns;
        for (int s = 0; s < FL_BOND_SLOTS_MAX; s++) {
            const struct fl_bond_conn *conn = &line->conns[s];
            int64_t at_ns = conn->running ? fl_line_late_ns(line, conn) : conn->rest_until_ns;

            if (at_ns > now_ns && at_ns < wake_ns)
                wake_ns = at_ns;
        }
    }
    return wake_ns > now_ns ? wake_ns : now_ns + FL_MS_NS;
}
