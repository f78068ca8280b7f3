/* Telling files apart by their first bytes. */
#include "config.h"

#include "stages/check/probe.h"

#include <cairo/cairo.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "engine/base/json.h"
#include "engine/world/file.h"
#include "stages/check/probe_impl.h"

#include "engine/base/banned.h"

#define HEAD_SIZE 1024

static int read_head(const struct fl_world *world, const char *path,
                     unsigned char head[static HEAD_SIZE], size_t *ret_size, struct fl_err *reterr)
{
    int fd = world->ops->open(path, O_RDONLY, 0, world->arg);
    ssize_t got;

    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", path);
    got = world->ops->pread(fd, head, HEAD_SIZE, 0, world->arg);
    (void)world->ops->close(fd, world->arg); /* only read */
    if (got < 0)
        return fl_err_errno(reterr, (int)-got, "read '%s'", path);
    *ret_size = (size_t)got;
    return 0;
}

static bool is_text(const unsigned char *head, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (head[i] < 9 || (head[i] > 13 && head[i] < 32))
            return false;
    return true;
}

static const char *kind_of(const unsigned char *head, size_t size)
{
    if (size == 0)
        return "empty";
    if (size >= 4 && (memcmp(head, "CDF", 3) == 0 || memcmp(head, "\211HDF", 4) == 0))
        return "netcdf";
    if (size >= 4 && memcmp(head, "GRIB", 4) == 0)
        return "grib";
    if (size >= 8 && memcmp(head, "\211PNG\r\n\032\n", 8) == 0)
        return "png";
    if (!is_text(head, size))
        return "unknown";
    for (size_t i = 0; i + 5 <= size; i++)
        if (strncasecmp((const char *)head + i, "<html", 5) == 0 ||
            strncasecmp((const char *)head + i, "<!doc", 5) == 0)
            return "html";
    return "text";
}

static int probe_png(const char *path, json_t *doc, struct fl_err *reterr)
{
    cairo_surface_t *surface = cairo_image_surface_create_from_png(path);
    int rc = 0;

    if (cairo_surface_status(surface) != CAIRO_STATUS_SUCCESS)
        rc = fl_err_set(reterr, FL_E_DATA, (int)cairo_surface_status(surface),
                        "'%s' cannot be decoded as PNG: %s", path,
                        cairo_status_to_string(cairo_surface_status(surface)));
    else
        rc = fl_probe_set(doc, "picture",
                          json_pack("{s:i, s:i}", "width", cairo_image_surface_get_width(surface),
                                    "height", cairo_image_surface_get_height(surface)),
                          reterr);
    cairo_surface_destroy(surface);
    return rc;
}

int fl_probe_set(json_t *object, const char *key, json_t *value, struct fl_err *reterr)
{
    if (!value || json_object_set_new(object, key, value) < 0)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for '%s'", key);
    return 0;
}

json_t *fl_probe_text(const char *text)
{
    char plain[512];
    size_t i;
    json_t *value = json_string(text);

    if (value)
        return value;
    for (i = 0; text[i] && i + 1 < sizeof(plain); i++)
        plain[i] = (unsigned char)text[i] < 128 ? text[i] : '?';
    plain[i] = 0;
    return json_string(plain);
}

int fl_probe(const struct fl_world *world, const char *path, json_t **ret_doc,
             struct fl_err *reterr)
{
    fl_json_auto json_t *doc = NULL;
    unsigned char head[HEAD_SIZE];
    struct fl_stat info;
    const char *kind;
    size_t size = 0;
    int rc = read_head(world, path, head, &size, reterr);

    if (rc < 0)
        return rc;
    rc = fl_file_stat(world, path, &info, reterr);
    if (rc < 0)
        return rc;
    kind = kind_of(head, size);
    doc = json_pack("{s:i, s:o, s:I, s:s}", "version", 1, "file", fl_probe_text(path), "size",
                    (json_int_t)info.size_bytes, "kind", kind);
    if (!doc)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (strcmp(kind, "netcdf") == 0)
        rc = fl_probe_netcdf(path, doc, reterr);
    else if (strcmp(kind, "grib") == 0)
        rc = fl_probe_grib(path, doc, reterr);
    else if (strcmp(kind, "png") == 0)
        rc = probe_png(path, doc, reterr);
    if (rc < 0)
        return rc;
    *ret_doc = FL_STEAL(doc);
    return 0;
}
