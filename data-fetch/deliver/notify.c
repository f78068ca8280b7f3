/* Webhooks. */
#include "config.h"

#include "data-fetch/deliver/notify.h"

#include <stdlib.h>
#include <string.h>

#include "data-fetch/http/http.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

#define WAIT_NS INT64_C(1000000000)

int fl_notify_add(struct fl_notify *notify, const char *url, struct fl_err *reterr)
{
    if (notify->count == FL_NOTIFY_MAX)
        return fl_err_set(reterr, FL_E_FULL, 0, "more than %d URLs to notify", FL_NOTIFY_MAX);
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "--notify '%.200s': accepted: a URL that begins with http:// or https://",
                          url);
    notify->urls[notify->count++] = url;
    return 0;
}

struct telling {
    bool ended;
    bool good;
    char why[FL_ERR_TEXT_MAX];
};

static void answered(const struct fl_http_reply *reply, void *arg)
{
    struct telling *t = arg;

    t->ended = true;
    t->good = reply->rc == 0 && reply->status >= 200 && reply->status < 300;
    if (reply->rc < 0)
        (void)snprintf(t->why, sizeof(t->why), "%s", reply->why);
    else
        (void)snprintf(t->why, sizeof(t->why), "the server answered %ld", reply->status);
}

static bool tell_once(struct fl_http *http, const char *url, const char *text, struct telling *t)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    const struct fl_http_request request = {.url = url,
                                            .method = "POST",
                                            .headers = headers,
                                            .content = text,
                                            .content_size = strlen(text),
                                            .body_max = FL_HTTP_PAGE_MAX,
                                            .done = answered,
                                            .arg = t};
    struct fl_err err = {0};
    int rc;

    *t = (struct telling){0};
    rc = fl_http_start(http, &request, NULL, &err);
    while (rc == 0 && !t->ended)
        rc = fl_http_turn(http, -1, &err); /* the request has its own bounds */
    if (rc < 0)
        (void)snprintf(t->why, sizeof(t->why), "%s", err.text);
    return rc == 0 && t->good;
}

static bool tell(struct fl_http *http, const struct fl_world *world, const char *url,
                 const char *text)
{
    struct telling t;

    for (int i = 0; i < FL_NOTIFY_TRIES; i++) {
        if (i > 0)
            (void)fl_world_wait(world, NULL, 0, WAIT_NS << i, NULL); /* nothing to wait for */
        if (tell_once(http, url, text, &t))
            return true;
    }
    fl_log(FL_LOG_WARN, "transfer.notify", "'%s' was not told, after %d tries: %s", url,
           FL_NOTIFY_TRIES, t.why);
    return false;
}

int fl_notify_send(const struct fl_notify *notify, const struct fl_world *world, json_t *body,
                   struct fl_err *reterr)
{
    struct fl_http_limits limits = FL_HTTP_LIMITS_DEFAULT;
    fl_auto(fl_http_destroy) struct fl_http *http = NULL;
    char *text = body ? fl_json_text(body) : NULL;
    int missed = 0;
    int rc = text ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a notice");

    json_decref(body);
    limits.total_s = 15;
    if (rc == 0 && notify->count > 0)
        rc = fl_http_create(&limits, &http, reterr);
    for (size_t i = 0; rc == 0 && i < notify->count; i++)
        missed += !tell(http, world, notify->urls[i], text);
    free(text);
    return rc < 0 ? rc : missed;
}
