/* The bond on made-up lines and a made-up clock. */
#include "config.h"

#include "data-fetch/lines/bond.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define MIB INT64_C(1048576)
#define UNIT 4096 /* bytes of the check of what came */
#define MBIT_400 50e6

/* One line: its capacity, and when it carries. */
struct wire {
    double bytes_s;
    double rtt_s;
    double answer_s; /* that the server thinks */
    int64_t dies_ns; /* at which it fails; 0: never */
    int64_t back_ns; /* and is back; 0: never */
    int64_t flap_ns; /* on and off for so long each */
    bool closes;     /* connections end at once when it fails; else silence */
};

struct there {
    bool fresh_next; /* the next request makes a connection */
    bool fresh;
    int64_t answer_ns;
    double owed; /* fraction of a byte */
};

struct made_up {
    struct fl_bond *bond;
    struct wire wires[FL_BOND_LINES_MAX];
    size_t count;
    struct there conns[FL_BOND_CONNECTIONS_MAX];
    int64_t now_ns;
    int64_t size; /* of file 0 */
    int64_t came; /* wanted bytes */
    int64_t *fill;
    int stops;
};

static bool wire_is_up(const struct wire *wire, int64_t now_ns)
{
    if (wire->flap_ns > 0)
        return now_ns / wire->flap_ns % 2 == 0;
    return wire->dies_ns == 0 || now_ns < wire->dies_ns ||
           (wire->back_ns > 0 && now_ns >= wire->back_ns);
}

static void setup(struct made_up *w, const struct wire *wires, const struct fl_bond_line *lines,
                  size_t count, int64_t size)
{
    struct fl_err err = {0};

    *w = (struct made_up){.count = count, .size = size, .now_ns = SECOND};
    memcpy(w->wires, wires, count * sizeof(*wires));
    for (size_t i = 0; i < FL_BOND_CONNECTIONS_MAX; i++)
        w->conns[i].fresh_next = true;
    w->fill = calloc((size_t)(size / UNIT + 1), sizeof(*w->fill));
    assert_non_null(w->fill);
    assert_ok(fl_bond_create(lines, count, w->now_ns, &w->bond, &err), err);
    assert_ok(fl_bond_add(w->bond, 0, 1, 0, size, false, &err), err);
}

static void release(struct made_up *w)
{
    fl_bond_destroy(w->bond);
    free(w->fill);
}

/* Bytes [first, first + size) came and were wanted. */
static void landed(struct made_up *w, int64_t first, int64_t size)
{
    w->came += size;
    while (size > 0) {
        int64_t unit = first / UNIT;
        int64_t part = (unit + 1) * UNIT - first < size ? (unit + 1) * UNIT - first : size;

        w->fill[unit] += part;
        assert_true(w->fill[unit] <= UNIT);
        first += part;
        size -= part;
    }
}

static void start_all(struct made_up *w)
{
    struct fl_bond_chunk chunk;

    while (fl_bond_next(w->bond, w->now_ns, &chunk)) {
        struct there *conn = &w->conns[chunk.conn];
        const struct wire *wire = &w->wires[chunk.conn / FL_BOND_SLOTS_MAX];
        double rtts = conn->fresh_next ? 3 : 1;

        conn->fresh = conn->fresh_next;
        conn->fresh_next = false;
        conn->owed = 0;
        conn->answer_ns = w->now_ns + (int64_t)((rtts * wire->rtt_s + wire->answer_s) * 1e9);
        if (!wire_is_up(wire, w->now_ns)) /* its first packet is lost, and sent again */
            conn->answer_ns += SECOND;
        else
            fl_bond_connected(w->bond, chunk.conn, (int64_t)(wire->rtt_s * 1e9));
    }
}

static void move_line(struct made_up *w, size_t line, int64_t step_ns)
{
    const struct wire *wire = &w->wires[line];
    bool up = wire_is_up(wire, w->now_ns);
    int flowing = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (int s = 0; s < FL_BOND_SLOTS_MAX; s++) {
            int at = (int)line * FL_BOND_SLOTS_MAX + s;
            struct there *conn = &w->conns[at];
            struct fl_bond_chunk chunk;
            int64_t part;
            int64_t wanted;

            if (!fl_bond_running(w->bond, at, &chunk))
                continue;
            if (!up) {
                if (pass == 1 && wire->closes) {
                    conn->fresh_next = true;
                    fl_bond_ended(w->bond, at, FL_BOND_LOST, "connection reset", w->now_ns);
                } else {
                    conn->answer_ns =
                        conn->answer_ns > w->now_ns ? conn->answer_ns : w->now_ns + SECOND;
                }
                continue;
            }
            if (w->now_ns < conn->answer_ns)
                continue;
            if (pass == 0) {
                flowing++;
                continue;
            }
            fl_bond_connected(w->bond, at, (int64_t)(wire->rtt_s * 1e9));
            conn->owed += wire->bytes_s / flowing * (double)step_ns * 1e-9;
            part = (int64_t)conn->owed;
            if (part <= 0)
                continue;
            conn->owed -= (double)part;
            if (part > chunk.end - chunk.first)
                part = chunk.end - chunk.first;
            wanted = part > 0 ? fl_bond_came(w->bond, at, part, w->now_ns) : 0;
            landed(w, chunk.first, wanted);
            if (!fl_bond_running(w->bond, at, &chunk) || chunk.first >= chunk.end)
                fl_bond_ended(w->bond, at, FL_BOND_DONE, NULL, w->now_ns);
        }
    }
}

/* Runs until all is here, or until then. Returns the time it took [s]. */
static double run(struct made_up *w, double until_s)
{
    const int64_t step_ns = 2 * MS;
    int64_t start_ns = w->now_ns;

    while (w->came < w->size && (double)(w->now_ns - start_ns) * 1e-9 < until_s) {
        int conn;

        start_all(w);
        w->now_ns += step_ns;
        for (size_t l = 0; l < w->count; l++)
            move_line(w, l, step_ns);
        while ((conn = fl_bond_tick(w->bond, w->now_ns)) >= 0) {
            w->conns[conn].fresh_next = true;
            w->stops++;
        }
        assert_true(fl_bond_wake(w->bond, w->now_ns) > w->now_ns);
    }
    return (double)(w->now_ns - start_ns) * 1e-9;
}

static const struct fl_bond_line two[] = {{.weight = 1}, {.weight = 1}};

static void takes(const char *what, double took_s, double ideal_s, double most)
{
    print_message("%s: %.2f s, %.3f of the ideal %.2f s\n", what, took_s, took_s / ideal_s,
                  ideal_s);
    if (took_s > ideal_s * most)
        fail_msg("%s: %.2f s; at most %.2f times %.2f s", what, took_s, most, ideal_s);
}

/* A line that idles while another works is paid for twice. */
static void lines_together_carry_the_sum_of_them(void **state)
{
    static const double rates[][2] = {{50e6, 50e6}, {90e6, 10e6}, {5e6, 80e6}, {1e6, 0.2e6}};
    static const double rtts[][2] = {{0.0005, 0.0005}, {0.04, 0.01}, {0.3, 0.02}, {0.6, 0.05}};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(rates); i++) {
        struct wire wires[2] = {{.bytes_s = rates[i][0], .rtt_s = rtts[i][0]},
                                {.bytes_s = rates[i][1], .rtt_s = rtts[i][1]}};
        double sum = rates[i][0] + rates[i][1];
        double ideal_s = i == 3 ? 60 : 8;
        struct made_up w;
        char what[80];

        setup(&w, wires, two, 2, (int64_t)(sum * ideal_s));
        (void)snprintf(what, sizeof(what), "%.1f and %.1f MB/s", rates[i][0] / 1e6,
                       rates[i][1] / 1e6);
        takes(what, run(&w, 100), ideal_s + rtts[i][0], i == 3 ? 1.15 : 1.05);
        release(&w);
    }
}

/* What was on a line that went must not be waited for. */
static void a_line_that_closes_or_freezes_loses_its_chunks(void **state)
{
    double left = (500.0 * (double)MIB - 2 * 2 * MBIT_400) / MBIT_400;

    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        struct wire wires[2] = {
            {.bytes_s = MBIT_400, .rtt_s = 0.01, .dies_ns = 3 * SECOND, .closes = closes},
            {.bytes_s = MBIT_400, .rtt_s = 0.01}};
        struct fl_bond_state line;
        struct made_up w;

        setup(&w, wires, two, 2, 500 * MIB);
        takes(closes ? "closed at 2 s" : "frozen at 2 s", run(&w, 60), 2 + left,
              closes ? 1.05 : 1.08);
        fl_bond_state(w.bond, 0, w.now_ns, &line);
        assert_int_equal(line.health, FL_BOND_DOWN);
        print_message("down: %s\n", line.why);
        assert_true(line.again < (uint64_t)MIB);
        release(&w);
    }
}

/* A radio link that comes and goes must be used while it is there. */
static void a_flapping_line_costs_little(void **state)
{
    (void)state;
    for (int closes = 0; closes < 2; closes++) {
        struct wire wires[2] = {
            {.bytes_s = MBIT_400, .rtt_s = 0.01},
            {.bytes_s = MBIT_400, .rtt_s = 0.01, .flap_ns = 3 * SECOND, .closes = closes}};
        struct made_up w;
        double could = 60 * MBIT_400 * 1.5;

        setup(&w, wires, two, 2, (int64_t)(could * 2));
        (void)run(&w, 60);
        print_message("flapping: %.3f of what could be\n", (double)w.came / could);
        assert_true((double)w.came > 0.9 * could);
        release(&w);
    }
}

/* After an outage of everything the transfer goes on by itself, soon. */
static void all_lines_down_and_back(void **state)
{
    struct wire wires[2] = {
        {.bytes_s = 10e6, .rtt_s = 0.02, .dies_ns = 2 * SECOND, .back_ns = 42 * SECOND},
        {.bytes_s = 10e6, .rtt_s = 0.02, .dies_ns = 3 * SECOND, .back_ns = 22 * SECOND}};
    struct made_up w;

    (void)state;
    setup(&w, wires, two, 2, 100000000);
    takes("outage of 19 s", run(&w, 100), 19 + 3 + 7.0, 1.15);
    release(&w);
}

/* A server that thinks for long is no dead line. */
static void a_slow_answer_is_waited_for(void **state)
{
    struct wire wire = {.bytes_s = 10e6, .rtt_s = 0.02, .answer_s = 8};
    struct made_up w;

    (void)state;
    setup(&w, &wire, two, 1, 10 * MIB);
    assert_true(run(&w, 200) < 150);
    release(&w);
}

/* One connection that hangs does not hold the others up, nor does a slow line the end. */
static void a_line_that_becomes_slow_keeps_only_what_it_can_bring(void **state)
{
    struct wire wires[2] = {{.bytes_s = 50e6, .rtt_s = 0.01}, {.bytes_s = 50e6, .rtt_s = 0.01}};
    struct made_up w;

    (void)state;
    setup(&w, wires, two, 2, 400 * MIB);
    (void)run(&w, 2);
    w.wires[1].bytes_s = 0.1e6;
    takes("slow after 2 s", 2 + run(&w, 60), 2 + (400.0 * (double)MIB - 200e6) / 50.1e6, 1.08);
    release(&w);
}

/* A burst line that is used without need is a bill; one that is not used in need, a late forecast.
 */
static void burst_lines_join_for_a_deadline_and_leave_after(void **state)
{
    static const struct fl_bond_line lines[] = {{.weight = 1}, {.weight = 1, .burst = true}};
    struct wire wires[2] = {{.bytes_s = 10e6, .rtt_s = 0.01}, {.bytes_s = 30e6, .rtt_s = 0.05}};
    struct fl_bond_state line;
    struct made_up w;

    (void)state;
    setup(&w, wires, lines, 2, 200 * MIB);
    takes("no deadline", run(&w, 60), 200.0 * (double)MIB / 10e6, 1.05);
    fl_bond_state(w.bond, 1, w.now_ns, &line);
    assert_int_equal(line.bytes, 0);
    release(&w);

    setup(&w, wires, lines, 2, 200 * MIB);
    fl_bond_deadline(w.bond, w.now_ns + 60 * SECOND);
    (void)run(&w, 60);
    fl_bond_state(w.bond, 1, w.now_ns, &line);
    assert_int_equal(line.bytes, 0);
    release(&w);

    setup(&w, wires, lines, 2, 200 * MIB);
    fl_bond_deadline(w.bond, w.now_ns + 15 * SECOND);
    assert_true(run(&w, 60) < 15);
    fl_bond_state(w.bond, 1, w.now_ns, &line);
    assert_true(line.bytes > 0 && line.joined_ns > 0);
    assert_string_equal(fl_bond_health_name(line.health), "aside"); /* it left again */
    release(&w);

    wires[0].dies_ns = 2 * SECOND; /* the other line is gone: only the burst line is left */
    setup(&w, wires, lines, 2, 200 * MIB);
    fl_bond_deadline(w.bond, w.now_ns + 60 * SECOND);
    assert_true(run(&w, 60) < 20);
    release(&w);
}

/* Files whose size nobody told, and servers that know no ranges. */
static void sizes_are_learned_and_whole_answers_taken(void **state)
{
    struct fl_bond_chunk chunk;
    struct fl_bond *bond = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_bond_create(two, 1, 0, &bond, &err), err);
    assert_ok(fl_bond_add(bond, 7, 1, 0, FL_BOND_OPEN, false, &err), err);
    assert_true(fl_bond_next(bond, 1, &chunk));
    assert_true(chunk.open && chunk.first == 0 && chunk.end == MIB / 4);
    assert_false(fl_bond_next(bond, 1, &chunk));
    assert_ok(fl_bond_total(bond, chunk.conn, 3 * MIB, &err), err);
    assert_true(fl_bond_next(bond, 1, &chunk));
    assert_int_equal(chunk.first, MIB / 4);
    fl_bond_unsplit(bond, 0, 3 * MIB);
    assert_int_equal(fl_bond_came(bond, 0, 3 * MIB, 2), 3 * MIB);
    fl_bond_ended(bond, chunk.conn, FL_BOND_FILE, NULL, 3);
    fl_bond_ended(bond, 0, FL_BOND_DONE, NULL, 3);
    assert_true(fl_bond_idle(bond));

    assert_ok(fl_bond_add(bond, 8, 2, 0, FL_BOND_OPEN, false, &err), err);
    assert_true(fl_bond_next(bond, 4, &chunk));
    assert_ok(fl_bond_total(bond, chunk.conn, 10, &err), err); /* shorter than the first chunk */
    assert_int_equal(fl_bond_came(bond, chunk.conn, 12, 5), 10);
    fl_bond_ended(bond, chunk.conn, FL_BOND_DONE, NULL, 6);
    assert_true(fl_bond_idle(bond));

    assert_ok(fl_bond_add(bond, 9, 2, 0, FL_BOND_OPEN, true, &err), err);
    assert_true(fl_bond_next(bond, 7, &chunk));
    assert_true(chunk.whole);
    assert_int_equal(fl_bond_came(bond, chunk.conn, 100, 8), 100);
    fl_bond_ended(bond, chunk.conn, FL_BOND_LOST, "reset", 9); /* from the start again */
    assert_true(fl_bond_next(bond, SECOND, &chunk));
    assert_int_equal(chunk.first, 0);
    fl_bond_ended(bond, chunk.conn, FL_BOND_FILE, NULL, SECOND);
    fl_bond_destroy(bond);
}

static uint64_t draw(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Whatever the lines do, every byte is wanted exactly once and all come in the end. */
static void every_byte_comes_once_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 60; n++) {
        uint64_t seed = n * UINT64_C(0x9E3779B97F4A7C15);
        struct wire wires[4];
        struct fl_bond_line lines[4];
        size_t count = 1 + draw(&seed) % 4;
        struct made_up w;

        for (size_t i = 0; i < count; i++) {
            lines[i] = (struct fl_bond_line){.weight = 1, .connections = (int)(draw(&seed) % 9)};
            wires[i] = (struct wire){.bytes_s = 0.2e6 * (double)(1 + draw(&seed) % 100),
                                     .rtt_s = 0.001 * (double)(1 + draw(&seed) % 200),
                                     .closes = draw(&seed) % 2};
            if (draw(&seed) % 3 == 0)
                wires[i].flap_ns = (int64_t)(1 + draw(&seed) % 5) * SECOND;
            else if (i > 0 && draw(&seed) % 3 == 0)
                wires[i].dies_ns = (int64_t)(1 + draw(&seed) % 5) * SECOND;
        }
        setup(&w, wires, lines, count, (int64_t)(1 + draw(&seed) % 40) * MIB + 17);
        (void)run(&w, 2000);
        if (w.came != w.size || !fl_bond_idle(w.bond))
            fail_msg("seed %lu: %ld of %ld bytes", (unsigned long)n, (long)w.came, (long)w.size);
        release(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_together_carry_the_sum_of_them),
        cmocka_unit_test(a_line_that_closes_or_freezes_loses_its_chunks),
        cmocka_unit_test(a_flapping_line_costs_little),
        cmocka_unit_test(all_lines_down_and_back),
        cmocka_unit_test(a_slow_answer_is_waited_for),
        cmocka_unit_test(a_line_that_becomes_slow_keeps_only_what_it_can_bring),
        cmocka_unit_test(burst_lines_join_for_a_deadline_and_leave_after),
        cmocka_unit_test(sizes_are_learned_and_whole_answers_taken),
        cmocka_unit_test(every_byte_comes_once_whatever_happens),
    };

    return cmocka_run_group_tests_name("bond", tests, NULL, NULL);
}
