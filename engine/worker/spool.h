#ifndef FL_WORKER_SPOOL_H
#define FL_WORKER_SPOOL_H

/* What happened in an attempt, one JSON object a line: {"index":1,"time_ns":…,"event":{…}}. The
 * supervisor writes it; the worker reads on from where it was, and writes only when the supervisor
 * is dead.
 * Owns: nothing on disk. Threads: one at a time. Limits: FL_SPOOL_LINE_MAX bytes a line. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/world/world.h"

#define FL_SPOOL_LINE_MAX ((size_t)256 * 1024)
#define FL_SPOOL_FILE "spool.jsonl"

struct fl_spool_writer {
    const struct fl_world *world;
    char path[4096];
    int fd;             /* -1: none yet */
    int64_t index;      /* of the last line */
    int64_t offset;     /* end of the last whole line */
    struct fl_buf line; /* the last one, with its end */
};

/* Begins, or goes on after the last whole line (a torn one is cut off). */
int fl_spool_open(struct fl_spool_writer *writer, const struct fl_world *world, const char *folder,
                  struct fl_err *reterr);
void fl_spool_close(struct fl_spool_writer *writer);
/* event is borrowed. The line is in the kernel's hands then: it outlives every process, and the
 * machine once fl_spool_sync has returned. FL_E_TOO_BIG, FL_E_NOSPACE, FL_E_IO: nothing was added.
 */
int fl_spool_add(struct fl_spool_writer *writer, const json_t *event, struct fl_err *reterr);
int fl_spool_sync(struct fl_spool_writer *writer, struct fl_err *reterr);

struct fl_spool_reader {
    const struct fl_world *world;
    char path[4096];
    int64_t offset; /* of the next line */
    int64_t index;  /* of the last line given out */
    struct fl_buf line;
};

int fl_spool_reader_init(struct fl_spool_reader *reader, const struct fl_world *world,
                         const char *folder, struct fl_err *reterr);
void fl_spool_reader_release(struct fl_spool_reader *reader);
void fl_spool_rewind(struct fl_spool_reader *reader);
/* Takes a line (without its end) that came another way; it counts as read when it is the next one.
 * FL_E_AGAIN when it is not: then it is read from the file in its turn. New reference. */
int fl_spool_take(struct fl_spool_reader *reader, const char *line, size_t size, json_t **ret_event,
                  struct fl_err *reterr);
/* The next whole line. FL_E_AGAIN when there is none yet; FL_E_PARSE when it is no entry. The
 * reader moves on only on success. New reference. */
int fl_spool_next(struct fl_spool_reader *reader, int64_t *ret_index, json_t **ret_event,
                  struct fl_err *reterr);

/* An `end` event: state "failed" and the like; class and reason may be NULL. New reference. */
json_t *fl_spool_end(const char *state, int code, int signal, const char *class,
                     const char *reason);

#endif
