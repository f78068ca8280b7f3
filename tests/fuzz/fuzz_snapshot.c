/* Fuzzes the reader of snapshots: a state that has some runs is saved, the input changes its bytes,
 * and whatever is read then is refused with an error or is a state that questions can be asked of.
 * The store holds a snapshot against its digest before; this is the second line. The first two
 * bytes draw the workflow; then each three change one byte: two say where, one what is added to it.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/core/core.h"
#include "engine/core/snapshot.h"
#include "engine/core/view.h"
#include "tests/fuzz/drawn.h"

#include "engine/base/banned.h"

#define SAVED_MAX ((size_t)1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct known {
    json_t *workflow;
    char digest[FL_DIGEST_HEX];
};

static int know(struct fl_core *core, const char *digest, void *arg, struct fl_err *reterr)
{
    const struct known *known = arg;
    struct fl_workflow *workflow = NULL;
    int rc;

    if (strcmp(digest, known->digest) != 0)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no such workflow");
    rc = fl_workflow_from_json(known->workflow, &workflow, reterr);
    fl_assert(rc == 0);
    return fl_core_add_workflow(core, digest, workflow, reterr);
}

static void feed(struct fl_core *core, enum fl_input_type type, const char *worker, json_t *message)
{
    struct fl_input input = {.type = type,
                             .now_ns = INT64_C(1795500000) * 1000000000,
                             .worker = worker,
                             .who = "fuzz",
                             .entropy = "00",
                             .message = message};

    for (int round = 0; round < 50; round++) {
        fl_auto(fl_events_release) struct fl_events events = {0};
        int rc = round == 0 ? fl_core_decide(core, &input, &events, NULL)
                            : fl_core_advance(core, &input, &events, NULL);

        for (size_t i = 0; rc == 0 && i < events.count; i++)
            fl_assert(fl_core_apply(core, events.items[i], NULL) == 0);
        if (round > 0 && events.count == 0)
            break;
    }
    json_decref(message);
}

/* A run of which some stages are launched. */
static struct fl_core *make_state(const struct known *known)
{
    struct fl_core *core = NULL;

    fl_assert(fl_core_create(&core, NULL) == 0);
    fl_assert(know(core, known->digest, (void *)(uintptr_t)known, NULL) == 0);
    feed(core, FL_INPUT_WORKER_HELLO, "w0",
         json_pack("{s:s,s:i,s:s,s:[{s:s,s:s,s:i,s:i}],s:[],s:[]}", "type", "hello", "v", 1,
                   "worker", "w0", "pools", "pool", "local", "site", "local", "cores", 4, "jobs", 8,
                   "sites", "attempts"));
    feed(core, FL_INPUT_SUBMIT, NULL,
         json_pack("{s:s,s:s}", "digest", known->digest, "cycle", "20261124T0000Z"));
    feed(core, FL_INPUT_REQUEST, NULL,
         json_pack("{s:s,s:s}", "verb", "hold", "run", "sim/20261124T0000Z"));
    return core;
}

static void ask(const struct fl_core *core)
{
    json_t *answer = NULL;

    if (fl_view_runs(core, &answer, NULL) == 0)
        json_decref(answer);
    answer = NULL;
    if (fl_view_brief(core, NULL, &answer, NULL) == 0)
        json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct known known = {0};
    struct fl_workflow *workflow;
    struct fl_core *core;
    struct fl_core *again = NULL;
    struct fl_buf saved;

    if (size < 2)
        return 0;
    workflow = fuzz_drawn((uint64_t)data[0] << 8 | data[1]);
    fl_assert(fl_workflow_to_json(workflow, &known.workflow, NULL) == 0);
    fl_assert(fl_workflow_digest(workflow, known.digest, NULL) == 0);
    fl_workflow_destroy(workflow);
    core = make_state(&known);
    fl_buf_init(&saved, SAVED_MAX);
    fl_assert(fl_core_save(core, &saved, NULL) == 0);
    for (size_t i = 2; i + 2 < size; i += 3) {
        size_t at = ((size_t)data[i] << 8 | data[i + 1]) % saved.size;

        saved.data[at] = (char)(saved.data[at] + data[i + 2]);
    }
    if (fl_core_load(saved.data, saved.size, know, &known, &again, NULL) == 0) {
        ask(again);
        fl_core_destroy(again);
    }
    fl_buf_release(&saved);
    fl_core_destroy(core);
    json_decref(known.workflow);
    return 0;
}
