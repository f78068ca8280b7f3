/* The query thread. It sleeps on a bell; new events, questions and the end all ring it. */
#include "config.h"

#include "engine/coordinator/query.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/ring.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define IDLE_NS ((int64_t)10 * 1000000000)

struct question {
    uint64_t tag;
    uint64_t seq;     /* that the answer should know of */
    uint64_t told;    /* and this one it must */
    int64_t fresh_ns; /* monotonic: after that it need not know of seq */
    json_t *request;
    json_t *reply;
    int64_t until_ns; /* an event request that waits; monotonic */
};

struct fl_query {
    const struct fl_world *world;
    struct fl_model *model;
    pthread_t thread;
    bool started;
    int bell_fd; /* wakes the thread */
    int done_fd; /* wakes the loop */
    fl_query_news_fn news;
    fl_query_offer_fn offer;
    void *news_arg;
    uint64_t saved_seq; /* of the last snapshot offered */
    size_t saved_bytes;
    struct question **parked; /* of the thread alone: event requests that wait */
    size_t parked_count;
    size_t capacity;
    bool behind; /* of the thread alone: the last catching up failed */

    pthread_mutex_t lock; /* guards what follows */
    struct fl_ring *asked;
    struct fl_ring *done;
    size_t under_way; /* questions in asked, parked or done */
    bool stopping;
};

static void question_destroy(struct question *question)
{
    if (!question)
        return;
    json_decref(question->request);
    json_decref(question->reply);
    free(question);
}

json_t *fl_query_reply(const json_t *request, int rc, json_t *result, const struct fl_err *err)
{
    const json_t *id = json_object_get(request, "id");
    json_t *reply;

    if (rc == 0)
        reply = json_pack("{s:s, s:b, s:o}", "type", "reply", "ok", 1, "result", result);
    else
        reply = json_pack("{s:s, s:b, s:{s:s, s:s}}", "type", "reply", "ok", 0, "error", "code",
                          fl_err_name(rc), "text", err->text);
    if (reply && id)
        (void)json_object_set(reply, "id", (json_t *)(uintptr_t)id); /* no id: no one to match */
    return reply;
}

static void question_done(struct fl_query *query, struct question *question, int rc, json_t *result,
                          const struct fl_err *err)
{
    question->reply = fl_query_reply(question->request, rc, result, err);
    (void)pthread_mutex_lock(&query->lock);
    rc = fl_ring_push(query->done, question);
    fl_assert(rc == 0); /* has room for all that are under way */
    (void)pthread_mutex_unlock(&query->lock);
    fl_wake_ring(query->done_fd);
}

/* True when the question is an event request that waits and there is nothing for it yet. */
static bool question_waits(const struct question *question, const json_t *answer, int64_t now_ns)
{
    const json_t *events = json_object_get(answer, "events");

    return json_is_true(json_object_get(question->request, "wait")) && json_is_array(events) &&
           json_array_size(events) == 0 && now_ns < question->until_ns;
}

/* Answers, or gives false when it has to wait. */
static bool question_answer(struct fl_query *query, struct question *question)
{
    struct fl_err err = {0};
    json_t *answer = NULL;
    int rc = fl_model_answer(query->model, question->request, fl_world_utc_ns(query->world),
                             &answer, &err);

    if (rc == 0 && question_waits(question, answer, fl_world_mono_ns(query->world))) {
        json_decref(answer);
        return false;
    }
    question_done(query, question, rc, answer, &err);
    return true;
}

static void answer_parked(struct fl_query *query)
{
    size_t kept = 0;

    for (size_t i = 0; i < query->parked_count; i++) {
        if (!question_answer(query, query->parked[i]))
            query->parked[kept++] = query->parked[i];
    }
    query->parked_count = kept;
}

/* Applies some of what was committed; true when there may be more. */
static bool query_step(struct fl_query *query)
{
    struct fl_err err = {0};
    bool more = false;
    int rc = fl_model_step(query->model, &more, &err);

    if (rc < 0 && !query->behind)
        fl_log(FL_LOG_ERROR, "query.behind", "error='%s' answers='as of event %llu'", err.text,
               (unsigned long long)fl_model_seq(query->model));
    query->behind = rc < 0;
    return more;
}

/* True when the state as of event seq is good enough, or the best there will be. */
static bool can_answer(const struct fl_query *query, const struct question *question, uint64_t seq)
{
    return query->behind || seq >= question->seq ||
           (seq >= question->told && fl_world_mono_ns(query->world) >= question->fresh_ns);
}

/* The next question that can be answered now, or NULL: they come in the order of their events. */
static struct question *question_next(struct fl_query *query, bool *ret_stopping)
{
    uint64_t seq = fl_model_seq(query->model);
    struct question *question;

    (void)pthread_mutex_lock(&query->lock);
    *ret_stopping = query->stopping;
    question = fl_ring_peek(query->asked);
    if (query->stopping || (question && !can_answer(query, question, seq)))
        question = NULL;
    if (question)
        (void)fl_ring_pop(query->asked);
    (void)pthread_mutex_unlock(&query->lock);
    return question;
}

static bool answer_asked(struct fl_query *query)
{
    bool stopping = false;
    struct question *question;

    while ((question = question_next(query, &stopping)) != NULL) {
        if (!question_answer(query, question))
            query->parked[query->parked_count++] = question;
    }
    return !stopping;
}

static int64_t query_timeout(const struct fl_query *query)
{
    int64_t now_ns = fl_world_mono_ns(query->world);
    int64_t timeout_ns = IDLE_NS;

    for (size_t i = 0; i < query->parked_count; i++) {
        int64_t left_ns = query->parked[i]->until_ns - now_ns;

        if (left_ns < timeout_ns)
            timeout_ns = left_ns > 0 ? left_ns : 0;
    }
    return timeout_ns;
}

/* Offers a snapshot when it is time for one. */
static void query_save(struct fl_query *query, bool idle)
{
    uint64_t since;
    uint64_t enough = query->saved_bytes / FL_QUERY_SAVE_BYTES;
    struct fl_err err = {0};
    char *data = NULL;
    int rc;

    if (query->saved_seq == 0)
        query->saved_seq = fl_model_base(query->model);
    since = fl_model_seq(query->model) - query->saved_seq;
    if (enough < FL_QUERY_SAVE_EVENTS)
        enough = FL_QUERY_SAVE_EVENTS;
    if (since < (idle ? FL_QUERY_SAVE_IDLE_EVENTS : enough) || !query->offer ||
        !query->offer(0, NULL, 0, query->news_arg))
        return;
    rc = fl_model_save(query->model, &data, &query->saved_bytes, &query->saved_seq, &err);
    if (rc < 0)
        fl_log(FL_LOG_WARN, "snapshot.failed", "error='%s'", err.text);
    else if (!query->offer(query->saved_seq, data, query->saved_bytes, query->news_arg))
        free(data);
}

/* Waits for something to do; true when nothing came for a while. */
static bool query_wait(struct fl_query *query)
{
    struct fl_wait_item item = {.fd = query->bell_fd};
    struct fl_err err = {0};
    int rc = fl_world_wait(query->world, &item, 1, query_timeout(query), &err);

    if (rc < 0 && rc != FL_E_TIMEOUT)
        fl_log(FL_LOG_ERROR, "query.wait", "error='%s'", err.text);
    fl_wake_clear(query->bell_fd);
    return rc == FL_E_TIMEOUT;
}

/* Events are applied a piece at a time, questions answered in between: however much there is to
 * catch up with, a question waits for what it must know, and a piece more. */
static void *query_main(void *arg)
{
    struct fl_query *query = arg;
    bool going = true;
    bool more = true;

    while (going) {
        bool idle = !more && query_wait(query);

        more = query_step(query);
        answer_parked(query);
        going = answer_asked(query);
        if (going && query->news)
            query->news(query->news_arg);
        if (going && !more)
            query_save(query, idle);
    }
    return NULL;
}

void fl_query_offer_plan(struct fl_query *query, struct fl_plan *plan)
{
    fl_model_offer_plan(query->model, plan);
}

int fl_query_create(const struct fl_world *world, const char *state, const struct fl_core *live,
                    size_t capacity, struct fl_query **ret_query, struct fl_err *reterr)
{
    fl_auto(fl_query_destroy) struct fl_query *query = calloc(1, sizeof(*query));
    int rc;

    if (!query)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    query->world = world;
    query->capacity = capacity;
    query->bell_fd = -1;
    query->done_fd = -1;
    (void)pthread_mutex_init(&query->lock, NULL); /* cannot fail with default attributes */
    query->parked = calloc(capacity, sizeof(*query->parked));
    if (!query->parked)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = fl_ring_create(capacity, &query->asked, reterr);
    if (rc == 0)
        rc = fl_ring_create(capacity, &query->done, reterr);
    if (rc == 0)
        rc = fl_wake_create(&query->bell_fd, reterr);
    if (rc == 0)
        rc = fl_wake_create(&query->done_fd, reterr);
    if (rc == 0)
        rc = fl_model_create(state, &query->model, reterr);
    for (size_t i = 0; rc == 0 && fl_core_digest(live, i); i++)
        fl_model_offer_plan(query->model, fl_core_share_plan(live, fl_core_digest(live, i)));
    if (rc < 0)
        return rc;
    *ret_query = FL_STEAL(query);
    return 0;
}

int fl_query_start(struct fl_query *query, fl_query_news_fn news, fl_query_offer_fn offer,
                   void *arg, struct fl_err *reterr)
{
    int rc;

    fl_assert(!query->started);
    query->news = news;
    query->offer = offer;
    query->news_arg = arg;
    rc = pthread_create(&query->thread, NULL, query_main, query);
    if (rc != 0)
        return fl_err_errno(reterr, rc, "start the query thread");
    query->started = true;
    return 0;
}

void fl_query_stop(struct fl_query *query)
{
    if (!query || !query->started)
        return;
    (void)pthread_mutex_lock(&query->lock);
    query->stopping = true;
    (void)pthread_mutex_unlock(&query->lock);
    fl_wake_ring(query->bell_fd);
    (void)pthread_join(query->thread, NULL);
    query->started = false;
}

static void ring_drain(struct fl_ring *ring)
{
    struct question *question;

    while (ring && (question = fl_ring_pop(ring)) != NULL)
        question_destroy(question);
    fl_ring_destroy(ring);
}

void fl_query_destroy(struct fl_query *query)
{
    if (!query)
        return;
    fl_query_stop(query);
    for (size_t i = 0; i < query->parked_count; i++)
        question_destroy(query->parked[i]);
    free(query->parked);
    ring_drain(query->asked);
    ring_drain(query->done);
    fl_model_destroy(query->model);
    fl_wake_close(query->bell_fd);
    fl_wake_close(query->done_fd);
    (void)pthread_mutex_destroy(&query->lock);
    free(query);
}

struct fl_model *fl_query_model(struct fl_query *query)
{
    return query->model;
}

void fl_query_alarm(struct fl_query *query, json_t *alarm)
{
    fl_model_alarm(query->model, alarm);
    fl_wake_ring(query->bell_fd); /* who waits for events hears of it, too */
}

void fl_query_advance(struct fl_query *query)
{
    fl_wake_ring(query->bell_fd);
}

int fl_query_ask(struct fl_query *query, uint64_t tag, uint64_t seq, uint64_t told, json_t *request,
                 struct fl_err *reterr)
{
    int64_t now_ns = fl_world_mono_ns(query->world);
    struct question *question = calloc(1, sizeof(*question));
    int rc = FL_E_FULL;

    if (!question)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    question->tag = tag;
    question->seq = seq;
    question->told = told;
    question->fresh_ns = now_ns + FL_QUERY_FRESH_NS;
    question->request = json_incref(request);
    question->until_ns = now_ns + FL_QUERY_WAIT_NS;
    (void)pthread_mutex_lock(&query->lock);
    if (query->under_way < query->capacity)
        rc = fl_ring_push(query->asked, question);
    if (rc == 0)
        query->under_way++;
    (void)pthread_mutex_unlock(&query->lock);
    if (rc < 0) {
        question_destroy(question);
        return fl_err_set(reterr, rc, 0, "%zu questions wait already; ask again", query->capacity);
    }
    fl_wake_ring(query->bell_fd);
    return 0;
}

json_t *fl_query_take(struct fl_query *query, uint64_t *ret_tag)
{
    struct question *question;
    json_t *reply = NULL;

    fl_wake_clear(query->done_fd);
    do {
        (void)pthread_mutex_lock(&query->lock);
        question = fl_ring_pop(query->done);
        if (question)
            query->under_way--;
        (void)pthread_mutex_unlock(&query->lock);
        if (question) {
            *ret_tag = question->tag;
            reply = FL_STEAL(question->reply);
            question_destroy(question);
        }
    } while (question && !reply); /* a reply that memory did not suffice for is passed over */
    return reply;
}

int fl_query_fd(const struct fl_query *query)
{
    return query->done_fd;
}
