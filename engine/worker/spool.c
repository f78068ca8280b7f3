/* The attempt's own record. */
#include "config.h"

#include "engine/worker/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define PIECE_BYTES 4096

static int spool_path(const char *folder, char *path, size_t size, struct fl_err *reterr)
{
    return fl_path_join(folder, FL_SPOOL_FILE, path, size, reterr);
}

int fl_spool_reader_init(struct fl_spool_reader *reader, const struct fl_world *world,
                         const char *folder, struct fl_err *reterr)
{
    memset(reader, 0, sizeof(*reader));
    reader->world = world;
    fl_buf_init(&reader->line, FL_SPOOL_LINE_MAX);
    return spool_path(folder, reader->path, sizeof(reader->path), reterr);
}

void fl_spool_reader_release(struct fl_spool_reader *reader)
{
    fl_buf_release(&reader->line);
}

void fl_spool_rewind(struct fl_spool_reader *reader)
{
    reader->offset = 0;
    reader->index = 0;
}

/* Reads the line at offset, without its end, into line. FL_E_AGAIN when it is not whole. */
static int read_line(struct fl_spool_reader *reader, struct fl_err *reterr)
{
    const struct fl_world *world = reader->world;
    char piece[PIECE_BYTES];
    int64_t at = reader->offset;
    int rc = FL_E_AGAIN;
    int fd = world->ops->open(reader->path, O_RDONLY, 0, world->arg);

    fl_buf_clear(&reader->line);
    if (fd == -ENOENT)
        return fl_err_set(reterr, FL_E_AGAIN, 0, "nothing is spooled yet");
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", reader->path);
    for (;;) {
        ssize_t n = world->ops->pread(fd, piece, sizeof(piece), at, world->arg);
        const char *end = n > 0 ? memchr(piece, '\n', (size_t)n) : NULL;

        if (n == -EINTR)
            continue;
        if (n < 0)
            rc = fl_err_errno(reterr, (int)-n, "read '%s'", reader->path);
        if (n <= 0)
            break;
        fl_buf_add(&reader->line, piece, end ? (size_t)(end - piece) : (size_t)n);
        if (end) {
            rc = fl_buf_check(&reader->line, reterr);
            break;
        }
        at += n;
    }
    (void)world->ops->close(fd, world->arg); /* it was only read */
    return rc;
}

/* One line's event, and its number. */
static int parse_line(const struct fl_spool_reader *reader, const char *line, size_t size,
                      int64_t *ret_index, json_t **ret_event, struct fl_err *reterr)
{
    fl_json_auto json_t *doc = NULL;
    const json_t *event = NULL;
    int64_t index = 0;
    int rc = fl_json_parse(line, size, &doc, reterr);

    if (rc == 0)
        rc = fl_json_int(doc, "index", &index, reterr);
    if (rc == 0)
        rc = fl_json_object_opt(doc, "event", &event, reterr);
    if (rc == 0 && !event)
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "an entry without 'event'");
    if (rc < 0)
        return fl_err_note(reterr, FL_E_PARSE, "'%s', byte %lld", reader->path,
                           (long long)reader->offset);
    *ret_index = index;
    *ret_event = json_incref((json_t *)(uintptr_t)event);
    return 0;
}

static void move_on(struct fl_spool_reader *reader, size_t size)
{
    reader->offset += (int64_t)size + 1;
    reader->index++;
}

int fl_spool_next(struct fl_spool_reader *reader, int64_t *ret_index, json_t **ret_event,
                  struct fl_err *reterr)
{
    fl_json_auto json_t *event = NULL;
    int64_t index = 0;
    int rc = read_line(reader, reterr);

    if (rc < 0)
        return rc;
    rc = parse_line(reader, reader->line.data, reader->line.size, &index, &event, reterr);
    if (rc == 0 && index != reader->index + 1)
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "'%s', byte %lld: entry %lld where %lld is expected",
                        reader->path, (long long)reader->offset, (long long)index,
                        (long long)reader->index + 1);
    if (rc < 0)
        return rc;
    move_on(reader, reader->line.size);
    *ret_index = index;
    *ret_event = FL_STEAL(event);
    return 0;
}

int fl_spool_take(struct fl_spool_reader *reader, const char *line, size_t size, json_t **ret_event,
                  struct fl_err *reterr)
{
    fl_json_auto json_t *event = NULL;
    int64_t index = 0;
    int rc = parse_line(reader, line, size, &index, &event, reterr);

    if (rc == 0 && index != reader->index + 1)
        rc = fl_err_set(reterr, FL_E_AGAIN, 0, "entry %lld where %lld is next", (long long)index,
                        (long long)reader->index + 1);
    if (rc < 0)
        return rc;
    move_on(reader, size);
    *ret_event = FL_STEAL(event);
    return 0;
}

/* Where a record that is there already ends. */
static int find_end(struct fl_spool_writer *writer, const char *folder, struct fl_err *reterr)
{
    struct fl_spool_reader reader;
    int64_t index = 0;
    json_t *event = NULL;
    int rc = fl_spool_reader_init(&reader, writer->world, folder, reterr);

    while (rc == 0) {
        rc = fl_spool_next(&reader, &index, &event, reterr);
        if (rc == 0)
            json_decref(event);
    }
    writer->index = reader.index;
    writer->offset = reader.offset;
    fl_spool_reader_release(&reader);
    return rc == FL_E_AGAIN || rc == FL_E_PARSE ? 0 : rc;
}

int fl_spool_open(struct fl_spool_writer *writer, const struct fl_world *world, const char *folder,
                  struct fl_err *reterr)
{
    struct fl_stat info = {0};
    int rc;

    memset(writer, 0, sizeof(*writer));
    writer->world = world;
    writer->fd = -1;
    fl_buf_init(&writer->line, FL_SPOOL_LINE_MAX);
    rc = spool_path(folder, writer->path, sizeof(writer->path), reterr);
    if (rc == 0 && fl_file_stat(world, writer->path, &info, NULL) == 0 && info.size_bytes > 0)
        rc = find_end(writer, folder, reterr);
    if (rc < 0)
        return rc;
    writer->fd = world->ops->open(writer->path, O_WRONLY | O_CREAT | O_APPEND, 0644, world->arg);
    if (writer->fd < 0)
        return fl_err_errno(reterr, -writer->fd, "open '%s'", writer->path);
    if ((int64_t)info.size_bytes != writer->offset) /* a torn line */
        rc = world->ops->truncate(writer->fd, writer->offset, world->arg);
    if (rc < 0) {
        rc = fl_err_errno(reterr, -rc, "cut '%s'", writer->path);
        fl_spool_close(writer);
    }
    return rc;
}

void fl_spool_close(struct fl_spool_writer *writer)
{
    if (writer->world && writer->fd >= 0)
        (void)writer->world->ops->close(writer->fd, writer->world->arg); /* lines are written */
    writer->fd = -1;
    fl_buf_release(&writer->line);
}

/* Writes the line, whole or not at all. */
static int write_line(struct fl_spool_writer *writer, struct fl_err *reterr)
{
    const struct fl_world *world = writer->world;
    size_t done = 0;

    while (done < writer->line.size) {
        ssize_t n = world->ops->pwrite(writer->fd, writer->line.data + done,
                                       writer->line.size - done, -1, world->arg);

        if (n == -EINTR)
            continue;
        if (n <= 0) {
            /* what stands there of it must not be taken for the next one's beginning */
            (void)world->ops->truncate(writer->fd, writer->offset, world->arg);
            /* a limit of this process counts as a full disk: it may be raised, too */
            return fl_err_errno(reterr,
                                n == -EFBIG ? ENOSPC
                                : n < 0     ? (int)-n
                                            : EIO,
                                "write '%s'", writer->path);
        }
        done += (size_t)n;
    }
    return 0;
}

int fl_spool_add(struct fl_spool_writer *writer, const json_t *event, struct fl_err *reterr)
{
    char *text = event ? fl_json_text(event) : NULL;
    int rc;

    fl_buf_clear(&writer->line);
    if (text)
        fl_buf_printf(&writer->line, "{\"index\":%lld,\"time_ns\":%lld,\"event\":%s}\n",
                      (long long)writer->index + 1, (long long)fl_world_utc_ns(writer->world),
                      text);
    rc = text ? fl_buf_check(&writer->line, reterr)
              : fl_err_set(reterr, FL_E_NOMEM, 0, "spool: out of memory");
    free(text);
    if (rc == 0)
        rc = write_line(writer, reterr);
    if (rc < 0)
        return rc;
    writer->index++;
    writer->offset += (int64_t)writer->line.size;
    return 0;
}

int fl_spool_sync(struct fl_spool_writer *writer, struct fl_err *reterr)
{
    int rc = writer->world->ops->sync(writer->fd, writer->world->arg);

    return rc < 0 ? fl_err_errno(reterr, -rc, "sync '%s'", writer->path) : 0;
}

json_t *fl_spool_end(const char *state, int code, int signal, const char *class, const char *reason)
{
    json_t *end = json_pack("{s:s,s:s}", "type", "end", "state", state);

    if (!end)
        return NULL;
    /* a member that finds no memory is left out: the state is what counts */
    if (code >= 0)
        (void)json_object_set_new(end, "code", json_integer(code));
    if (signal > 0)
        (void)json_object_set_new(end, "signal", json_integer(signal));
    if (class)
        (void)json_object_set_new(end, "class", json_string(class));
    if (reason)
        (void)json_object_set_new(end, "reason", json_string(reason));
    return end;
}
