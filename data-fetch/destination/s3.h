#ifndef FL_DESTINATION_S3_H
#define FL_DESTINATION_S3_H

/* S3-compatible stores: what they say in XML, and the parts of an upload; private to the folder.
 * Source: Amazon Simple Storage Service API Reference, API version 2006-03-01.
 * Owns: see the structs. Threads: one at a time. Limits: FL_S3_PARTS_MAX parts of an upload. */

#include "data-fetch/destination/list.h"
#include "data-fetch/destination/net.h"

#define FL_S3_PARTS_MAX 10000
#define FL_S3_PART_BYTES (INT64_C(16) << 20)
#define FL_S3_ETAG_MAX 80
#define FL_S3_ID_MAX 1024
#define FL_S3_META "x-amz-meta-sha256"

struct fl_s3 {
    struct fl_net net; /* first: fl_net_of */
    char prefix[FL_PATH_MAX];
};

/* The key of a path: below the prefix. FL_E_TOO_BIG. */
int fl_s3_key(const struct fl_destination *dest, const char *path, char *out, size_t size,
              struct fl_err *reterr);
/* "name=VALUE", with VALUE escaped, appended to a query. */
void fl_s3_query(struct fl_buf *query, const char *name, const char *value);

/* s3_send.c: the jobs. */
int fl_s3_start(struct fl_dest_job *job, struct fl_err *reterr);
int fl_s3_step(struct fl_dest_job *job, struct fl_err *reterr);
void fl_s3_drop(struct fl_dest_job *job);

/* s3_xml.c: what a store says. FL_E_PARSE, FL_E_TOO_BIG. */

/* One page of a listing: entries with whole keys; *next: the token of the next page, "" none. */
int fl_s3_take_list(struct fl_list *list, char *next, size_t size, const char *xml, size_t xml_size,
                    struct fl_err *reterr);
/* UploadId of an initiated upload. FL_E_DATA when there is none. */
int fl_s3_take_upload(char *id, size_t size, const char *xml, size_t xml_size,
                      struct fl_err *reterr);
/* Uploads that are under way of one key: the newest one's id ("" none); of the others, fn is called
 * with each id. */
typedef void (*fl_s3_id_fn)(const char *id, void *arg);
int fl_s3_take_uploads(const char *key, char *id, size_t size, fl_s3_id_fn fn, void *arg,
                       const char *xml, size_t xml_size, struct fl_err *reterr);
/* Parts that are there: fn is called with each. *next: the marker of the next page, 0 none. */
typedef void (*fl_s3_part_fn)(int number, int64_t size, const char *etag, void *arg);
int fl_s3_take_parts(fl_s3_part_fn fn, void *arg, int *next, const char *xml, size_t xml_size,
                     struct fl_err *reterr);
/* An answer with status 200 may be an error all the same. */
bool fl_s3_is_error(const char *xml, size_t xml_size);

#endif
