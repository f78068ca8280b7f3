#ifndef FL_DESTINATION_XML_H
#define FL_DESTINATION_XML_H

/* The answers of stores and WebDAV servers, element by element. Namespaces are left out of names.
 * A document type is refused (no entities of the server's making), and so is what is too deep or
 * too long. By expat.
 * Owns: nothing between calls. Threads: any. Limits: FL_XML_DEPTH_MAX, FL_XML_TEXT_MAX bytes of one
 * element's own text. */

#include <stddef.h>

#include "engine/base/err.h"

#define FL_XML_DEPTH_MAX 32
#define FL_XML_TEXT_MAX ((size_t)8192)

/* Called at the beginning of an element with text NULL, and at its end with its own text, without
 * space around it. A negative return ends the walk. */
typedef int (*fl_xml_fn)(const char *name, const char *text, struct fl_err *reterr, void *arg);

/* FL_E_PARSE says what and where; FL_E_TOO_BIG; errors of fn. */
int fl_xml_walk(const void *data, size_t size, fl_xml_fn fn, struct fl_err *reterr, void *arg);

#endif
