/* What running transfers tell each other. */
#include "config.h"

#include "data-fetch/lines/share.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data-fetch/book/book.h"
#include "engine/base/json.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define OPEN_TRIES 8
#define NAME_DIGITS 16

struct fl_share {
    const struct fl_world *world;
    char path[FL_PATH_MAX];
    int fd;
};

int fl_share_folder(char *path, size_t size, struct fl_err *reterr)
{
    int rc = fl_book_folder(NULL, path, size, reterr);
    size_t used = rc == 0 ? strlen(path) : 0;

    if (rc == 0 && (size_t)snprintf(path + used, size - used, "/" FL_SHARE_FOLDER) >= size - used)
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "the book's folder has too long a name");
    return rc;
}

/* ---- our own ---- */

static int open_own(struct fl_share *share, const char *folder, struct fl_err *reterr)
{
    const struct fl_world *world = share->world;
    char name[NAME_DIGITS + 1];
    struct fl_stat info;
    int rc = fl_world_random_hex(world, name, NAME_DIGITS, reterr);

    if (rc == 0 && snprintf(share->path, sizeof(share->path), "%s/%s", folder, name) >=
                       (int)sizeof(share->path))
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "'%.200s' is too long a name", folder);
    if (rc < 0)
        return rc;
    share->fd = world->ops->open(share->path, O_RDWR | O_CREAT, 0644, world->arg);
    if (share->fd < 0)
        return fl_err_errno(reterr, -share->fd, "open '%s'", share->path);
    /* another may have thought it dead before it was locked */
    if (world->ops->lock(share->fd, world->arg) == 0 &&
        world->ops->stat(share->path, &info, world->arg) == 0)
        return 0;
    (void)world->ops->close(share->fd, world->arg); /* nothing in it */
    share->fd = -1;
    return FL_E_LOCKED;
}

int fl_share_open(const struct fl_world *world, const char *folder, struct fl_share **ret_share,
                  struct fl_err *reterr)
{
    struct fl_share *share = calloc(1, sizeof(*share));
    int rc = share ? fl_dir_make(world, folder, 0755, reterr)
                   : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    for (int tries = 0; rc == 0; tries++) {
        share->world = world;
        share->fd = -1;
        rc = open_own(share, folder, reterr);
        if (rc != FL_E_LOCKED)
            break;
        rc = tries < OPEN_TRIES
                 ? 0
                 : fl_err_set(reterr, FL_E_LOCKED, 0, "no file of ours stays in '%s'", folder);
    }
    if (rc < 0) {
        free(share);
        return rc;
    }
    *ret_share = share;
    return 0;
}

void fl_share_close(struct fl_share *share)
{
    if (!share)
        return;
    (void)share->world->ops->unlink(share->path, share->world->arg); /* else the next one does */
    (void)share->world->ops->close(share->fd, share->world->arg);
    free(share);
}

static json_t *line_json(const struct fl_share_line *line)
{
    const struct fl_bond_state *state = &line->state;

    return json_pack("{s:s, s:s, s:b, s:i, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:i, s:I, s:I}",
                     "site", line->site, "line", line->line, "wants", line->wants, "health",
                     (int)state->health, "why", state->why, "bytes_s", state->bytes_s, "rtt_ns",
                     (json_int_t)state->rtt_ns, "bytes", (json_int_t)state->bytes, "again",
                     (json_int_t)state->again, "downs", (json_int_t)state->downs, "joined_ns",
                     (json_int_t)state->joined_ns, "running", state->running, "retransmits",
                     (json_int_t)line->retransmits, "segments", (json_int_t)line->segments);
}

int fl_share_tell(struct fl_share *share, const struct fl_share_record *record,
                  struct fl_err *reterr)
{
    const struct fl_world *world = share->world;
    fl_json_auto json_t *lines = json_array();
    fl_json_auto json_t *doc = NULL;
    char *page = malloc(FL_SHARE_BYTES);
    char *text = NULL;
    ssize_t n = 0;

    for (size_t i = 0; i < record->count; i++) {
        if (json_array_append_new(lines, line_json(&record->lines[i])) < 0)
            break; /* no memory: text is NULL below, or a line less is told */
    }
    doc = json_pack("{s:i, s:I, s:I, s:I, s:b, s:O}", "v", 1, "pid", (json_int_t)getpid(), "began",
                    (json_int_t)record->began_s, "deadline", (json_int_t)record->deadline_s,
                    "operations", record->operations, "lines", lines);
    text = doc ? fl_json_text(doc) : NULL;
    if (page && text && strlen(text) < FL_SHARE_BYTES) {
        memset(page, ' ', FL_SHARE_BYTES); /* always as long: nothing of an older one is left */
        memcpy(page, text, strlen(text));
        n = world->ops->pwrite(share->fd, page, FL_SHARE_BYTES, 0, world->arg);
    }
    free(page);
    free(text);
    return n < 0 ? fl_err_errno(reterr, (int)-n, "write '%s'", share->path) : 0;
}

/* ---- the others' ---- */

static void copy(char *out, size_t size, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    (void)snprintf(out, size, "%s", text ? text : "");
}

static int64_t whole(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key)); /* 0 when it is none */
}

static void read_line(const json_t *object, struct fl_share_line *line)
{
    int64_t health = whole(object, "health");

    *line = (struct fl_share_line){.wants = json_is_true(json_object_get(object, "wants")),
                                   .retransmits = whole(object, "retransmits"),
                                   .segments = whole(object, "segments")};
    copy(line->site, sizeof(line->site), object, "site");
    copy(line->line, sizeof(line->line), object, "line");
    copy(line->state.why, sizeof(line->state.why), object, "why");
    line->state.health = health >= FL_BOND_UP && health <= FL_BOND_ASIDE
                             ? (enum fl_bond_health)health
                             : FL_BOND_DOWN;
    line->state.bytes_s = json_number_value(json_object_get(object, "bytes_s"));
    line->state.rtt_ns = whole(object, "rtt_ns");
    line->state.bytes = (uint64_t)whole(object, "bytes");
    line->state.again = (uint64_t)whole(object, "again");
    line->state.downs = (uint64_t)whole(object, "downs");
    line->state.joined_ns = whole(object, "joined_ns");
    line->state.running = (int)whole(object, "running");
}

static bool read_record(const char *text, size_t size, struct fl_share_record *record)
{
    json_t *doc = NULL;
    const json_t *lines;

    if (fl_json_parse(text, size, &doc, NULL) < 0)
        return false; /* torn, or not of ours */
    lines = json_object_get(doc, "lines");
    *record = (struct fl_share_record){
        .pid = whole(doc, "pid"),
        .began_s = whole(doc, "began"),
        .deadline_s = whole(doc, "deadline"),
        .operations = json_is_true(json_object_get(doc, "operations")),
    };
    for (size_t i = 0; i < json_array_size(lines) && record->count < FL_SHARE_LINES_MAX; i++)
        read_line(json_array_get(lines, i), &record->lines[record->count++]);
    json_decref(doc);
    return true;
}

struct listing {
    const struct fl_world *world;
    const char *folder;
    const struct fl_share *own;
    fl_share_fn fn;
    void *arg;
    struct fl_share_record record;
};

static int see_file(const char *name, bool is_dir, void *arg)
{
    struct listing *listing = arg;
    const struct fl_world *world = listing->world;
    char path[FL_PATH_MAX];
    char *text;
    ssize_t n = 0;
    int fd;

    if (is_dir || strlen(name) != NAME_DIGITS ||
        snprintf(path, sizeof(path), "%s/%s", listing->folder, name) >= (int)sizeof(path))
        return 0;
    if (listing->own && strcmp(path, listing->own->path) == 0)
        return 0;
    fd = world->ops->open(path, O_RDWR, 0, world->arg);
    if (fd < 0)
        return 0; /* it has just gone */
    text = malloc(FL_SHARE_BYTES);
    if (world->ops->lock(fd, world->arg) == 0)
        (void)world->ops->unlink(path, world->arg); /* its process has died */
    else if (text)
        n = world->ops->pread(fd, text, FL_SHARE_BYTES, 0, world->arg);
    if (n > 0 && read_record(text, (size_t)n, &listing->record))
        listing->fn(&listing->record, listing->arg);
    free(text);
    (void)world->ops->close(fd, world->arg);
    return 0;
}

int fl_share_each(const struct fl_world *world, const char *folder, const struct fl_share *own,
                  fl_share_fn fn, void *arg, struct fl_err *reterr)
{
    struct listing *listing = calloc(1, sizeof(*listing));
    int rc;

    if (!listing)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    listing->world = world;
    listing->folder = folder;
    listing->own = own;
    listing->fn = fn;
    listing->arg = arg;
    rc = fl_dir_list(world, folder, see_file, listing, reterr);
    free(listing);
    return rc == FL_E_NOENT ? 0 : rc;
}
