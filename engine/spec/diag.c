/* Messages with file and line, and the nearest name to a mistyped one. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/text.h"
#include "engine/base/banned.h"

#define NAME_LIMIT 64

/* line 0: none is known. */
static void say(struct fl_compile *c, bool is_error, const char *file, unsigned line,
                const char *fmt, va_list args) FL_PRINTF(5, 0);

static void say(struct fl_compile *c, bool is_error, const char *file, unsigned line,
                const char *fmt, va_list args)
{
    struct fl_diagnostics *list = c->diagnostics;
    struct fl_diagnostic item = {.is_error = is_error};
    int used;

    if (line)
        used = snprintf(item.text, sizeof(item.text), "%s:%u: ", file ? file : c->path, line);
    else
        used = snprintf(item.text, sizeof(item.text), "%s: ", c->path);
    fl_assert(used >= 0);
    if ((size_t)used < sizeof(item.text))
        (void)vsnprintf(item.text + used, sizeof(item.text) - (size_t)used, fmt,
                        args); /* cut at the limit */
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].text, item.text) == 0)
            return; /* a mistake of a group is met in each of its stages */
    }
    list->errors += is_error;
    if (list->count < FL_DIAGNOSTICS_MAX)
        list->items[list->count++] = item; /* the caller says how many more there are */
}

void fl_say(struct fl_compile *c, bool is_error, const config_setting_t *at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say(c, is_error, at ? config_setting_source_file(at) : NULL,
        at ? config_setting_source_line(at) : 0, fmt, args);
    va_end(args);
}

void fl_say_at(struct fl_compile *c, bool is_error, const char *file, unsigned line,
               const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    say(c, is_error, file, line, fmt, args);
    va_end(args);
}

/* NAME_LIMIT when one of them is long. */
static size_t distance(const char *a, const char *b)
{
    if (strlen(a) > NAME_LIMIT || strlen(b) > NAME_LIMIT)
        return NAME_LIMIT;
    return fl_text_distance(a, b);
}

const char *fl_nearest(const char *name, const char *const *names, size_t count, char *text,
                       size_t size)
{
    size_t best = strlen(name) / 3 + 2;
    const char *found = NULL;

    for (size_t i = 0; i < count; i++) {
        size_t d = distance(name, names[i]);

        if (d < best) {
            best = d;
            found = names[i];
        }
    }
    text[0] = '\0';
    if (found)
        (void)snprintf(text, size, "did you mean '%s'? ", found);
    return text;
}

const char *fl_join(const char *const *names, size_t count, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        bool fits = used + strlen(names[i]) + sizeof(", …") < size;
        int n = snprintf(text + used, size - used, "%s%s", i ? ", " : "", fits ? names[i] : "…");

        if (n < 0 || !fits)
            break;
        used += (size_t)n;
    }
    return count ? text : "none";
}

void fl_complain_name(struct fl_compile *c, const config_setting_t *at, const char *what,
                      const char *name, const struct fl_known *names, const char *also)
{
    char near[128];
    char list[512];

    fl_complain(c, at, "%s '%.100s'; %saccepted: %s%s%s", what, name,
                fl_nearest(name, names->items, names->count, near, sizeof(near)),
                names->count || !also ? fl_join(names->items, names->count, list, sizeof(list))
                                      : "",
                names->count && also ? ", or " : "", also ? also : "");
}

void fl_known_add(struct fl_known *names, const char *name)
{
    if (names->count < FL_COUNT(names->items))
        names->items[names->count++] = name;
}

void fl_known_stages(const struct fl_workflow *w, struct fl_known *names)
{
    for (size_t i = 0; i < w->stage_count; i++)
        fl_known_add(names, w->stages[i].name);
}

size_t fl_utf8_size(const char *data, size_t size)
{
    size_t i = 0;

    while (i < size) {
        unsigned char b = (unsigned char)data[i];
        size_t more = b < 0x80 ? 0 : b >= 0xf0 && b < 0xf5 ? 3 : b >= 0xe0 ? 2 : b >= 0xc2 ? 1 : 9;

        if (b == 0 || more == 9 || b >= 0xf5 || i + more >= size)
            return i;
        for (size_t k = 1; k <= more; k++) {
            if (((unsigned char)data[i + k] & 0xc0) != 0x80)
                return i;
        }
        if ((b == 0xe0 && (unsigned char)data[i + 1] < 0xa0) ||
            (b == 0xed && (unsigned char)data[i + 1] > 0x9f) ||
            (b == 0xf0 && (unsigned char)data[i + 1] < 0x90) ||
            (b == 0xf4 && (unsigned char)data[i + 1] > 0x8f))
            return i; /* too long, a surrogate, or beyond the last one */
        i += more + 1;
    }
    return size;
}

void *fl_grow(struct fl_compile *c, void *array_slot, size_t *count, size_t element_size)
{
    void **slot = array_slot;
    char *grown = realloc(*slot, (*count + 1) * element_size);

    if (!grown) {
        c->no_memory = true;
        return NULL;
    }
    *slot = grown;
    memset(grown + *count * element_size, 0, element_size);
    return grown + (*count)++ * element_size;
}

void fl_set_text(struct fl_compile *c, char **slot, const char *text)
{
    free(*slot);
    *slot = text ? strdup(text) : NULL;
    if (text && !*slot)
        c->no_memory = true;
}

void fl_add_text(struct fl_compile *c, struct fl_texts *texts, const char *text)
{
    char **slot = fl_grow(c, &texts->items, &texts->count, sizeof(texts->items[0]));

    if (slot)
        fl_set_text(c, slot, text);
}

void fl_add_textf(struct fl_compile *c, struct fl_texts *texts, const char *fmt, ...)
{
    char text[4096];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* names and patterns are bounded far below */
    va_end(args);
    fl_add_text(c, texts, text);
}

void fl_free_texts(struct fl_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct fl_texts){0};
}
