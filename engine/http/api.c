/* The API: each path is a question to the read model. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "engine/http/private.h"

#include "engine/base/banned.h"

static const char *argument(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static int set_text(json_t *request, const char *name, const char *value, struct fl_err *reterr)
{
    json_t *text;

    if (!value)
        return 0;
    text = json_string(value); /* refuses what is not UTF-8 */
    if (!text || json_object_set_new(request, name, text) != 0)
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%s' is not UTF-8", name);
    return 0;
}

static int set_number(json_t *request, struct MHD_Connection *connection, const char *name,
                      struct fl_err *reterr)
{
    const char *text = argument(connection, name);
    char *end = NULL;
    long long value;

    if (!text)
        return 0;
    value = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0')
        return fl_err_set(reterr, FL_E_PARSE, 0, "'%s' is '%.40s'; expected a number", name, text);
    if (json_object_set_new(request, name, json_integer(value)) != 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    return 0;
}

/* The request that a path stands for. */
static int api_request(struct MHD_Connection *connection, const char *path, json_t *request,
                       struct fl_err *reterr)
{
    int rc = 0;

    if (strcmp(path, "runs") == 0 || strcmp(path, "workers") == 0)
        return set_text(request, "verb", path, reterr);
    if (strncmp(path, "runs/", 5) == 0 && path[5] != '\0') {
        rc = set_text(request, "verb", "status", reterr);
        return rc < 0 ? rc : set_text(request, "run", path + 5, reterr);
    }
    if (strcmp(path, "why") == 0) {
        rc = set_text(request, "verb", "why", reterr);
        if (rc == 0)
            rc = set_text(request, "run", argument(connection, "run"), reterr);
        if (rc == 0)
            rc = set_text(request, "stage", argument(connection, "stage"), reterr);
        return rc;
    }
    if (strcmp(path, "events") == 0) {
        rc = set_text(request, "verb", path, reterr);
        if (rc == 0)
            rc = set_number(request, connection, "from", reterr);
        if (rc == 0)
            rc = set_number(request, connection, "limit", reterr);
        return rc;
    }
    return fl_err_set(reterr, FL_E_NOENT, 0,
                      "no '/api/%.80s'; there are: runs, runs/RUN, why, workers, events, "
                      "events/stream",
                      path);
}

enum MHD_Result fl_http_api(struct fl_http *http, struct MHD_Connection *connection,
                            const char *path)
{
    fl_json_auto json_t *request = json_object();
    fl_json_auto json_t *reply = NULL;
    struct fl_err err = {0};
    char *text = NULL;
    int rc;

    if (strcmp(path, "events/stream") == 0)
        return fl_http_stream(http, connection);
    rc = request ? api_request(connection, path, request, &err)
                 : fl_err_set(&err, FL_E_NOMEM, 0, "out of memory");
    if (rc == 0)
        rc = fl_model_answer(http->model, request, fl_world_utc_ns(http->world), &reply, &err);
    if (rc == 0) {
        text = json_dumps(reply, JSON_COMPACT | JSON_PRESERVE_ORDER);
        if (!text)
            rc = fl_err_set(&err, FL_E_NOMEM, 0, "out of memory");
    }
    if (rc < 0)
        return fl_http_error(connection, rc, &err);
    return fl_http_queue(
        connection, MHD_HTTP_OK, "application/json",
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}
