/* Every mistake in a workflow file with its exact message: tests/golden/spec/mistakes.txt.
 *
 * A case is a line "== what is wrong", lines of stages, a line "--", and the messages. "=w" stands
 * for lines beside `stages`, "=f" for a whole file. FL_GOLDEN_UPDATE=FILE writes the messages as
 * they are now, to be read before they are kept. */
#include "config.h"

#include "engine/spec/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"
#include "tests/lib/test.h"

#define STAGES_HEAD \
    "workflow: { name = \"t\"; leads = { h = \"+000/+002/1\"; }; params = { n = 1; kind = \"a\"; " \
    "}; " \
    "limits = { io = 4; gfs = 2; }; cycles = { from = \"20261124T0000Z\"; rules = { main = " \
    "\"PT6H\"; daily = \"P1D\"; }; }; pools = { small = { cores = 2; resources = { memory = " \
    "\"8G\"; }; }; big = { cores = 64; resources = { memory = \"512G\"; matlab = 2; }; }; }; " \
    "stages: {\n"
#define STAGES_TAIL "};\n};\n"
#define TOP_HEAD "workflow: { name = \"t\";\n"
#define TOP_TAIL "stages = { a = { program = \"x\"; }; };\n};\n"
#define FULL_HEAD "workflow: { name = \"t\";\n"
#define FULL_TAIL "};\n"

static int read_real(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                     void *arg)
{
    (void)arg;
    return fl_file_read(fl_world_real(), path, limit, out, reterr);
}

/* What the compiler says about a text. */
static void messages_of(const char *text, size_t size, struct fl_buf *out)
{
    const struct fl_spec_options options = {.read = read_real};
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    struct fl_diagnostics *list = calloc(1, sizeof(*list));
    struct fl_err err = {0};
    int rc;

    assert_non_null(list);
    test_file_write("w.cfg", text, size);
    test_file_write("words.txt", "words", 5);
    test_file_write("words.txt.in", "words", 5);
    test_file_write("inputs.json", "{}", 2);
    test_file_write("bytes", "\xff\xfe", 2);
    rc = fl_spec_load("w.cfg", &options, &workflow, list, &err);
    if ((rc < 0) != (list->errors > 0))
        fail_msg("%d with %zu mistakes: %s", rc, list->errors, err.text);
    for (size_t i = 0; i < list->count; i++)
        fl_buf_printf(out, "%s%s\n", list->items[i].is_error ? "" : "note: ", list->items[i].text);
    if (list->errors > list->count)
        fl_buf_printf(out, "and more: %zu mistakes in all\n", list->errors);
    free(list);
}

static void whole_text(char kind, const char *body, size_t size, struct fl_buf *out)
{
    const char *head = kind == 'w'   ? TOP_HEAD
                       : kind == 'g' ? FULL_HEAD
                       : kind == 'f' ? ""
                                     : STAGES_HEAD;
    const char *tail = kind == 'w'   ? TOP_TAIL
                       : kind == 'g' ? FULL_TAIL
                       : kind == 'f' ? ""
                                     : STAGES_TAIL;

    fl_buf_puts(out, head);
    fl_buf_add(out, body, size);
    fl_buf_puts(out, tail);
}

/* Begin of the next line that starts with mark, or the end. */
static const char *line_with(const char *at, const char *mark)
{
    for (; *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : at + strlen(at)) {
        if (strncmp(at, mark, strlen(mark)) == 0)
            break;
    }
    return at;
}

/* A person reads these at three in the morning: none may change unseen. */
static void each_mistake_has_its_message(void **state)
{
    fl_auto(fl_buf_release) struct fl_buf golden;
    fl_auto(fl_buf_release) struct fl_buf now;
    const char *update = getenv("FL_GOLDEN_UPDATE");
    char path[FL_PATH_MAX];
    struct fl_err err = {0};
    size_t cases = 0;
    size_t wrong = 0;

    (void)state;
    fl_buf_init(&golden, 0);
    fl_buf_init(&now, 0);
    (void)snprintf(path, sizeof(path), "%s/tests/golden/spec/mistakes.txt",
                   getenv("FL_TOP_SRCDIR"));
    assert_ok(read_real(path, FL_SPEC_FILE_MAX, &golden, &err, NULL), err);
    for (const char *at = line_with(golden.data, "="); *at;) {
        const char *body = strchr(at, '\n') + 1;
        const char *split = line_with(body, "--");
        const char *said = *split ? strchr(split, '\n') + 1 : split;
        const char *end = line_with(said, "=");
        fl_auto(fl_buf_release) struct fl_buf text;
        fl_auto(fl_buf_release) struct fl_buf found;

        fl_buf_init(&text, 0);
        fl_buf_init(&found, 0);
        whole_text(at[1], body, (size_t)(split - body), &text);
        messages_of(text.data, text.size, &found);
        fl_buf_printf(&now, "%.*s--\n%s", (int)(split - at), at, found.data);
        if (found.size != (size_t)(end - said) || memcmp(found.data, said, found.size) != 0) {
            wrong++;
            print_message("%.*ssays:\n%snot:\n%.*s\n", (int)(body - at), at, found.data,
                          (int)(end - said), said);
        }
        cases++;
        at = end;
    }
    if (update)
        test_file_write(update, now.data, now.size);
    else if (wrong)
        fail_msg("%zu of %zu cases say something else", wrong, cases);
    assert_true(cases > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
        each_mistake_has_its_message, test_folder_enter, test_folder_leave)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
