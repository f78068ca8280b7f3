#ifndef FL_DESTINATION_WEBDAV_H
#define FL_DESTINATION_WEBDAV_H

/* What a WebDAV server says in its multistatus answers (RFC 4918, quota: RFC 4331). Pure.
 * Owns: nothing. Threads: any. Limits: those of xml.h and list.h. */

#include <stddef.h>
#include <stdint.h>

#include "data-fetch/destination/list.h"

/* The entries of a folder asked with Depth 1, whose own path has `parts` components: what has one
 * more is taken. FL_E_PARSE, FL_E_TOO_BIG. */
int fl_webdav_take_list(struct fl_list *list, size_t parts, const char *xml, size_t size,
                        struct fl_err *reterr);
/* Components of a path or a URL: "/a/b/" has 2, "http://host/a" has 1. */
size_t fl_webdav_parts(const char *href);
/* quota-available-bytes; -1 when it is not told. */
int fl_webdav_take_space(int64_t *ret_bytes, const char *xml, size_t size, struct fl_err *reterr);

#endif
