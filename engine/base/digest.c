/* SHA-256 by OpenSSL's EVP interface. */
#include "config.h"

#include "engine/base/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "engine/base/banned.h"

struct fl_digest {
    EVP_MD_CTX *ctx;
};

int fl_digest_create(struct fl_digest **ret_digest, struct fl_err *reterr)
{
    struct fl_digest *digest = calloc(1, sizeof(*digest));

    fl_assert(ret_digest);
    if (digest)
        digest->ctx = EVP_MD_CTX_new();
    if (!digest || !digest->ctx || EVP_DigestInit_ex(digest->ctx, EVP_sha256(), NULL) != 1) {
        fl_digest_destroy(digest);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "cannot start SHA-256");
    }
    *ret_digest = digest;
    return 0;
}

void fl_digest_destroy(struct fl_digest *digest)
{
    if (!digest)
        return;
    EVP_MD_CTX_free(digest->ctx);
    free(digest);
}

void fl_digest_add(struct fl_digest *digest, const void *data, size_t size)
{
    int ok = EVP_DigestUpdate(digest->ctx, data, size);

    fl_assert(ok == 1);
}

void fl_digest_finish(struct fl_digest *digest, char hex[static FL_DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    int ok = EVP_DigestFinal_ex(digest->ctx, raw, &size);

    fl_assert(ok == 1 && size == 32);
    for (unsigned int i = 0; i < size; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[64] = '\0';
    ok = EVP_DigestInit_ex(digest->ctx, EVP_sha256(), NULL);
    fl_assert(ok == 1);
}

void fl_digest_memory(const void *data, size_t size, char hex[static FL_DIGEST_HEX])
{
    struct fl_digest *digest = NULL;
    int rc = fl_digest_create(&digest, NULL);

    fl_assert(rc == 0);
    fl_digest_add(digest, data, size);
    fl_digest_finish(digest, hex);
    fl_digest_destroy(digest);
}
