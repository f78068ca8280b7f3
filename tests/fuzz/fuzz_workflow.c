/* Fuzzes what the core reads from outside: `when` expressions, events from the store or the stream,
 * compiled workflows from the store, and workflow files. What is accepted must come back the same;
 * a file is refused with a message or can be run. The first byte chooses. */

#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/core.h"
#include "engine/core/expr.h"
#include "engine/spec/spec.h"
#include "tests/sim/graph.h"

#include "engine/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_when(const uint8_t *data, size_t size)
{
    struct sim_random random = {.state = 1};
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = sim_graph(&random);
    fl_auto(fl_expr_release) struct fl_expr expr = {0};
    uint32_t pending[FL_EXPR_NODES_MAX + 1] = {0};
    char *text = calloc(1, size + 1);

    fl_assert(text);
    memcpy(text, data, size);
    if (fl_expr_parse(text, workflow, &expr, NULL) == 0) {
        fl_assert(expr.leaf_count > 0);
        fl_assert(fl_expr_value(&expr, pending)); /* all needs met is always enough */
    }
    free(text);
}

static void fuzz_event(const json_t *json)
{
    fl_auto(fl_event_destroy) struct fl_event *event = NULL;
    fl_auto(fl_event_destroy) struct fl_event *again = NULL;
    fl_json_auto json_t *one = NULL;
    fl_json_auto json_t *two = NULL;

    if (fl_event_from_json(json, &event, NULL) < 0)
        return;
    fl_assert(fl_event_to_json(event, &one, NULL) == 0);
    fl_assert(fl_event_from_json(one, &again, NULL) == 0);
    fl_assert(fl_event_to_json(again, &two, NULL) == 0);
    fl_assert(json_equal(one, two));
}

static void fuzz_compiled(const json_t *json)
{
    fl_auto(fl_core_destroy) struct fl_core *core = NULL;
    struct fl_workflow *workflow = NULL;
    char digest[FL_DIGEST_HEX];

    if (fl_workflow_from_json(json, &workflow, NULL) < 0)
        return;
    fl_assert(fl_workflow_digest(workflow, digest, NULL) == 0);
    fl_assert(fl_core_create(&core, NULL) == 0);
    if (fl_core_add_workflow(core, digest, workflow, NULL) < 0)
        fl_workflow_destroy(workflow);
}

struct bytes {
    const uint8_t *data;
    size_t size;
};

/* The workflow file holds the input; there is no other file. */
static int read_bytes(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                      void *arg)
{
    const struct bytes *bytes = arg;

    if (strcmp(path, "w.cfg") != 0)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no file '%s'", path);
    if (bytes->size > limit)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "too big");
    fl_buf_add(out, bytes->data, bytes->size);
    return 0;
}

static void fuzz_file(const uint8_t *data, size_t size)
{
    const struct bytes bytes = {data, size};
    const struct fl_spec_options options = {.read = read_bytes, .arg = (void *)(uintptr_t)&bytes};
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    fl_auto(fl_workflow_destroy) struct fl_workflow *again = NULL;
    struct fl_diagnostics *list = calloc(1, sizeof(*list));
    fl_json_auto json_t *json = NULL;
    char one[FL_DIGEST_HEX];
    char two[FL_DIGEST_HEX];
    int rc;

    fl_assert(list);
    rc = fl_spec_load("w.cfg", &options, &workflow, list, NULL);
    fl_assert((rc < 0) == (workflow == NULL));
    fl_assert((rc < 0) == (list->errors > 0) || rc == FL_E_NOMEM);
    free(list);
    if (rc < 0)
        return;
    fl_assert(fl_workflow_to_json(workflow, &json, NULL) == 0);
    fl_assert(fl_workflow_from_json(json, &again, NULL) == 0);
    fl_assert(fl_workflow_digest(workflow, one, NULL) == 0);
    fl_assert(fl_workflow_digest(again, two, NULL) == 0);
    fl_assert(strcmp(one, two) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fl_json_auto json_t *json = NULL;

    if (size == 0)
        return 0;
    if (data[0] % 4 == 0) {
        fuzz_when(data + 1, size - 1);
        return 0;
    }
    if (data[0] % 4 == 3) {
        fuzz_file(data, size); /* "#" and "w", with which files begin, lead here */
        return 0;
    }
    if (fl_json_parse((const char *)data + 1, size - 1, &json, NULL) < 0)
        return 0;
    if (data[0] % 4 == 1)
        fuzz_event(json);
    else
        fuzz_compiled(json);
    return 0;
}
