/* XML answers. */
#include "config.h"

#include "data-fetch/destination/xml.h"

#include <expat.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "engine/base/buf.h"

#include "engine/base/banned.h"

#define SEPARATOR '|' /* between namespace and name; in no URI */

struct walk {
    XML_Parser parser;
    fl_xml_fn fn;
    void *arg;
    struct fl_err *reterr;
    int depth;
    bool leaf; /* nothing but text since the last beginning */
    struct fl_buf text;
    int rc;
};

static const char *local_name(const char *name)
{
    const char *last = strrchr(name, SEPARATOR);

    return last ? last + 1 : name;
}

static void stop(struct walk *walk, int rc)
{
    if (walk->rc == 0)
        walk->rc = rc;
    (void)XML_StopParser(walk->parser, XML_FALSE); /* fails only when it has stopped already */
}

static void XMLCALL begin_element(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    struct walk *walk = arg;
    int rc = 0;

    (void)attributes;
    if (++walk->depth > FL_XML_DEPTH_MAX)
        rc = fl_err_set(walk->reterr, FL_E_TOO_BIG, 0, "an XML answer is deeper than %d elements",
                        FL_XML_DEPTH_MAX);
    fl_buf_clear(&walk->text);
    walk->leaf = true;
    if (rc == 0)
        rc = walk->fn(local_name(name), NULL, walk->reterr, walk->arg);
    if (rc < 0)
        stop(walk, rc);
}

static void XMLCALL end_element(void *arg, const XML_Char *name)
{
    struct walk *walk = arg;
    char *text = walk->text.data;
    int rc;

    walk->depth--;
    text += strspn(text, " \t\r\n");
    for (char *end = text + strlen(text); end > text && strchr(" \t\r\n", end[-1]);)
        *--end = '\0';
    rc = walk->fn(local_name(name), walk->leaf ? text : "", walk->reterr, walk->arg);
    walk->leaf = false;
    fl_buf_clear(&walk->text);
    if (rc < 0)
        stop(walk, rc);
}

static void XMLCALL take_text(void *arg, const XML_Char *text, int size)
{
    struct walk *walk = arg;

    fl_buf_add(&walk->text, text, (size_t)size);
    if (walk->text.failed)
        stop(walk, fl_err_set(walk->reterr, FL_E_TOO_BIG, 0,
                              "a text in an XML answer is longer than %zu bytes", FL_XML_TEXT_MAX));
}

static void XMLCALL refuse_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                                   const XML_Char *public, int internal)
{
    struct walk *walk = arg;

    (void)system;
    (void)public;
    (void)internal;
    stop(walk, fl_err_set(walk->reterr, FL_E_PARSE, 0, "an XML answer with a document type (%.40s)",
                          name));
}

int fl_xml_walk(const void *data, size_t size, fl_xml_fn fn, struct fl_err *reterr, void *arg)
{
    struct walk walk = {.fn = fn, .arg = arg, .reterr = reterr};

    if (size > INT_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "an XML answer of %zu bytes", size);
    walk.parser = XML_ParserCreateNS(NULL, SEPARATOR);
    if (!walk.parser)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for an XML answer");
    fl_buf_init(&walk.text, FL_XML_TEXT_MAX);
    XML_SetUserData(walk.parser, &walk);
    XML_SetElementHandler(walk.parser, begin_element, end_element);
    XML_SetCharacterDataHandler(walk.parser, take_text);
    XML_SetStartDoctypeDeclHandler(walk.parser, refuse_doctype);
    if (XML_Parse(walk.parser, data, (int)size, 1) != XML_STATUS_OK && walk.rc == 0)
        walk.rc = fl_err_set(reterr, FL_E_PARSE, (int)XML_GetErrorCode(walk.parser),
                             "an XML answer cannot be read: line %lu: %s",
                             (unsigned long)XML_GetCurrentLineNumber(walk.parser),
                             XML_ErrorString(XML_GetErrorCode(walk.parser)));
    XML_ParserFree(walk.parser);
    fl_buf_release(&walk.text);
    return walk.rc;
}
