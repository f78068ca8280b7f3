/* First bytes and names. */
#include "config.h"

#include "data-fetch/pull/magic.h"

#include <string.h>
#include <strings.h>

#include "engine/base/banned.h"

/* Endings of names and what files so named begin with. */
static const struct {
    const char *ending;
    const char *what;
    const char *begins[4];
} kinds[] = {
    {".grib2", "GRIB", {"GRIB"}},
    {".grb2", "GRIB", {"GRIB"}},
    {".grib", "GRIB", {"GRIB"}},
    {".grb", "GRIB", {"GRIB"}},
    {".nc", "NetCDF", {"CDF\001", "CDF\002", "CDF\005", "\211HDF\r\n\032\n"}},
    {".bufr", "BUFR", {"BUFR"}},
    {".gz", "gzip", {"\037\213"}},
    {".bz2", "bzip2", {"BZh"}},
    {".png", "PNG", {"\211PNG"}},
};
static const char *const page_endings[] = {".html", ".htm", ".xhtml", ".xml", ".svg"};

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name);
    size_t size = strlen(ending);

    return length > size && strcasecmp(name + length - size, ending) == 0;
}

static bool begins_with(const char *head, size_t size, const char *with)
{
    return size >= strlen(with) && strncasecmp(head, with, strlen(with)) == 0;
}

static bool is_page(const char *head, size_t size)
{
    while (size > 0 && strchr(" \t\r\n", *head) && *head) {
        head++;
        size--;
    }
    return begins_with(head, size, "<!doctype html") || begins_with(head, size, "<html") ||
           begins_with(head, size, "<?xml");
}

int fl_magic_check(const char *name, const void *head, size_t size, struct fl_err *reterr)
{
    bool page = is_page(head, size);

    fl_assert(name);
    for (size_t i = 0; i < FL_COUNT(kinds); i++) {
        bool good = false;

        if (!ends_in(name, kinds[i].ending))
            continue;
        for (size_t k = 0; k < FL_COUNT(kinds[i].begins) && kinds[i].begins[k]; k++) {
            const char *begin = kinds[i].begins[k];

            good = good || (size >= strlen(begin) && memcmp(head, begin, strlen(begin)) == 0);
        }
        return good ? 0
                    : fl_err_set(reterr, FL_E_DATA, 0, "'%s' is not a %s file%s", name,
                                 kinds[i].what, page ? " but an HTML or XML page" : "");
    }
    for (size_t i = 0; page && i < FL_COUNT(page_endings); i++)
        page = !ends_in(name, page_endings[i]);
    return page ? fl_err_set(reterr, FL_E_DATA, 0, "'%s' is an HTML or XML page, not data", name)
                : 0;
}
