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

int fl_spool_next(struct fl_spool_reader *reader, int64_t *ret_index, json_t **ret_event,
                  struct fl_err *reterr)
{
    fl_json_auto json_t *doc = NULL;
    const json_t *event = NULL;
    int64_t index = 0;
    int rc = read_line(reader, reterr);

    if (rc < 0)
        return rc;
    rc = fl_json_parse(reader->line.data, reader->line.size, &doc, reterr);
    if (rc == 0)
        rc = fl_json_int(doc, "index", &index, reterr);
    if (rc == 0)
        rc = fl_json_object_opt(doc, "event", &event, reterr);
    if (rc == 0 && (!event || index != reader->index + 1))
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "entry %lld where %lld is expected",
                        (long long)index, (long long)reader->index + 1);
    if (rc < 0)
        return fl_err_note(reterr, FL_E_PARSE, "'%s', byte %lld", reader->path,
                           (long long)reader->offset);
    reader->offset += (int64_t)reader->line.size + 1;
    reader->index = index;
    *ret_index = index;
    *ret_event = json_incref((json_t *)(uintptr_t)event);
    return 0;
}

int fl_spool_open(struct fl_spool_writer *writer, const struct fl_world *world, const char *folder,
                  struct fl_err *reterr)
{
    struct fl_spool_reader reader;
    struct fl_stat info;
    int64_t index = 0;
    json_t *event = NULL;
    int rc = fl_spool_reader_init(&reader, world, folder, reterr);
    int fd;

    writer->world = world;
    if (rc == 0)
        rc = spool_path(folder, writer->path, sizeof(writer->path), reterr);
    while (rc == 0) {
        rc = fl_spool_next(&reader, &index, &event, reterr);
        if (rc == 0)
            json_decref(event);
    }
    writer->index = reader.index;
    fl_spool_reader_release(&reader);
    if (rc != FL_E_AGAIN && rc != FL_E_PARSE)
        return rc;
    if (fl_file_stat(world, writer->path, &info, NULL) < 0 ||
        (int64_t)info.size_bytes == reader.offset)
        return 0;
    fd = world->ops->open(writer->path, O_WRONLY, 0, world->arg); /* a torn line: cut it off */
    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", writer->path);
    rc = world->ops->truncate(fd, reader.offset, world->arg);
    (void)world->ops->close(fd, world->arg); /* the next synced line syncs the cut too */
    return rc < 0 ? fl_err_errno(reterr, -rc, "cut '%s'", writer->path) : 0;
}

int fl_spool_add(struct fl_spool_writer *writer, const json_t *event, bool sync,
                 struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf line;
    char *text = fl_json_text(event);
    int rc;

    fl_buf_init(&line, FL_SPOOL_LINE_MAX);
    if (text)
        fl_buf_printf(&line, "{\"index\":%lld,\"time_ns\":%lld,\"event\":%s}\n",
                      (long long)writer->index + 1, (long long)fl_world_utc_ns(writer->world),
                      text);
    rc = text ? fl_buf_check(&line, reterr)
              : fl_err_set(reterr, FL_E_NOMEM, 0, "spool: out of memory");
    free(text);
    if (rc == 0)
        rc = fl_file_append(writer->world, writer->path, line.data, line.size, sync, reterr);
    if (rc == 0)
        writer->index++;
    return rc;
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
