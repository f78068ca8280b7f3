/* What the transfers of a site leave each other: told and asked once a second. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/lines/pull_impl.h"
#include "engine/base/log.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)

void fl_pull_manage_begin(struct fl_pull *pull)
{
    struct fl_err err = {0};
    int rc;

    pull->began_s = fl_world_utc_ns(pull->world) / SECOND_NS;
    if (!pull->options.site)
        return;
    rc = fl_share_folder(pull->share_folder, sizeof(pull->share_folder), &err);
    if (rc == 0)
        rc = fl_share_open(pull->world, pull->share_folder, &pull->share, &err);
    if (rc < 0)
        fl_log(FL_LOG_WARN, "transfer.alone", "%s; other transfers are not told of this one",
               err.text);
}

void fl_pull_manage_end(struct fl_pull *pull)
{
    fl_share_close(pull->share);
    pull->share = NULL;
}

/* ---- telling ---- */

static void describe(const struct fl_pull_group *group, size_t line, int64_t now_ns,
                     struct fl_share_line *out)
{
    *out = (struct fl_share_line){.wants = fl_bond_waits(group->bond)};
    (void)snprintf(out->site, sizeof(out->site), "%s", group->peer->site);
    (void)snprintf(out->line, sizeof(out->line), "%s", group->peer->lines[line].name);
    fl_bond_state(group->bond, line, now_ns, &out->state);
    for (size_t s = 0; s < FL_BOND_SLOTS_MAX; s++) {
        const struct fl_pull_request *request = &group->requests[line * FL_BOND_SLOTS_MAX + s];
        struct fl_http_stats stats;

        if (!request->transfer)
            continue;
        fl_http_stats(request->transfer, &stats);
        if (stats.segments > 0) {
            out->retransmits += stats.retransmits;
            out->segments += stats.segments;
        }
    }
}

static void tell(struct fl_pull *pull, int64_t now_ns)
{
    struct fl_share_record *record = calloc(1, sizeof(*record));

    if (!record)
        return; /* another time */
    record->began_s = pull->began_s;
    record->operations = pull->options.operations;
    record->deadline_s = pull->options.deadline_s;
    for (size_t i = 0; i < FL_PULL_GROUPS_MAX; i++) {
        const struct fl_pull_group *group = &pull->groups[i];

        for (size_t l = 0; group->peer && l < group->peer->line_count; l++) {
            if (record->count < FL_SHARE_LINES_MAX)
                describe(group, l, now_ns, &record->lines[record->count++]);
        }
    }
    (void)fl_share_tell(pull->share, record, NULL); /* another time */
    free(record);
}

/* ---- asking ---- */

static void see(const struct fl_share_record *record, void *arg)
{
    fl_rules_see(arg, record);
}

static size_t list_lines(struct fl_pull *pull, int64_t now_ns, struct fl_rule_line *lines)
{
    size_t count = 0;

    for (size_t i = 0; i < FL_PULL_GROUPS_MAX; i++) {
        struct fl_pull_group *group = &pull->groups[i];

        for (size_t l = 0; group->peer && l < group->peer->line_count; l++) {
            const struct fl_line *line = &group->peer->lines[l];
            struct fl_bond_state state;

            fl_bond_state(group->bond, l, now_ns, &state);
            if (state.running > 0 && state.bytes_s > group->most_bytes_s[l])
                group->most_bytes_s[l] = state.bytes_s;
            lines[count++] = (struct fl_rule_line){.site = group->peer->site,
                                                   .line = line->name,
                                                   .cap_bytes_s = line->cap_bytes_s,
                                                   .most_bytes_s = group->most_bytes_s[l],
                                                   .bytes_s = state.running ? state.bytes_s : 0};
        }
    }
    return count;
}

static void apply(struct fl_pull *pull, const struct fl_rule_line *lines)
{
    size_t count = 0;

    for (size_t i = 0; i < FL_PULL_GROUPS_MAX; i++) {
        struct fl_pull_group *group = &pull->groups[i];
        bool held = false;

        for (size_t l = 0; group->peer && l < group->peer->line_count; l++) {
            const struct fl_rule_line *line = &lines[count++];

            fl_bond_hold(group->bond, l, line->held);
            fl_bond_limit(group->bond, l, line->may_bytes_s);
            group->may_bytes_s[l] = line->may_bytes_s;
            held = held || line->held;
        }
        if (held != group->held)
            fl_log(FL_LOG_INFO, held ? "transfer.yields" : "transfer.resumes", "site='%s'%s",
                   group->key, held ? " why='bytes that are needed sooner go first'" : "");
        group->held = held;
    }
}

void fl_pull_manage(struct fl_pull *pull, int64_t *wake_ns)
{
    int64_t now_ns = fl_world_mono_ns(pull->world);
    struct fl_rule_line lines[FL_PULL_GROUPS_MAX * FL_SITE_LINES_MAX];
    struct fl_rules rules = {.operations = pull->options.operations, .lines = lines};

    if (!pull->options.site)
        return;
    if (pull->shared_ns == 0 || now_ns - pull->shared_ns >= SECOND_NS) {
        pull->shared_ns = now_ns;
        rules.reserve_percent = pull->options.site->reserve_percent;
        rules.site_cap_bytes_s =
            fl_site_cap_at(pull->options.site, fl_world_utc_ns(pull->world) / SECOND_NS, NULL);
        rules.deadline_s = pull->options.deadline_s;
        rules.count = list_lines(pull, now_ns, lines);
        fl_rules_begin(&rules);
        if (pull->share) {
            tell(pull, now_ns);
            (void)fl_share_each(pull->world, pull->share_folder, pull->share, see, &rules,
                                NULL); /* whom we cannot see we do not heed */
        }
        fl_rules_end(&rules);
        apply(pull, lines);
    }
    if (pull->shared_ns + SECOND_NS < *wake_ns)
        *wake_ns = pull->shared_ns + SECOND_NS;
}

void fl_group_divide(struct fl_pull_group *group)
{
    for (size_t l = 0; group->peer && l < group->peer->line_count; l++) {
        struct fl_pull_request *requests = &group->requests[l * FL_BOND_SLOTS_MAX];
        int64_t running = 0;
        int64_t cap;

        for (size_t s = 0; s < FL_BOND_SLOTS_MAX; s++)
            running += requests[s].transfer != NULL;
        cap = running > 0 ? group->may_bytes_s[l] / running : 0;
        if (group->may_bytes_s[l] > 0 && cap == 0)
            cap = 1;
        for (size_t s = 0; s < FL_BOND_SLOTS_MAX; s++) {
            if (requests[s].transfer && requests[s].cap_bytes_s != cap) {
                fl_http_cap(requests[s].transfer, cap);
                requests[s].cap_bytes_s = cap;
            }
        }
    }
}
