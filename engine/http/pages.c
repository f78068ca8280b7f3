/* The static pages: whole files of one folder, by plain names alone. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/http/private.h"
#include "engine/world/file.h"
#include "engine/world/process.h"

#include "engine/base/banned.h"

static const struct {
    const char *end;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
};

/* The type by the end of the name; NULL for a kind of file that is not served. */
static const char *page_type(const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < FL_COUNT(types); i++) {
        size_t end = strlen(types[i].end);

        if (size > end && strcmp(name + size - end, types[i].end) == 0)
            return types[i].type;
    }
    return NULL;
}

enum MHD_Result fl_http_page(struct fl_http *http, struct MHD_Connection *connection,
                             const char *path)
{
    fl_auto(fl_buf_release) struct fl_buf data = {0};
    char file[FL_PATH_MAX + 256];
    const char *name = strcmp(path, "/") == 0 ? "index.html" : path + 1;
    const char *type = page_type(name);
    struct fl_err err = {0};
    size_t size;
    int rc = FL_E_NOENT;

    fl_buf_init(&data, FL_HTTP_FILE_MAX);
    if (http->web[0] && path[0] == '/' && type && fl_name_is_safe(name)) {
        (void)snprintf(file, sizeof(file), "%s/%s", http->web, name);
        rc = fl_file_read(http->world, file, FL_HTTP_FILE_MAX, &data, &err);
    }
    if (rc < 0)
        return fl_http_error(
            connection, FL_E_NOENT,
            (fl_err_set(&err, FL_E_NOENT, 0, "no page '%.200s'; there are: / and /api/", path),
             &err));
    size = data.size;
    return fl_http_queue(
        connection, MHD_HTTP_OK, type,
        MHD_create_response_from_buffer(size, fl_buf_steal(&data), MHD_RESPMEM_MUST_FREE));
}

int fl_http_find_web(char *path, size_t size, struct fl_err *reterr)
{
    char folder[FL_PATH_MAX];
    size_t build = strlen(FL_BUILD_FOLDER);
    const char *found = FL_DATADIR "/web";
    int rc = fl_process_folder(folder, sizeof(folder), reterr);

    if (rc < 0)
        return rc;
    if (strncmp(folder, FL_BUILD_FOLDER, build) == 0 &&
        (folder[build] == '/' || folder[build] == '\0'))
        found = FL_SOURCE_FOLDER "/web";
    rc = snprintf(path, size, "%s", found);
    if (rc < 0 || (size_t)rc >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "'%.200s' is too long", found);
    if (!fl_file_exists(fl_world_real(), path))
        return fl_err_set(reterr, FL_E_NOENT, 0, "the pages are not at '%s'; say --web DIR", path);
    return 0;
}
