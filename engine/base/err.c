/* The error table and its formatting. */
#include "config.h"

#define FL_ERR_IMPLEMENTATION
#include "engine/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

struct err_row {
    int code;
    enum fl_err_class class;
    const char *name;
    const char *text;
};

static const struct err_row err_rows[] = {
#define ERR_ROW(name, value, class, text) {value, class, #name, text},
    FL_ERR_TABLE(ERR_ROW)
#undef ERR_ROW
};

static const struct err_row *err_find(int code)
{
    for (size_t i = 0; i < FL_COUNT(err_rows); i++) {
        if (err_rows[i].code == code)
            return &err_rows[i];
    }
    return NULL;
}

void fl_assert_failed(const char *cond, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, cond);
    abort();
}

int fl_err_set(struct fl_err *err, int code, int foreign, const char *fmt, ...)
{
    va_list args;

    fl_assert(code < 0);
    if (!err)
        return code;
    err->code = code;
    err->foreign = foreign;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args); /* cut at the limit */
    va_end(args);
    return code;
}

static int code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOENT:
    case ENOTDIR:
        return FL_E_NOENT;
    case EEXIST:
        return FL_E_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
    case EISDIR:
        return FL_E_PERM;
    case ENOSPC:
    case EDQUOT:
        return FL_E_NOSPACE;
    case ENOMEM:
        return FL_E_NOMEM;
    case EAGAIN:
    case EINTR:
        return FL_E_AGAIN;
    case EFBIG:
    case ENAMETOOLONG:
        return FL_E_TOO_BIG;
    default:
        return FL_E_IO;
    }
}

int fl_err_errno(struct fl_err *err, int errnum, const char *fmt, ...)
{
    int code = code_of_errno(errnum);
    va_list args;
    size_t used;

    if (!err)
        return code;
    err->code = code;
    err->foreign = errnum;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
    va_end(args);
    used = strlen(err->text);
    (void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", strerror(errnum));
    return code;
}

int fl_err_note(struct fl_err *err, int code, const char *fmt, ...)
{
    char where[FL_ERR_TEXT_MAX];
    char inner[FL_ERR_TEXT_MAX];
    va_list args;

    fl_assert(code < 0);
    if (!err)
        return code;
    va_start(args, fmt);
    (void)vsnprintf(where, sizeof(where), fmt, args);
    va_end(args);
    memcpy(inner, err->text, sizeof(inner));
    inner[sizeof(inner) - 1] = '\0';
    err->code = code;
    (void)snprintf(err->text, sizeof(err->text), "%.400s: %s", where, inner);
    return code;
}

enum fl_err_class fl_err_class(int code)
{
    const struct err_row *row = err_find(code);

    return row ? row->class : FL_CLASS_BUG;
}

const char *fl_err_text(int code)
{
    const struct err_row *row = err_find(code);

    if (code == FL_OK)
        return "success";
    return row ? row->text : "unknown error";
}

const char *fl_err_name(int code)
{
    const struct err_row *row = err_find(code);

    if (code == FL_OK)
        return "FL_OK";
    return row ? row->name : "FL_E_UNKNOWN";
}

int fl_err_exit_code(int code)
{
    if (code == FL_OK)
        return 0;
    switch (fl_err_class(code)) {
    case FL_CLASS_TRANSIENT:
    case FL_CLASS_LIMIT:
        return 75;
    case FL_CLASS_DATA:
        return 65;
    case FL_CLASS_CONFIG:
        return 78;
    case FL_CLASS_BUG:
        return 70;
    }
    return 70;
}

const char *fl_err_class_name(enum fl_err_class class)
{
    switch (class) {
    case FL_CLASS_TRANSIENT:
        return "transient";
    case FL_CLASS_LIMIT:
        return "limit";
    case FL_CLASS_DATA:
        return "data";
    case FL_CLASS_CONFIG:
        return "config";
    case FL_CLASS_BUG:
        return "bug";
    }
    return "bug";
}
