#ifndef FL_BASE_DIGEST_H
#define FL_BASE_DIGEST_H

/* SHA-256 of memory and of growing data, as lower-case hex.
 * Owns: the hash state. Threads: one at a time. Limits: none. Source: FIPS 180-4, by OpenSSL. */

#include <stddef.h>

#include "engine/base/err.h"

#define FL_DIGEST_HEX 65 /* 64 digits and the NUL */

struct fl_digest;

int fl_digest_create(struct fl_digest **ret_digest, struct fl_err *reterr);
void fl_digest_destroy(struct fl_digest *digest);
FL_DEFINE_AUTO(struct fl_digest *, fl_digest_destroy)
void fl_digest_add(struct fl_digest *digest, const void *data, size_t size);
/* Ends the hash and starts a new one. */
void fl_digest_finish(struct fl_digest *digest, char hex[static FL_DIGEST_HEX]);

void fl_digest_memory(const void *data, size_t size, char hex[static FL_DIGEST_HEX]);

/* A keyed digest (SipHash-2-4, 128 bits, J.-P. Aumasson and D. J. Bernstein, 2012): for one who
 * does not know the key it cannot be told from chance. Thirty times faster than SHA-256 for short
 * data; not for content. */
#define FL_DIGEST_KEYED_HEX 33
void fl_digest_keyed(const char *key, size_t key_size, const void *data, size_t size,
                     char hex[static FL_DIGEST_KEYED_HEX]);

#endif
