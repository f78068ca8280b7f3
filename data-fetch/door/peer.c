/* Who a peer is. */
#include "config.h"

#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/door/private.h"
#include "engine/base/log.h"
#include "engine/base/sign.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define FILE_MAX ((size_t)65536)
#define OTHERS 077
#define MINUTE_NS INT64_C(60000000000)

void fl_door_tell(struct fl_door *door, const char *event, const char *who, const char *why)
{
    int64_t now_ns = fl_world_mono_ns(door->world);

    if (now_ns - door->log_since_ns >= MINUTE_NS || door->log_since_ns == 0) {
        if (door->log_passed > 0)
            fl_log(FL_LOG_WARN, "door.quiet", "lines_left_out=%llu",
                   (unsigned long long)door->log_passed);
        door->log_since_ns = now_ns;
        door->log_lines = 0;
        door->log_passed = 0;
    }
    if (door->log_lines >= FL_DOOR_LOG_MAX) {
        door->log_passed++;
        return;
    }
    door->log_lines++;
    fl_log(FL_LOG_WARN, event, "peer='%s' why='%s'", who, why);
}

void fl_door_refused(struct fl_door *door, const char *address, const char *why)
{
    door->counts.refused++;
    fl_door_tell(door, "door.refused", address, why);
}

/* ---- keys ---- */

static int read_file(struct fl_door *door, const char *dir, const char *name, const char *suffix,
                     struct fl_buf *out, struct fl_err *reterr)
{
    bool secret = strcmp(suffix, ".key") == 0;
    char file[FL_PATH_MAX];
    char path[FL_PATH_MAX];
    struct fl_stat info;
    int rc = snprintf(file, sizeof(file), "%s%s", name, suffix) >= (int)sizeof(file)
                 ? fl_err_set(reterr, FL_E_TOO_BIG, 0, "the name of a key is too long")
                 : fl_path_join(dir, file, path, sizeof(path), reterr);

    if (rc < 0)
        return rc;
    rc = fl_file_stat(door->world, path, &info, reterr);
    if (rc == FL_E_NOENT)
        return fl_err_set(
            reterr, FL_E_NOENT, 0,
            "the door needs '%s'; made by: fairlead keys %s, where the coordinator is", path,
            secret ? "site" : "setup and keys site");
    if (rc == 0 && secret && (info.mode & OTHERS) != 0)
        return fl_err_set(reterr, FL_E_PERM, 0,
                          "secret key '%s' has mode %04o: others can get at it; chmod 600, or make "
                          "a new one",
                          path, info.mode & 07777);
    return rc < 0 ? rc : fl_file_read(door->world, path, FILE_MAX, out, reterr);
}

static int read_grant_key(struct fl_door *door, const struct fl_door_config *config,
                          struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    int rc;

    fl_buf_init(&text, FILE_MAX);
    rc = read_file(door, config->keys, "grant", ".pub", &text, reterr);
    if (rc == 0)
        rc = fl_sign_key_read(text.data, text.size, false, &door->grant_key, reterr);
    return rc < 0 ? fl_err_note(reterr, rc, "grant.pub") : 0;
}

int fl_door_read_keys(struct fl_door *door, const struct fl_door_config *config, struct fl_buf *key,
                      struct fl_buf *certificate, struct fl_buf *authority, struct fl_err *reterr)
{
    char name[FL_CERTIFICATE_NAME_MAX + 1] = "";
    int64_t until_s = 0;
    int64_t now_s = fl_world_utc_ns(door->world) / INT64_C(1000000000);
    int rc = door->open_to_all ? 0 : read_grant_key(door, config, reterr);

    if (rc < 0 || door->plain)
        return rc;
    rc = read_file(door, config->keys, config->site, ".pem", certificate, reterr);
    if (rc == 0)
        rc = read_file(door, config->keys, config->site, ".key", key, reterr);
    if (rc == 0)
        rc = read_file(door, config->keys, "ca", ".pem", authority, reterr);
    if (rc == 0)
        rc = fl_certificate_read(certificate, name, &until_s, reterr);
    if (rc < 0)
        return rc;
    if (strcmp(name, config->site) != 0)
        return fl_err_set(reterr, FL_E_PERM, 0,
                          "'%s/%s.pem' names site '%s': a site's certificate must name it",
                          config->keys, config->site, name);
    if (until_s <= now_s)
        return fl_err_set(reterr, FL_E_PERM, 0,
                          "'%s/%s.pem' has expired; remove %s.key and make another: fairlead keys "
                          "site %s",
                          config->keys, config->site, config->site, config->site);
    if (until_s - now_s < 30 * INT64_C(86400))
        fl_log(FL_LOG_WARN, "door.key", "site='%s' days_left=%lld; then: fairlead keys site %s",
               config->site, (long long)((until_s - now_s) / 86400), config->site);
    return 0;
}

/* ---- the handshake ---- */

static struct conn *conn_of(gnutls_session_t session)
{
    return gnutls_session_get_ptr(session);
}

static const char *why_not(unsigned status)
{
    if (status & GNUTLS_CERT_EXPIRED)
        return "its certificate has expired";
    if (status & GNUTLS_CERT_NOT_ACTIVATED)
        return "its certificate does not hold yet (are the clocks right?)";
    if (status & GNUTLS_CERT_SIGNER_NOT_FOUND)
        return "its certificate is of an authority that we do not know";
    if (status & GNUTLS_CERT_PURPOSE_MISMATCH)
        return "its certificate is for another purpose";
    return "its certificate is not good";
}

/* The one DNS name of a certificate, which is its site's. */
static bool read_name(const gnutls_datum_t *raw, char name[static FL_CERTIFICATE_NAME_MAX + 1])
{
    gnutls_x509_crt_t certificate = NULL;
    size_t size = FL_CERTIFICATE_NAME_MAX + 1;
    char other[8];
    size_t other_size = sizeof(other);
    bool good = gnutls_x509_crt_init(&certificate) == 0;

    if (!good)
        return false;
    good = gnutls_x509_crt_import(certificate, raw, GNUTLS_X509_FMT_DER) == 0 &&
           gnutls_x509_crt_get_subject_alt_name(certificate, 0, name, &size, NULL) ==
               GNUTLS_SAN_DNSNAME &&
           gnutls_x509_crt_get_subject_alt_name(certificate, 1, other, &other_size, NULL) ==
               GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE &&
           strnlen(name, FL_CERTIFICATE_NAME_MAX + 1) == size && fl_certificate_name_is_good(name);
    gnutls_x509_crt_deinit(certificate);
    return good;
}

static size_t open_of(const struct fl_door *door, const char *peer)
{
    size_t count = 0;

    for (const struct conn *conn = door->conns; conn; conn = conn->next)
        count += strcmp(conn->peer, peer) == 0;
    return count;
}

/* Called in the handshake, when the peer has shown its certificate. */
static int judge(gnutls_session_t session)
{
    struct conn *conn = conn_of(session);
    gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                     .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    char name[FL_CERTIFICATE_NAME_MAX + 1] = "";
    unsigned status = 0;
    unsigned count = 0;
    const gnutls_datum_t *raw;

    if (!conn || conn->session != session)
        return GNUTLS_E_CERTIFICATE_ERROR;
    raw = gnutls_certificate_get_peers(session, &count);
    if (!raw || count == 0)
        conn->refused = "it shows no certificate";
    else if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0 || status != 0)
        conn->refused = why_not(status);
    else if (!read_name(&raw[0], name))
        conn->refused = "its certificate does not name one site";
    else if (open_of(conn->door, name) >= (conn->door->connections_max + 1) / 2)
        conn->refused = "that site has half of all connections";
    if (conn->refused)
        return GNUTLS_E_CERTIFICATE_ERROR;
    memcpy(conn->peer, name, sizeof(conn->peer));
    conn->proved = true;
    return 0;
}

/* Its certificate has come, or that it has none. */
static int note(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                const gnutls_datum_t *message)
{
    struct conn *conn = conn_of(session);

    (void)type;
    (void)when;
    (void)message;
    if (conn && incoming)
        conn->told = true;
    return 0;
}

void fl_door_demand(struct conn *conn)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    conn->session = info ? info->tls_session : NULL;
    if (!conn->session)
        return;
    gnutls_session_set_ptr(conn->session, conn);
    gnutls_certificate_server_set_request(conn->session, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_function(conn->session, judge);
    gnutls_handshake_set_hook_function(conn->session, GNUTLS_HANDSHAKE_CERTIFICATE_PKT,
                                       GNUTLS_HOOK_BOTH, note);
}
