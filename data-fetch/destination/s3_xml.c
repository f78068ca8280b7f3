/* What an S3-compatible store says. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/s3.h"
#include "data-fetch/destination/xml.h"

#include "engine/base/banned.h"

static int64_t number_of(const char *text, int64_t most)
{
    char *end = NULL;
    long long value = strtoll(text, &end, 10);

    return isdigit((unsigned char)text[0]) && *end == '\0' && value >= 0 && value <= most ? value
                                                                                          : -1;
}

static void copy(char *out, size_t size, const char *text)
{
    if (strlen(text) < size)
        memcpy(out, text, strlen(text) + 1);
    else
        out[0] = '\0';
}

/* ---- listings ---- */

struct listing {
    struct fl_list *list;
    char key[FL_PATH_MAX];
    struct fl_dest_stat stat;
    bool inside; /* of Contents */
    char *next;
    size_t size;
};

static int take_listing(const char *name, const char *text, struct fl_err *reterr, void *arg)
{
    struct listing *listing = arg;

    if (strcmp(name, "Contents") == 0) {
        bool whole = text && listing->key[0];

        listing->inside = !text;
        if (whole)
            return fl_list_add(listing->list, listing->key, &listing->stat, reterr);
        listing->key[0] = '\0';
        listing->stat = (struct fl_dest_stat){.modified_s = -1};
        return 0;
    }
    if (!text)
        return 0;
    if (listing->inside && strcmp(name, "Key") == 0)
        copy(listing->key, sizeof(listing->key), text);
    else if (listing->inside && strcmp(name, "Size") == 0 && number_of(text, INT64_MAX) >= 0)
        listing->stat.size = (uint64_t)number_of(text, INT64_MAX);
    else if (strcmp(name, "NextContinuationToken") == 0)
        copy(listing->next, listing->size, text);
    return 0;
}

int fl_s3_take_list(struct fl_list *list, char *next, size_t size, const char *xml, size_t xml_size,
                    struct fl_err *reterr)
{
    struct listing listing = {.list = list, .next = next, .size = size};

    next[0] = '\0';
    return fl_xml_walk(xml, xml_size, take_listing, reterr, &listing);
}

/* ---- uploads ---- */

struct one_text {
    const char *name;
    char *out;
    size_t size;
};

static int take_text(const char *name, const char *text, struct fl_err *reterr, void *arg)
{
    struct one_text *one = arg;

    (void)reterr;
    if (text && strcmp(name, one->name) == 0)
        copy(one->out, one->size, text);
    return 0;
}

int fl_s3_take_upload(char *id, size_t size, const char *xml, size_t xml_size,
                      struct fl_err *reterr)
{
    struct one_text one = {.name = "UploadId", .out = id, .size = size};
    int rc;

    id[0] = '\0';
    rc = fl_xml_walk(xml, xml_size, take_text, reterr, &one);
    if (rc == 0 && !id[0])
        rc = fl_err_set(reterr, FL_E_DATA, 0, "the store has begun an upload and gave it no id");
    return rc;
}

struct uploads {
    const char *wanted; /* key */
    char key[FL_PATH_MAX];
    char id[FL_S3_ID_MAX];
    char begun[40];
    char *best;
    size_t size;
    char best_begun[40]; /* times of one form: order of text is order of time */
    fl_s3_id_fn fn;
    void *arg;
};

static void choose_upload(struct uploads *uploads)
{
    if (strcmp(uploads->key, uploads->wanted) != 0 || !uploads->id[0])
        return;
    if (uploads->best[0] && strcmp(uploads->begun, uploads->best_begun) < 0) {
        uploads->fn(uploads->id, uploads->arg);
        return;
    }
    if (uploads->best[0])
        uploads->fn(uploads->best, uploads->arg);
    copy(uploads->best, uploads->size, uploads->id);
    (void)snprintf(uploads->best_begun, sizeof(uploads->best_begun), "%s", uploads->begun);
}

static int take_uploads(const char *name, const char *text, struct fl_err *reterr, void *arg)
{
    struct uploads *uploads = arg;

    (void)reterr;
    if (strcmp(name, "Upload") == 0 && !text)
        uploads->key[0] = uploads->id[0] = uploads->begun[0] = '\0';
    if (!text)
        return 0;
    if (strcmp(name, "Key") == 0)
        copy(uploads->key, sizeof(uploads->key), text);
    else if (strcmp(name, "UploadId") == 0)
        copy(uploads->id, sizeof(uploads->id), text);
    else if (strcmp(name, "Initiated") == 0)
        copy(uploads->begun, sizeof(uploads->begun), text);
    else if (strcmp(name, "Upload") == 0)
        choose_upload(uploads);
    return 0;
}

int fl_s3_take_uploads(const char *key, char *id, size_t size, fl_s3_id_fn fn, void *arg,
                       const char *xml, size_t xml_size, struct fl_err *reterr)
{
    struct uploads uploads = {.wanted = key, .best = id, .size = size, .fn = fn, .arg = arg};

    id[0] = '\0';
    return fl_xml_walk(xml, xml_size, take_uploads, reterr, &uploads);
}

/* ---- parts ---- */

struct parts {
    fl_s3_part_fn fn;
    void *arg;
    int64_t number;
    int64_t size;
    char etag[FL_S3_ETAG_MAX];
    int64_t next;
    bool more;
};

/* With or without the quotes. */
static void copy_etag(char *out, size_t size, const char *text)
{
    size_t length = strlen(text);

    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text++;
        length -= 2;
    }
    if (length < size) {
        memcpy(out, text, length);
        out[length] = '\0';
    }
}

static int take_parts(const char *name, const char *text, struct fl_err *reterr, void *arg)
{
    struct parts *parts = arg;

    (void)reterr;
    if (strcmp(name, "Part") == 0 && !text) {
        parts->number = parts->size = -1;
        parts->etag[0] = '\0';
    }
    if (!text)
        return 0;
    if (strcmp(name, "PartNumber") == 0)
        parts->number = number_of(text, FL_S3_PARTS_MAX);
    else if (strcmp(name, "Size") == 0)
        parts->size = number_of(text, INT64_MAX);
    else if (strcmp(name, "ETag") == 0)
        copy_etag(parts->etag, sizeof(parts->etag), text);
    else if (strcmp(name, "NextPartNumberMarker") == 0)
        parts->next = number_of(text, FL_S3_PARTS_MAX);
    else if (strcmp(name, "IsTruncated") == 0)
        parts->more = strcmp(text, "true") == 0;
    else if (strcmp(name, "Part") == 0 && parts->number > 0 && parts->size >= 0 && parts->etag[0])
        parts->fn((int)parts->number, parts->size, parts->etag, parts->arg);
    return 0;
}

int fl_s3_take_parts(fl_s3_part_fn fn, void *arg, int *next, const char *xml, size_t xml_size,
                     struct fl_err *reterr)
{
    struct parts parts = {.fn = fn, .arg = arg};
    int rc = fl_xml_walk(xml, xml_size, take_parts, reterr, &parts);

    *next = rc == 0 && parts.more && parts.next > 0 ? (int)parts.next : 0;
    return rc;
}

static int see_error(const char *name, const char *text, struct fl_err *reterr, void *arg)
{
    bool *first = arg;
    bool is_error = *first && !text && strcmp(name, "Error") == 0;

    (void)reterr;
    *first = false;
    return is_error ? FL_E_REFUSED : 0;
}

bool fl_s3_is_error(const char *xml, size_t xml_size)
{
    bool first = true;

    return fl_xml_walk(xml, xml_size, see_error, NULL, &first) == FL_E_REFUSED;
}
