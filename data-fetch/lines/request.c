/* Requests for pieces of files, and what is answered. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/lines/pull_impl.h"

#include "engine/base/banned.h"

#define RANGE_TEXT_MAX 48

/* Lines are judged by the bond: libcurl is to wait as long as it is let. */
static const struct fl_http_limits patient = {.connect_s = 120, .stall_s = 3600, .stall_bytes = 1};

static int64_t now_of(const struct fl_pull_request *request)
{
    return fl_world_mono_ns(request->group->pull->world);
}

/* The file cannot be had from here: the request ends, and the run. */
static int end_with(struct fl_pull_request *request, int code)
{
    struct fl_pull_slot *slot = request->slot;

    fl_pull_failed(slot->pull, code, &slot->err);
    request->over = true;
    return code;
}

/* ---- how an answer begins ---- */

static int check_total(struct fl_pull_request *request, int64_t total)
{
    struct fl_pull_slot *slot = request->slot;
    const struct fl_pull_item *item = slot->item;

    if (total < 0 || item->size < 0 || total == item->size)
        return 0;
    (void)fl_err_set(&slot->err, FL_E_MISMATCH, 0,
                     "'%s' has %" PRId64 " bytes, %" PRId64 " were promised", item->url, total,
                     item->size);
    return end_with(request, FL_E_MISMATCH);
}

/* The file is another one than it was when its first piece came. */
static int changed(struct fl_pull_request *request)
{
    struct fl_pull_slot *slot = request->slot;

    request->over = true;
    fl_requests_end(slot, request);
    fl_slot_restart(slot, "changes while it is fetched");
    return FL_E_MISMATCH;
}

/* The landing learns what it gets. */
static int tell(struct fl_pull_request *request, const struct fl_http_reply *reply, int64_t total)
{
    struct fl_pull_slot *slot = request->slot;
    struct fl_landing_of of = {.url = slot->item->url,
                               .sha256 = slot->item->sha256,
                               .size = total,
                               .etag = reply->if_range};
    int rc;

    if (slot->item->modified_s < 0)
        slot->item->modified_s = reply->modified_s;
    if (slot->told)
        return 0;
    slot->told = true;
    (void)snprintf(slot->etag, sizeof(slot->etag), "%s", reply->if_range);
    if (slot->landing.resumed > 0 && slot->landing.size >= 0)
        return 0;
    rc = fl_landing_told(&slot->landing, &of, &slot->err);
    return rc < 0 ? end_with(request, rc) : 0;
}

static int begins_piece(struct fl_pull_request *request, const struct fl_http_reply *reply)
{
    struct fl_pull_slot *slot = request->slot;
    struct fl_bond *bond = request->group->bond;
    struct fl_bond_chunk chunk;
    bool other = slot->told && slot->etag[0] && reply->if_range[0] &&
                 strcmp(slot->etag, reply->if_range) != 0;
    int rc = 0;

    (void)fl_bond_running(bond, request->conn, &chunk); /* it is: its answer has come */
    if (other || (slot->landing.size >= 0 && reply->range_total >= 0 && slot->item->size < 0 &&
                  slot->landing.size != reply->range_total))
        return changed(request);
    if (reply->range_first != chunk.first) {
        (void)fl_err_set(&slot->err, FL_E_MISMATCH, 0,
                         "'%s': bytes from %" PRId64 " on were asked for, bytes from %" PRId64
                         " on were sent",
                         slot->item->url, chunk.first, reply->range_first);
        return end_with(request, FL_E_MISMATCH);
    }
    rc = check_total(request, reply->range_total);
    if (rc == 0 && chunk.open && reply->range_total < 0) { /* it will not tell: in one piece */
        slot->whole = true;
        return changed(request);
    }
    if (rc == 0)
        rc = tell(request, reply, reply->range_total);
    if (rc == 0 && chunk.open &&
        fl_bond_total(bond, request->conn, reply->range_total, &slot->err) < 0)
        rc = end_with(request, slot->err.code);
    return rc;
}

static int begins_whole(struct fl_pull_request *request, const struct fl_http_reply *reply)
{
    struct fl_pull_slot *slot = request->slot;
    int64_t total = reply->length >= 0 ? reply->length : slot->item->size;
    int rc = check_total(request, reply->length);

    if (rc < 0)
        return rc;
    if (request->ranged && slot->landing.count > 0) { /* If-Range, or no ranges here */
        slot->whole = slot->etag[0] == '\0' || strcmp(slot->etag, reply->if_range) == 0;
        return changed(request);
    }
    if (request->ranged || slot->whole || total < 0) {
        fl_requests_end(slot, request);
        fl_bond_unsplit(request->group->bond, request->conn, total >= 0 ? total : FL_BOND_OPEN);
        slot->whole = true;
    }
    return tell(request, reply, total);
}

static int begins(const struct fl_http_reply *reply, void *arg)
{
    struct fl_pull_request *request = arg;

    request->group->byte_ns = now_of(request);
    if (reply->status == 206 && request->ranged)
        return begins_piece(request, reply);
    if (reply->status == 200)
        return begins_whole(request, reply);
    return 0; /* its end is dealt with */
}

/* ---- bytes ---- */

static int bytes_came(const void *data, size_t size, void *arg)
{
    struct fl_pull_request *request = arg;
    struct fl_pull_slot *slot = request->slot;
    struct fl_bond_chunk chunk;
    int64_t now_ns = now_of(request);
    int64_t wanted;
    int rc = 0;

    if (size == 0)
        return 0;
    request->group->byte_ns = now_ns;
    (void)fl_bond_running(request->group->bond, request->conn, &chunk); /* it is */
    wanted = fl_bond_came(request->group->bond, request->conn, (int64_t)size, now_ns);
    if (wanted > 0)
        rc = fl_landing_write(&slot->landing, chunk.first, data, (size_t)wanted, &slot->err);
    if (rc < 0)
        return end_with(request, rc); /* our own disk */
    fl_slot_feed(slot, false);
    if (wanted == (int64_t)size)
        return 0;
    if (!request->ranged && chunk.end == slot->landing.size) {
        (void)fl_err_set(&slot->err, FL_E_MISMATCH, 0,
                         "'%s' is longer than the %" PRId64 " bytes promised", slot->item->url,
                         slot->landing.size);
        return end_with(request, FL_E_MISMATCH);
    }
    request->trimmed = true; /* another has taken the rest of it */
    return FL_E_CANCELLED;
}

/* ---- how an answer ends ---- */

static void refused(struct fl_pull_slot *slot, const struct fl_http_reply *reply)
{
    bool gone = reply->status == 404 || reply->status == 410;
    bool unknown = reply->status == 403 && slot->item->site && fl_group_admit_again(slot->group);

    (void)fl_err_set(&slot->err, gone ? FL_E_NOT_YET : FL_E_NET, 0,
                     "'%s': the server answered %ld%s", slot->item->url, reply->status,
                     unknown ? ": no grant for it is known"
                     : gone  ? ": it is not there"
                             : "");
    fl_slot_try_again(slot, reply->retry_after_s);
}

/* All that the server had has come. */
static void piece_ended(struct fl_pull_request *request, struct fl_pull_slot *slot,
                        const struct fl_http_reply *reply, const struct fl_bond_chunk *chunk)
{
    if (reply->bytes == 0 && reply->status == 200 && begins_whole(request, reply) < 0)
        return; /* an empty file: its beginning was not told */
    if (slot->landing.size < 0 && (chunk->end == FL_BOND_OPEN || reply->bytes == 0))
        slot->landing.size = fl_landing_prefix(&slot->landing);
    if (!request->ranged && chunk->end != FL_BOND_OPEN && chunk->first < chunk->end) {
        (void)fl_err_set(&slot->err, FL_E_MISMATCH, 0,
                         "'%s' has %" PRId64 " bytes, %" PRId64 " were promised", slot->item->url,
                         chunk->first, chunk->end);
        fl_pull_failed(slot->pull, FL_E_MISMATCH, &slot->err);
        return;
    }
    fl_slot_feed(slot, true);
}

static void ended(const struct fl_http_reply *reply, void *arg)
{
    struct fl_pull_request *request = arg;
    struct fl_pull_slot *slot = request->slot;
    struct fl_bond *bond = request->group->bond;
    struct fl_bond_chunk chunk = {0};
    bool whole = reply->status == 206 || reply->status == 200;
    int64_t now_ns = now_of(request);

    (void)fl_bond_running(bond, request->conn, &chunk); /* it is */
    request->transfer = NULL;
    request->slot = NULL;
    if (request->over) {
        fl_bond_ended(bond, request->conn, FL_BOND_FILE, NULL, now_ns);
    } else if (request->trimmed) {
        fl_bond_ended(bond, request->conn, FL_BOND_DONE, NULL, now_ns);
        fl_slot_feed(slot, true);
    } else if (reply->rc < 0) {
        (void)fl_err_set(&slot->err, reply->rc, 0, "'%s': %s", slot->item->url, reply->why);
        fl_bond_ended(bond, request->conn, FL_BOND_LOST, reply->why, now_ns);
    } else if (whole) {
        request->slot = slot;
        fl_bond_ended(bond, request->conn, FL_BOND_DONE, NULL, now_ns);
        piece_ended(request, slot, reply, &chunk);
        request->slot = NULL;
    } else if (reply->status == 416 && chunk.open) { /* an empty file has no range at all */
        fl_bond_ended(bond, request->conn, FL_BOND_FILE, NULL, now_ns);
        slot->whole = true;
        fl_slot_restart(slot, "has none of the bytes that were asked for");
    } else {
        fl_bond_ended(bond, request->conn, FL_BOND_FILE, NULL, now_ns);
        refused(slot, reply);
    }
}

/* ---- starting and breaking off ---- */

struct fl_http_route fl_group_route(const struct fl_pull_group *group, size_t line)
{
    const struct fl_line *at = group->peer ? &group->peer->lines[line] : NULL;

    if (!at)
        return (struct fl_http_route){0};
    return (struct fl_http_route){.local = at->local, .connect_to = at->peer};
}

int fl_request_start(struct fl_pull_group *group, const struct fl_bond_chunk *chunk,
                     struct fl_err *reterr)
{
    struct fl_pull *pull = group->pull;
    struct fl_pull_request *request = &group->requests[chunk->conn];
    struct fl_pull_slot *slot = &pull->slots[chunk->file];
    struct fl_http_route route = fl_group_route(group, (size_t)chunk->conn / FL_BOND_SLOTS_MAX);
    char range[RANGE_TEXT_MAX];
    bool all = chunk->first == 0 && chunk->end == slot->landing.size;
    struct fl_http_request asked = {.url = slot->item->url,
                                    .body_max = FL_PULL_SIZE_MAX,
                                    .head = begins,
                                    .sink = bytes_came,
                                    .done = ended,
                                    .arg = request,
                                    .limits = &patient,
                                    .tls = group->has_tls ? &group->tls : NULL};

    *request = (struct fl_pull_request){.group = group, .conn = chunk->conn, .slot = slot};
    request->ranged = !chunk->whole && !slot->whole && !all;
    if (request->ranged) {
        (void)snprintf(range, sizeof(range), "%" PRId64 "-%" PRId64, chunk->first, chunk->end - 1);
        asked.range = range;
        if (slot->etag[0] && !slot->item->sha256)
            asked.if_range = slot->etag;
    }
    asked.route = &route;
    if (chunk->whole && slot->landing.count > 0 && fl_slot_empty(slot, reterr) < 0)
        return reterr ? reterr->code : FL_E_IO;
    if (slot->item->sent_ns == 0)
        slot->item->sent_ns = fl_world_utc_ns(pull->world);
    return fl_http_start(pull->http, &asked, &request->transfer, reterr);
}

void fl_requests_end(struct fl_pull_slot *slot, const struct fl_pull_request *but)
{
    struct fl_pull_group *group = slot->group;

    fl_bond_drop(group->bond, slot->index);
    for (size_t i = 0; i < FL_BOND_CONNECTIONS_MAX; i++) {
        struct fl_pull_request *request = &group->requests[i];

        if (request->slot != slot || request == but)
            continue;
        fl_http_cancel(request->transfer);
        request->transfer = NULL;
        request->slot = NULL;
        fl_bond_ended(group->bond, request->conn, FL_BOND_FILE, NULL, now_of(request));
    }
}
