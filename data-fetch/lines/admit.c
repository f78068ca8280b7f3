/* Grants, handed in at the door of a site before its files are asked for. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/lines/pull_impl.h"
#include "engine/base/grant.h"
#include "engine/base/json.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define AGAIN_NS SECOND_NS
#define ANSWER_MAX ((size_t)64 * 1024)

static const struct fl_http_limits soon = {
    .connect_s = 10, .stall_s = 10, .stall_bytes = 1, .total_s = 60};

/* The next grant for this site, from `from` on; grant_count when there is none. */
static size_t next_grant(const struct fl_pull_group *group, size_t from)
{
    const struct fl_pull_options *options = &group->pull->options;

    while (from < options->grant_count && strcmp(options->grants[from].site, group->key) != 0)
        from++;
    return from;
}

void fl_group_admit_end(struct fl_pull_group *group)
{
    for (size_t i = 0; i < FL_BOND_LINES_MAX; i++) {
        if (group->posts[i].transfer)
            fl_http_cancel(group->posts[i].transfer);
        group->posts[i].transfer = NULL;
    }
    group->posting = 0;
}

static void answered(const struct fl_http_reply *reply, void *arg)
{
    struct fl_pull_post *post = arg;
    struct fl_pull_group *group = post->group;

    post->transfer = NULL;
    group->posting--;
    if (reply->rc == 0 && reply->status >= 200 && reply->status < 300) {
        fl_group_admit_end(group); /* by one line is enough */
        group->granted = next_grant(group, group->granted) + 1;
        group->err.code = 0;
        group->byte_ns = fl_world_mono_ns(group->pull->world);
        return;
    }
    if (reply->rc < 0)
        (void)fl_err_set(&group->err, reply->rc, 0, "'%s/grants': %s", group->door, reply->why);
    else
        (void)fl_err_set(&group->err, FL_E_REFUSED, 0,
                         "'%s/grants': the door of site '%s' refused the grant (%ld): %.*s",
                         group->door, group->key, reply->status, (int)strcspn(reply->body, "\r\n"),
                         reply->body);
    if (reply->rc == 0 && reply->status >= 400 && reply->status < 500 && reply->status != 429)
        fl_pull_failed(group->pull, FL_E_REFUSED, &group->err);
    if (reply->rc == FL_E_PERM) /* no certificate, or the wrong one: waiting does not help */
        fl_pull_failed(group->pull, FL_E_PERM, &group->err);
    group->post_ns = fl_world_mono_ns(group->pull->world) + AGAIN_NS;
}

static char *body_of(const struct fl_grant *grant)
{
    json_t *body = json_pack("{s:s, s:s}", "text", grant->text, "signature", grant->signature);
    char *text = body ? fl_json_text(body) : NULL;

    json_decref(body);
    return text;
}

static void post_by_all(struct fl_pull_group *group, const struct fl_grant *grant)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    size_t lines = group->peer ? group->peer->line_count : 1;
    char url[FL_PULL_KEY_MAX + 16];
    char *body = body_of(grant);

    (void)snprintf(url, sizeof(url), "%s/grants", group->door);
    for (size_t i = 0; body && i < lines; i++) {
        struct fl_http_route route = fl_group_route(group, i);
        struct fl_pull_post *post = &group->posts[i];
        struct fl_http_request request = {.url = url,
                                          .method = "POST",
                                          .headers = headers,
                                          .content = body,
                                          .content_size = strlen(body),
                                          .body_max = ANSWER_MAX,
                                          .done = answered,
                                          .arg = post,
                                          .route = &route,
                                          .tls = group->has_tls ? &group->tls : NULL,
                                          .limits = &soon};

        if (group->peer && group->peer->lines[i].burst && lines > 1)
            continue; /* not for a few bytes */
        post->group = group;
        if (fl_http_start(group->pull->http, &request, &post->transfer, &group->err) == 0)
            group->posting++;
    }
    free(body);
    if (group->posting == 0)
        group->post_ns = fl_world_mono_ns(group->pull->world) + AGAIN_NS;
}

bool fl_group_admitted(struct fl_pull_group *group)
{
    const struct fl_pull_options *options = &group->pull->options;
    size_t next = next_grant(group, group->granted);

    if (next == options->grant_count)
        return true;
    if (group->posting == 0 && group->pull->rc == 0 &&
        fl_world_mono_ns(group->pull->world) >= group->post_ns)
        post_by_all(group, &options->grants[next]);
    return false;
}

int64_t fl_group_admit_wake(const struct fl_pull_group *group)
{
    bool waits =
        group->posting == 0 && next_grant(group, group->granted) < group->pull->options.grant_count;

    return waits ? group->post_ns : INT64_MAX;
}

bool fl_group_admit_again(struct fl_pull_group *group)
{
    if (next_grant(group, 0) == group->pull->options.grant_count)
        return false;
    if (group->posting == 0) /* else they are on their way already */
        group->granted = 0;
    return true;
}
