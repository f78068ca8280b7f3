/* Lists of sources, inputs and degraded marks, and the attributes made of them. */
#include "config.h"

#include "stages/common/prov.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "engine/base/path.h"
#include "engine/world/file.h"
#include "stages/common/contract.h"
#include "stages/common/nc.h"

#include "engine/base/banned.h"

/* Sorted lines without doubles. */
struct lines {
    char **items;
    size_t count;
    size_t room;
};

struct fl_prov {
    char *program;
    char *workflow; /* these four: NULL outside a run */
    char *run;
    char *cycle;
    char *stage;
    struct lines sources;
    struct lines inputs;
    struct lines degraded;
    struct fl_buf degraded_text;
    struct fl_buf sources_text;
    struct fl_degraded *marks; /* points into mark_texts */
    char *mark_texts;
};

static void lines_release(struct lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->items[i]);
    free(lines->items);
    memset(lines, 0, sizeof(*lines));
}

/* Control characters would break the line format: they become '?'. */
static int lines_add(struct lines *lines, const char *text, size_t length, const char *what,
                     struct fl_err *reterr)
{
    char line[FL_PROV_LINE_MAX];
    size_t at = 0;
    char *copy;

    if (length >= sizeof(line))
        length = sizeof(line) - 1;
    for (size_t i = 0; i < length; i++)
        line[i] = (unsigned char)text[i] < ' ' || text[i] == 127 ? '?' : text[i];
    line[length] = '\0';
    while (at < lines->count && strcmp(lines->items[at], line) < 0)
        at++;
    if (at < lines->count && strcmp(lines->items[at], line) == 0)
        return 0;
    if (lines->count >= FL_PROV_LINES_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %d lines of %s", FL_PROV_LINES_MAX,
                          what);
    if (lines->count == lines->room) {
        size_t room = lines->room ? lines->room * 2 : 16;
        char **items = realloc(lines->items, room * sizeof(*items));

        if (!items)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
        lines->items = items;
        lines->room = room;
    }
    copy = strdup(line);
    if (!copy)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    memmove(&lines->items[at + 1], &lines->items[at], (lines->count - at) * sizeof(char *));
    lines->items[at] = copy;
    lines->count++;
    return 0;
}

/* Each line of an attribute's text. */
static int lines_add_text(struct lines *lines, const char *text, const char *what,
                          struct fl_err *reterr)
{
    int rc = 0;

    while (rc == 0 && *text) {
        size_t n = strcspn(text, "\n");

        if (n > 0)
            rc = lines_add(lines, text, n, what, reterr);
        text += n + (text[n] == '\n' ? 1 : 0);
    }
    return rc;
}

/* The lines joined by newlines; of more than FL_PROV_WRITTEN_MAX the rest as one line with the
 * digest of all. */
static void lines_join(const struct lines *lines, struct fl_buf *out)
{
    size_t shown = lines->count;

    if (shown > FL_PROV_WRITTEN_MAX)
        shown = FL_PROV_WRITTEN_MAX - 1;
    for (size_t i = 0; i < shown; i++)
        fl_buf_printf(out, "%s%s", i ? "\n" : "", lines->items[i]);
    if (shown < lines->count) {
        fl_auto(fl_buf_release) struct fl_buf all;
        char hex[FL_DIGEST_HEX];

        fl_buf_init(&all, 0);
        for (size_t i = 0; i < lines->count; i++)
            fl_buf_printf(&all, "%s\n", lines->items[i]);
        fl_digest_memory(all.data, all.size, hex);
        fl_buf_printf(out, "\n(and-%zu-more,-all-lines) sha256:%s", lines->count - shown, hex);
    }
}

static int copy_text(const char *text, char **ret_copy, struct fl_err *reterr)
{
    *ret_copy = NULL;
    if (!text || !*text)
        return 0;
    *ret_copy = strdup(text);
    return *ret_copy ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
}

int fl_prov_create(const char *program, struct fl_prov **ret_prov, struct fl_err *reterr)
{
    fl_auto(fl_prov_destroy) struct fl_prov *prov = calloc(1, sizeof(*prov));
    int rc;

    fl_assert(program);
    fl_assert(ret_prov);
    if (!prov)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    fl_buf_init(&prov->degraded_text, 0);
    fl_buf_init(&prov->sources_text, 0);
    rc = copy_text(program, &prov->program, reterr);
    if (rc == 0)
        rc = copy_text(getenv("FAIRLEAD_WORKFLOW"), &prov->workflow, reterr);
    if (rc == 0)
        rc = copy_text(getenv("FAIRLEAD_RUN"), &prov->run, reterr);
    if (rc == 0)
        rc = copy_text(getenv("FAIRLEAD_CYCLE"), &prov->cycle, reterr);
    if (rc == 0)
        rc = copy_text(getenv("FAIRLEAD_STAGE"), &prov->stage, reterr);
    if (rc < 0)
        return rc;
    *ret_prov = FL_STEAL(prov);
    return 0;
}

void fl_prov_destroy(struct fl_prov *prov)
{
    if (!prov)
        return;
    free(prov->program);
    free(prov->workflow);
    free(prov->run);
    free(prov->cycle);
    free(prov->stage);
    lines_release(&prov->sources);
    lines_release(&prov->inputs);
    lines_release(&prov->degraded);
    fl_buf_release(&prov->degraded_text);
    fl_buf_release(&prov->sources_text);
    free(prov->marks);
    free(prov->mark_texts);
    free(prov);
}

static int add_named(struct lines *lines, const char *name, const char *hex, const char *what,
                     struct fl_err *reterr)
{
    char line[FL_PROV_LINE_MAX];
    /* Room for " sha256:HEX": a long name is cut, never the digest. */
    int keep = FL_PROV_LINE_MAX - 9 - (int)FL_DIGEST_HEX;
    int n = snprintf(line, sizeof(line), "%.*s sha256:%s", keep, name, hex);

    fl_assert(n > 0);
    return lines_add(lines, line, (size_t)n, what, reterr);
}

int fl_prov_input_digest(struct fl_prov *prov, const char *name, const char *hex,
                         struct fl_err *reterr)
{
    return add_named(&prov->inputs, name, hex, "inputs", reterr);
}

int fl_prov_input(struct fl_prov *prov, const char *name, const char *path, struct fl_err *reterr)
{
    char hex[FL_DIGEST_HEX];
    int rc = fl_file_digest(fl_world_real(), path, hex, NULL, reterr);

    if (rc < 0)
        return rc;
    return fl_prov_input_digest(prov, name ? name : fl_path_base(path), hex, reterr);
}

int fl_prov_source_digest(struct fl_prov *prov, const char *name, const char *hex,
                          struct fl_err *reterr)
{
    int rc = add_named(&prov->sources, name, hex, "sources", reterr);

    return rc == 0 ? fl_prov_input_digest(prov, name, hex, reterr) : rc;
}

int fl_prov_source(struct fl_prov *prov, const char *name, const char *path, struct fl_err *reterr)
{
    char hex[FL_DIGEST_HEX];
    int rc = fl_file_digest(fl_world_real(), path, hex, NULL, reterr);

    if (rc < 0)
        return rc;
    return fl_prov_source_digest(prov, name ? name : fl_path_base(path), hex, reterr);
}

static int merge_one(struct lines *lines, const struct fl_nc *nc, const char *att,
                     struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc;

    fl_buf_init(&text, FL_NC_ATT_MAX);
    rc = fl_nc_att(nc, FL_NC_GLOBAL, att, &text, reterr);
    if (rc == FL_E_NOENT)
        return 0;
    if (rc == 0)
        rc = lines_add_text(lines, text.data, att, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "'%s'", fl_nc_path(nc)) : 0;
}

int fl_prov_merge(struct fl_prov *prov, const struct fl_nc *nc, struct fl_err *reterr)
{
    int rc = merge_one(&prov->sources, nc, "fairlead_sources", reterr);

    return rc == 0 ? merge_one(&prov->degraded, nc, "fairlead_degraded", reterr) : rc;
}

int fl_prov_degraded(struct fl_prov *prov, const char *cause, const char *age,
                     struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf line;

    fl_buf_init(&line, 0);
    fl_buf_puts(&line, cause);
    if (age && *age)
        fl_buf_printf(&line, " [age %s]", age);
    return lines_add(&prov->degraded, line.data, line.size, "degraded causes", reterr);
}

bool fl_prov_is_degraded(const struct fl_prov *prov)
{
    return prov->degraded.count > 0;
}

static const char *joined(const struct lines *lines, struct fl_buf *text)
{
    fl_buf_clear(text);
    lines_join(lines, text);
    return text->data;
}

const char *fl_prov_degraded_text(struct fl_prov *prov)
{
    return joined(&prov->degraded, &prov->degraded_text);
}

const char *fl_prov_sources_text(struct fl_prov *prov)
{
    return joined(&prov->sources, &prov->sources_text);
}

int fl_prov_marks(struct fl_prov *prov, const struct fl_degraded **ret_marks, size_t *ret_count,
                  struct fl_err *reterr)
{
    static const char before_age[] = " [age ";
    const struct lines *lines = &prov->degraded;
    struct fl_degraded *marks = calloc(lines->count + 1, sizeof(*marks));
    char *texts = calloc(lines->count + 1, FL_PROV_LINE_MAX);

    if (!marks || !texts) {
        free(marks);
        free(texts);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    }
    for (size_t k = 0; k < lines->count; k++) {
        char *text = texts + k * FL_PROV_LINE_MAX;
        size_t length = strlen(lines->items[k]);
        char *age = NULL;

        memcpy(text, lines->items[k], length + 1);
        for (char *at = strstr(text, before_age); at; at = strstr(at + 1, before_age))
            age = at;
        marks[k].cause = text;
        if (age && text[length - 1] == ']') {
            text[length - 1] = '\0';
            *age = '\0';
            marks[k].age = age + sizeof(before_age) - 1;
        }
    }
    free(prov->marks);
    free(prov->mark_texts);
    prov->marks = marks;
    prov->mark_texts = texts;
    *ret_marks = marks;
    *ret_count = lines->count;
    return 0;
}

static int put_list(struct fl_nc *nc, const char *name, const struct lines *lines,
                    struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc;

    fl_buf_init(&text, 0); /* before any return: it is released at each */
    if (lines->count == 0)
        return 0;
    lines_join(lines, &text);
    rc = fl_buf_check(&text, reterr);
    return rc == 0 ? fl_nc_put_att(nc, FL_NC_GLOBAL, name, text.data, reterr) : rc;
}

int fl_prov_write(const struct fl_prov *prov, struct fl_nc *nc, const char *title,
                  const char *history, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf told;
    int rc = 0;

    fl_assert(title);
    fl_assert(history);
    fl_buf_init(&told, 0);
    fl_buf_printf(&told, "%s: %s", prov->program, history);
    const struct {
        const char *name;
        const char *text;
    } atts[] = {
        {"Conventions", "CF-1.8"},
        {"title", title},
        {"source", prov->program},
        {"history", told.data},
        {"fairlead_workflow", prov->workflow},
        {"fairlead_run", prov->run},
        {"fairlead_cycle", prov->cycle},
        {"fairlead_stage", prov->stage},
    };
    for (size_t i = 0; rc == 0 && i < FL_COUNT(atts); i++) {
        if (atts[i].text)
            rc = fl_nc_put_att(nc, FL_NC_GLOBAL, atts[i].name, atts[i].text, reterr);
    }
    if (rc == 0)
        rc = put_list(nc, "fairlead_sources", &prov->sources, reterr);
    if (rc == 0)
        rc = put_list(nc, "fairlead_inputs", &prov->inputs, reterr);
    return rc == 0 ? put_list(nc, "fairlead_degraded", &prov->degraded, reterr) : rc;
}
