#ifndef FL_BASE_SIGN_H
#define FL_BASE_SIGN_H

/* Ed25519 signatures of short texts: the same key and text give the same signature.
 * Owns: the key. Threads: any may use one key. Limits: none. Source: RFC 8032, by OpenSSL. */

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/err.h"

#define FL_SIGNATURE_TEXT 89 /* 64 bytes as base64, and the NUL */

struct fl_sign_key;

/* A key as PEM text: "PRIVATE KEY" (PKCS 8) with `secret`, else "PUBLIC KEY". FL_E_PARSE for what
 * is none or of another kind, FL_E_NOMEM. */
int fl_sign_key_read(const char *pem, size_t size, bool secret, struct fl_sign_key **ret_key,
                     struct fl_err *reterr);
void fl_sign_key_destroy(struct fl_sign_key *key);
FL_DEFINE_AUTO(struct fl_sign_key *, fl_sign_key_destroy)

/* key: a secret one. FL_E_BUG when the library cannot. */
int fl_sign(const struct fl_sign_key *key, const void *text, size_t size,
            char signature[static FL_SIGNATURE_TEXT], struct fl_err *reterr);
/* True when signature is that of the text by the key's other half. */
bool fl_sign_verify(const struct fl_sign_key *key, const void *text, size_t size,
                    const char *signature);

#endif
