/* What is thought of a line, from nothing but what it did itself. */
#include "config.h"

#include <math.h>
#include <stdio.h>

#include "data-fetch/lines/bond_impl.h"

#include "engine/base/banned.h"

/* No limit that a user would set: floors and ceilings of what is measured. A kernel sends again
 * after 200 ms at the least (RFC 6298 has 1 s, Linux TCP_RTO_MIN 200 ms), so that a shorter silence
 * means nothing. */
#define SILENCE_MIN_NS (500 * FL_MS_NS)
#define SILENCE_MAX_NS (15 * FL_SECOND_NS)
#define CONNECT_FIRST_NS (3 * FL_SECOND_NS) /* nothing is known of the line */
#define CONNECT_MAX_NS (10 * FL_SECOND_NS)
#define ANSWER_MIN_NS (2 * FL_SECOND_NS)
#define ANSWER_MAX_NS (60 * FL_SECOND_NS)
#define TRY_MIN_NS (200 * FL_MS_NS)
#define TRY_MAX_NS (15 * FL_SECOND_NS)
#define TRIAL_MAX_NS (5 * FL_SECOND_NS)
#define FADE_S 10.0 /* the longest gap is forgotten by half in 7 s */
#define FAILS_MAX 3
#define LINE_FIRST_CONNECTIONS 4
#define PIECE_BYTES (256.0 * 1024) /* that libcurl reads at a time */

const char *fl_bond_health_name(enum fl_bond_health health)
{
    static const char *const names[] = {"up", "on trial", "down", "aside"};

    return names[health];
}

static int64_t at_least(int64_t value, int64_t low)
{
    return value > low ? value : low;
}

static int64_t at_most(int64_t value, int64_t high)
{
    return value < high ? value : high;
}

/* ---- how long is too long ---- */

static int64_t fading(int64_t value, int64_t at_ns, int64_t now_ns)
{
    return (int64_t)((double)value * exp(-(double)(now_ns - at_ns) * 1e-9 / FADE_S));
}

static int64_t silence_ns(const struct fl_line_state *line)
{
    int64_t rtt_ns = line->rtt_ns > 0 ? line->rtt_ns : 0;
    int64_t pause_ns = 0;

    if (line->limit_bytes_s > 0) { /* a piece is read at once, and then paid for in time */
        double conns = line->running > 0 ? line->running : 1;

        pause_ns = (int64_t)(2 * PIECE_BYTES * conns / (double)line->limit_bytes_s * 1e9);
    }
    return at_most(at_least(4 * line->gap_ns + 2 * rtt_ns, SILENCE_MIN_NS), SILENCE_MAX_NS) +
           pause_ns;
}

static int64_t connect_ns(const struct fl_line_state *line)
{
    int misses = line->misses < 8 ? line->misses : 8;
    double patience;

    if (line->rtt_ns < 0)
        return CONNECT_FIRST_NS;
    patience = (double)at_least(4 * line->rtt_ns, SILENCE_MIN_NS) * pow(1.3, misses);
    return at_most((int64_t)patience, CONNECT_MAX_NS);
}

static int64_t answer_ns(const struct fl_line_state *line)
{
    int misses = line->misses < 5 ? line->misses : 5;

    return at_most(at_least(4 * line->answer_ns, ANSWER_MIN_NS) << misses, ANSWER_MAX_NS);
}

int64_t fl_line_late_ns(const struct fl_line_state *line, const struct fl_bond_conn *conn)
{
    if (conn->got > 0)
        return conn->byte_ns + silence_ns(line);
    return conn->started_ns + (conn->connected ? answer_ns(line) : connect_ns(line));
}

bool fl_line_is_late(const struct fl_line_state *line, const struct fl_bond_conn *conn,
                     int64_t now_ns, bool *ret_line)
{
    int64_t since_ns = at_least(line->byte_ns, line->busy_ns);
    bool late = now_ns >= fl_line_late_ns(line, conn);

    /* one connection in the middle of its chunk speaks for all when none has anything */
    *ret_line = late && now_ns - since_ns >= silence_ns(line);
    if (!*ret_line && conn->got > 0) /* the others flow: this one alone has more time */
        late = now_ns >= conn->byte_ns + 4 * silence_ns(line);
    return late;
}

/* ---- what happened to it ---- */

void fl_line_came(struct fl_line_state *line, struct fl_bond_conn *conn, int64_t now_ns)
{
    int64_t since_ns = at_least(line->byte_ns, line->busy_ns);
    int64_t gap_ns = now_ns - since_ns;

    if (conn->got == 0) { /* a first byte: how long an answer takes */
        int64_t wait_ns = now_ns - conn->started_ns;

        line->answer_ns = at_least(line->answer_ns - line->answer_ns / 8, wait_ns);
        fl_rate_busy(&conn->rate, true, now_ns);
    } else if (line->byte_ns >= line->busy_ns) {
        line->gap_ns = at_least(fading(line->gap_ns, line->gap_at_ns, now_ns), gap_ns);
        line->gap_at_ns = now_ns;
    }
    line->byte_ns = now_ns;
    conn->byte_ns = now_ns;
    line->misses = 0;
    if (line->health == FL_BOND_DOWN) {
        line->health = FL_BOND_TRIAL;
        line->back_ns = now_ns;
        (void)snprintf(line->why, sizeof(line->why), "bytes flow again after %.1f s",
                       (double)(now_ns - line->down_ns) * 1e-9);
    }
}

void fl_line_chunk_done(struct fl_line_state *line, const struct fl_bond_conn *conn, int64_t now_ns)
{
    double took_s = (double)(now_ns - conn->started_ns) * 1e-9;
    double waited_s = line->rtt_ns > 0 ? (double)line->rtt_ns * 1e-9 : 0;
    int64_t trial_ns = at_most((line->back_ns - line->down_ns) / 8, TRIAL_MAX_NS);

    took_s = took_s > waited_s ? took_s - waited_s : 0;
    line->chunk_s = line->chunk_s > 0 ? 0.8 * line->chunk_s + 0.2 * took_s : took_s;
    line->fails = 0;
    if (line->health == FL_BOND_TRIAL && now_ns - line->back_ns >= trial_ns) {
        line->health = FL_BOND_UP;
        line->allowed = 2;
    } else if (line->health == FL_BOND_UP && line->allowed < FL_BOND_SLOTS_MAX) {
        line->allowed++;
    }
}

void fl_line_try_later(struct fl_line_state *line, int64_t now_ns)
{
    int64_t pause_ns = (now_ns - line->down_ns) / 8;

    line->try_ns = now_ns + at_most(at_least(pause_ns, TRY_MIN_NS), TRY_MAX_NS);
}

void fl_line_down(struct fl_line_state *line, const char *why, int64_t now_ns)
{
    if (line->health == FL_BOND_UP || line->health == FL_BOND_ASIDE) {
        line->down_ns = now_ns;
        line->downs++;
    }
    line->health = FL_BOND_DOWN;
    line->try_ns = now_ns + at_most(at_least((now_ns - line->down_ns) / 8, TRY_MIN_NS), TRY_MAX_NS);
    line->misses++;
    line->fails = 0;
    line->allowed = 1;
    (void)snprintf(line->why, sizeof(line->why), "%s", why);
}

void fl_line_lost(struct fl_line_state *line, const struct fl_bond_conn *conn, const char *why,
                  int64_t now_ns)
{
    bool nothing = conn->got == 0;

    if (line->health == FL_BOND_DOWN && !conn->trial)
        return; /* the others told already */
    line->fails++;
    if (line->health == FL_BOND_TRIAL || line->health == FL_BOND_DOWN ||
        (nothing && line->running == 0) || line->fails >= FAILS_MAX)
        fl_line_down(line, why, now_ns);
}

/* ---- what it can do ---- */

double fl_line_bytes_s(const struct fl_line_state *line, int64_t now_ns)
{
    double now = fl_rate_now(&line->rate, now_ns);

    return now > 0 ? now : line->known_bytes_s;
}

/* Enough connections that the line is busy while some of them wait for an answer. */
int fl_line_wants(const struct fl_line_state *line)
{
    double rtt_s = line->rtt_ns > 0 ? (double)line->rtt_ns * 1e-9 : 0;
    int most = line->spec.connections;
    double wants = LINE_FIRST_CONNECTIONS;

    if (line->health == FL_BOND_DOWN || line->health == FL_BOND_TRIAL)
        return 1;
    if (line->chunk_s > 0 || rtt_s > 0)
        wants *= 1 + rtt_s / (line->chunk_s > 0.001 ? line->chunk_s : 0.001);
    if (line->limit_bytes_s > 0 && wants * PIECE_BYTES > (double)line->limit_bytes_s)
        wants = 1; /* each would pause for more than a second */
    if (wants > most)
        wants = most;
    return (int)wants < line->allowed ? (int)wants : line->allowed;
}

/* ---- burst lines ---- */

void fl_bond_judge_bursts(struct fl_bond *bond, int64_t now_ns)
{
    double left = (double)fl_bond_left(bond);
    double without = fl_bond_bytes_s(bond, now_ns, false);
    double time_ns = (double)(bond->deadline_ns - now_ns);
    double needs_ns = without > 0 ? left / without * 1e9 : left > 0 ? 1e18 : 0;
    bool asked = bond->deadline_ns != INT64_MAX;

    for (size_t i = 0; i < bond->line_count; i++) {
        struct fl_line_state *line = &bond->lines[i];

        if (!line->spec.burst)
            continue;
        if (line->health == FL_BOND_ASIDE && asked && needs_ns * 1.05 > time_ns) {
            line->health = FL_BOND_UP;
            line->joined_at_ns = now_ns;
            (void)snprintf(line->why, sizeof(line->why),
                           "joined: %.1f s are needed without it, %.1f s are left",
                           needs_ns < 1e17 ? needs_ns * 1e-9 : INFINITY, time_ns * 1e-9);
        } else if (line->health != FL_BOND_ASIDE && (!asked || needs_ns < time_ns * 0.8)) {
            line->joined_ns += now_ns - line->joined_at_ns;
            line->health = FL_BOND_ASIDE;
            (void)snprintf(line->why, sizeof(line->why), "left: the others have time enough");
        }
    }
}
