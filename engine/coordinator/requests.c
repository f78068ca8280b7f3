/* What clients ask: questions go to the query service, actions are decided here and answered after
 * their commit. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/digest.h"
#include "engine/coordinator/private.h"
#include "engine/core/view.h"

#include "engine/base/banned.h"

#define WHO_MAX 256
#define REMOVE_MAX 100
#define DRY_EVENTS_MAX 1000 /* told one by one; the rest is counted */

/* Makes a workflow known, and durable with the batch; gives its digest. Takes the workflow. */
static int take_workflow(struct fl_coordinator *c, struct fl_workflow *taken,
                         char digest[static FL_DIGEST_HEX], struct fl_err *reterr)
{
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = taken;
    fl_json_auto json_t *canonical = NULL;
    char *text;
    int rc = fl_workflow_digest(workflow, digest, reterr);

    if (rc == 0)
        rc = fl_workflow_to_json(workflow, &canonical, reterr);
    if (rc < 0)
        return rc;
    text = fl_json_text(canonical);
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = fl_batch_add_workflow(c->open, digest, text, reterr);
    free(text);
    if (rc == 0 && !fl_core_has_workflow(c->core, digest)) {
        rc = fl_core_add_workflow(c->core, digest, workflow, reterr);
        if (rc == 0) {
            workflow = NULL; /* the state has it now */
            fl_query_offer_plan(c->query, fl_core_share_plan(c->core, digest));
        }
    }
    return rc;
}

/* The workflow of a run without the stages that a request to remove names. */
static int workflow_without(const struct fl_coordinator *c, const json_t *request,
                            struct fl_workflow **ret_workflow, struct fl_err *reterr)
{
    const char *names[REMOVE_MAX];
    const json_t *stages = json_object_get(request, "stages");
    fl_json_auto json_t *json = NULL;
    const char *run;
    int rc = fl_json_string(request, "run", &run, reterr);

    if (rc == 0 && json_array_size(stages) > FL_COUNT(names))
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "more than %d stages at once", REMOVE_MAX);
    for (size_t i = 0; rc == 0 && i < json_array_size(stages); i++) {
        names[i] = json_string_value(json_array_get(stages, i));
        if (!names[i])
            rc = fl_err_set(reterr, FL_E_PARSE, 0, "'stages' must be a list of names");
    }
    if (rc == 0)
        rc = fl_view_workflow(c->core, run, &json, reterr);
    if (rc == 0)
        rc = fl_workflow_from_json(json, ret_workflow, reterr);
    return rc < 0
               ? rc
               : fl_workflow_remove_stages(*ret_workflow, names, json_array_size(stages), reterr);
}

/* The request as the core knows it: a workflow that it carries is named by its digest. */
static int named_request(struct fl_coordinator *c, const json_t *request, const char *verb,
                         json_t **ret_message, struct fl_err *reterr)
{
    fl_json_auto json_t *message = json_copy((json_t *)(uintptr_t)request);
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    const json_t *json = json_object_get(request, "workflow");
    char digest[FL_DIGEST_HEX];
    bool carries = json_is_object(json);
    int rc = 0;

    if (!message)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (carries)
        rc = fl_workflow_from_json(json, &workflow, reterr);
    else if (strcmp(verb, "remove") == 0)
        rc = workflow_without(c, request, &workflow, reterr);
    if (rc == 0 && workflow) {
        rc = take_workflow(c, FL_STEAL(workflow), digest, reterr);
        if (rc == 0 && json_object_set_new(message, "digest", json_string(digest)) != 0)
            rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    }
    if (rc < 0)
        return rc;
    if (carries)
        (void)json_object_del(message, "workflow"); /* it is there */
    *ret_message = json_incref(message);
    return 0;
}

/* The name of the run that the newest events made or touched. */
static const char *batch_run(const struct fl_coordinator *c, size_t from)
{
    const struct fl_events *events = &c->open->events;

    for (size_t i = from; i < events->count; i++) {
        if (events->items[i]->run)
            return events->items[i]->run;
    }
    return NULL;
}

/* The number of the action that the newest events follow from, or 0. */
static int64_t batch_action(const struct fl_coordinator *c, size_t from)
{
    return c->open->events.count > from ? c->open->events.items[from]->action : 0;
}

/* What its record says was asked. */
static const char *batch_text(const struct fl_coordinator *c, size_t from)
{
    return c->open->events.count > from ? c->open->events.items[from]->text : NULL;
}

/* What an action would do: the events that it would lead to, which no one else ever sees. */
static int dry_run(struct fl_coordinator *c, struct fl_input *input, json_t **ret_result,
                   struct fl_err *reterr)
{
    fl_auto(fl_events_release) struct fl_events events = {0};
    fl_json_auto json_t *would = json_array();
    int rc;

    input->now_ns = fl_world_utc_ns(c->world);
    rc = fl_core_decide(c->core, input, &events, reterr);
    for (size_t i = 0; rc == 0 && i < events.count && i < DRY_EVENTS_MAX; i++) {
        json_t *event = NULL;

        rc = fl_event_to_json(events.items[i], &event, reterr);
        if (rc == 0 && json_array_append_new(would, event) != 0)
            rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    }
    if (rc < 0)
        return rc;
    *ret_result = json_pack("{s:s*, s:O, s:I}", "run", events.count ? events.items[0]->run : NULL,
                            "would", would, "events", (json_int_t)events.count);
    return *ret_result ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
}

/* Decides on a person's action; *ret_result says what came of it. */
static int request_act(struct fl_coordinator *c, const struct fl_bus_event *event, const char *verb,
                       json_t **ret_result, struct fl_err *reterr)
{
    fl_json_auto json_t *message = NULL;
    struct fl_input input = {.type = FL_INPUT_REQUEST};
    char who[WHO_MAX];
    const char *name = NULL;
    bool dry = false;
    size_t before = c->open->events.count;
    int rc = fl_json_string_opt(event->message, "who", "unknown", &name, reterr);

    if (rc == 0)
        rc = fl_json_string_opt(event->message, "why", NULL, &input.why, reterr);
    if (rc == 0)
        rc = fl_json_bool_opt(event->message, "dry", false, &dry, reterr);
    if (rc < 0)
        return rc;
    (void)snprintf(who, sizeof(who), "%.120s (key %.60s)", name, event->name);
    input.who = who;
    if (strcmp(verb, "submit") == 0 && dry)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "submit has no dry run; fairlead check shows what a file would run");
    if (strcmp(verb, "submit") == 0) {
        input.type = FL_INPUT_SUBMIT;
        if (!json_is_object(json_object_get(event->message, "workflow")))
            return fl_err_set(reterr, FL_E_USAGE, 0, "submit: 'workflow' is missing");
    }
    rc = named_request(c, event->message, verb, &message, reterr);
    input.message = message;
    if (rc == 0 && dry)
        return dry_run(c, &input, ret_result, reterr);
    if (rc == 0)
        rc = fl_coordinator_decide(c, &input, reterr);
    if (rc < 0)
        return rc;
    *ret_result = json_pack("{s:s*, s:I, s:I, s:s*}", "run", batch_run(c, before), "events",
                            (json_int_t)(c->open->events.count - before), "action",
                            (json_int_t)batch_action(c, before), "text", batch_text(c, before));
    if (!*ret_result)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    return 0;
}

/* Carries out the verb; *ret_later: the query service answers. */
static int request_do(struct fl_coordinator *c, const struct fl_bus_event *event,
                      json_t **ret_result, bool *ret_later, struct fl_err *reterr)
{
    const char *type = NULL;
    const char *verb = NULL;
    int rc = fl_json_string(event->message, "type", &type, reterr);

    if (rc == 0)
        rc = fl_json_string(event->message, "verb", &verb, reterr);
    if (rc < 0)
        return rc;
    if (strcmp(type, "request") != 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "a client sends requests, not '%.40s'", type);
    if (fl_model_knows(verb)) {
        *ret_later = true;
        return fl_query_ask(c->query, event->peer.v, c->seq, c->told_seq, event->message, reterr);
    }
    if (strcmp(verb, "stop") == 0) {
        c->stopping = true;
        *ret_result = json_pack("{s:b}", "stopping", 1);
        return *ret_result ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    }
    if (c->trouble.rc < 0)
        return fl_err_set(reterr, FL_E_NOSPACE, 0,
                          "%s: nothing can be recorded now (see fairlead status); ask again when "
                          "the alarm is over",
                          verb);
    return request_act(c, event, verb, ret_result, reterr);
}

/* True for an error after which the loop must not go on. */
static bool is_fatal(int rc)
{
    return rc == FL_E_BUG || rc == FL_E_IO;
}

int fl_coordinator_request(struct fl_coordinator *c, const struct fl_bus_event *event,
                           struct fl_err *reterr)
{
    json_t *result = NULL;
    struct fl_err err = {0};
    bool later = false;
    int rc = request_do(c, event, &result, &later, &err);

    if (is_fatal(rc)) {
        *reterr = err;
        return rc;
    }
    if (rc == 0 && later)
        return 0;
    if (c->trouble.rc < 0) { /* nothing was decided: nothing to wait for */
        fl_json_auto json_t *reply = fl_query_reply(event->message, rc, result, &err);

        fl_coordinator_send(c, event->peer, reply);
        return 0;
    }
    return fl_coordinator_after(c, AFTER_SEND, event->peer, NULL,
                                fl_query_reply(event->message, rc, result, &err), reterr);
}
