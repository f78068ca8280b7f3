#ifndef FL_WORKER_BODYLOG_H
#define FL_WORKER_BODYLOG_H

/* A stream of a stage into a file of bounded size, head and tail kept, and words looked for in all
 * of it. Grows as FILE; past half of the limit the rest goes into FILE.part and FILE.older, a
 * quarter of the limit each, of which the older is dropped; at the end the parts are joined:
 * head, a line that says how many bytes are missing, tail.
 * Owns: the file while it grows. Threads: one at a time. Limits: limit bytes and one line. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/world/world.h"

/* Words searched for in a stream that comes in pieces. */
struct fl_words {
    const char *has;      /* NULL: nothing asked */
    const json_t *forbid; /* array of texts, or NULL; borrowed */
    bool found;
    const char *forbidden; /* the first forbidden word seen; borrowed */
    char *kept;            /* the end of what came, long enough for the longest word */
    size_t kept_size;
    size_t kept_max;
};
int fl_words_init(struct fl_words *words, const char *has, const json_t *forbid,
                  struct fl_err *reterr);
void fl_words_release(struct fl_words *words);
int fl_words_look(struct fl_words *words, const char *data, size_t size, struct fl_err *reterr);

struct fl_bodylog {
    const struct fl_world *world;
    char path[4096];
    int64_t limit;
    int64_t head;  /* bytes in FILE */
    int64_t part;  /* bytes in FILE.part */
    int64_t older; /* bytes in FILE.older */
    int64_t total; /* bytes that came */
    int fd;        /* of the file that grows; -1: none */
};
/* FILE, and its folder, come into being with the first byte. */
int fl_bodylog_open(struct fl_bodylog *log, const struct fl_world *world, const char *path,
                    int64_t limit, struct fl_err *reterr);
/* log->total tells how much was taken before an error. */
int fl_bodylog_write(struct fl_bodylog *log, const char *data, size_t size, struct fl_err *reterr);
/* Joins the parts. The log is closed whatever happens. */
int fl_bodylog_close(struct fl_bodylog *log, struct fl_err *reterr);

#endif
