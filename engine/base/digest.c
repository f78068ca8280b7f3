/* SHA-256 by OpenSSL's EVP interface. The library is loaded by the first hash: to load it takes
 * longer than to start a program, and many a run of ours hashes nothing. */
#include "config.h"

#include "engine/base/digest.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/opensslv.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

/* The name of the library that we were built against. */
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#ifdef OPENSSL_SHLIB_VERSION
#define LIBRARY "libcrypto.so." TEXT(OPENSSL_SHLIB_VERSION)
#else
#define LIBRARY "libcrypto.so." SHLIB_VERSION_NUMBER
#endif

struct evp {
    EVP_MD_CTX *(*create)(void);
    void (*destroy)(EVP_MD_CTX *ctx);
    const EVP_MD *(*sha256)(void);
    int (*begin)(EVP_MD_CTX *ctx, const EVP_MD *type, ENGINE *engine);
    int (*update)(EVP_MD_CTX *ctx, const void *data, size_t size);
    int (*final)(EVP_MD_CTX *ctx, unsigned char *raw, unsigned int *size);
};

struct fl_digest {
    struct evp evp;
    EVP_MD_CTX *ctx;
};

/* A function's address by way of a pointer to it, as POSIX has it (dlsym gives a void *). */
static bool find(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);

    *(void **)function = found;
    return found != NULL;
}

static int load(struct evp *evp, struct fl_err *reterr)
{
    /* stays for the life of the process: to load it again each time would cost more */
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    bool all;

    if (!library)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0, "'%s' of OpenSSL cannot be loaded: %s",
                          LIBRARY, dlerror());
    all = find(library, "EVP_MD_CTX_new", &evp->create) &&
          find(library, "EVP_MD_CTX_free", &evp->destroy) &&
          find(library, "EVP_sha256", &evp->sha256) &&
          find(library, "EVP_DigestInit_ex", &evp->begin) &&
          find(library, "EVP_DigestUpdate", &evp->update) &&
          find(library, "EVP_DigestFinal_ex", &evp->final);
    (void)dlclose(library); /* RTLD_NODELETE keeps it */
    return all ? 0
               : fl_err_set(reterr, FL_E_UNSUPPORTED, 0, "'%s' lacks a function that we need",
                            LIBRARY);
}

int fl_digest_create(struct fl_digest **ret_digest, struct fl_err *reterr)
{
    struct fl_digest *digest = calloc(1, sizeof(*digest));
    int rc = digest ? load(&digest->evp, reterr)
                    : fl_err_set(reterr, FL_E_NOMEM, 0, "cannot start SHA-256");

    fl_assert(ret_digest);
    if (rc == 0) {
        digest->ctx = digest->evp.create();
        if (!digest->ctx || digest->evp.begin(digest->ctx, digest->evp.sha256(), NULL) != 1)
            rc = fl_err_set(reterr, FL_E_NOMEM, 0, "cannot start SHA-256");
    }
    if (rc < 0) {
        fl_digest_destroy(digest);
        return rc;
    }
    *ret_digest = digest;
    return 0;
}

void fl_digest_destroy(struct fl_digest *digest)
{
    if (!digest)
        return;
    if (digest->ctx)
        digest->evp.destroy(digest->ctx);
    free(digest);
}

void fl_digest_add(struct fl_digest *digest, const void *data, size_t size)
{
    int ok = digest->evp.update(digest->ctx, data, size);

    fl_assert(ok == 1);
}

void fl_digest_finish(struct fl_digest *digest, char hex[static FL_DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    int ok = digest->evp.final(digest->ctx, raw, &size);

    fl_assert(ok == 1 && size == 32);
    for (unsigned int i = 0; i < size; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[64] = '\0';
    ok = digest->evp.begin(digest->ctx, digest->evp.sha256(), NULL);
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
