/* Fuzzes what the core reads from outside: `when` expressions, events from the store or the stream,
 * and compiled workflows from the store. What is accepted must come back the same. The first byte
 * chooses. */

#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/core.h"
#include "engine/core/expr.h"
#include "tests/fuzz/drawn.h"

#include "engine/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_when(const uint8_t *data, size_t size)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = fuzz_drawn(1);
    fl_auto(fl_expr_release) struct fl_expr expr = {0};
    static const struct fl_want wants[FL_EXPR_NODES_MAX]; /* nothing is needed */
    static const struct fl_term terms[FL_EXPR_NODES_MAX];
    char *text = calloc(1, size + 1);

    fl_assert(text);
    memcpy(text, data, size);
    if (fl_expr_parse(text, workflow, &expr, NULL) == 0) {
        fl_assert(expr.leaf_count > 0);
        fl_assert(fl_expr_value(&expr, terms, wants)); /* all needs met is always enough */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fl_json_auto json_t *json = NULL;

    if (size == 0)
        return 0;
    if (data[0] % 3 == 0) {
        fuzz_when(data + 1, size - 1);
        return 0;
    }
    if (fl_json_parse((const char *)data + 1, size - 1, &json, NULL) < 0)
        return 0;
    if (data[0] % 3 == 1)
        fuzz_event(json);
    else
        fuzz_compiled(json);
    return 0;
}
