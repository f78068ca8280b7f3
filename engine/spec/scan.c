/* Looks through the text of a workflow file, with what it includes, before libconfig does:
 * libconfig opens included files by itself, cuts numbers that are too large without a word, and
 * looks through all settings of a group for each new one. The rules for comments, texts and
 * @include are those of its scanner. Owns: nothing. Threads: any. Limits: FL_SPEC_FILE_MAX,
 * FL_SPEC_INCLUDES_MAX, FL_SPEC_NESTING_MAX, FL_SPEC_SIBLINGS_MAX. */
#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define NAME_KEPT 64

/* Where the scanner stands in one file. */
struct place {
    const char *file;
    const char *at;
    const char *end;
    int line;
    bool line_start; /* only blanks since the line began */
};

struct scan {
    struct fl_compile *c;
    int includes_left;
    size_t bytes_left;
    int depth;
    int settings[FL_SPEC_NESTING_MAX + 1]; /* in each open bracket */
    char owner[FL_SPEC_NESTING_MAX + 1][NAME_KEPT];
    char name[NAME_KEPT]; /* the last one that was read */
};

static int scan_text(struct scan *scan, const char *file, const char *text, size_t size);

static int complain(struct scan *scan, const struct place *p, const char *what, ...)
    FL_PRINTF(3, 4);

static int complain(struct scan *scan, const struct place *p, const char *what, ...)
{
    char text[FL_ERR_TEXT_MAX];
    va_list args;

    va_start(args, what);
    (void)vsnprintf(text, sizeof(text), what, args); /* names in it are cut */
    va_end(args);
    fl_say_at(scan->c, true, p->file, (unsigned)p->line, "%s", text);
    return FL_E_PARSE;
}

static int scan_include(struct scan *scan, struct place *p)
{
    fl_auto(fl_buf_release) struct fl_buf inner;
    const char *close = memchr(p->at, '"', (size_t)(p->end - p->at));
    char name[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    struct fl_err why = {0};
    int rc;

    fl_buf_init(&inner, FL_SPEC_FILE_MAX + 1);
    if (!close || (size_t)(close - p->at) >= sizeof(name) ||
        memchr(p->at, '\n', (size_t)(close - p->at)) ||
        memchr(p->at, '\\', (size_t)(close - p->at)))
        return complain(scan, p, "@include needs a plain file name in quotes, on one line");
    memcpy(name, p->at, (size_t)(close - p->at));
    name[close - p->at] = '\0';
    p->at = close + 1;
    if (scan->includes_left-- <= 0)
        return complain(scan, p, "@include \"%.200s\": more than %d includes", name,
                        FL_SPEC_INCLUDES_MAX);
    rc = fl_path_join(scan->c->folder, name, path, sizeof(path), &why);
    if (rc == 0)
        rc = scan->c->options->read(path, scan->bytes_left, &inner, &why, scan->c->options->arg);
    if (rc < 0) {
        (void)complain(scan, p, "@include \"%.200s\": %s", name, why.text);
        return FL_E_CONFIG;
    }
    scan->bytes_left -= inner.size;
    return scan_text(scan, path, inner.data, inner.size);
}

/* Skips a text in quotes; p stands behind the first. */
static void scan_quoted(struct place *p)
{
    for (; p->at < p->end && *p->at != '"'; p->at++) {
        p->line += *p->at == '\n';
        if (*p->at == '\\' && p->at + 1 < p->end) {
            p->at++;
            p->line += *p->at == '\n';
        }
    }
    p->at += p->at < p->end;
}

/* Skips a comment, if one begins here. */
static bool scan_comment(struct place *p)
{
    bool slash = *p->at == '/' && p->at + 1 < p->end;

    if (*p->at == '#' || (slash && p->at[1] == '/')) {
        while (p->at < p->end && *p->at != '\n')
            p->at++;
        return true;
    }
    if (!slash || p->at[1] != '*')
        return false;
    p->at += 2;
    while (p->at < p->end && !(*p->at == '*' && p->at + 1 < p->end && p->at[1] == '/'))
        p->line += *p->at++ == '\n';
    p->at += p->at < p->end ? 2 : 0;
    p->line_start = false;
    return true;
}

/* A whole number: libconfig cuts what does not fit without a word. */
static int scan_number(struct scan *scan, struct place *p)
{
    const char *from = p->at;
    bool hex = *from == '0' && from + 1 < p->end && (from[1] == 'x' || from[1] == 'X');
    unsigned long long value = 0;
    bool fits = true;
    bool large;

    p->at += hex ? 2 : 0;
    for (;
         p->at < p->end && (hex ? isxdigit((unsigned char)*p->at) : isdigit((unsigned char)*p->at));
         p->at++) {
        unsigned digit = isdigit((unsigned char)*p->at)
                             ? (unsigned)(*p->at - '0')
                             : (unsigned)(tolower((unsigned char)*p->at) - 'a' + 10);

        fits = fits && !__builtin_mul_overflow(value, hex ? 16U : 10U, &value) &&
               !__builtin_add_overflow(value, digit, &value);
    }
    if (p->at < p->end && (*p->at == '.' || *p->at == 'e' || *p->at == 'E')) {
        while (p->at < p->end && (isalnum((unsigned char)*p->at) || strchr(".+-", *p->at)))
            p->at++;
        return 0;
    }
    large = p->at < p->end && *p->at == 'L';
    while (p->at < p->end && *p->at == 'L')
        p->at++;
    if (!fits || value > (large ? (unsigned long long)INT64_MAX : INT32_MAX))
        return complain(scan, p,
                        "the number %.*s is too large; accepted: up to 2147483647, or up to "
                        "9223372036854775807 with an L behind it",
                        (int)(p->at - from < 40 ? p->at - from : 40), from);
    return 0;
}

static void scan_name(struct scan *scan, struct place *p)
{
    size_t size = 0;

    while (p->at < p->end && (isalnum((unsigned char)*p->at) || strchr("-_*", *p->at))) {
        if (size + 1 < NAME_KEPT)
            scan->name[size++] = *p->at;
        p->at++;
    }
    scan->name[size] = '\0';
}

/* A setting more in the group that is open. */
static int scan_setting(struct scan *scan, struct place *p)
{
    const char *owner = scan->owner[scan->depth];

    if (++scan->settings[scan->depth] <= FL_SPEC_SIBLINGS_MAX)
        return 0;
    if (strcmp(owner, "stages") == 0)
        return complain(scan, p,
                        "more than %d stages stand beside each other; stages that are alike are "
                        "one stage with foreach or per, of up to a million instances",
                        FL_SPEC_SIBLINGS_MAX);
    return complain(scan, p, "more than %d settings in %s%s%s", FL_SPEC_SIBLINGS_MAX,
                    *owner ? "group '" : "one group", owner, *owner ? "'" : "");
}

static int scan_bracket(struct scan *scan, struct place *p)
{
    char bracket = *p->at++;

    if (strchr("}])", bracket)) {
        scan->depth -= scan->depth > 0;
        return 0;
    }
    if (scan->depth == FL_SPEC_NESTING_MAX)
        return complain(scan, p, "more than %d brackets within each other", FL_SPEC_NESTING_MAX);
    scan->depth++;
    scan->settings[scan->depth] = 0;
    memcpy(scan->owner[scan->depth], scan->name, sizeof(scan->name));
    scan->name[0] = '\0';
    return 0;
}

/* One token. */
static int scan_one(struct scan *scan, struct place *p)
{
    static const char include[] = "@include";
    unsigned char here = (unsigned char)*p->at;
    size_t left = (size_t)(p->end - p->at);

    if (here == '\n') {
        p->at++;
        p->line++;
        p->line_start = true;
        return 0;
    }
    if (here == ' ' || here == '\t') {
        p->at++;
        return 0;
    }
    if (p->line_start && left > sizeof(include) &&
        strncmp(p->at, include, sizeof(include) - 1) == 0) {
        p->line_start = false;
        p->at += sizeof(include) - 1;
        while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
            p->at++;
        if (p->at == p->end || *p->at++ != '"')
            return complain(scan, p, "@include needs a plain file name in quotes, on one line");
        return scan_include(scan, p);
    }
    if (scan_comment(p))
        return 0;
    p->line_start = false;
    if (here == '"') {
        p->at++;
        scan_quoted(p);
        return 0;
    }
    if (isdigit(here))
        return scan_number(scan, p);
    if (isalpha(here) || here == '*' || here == '_') {
        scan_name(scan, p);
        return 0;
    }
    if (strchr("{[()]}", here))
        return scan_bracket(scan, p);
    p->at++;
    return here == '=' || here == ':' ? scan_setting(scan, p) : 0;
}

static int scan_text(struct scan *scan, const char *file, const char *text, size_t size)
{
    struct place p = {.file = file, .at = text, .end = text + size, .line = 1, .line_start = true};
    size_t good = fl_utf8_size(text, size);

    if (good < size) {
        for (size_t i = 0; i < good; i++)
            p.line += text[i] == '\n';
        return complain(scan, &p,
                        text[good] == '\0'
                            ? "holds a NUL byte; a workflow is a text file"
                            : "holds a byte that is not UTF-8; a workflow is a text file");
    }
    while (p.at < p.end) {
        int rc = scan_one(scan, &p);

        if (rc < 0)
            return rc;
    }
    return 0;
}

int fl_scan(struct fl_compile *c, const char *text, size_t size)
{
    struct scan *scan = calloc(1, sizeof(*scan));
    int rc;

    if (!scan) {
        c->no_memory = true;
        return FL_E_NOMEM;
    }
    scan->c = c;
    scan->includes_left = FL_SPEC_INCLUDES_MAX;
    scan->bytes_left = FL_SPEC_FILE_MAX;
    rc = scan_text(scan, c->path, text, size);
    free(scan);
    return rc;
}
