/* A state that follows the store, and the answers from it. */
#include "config.h"

#include "engine/store/model.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/snapshot.h"
#include "engine/core/view.h"
#include "engine/store/snapshots.h"

#include "engine/base/banned.h"

struct fl_model {
    pthread_mutex_t lock; /* guards all below */
    struct fl_store *store;
    struct fl_core *core;
    json_t *alarm; /* or NULL */
    uint64_t seq;

    pthread_mutex_t offer_lock; /* guards what follows; held for a moment only */
    struct fl_plan **offered;   /* until a run of theirs comes */
    size_t offered_count;
    uint64_t base; /* of the snapshot that it began with; 0: none */
};

struct replay {
    struct fl_store *store;
    struct fl_core *core;
    uint64_t *seq;
    struct fl_model *model; /* whose offered plans are used; or NULL */
};

/* Takes the plan of a workflow out of what was offered, or gives NULL. */
static struct fl_plan *take_offered(struct fl_model *model, const char *digest)
{
    struct fl_plan *plan = NULL;

    (void)pthread_mutex_lock(&model->offer_lock);
    for (size_t i = 0; i < model->offered_count && !plan; i++) {
        if (strcmp(fl_plan_digest(model->offered[i]), digest) != 0)
            continue;
        plan = model->offered[i];
        model->offered[i] = model->offered[--model->offered_count];
    }
    (void)pthread_mutex_unlock(&model->offer_lock);
    return plan;
}

void fl_model_offer_plan(struct fl_model *model, struct fl_plan *plan)
{
    struct fl_plan **offered;

    (void)pthread_mutex_lock(&model->offer_lock);
    offered = realloc(model->offered, (model->offered_count + 1) * sizeof(struct fl_plan *));
    if (offered) {
        model->offered = offered;
        offered[model->offered_count++] = plan;
    }
    (void)pthread_mutex_unlock(&model->offer_lock);
    if (!offered)
        fl_plan_destroy(plan); /* no memory: the model reads the workflow by itself */
}

/* Makes the workflow that an event names known to the state. */
static int replay_workflow(struct replay *replay, const char *digest, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text = {0};
    fl_auto(fl_workflow_destroy) struct fl_workflow *workflow = NULL;
    fl_json_auto json_t *json = NULL;
    int rc;

    if (fl_core_has_workflow(replay->core, digest))
        return 0;
    if (replay->model) {
        struct fl_plan *plan = take_offered(replay->model, digest);

        if (plan && fl_core_add_plan(replay->core, plan, NULL) == 0)
            return 0;
        fl_plan_destroy(plan);
    }
    fl_buf_init(&text, FL_STORE_WORKFLOW_MAX);
    rc = fl_store_get_workflow(replay->store, digest, &text, reterr);
    if (rc == 0)
        rc = fl_json_parse(text.data, text.size, &json, reterr);
    if (rc == 0)
        rc = fl_workflow_from_json(json, &workflow, reterr);
    if (rc == 0)
        rc = fl_core_add_workflow(replay->core, digest, workflow, reterr);
    if (rc < 0)
        return rc;
    workflow = NULL; /* the state has it now */
    return 0;
}

static int replay_event(const struct fl_event *event, void *arg, struct fl_err *reterr)
{
    struct replay *replay = arg;
    int rc = 0;

    if (event->seq.v != *replay->seq + 1)
        return fl_err_set(reterr, FL_E_DATA, 0, "event %llu follows event %llu",
                          (unsigned long long)event->seq.v, (unsigned long long)*replay->seq);
    if (event->digest)
        rc = replay_workflow(replay, event->digest, reterr);
    if (rc == 0)
        rc = fl_core_apply(replay->core, event, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "event %llu", (unsigned long long)event->seq.v);
    *replay->seq = event->seq.v;
    return 0;
}

static int replay(struct replay *replay, size_t limit, struct fl_err *reterr)
{
    return fl_store_load(replay->store, *replay->seq + 1, limit, replay_event, replay, reterr);
}

int fl_store_replay(struct fl_store *store, struct fl_core *core, size_t limit, uint64_t *seq,
                    struct fl_err *reterr)
{
    struct replay all = {.store = store, .core = core, .seq = seq};

    return replay(&all, limit, reterr);
}

static int need_workflow(struct fl_core *core, const char *digest, void *arg, struct fl_err *reterr)
{
    struct replay *from = arg;

    from->core = core;
    return replay_workflow(from, digest, reterr);
}

/* A core from the newest usable snapshot up to `until`. FL_E_NOENT: none. */
static int from_snapshot(struct replay *from, uint64_t until, struct fl_err *ret_passed,
                         struct fl_err *reterr)
{
    for (;;) {
        fl_auto(fl_buf_release) struct fl_buf bytes;
        struct fl_core *core = NULL;
        uint64_t seq = 0;
        int format = 0;
        int rc;

        fl_buf_init(&bytes, FL_SNAPSHOT_MAX);
        rc = fl_snapshot_read(from->store, until, &bytes, &seq, &format, reterr);
        if (rc == 0 && format != FL_SNAPSHOT_FORMAT)
            rc = fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                            "the snapshot after event %llu is of another version",
                            (unsigned long long)seq);
        if (rc == 0)
            rc = fl_core_load(bytes.data, bytes.size, need_workflow, from, &core, reterr);
        from->core = core;
        *from->seq = rc == 0 ? seq : 0;
        if (rc == 0 || rc == FL_E_NOMEM || seq == 0)
            return rc;
        *ret_passed = *reterr;
        ret_passed->code = rc;
        until = seq - 1;
    }
}

/* See fl_store_recover; from->core is the caller's, also after an error. */
static int recover(struct replay *from, uint64_t until, size_t limit, uint64_t *ret_base,
                   struct fl_err *ret_passed, struct fl_err *reterr)
{
    uint64_t left;
    int rc;

    *ret_passed = (struct fl_err){0};
    rc = from_snapshot(from, until, ret_passed, reterr);
    if (rc == FL_E_NOMEM)
        return rc;
    if (rc < 0 && rc != FL_E_NOENT) {
        *ret_passed = *reterr;
        ret_passed->code = rc;
    }
    *ret_base = *from->seq;
    if (rc < 0)
        rc = fl_core_create(&from->core, reterr); /* all of it from the events */
    left = until - *from->seq;
    if (rc < 0 || left == 0)
        return rc;
    if (left < INT64_MAX && (limit == 0 || left < limit))
        limit = (size_t)left;
    return replay(from, limit, reterr);
}

int fl_store_recover(struct fl_store *store, uint64_t until, size_t limit,
                     struct fl_core **ret_core, uint64_t *ret_seq, uint64_t *ret_base,
                     struct fl_err *ret_passed, struct fl_err *reterr)
{
    uint64_t base = 0;
    uint64_t seq = 0;
    struct replay from = {.store = store, .seq = &seq};
    int rc = recover(&from, until, limit, &base, ret_passed, reterr);

    if (rc < 0) {
        fl_core_destroy(from.core);
        return rc;
    }
    *ret_core = from.core;
    *ret_seq = seq;
    if (ret_base)
        *ret_base = base;
    return 0;
}

/* The first step of a model: from a snapshot, where there is one. */
static int model_begin(struct fl_model *model, uint64_t until, struct fl_err *reterr)
{
    struct replay from = {.store = model->store, .seq = &model->seq, .model = model};
    struct fl_err passed;
    int rc;

    if (model->core)
        return 0;
    rc = recover(&from, until, FL_MODEL_CHUNK, &model->base, &passed, reterr);
    if (rc == 0)
        model->core = from.core;
    else
        fl_core_destroy(from.core);
    if (rc < 0)
        model->seq = 0;
    return rc;
}

/* Applies at most limit events more. */
static int model_step(struct fl_model *model, size_t limit, struct fl_err *reterr)
{
    struct replay following = {
        .store = model->store, .core = model->core, .seq = &model->seq, .model = model};

    return replay(&following, limit, reterr);
}

int fl_model_save(struct fl_model *model, char **ret_data, size_t *ret_size, uint64_t *ret_seq,
                  struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf bytes;
    int rc;

    fl_buf_init(&bytes, FL_SNAPSHOT_MAX);
    (void)pthread_mutex_lock(&model->lock);
    rc = model_begin(model, UINT64_MAX, reterr);
    if (rc == 0)
        rc = fl_core_save(model->core, &bytes, reterr);
    *ret_seq = model->seq;
    (void)pthread_mutex_unlock(&model->lock);
    if (rc < 0)
        return rc;
    *ret_size = bytes.size;
    *ret_data = fl_buf_steal(&bytes);
    return 0;
}

int fl_model_create(const char *folder, struct fl_model **ret_model, struct fl_err *reterr)
{
    struct fl_store_config config = {.folder = folder, .read_only = true};
    fl_auto(fl_model_destroy) struct fl_model *model = calloc(1, sizeof(*model));
    int rc;

    fl_assert(folder && ret_model);
    if (!model)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    (void)pthread_mutex_init(&model->lock, NULL); /* cannot fail with default attributes */
    (void)pthread_mutex_init(&model->offer_lock, NULL);
    rc = fl_store_open(&config, &model->store, reterr);
    if (rc < 0)
        return rc;
    *ret_model = FL_STEAL(model);
    return 0;
}

void fl_model_destroy(struct fl_model *model)
{
    if (!model)
        return;
    fl_core_destroy(model->core);
    fl_store_destroy(model->store);
    json_decref(model->alarm);
    for (size_t i = 0; i < model->offered_count; i++)
        fl_plan_destroy(model->offered[i]);
    free(model->offered);
    (void)pthread_mutex_destroy(&model->lock);
    (void)pthread_mutex_destroy(&model->offer_lock);
    free(model);
}

int fl_model_step(struct fl_model *model, bool *ret_more, struct fl_err *reterr)
{
    uint64_t before;
    int rc;

    (void)pthread_mutex_lock(&model->lock);
    rc = model_begin(model, UINT64_MAX, reterr);
    before = model->seq;
    if (rc == 0)
        rc = model_step(model, FL_MODEL_CHUNK, reterr);
    *ret_more = rc == 0 && model->seq - before == FL_MODEL_CHUNK;
    (void)pthread_mutex_unlock(&model->lock);
    return rc;
}

int fl_model_catch_up(struct fl_model *model, struct fl_err *reterr)
{
    bool more = true;
    int rc = 0;

    while (rc == 0 && more)
        rc = fl_model_step(model, &more, reterr);
    return rc;
}

int fl_model_catch_up_to(struct fl_model *model, uint64_t until, struct fl_err *reterr)
{
    uint64_t before;
    uint64_t last = 0;
    int rc;

    do {
        (void)pthread_mutex_lock(&model->lock);
        before = model->seq;
        fl_assert(before <= until);
        rc = model_begin(model, until, reterr);
        if (rc == 0 && model->seq < until && model->seq == before) {
            uint64_t left = until - before;

            rc = model_step(model, left < FL_MODEL_CHUNK ? (size_t)left : FL_MODEL_CHUNK, reterr);
        }
        last = model->seq;
        (void)pthread_mutex_unlock(&model->lock);
    } while (rc == 0 && last > before && last < until);
    if (rc == 0 && last < until)
        rc = fl_err_set(reterr, FL_E_NOENT, 0, "there is no event %llu yet; the last one is %llu",
                        (unsigned long long)until, (unsigned long long)last);
    return rc;
}

int fl_model_create_past(const char *folder, const char *run, struct fl_model **ret_model,
                         uint64_t *ret_seq, struct fl_err *reterr)
{
    fl_auto(fl_model_destroy) struct fl_model *model = NULL;
    uint64_t seq = 0;
    int rc = fl_model_create(folder, &model, reterr);

    if (rc == 0)
        rc = fl_store_dropped(model->store, run, &seq, reterr);
    if (rc == 0)
        rc = fl_model_catch_up_to(model, seq - 1, reterr);
    if (rc < 0)
        return rc;
    *ret_seq = seq - 1;
    *ret_model = FL_STEAL(model);
    return 0;
}

static int note_time(const struct fl_event *event, void *arg, struct fl_err *reterr)
{
    int64_t *time_ns = arg;

    (void)reterr;
    *time_ns = event->time_ns;
    return 0;
}

int fl_model_time(struct fl_model *model, uint64_t seq, int64_t *ret_ns, struct fl_err *reterr)
{
    int64_t time_ns = INT64_MIN;
    int rc;

    (void)pthread_mutex_lock(&model->lock);
    rc = fl_store_load(model->store, seq, 1, note_time, &time_ns, reterr);
    (void)pthread_mutex_unlock(&model->lock);
    if (rc == 0 && time_ns == INT64_MIN)
        rc = fl_err_set(reterr, FL_E_NOENT, 0, "there is no event %llu", (unsigned long long)seq);
    if (rc == 0)
        *ret_ns = time_ns;
    return rc;
}

void fl_model_alarm(struct fl_model *model, json_t *alarm)
{
    (void)pthread_mutex_lock(&model->lock);
    json_decref(model->alarm);
    model->alarm = alarm;
    (void)pthread_mutex_unlock(&model->lock);
}

uint64_t fl_model_base(struct fl_model *model)
{
    uint64_t base;

    (void)pthread_mutex_lock(&model->lock);
    base = model->base;
    (void)pthread_mutex_unlock(&model->lock);
    return base;
}

uint64_t fl_model_seq(struct fl_model *model)
{
    uint64_t seq;

    (void)pthread_mutex_lock(&model->lock);
    seq = model->seq;
    (void)pthread_mutex_unlock(&model->lock);
    return seq;
}

struct collect {
    json_t *events;
    uint64_t until;
};

static int collect_event(const struct fl_event *event, void *arg, struct fl_err *reterr)
{
    struct collect *collect = arg;
    json_t *json = NULL;
    int rc;

    if (event->seq.v > collect->until)
        return 0; /* committed, but not part of the model yet */
    rc = fl_event_to_json(event, &json, reterr);
    if (rc == 0 && json_array_append_new(collect->events, json) != 0)
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    return rc;
}

/* {"events":[…],"next":N}: next is where the following page begins. */
static int answer_events(struct fl_model *model, const json_t *request, json_t **ret_json,
                         struct fl_err *reterr)
{
    struct collect collect = {.events = NULL, .until = model->seq};
    fl_json_auto json_t *events = json_array();
    int64_t from = 1;
    int64_t limit = FL_MODEL_EVENTS_MAX;
    json_t *answer;
    int rc = fl_json_int_opt(request, "from", 1, &from, reterr);

    if (rc == 0)
        rc = fl_json_int_opt(request, "limit", FL_MODEL_EVENTS_MAX, &limit, reterr);
    if (rc < 0)
        return rc;
    if (from < 1)
        from = 1;
    if (limit < 1 || limit > FL_MODEL_EVENTS_MAX)
        limit = FL_MODEL_EVENTS_MAX;
    collect.events = events;
    if ((uint64_t)from <= model->seq)
        rc = fl_store_load(model->store, (uint64_t)from, (size_t)limit, collect_event, &collect,
                           reterr);
    if (rc < 0)
        return rc;
    from += (int64_t)json_array_size(events);
    answer = json_pack("{s:O, s:I}", "events", events, "next", (json_int_t)from);
    if (!answer)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    *ret_json = answer;
    return 0;
}

/* All of a run, a part of its instances, or in short. */
static int answer_status(struct fl_model *model, const json_t *request, const char *run,
                         json_t **ret_json, struct fl_err *reterr)
{
    int64_t from = 0;
    int64_t limit = UINT32_MAX;
    int rc;

    if (json_is_true(json_object_get(request, "brief")))
        return fl_view_brief(model->core, run, ret_json, reterr);
    rc = fl_json_int_opt(request, "from", 0, &from, reterr);
    if (rc == 0)
        rc = fl_json_int_opt(request, "limit", UINT32_MAX, &limit, reterr);
    if (rc < 0)
        return rc;
    if (from < 0 || from > UINT32_MAX || limit < 0 || limit > UINT32_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0, "status: 'from' and 'limit' are numbers from 0");
    return fl_view_status_part(model->core, run, (uint32_t)from, (uint32_t)limit, ret_json, reterr);
}

static int answer_why(struct fl_model *model, const json_t *request, const char *run,
                      int64_t now_ns, json_t **ret_json, struct fl_err *reterr)
{
    const char *stage = NULL;
    int rc = fl_json_string(request, "stage", &stage, reterr);

    if (rc < 0)
        return fl_err_note(reterr, FL_E_USAGE, "why");
    return fl_view_why(model->core, run, stage, now_ns, ret_json, reterr);
}

static int answer_log(struct fl_model *model, const json_t *request, const char *run,
                      json_t **ret_json, struct fl_err *reterr)
{
    const char *stage = NULL;
    int64_t attempt = 0;
    int rc = fl_json_string(request, "stage", &stage, reterr);

    if (rc == 0)
        rc = fl_json_int_opt(request, "attempt", 0, &attempt, reterr);
    if (rc < 0)
        return fl_err_note(reterr, FL_E_USAGE, "log");
    return fl_view_log(model->core, run, stage, attempt, ret_json, reterr);
}

enum verb {
    VERB_RUNS,
    VERB_STATUS,
    VERB_WHY,
    VERB_LOG,
    VERB_WORKERS,
    VERB_EVENTS,
    VERB_ACTIONS,
    VERB_WORKFLOWS,
    VERB_COUNT
};

static const char *const verb_names[VERB_COUNT] = {
    [VERB_RUNS] = "runs",       [VERB_STATUS] = "status",       [VERB_WHY] = "why",
    [VERB_LOG] = "log",         [VERB_WORKERS] = "workers",     [VERB_EVENTS] = "events",
    [VERB_ACTIONS] = "actions", [VERB_WORKFLOWS] = "workflows",
};

static enum verb verb_find(const char *name)
{
    int i = 0;

    while (i < VERB_COUNT && strcmp(verb_names[i], name) != 0)
        i++;
    return (enum verb)i;
}

bool fl_model_knows(const char *verb)
{
    return verb_find(verb) != VERB_COUNT;
}

int fl_model_answer(struct fl_model *model, const json_t *request, int64_t now_ns,
                    json_t **ret_json, struct fl_err *reterr)
{
    fl_json_auto json_t *answer = NULL;
    const char *verb = NULL;
    const char *run = NULL;
    int rc = fl_json_string(request, "verb", &verb, reterr);

    if (rc == 0)
        rc = fl_json_string_opt(request, "run", NULL, &run, reterr);
    if (rc < 0)
        return rc;
    (void)pthread_mutex_lock(&model->lock);
    rc = model_begin(model, UINT64_MAX, reterr);
    if (rc < 0) {
        (void)pthread_mutex_unlock(&model->lock);
        return rc;
    }
    switch (verb_find(verb)) {
    case VERB_RUNS:
        rc = fl_view_runs(model->core, &answer, reterr);
        break;
    case VERB_STATUS:
        rc = answer_status(model, request, run, &answer, reterr);
        break;
    case VERB_WHY:
        rc = answer_why(model, request, run, now_ns, &answer, reterr);
        break;
    case VERB_LOG:
        rc = answer_log(model, request, run, &answer, reterr);
        break;
    case VERB_WORKERS:
        rc = fl_view_workers(model->core, &answer, reterr);
        break;
    case VERB_EVENTS:
        rc = answer_events(model, request, &answer, reterr);
        break;
    case VERB_ACTIONS:
        rc = fl_view_actions(model->core, run, &answer, reterr);
        break;
    case VERB_WORKFLOWS:
        rc = fl_view_workflows(model->core, now_ns, &answer, reterr);
        break;
    case VERB_COUNT:
        rc = fl_err_set(reterr, FL_E_USAGE, 0,
                        "unknown question '%.40s'; accepted: runs, status, why, log, workers, "
                        "events, actions",
                        verb);
        break;
    }
    if (rc == 0 && (json_object_set_new(answer, "seq", json_integer((json_int_t)model->seq)) != 0 ||
                    (model->alarm && json_object_set(answer, "alarm", model->alarm) != 0)))
        rc = fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    (void)pthread_mutex_unlock(&model->lock);
    if (rc < 0)
        return rc;
    *ret_json = json_incref(answer);
    return 0;
}
