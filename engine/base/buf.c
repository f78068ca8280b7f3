/* The bounded byte buffer. */
#include "config.h"

#include "engine/base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

static const char buf_nothing[1] = ""; /* a buffer without memory points here; never written */

void fl_buf_init(struct fl_buf *buf, size_t limit)
{
    fl_assert(buf);
    buf->data = (char *)(uintptr_t)buf_nothing;
    buf->size = 0;
    buf->room = 0;
    buf->limit = limit ? limit : FL_BUF_LIMIT;
    buf->failed = false;
}

void fl_buf_release(struct fl_buf *buf)
{
    if (buf->room)
        free(buf->data);
    fl_buf_init(buf, buf->limit);
}

void fl_buf_clear(struct fl_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->room)
        buf->data[0] = '\0';
}

static bool buf_reserve(struct fl_buf *buf, size_t more)
{
    size_t want;
    char *data;

    if (buf->failed || more > buf->limit || buf->size > buf->limit - more) {
        buf->failed = true;
        return false;
    }
    want = buf->size + more + 1;
    if (want <= buf->room)
        return true;
    if (want < buf->room * 2)
        want = buf->room * 2;
    if (want < 64)
        want = 64;
    data = realloc(buf->room ? buf->data : NULL, want);
    if (!data) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->room = want;
    return true;
}

void fl_buf_add(struct fl_buf *buf, const void *data, size_t size)
{
    if (size == 0 || !buf_reserve(buf, size))
        return;
    memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void fl_buf_puts(struct fl_buf *buf, const char *text)
{
    fl_buf_add(buf, text, strlen(text));
}

void fl_buf_putc(struct fl_buf *buf, char c)
{
    fl_buf_add(buf, &c, 1);
}

void fl_buf_printf(struct fl_buf *buf, const char *fmt, ...)
{
    va_list args;
    int size;

    va_start(args, fmt);
    size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    fl_assert(size >= 0);
    if (!buf_reserve(buf, (size_t)size))
        return;
    va_start(args, fmt);
    (void)vsnprintf(buf->data + buf->size, (size_t)size + 1, fmt, args); /* measured above */
    va_end(args);
    buf->size += (size_t)size;
}

int fl_buf_check(const struct fl_buf *buf, struct fl_err *reterr)
{
    if (!buf->failed)
        return 0;
    return fl_err_set(reterr, FL_E_TOO_BIG, 0, "text grows past its limit of %zu bytes",
                      buf->limit);
}

char *fl_buf_steal(struct fl_buf *buf)
{
    char *data;

    if (!buf->room)
        return calloc(1, 1);
    data = buf->data;
    fl_buf_init(buf, buf->limit);
    return data;
}
