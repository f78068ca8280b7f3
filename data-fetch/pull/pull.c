/* Whole files. */
#include "config.h"

#include "data-fetch/pull/pull.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define BACKOFF_NS (SECOND_NS / 4)
#define PIECE_BYTES ((size_t)256 * 1024)

enum item_state { ITEM_WAITING, ITEM_COMING, ITEM_DONE };

struct fl_pull {
    const struct fl_world *world;
    struct fl_http *http;
    fl_pull_whole_fn fn;
    void *arg;
    size_t done;
    int rc;
    struct fl_err err;
};

static void pull_failed(struct fl_pull *pull, int rc, const struct fl_err *err)
{
    if (pull->rc < 0)
        return;
    pull->rc = rc;
    pull->err = *err;
}

static const char *item_from(const struct fl_pull_item *item)
{
    return item->url ? item->url : item->local;
}

/* The bytes are all here: hold them against what was told, and hand them over. */
static void item_verify(struct fl_pull_item *item)
{
    struct fl_pull *pull = item->pull;
    struct fl_err err = {0};
    uint64_t size = item->incoming.size;
    int rc = fl_incoming_finish(&item->incoming, item->digest, &err);

    if (rc == 0 && item->size >= 0 && (uint64_t)item->size != size)
        rc = fl_err_set(&err, FL_E_MISMATCH, 0,
                        "'%s' has %" PRIu64 " bytes, %" PRId64 " were promised", item_from(item),
                        size, item->size);
    if (rc == 0 && item->sha256 && strcmp(item->sha256, item->digest) != 0)
        rc = fl_err_set(&err, FL_E_MISMATCH, 0, "'%s' has SHA-256 %s, %s was promised",
                        item_from(item), item->digest, item->sha256);
    if (rc == 0)
        rc = pull->fn(item, &err, pull->arg);
    if (rc < 0 || !item->hold)
        fl_incoming_drop(&item->incoming);
    item->state = ITEM_DONE;
    pull->done++;
    if (rc < 0)
        pull_failed(pull, rc, &err);
}

static void item_try_again(struct fl_pull_item *item)
{
    struct fl_pull *pull = item->pull;

    fl_incoming_drop(&item->incoming);
    if (++item->tries >= FL_PULL_TRIES_MAX) {
        pull_failed(pull, item->err.code, &item->err);
        return;
    }
    fl_log(FL_LOG_WARN, "transfer.retry", "%s; retry %d of %d", item->err.text, item->tries,
           FL_PULL_TRIES_MAX - 1);
    item->state = ITEM_WAITING;
    item->at_ns = fl_world_mono_ns(pull->world) + (BACKOFF_NS << (item->tries - 1));
}

static int sink(const void *data, size_t size, void *arg)
{
    struct fl_pull_item *item = arg;

    return fl_incoming_add(&item->incoming, data, size, &item->err);
}

static void answered(const struct fl_http_reply *reply, void *arg)
{
    struct fl_pull_item *item = arg;

    item->modified_s = reply->modified_s;
    if (reply->rc == 0 && reply->status == 200) {
        item_verify(item);
        return;
    }
    if (reply->rc == FL_E_TOO_BIG) {
        (void)fl_err_set(&item->err, FL_E_MISMATCH, 0,
                         "'%s' is longer than the %" PRId64 " bytes promised", item->url,
                         item->size);
        pull_failed(item->pull, FL_E_MISMATCH, &item->err);
        return;
    }
    if (reply->rc < 0 && reply->status == 200 && item->err.code < 0 &&
        reply->rc == item->err.code) { /* our own disk */
        pull_failed(item->pull, item->err.code, &item->err);
        return;
    }
    if (reply->rc < 0)
        (void)fl_err_set(&item->err, reply->rc, 0, "'%s': %s", item->url, reply->why);
    else if (reply->status == 404 || reply->status == 410)
        (void)fl_err_set(&item->err, FL_E_NOT_YET, 0, "'%s': not there (status %ld)", item->url,
                         reply->status);
    else
        (void)fl_err_set(&item->err, FL_E_NET, 0, "'%s': the server answered %ld", item->url,
                         reply->status);
    item_try_again(item);
}

static int copy_local(struct fl_pull_item *item, struct fl_err *reterr)
{
    const struct fl_world *world = item->pull->world;
    char *piece = malloc(PIECE_BYTES);
    struct fl_stat info;
    int rc = piece ? fl_file_stat(world, item->local, &info, reterr)
                   : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    int fd = rc == 0 ? world->ops->open(item->local, O_RDONLY, 0, world->arg) : -1;

    if (rc == 0 && fd < 0)
        rc = fl_err_errno(reterr, -fd, "open '%s'", item->local);
    for (int64_t offset = 0; rc == 0;) {
        ssize_t n = world->ops->pread(fd, piece, PIECE_BYTES, offset, world->arg);

        if (n < 0)
            rc = fl_err_errno(reterr, (int)-n, "read '%s'", item->local);
        if (n <= 0)
            break;
        rc = fl_incoming_add(&item->incoming, piece, (size_t)n, reterr);
        offset += n;
    }
    if (fd >= 0)
        (void)world->ops->close(fd, world->arg); /* only read */
    if (rc == 0)
        item->modified_s = info.mtime_ns / SECOND_NS;
    free(piece);
    return rc;
}

static int item_start(struct fl_pull_item *item, struct fl_err *reterr)
{
    struct fl_pull *pull = item->pull;
    struct fl_http_request request = {.url = item->url,
                                      .body_max =
                                          (size_t)(item->size >= 0 ? item->size : FL_PULL_SIZE_MAX),
                                      .sink = sink,
                                      .done = answered,
                                      .arg = item};
    int rc;

    item->err.code = 0;
    item->sent_ns = fl_world_utc_ns(pull->world);
    rc = fl_incoming_open(&item->incoming, pull->world, item->path, reterr);
    if (rc < 0)
        return rc;
    item->state = ITEM_COMING;
    if (item->url)
        return fl_http_start(pull->http, &request, NULL, reterr);
    rc = copy_local(item, reterr);
    if (rc == 0)
        item_verify(item);
    return rc;
}

static int pull_loop(struct fl_pull *pull, struct fl_pull_item *items, size_t count,
                     struct fl_err *reterr)
{
    while (pull->done < count && pull->rc == 0) {
        int64_t now = fl_world_mono_ns(pull->world);
        int64_t wake = INT64_MAX;
        int rc = 0;

        for (size_t i = 0; i < count && rc == 0 && pull->rc == 0; i++) {
            if (items[i].state != ITEM_WAITING)
                continue;
            if (items[i].at_ns > now)
                wake = items[i].at_ns < wake ? items[i].at_ns : wake;
            else if (fl_http_active(pull->http) < FL_PULL_INFLIGHT_MAX)
                rc = item_start(&items[i], reterr);
        }
        if (rc == 0 && pull->rc == 0 && pull->done < count)
            rc = fl_http_turn(pull->http, wake == INT64_MAX ? -1 : wake - now, reterr);
        if (rc < 0)
            return rc;
    }
    if (pull->rc < 0 && reterr)
        *reterr = pull->err;
    return pull->rc;
}

int fl_pull_run(const struct fl_world *world, struct fl_pull_item *items, size_t count,
                fl_pull_whole_fn fn, void *arg, struct fl_err *reterr)
{
    const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    struct fl_pull pull = {.world = world, .fn = fn, .arg = arg};
    int rc = fl_http_create(&limits, &pull.http, reterr);

    fl_assert(fn);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < count; i++) {
        fl_assert(items[i].path && (items[i].url || items[i].local));
        items[i].pull = &pull;
        items[i].state = items[i].skip ? ITEM_DONE : ITEM_WAITING;
        pull.done += items[i].skip;
        items[i].at_ns = 0;
        items[i].tries = 0;
        items[i].modified_s = -1;
        items[i].incoming = (struct fl_incoming){.fd = -1};
    }
    rc = pull_loop(&pull, items, count, reterr);
    fl_http_destroy(pull.http);
    for (size_t i = 0; i < count; i++) {
        if (rc < 0 || !items[i].hold)
            fl_incoming_drop(&items[i].incoming);
    }
    return rc;
}
