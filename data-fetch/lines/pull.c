/* Whole files over all lines. */
#include "config.h"

#include "data-fetch/lines/pull.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/lines/pull_impl.h"
#include "engine/base/log.h"
#include "engine/world/file.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define BACKOFF_NS (SECOND_NS / 4)
#define NOTE_NS (SECOND_NS / 20)              /* a kill costs what came since */
#define FEED_BYTES (INT64_C(4) * 1024 * 1024) /* less is not worth waking a thread for */
#define RESTARTS_MAX 3
#define WAIT_MAX_S 60

void fl_pull_failed(struct fl_pull *pull, int rc, const struct fl_err *err)
{
    if (pull->rc < 0)
        return;
    pull->rc = rc;
    pull->err = *err;
}

/* ---- a file ---- */

void fl_slot_feed(struct fl_pull_slot *slot, bool always)
{
    int64_t prefix = fl_landing_prefix(&slot->landing);
    bool whole = fl_landing_whole(&slot->landing);

    if (slot->state != FL_SLOT_COMING)
        return;
    if (whole) {
        slot->state = FL_SLOT_FINISHING;
    } else if (prefix - slot->fed < (always ? 1 : FEED_BYTES)) {
        return;
    }
    slot->fed = prefix;
    fl_finisher_feed(slot->pull->finisher, &slot->job, prefix, whole);
}

int fl_slot_empty(struct fl_pull_slot *slot, struct fl_err *reterr)
{
    char hex[FL_DIGEST_HEX];

    fl_finisher_cancel(slot->pull->finisher, &slot->job);
    fl_digest_finish(slot->job.digest, hex); /* begins anew */
    slot->job.size = slot->job.synced = 0;
    slot->job.done = false;
    slot->fed = 0;
    return fl_landing_reset(&slot->landing, reterr);
}

int fl_slot_ask(struct fl_pull_slot *slot, struct fl_err *reterr)
{
    struct fl_bond *bond = slot->group->bond;
    int64_t size = slot->landing.size;
    struct fl_part gap = {0};
    int rc = 0;

    slot->state = FL_SLOT_COMING;
    if (slot->whole || size == 0)
        return fl_bond_add(bond, slot->index, slot->rank, 0, size >= 0 ? size : FL_BOND_OPEN, true,
                           reterr);
    while (rc == 0 && fl_landing_gap(&slot->landing, gap.end, &gap)) {
        rc = fl_bond_add(bond, slot->index, slot->rank, gap.first, gap.end, false, reterr);
        if (gap.end == FL_BOND_OPEN)
            break;
    }
    return rc;
}

void fl_slot_try_again(struct fl_pull_slot *slot, int64_t wait_s)
{
    struct fl_pull *pull = slot->pull;
    int64_t wait_ns;

    fl_requests_end(slot, NULL);
    if (++slot->tries >= FL_PULL_TRIES_MAX) {
        fl_pull_failed(pull, slot->err.code, &slot->err);
        return;
    }
    fl_log(FL_LOG_WARN, "transfer.retry", "%s; retry %d of %d", slot->err.text, slot->tries,
           FL_PULL_TRIES_MAX - 1);
    wait_ns = BACKOFF_NS << (slot->tries - 1);
    if (wait_s > 0 && wait_s <= WAIT_MAX_S && wait_s * SECOND_NS > wait_ns)
        wait_ns = wait_s * SECOND_NS;
    slot->state = FL_SLOT_WAITING;
    slot->at_ns = fl_world_mono_ns(pull->world) + wait_ns;
}

void fl_slot_restart(struct fl_pull_slot *slot, const char *why)
{
    struct fl_pull *pull = slot->pull;
    struct fl_err err = {0};
    int rc = 0;

    if (++slot->restarts > RESTARTS_MAX) {
        (void)fl_err_set(&slot->err, FL_E_MISMATCH, 0, "'%s' %s", slot->item->url, why);
        fl_pull_failed(pull, FL_E_MISMATCH, &slot->err);
        return;
    }
    rc = fl_slot_empty(slot, &err);
    slot->landing.size = slot->item->size;
    slot->etag[0] = '\0';
    slot->told = false;
    if (rc == 0)
        rc = fl_slot_ask(slot, &err);
    if (rc < 0)
        fl_pull_failed(pull, rc, &err);
}

static void slot_free(struct fl_pull_slot *slot, bool keep)
{
    struct fl_pull *pull = slot->pull;

    if (slot->state == FL_SLOT_FREE)
        return;
    if (slot->group) {
        fl_requests_end(slot, NULL);
        slot->group->slots--;
    }
    fl_finisher_cancel(pull->finisher, &slot->job);
    slot->landing.fd = slot->job.fd; /* closed, when the job ended */
    fl_landing_close(&slot->landing, keep);
    fl_digest_destroy(slot->job.digest);
    slot->job.digest = NULL;
    slot->group = NULL;
    slot->item = NULL;
    slot->state = FL_SLOT_FREE;
    pull->active--;
}

static int slot_open(struct fl_pull_slot *slot, struct fl_pull_item *item,
                     struct fl_pull_group *group, struct fl_err *reterr)
{
    struct fl_pull *pull = slot->pull;
    struct fl_landing_of of = {
        .url = item->url, .sha256 = item->sha256, .size = item->url ? item->size : 0, .etag = ""};
    int rc = fl_landing_open(&slot->landing, pull->world, item->path, &of, reterr);

    if (rc < 0)
        return rc;
    slot->item = item;
    slot->rank = (uint64_t)(item - pull->items);
    slot->group = group;
    slot->job = (struct fl_finish_job){
        .fd = slot->landing.fd, .path = slot->landing.temp, .copy_from = item->local, .arg = slot};
    slot->fed = 0;
    slot->whole = slot->told = false;
    slot->tries = slot->restarts = 0;
    slot->etag[0] = '\0';
    slot->err = (struct fl_err){0};
    slot->state = FL_SLOT_COMING;
    pull->active++;
    if (group)
        group->slots++;
    if (slot->landing.resumed > 0) {
        fl_log(FL_LOG_INFO, "transfer.resume", "file='%s' bytes=%" PRId64, item->path,
               slot->landing.resumed);
        slot->told = !item->sha256;
        if (slot->told)
            (void)snprintf(slot->etag, sizeof(slot->etag), "%s", slot->landing.etag);
    }
    return fl_digest_create(&slot->job.digest, reterr);
}

static int slot_begin(struct fl_pull_slot *slot, struct fl_err *reterr)
{
    int rc = 0;

    if (!slot->group) {
        slot->item->sent_ns = fl_world_utc_ns(slot->pull->world);
        slot->state = FL_SLOT_FINISHING;
        fl_finisher_feed(slot->pull->finisher, &slot->job, 0, true);
        return 0;
    }
    fl_slot_feed(slot, true); /* what was there already */
    if (slot->state == FL_SLOT_COMING)
        rc = fl_slot_ask(slot, reterr);
    if (rc == 0 && slot->state == FL_SLOT_FINISHING && slot->item->sent_ns == 0)
        slot->item->sent_ns = fl_world_utc_ns(slot->pull->world);
    return rc;
}

/* ---- the end of a file ---- */

static const char *item_from(const struct fl_pull_item *item)
{
    return item->url ? item->url : item->local;
}

static int check(const struct fl_pull_slot *slot, struct fl_err *reterr)
{
    const struct fl_pull_item *item = slot->item;

    if (item->size >= 0 && item->size != slot->job.size)
        return fl_err_set(reterr, FL_E_MISMATCH, 0,
                          "'%s' has %" PRId64 " bytes, %" PRId64 " were promised", item_from(item),
                          slot->job.size, item->size);
    if (item->sha256 && strcmp(item->sha256, slot->job.hex) != 0)
        return fl_err_set(reterr, FL_E_MISMATCH, 0, "'%s' has SHA-256 %s, %s was promised",
                          item_from(item), slot->job.hex, item->sha256);
    return 0;
}

/* A mismatch of bytes that an earlier process left may be theirs: from the start, then. */
static bool may_restart(const struct fl_pull_slot *slot, int rc)
{
    return rc == FL_E_MISMATCH && slot->group && slot->landing.resumed > 0 && slot->restarts == 0;
}

static int reopen(struct fl_pull_slot *slot, struct fl_err *reterr)
{
    struct fl_pull_item *item = slot->item;
    struct fl_pull_group *group = slot->group;
    int rc;

    slot_free(slot, false);
    rc = slot_open(slot, item, group, reterr);
    if (rc == 0) {
        slot->restarts = 1;
        rc = slot_begin(slot, reterr);
    }
    return rc;
}

static int whole(struct fl_pull_slot *slot, struct fl_err *reterr)
{
    struct fl_pull *pull = slot->pull;
    struct fl_pull_item *item = slot->item;
    int rc = slot->job.rc < 0 ? slot->job.rc : check(slot, reterr);

    if (slot->job.rc < 0 && reterr)
        *reterr = slot->job.err;
    if (may_restart(slot, rc)) {
        fl_log(FL_LOG_WARN, "transfer.restart", "%s; what was left of it is not used",
               reterr->text);
        return reopen(slot, reterr);
    }
    if (rc < 0) {
        slot_free(slot, rc != FL_E_MISMATCH);
        return rc;
    }
    (void)snprintf(item->digest, sizeof(item->digest), "%s", slot->job.hex);
    if (item->local)
        item->modified_s = slot->job.mtime_ns / SECOND_NS;
    slot->landing.size = slot->job.size;
    slot->landing.fd = -1;
    fl_landing_give(&slot->landing, &item->incoming);
    slot_free(slot, false);
    if (item->hold)
        rc = fl_incoming_unhitch(&item->incoming, reterr);
    if (rc == 0)
        rc = pull->fn(item, reterr, pull->arg);
    if (rc < 0 || !item->hold)
        fl_incoming_drop(&item->incoming);
    return rc;
}

/* ---- the loop ---- */

static struct fl_pull_slot *free_slot(struct fl_pull *pull)
{
    for (size_t i = 0; i < FL_PULL_ACTIVE_MAX; i++) {
        if (pull->slots[i].state == FL_SLOT_FREE)
            return &pull->slots[i];
    }
    return NULL;
}

/* Begins items in their order while there is room. */
static int begin_items(struct fl_pull *pull, struct fl_err *reterr)
{
    int rc = 0;

    while (rc == 0 && pull->next < pull->count && pull->active < FL_PULL_ACTIVE_MAX) {
        struct fl_pull_item *item = &pull->items[pull->next];
        struct fl_pull_slot *slot = free_slot(pull);
        struct fl_pull_group *group = NULL;

        if (item->skip) {
            pull->next++;
            continue;
        }
        if (item->url)
            rc = fl_group_find(pull, item, &group, reterr);
        if (rc < 0 || (item->url && (!group || fl_bond_room(group->bond) < FL_LANDING_PARTS_MAX)))
            return rc; /* later */
        rc = slot_open(slot, item, group, reterr);
        if (rc == 0)
            rc = slot_begin(slot, reterr);
        if (rc == 0) {
            pull->next++;
            if (item->size > 0)
                pull->later_bytes -= item->size;
        }
    }
    return rc;
}

static int wake_slots(struct fl_pull *pull, int64_t *wake_ns, struct fl_err *reterr)
{
    int64_t now_ns = fl_world_mono_ns(pull->world);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < FL_PULL_ACTIVE_MAX; i++) {
        struct fl_pull_slot *slot = &pull->slots[i];

        if (slot->state == FL_SLOT_WAITING && slot->at_ns <= now_ns)
            rc = fl_slot_ask(slot, reterr);
        else if (slot->state == FL_SLOT_WAITING && slot->at_ns < *wake_ns)
            *wake_ns = slot->at_ns;
        if (rc == 0 && slot->state == FL_SLOT_COMING && slot->landing.fresh_count > 0) {
            if (now_ns - slot->landing.touched_ns >= NOTE_NS)
                rc = fl_landing_note(&slot->landing, reterr);
            else if (slot->landing.touched_ns + NOTE_NS < *wake_ns)
                *wake_ns = slot->landing.touched_ns + NOTE_NS;
        }
    }
    return rc;
}

static int work_groups(struct fl_pull *pull, int64_t *wake_ns, struct fl_err *reterr)
{
    bool alone = true; /* one server for everything: what comes later is for it */
    int rc = 0;

    for (size_t i = 1; i < FL_PULL_GROUPS_MAX; i++)
        alone = alone && !pull->groups[i].bond;
    for (size_t i = 0; rc == 0 && i < FL_PULL_GROUPS_MAX; i++) {
        struct fl_pull_group *group = &pull->groups[i];
        int64_t at_ns;

        if (!group->bond)
            continue;
        fl_bond_later(group->bond, alone ? pull->later_bytes : 0, pull->next < pull->count);
        rc = fl_group_work(group, reterr);
        at_ns = fl_group_wake(group);
        if (at_ns < *wake_ns)
            *wake_ns = at_ns;
    }
    return rc;
}

static int take_finished(struct fl_pull *pull, struct fl_err *reterr)
{
    struct fl_finish_job *job;
    int rc = 0;

    fl_wake_clear(pull->bell_fd);
    while (rc == 0 && pull->rc == 0 && (job = fl_finisher_take(pull->finisher))) {
        struct fl_pull_slot *slot = job->arg;

        slot->landing.fd = -1; /* the finisher has closed it */
        rc = whole(slot, reterr);
    }
    return rc;
}

static int pull_loop(struct fl_pull *pull, struct fl_err *reterr)
{
    int rc = 0;

    while (rc == 0 && pull->rc == 0) {
        struct fl_wait_item bell = {.fd = pull->bell_fd};
        int64_t now_ns = fl_world_mono_ns(pull->world);
        int64_t wake_ns = now_ns + 3600 * SECOND_NS;

        rc = begin_items(pull, reterr);
        if (rc == 0)
            rc = wake_slots(pull, &wake_ns, reterr);
        if (rc == 0) {
            fl_pull_manage(pull, &wake_ns);
            rc = work_groups(pull, &wake_ns, reterr);
        }
        if (rc == 0 && pull->rc == 0)
            rc = take_finished(pull, reterr); /* those that were copied without a thread */
        if (rc < 0 || pull->rc < 0 || (pull->active == 0 && pull->next == pull->count))
            break;
        now_ns = fl_world_mono_ns(pull->world);
        rc = fl_http_turn_with(pull->http, &bell, 1, wake_ns > now_ns ? wake_ns - now_ns : 0,
                               reterr);
        if (rc == 0)
            rc = take_finished(pull, reterr);
    }
    if (rc == 0 && pull->rc < 0) {
        rc = pull->rc;
        if (reterr)
            *reterr = pull->err;
    }
    return rc;
}

static int pull_open(struct fl_pull *pull, struct fl_err *reterr)
{
    const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    int threads = pull->world == fl_world_real() ? FL_FINISHER_THREADS : 0;
    int rc = fl_wake_create(&pull->bell_fd, reterr);

    if (rc == 0)
        rc = fl_http_create(&limits, &pull->http, reterr);
    if (rc == 0)
        rc = fl_finisher_create(pull->world, threads, pull->bell_fd, &pull->finisher, reterr);
    for (uint32_t i = 0; i < FL_PULL_ACTIVE_MAX; i++) {
        pull->slots[i].pull = pull;
        pull->slots[i].index = i;
    }
    for (size_t i = 0; i < pull->count; i++) {
        struct fl_pull_item *item = &pull->items[i];

        fl_assert(item->path && (item->url || item->local));
        item->modified_s = -1;
        item->incoming = (struct fl_incoming){.fd = -1};
        if (!item->skip && item->size > 0)
            pull->later_bytes += item->size;
    }
    return rc;
}

static void pull_close(struct fl_pull *pull)
{
    fl_pull_manage_end(pull);
    for (size_t i = 0; pull->finisher && i < FL_PULL_ACTIVE_MAX; i++)
        slot_free(&pull->slots[i], true);
    for (size_t i = 0; i < FL_PULL_GROUPS_MAX; i++)
        fl_group_release(&pull->groups[i]);
    fl_finisher_destroy(pull->finisher);
    fl_http_destroy(pull->http);
    if (pull->bell_fd >= 0)
        fl_wake_close(pull->bell_fd);
    free(pull);
}

int fl_pull_run_with(const struct fl_world *world, const struct fl_pull_options *options,
                     struct fl_pull_item *items, size_t count, fl_pull_whole_fn fn, void *arg,
                     struct fl_err *reterr)
{
    struct fl_pull *pull = calloc(1, sizeof(*pull));
    struct fl_err err = {0};
    int rc;

    fl_assert(fn);
    if (!pull)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    pull->world = world;
    pull->options = options ? *options : (struct fl_pull_options){0};
    if (pull->options.deadline_s > 0) { /* one that is over is as near as one can be */
        int64_t left_ns = pull->options.deadline_s * SECOND_NS - fl_world_utc_ns(world);

        pull->deadline_ns = fl_world_mono_ns(world) + (left_ns > 1 ? left_ns : 1);
    }
    pull->has_keys = fl_site_keys(pull->options.site, &pull->keys);
    pull->bell_fd = -1;
    pull->items = items;
    pull->count = count;
    pull->fn = fn;
    pull->arg = arg;
    rc = pull_open(pull, &err);
    if (rc == 0)
        fl_pull_manage_begin(pull);
    if (rc == 0)
        rc = pull_loop(pull, &err);
    pull_close(pull);
    for (size_t i = 0; i < count; i++) {
        if (rc < 0 || !items[i].hold)
            fl_incoming_drop(&items[i].incoming);
    }
    if (rc < 0 && reterr)
        *reterr = err;
    return rc;
}

int fl_pull_run(const struct fl_world *world, struct fl_pull_item *items, size_t count,
                fl_pull_whole_fn fn, void *arg, struct fl_err *reterr)
{
    return fl_pull_run_with(world, NULL, items, count, fn, arg, reterr);
}
