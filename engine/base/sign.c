/* Ed25519 by OpenSSL's EVP interface. */
#include "config.h"

#include "engine/base/sign.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define RAW 64

struct fl_sign_key {
    EVP_PKEY *pkey;
};

int fl_sign_key_read(const char *pem, size_t size, bool secret, struct fl_sign_key **ret_key,
                     struct fl_err *reterr)
{
    BIO *bio = size <= INT_MAX ? BIO_new_mem_buf(pem, (int)size) : NULL;
    EVP_PKEY *pkey = NULL;
    struct fl_sign_key *key;

    fl_assert(pem && ret_key);
    if (bio)
        pkey = secret ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL)
                      : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (!pkey || EVP_PKEY_get_base_id(pkey) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(pkey);
        return fl_err_set(reterr, FL_E_PARSE, 0, "not an Ed25519 %s key in PEM",
                          secret ? "private" : "public");
    }
    key = calloc(1, sizeof(*key));
    if (!key) {
        EVP_PKEY_free(pkey);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    }
    key->pkey = pkey;
    *ret_key = key;
    return 0;
}

void fl_sign_key_destroy(struct fl_sign_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

int fl_sign(const struct fl_sign_key *key, const void *text, size_t size,
            char signature[static FL_SIGNATURE_TEXT], struct fl_err *reterr)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned char raw[RAW];
    size_t length = sizeof(raw);
    bool done = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
                EVP_DigestSign(ctx, raw, &length, text, size) == 1 && length == sizeof(raw);

    EVP_MD_CTX_free(ctx);
    if (!done)
        return fl_err_set(reterr, FL_E_BUG, 0, "OpenSSL cannot sign with an Ed25519 key");
    (void)EVP_EncodeBlock((unsigned char *)signature, raw, (int)sizeof(raw));
    return 0;
}

bool fl_sign_verify(const struct fl_sign_key *key, const void *text, size_t size,
                    const char *signature)
{
    unsigned char raw[RAW + 3]; /* the decoder counts the padding */
    EVP_MD_CTX *ctx;
    bool good;

    if (strlen(signature) != FL_SIGNATURE_TEXT - 1 ||
        EVP_DecodeBlock(raw, (const unsigned char *)signature, FL_SIGNATURE_TEXT - 1) <
            (int)sizeof(raw) - 1)
        return false;
    ctx = EVP_MD_CTX_new();
    good = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
           EVP_DigestVerify(ctx, raw, RAW, text, size) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}
