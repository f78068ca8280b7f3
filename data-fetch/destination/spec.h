#ifndef FL_DESTINATION_SPEC_H
#define FL_DESTINATION_SPEC_H

/* What the site file says of one destination. Values as written; secrets are references
 * ("secret:NAME"), never values.
 * Owns: nothing. Threads: any. Limits: the sizes below. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/path.h"

#define FL_SPEC_TEXT_MAX 256

struct fl_destination_spec {
    char name[64];
    char kind[16];          /* "directory", "sftp", "s3", "webdav", "site" */
    char path[FL_PATH_MAX]; /* directory: the folder */
    char url[FL_PATH_MAX];  /* the others: sftp://HOST[:PORT]/PATH, http[s]://HOST[:PORT]/PATH */
    char user[FL_SPEC_TEXT_MAX];
    char password[FL_SPEC_TEXT_MAX];   /* reference */
    char token[FL_SPEC_TEXT_MAX];      /* reference: webdav, a bearer token */
    char key[FL_SPEC_TEXT_MAX];        /* reference: sftp, the private key file */
    char passphrase[FL_SPEC_TEXT_MAX]; /* reference: of that key */
    char host_key[FL_SPEC_TEXT_MAX];   /* sftp: "SHA256:…" */
    char known_hosts[FL_PATH_MAX];     /* sftp: file */
    char bucket[FL_SPEC_TEXT_MAX];     /* s3 */
    char region[FL_SPEC_TEXT_MAX];     /* s3 */
    char access_key[FL_SPEC_TEXT_MAX]; /* s3: id, or a reference */
    char secret_key[FL_SPEC_TEXT_MAX]; /* s3: reference */
    bool bucket_in_host;               /* s3: BUCKET.HOST instead of HOST/BUCKET */
    int64_t part_bytes;   /* s3: of a multipart upload, webdav: of a piece; 0: default */
    char ca[FL_PATH_MAX]; /* https: file of authorities; "": the system's */
    bool plain;           /* http without TLS to another host than this is allowed */
    bool pieces;          /* webdav: PUT with Content-Range is understood */
    bool trust_size;      /* the size is proof enough: nothing is read back */
    int inflight;         /* files at a time; 0: the driver's own */
    int64_t cap_bytes_s;  /* 0: none */
};

struct fl_site;

/* Reads the destination `name` of the site file. FL_E_CONFIG with file and line: unknown keys and
 * kinds, secrets written in clear (not shown), a URL with a password, ...; FL_E_NOENT lists the
 * names there are. */
int fl_destination_spec_read(const struct fl_site *site, const char *name,
                             struct fl_destination_spec *ret_spec, struct fl_err *reterr);
/* How many destinations there are, and the name of the index-th. */
size_t fl_destination_spec_count(const struct fl_site *site);
const char *fl_destination_spec_name(const struct fl_site *site, size_t index);

#endif
