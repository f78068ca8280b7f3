#ifndef FL_FETCH_HTTP_SIGV4_H
#define FL_FETCH_HTTP_SIGV4_H

/* The request signature of S3-compatible stores: AWS Signature Version 4, header form. libcurl has
 * one too, which differs from version to version in what it makes of paths and queries.
 * Pure. Owns: nothing. Threads: any. Limits: FL_SIGV4_TEXT_MAX bytes of URL.
 * Source: "Create a signed AWS API request", AWS Identity and Access Management User Guide. */

#include <stdint.h>

#include "engine/base/buf.h"

#define FL_SIGV4_TEXT_MAX 4096
#define FL_SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

struct fl_sigv4 {
    const char *method;
    const char *url; /* as it is sent */
    const char *key_id;
    const char *secret;
    const char *token; /* NULL: none */
    const char *region;
    const char *service;        /* "s3" */
    const char *body;           /* SHA-256 of the body in hex, or FL_SIGV4_UNSIGNED */
    const char *const *headers; /* "Name: value"; those that begin with x-amz- are signed too */
    int64_t time_s;             /* UTC, since 1970 */
};

/* Appends the header lines to send, each ended by '\n': X-Amz-Date, X-Amz-Content-Sha256,
 * X-Amz-Security-Token where there is one, Authorization. FL_E_CONFIG, FL_E_TOO_BIG. */
int fl_sigv4_sign(const struct fl_sigv4 *ask, struct fl_buf *out, struct fl_err *reterr);

#endif
