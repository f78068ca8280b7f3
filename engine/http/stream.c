/* The event stream (server-sent events, WHATWG HTML section 9.2): each committed event as one
 * message whose id is its number, so that a browser that was cut off goes on after the last one. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/http/private.h"

#include "engine/base/banned.h"

#define PIECE_EVENTS 200
#define PIECE_BYTES ((size_t)64 * 1024)
#define TEXT_MAX ((size_t)8 * 1024 * 1024)

struct stream {
    struct fl_http *http;
    struct MHD_Connection *connection;
    struct stream *next;
    uint64_t from;      /* the next event to send */
    struct fl_buf text; /* what was made and not yet sent */
    size_t sent;
    uint64_t news; /* the notification that it last looked at */
    bool asleep;
};

/* Makes the text of the next events; none gives an empty text. */
static int stream_fill(struct stream *stream, struct fl_err *reterr)
{
    fl_json_auto json_t *request = json_pack("{s:s, s:I, s:i}", "verb", "events", "from",
                                             (json_int_t)stream->from, "limit", PIECE_EVENTS);
    fl_json_auto json_t *reply = NULL;
    const json_t *events;
    size_t i;
    json_t *event;
    int rc;

    fl_buf_clear(&stream->text);
    stream->sent = 0;
    if (!request)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = fl_model_answer(stream->http->model, request, fl_world_utc_ns(stream->http->world), &reply,
                         reterr);
    if (rc < 0)
        return rc;
    events = json_object_get(reply, "events");
    json_array_foreach(events, i, event)
    {
        char *line = json_dumps(event, JSON_COMPACT | JSON_PRESERVE_ORDER);

        if (!line)
            return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
        fl_buf_printf(&stream->text, "id: %llu\ndata: %s\n\n", (unsigned long long)stream->from,
                      line);
        free(line);
        stream->from++;
    }
    return fl_buf_check(&stream->text, reterr);
}

/* With nothing to send: sleeps until the next notification, or after one that brought nothing sends
 * a comment, so that a peer that has gone away is noticed. Returns false to look once more. */
static bool stream_rest(struct stream *stream)
{
    struct fl_http *http = stream->http;
    bool rested = true;

    (void)pthread_mutex_lock(&http->lock);
    if (http->closing) {
        rested = true;
    } else if (stream->news != http->news) {
        stream->news = http->news;
        rested = false;
    } else {
        stream->asleep = true;
        MHD_suspend_connection(stream->connection);
    }
    (void)pthread_mutex_unlock(&http->lock);
    return rested;
}

static bool stream_closing(struct stream *stream)
{
    bool closing;

    (void)pthread_mutex_lock(&stream->http->lock);
    closing = stream->http->closing;
    (void)pthread_mutex_unlock(&stream->http->lock);
    return closing;
}

static ssize_t stream_read(void *arg, uint64_t position, char *out, size_t size)
{
    struct stream *stream = arg;
    struct fl_err err = {0};

    (void)position;
    while (stream->sent == stream->text.size) {
        if (stream_closing(stream))
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (stream_fill(stream, &err) < 0)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        if (stream->text.size > 0)
            break;
        if (stream_rest(stream))
            return 0;
        fl_buf_puts(&stream->text, ":\n\n");
        break;
    }
    if (size > stream->text.size - stream->sent)
        size = stream->text.size - stream->sent;
    memcpy(out, stream->text.data + stream->sent, size);
    stream->sent += size;
    return (ssize_t)size;
}

static void stream_free(void *arg)
{
    struct stream *stream = arg;
    struct stream **slot = &stream->http->streams;

    (void)pthread_mutex_lock(&stream->http->lock);
    while (*slot && *slot != stream)
        slot = &(*slot)->next;
    if (*slot) {
        *slot = stream->next;
        stream->http->stream_count--;
    }
    (void)pthread_mutex_unlock(&stream->http->lock);
    fl_buf_release(&stream->text);
    free(stream);
}

/* Where a reader wants to begin: after Last-Event-ID, else at ?from=, else at 1. */
static int stream_from(struct MHD_Connection *connection, uint64_t *ret_from, struct fl_err *reterr)
{
    const char *last = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Last-Event-ID");
    const char *from = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "from");
    const char *text = last ? last : from;
    char *end = NULL;
    unsigned long long value;

    *ret_from = 1;
    if (!text)
        return 0;
    value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || value > INT64_MAX - 1)
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%s' is '%.40s'; expected an event number",
                          last ? "Last-Event-ID" : "from", text);
    *ret_from = last ? value + 1 : (value > 0 ? value : 1);
    return 0;
}

enum MHD_Result fl_http_stream(struct fl_http *http, struct MHD_Connection *connection)
{
    struct stream *stream;
    struct MHD_Response *response;
    struct fl_err err = {0};
    uint64_t from = 1;
    bool full;
    int rc = stream_from(connection, &from, &err);

    if (rc < 0)
        return fl_http_error(connection, rc, &err);
    stream = calloc(1, sizeof(*stream));
    if (!stream)
        return MHD_NO;
    stream->http = http;
    stream->connection = connection;
    stream->from = from;
    fl_buf_init(&stream->text, TEXT_MAX);
    fl_buf_puts(&stream->text, "retry: 1000\n\n");
    (void)pthread_mutex_lock(&http->lock);
    full = http->stream_count >= FL_HTTP_STREAMS_MAX || http->closing;
    if (!full) {
        stream->news = http->news;
        stream->next = http->streams;
        http->streams = stream;
        http->stream_count++;
    }
    (void)pthread_mutex_unlock(&http->lock);
    response = full ? NULL
                    : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, stream_read,
                                                        stream, stream_free);
    if (!response) {
        stream_free(stream);
        return fl_http_error(
            connection,
            fl_err_set(&err, FL_E_FULL, 0, "%d streams are open already", FL_HTTP_STREAMS_MAX),
            &err);
    }
    return fl_http_queue(connection, MHD_HTTP_OK, "text/event-stream", response);
}

void fl_http_streams_wake(struct fl_http *http, bool closing)
{
    (void)pthread_mutex_lock(&http->lock);
    http->news++;
    if (closing)
        http->closing = true;
    for (struct stream *stream = http->streams; stream; stream = stream->next) {
        if (stream->asleep) {
            stream->asleep = false;
            MHD_resume_connection(stream->connection);
        }
    }
    (void)pthread_mutex_unlock(&http->lock);
}
