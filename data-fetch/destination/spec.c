/* Destinations in the site file, read strictly. */
#include "config.h"

#include "data-fetch/destination/spec.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data-fetch/command/settings.h"
#include "data-fetch/destination/destination.h"
#include "data-fetch/destination/secret.h"
#include "data-fetch/lines/site.h"

#include "engine/base/banned.h"

typedef const struct config_setting_t setting;

struct reader {
    const struct fl_settings *settings;
    setting *group;
    struct fl_destination_spec *spec;
    struct fl_err *err;
};

static const char *const kinds[] = {"directory", "sftp", "s3", "webdav", "site", NULL};
enum { KIND_DIRECTORY, KIND_SFTP, KIND_S3, KIND_WEBDAV, KIND_SITE };

static const char *const directory_keys[] = {"kind", "path", "inflight", NULL};
static const char *const sftp_keys[] = {"kind",  "url",        "user",     "password",
                                        "key",   "passphrase", "host_key", "known_hosts",
                                        "proof", "inflight",   "cap",      NULL};
static const char *const s3_keys[] = {"kind",     "url", "bucket", "bucket_in_host", "region",
                                      "part",     "ca",  "plain",  "access_key",     "secret_key",
                                      "inflight", "cap", NULL};
static const char *const webdav_keys[] = {"kind",     "url",  "user",  "password", "token",
                                          "ca",       "part", "plain", "pieces",   "proof",
                                          "inflight", "cap",  NULL};
static const char *const site_keys[] = {"kind", "site", NULL};
static const char *const *const keys_of[] = {directory_keys, sftp_keys, s3_keys, webdav_keys,
                                             site_keys};

static int read_text(const struct reader *r, const char *key, bool needed, char *out, size_t size)
{
    return fl_settings_copy(r->settings, r->group, key, needed, out, size, r->err);
}

/* A reference; what is written in clear is refused without being shown. */
static int read_secret(const struct reader *r, const char *key, bool needed, char *out, size_t size)
{
    const char *text = NULL;
    int rc = fl_settings_text(r->settings, r->group, key, needed, &text, r->err);

    out[0] = '\0';
    if (rc < 0 || !text)
        return rc;
    if (!fl_secret_is_reference(text) || strlen(text) >= size)
        return fl_settings_bad(r->settings, fl_settings_member(r->group, key), r->err,
                               "'%s' of destination '%s' is written in clear; accepted: "
                               "\"secret:NAME\", where NAME is a file in the site's folder of "
                               "secrets",
                               key, r->spec->name);
    (void)snprintf(out, size, "%s", text);
    return 0;
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           strncasecmp(host, "localhost", 9) == 0;
}

static int read_url(const struct reader *r, const char *scheme, const char *secure)
{
    struct fl_destination_spec *spec = r->spec;
    setting *at = fl_settings_member(r->group, "url");
    const char *host;
    size_t length;
    int rc = read_text(r, "url", true, spec->url, sizeof(spec->url));

    if (rc < 0)
        return rc;
    host = strstr(spec->url, "://");
    length = host ? strcspn(host + 3, "/?#") : 0;
    if (host && memchr(host + 3, '@', length))
        return fl_settings_bad(r->settings, at, r->err,
                               "'url' of destination '%s' has a user or a password in it; those "
                               "are keys of their own",
                               spec->name);
    if (!host || length == 0 ||
        (strncmp(spec->url, scheme, strlen(scheme)) != 0 &&
         (!secure || strncmp(spec->url, secure, strlen(secure)) != 0)) ||
        strpbrk(host, "?#\\\"") || strstr(host, "/../") || strstr(host + 3, "/~"))
        return fl_settings_bad(r->settings, at, r->err,
                               "'url' of destination '%s' is '%.200s'; accepted: %s%s%sHOST[:PORT]"
                               "/PATH, where PATH is an absolute one",
                               spec->name, spec->url, secure ? secure : "", secure ? " or " : "",
                               scheme);
    if (secure && strncmp(spec->url, secure, strlen(secure)) != 0 && !spec->plain &&
        !is_loopback(host + 3))
        return fl_settings_bad(r->settings, at, r->err,
                               "destination '%s' would be reached without encryption; use "
                               "https://…, or say plain = true",
                               spec->name);
    return 0;
}

/* A path; a relative one is beside the site file. */
static int read_path(const struct reader *r, const char *key, bool needed, char *out, size_t size)
{
    const char *path = fl_settings_path(r->settings);
    const char *text = "";
    int folder = 0;
    int rc = fl_settings_text(r->settings, r->group, key, needed, &text, r->err);

    if (rc == 0 && text[0] && text[0] != '/')
        folder = (int)(fl_path_base(path) - path);
    if (rc == 0 && (size_t)snprintf(out, size, "%.*s%s", folder, path, text) >= size)
        rc = fl_settings_bad(r->settings, fl_settings_member(r->group, key), r->err,
                             "'%s' is too long a path", key);
    return rc;
}

static int read_proof(const struct reader *r)
{
    static const char *const words[] = {"read", "size", NULL};
    int word = 0;
    int rc = fl_settings_word(r->settings, r->group, "proof", words, false, &word, r->err);

    r->spec->trust_size = word == 1;
    return rc;
}

static int read_common(const struct reader *r)
{
    int64_t inflight = 0;
    int rc = fl_settings_int(r->settings, r->group, "inflight", 1, FL_DEST_INFLIGHT_MAX, &inflight,
                             r->err);

    r->spec->inflight = (int)inflight;
    if (rc == 0)
        rc = fl_settings_rate(r->settings, r->group, "cap", &r->spec->cap_bytes_s, r->err);
    return rc;
}

#define PART_LOW (INT64_C(5) << 20)
#define PART_HIGH (INT64_C(5) << 30)

static int read_part(const struct reader *r)
{
    struct fl_destination_spec *spec = r->spec;
    int rc = fl_settings_bytes(r->settings, r->group, "part", &spec->part_bytes, r->err);

    if (rc == 0 && spec->part_bytes &&
        (spec->part_bytes < PART_LOW || spec->part_bytes > PART_HIGH))
        rc = fl_settings_bad(r->settings, fl_settings_member(r->group, "part"), r->err,
                             "'part' of destination '%s'; accepted: 5MiB to 5GiB", spec->name);
    return rc;
}

static int read_sftp(const struct reader *r)
{
    struct fl_destination_spec *spec = r->spec;
    int rc = read_url(r, "sftp://", NULL);

    if (rc == 0)
        rc = read_text(r, "user", true, spec->user, sizeof(spec->user));
    if (rc == 0)
        rc = read_secret(r, "password", false, spec->password, sizeof(spec->password));
    if (rc == 0)
        rc = read_secret(r, "key", false, spec->key, sizeof(spec->key));
    if (rc == 0)
        rc = read_secret(r, "passphrase", false, spec->passphrase, sizeof(spec->passphrase));
    if (rc == 0)
        rc = read_text(r, "host_key", false, spec->host_key, sizeof(spec->host_key));
    if (rc == 0)
        rc = read_path(r, "known_hosts", false, spec->known_hosts, sizeof(spec->known_hosts));
    if (rc == 0)
        rc = read_proof(r);
    if (rc < 0)
        return rc;
    if (!spec->password[0] == !spec->key[0])
        return fl_settings_bad(r->settings, r->group, r->err,
                               "destination '%s' needs one of 'key' and 'password'", spec->name);
    if (!spec->host_key[0] == !spec->known_hosts[0])
        return fl_settings_bad(r->settings, r->group, r->err,
                               "destination '%s' needs one of 'host_key' (\"SHA256:…\", as "
                               "ssh-keygen -lf tells it) and 'known_hosts' (a file)",
                               spec->name);
    if (spec->host_key[0] && strncmp(spec->host_key, "SHA256:", 7) != 0)
        return fl_settings_bad(r->settings, fl_settings_member(r->group, "host_key"), r->err,
                               "'host_key' of destination '%s'; accepted: \"SHA256:…\"",
                               spec->name);
    return 0;
}

static int read_s3(const struct reader *r)
{
    struct fl_destination_spec *spec = r->spec;
    int rc = fl_settings_bool(r->settings, r->group, "plain", &spec->plain, r->err);

    if (rc == 0)
        rc = read_url(r, "http://", "https://");
    if (rc == 0)
        rc = read_text(r, "bucket", true, spec->bucket, sizeof(spec->bucket));
    if (rc == 0)
        rc = fl_settings_bool(r->settings, r->group, "bucket_in_host", &spec->bucket_in_host,
                              r->err);
    if (rc == 0)
        rc = read_text(r, "region", false, spec->region, sizeof(spec->region));
    if (rc == 0) /* an id is no secret, but may be kept like one */
        rc = read_text(r, "access_key", true, spec->access_key, sizeof(spec->access_key));
    if (rc == 0)
        rc = read_secret(r, "secret_key", true, spec->secret_key, sizeof(spec->secret_key));
    if (rc == 0)
        rc = read_path(r, "ca", false, spec->ca, sizeof(spec->ca));
    if (rc == 0)
        rc = read_part(r);
    if (rc == 0 && !fl_name_is_safe(spec->bucket))
        rc = fl_settings_bad(r->settings, fl_settings_member(r->group, "bucket"), r->err,
                             "'bucket' of destination '%s' is no name of a bucket", spec->name);
    if (rc == 0 && !spec->region[0])
        (void)snprintf(spec->region, sizeof(spec->region), "us-east-1");
    return rc;
}

static int read_webdav(const struct reader *r)
{
    struct fl_destination_spec *spec = r->spec;
    int rc = fl_settings_bool(r->settings, r->group, "plain", &spec->plain, r->err);

    if (rc == 0)
        rc = read_url(r, "http://", "https://");
    if (rc == 0)
        rc = read_text(r, "user", false, spec->user, sizeof(spec->user));
    if (rc == 0)
        rc = read_secret(r, "password", spec->user[0], spec->password, sizeof(spec->password));
    if (rc == 0)
        rc = read_secret(r, "token", false, spec->token, sizeof(spec->token));
    if (rc == 0)
        rc = read_path(r, "ca", false, spec->ca, sizeof(spec->ca));
    if (rc == 0)
        rc = fl_settings_bool(r->settings, r->group, "pieces", &spec->pieces, r->err);
    if (rc == 0)
        rc = read_part(r);
    if (rc == 0)
        rc = read_proof(r);
    if (rc == 0 && spec->user[0] && spec->token[0])
        rc = fl_settings_bad(r->settings, r->group, r->err,
                             "destination '%s' has both 'user' and 'token'", spec->name);
    return rc;
}

static int read_one(const struct reader *r)
{
    struct fl_destination_spec *spec = r->spec;
    int kind = 0;
    int rc = fl_settings_word(r->settings, r->group, "kind", kinds, true, &kind, r->err);

    if (rc == 0)
        rc = fl_settings_known(r->settings, r->group, keys_of[kind], r->err);
    if (rc < 0)
        return rc;
    (void)snprintf(spec->kind, sizeof(spec->kind), "%s", kinds[kind]);
    if (kind == KIND_DIRECTORY)
        rc = read_path(r, "path", true, spec->path, sizeof(spec->path));
    else if (kind == KIND_SFTP)
        rc = read_sftp(r);
    else if (kind == KIND_S3)
        rc = read_s3(r);
    else if (kind == KIND_WEBDAV)
        rc = read_webdav(r);
    else
        rc = read_text(r, "site", true, spec->user, sizeof(spec->user));
    return rc == 0 ? read_common(r) : rc;
}

int fl_destination_spec_read(const struct fl_site *site, const char *name,
                             struct fl_destination_spec *ret_spec, struct fl_err *reterr)
{
    struct fl_destination_spec spec = {0};
    struct reader r = {.spec = &spec, .err = reterr};
    char names[512] = "";
    size_t used = 0;
    int rc;

    for (size_t i = 0; i < fl_destination_spec_count(site) && used + 80 < sizeof(names); i++)
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%.64s", i ? ", " : "",
                                 fl_destination_spec_name(site, i));
    if (!site)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "destination '%.100s': there is no site file (--site FILE or "
                          "FAIRLEAD_SITE)",
                          name);
    r.settings = site->settings;
    rc = site->destinations ? fl_settings_group(site->settings, site->destinations, name, NULL,
                                                false, &r.group, reterr)
                            : 0;
    if (rc < 0)
        return rc;
    if (!r.group)
        return fl_err_set(reterr, FL_E_NOENT, 0, "destination '%.100s' is not in '%s'; there: %s",
                          name, fl_settings_path(site->settings), used ? names : "none");
    if (snprintf(spec.name, sizeof(spec.name), "%s", name) >= (int)sizeof(spec.name))
        rc = fl_settings_bad(site->settings, r.group, reterr,
                             "destination '%.100s': at most %zu letters are accepted", name,
                             sizeof(spec.name) - 1);
    if (rc == 0)
        rc = read_one(&r);
    if (rc == 0)
        *ret_spec = spec;
    return rc;
}

size_t fl_destination_spec_count(const struct fl_site *site)
{
    return site && site->destinations ? fl_settings_count(site->destinations) : 0;
}

const char *fl_destination_spec_name(const struct fl_site *site, size_t index)
{
    return fl_settings_name(fl_settings_at(site->destinations, index));
}
