/* Where a supervisor waits, hears and tells. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/world/channel.h"
#include "engine/world/file.h"
#include "engine/world/local.h"
#include "engine/world/process.h"
#include "engine/world/tree.h"
#include "engine/world/wake.h"
#include "engine/worker/supervise.h"

#include "engine/base/banned.h"

#define ORDER_MAX FL_LOCAL_DATAGRAM_MAX
#define FULL_RETRY_NS INT64_C(1000000000)

int fl_post_create(const struct fl_world *world, int channel_fd, int signals_fd,
                   char *const *environment, struct fl_post **ret_post, struct fl_err *reterr)
{
    fl_auto(fl_post_destroy) struct fl_post *post = calloc(1, sizeof(*post));
    char folder[64];
    char name[17];
    int rc;

    if (!post)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "supervisor: out of memory");
    post->world = world;
    post->environment = environment;
    post->signals_fd = signals_fd;
    post->channel_fd = post->listen_fd = post->event_fd = -1;
    post->buffer = malloc(FL_LOCAL_DATAGRAM_MAX);
    rc = post->buffer ? fl_local_folder(world, folder, sizeof(folder), reterr)
                      : fl_err_set(reterr, FL_E_NOMEM, 0, "supervisor: out of memory");
    if (rc == 0)
        rc = fl_tree_boot(post->boot, sizeof(post->boot), reterr);
    if (rc == 0)
        rc = fl_tree_start(getpid(), &post->start, reterr);
    if (rc == 0)
        rc = fl_world_random_hex(world, name, 16, reterr);
    if (rc < 0)
        return rc;
    (void)snprintf(post->event_path, sizeof(post->event_path), "%s/%s.event", folder, name);
    (void)snprintf(post->name, sizeof(post->name), "fairlead/%s", name);
    rc = fl_local_bind(post->event_path, &post->event_fd, reterr);
    if (rc == 0)
        rc = fl_channel_listen(post->name, &post->listen_fd, reterr);
    if (rc < 0)
        return rc;
    if (fl_process_find(world, "fairlead-event", post->tools, sizeof(post->tools), NULL) == 0)
        *strrchr(post->tools, '/') = '\0';
    else
        post->tools[0] = '\0'; /* a script that needs it says so itself */
    post->channel_fd = channel_fd;
    post->is_first = channel_fd >= 0;
    *ret_post = FL_STEAL(post);
    return 0;
}

void fl_post_destroy(struct fl_post *post)
{
    if (!post)
        return;
    fl_local_close(post->channel_fd);
    fl_local_close(post->listen_fd);
    fl_local_close(post->event_fd);
    if (post->event_fd >= 0)
        (void)fl_file_remove(post->world, post->event_path, NULL); /* a name of no use */
    free(post->buffer);
    free(post);
}

static void hang_up(struct fl_post *post)
{
    fl_local_close(post->channel_fd);
    post->channel_fd = -1;
    post->is_first = false;
}

int fl_post_order(struct fl_post *post, json_t **ret_order)
{
    size_t size = 0;
    int rc;

    if (post->channel_fd < 0)
        return FL_E_AGAIN;
    do
        rc = fl_channel_receive(post->channel_fd, post->buffer, ORDER_MAX, &size, NULL);
    while (rc == FL_E_TOO_BIG ||
           (rc == 0 && fl_json_parse(post->buffer, size, ret_order, NULL) < 0));
    if (rc == FL_E_NET)
        hang_up(post);
    return rc == 0 ? 0 : FL_E_AGAIN;
}

static int take_attempt(const json_t *order, char *folder, size_t size, int64_t *ret_grant_ns)
{
    const char *text = NULL;

    if (fl_json_string(order, "folder", &text, NULL) < 0 ||
        fl_json_int_opt(order, "grant_ns", 0, ret_grant_ns, NULL) < 0 ||
        snprintf(folder, size, "%s", text) >= (int)size)
        return FL_E_AGAIN;
    return 0;
}

int fl_post_wait(struct fl_post *post, char *folder, size_t size, int64_t *ret_grant_ns,
                 struct fl_err *reterr)
{
    while (post->is_first) {
        struct fl_wait_item items[2] = {{.fd = post->channel_fd}, {.fd = post->signals_fd}};
        fl_json_auto json_t *order = NULL;
        int signal;
        int rc;

        if (fl_post_order(post, &order) == 0) {
            if (take_attempt(order, folder, size, ret_grant_ns) == 0)
                return 0;
            continue;
        }
        if (!post->is_first)
            break;
        rc = fl_world_wait(post->world, items, 2, -1, reterr);
        if (rc < 0)
            return rc;
        while ((signal = fl_signals_take(post->signals_fd)) > 0) {
            if (signal != SIGCHLD)
                return 1; /* with no attempt in hand nothing is lost */
        }
    }
    return 1;
}

static void send_note(struct fl_post *post, const char *type)
{
    char text[64];
    int used = snprintf(text, sizeof(text), "{\"note\":\"%s\"}", type);
    int rc = fl_channel_send(post->channel_fd, text, (size_t)used, NULL);

    if (rc == FL_E_NET)
        hang_up(post);
    post->behind = rc == FL_E_AGAIN;
}

void fl_post_free(struct fl_post *post)
{
    if (post->is_first)
        send_note(post, "free");
    if (post->behind) /* a worker that hears so badly starts another one when it needs one */
        hang_up(post);
}

void fl_post_catch_up(struct fl_post *post)
{
    if (post->behind && post->channel_fd >= 0)
        send_note(post, "read");
}

void fl_post_accept(struct fl_post *post)
{
    int fd;

    while (fl_channel_accept(post->listen_fd, &fd, NULL) == 0) {
        hang_up(post);
        post->channel_fd = fd;
        post->behind = false; /* it begins by reading the record */
    }
}

/* The line that was written last, behind those that were not told. */
static void send_line(struct fl_supervisor *supervisor)
{
    struct fl_post *post = supervisor->post;
    const struct fl_buf *line = &supervisor->spool.line;
    struct fl_buf *untold = &supervisor->untold;
    int rc;

    if (post->channel_fd < 0 || post->behind) {
        fl_buf_clear(untold); /* whoever hears us next reads the record */
        return;
    }
    if (untold->size > 0) {
        fl_buf_add(untold, line->data, line->size);
        line = untold;
    }
    rc = fl_buf_check(line, NULL) == 0
             ? fl_channel_send(post->channel_fd, line->data, line->size - 1, NULL)
             : FL_E_TOO_BIG;
    fl_buf_clear(untold);
    if (rc == FL_E_TOO_BIG)
        send_note(post, "read");
    else if (rc == FL_E_NET)
        hang_up(post);
    else
        post->behind = rc == FL_E_AGAIN;
}

void fl_tell_alarm(struct fl_supervisor *supervisor, const char *text)
{
    fl_json_auto json_t *alarm = json_pack("{s:s,s:s}", "note", "alarm", "text", text);
    char *line = alarm ? fl_json_text(alarm) : NULL;

    /* best effort: it is in the supervisor's log too */
    if (line && supervisor->post->channel_fd >= 0)
        (void)fl_channel_send(supervisor->post->channel_fd, line, strlen(line), NULL);
    free(line);
}

static bool is_full(int rc)
{
    return rc == FL_E_NOSPACE;
}

static int keep(struct fl_supervisor *supervisor, const json_t *event, struct fl_err *reterr)
{
    json_t *copy = json_deep_copy(event);

    if (!supervisor->held)
        supervisor->held = json_array();
    if (!copy || !supervisor->held || json_array_append_new(supervisor->held, copy) != 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "an entry for a full disk: out of memory");
    return 0;
}

bool fl_tell_room(const struct fl_supervisor *supervisor)
{
    return !supervisor->held || json_array_size(supervisor->held) < FL_SUPERVISOR_HELD_MAX;
}

int fl_tell(struct fl_supervisor *supervisor, const json_t *event, struct fl_err *reterr)
{
    struct fl_err why = {0};
    int rc;

    if (!event)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "an entry: out of memory");
    if (supervisor->held && json_array_size(supervisor->held) > 0)
        return keep(supervisor, event, reterr);
    rc = fl_spool_add(&supervisor->spool, event, &why);
    if (rc == 0)
        send_line(supervisor);
    if (!is_full(rc)) {
        if (rc < 0 && reterr)
            *reterr = why;
        return rc;
    }
    fl_tell_alarm(supervisor, why.text);
    supervisor->held_ns = fl_world_mono_ns(supervisor->world) + FULL_RETRY_NS;
    return keep(supervisor, event, reterr);
}

int fl_tell_later(struct fl_supervisor *supervisor, const json_t *event, struct fl_err *reterr)
{
    int rc = fl_spool_add(&supervisor->spool, event, reterr);

    if (rc == 0)
        fl_buf_add(&supervisor->untold, supervisor->spool.line.data, supervisor->spool.line.size);
    return rc;
}

int fl_tell_held(struct fl_supervisor *supervisor, struct fl_err *reterr)
{
    while (supervisor->held && json_array_size(supervisor->held) > 0) {
        int rc = fl_spool_add(&supervisor->spool, json_array_get(supervisor->held, 0), reterr);

        if (is_full(rc)) {
            supervisor->held_ns = fl_world_mono_ns(supervisor->world) + FULL_RETRY_NS;
            return 0;
        }
        if (rc < 0)
            return rc;
        send_line(supervisor);
        (void)json_array_remove(supervisor->held, 0);
    }
    return 0;
}
