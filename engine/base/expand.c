/* Template expansion. */
#include "config.h"

#include "engine/base/expand.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

static int line_of(const char *text, const char *at)
{
    int line = 1;

    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

/* Expands the name at `open` ("{name:format}"); *ret_after is the byte behind the closing brace. */
static int expand_one(const char *text, const char *open, const char **ret_after, fl_expand_fn fn,
                      struct fl_buf *out, struct fl_err *reterr, void *arg)
{
    char name[FL_EXPAND_NAME_MAX];
    const char *close = strchr(open, '}');
    char *colon;
    size_t size;
    int rc;

    if (!close)
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "line %d: '{' without its '}' (a plain brace is written '{{')",
                          line_of(text, open));
    size = (size_t)(close - open) - 1;
    if (size == 0 || size >= sizeof(name))
        return fl_err_set(reterr, FL_E_PARSE, 0, "line %d: a name in braces has 1 to %zu bytes",
                          line_of(text, open), sizeof(name) - 1);
    memcpy(name, open + 1, size);
    name[size] = '\0';
    colon = strchr(name, ':');
    if (colon)
        *colon++ = '\0';
    rc = fn(name, colon, out, reterr, arg);
    if (rc < 0)
        return fl_err_note(reterr, rc, "line %d: {%s}", line_of(text, open), name);
    *ret_after = close + 1;
    return 0;
}

int fl_expand(const char *text, fl_expand_fn fn, struct fl_buf *out, struct fl_err *reterr,
              void *arg)
{
    const char *at = text;

    fl_assert(text);
    fl_assert(fn);
    while (*at) {
        size_t plain = strcspn(at, "{}");

        fl_buf_add(out, at, plain);
        at += plain;
        if ((at[0] == '{' && at[1] == '{') || (at[0] == '}' && at[1] == '}')) {
            fl_buf_putc(out, *at);
            at += 2;
        } else if (*at == '{') {
            int rc = expand_one(text, at, &at, fn, out, reterr, arg);

            if (rc < 0)
                return rc;
        } else if (*at == '}') {
            return fl_err_set(reterr, FL_E_PARSE, 0,
                              "line %d: '}' without its '{' (a plain brace is written '}}')",
                              line_of(text, at));
        }
    }
    return fl_buf_check(out, reterr);
}

static int expand_instant(struct fl_cycle at, const char *format, struct fl_buf *out,
                          struct fl_err *reterr)
{
    char text[256];
    int rc = 0;

    if (format)
        rc = fl_cycle_strftime(at, format, text, sizeof(text), reterr);
    else
        fl_cycle_format(at, text);
    if (rc == 0)
        fl_buf_puts(out, text);
    return rc;
}

static int expand_lead(struct fl_lead lead, const char *format, struct fl_buf *out,
                       struct fl_err *reterr)
{
    char text[FL_TIME_TEXT_MAX];
    int width = 0;

    if (!format) {
        fl_lead_format_file(lead, text);
        fl_buf_puts(out, text);
        return 0;
    }
    if (strcmp(format, "signed") == 0) {
        fl_lead_format(lead, text);
        fl_buf_puts(out, text);
        return 0;
    }
    if (strcmp(format, "seconds") == 0) {
        fl_buf_printf(out, "%lld", (long long)lead.minutes * 60);
        return 0;
    }
    if (strcmp(format, "hhh") == 0)
        width = 3;
    else if (strcmp(format, "hh") == 0)
        width = 2;
    else if (strcmp(format, "h") == 0)
        width = 1;
    else
        return fl_err_set(
            reterr, FL_E_NOENT, 0,
            "unknown format '%s' of lead; accepted: none, hhh, hh, h, signed, seconds", format);
    fl_buf_printf(out, "%0*d", width, lead.minutes / 60);
    return 0;
}

int fl_expand_time(const char *name, const char *format, struct fl_cycle cycle,
                   const struct fl_lead *lead, struct fl_buf *out, struct fl_err *reterr)
{
    if (strcmp(name, "cycle") == 0)
        return expand_instant(cycle, format, out, reterr);
    if (lead && strcmp(name, "valid") == 0)
        return expand_instant(fl_cycle_add(cycle, *lead), format, out, reterr);
    if (lead && strcmp(name, "lead") == 0)
        return expand_lead(*lead, format, out, reterr);
    return fl_err_set(reterr, FL_E_NOENT, 0, "unknown name '%s'; known: cycle%s", name,
                      lead ? ", valid, lead" : "");
}
