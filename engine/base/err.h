#ifndef FL_BASE_ERR_H
#define FL_BASE_ERR_H

/* The one error convention: 0 or one negative FL_E_*, and a struct fl_err with one line for a
 * person. Owns: the table of codes, classes and exit codes. Threads: any. Limits: FL_ERR_TEXT_MAX
 * bytes a message. */

#include "engine/base/macro.h"

#define FL_ERR_TEXT_MAX 1024

/* What the engine does about an error. */
enum fl_err_class {
    FL_CLASS_TRANSIENT, /* may work later: retry with backoff */
    FL_CLASS_LIMIT,     /* a bound was reached: push back on the producer */
    FL_CLASS_DATA,      /* input breaks its contract: set aside, next mirror, else fail */
    FL_CLASS_CONFIG,    /* a person must change something: fail at once */
    FL_CLASS_BUG,       /* we are wrong: stop and keep the evidence */
};

/* X(name, value, class, text): the only list of codes. */
#define FL_ERR_TABLE(X) \
    X(FL_E_AGAIN, -1, FL_CLASS_TRANSIENT, "not now, try again") \
    X(FL_E_IO, -2, FL_CLASS_TRANSIENT, "input/output error") \
    X(FL_E_NET, -3, FL_CLASS_TRANSIENT, "network error") \
    X(FL_E_TIMEOUT, -4, FL_CLASS_TRANSIENT, "timed out") \
    X(FL_E_NOT_YET, -5, FL_CLASS_TRANSIENT, "not there yet") \
    X(FL_E_LOCKED, -6, FL_CLASS_TRANSIENT, "held by another process") \
    X(FL_E_NOSPACE, -7, FL_CLASS_TRANSIENT, "no space left") \
    X(FL_E_FULL, -8, FL_CLASS_LIMIT, "full") \
    X(FL_E_TOO_BIG, -9, FL_CLASS_LIMIT, "larger than the limit") \
    X(FL_E_DATA, -10, FL_CLASS_DATA, "bad data") \
    X(FL_E_PARSE, -11, FL_CLASS_DATA, "cannot be parsed") \
    X(FL_E_MISMATCH, -12, FL_CLASS_DATA, "not what was asked for") \
    X(FL_E_CONFIG, -13, FL_CLASS_CONFIG, "bad configuration") \
    X(FL_E_USAGE, -14, FL_CLASS_CONFIG, "bad usage") \
    X(FL_E_NOENT, -15, FL_CLASS_CONFIG, "does not exist") \
    X(FL_E_EXISTS, -16, FL_CLASS_CONFIG, "exists already") \
    X(FL_E_PERM, -17, FL_CLASS_CONFIG, "not permitted") \
    X(FL_E_REFUSED, -18, FL_CLASS_CONFIG, "refused") \
    X(FL_E_UNSUPPORTED, -19, FL_CLASS_CONFIG, "not supported") \
    X(FL_E_NOMEM, -20, FL_CLASS_TRANSIENT, "out of memory") \
    X(FL_E_BUG, -21, FL_CLASS_BUG, "internal error") \
    X(FL_E_CANCELLED, -22, FL_CLASS_TRANSIENT, "cancelled")

enum fl_err_code {
    FL_OK = 0,
#define FL_ERR_ENUM(name, value, class, text) name = value,
    FL_ERR_TABLE(FL_ERR_ENUM)
#undef FL_ERR_ENUM
};

/* One failure: our code, the foreign one (errno, NetCDF, curl, MPI; 0 when none), one line of text.
 */
struct fl_err {
    int code;
    int foreign;
    char text[FL_ERR_TEXT_MAX];
};

/* Fills err (which may be NULL) and returns code, so that `return fl_err_set(...)` is the usual
 * form. */
int fl_err_set(struct fl_err *err, int code, int foreign, const char *fmt, ...) FL_PRINTF(4, 5);

/* The same for errno: picks the code from errnum (ENOENT, ENOSPC, EACCES, EEXIST, ...) and appends
 * strerror. */
int fl_err_errno(struct fl_err *err, int errnum, const char *fmt, ...) FL_PRINTF(3, 4);

/* Puts "where: " before the text that a callee left, and returns code. */
int fl_err_note(struct fl_err *err, int code, const char *fmt, ...) FL_PRINTF(3, 4);

#if defined(__clang_analyzer__) && !defined(FL_ERR_IMPLEMENTATION)
/* What the analyzer cannot see from here: all three return a negative code. */
int fl_err_unknown(void);
static inline int fl_err_negative(int code)
{
    if (code >= 0)
        __builtin_unreachable();
    return code;
}
#define fl_err_set(err, code, foreign, ...) ((void)(foreign), fl_err_negative(code))
#define fl_err_errno(err, errnum, ...) ((void)(errnum), fl_err_negative(fl_err_unknown()))
#define fl_err_note(err, code, ...) fl_err_negative(code)
#endif

/* Class, short text ("timed out"), symbolic name ("FL_E_TIMEOUT") and process exit code
 * (0, 75, 65, 78 or 70; sysexits.h) of a code. Unknown codes are BUG. */
enum fl_err_class fl_err_class(int code);
const char *fl_err_text(int code);
const char *fl_err_name(int code);
int fl_err_exit_code(int code);

/* "transient", "limit", "data", "config", "bug". */
const char *fl_err_class_name(enum fl_err_class class);

#endif
