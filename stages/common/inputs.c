/* Reading inputs.json. */
#include "config.h"

#include "stages/common/inputs.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/world/file.h"
#include "stages/common/contract.h"

#include "engine/base/banned.h"

#define INPUTS_VERSION 1

/* ---- one input ---- */

static int read_names(const json_t *object, struct fl_input *input, struct fl_err *reterr)
{
    const struct {
        const char *key;
        const char **slot;
    } table[] = {{"stage", &input->stage},
                 {"output", &input->output},
                 {"site", &input->site},
                 {"path", &input->path},
                 {"url", &input->url}};
    int rc = fl_json_string(object, "input", &input->input, reterr);

    if (rc == 0)
        rc = fl_json_string(object, "file", &input->file, reterr);
    for (size_t i = 0; rc == 0 && i < FL_COUNT(table); i++)
        rc = fl_json_string_opt(object, table[i].key, NULL, table[i].slot, reterr);
    if (rc < 0)
        return rc;
    if (!fl_path_is_safe(input->file))
        return fl_err_set(reterr, FL_E_PARSE, 0, "member 'file': '%s' leaves the stage's folder",
                          input->file);
    return 0;
}

static int read_times(const json_t *object, struct fl_input *input, struct fl_err *reterr)
{
    const char *lead = NULL;
    const char *cycle = NULL;
    const char *valid = NULL;
    int rc = fl_json_string_opt(object, "lead", NULL, &lead, reterr);

    if (rc == 0)
        rc = fl_json_string_opt(object, "cycle", NULL, &cycle, reterr);
    if (rc == 0)
        rc = fl_json_string_opt(object, "valid_time", NULL, &valid, reterr);
    if (rc == 0 && lead)
        rc = fl_lead_parse(lead, &input->lead, reterr);
    if (rc == 0 && cycle)
        rc = fl_cycle_parse(cycle, &input->cycle, reterr);
    if (rc == 0 && valid)
        rc = fl_cycle_parse(valid, &input->valid_time, reterr);
    input->has_lead = lead != NULL;
    input->has_cycle = cycle != NULL;
    input->has_valid_time = valid != NULL;
    return rc;
}

static int read_content(const json_t *object, struct fl_input *input, struct fl_err *reterr)
{
    const char *digest = NULL;
    int64_t size = -1;
    int rc = fl_json_string_opt(object, "sha256", "", &digest, reterr);

    if (rc == 0)
        rc = fl_json_int_opt(object, "size", -1, &size, reterr);
    if (rc < 0)
        return rc;
    if (*digest && (strlen(digest) != FL_DIGEST_HEX - 1 ||
                    strspn(digest, "0123456789abcdef") != FL_DIGEST_HEX - 1))
        return fl_err_set(reterr, FL_E_PARSE, 0,
                          "member 'sha256': '%s'; it must be 64 lower-case hex digits", digest);
    memcpy(input->sha256, digest, strlen(digest) + 1);
    input->has_size = size >= 0;
    input->size = size >= 0 ? (uint64_t)size : 0;
    return 0;
}

/* Reads the marks of one input into marks; *used counts them. */
static int read_marks(const json_t *object, struct fl_input *input, struct fl_degraded *marks,
                      size_t *used, struct fl_err *reterr)
{
    const json_t *list = NULL;
    int rc = fl_json_array_opt(object, "degraded", &list, reterr);

    if (rc < 0)
        return rc;
    input->degraded = marks + *used;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct fl_degraded *mark = marks + *used;

        rc = fl_json_string(item, "cause", &mark->cause, reterr);
        if (rc == 0)
            rc = fl_json_string_opt(item, "age", NULL, &mark->age, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "degraded[%zu]", i);
        (*used)++;
    }
    input->degraded_count = json_array_size(list);
    return 0;
}

/* ---- the whole file ---- */

static int compare_marks(const void *left, const void *right)
{
    const struct fl_degraded *a = left;
    const struct fl_degraded *b = right;
    int by_cause = strcmp(a->cause, b->cause);

    return by_cause != 0 ? by_cause : strcmp(a->age ? a->age : "", b->age ? b->age : "");
}

static void collect_distinct(struct fl_inputs *inputs, size_t mark_count)
{
    size_t kept = 0;

    if (mark_count == 0)
        return;
    memcpy(inputs->distinct, inputs->marks, mark_count * sizeof(*inputs->marks));
    qsort(inputs->distinct, mark_count, sizeof(*inputs->distinct), compare_marks);
    for (size_t i = 0; i < mark_count; i++) {
        if (kept == 0 || compare_marks(&inputs->distinct[kept - 1], &inputs->distinct[i]) != 0)
            inputs->distinct[kept++] = inputs->distinct[i];
    }
    inputs->distinct_count = kept;
}

/* Room for the inputs and all their marks. */
static int make_room(struct fl_inputs *inputs, const json_t *list, struct fl_err *reterr)
{
    size_t marks = 0;

    inputs->count = json_array_size(list);
    if (inputs->count > FL_CONTRACT_INPUTS_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "%zu inputs; the limit is %zu", inputs->count,
                          FL_CONTRACT_INPUTS_MAX);
    for (size_t i = 0; i < inputs->count; i++)
        marks += json_array_size(json_object_get(json_array_get(list, i), "degraded"));
    inputs->list = calloc(inputs->count + 1, sizeof(*inputs->list));
    inputs->marks = calloc(marks + 1, sizeof(*inputs->marks));
    inputs->distinct = calloc(marks + 1, sizeof(*inputs->distinct));
    if (!inputs->list || !inputs->marks || !inputs->distinct)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "%zu inputs", inputs->count);
    return 0;
}

static int read_grants(struct fl_inputs *inputs, struct fl_err *reterr)
{
    const json_t *list = NULL;
    int rc = fl_json_array_opt(inputs->doc, "grants", &list, reterr);

    if (rc < 0)
        return rc;
    inputs->grant_count = json_array_size(list);
    inputs->grants = calloc(inputs->grant_count + 1, sizeof(*inputs->grants));
    if (!inputs->grants)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "%zu grants", inputs->grant_count);
    for (size_t i = 0; rc == 0 && i < inputs->grant_count; i++) {
        const json_t *object = json_array_get(list, i);

        rc = fl_json_string(object, "site", &inputs->grants[i].site, reterr);
        if (rc == 0)
            rc = fl_json_string(object, "text", &inputs->grants[i].text, reterr);
        if (rc == 0)
            rc = fl_json_string(object, "signature", &inputs->grants[i].signature, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "grants[%zu]", i);
    }
    return rc;
}

static int parse_inputs(struct fl_inputs *inputs, const struct fl_buf *text, struct fl_err *reterr)
{
    json_t *doc = NULL;
    const json_t *list = NULL;
    int64_t version = 0;
    size_t marks = 0;
    int rc = fl_json_parse(text->data, text->size, &doc, reterr);

    if (rc < 0)
        return rc;
    inputs->doc = doc;
    rc = fl_json_int(doc, "version", &version, reterr);
    if (rc < 0)
        return rc;
    if (version != INPUTS_VERSION)
        return fl_err_set(reterr, FL_E_PARSE, 0, "version %lld; this program reads version %d",
                          (long long)version, INPUTS_VERSION);
    rc = fl_json_array_opt(doc, "inputs", &list, reterr);
    if (rc < 0)
        return rc;
    if (!list)
        return fl_err_set(reterr, FL_E_PARSE, 0, "member 'inputs' is missing; it must be a list");
    rc = make_room(inputs, list, reterr);
    for (size_t i = 0; rc == 0 && i < inputs->count; i++) {
        const json_t *object = json_array_get(list, i);

        rc = read_names(object, &inputs->list[i], reterr);
        if (rc == 0)
            rc = read_times(object, &inputs->list[i], reterr);
        if (rc == 0)
            rc = read_content(object, &inputs->list[i], reterr);
        if (rc == 0)
            rc = read_marks(object, &inputs->list[i], inputs->marks, &marks, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "inputs[%zu]", i);
    }
    if (rc == 0)
        collect_distinct(inputs, marks);
    return rc < 0 ? rc : read_grants(inputs, reterr);
}

int fl_inputs_read(const struct fl_world *world, const char *path, struct fl_inputs **ret_inputs,
                   struct fl_err *reterr)
{
    fl_auto(fl_inputs_destroy) struct fl_inputs *inputs = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc;

    fl_assert(path);
    fl_assert(ret_inputs);
    fl_buf_init(&text, FL_JSON_MAX);
    if (!fl_file_exists(world, path)) {
        *ret_inputs = NULL;
        return 0;
    }
    rc = fl_file_read(world, path, FL_JSON_MAX, &text, reterr);
    if (rc < 0)
        return rc;
    inputs = calloc(1, sizeof(*inputs));
    if (!inputs)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "'%s'", path);
    rc = parse_inputs(inputs, &text, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "'%s'", path);
    *ret_inputs = FL_STEAL(inputs);
    return 0;
}

int fl_inputs_parse(const char *text, size_t size, struct fl_inputs **ret_inputs,
                    struct fl_err *reterr)
{
    fl_auto(fl_inputs_destroy) struct fl_inputs *inputs = calloc(1, sizeof(*inputs));
    const struct fl_buf whole = {.data = (char *)(uintptr_t)text, .size = size}; /* only read */
    int rc;

    fl_assert(text);
    fl_assert(ret_inputs);
    if (!inputs)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for inputs");
    rc = parse_inputs(inputs, &whole, reterr);
    if (rc == 0)
        *ret_inputs = FL_STEAL(inputs);
    return rc;
}

void fl_inputs_destroy(struct fl_inputs *inputs)
{
    if (!inputs)
        return;
    json_decref(inputs->doc);
    free(inputs->list);
    free(inputs->marks);
    free(inputs->distinct);
    free(inputs->grants);
    free(inputs);
}
