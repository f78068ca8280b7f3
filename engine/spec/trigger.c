/* Triggers (`when`): those of a stage and of its groups joined to one, and their mistakes told with
 * the place in the text. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/core/expr.h"
#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define SHOWN 72 /* characters of a trigger that are shown around a mistake */
#define BEFORE 48

/* The trigger of one group, or of the stage itself. */
struct piece {
    const config_setting_t *at;
    const char *text;
};

/* Those of a stage's groups, outermost first, then its own. A group's `by` stands for the group. */
static size_t pieces_of(struct fl_compile *c, const struct fl_draft *draft,
                        struct piece pieces[static FL_LAYERS_MAX])
{
    struct fl_layers own = fl_draft_own(draft);
    size_t count = 0;

    for (size_t i = 0; i <= draft->inherited; i++) {
        struct fl_layers one = {.item = {draft->layers.item[i]}, .count = 1};
        const struct fl_layers *from = i < draft->inherited ? &one : &own;
        const char *text = NULL;

        if (fl_get_text(c, from, "when", &text) && text)
            pieces[count++] = (struct piece){fl_layers_get(from, "when"), text};
    }
    return count;
}

void fl_read_when(struct fl_compile *c, const struct fl_draft *draft, struct fl_stage *stage)
{
    fl_auto(fl_buf_release) struct fl_buf joined;
    struct piece pieces[FL_LAYERS_MAX];
    size_t count = pieces_of(c, draft, pieces);

    fl_buf_init(&joined, 2 * FL_SPEC_FILE_MAX);
    if (count == 1)
        fl_set_text(c, &stage->when, pieces[0].text);
    if (count < 2)
        return;
    for (size_t i = 0; i < count; i++)
        fl_buf_printf(&joined, "%s(%s)", i ? " && " : "", pieces[i].text);
    fl_set_text(c, &stage->when, joined.data);
}

static bool name_char(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* The column that a message of the parser begins with, from 1; 0: it has none. */
static size_t column_of(const char *said)
{
    const char *at = strstr(said, "column ");

    return at ? (size_t)strtoul(at + strlen("column "), NULL, 10) : 0;
}

/* What the word at `at` may have been meant to be: "; did you mean 'x'?". */
static void suggest(struct fl_compile *c, const char *text, const char *at, char *out, size_t size)
{
    const struct fl_workflow *w = c->workflow;
    const char *before = at > text ? at - 1 : at;
    const char *start = before;
    struct fl_known names = {.count = 0};
    char word[FL_WORKFLOW_NAME_MAX + 1];
    size_t length = 0;

    out[0] = '\0';
    while (length < FL_WORKFLOW_NAME_MAX && name_char(at[length])) {
        word[length] = at[length];
        length++;
    }
    word[length] = '\0';
    if (!isalpha((unsigned char)word[0]))
        return;
    if (at > text && *before == '.') {
        int32_t stage;

        while (start > text && name_char(start[-1]))
            start--;
        stage = fl_workflow_stage(w, start, (size_t)(before - start));
        for (size_t i = 0; i < w->param_count && strncmp(start, "param.", 6) == 0; i++)
            fl_known_add(&names, w->params[i].name);
        for (size_t i = 0; stage != FL_NONE && i < w->stages[stage].output_count; i++)
            fl_known_add(&names, w->stages[stage].outputs[i].name);
    } else if (at > text && *before == ':') {
        for (enum fl_leaf_state s = 0; s < FL_LEAF_STATE_COUNT; s++)
            fl_known_add(&names, fl_leaf_state_name(s));
        fl_known_add(&names, "all");
        fl_known_add(&names, "progress");
    } else {
        fl_known_stages(w, &names);
        for (size_t i = 0; i < w->group_count; i++)
            fl_known_add(&names, w->groups[i].name);
    }
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.items[i], word) == 0)
            return; /* the name is not what is wrong */
    }
    (void)fl_nearest(word, names.items, names.count, out, size);
}

static bool inside_character(const char *text, size_t at)
{
    return ((unsigned char)text[at] & 0xc0) == 0x80;
}

/* The part of a trigger around a column, on one line, and a caret below that column. */
static void draw_caret(const char *text, size_t column, char *out, size_t size)
{
    char shown[SHOWN + 4];
    size_t length = strlen(text);
    size_t at = column - 1 < length ? column - 1 : length;
    size_t from = at > BEFORE ? at - BEFORE : 0;
    size_t to = from + SHOWN < length ? from + SHOWN : length;
    int width = from ? 1 : 0;

    while (from < at && inside_character(text, from))
        from++;
    while (to > at && to < length && inside_character(text, to))
        to--;
    for (size_t i = from; i < to; i++) /* a trigger may run over several lines of the file */
        shown[i - from] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
    shown[to - from] = '\0';
    for (size_t i = from; i < at; i++)
        width += !inside_character(text, i);
    (void)snprintf(out, size, "\n    %s%s%s\n    %*s^", from ? "…" : "", shown,
                   to < length ? "…" : "", width, "");
}

/* A mistake of the parser, with the text and a caret. */
void fl_complain_when(struct fl_compile *c, const config_setting_t *at, const char *text,
                      const char *said)
{
    size_t column = column_of(said);
    char drawn[6 * SHOWN] = "";
    char hint[128] = "";

    if (column && column <= strlen(text) + 1) {
        suggest(c, text, text + column - 1, hint, sizeof(hint));
        draw_caret(text, column, drawn, sizeof(drawn));
    }
    hint[strlen(hint) - (*hint ? 1 : 0)] = '\0'; /* the blank behind it */
    fl_complain(c, at, "when: %.400s%s%s%s", said, *hint ? "; " : "", hint, drawn);
}

void fl_check_when(struct fl_compile *c, size_t index)
{
    struct piece pieces[FL_LAYERS_MAX];
    size_t errors = c->diagnostics->errors;
    size_t count = pieces_of(c, &c->drafts[index], pieces);

    if (c->diagnostics->errors > errors)
        return;
    for (size_t i = 0; i < count; i++) {
        fl_auto(fl_expr_release) struct fl_expr expr = {0};
        struct fl_err why = {0};

        if (fl_expr_parse(pieces[i].text, c->workflow, &expr, &why) < 0)
            fl_complain_when(c, pieces[i].at, pieces[i].text, why.text);
        for (size_t k = 0; k < expr.leaf_count; k++) {
            if (expr.leaves[k].kind == FL_LEAF_SOURCE &&
                fl_leaf_source(c->workflow, &c->workflow->stages[index], &expr.leaves[k], &why) < 0)
                fl_complain_when(c, pieces[i].at, pieces[i].text, why.text);
            if (expr.leaves[k].kind != FL_LEAF_FILE)
                continue;
            fl_check_text(c, index, pieces[i].at, "when", expr.leaves[k].name);
            if (!fl_path_is_safe(expr.leaves[k].name))
                fl_complain(c, pieces[i].at,
                            "when: file '%.200s' is not a plain path below the root of the site",
                            expr.leaves[k].name);
        }
    }
}
