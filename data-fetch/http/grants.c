/* POST /grants, one after the other. */
#include "config.h"

#include "data-fetch/http/grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"

#include "engine/base/banned.h"

#define URL_MAX 600
#define PAGE_MAX ((size_t)4096)

struct posting {
    struct fl_http *http;
    struct fl_grants_door door;
    const struct fl_grant *grants;
    size_t count;
    size_t next;
    fl_grants_done_fn done;
    void *arg;
    char url[URL_MAX];
};

static int step(struct posting *posting, struct fl_err *reterr);

static void finish(struct posting *posting, int rc, const char *why)
{
    posting->done(rc, why, posting->arg);
    free(posting);
}

static int code_of(const struct fl_http_reply *reply)
{
    if (reply->rc < 0)
        return reply->rc;
    if (reply->status >= 200 && reply->status < 300)
        return 0;
    if (reply->status == 503 || reply->status == 429)
        return FL_E_AGAIN;
    return reply->status == 403 || reply->status == 400 || reply->status == 413 ? FL_E_PERM
                                                                                : FL_E_NET;
}

static void answered(const struct fl_http_reply *reply, void *arg)
{
    struct posting *posting = arg;
    struct fl_err err = {0};
    char why[300];
    int rc = code_of(reply);

    (void)snprintf(why, sizeof(why), "%s: %ld %.*s", posting->url, reply->status,
                   (int)strcspn(reply->body, "\r\n"), reply->rc < 0 ? "" : reply->body);
    if (reply->rc < 0)
        (void)snprintf(why, sizeof(why), "%s: %s", posting->url, reply->why);
    if (rc == 0) {
        rc = step(posting, &err);
        if (rc > 0)
            return;
        (void)snprintf(why, sizeof(why), "%s", err.text);
    }
    finish(posting, rc, why);
}

/* 1: the next one is on its way; 0: there is none; negative: it cannot be sent. */
static int step(struct posting *posting, struct fl_err *reterr)
{
    struct fl_http_request request = {.url = posting->url,
                                      .method = "POST",
                                      .body_max = PAGE_MAX,
                                      .done = answered,
                                      .arg = posting,
                                      .route = posting->door.route,
                                      .tls = posting->door.tls};
    const struct fl_grant *grant;
    fl_json_auto json_t *json = NULL;
    char *text;
    int rc;

    while (posting->next < posting->count &&
           strcmp(posting->grants[posting->next].site, posting->door.site) != 0)
        posting->next++;
    if (posting->next == posting->count)
        return 0;
    grant = &posting->grants[posting->next++];
    json = json_pack("{s:s,s:s}", "text", grant->text, "signature", grant->signature);
    text = json ? fl_json_text(json) : NULL;
    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a grant");
    request.content = text;
    request.content_size = strlen(text);
    rc = fl_http_start(posting->http, &request, NULL, reterr);
    free(text);
    return rc < 0 ? rc : 1;
}

int fl_grants_post(struct fl_http *http, const struct fl_grants_door *door,
                   const struct fl_grant *grants, size_t count, fl_grants_done_fn done, void *arg,
                   struct fl_err *reterr)
{
    struct posting *posting = calloc(1, sizeof(*posting));
    const char *host = strstr(door->url, "://");
    size_t origin = host ? (size_t)(host - door->url) + 3 + strcspn(host + 3, "/") : 0;
    int rc;

    fl_assert(door->url && door->site && done);
    if (!posting)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for grants");
    *posting = (struct posting){.http = http,
                                .door = *door,
                                .grants = grants,
                                .count = count,
                                .done = done,
                                .arg = arg};
    rc = origin == 0 || snprintf(posting->url, sizeof(posting->url), "%.*s/grants", (int)origin,
                                 door->url) >= (int)sizeof(posting->url)
             ? fl_err_set(reterr, FL_E_CONFIG, 0, "'%.200s' is not a door's URL", door->url)
             : step(posting, reterr);
    if (rc == 0)
        finish(posting, 0, "");
    else if (rc < 0)
        free(posting);
    return rc < 0 ? rc : 0;
}

struct outcome {
    bool done;
    int rc;
    struct fl_err *err;
};

static void handed_in(int rc, const char *why, void *arg)
{
    struct outcome *outcome = arg;

    outcome->done = true;
    outcome->rc = rc < 0 ? fl_err_set(outcome->err, rc, 0, "the grants are not taken: %s", why) : 0;
}

int fl_grants_hand_in(const struct fl_grants_door *door, const struct fl_grant *grants,
                      size_t count, struct fl_err *reterr)
{
    const struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    fl_auto(fl_http_destroy) struct fl_http *http = NULL;
    struct outcome outcome = {.err = reterr};
    int rc = fl_http_create(&limits, &http, reterr);

    if (rc == 0)
        rc = fl_grants_post(http, door, grants, count, handed_in, &outcome, reterr);
    while (rc == 0 && !outcome.done)
        rc = fl_http_turn(http, -1, reterr);
    return rc < 0 ? rc : outcome.rc;
}
