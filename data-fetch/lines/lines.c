/* lines: what is known of the lines to other sites. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/http/http.h"
#include "data-fetch/lines/share.h"
#include "data-fetch/lines/site.h"
#include "engine/base/json.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define PROBE_S 10
#define PAGE_MAX ((size_t)64 * 1024)
#define MS_NS 1e6

/* A line, what the running transfers say of it together, and what a probe found. */
struct row {
    const struct fl_site_peer *peer;
    const struct fl_line *line;
    int transfers;
    struct fl_bond_state state; /* bytes_s, bytes, again, downs, joined_ns and running are sums */
    int64_t retransmits;
    int64_t segments;
    bool probed;
    int probe_rc;
    int64_t connect_ns;
    int64_t rtt_ns;
    char probe_why[200];
    struct fl_http_transfer *transfer;
};

struct rows {
    struct row *list;
    size_t count;
};

/* ---- what running transfers say ---- */

static void add(struct row *row, const struct fl_share_line *line)
{
    const struct fl_bond_state *state = &line->state;
    bool worse = row->transfers == 0 || state->health == FL_BOND_DOWN;

    row->transfers++;
    if (worse) { /* one that finds it down knows more than one that has not looked */
        row->state.health = state->health;
        (void)snprintf(row->state.why, sizeof(row->state.why), "%s", state->why);
    }
    if (state->rtt_ns > 0 && (row->state.rtt_ns <= 0 || state->rtt_ns < row->state.rtt_ns))
        row->state.rtt_ns = state->rtt_ns;
    row->state.bytes_s += state->running > 0 ? state->bytes_s : 0;
    row->state.bytes += state->bytes;
    row->state.again += state->again;
    row->state.downs += state->downs;
    row->state.joined_ns += state->joined_ns;
    row->state.running += state->running;
    row->retransmits += line->retransmits;
    row->segments += line->segments;
}

static void see(const struct fl_share_record *record, void *arg)
{
    const struct rows *rows = arg;

    for (size_t k = 0; k < record->count; k++) {
        for (size_t i = 0; i < rows->count; i++) {
            struct row *row = &rows->list[i];

            if (strcmp(row->peer->site, record->lines[k].site) == 0 &&
                strcmp(row->line->name, record->lines[k].line) == 0)
                add(row, &record->lines[k]);
        }
    }
}

static int make_rows(const struct fl_site *site, struct rows *rows, struct fl_err *reterr)
{
    for (size_t i = 0; i < site->peer_count; i++)
        rows->count += site->peers[i].line_count;
    rows->list = calloc(rows->count + 1, sizeof(*rows->list));
    if (!rows->list)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rows->count = 0;
    for (size_t i = 0; i < site->peer_count; i++) {
        for (size_t l = 0; l < site->peers[i].line_count; l++) {
            struct row *row = &rows->list[rows->count++];

            row->peer = &site->peers[i];
            row->line = &site->peers[i].lines[l];
            row->rtt_ns = row->state.rtt_ns = -1;
        }
    }
    return 0;
}

/* ---- probes ---- */

static void answered(const struct fl_http_reply *reply, void *arg)
{
    struct row *row = arg;
    struct fl_http_stats stats;

    fl_http_stats(row->transfer, &stats);
    row->rtt_ns = stats.rtt_ns;
    row->transfer = NULL;
    row->probe_rc = reply->rc;
    row->connect_ns = reply->connect_ns;
    if (reply->rc < 0)
        (void)snprintf(row->probe_why, sizeof(row->probe_why), "%s", reply->why);
    else /* whatever it said: it is there */
        (void)snprintf(row->probe_why, sizeof(row->probe_why), "the door answers");
}

static int head_seen(const struct fl_http_reply *reply, void *arg)
{
    (void)reply;
    (void)arg;
    return 0;
}

static int probe_start(struct fl_http *http, const struct fl_site *site, struct row *row)
{
    static const struct fl_http_limits limits = {
        .connect_s = PROBE_S, .stall_s = PROBE_S, .stall_bytes = 1, .total_s = PROBE_S};
    struct fl_site_keys keys;
    bool has_keys = fl_site_keys(site, &keys);
    struct fl_http_tls tls = {.ca = keys.ca,
                              .cert = keys.cert,
                              .key = keys.key,
                              .name = row->peer->site,
                              .only_1_3 = true};
    struct fl_http_route route = {.local = row->line->local, .connect_to = row->line->peer};
    struct fl_err err = {0};
    char url[400];
    struct fl_http_request request = {.url = url,
                                      .method = "HEAD",
                                      .body_max = PAGE_MAX,
                                      .head = head_seen,
                                      .done = answered,
                                      .arg = row,
                                      .route = &route,
                                      .tls = has_keys ? &tls : NULL,
                                      .limits = &limits};
    int rc;

    (void)snprintf(url, sizeof(url), "%s://%s/", has_keys ? "https" : "http", row->line->peer);
    row->probed = true;
    rc = fl_http_start(http, &request, &row->transfer, &err);
    if (rc < 0) {
        row->probe_rc = rc;
        (void)snprintf(row->probe_why, sizeof(row->probe_why), "%.190s", err.text);
    }
    return rc;
}

/* One small request by each line, all at once; burst lines too. */
static int probe_all(const struct fl_site *site, const struct rows *rows, struct fl_err *reterr)
{
    const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    fl_auto(fl_http_destroy) struct fl_http *http = NULL;
    int rc = fl_http_create(&limits, &http, reterr);

    for (size_t i = 0; rc == 0 && i < rows->count; i++)
        (void)probe_start(http, site, &rows->list[i]); /* the row says what came of it */
    while (rc == 0 && fl_http_active(http) > 0)
        rc = fl_http_turn(http, -1, reterr);
    return rc;
}

/* ---- telling ---- */

static const char *health_of(const struct row *row)
{
    if (row->transfers > 0)
        return fl_bond_health_name(row->state.health);
    if (row->probed)
        return row->probe_rc < 0 ? "down" : "up";
    return row->line->burst ? "aside" : "idle";
}

static const char *why_of(const struct row *row)
{
    if (row->transfers > 0 && row->state.health != FL_BOND_UP)
        return row->state.why;
    if (row->probed)
        return row->probe_why;
    return row->transfers > 0 ? row->state.why : "no transfer uses it";
}

static int64_t rtt_of(const struct row *row)
{
    return row->state.rtt_ns > 0 ? row->state.rtt_ns : row->rtt_ns;
}

static double loss_of(const struct row *row)
{
    return row->segments > 0 ? 100.0 * (double)row->retransmits / (double)row->segments : -1;
}

static json_t *row_json(const struct row *row)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:I, s:I, s:I, s:f, s:f, s:b}", "site",
                             row->peer->site, "line", row->line->name, "state", health_of(row),
                             "why", why_of(row), "transfers", row->transfers, "bytes_s",
                             row->state.bytes_s, "bytes", (json_int_t)row->state.bytes, "again",
                             (json_int_t)row->state.again, "downs", (json_int_t)row->state.downs,
                             "burst_minutes", (double)row->state.joined_ns / 60e9, "cost",
                             (double)(row->state.bytes + row->state.again) * 1e-6 * row->line->cost,
                             "burst", row->line->burst);

    if (json && rtt_of(row) >= 0)
        (void)json_object_set_new(json, "rtt_ms", json_real((double)rtt_of(row) / MS_NS));
    if (json && loss_of(row) >= 0)
        (void)json_object_set_new(json, "loss_percent", json_real(loss_of(row)));
    if (json && row->probed && row->probe_rc == 0)
        (void)json_object_set_new(json, "connect_ms", json_real((double)row->connect_ns / MS_NS));
    return json;
}

static int print_json(const struct rows *rows, struct fl_err *reterr)
{
    fl_json_auto json_t *doc = json_object();
    json_t *list = json_array();
    char *text = NULL;

    for (size_t i = 0; i < rows->count; i++)
        (void)json_array_append_new(list, row_json(&rows->list[i])); /* text tells below */
    if (doc && json_object_set_new(doc, "lines", list) == 0)
        text = fl_json_text(doc);
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    (void)printf("%s\n", text);
    free(text);
    return 0;
}

static void print_rows(const struct rows *rows)
{
    (void)printf("%-12s %-12s %-8s %10s %8s %7s  %s\n", "site", "line", "state", "MB/s", "rtt ms",
                 "loss %", "why");
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->list[i];
        char rtt[24] = "-";
        char loss[24] = "-";

        if (rtt_of(row) >= 0)
            (void)snprintf(rtt, sizeof(rtt), "%.1f", (double)rtt_of(row) / MS_NS);
        if (loss_of(row) >= 0)
            (void)snprintf(loss, sizeof(loss), "%.2f", loss_of(row));
        (void)printf("%-12s %-12s %-8s %10.1f %8s %7s  %s\n", row->peer->site, row->line->name,
                     health_of(row), row->state.bytes_s * 1e-6, rtt, loss, why_of(row));
    }
}

static int tell(const struct fl_site *site, bool probe, bool as_json, struct fl_err *reterr)
{
    struct rows rows = {0};
    char folder[FL_PATH_MAX];
    int rc = make_rows(site, &rows, reterr);

    if (rc == 0)
        rc = fl_share_folder(folder, sizeof(folder), reterr);
    if (rc == 0)
        rc = fl_share_each(fl_world_real(), folder, NULL, see, &rows, reterr);
    if (rc == 0 && probe)
        rc = probe_all(site, &rows, reterr);
    if (rc == 0 && as_json)
        rc = print_json(&rows, reterr);
    else if (rc == 0)
        print_rows(&rows);
    free(rows.list);
    return rc;
}

int fl_command_lines(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"site", required_argument, NULL, 's'},
        {"probe", no_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    fl_auto(fl_site_destroy) struct fl_site *site = NULL;
    const char *path = NULL;
    bool probe = false;
    bool as_json = false;
    int code;
    int rc;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        if (code == 's')
            path = optarg;
        else
            *(code == 'p' ? &probe : &as_json) = true;
    }
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    rc = fl_site_find(fl_world_real(), path, &site, reterr);
    if (rc < 0)
        return rc;
    if (!site)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "lines needs a site file: --site FILE, or FAIRLEAD_SITE in the "
                          "environment; fairlead-site(5) describes it");
    return tell(site, probe, as_json, reterr);
}
