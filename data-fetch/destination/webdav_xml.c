/* Multistatus answers. */
#include "config.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/webdav.h"
#include "data-fetch/destination/xml.h"
#include "engine/base/path.h"

#include "engine/base/banned.h"

struct reading {
    struct fl_list *list;
    char href[FL_XML_TEXT_MAX];
    struct fl_dest_stat stat;
    size_t parts;  /* of the folder itself */
    int64_t space; /* -1 */
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The last component of a path with escapes, in place. */
static char *last_name(char *href)
{
    char *out = href;
    char *slash;

    for (char *at = href; *at; at++) {
        if (*at == '%' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
            *out++ = (char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
            at += 2;
        } else {
            *out++ = *at;
        }
    }
    while (out > href && out[-1] == '/')
        out--;
    *out = '\0';
    slash = strrchr(href, '/');
    return slash ? slash + 1 : href;
}

static int take_response(struct reading *reading, struct fl_err *reterr)
{
    bool inside = fl_webdav_parts(reading->href) == reading->parts + 1;
    const char *name = last_name(reading->href);

    if (!inside || !reading->list)
        return 0;
    if (!fl_path_is_safe(name) || strchr(name, '/'))
        return 0;
    return fl_list_add(reading->list, name, &reading->stat, reterr);
}

static int take_element(const char *name, const char *text, struct fl_err *reterr, void *arg)
{
    struct reading *reading = arg;

    if (!text) {
        if (strcmp(name, "response") == 0) {
            reading->href[0] = '\0';
            reading->stat = (struct fl_dest_stat){.modified_s = -1};
        }
        return 0;
    }
    if (strcmp(name, "href") == 0 && !reading->href[0])
        (void)snprintf(reading->href, sizeof(reading->href), "%s", text);
    else if (strcmp(name, "collection") == 0)
        reading->stat.is_folder = true;
    else if (strcmp(name, "getcontentlength") == 0 && isdigit((unsigned char)text[0]))
        reading->stat.size = strtoull(text, NULL, 10);
    else if (strcmp(name, "quota-available-bytes") == 0 && isdigit((unsigned char)text[0]) &&
             strlen(text) < 19)
        reading->space = strtoll(text, NULL, 10);
    else if (strcmp(name, "response") == 0)
        return take_response(reading, reterr);
    return 0;
}

size_t fl_webdav_parts(const char *href)
{
    const char *host = strstr(href, "://");
    size_t count = 0;

    if (host)
        href = host + 3 + strcspn(host + 3, "/");
    for (; *href; href++)
        count += *href == '/' && href[1] && href[1] != '/';
    return count;
}

int fl_webdav_take_list(struct fl_list *list, size_t parts, const char *xml, size_t size,
                        struct fl_err *reterr)
{
    struct reading reading = {.list = list, .parts = parts, .space = -1};

    return fl_xml_walk(xml, size, take_element, reterr, &reading);
}

int fl_webdav_take_space(int64_t *ret_bytes, const char *xml, size_t size, struct fl_err *reterr)
{
    struct reading reading = {.space = -1};
    int rc = fl_xml_walk(xml, size, take_element, reterr, &reading);

    *ret_bytes = reading.space;
    return rc;
}
