/* Servers and sites, and the bond to each. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data-fetch/lines/pull_impl.h"
#include "engine/base/log.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define PATIENCE_NS (60 * SECOND_NS)
#define SITE_PATIENCE_NS (120 * SECOND_NS)

/* Scheme and authority of a URL. */
static void door_of(const struct fl_pull_item *item, char *door)
{
    const char *host = strstr(item->url, "://");
    size_t length = strlen(item->url);

    if (host)
        length = (size_t)(host - item->url) + 3 + strcspn(host + 3, "/?#");
    (void)snprintf(door, FL_PULL_KEY_MAX, "%.*s", (int)length, item->url);
}

static void key_of(const struct fl_pull_item *item, char *key)
{
    if (item->site)
        (void)snprintf(key, FL_PULL_KEY_MAX, "%s", item->site);
    else
        door_of(item, key);
}

static int group_make(struct fl_pull *pull, struct fl_pull_group *group,
                      const struct fl_pull_item *item, const char *key, struct fl_err *reterr)
{
    struct fl_bond_line lines[FL_BOND_LINES_MAX];
    size_t count = 1;
    int rc;

    lines[0] = (struct fl_bond_line){.weight = 1, .connections = FL_PULL_CONNECTIONS_MAX};
    *group = (struct fl_pull_group){.pull = pull};
    group->peer = item->site ? fl_site_peer(pull->options.site, item->site) : NULL;
    if (group->peer) {
        count = group->peer->line_count;
        for (size_t i = 0; i < count; i++)
            lines[i] = (struct fl_bond_line){.weight = group->peer->lines[i].weight,
                                             .burst = group->peer->lines[i].burst};
    }
    group->byte_ns = fl_world_mono_ns(pull->world);
    rc = fl_bond_create(lines, count, group->byte_ns, &group->bond, reterr);
    if (rc < 0)
        return rc;
    if (pull->deadline_ns > 0)
        fl_bond_deadline(group->bond, pull->deadline_ns);
    for (size_t i = 0; i < count; i++)
        group->seen[i] = lines[i].burst ? FL_BOND_ASIDE : FL_BOND_UP;
    (void)snprintf(group->key, sizeof(group->key), "%s", key);
    door_of(item, group->door);
    if (item->site && pull->has_keys && strncasecmp(item->url, "https:", 6) == 0) {
        group->has_tls = true;
        group->tls = (struct fl_http_tls){.ca = pull->keys.ca,
                                          .cert = pull->keys.cert,
                                          .key = pull->keys.key,
                                          .name = group->key,
                                          .only_1_3 = true};
    }
    return 0;
}

int fl_group_find(struct fl_pull *pull, const struct fl_pull_item *item,
                  struct fl_pull_group **ret_group, struct fl_err *reterr)
{
    struct fl_pull_group *free_one = NULL;
    char key[FL_PULL_KEY_MAX];
    int rc = 0;

    key_of(item, key);
    *ret_group = NULL;
    for (size_t i = 0; i < FL_PULL_GROUPS_MAX && !*ret_group; i++) {
        struct fl_pull_group *group = &pull->groups[i];

        if (group->bond && strcmp(group->key, key) == 0)
            *ret_group = group;
        else if (!free_one && group->slots == 0)
            free_one = group;
    }
    if (!*ret_group && free_one) {
        fl_group_release(free_one);
        rc = group_make(pull, free_one, item, key, reterr);
        if (rc == 0)
            *ret_group = free_one;
    }
    return rc;
}

/* What each line carried. */
static void tell_totals(const struct fl_pull_group *group)
{
    for (size_t i = 0; group->peer && i < group->peer->line_count; i++) {
        const struct fl_line *line = &group->peer->lines[i];
        struct fl_bond_state state;

        fl_bond_state(group->bond, i, fl_world_mono_ns(group->pull->world), &state);
        fl_log(FL_LOG_INFO, "transfer.line.total",
               "site='%s' line='%s' bytes=%" PRIu64 " again=%" PRIu64 " downs=%" PRIu64
               " minutes=%.2f cost=%.2f",
               group->key, line->name, state.bytes, state.again, state.downs,
               (double)state.joined_ns / (60.0 * (double)SECOND_NS),
               (double)(state.bytes + state.again) * 1e-6 * line->cost);
    }
}

void fl_group_release(struct fl_pull_group *group)
{
    if (group->bond)
        tell_totals(group);
    fl_group_admit_end(group);
    for (size_t i = 0; i < FL_BOND_CONNECTIONS_MAX; i++) {
        if (group->requests[i].transfer)
            fl_http_cancel(group->requests[i].transfer);
    }
    fl_bond_destroy(group->bond);
    *group = (struct fl_pull_group){0};
}

/* What changed about its lines is told once. */
static void tell_lines(struct fl_pull_group *group, int64_t now_ns)
{
    for (size_t i = 0; group->peer && i < group->peer->line_count; i++) {
        struct fl_bond_state state;

        fl_bond_state(group->bond, i, now_ns, &state);
        if (state.health == group->seen[i] || state.health == FL_BOND_TRIAL)
            continue;
        group->seen[i] = state.health;
        group->pull->shared_ns = 0; /* others are told at once */
        fl_log(state.health == FL_BOND_DOWN ? FL_LOG_WARN : FL_LOG_INFO, "transfer.line",
               "site='%s' line='%s' state='%s' why='%s'", group->key, group->peer->lines[i].name,
               fl_bond_health_name(state.health), state.why);
    }
}

/* What the sockets tell: that they are connected, and their round trip. */
static void look_at_sockets(struct fl_pull_group *group)
{
    for (int i = 0; i < FL_BOND_CONNECTIONS_MAX; i++) {
        struct fl_http_stats stats;

        if (!group->requests[i].transfer)
            continue;
        fl_http_stats(group->requests[i].transfer, &stats);
        if (stats.rtt_ns >= 0)
            fl_bond_connected(group->bond, i, stats.rtt_ns);
    }
}

static int patience_over(struct fl_pull_group *group, int64_t now_ns, struct fl_err *reterr)
{
    struct fl_pull *pull = group->pull;
    int64_t patience_ns = group->peer ? SITE_PATIENCE_NS : PATIENCE_NS;
    struct fl_err last = group->err;

    if (pull->options.patience_ns > 0)
        patience_ns = pull->options.patience_ns;
    if (fl_bond_idle(group->bond) || group->held) { /* nothing is asked for */
        group->byte_ns = now_ns;
        return 0;
    }
    if (now_ns - group->byte_ns < patience_ns)
        return 0;
    for (size_t i = 0; i < FL_PULL_ACTIVE_MAX && last.code == 0; i++) {
        if (pull->slots[i].group == group)
            last = pull->slots[i].err;
    }
    if (last.code == 0)
        return fl_err_set(reterr, FL_E_TIMEOUT, 0, "'%s': nothing came for %" PRId64 " s",
                          group->key, patience_ns / SECOND_NS);
    return fl_err_set(reterr, last.code, 0, "%s; nothing came for %" PRId64 " s", last.text,
                      patience_ns / SECOND_NS);
}

int fl_group_work(struct fl_pull_group *group, struct fl_err *reterr)
{
    int64_t now_ns = fl_world_mono_ns(group->pull->world);
    struct fl_bond_chunk chunk;
    int conn;
    int rc = patience_over(group, now_ns, reterr);

    look_at_sockets(group);
    while (rc == 0 && (conn = fl_bond_tick(group->bond, now_ns)) >= 0) {
        struct fl_pull_request *request = &group->requests[conn];

        (void)fl_err_set(&request->slot->err, FL_E_TIMEOUT, 0, "'%s': the line went silent",
                         request->slot->item->url);
        fl_http_cancel(request->transfer);
        request->transfer = NULL;
        request->slot = NULL;
    }
    while (rc == 0 && fl_group_admitted(group) && fl_bond_next(group->bond, now_ns, &chunk)) {
        rc = fl_request_start(group, &chunk, reterr);
        if (rc < 0) {
            group->requests[chunk.conn].slot = NULL;
            fl_bond_ended(group->bond, chunk.conn, FL_BOND_BACK, NULL, now_ns);
        }
    }
    fl_group_divide(group);
    tell_lines(group, now_ns);
    return rc;
}

int64_t fl_group_wake(const struct fl_pull_group *group)
{
    int64_t wake_ns = fl_bond_wake(group->bond, fl_world_mono_ns(group->pull->world));
    int64_t admit_ns = fl_group_admit_wake(group);

    return admit_ns < wake_ns ? admit_ns : wake_ns;
}
