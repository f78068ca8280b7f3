/* SHA-256 by OpenSSL's EVP interface. */
#include "config.h"

#include "engine/base/digest.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

static uint64_t turned(uint64_t v, int by)
{
    return (v << by) | (v >> (64 - by));
}

static void sip_round(uint64_t v[static 4])
{
    v[0] += v[1];
    v[1] = turned(v[1], 13) ^ v[0];
    v[0] = turned(v[0], 32);
    v[2] += v[3];
    v[3] = turned(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = turned(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = turned(v[1], 17) ^ v[2];
    v[2] = turned(v[2], 32);
}

/* Numbers are read low byte first, as the definition has it. */
static uint64_t read_low_first(const unsigned char *bytes, size_t count)
{
    uint64_t v = 0;

    for (size_t i = 0; i < count; i++)
        v |= (uint64_t)bytes[i] << (8 * i);
    return v;
}

static void sip_128(uint64_t k0, uint64_t k1, const unsigned char *data, size_t size,
                    uint64_t ret[static 2])
{
    uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
                     k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    size_t whole = size / 8 * 8;

    for (size_t i = 0; i <= whole; i += 8) {
        uint64_t m = i < whole ? read_low_first(data + i, 8)
                               : read_low_first(data + i, size - whole) | (uint64_t)size << 56;

        v[3] ^= m;
        sip_round(v);
        sip_round(v);
        v[0] ^= m;
    }
    v[2] ^= 0xee;
    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 4; i++)
            sip_round(v);
        ret[half] = v[0] ^ v[1] ^ v[2] ^ v[3];
        v[1] ^= 0xdd;
    }
}

void fl_digest_keyed(const char *key, size_t key_size, const void *data, size_t size,
                     char hex[static FL_DIGEST_KEYED_HEX])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t keys[2];
    uint64_t out[2];

    sip_128(0, 0, (const unsigned char *)key, key_size, keys);
    sip_128(keys[0], keys[1], data, size, out);
    for (size_t i = 0; i < 16; i++) {
        unsigned byte = (unsigned)(out[i / 8] >> (8 * (i % 8))) & 255;

        hex[2 * i] = digits[byte >> 4];
        hex[2 * i + 1] = digits[byte & 15];
    }
    hex[32] = '\0';
}
