/* Certificates by OpenSSL. */
#include "config.h"

#include "engine/world/certificate.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/base/banned.h"

#define DAY_S INT64_C(86400)
#define CA_NAME "Fairlead sites"
#define PEM_MAX 16384

bool fl_certificate_name_is_good(const char *name)
{
    size_t size = strlen(name);

    return size > 0 && size <= FL_CERTIFICATE_NAME_MAX && name[0] != '.' && name[0] != '-' &&
           name[size - 1] != '.' && !strstr(name, "..") &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
               size;
}

static int failed(struct fl_err *reterr, const char *what)
{
    char text[200] = "no reason given";

    if (ERR_peek_last_error())
        ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
    ERR_clear_error();
    return fl_err_set(reterr, FL_E_BUG, 0, "OpenSSL cannot %s: %s", what, text);
}

/* Takes what was written to the BIO over into out and frees it. */
static int take(BIO *bio, bool good, struct fl_buf *out, struct fl_err *reterr)
{
    char *data = NULL;
    long size = good ? BIO_get_mem_data(bio, &data) : 0;

    if (size > 0)
        fl_buf_add(out, data, (size_t)size);
    if (size > 0)
        OPENSSL_cleanse(data, (size_t)size);
    BIO_free(bio);
    return size > 0 ? fl_buf_check(out, reterr) : failed(reterr, "write a key as PEM");
}

static int write_secret(EVP_PKEY *pkey, struct fl_buf *out, struct fl_err *reterr)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return take(bio,
                bio && PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1,
                out, reterr);
}

static int write_certificate(X509 *x509, struct fl_buf *out, struct fl_err *reterr)
{
    BIO *bio = BIO_new(BIO_s_mem());

    return take(bio, bio && PEM_write_bio_X509(bio, x509) == 1, out, reterr);
}

static BIO *open_text(const struct fl_buf *text)
{
    return text->size <= PEM_MAX ? BIO_new_mem_buf(text->data, (int)text->size) : NULL;
}

static X509 *read_certificate(const struct fl_buf *text)
{
    BIO *bio = open_text(text);
    X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return x509;
}

static EVP_PKEY *read_secret(const struct fl_buf *text)
{
    BIO *bio = open_text(text);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;

    BIO_free(bio);
    ERR_clear_error();
    return pkey;
}

static bool set_serial(X509 *x509)
{
    unsigned char raw[16];
    BIGNUM *number;
    bool good;

    if (RAND_bytes(raw, sizeof(raw)) != 1)
        return false;
    raw[0] = (unsigned char)((raw[0] & 0x7f) | 0x40); /* positive, of full length */
    number = BN_bin2bn(raw, sizeof(raw), NULL);
    good = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509));
    BN_free(number);
    return good;
}

static bool add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    bool good;

    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    good = extension && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

/* Version, serial number, times, names, key. issuer NULL: itself. */
static X509 *begin_certificate(int64_t now_s, int64_t days, const char *name, EVP_PKEY *pkey,
                               X509 *issuer)
{
    X509 *x509 = X509_new();
    X509_NAME *subject = x509 ? X509_get_subject_name(x509) : NULL;
    bool good = x509 && X509_set_version(x509, 2) == 1 && set_serial(x509) &&
                ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(now_s - DAY_S)) &&
                ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(now_s + days * DAY_S)) &&
                X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
                                           -1, -1, 0) == 1 &&
                X509_set_issuer_name(x509, issuer ? X509_get_subject_name(issuer) : subject) == 1 &&
                X509_set_pubkey(x509, pkey) == 1;

    if (good)
        return x509;
    X509_free(x509);
    return NULL;
}

static int finish(X509 *x509, bool good, EVP_PKEY *signer, EVP_PKEY *pkey, struct fl_buf *key,
                  struct fl_buf *certificate, struct fl_err *reterr)
{
    int rc = good && X509_sign(x509, signer, EVP_sha256()) > 0
                 ? 0
                 : failed(reterr, "make a certificate");

    if (rc == 0)
        rc = write_secret(pkey, key, reterr);
    if (rc == 0)
        rc = write_certificate(x509, certificate, reterr);
    return rc;
}

int fl_certificate_make_ca(int64_t now_s, struct fl_buf *key, struct fl_buf *certificate,
                           struct fl_err *reterr)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *x509 =
        pkey ? begin_certificate(now_s, FL_CERTIFICATE_CA_DAYS, CA_NAME, pkey, NULL) : NULL;
    bool good = x509 &&
                add_extension(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                add_extension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                add_extension(x509, x509, NID_subject_key_identifier, "hash");
    int rc = finish(x509, good, pkey, pkey, key, certificate, reterr);

    X509_free(x509);
    EVP_PKEY_free(pkey);
    return rc;
}

static int make_site(int64_t now_s, const char *name, X509 *ca, EVP_PKEY *ca_key,
                     struct fl_buf *key, struct fl_buf *certificate, struct fl_err *reterr)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *x509 = pkey ? begin_certificate(now_s, FL_CERTIFICATE_SITE_DAYS, name, pkey, ca) : NULL;
    char names[FL_CERTIFICATE_NAME_MAX + 8];
    bool good;
    int rc;

    (void)snprintf(names, sizeof(names), "DNS:%s", name);
    good = x509 && add_extension(x509, ca, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x509, ca, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x509, ca, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_extension(x509, ca, NID_subject_alt_name, names) &&
           add_extension(x509, ca, NID_subject_key_identifier, "hash") &&
           add_extension(x509, ca, NID_authority_key_identifier, "keyid:always");
    rc = finish(x509, good, ca_key, pkey, key, certificate, reterr);
    X509_free(x509);
    EVP_PKEY_free(pkey);
    return rc;
}

int fl_certificate_make_site(int64_t now_s, const char *name, const struct fl_buf *ca_key,
                             const struct fl_buf *ca_certificate, struct fl_buf *key,
                             struct fl_buf *certificate, struct fl_err *reterr)
{
    X509 *ca = read_certificate(ca_certificate);
    EVP_PKEY *signer = read_secret(ca_key);
    int rc;

    fl_assert(fl_certificate_name_is_good(name));
    if (!ca || !signer || X509_check_private_key(ca, signer) != 1)
        rc = fl_err_set(reterr, FL_E_PARSE, 0, "the authority's key and certificate are no pair");
    else
        rc = make_site(now_s, name, ca, signer, key, certificate, reterr);
    X509_free(ca);
    EVP_PKEY_free(signer);
    return rc;
}

int fl_certificate_make_pair(struct fl_buf *secret, struct fl_buf *public, struct fl_err *reterr)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    int rc = pkey ? write_secret(pkey, secret, reterr) : failed(reterr, "make an Ed25519 key");

    if (rc == 0) {
        BIO *bio = BIO_new(BIO_s_mem());

        rc = take(bio, bio && PEM_write_bio_PUBKEY(bio, pkey) == 1, public, reterr);
    }
    EVP_PKEY_free(pkey);
    return rc;
}

/* The one DNS name among the alternative names; false when there is another or none. */
static bool only_name(X509 *x509, char name[static FL_CERTIFICATE_NAME_MAX + 1])
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    const GENERAL_NAME *one =
        sk_GENERAL_NAME_num(names) == 1 ? sk_GENERAL_NAME_value(names, 0) : NULL;
    bool good = false;

    if (one && one->type == GEN_DNS) {
        int size = ASN1_STRING_length(one->d.dNSName);

        good = size > 0 && size <= FL_CERTIFICATE_NAME_MAX;
        if (good)
            (void)snprintf(name, FL_CERTIFICATE_NAME_MAX + 1, "%.*s", size,
                           (const char *)ASN1_STRING_get0_data(one->d.dNSName));
        good = good && strlen(name) == (size_t)size;
    }
    GENERAL_NAMES_free(names);
    return good;
}

int fl_certificate_read(const struct fl_buf *certificate,
                        char name[static FL_CERTIFICATE_NAME_MAX + 1], int64_t *ret_until_s,
                        struct fl_err *reterr)
{
    X509 *x509 = read_certificate(certificate);
    ASN1_TIME *zero = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;
    const char *why = NULL;

    if (!x509 || !zero || ASN1_TIME_diff(&days, &seconds, zero, X509_get0_notAfter(x509)) != 1)
        why = "not a certificate in PEM";
    else if (!only_name(x509, name))
        why = "the certificate does not name one site as its alternative name";
    else
        *ret_until_s = (int64_t)days * DAY_S + seconds;
    ASN1_TIME_free(zero);
    X509_free(x509);
    return why ? fl_err_set(reterr, FL_E_PARSE, 0, "%s", why) : 0;
}
