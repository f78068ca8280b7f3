/* The files of the sites' keys. */
#include "config.h"

#include "engine/bus/sites.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/sign.h"
#include "engine/world/certificate.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define FILE_MAX ((size_t)16384)
#define OTHERS 077
#define SECOND_NS INT64_C(1000000000)

static const char *const reserved[] = {"ca", "coordinator", "worker", "client", "grant"};

static void wipe(struct fl_buf *buf)
{
    if (buf->data)
        explicit_bzero(buf->data, buf->size);
    fl_buf_release(buf);
}

static int file_in(const char *dir, const char *name, const char *suffix, char path[FL_PATH_MAX],
                   struct fl_err *reterr)
{
    char file[FL_PATH_MAX];

    if (snprintf(file, sizeof(file), "%s%s", name, suffix) >= (int)sizeof(file))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the name of a key is too long");
    return fl_path_join(dir, file, path, FL_PATH_MAX, reterr);
}

static bool have(const struct fl_world *world, const char *dir, const char *name,
                 const char *suffix)
{
    char path[FL_PATH_MAX];

    return file_in(dir, name, suffix, path, NULL) == 0 && fl_file_exists(world, path);
}

static int read_in(const struct fl_world *world, const char *dir, const char *name,
                   const char *suffix, struct fl_buf *out, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    struct fl_stat info;
    bool secret = strcmp(suffix, ".key") == 0;
    int rc = file_in(dir, name, suffix, path, reterr);

    if (rc == 0)
        rc = fl_file_stat(world, path, &info, reterr);
    if (rc == 0 && secret && (info.mode & OTHERS) != 0)
        return fl_err_set(reterr, FL_E_PERM, 0,
                          "secret key '%s' has mode %04o: others can get at it; chmod 600, or make "
                          "a new one",
                          path, info.mode & 07777);
    return rc < 0 ? rc : fl_file_read(world, path, FILE_MAX, out, reterr);
}

/* The public half first: a key without it is made again. */
static int write_pair(const struct fl_world *world, const char *dir, const char *name,
                      const char *suffix, const struct fl_buf *public, const struct fl_buf *secret,
                      struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc = file_in(dir, name, suffix, path, reterr);

    if (rc == 0)
        rc = fl_file_publish_mode(world, path, public->data, public->size, 0644, reterr);
    if (rc == 0)
        rc = file_in(dir, name, ".key", path, reterr);
    if (rc == 0)
        rc = fl_file_publish_mode(world, path, secret->data, secret->size, 0600, reterr);
    return rc;
}

/* Two starts at once would each write half of a pair. */
static int lock(const struct fl_world *world, const char *dir, int *ret_fd, struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc = fl_dir_make(world, dir, 0700, reterr);

    if (rc == 0)
        rc = fl_path_join(dir, ".lock", path, sizeof(path), reterr);
    return rc < 0 ? rc : fl_lock_wait(world, path, ret_fd, reterr);
}

/* Makes the authority, or the grant pair, where it is absent. */
static int make_absent(const struct fl_world *world, const char *dir, bool authority,
                       struct fl_err *reterr)
{
    const char *name = authority ? "ca" : "grant";
    const char *suffix = authority ? ".pem" : ".pub";
    struct fl_buf secret;
    struct fl_buf public;
    int rc;

    if (have(world, dir, name, ".key") && have(world, dir, name, suffix))
        return 0;
    fl_buf_init(&secret, FILE_MAX);
    fl_buf_init(&public, FILE_MAX);
    rc = authority
             ? fl_certificate_make_ca(fl_world_utc_ns(world) / SECOND_NS, &secret, &public, reterr)
             : fl_certificate_make_pair(&secret, &public, reterr);
    if (rc == 0)
        rc = write_pair(world, dir, name, suffix, &public, &secret, reterr);
    wipe(&secret);
    wipe(&public);
    return rc < 0 ? fl_err_note(reterr, rc, "%s.key in '%s'", name, dir) : 0;
}

int fl_sites_setup_grant(const struct fl_world *world, const char *dir, struct fl_err *reterr)
{
    int lock_fd = -1;
    int rc = lock(world, dir, &lock_fd, reterr);

    if (rc == 0)
        rc = make_absent(world, dir, false, reterr);
    fl_lock_release(world, lock_fd);
    return rc;
}

int fl_sites_setup(const struct fl_world *world, const char *dir, struct fl_err *reterr)
{
    int lock_fd = -1;
    int rc = lock(world, dir, &lock_fd, reterr);

    if (rc == 0)
        rc = make_absent(world, dir, true, reterr);
    if (rc == 0)
        rc = make_absent(world, dir, false, reterr);
    fl_lock_release(world, lock_fd);
    return rc;
}

static int check_name(const char *site, struct fl_err *reterr)
{
    bool taken = false;

    for (size_t i = 0; i < FL_COUNT(reserved); i++)
        taken = taken || strcmp(site, reserved[i]) == 0;
    if (taken || !fl_certificate_name_is_good(site))
        return fl_err_set(
            reterr, FL_E_USAGE, 0,
            "'%.80s' cannot be the name of a site's key; accepted: up to %d letters, "
            "digits, '-', '_' and '.', but not ca, coordinator, worker, client, grant",
            site, FL_CERTIFICATE_NAME_MAX);
    return 0;
}

static int make_site(const struct fl_world *world, const char *dir, const char *site,
                     struct fl_err *reterr)
{
    struct fl_buf texts[4]; /* the authority's key and certificate, the site's */
    int rc;

    for (size_t i = 0; i < FL_COUNT(texts); i++)
        fl_buf_init(&texts[i], FILE_MAX);
    rc = read_in(world, dir, "ca", ".key", &texts[0], reterr);
    if (rc == 0)
        rc = read_in(world, dir, "ca", ".pem", &texts[1], reterr);
    if (rc == FL_E_NOENT)
        rc = fl_err_set(reterr, FL_E_NOENT, 0,
                        "'%s' has no ca.key and ca.pem: sites' keys are made where the coordinator "
                        "is; begin with: fairlead keys setup",
                        dir);
    if (rc == 0)
        rc = fl_certificate_make_site(fl_world_utc_ns(world) / SECOND_NS, site, &texts[0],
                                      &texts[1], &texts[2], &texts[3], reterr);
    if (rc == 0)
        rc = write_pair(world, dir, site, ".pem", &texts[3], &texts[2], reterr);
    for (size_t i = 0; i < FL_COUNT(texts); i++)
        wipe(&texts[i]);
    return rc;
}

int fl_sites_make(const struct fl_world *world, const char *dir, const char *site,
                  struct fl_err *reterr)
{
    int lock_fd = -1;
    int rc = check_name(site, reterr);

    if (rc == 0)
        rc = lock(world, dir, &lock_fd, reterr);
    if (rc == 0 && have(world, dir, site, ".key"))
        rc = fl_err_set(reterr, FL_E_EXISTS, 0,
                        "site '%s' has a key in '%s'; remove %s.key first to make another", site,
                        dir, site);
    if (rc == 0)
        rc = make_site(world, dir, site, reterr);
    fl_lock_release(world, lock_fd);
    return rc;
}

int fl_sites_read(const struct fl_world *world, const char *path, char *name, size_t size,
                  int64_t *ret_until_s, struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf text;
    char found[FL_CERTIFICATE_NAME_MAX + 1];
    int rc;

    fl_buf_init(&text, FILE_MAX);
    rc = fl_file_read(world, path, FILE_MAX, &text, reterr);
    if (rc == 0)
        rc = fl_certificate_read(&text, found, ret_until_s, reterr);
    if (rc == 0)
        (void)snprintf(name, size, "%s", found);
    return rc;
}

bool fl_sites_have(const struct fl_world *world, const char *dir, const char *site)
{
    return fl_certificate_name_is_good(site) && have(world, dir, site, ".pem") &&
           have(world, dir, site, ".key");
}

int fl_sites_load_grant(const struct fl_world *world, const char *dir, struct fl_sign_key **ret_key,
                        struct fl_err *reterr)
{
    struct fl_buf text;
    int rc;

    fl_buf_init(&text, FILE_MAX);
    rc = read_in(world, dir, "grant", ".key", &text, reterr);
    if (rc == 0)
        rc = fl_sign_key_read(text.data, text.size, true, ret_key, reterr);
    wipe(&text);
    return rc < 0 ? fl_err_note(reterr, rc, "grant.key in '%s'", dir) : 0;
}
