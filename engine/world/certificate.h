#ifndef FL_WORLD_CERTIFICATE_H
#define FL_WORLD_CERTIFICATE_H

/* The keys of sites as PEM texts: a small certificate authority (ECDSA P-256), certificates that it
 * signs for sites, and an Ed25519 pair for signatures of our own. Here because keys are made of
 * randomness.
 * Owns: nothing. Threads: any. Limits: names of FL_CERTIFICATE_NAME_MAX bytes. Source: RFC 5280. */

#include <stdint.h>

#include "engine/base/buf.h"

#define FL_CERTIFICATE_NAME_MAX 63 /* one DNS label */
#define FL_CERTIFICATE_CA_DAYS (20 * 365)
#define FL_CERTIFICATE_SITE_DAYS (5 * 365)

/* True for a name that a certificate can carry as its DNS name: letters, digits, '-', '_'; and
 * points within. */
bool fl_certificate_name_is_good(const char *name);

/* All append to buffers that the caller has initialised; those of keys are best wiped after use.
 * now_s: seconds since 1970; certificates hold from a day before. FL_E_NOMEM, FL_E_BUG. */
int fl_certificate_make_ca(int64_t now_s, struct fl_buf *key, struct fl_buf *certificate,
                           struct fl_err *reterr);
/* Signed by the authority; subject and only alternative name are `name`, for both ends of TLS.
 * FL_E_PARSE when the authority's texts are none or do not belong together. */
int fl_certificate_make_site(int64_t now_s, const char *name, const struct fl_buf *ca_key,
                             const struct fl_buf *ca_certificate, struct fl_buf *key,
                             struct fl_buf *certificate, struct fl_err *reterr);
int fl_certificate_make_pair(struct fl_buf *secret, struct fl_buf *public, struct fl_err *reterr);

/* The only DNS name of a certificate and when it ends. FL_E_PARSE. */
int fl_certificate_read(const struct fl_buf *certificate,
                        char name[static FL_CERTIFICATE_NAME_MAX + 1], int64_t *ret_until_s,
                        struct fl_err *reterr);

#endif
