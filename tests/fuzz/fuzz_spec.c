/* Fuzzes the workflow file: whatever stands in it, there is an answer. A refusal says at least one
 * thing; what is accepted comes back the same from its JSON, and the core can begin a run of it. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/core.h"
#include "engine/spec/spec.h"

#include "engine/base/banned.h"

#define INSTANCES_MAX 2000 /* of a run that is begun: more is only slow */
#define ENTROPY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
    const uint8_t *data;
    size_t size;
};

/* The file itself; files that it names exist and say little. */
static int read_text(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                     void *arg)
{
    const struct text *text = arg;
    const char *slash = strrchr(path, '/');

    if (strcmp(slash ? slash + 1 : path, "workflow.cfg") != 0) {
        fl_buf_puts(out, "text {cycle}\n");
        return fl_buf_check(out, reterr);
    }
    if (text->size > limit)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "too big");
    fl_buf_add(out, text->data, text->size);
    return fl_buf_check(out, reterr);
}

static void begin_run(struct fl_workflow *workflow)
{
    fl_auto(fl_core_destroy) struct fl_core *core = NULL;
    fl_auto(fl_events_release) struct fl_events events = {0};
    fl_json_auto json_t *submit = NULL;
    struct fl_input input = {.type = FL_INPUT_SUBMIT,
                             .now_ns = INT64_C(1795500000) * 1000000000,
                             .who = "fuzz",
                             .entropy = ENTROPY};
    char digest[FL_DIGEST_HEX];
    size_t applied = 0;
    size_t before;

    fl_assert(fl_workflow_digest(workflow, digest, NULL) == 0);
    fl_assert(fl_core_create(&core, NULL) == 0);
    submit = json_pack("{s:s,s:s}", "digest", digest, "cycle", "20261124T0000Z");
    fl_assert(submit);
    input.message = submit;
    if (fl_core_add_workflow(core, digest, workflow, NULL) < 0) {
        fl_workflow_destroy(workflow);
        return;
    }
    if (fl_core_decide(core, &input, &events, NULL) < 0)
        return; /* such a cycle is not one of its own */
    input.type = FL_INPUT_TICK;
    do {
        before = events.count;
        for (; applied < events.count; applied++)
            fl_assert(fl_core_apply(core, events.items[applied], NULL) == 0);
        fl_assert(fl_core_advance(core, &input, &events, NULL) == 0);
    } while (events.count > before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text text = {data, size};
    const struct fl_spec_options options = {.read = read_text, .arg = &text};
    struct fl_diagnostics list = {0};
    struct fl_workflow *workflow = NULL;
    struct fl_workflow *again = NULL;
    fl_json_auto json_t *one = NULL;
    fl_json_auto json_t *two = NULL;
    struct fl_err err = {0};
    size_t instances = 0;
    int rc = fl_spec_load("workflow.cfg", &options, &workflow, &list, &err);

    fl_assert((rc < 0) == (workflow == NULL));
    fl_assert((rc < 0) == (list.errors > 0) || rc == FL_E_NOMEM);
    if (rc < 0)
        return 0;
    fl_assert(fl_workflow_to_json(workflow, &one, NULL) == 0);
    fl_assert(fl_workflow_from_json(one, &again, &err) == 0);
    fl_assert(fl_workflow_to_json(again, &two, NULL) == 0);
    fl_assert(json_equal(one, two));
    for (size_t i = 0; i < again->stage_count; i++)
        instances += fl_stage_instances(again, &again->stages[i]);
    fl_workflow_destroy(workflow);
    if (instances <= INSTANCES_MAX)
        begin_run(again);
    else
        fl_workflow_destroy(again);
    return 0;
}
