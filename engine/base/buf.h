#ifndef FL_BASE_BUF_H
#define FL_BASE_BUF_H

/* A growing, always NUL-terminated byte buffer with a limit.
 * Owns: its bytes. Threads: one at a time. Limits: limit bytes (FL_BUF_LIMIT unless told). */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

#define FL_BUF_LIMIT ((size_t)64 * 1024 * 1024)

struct fl_buf {
    char *data;  /* never NULL after init; data[size] is 0 */
    size_t size; /* bytes without the NUL */
    size_t room; /* private */
    size_t limit;
    bool failed; /* sticky: an append went past the limit or memory ended; check once with
                    fl_buf_check */
};

void fl_buf_init(struct fl_buf *buf, size_t limit); /* limit 0: FL_BUF_LIMIT */
void fl_buf_release(struct fl_buf *buf);
FL_DEFINE_AUTO_VALUE(struct fl_buf, fl_buf_release)
void fl_buf_clear(struct fl_buf *buf);

/* Appends; past the limit nothing is appended and the buffer is marked failed. */
void fl_buf_add(struct fl_buf *buf, const void *data, size_t size);
void fl_buf_puts(struct fl_buf *buf, const char *text);
void fl_buf_putc(struct fl_buf *buf, char c);
void fl_buf_printf(struct fl_buf *buf, const char *fmt, ...) FL_PRINTF(2, 3);

/* 0, FL_E_TOO_BIG. */
int fl_buf_check(const struct fl_buf *buf, struct fl_err *reterr);

/* Hands the bytes out (free with free()); the buffer is empty and usable again. */
char *fl_buf_steal(struct fl_buf *buf);

#endif
