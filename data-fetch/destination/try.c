/* The first question of whoever sets up a destination: does it work, and if not, what to do? */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/by_hand.h"
#include "data-fetch/destination/driver.h"
#include "data-fetch/lines/site.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define TRY_BYTES ((size_t)64 * 1024)
#define FILE_NAME "try.bin"

int fl_destination_named(const struct fl_world *world, const struct fl_site *site, const char *name,
                         struct fl_destination **ret_dest, struct fl_err *reterr)
{
    struct fl_destination_spec spec;
    int rc;

    if (strchr(name, '/') || strcmp(name, ".") == 0)
        return fl_destination_open_folder(world, name, ret_dest, reterr);
    rc = fl_destination_spec_read(site, name, &spec, reterr);
    return rc == 0 ? fl_destination_open(world, &spec, site->secrets, ret_dest, reterr) : rc;
}

struct trial {
    struct fl_destination *dest;
    fl_dest_step_fn step;
    void *arg;
    char set[64]; /* a name nobody else has */
    char local[128];
    char path[128];
    char sha256[FL_DIGEST_HEX];
    bool given;
    struct fl_dest_set *handle;
    struct fl_dest_end end;
    struct fl_err err;
};

/* What may help, by what went wrong. */
static const char *advice(const struct trial *trial, int rc)
{
    const char *kind = trial->dest->caps.kind;
    bool sftp = strcmp(kind, "sftp") == 0;

    switch (rc) {
    case FL_E_PERM:
        return sftp ? "check 'user', 'key' or 'password', 'host_key' (ssh-keygen -lf of the "
                      "server's public key), and the folder's owner there"
               : strcmp(kind, "s3") == 0
                   ? "check 'access_key', 'secret_key', 'region', the bucket's policy and this "
                     "machine's clock"
                   : "check the user, the password or token, the certificate ('ca'), and the "
                     "folder's rights";
    case FL_E_NOSPACE:
        return "make room there";
    case FL_E_CONFIG:
    case FL_E_NOENT:
        return "check 'url', 'path' or 'bucket': the folder must be there already";
    case FL_E_NET:
    case FL_E_TIMEOUT:
        return "check the host and the port, and what lies between";
    case FL_E_MISMATCH:
        return "something between here and there changes bytes";
    case FL_E_UNSUPPORTED:
        return "the server does not do what this kind of destination needs";
    default:
        return "";
    }
}

static int report(struct trial *trial, const char *step, int rc, const char *words)
{
    char text[FL_ERR_TEXT_MAX + 256];
    const char *help = rc < 0 ? advice(trial, rc) : "";

    (void)snprintf(text, sizeof(text), "%s%s%s", rc < 0 ? trial->err.text : words,
                   help[0] ? "; " : "", help);
    trial->step(step, rc, text, trial->arg);
    return rc;
}

static int give_one(struct fl_dest_file *ret_file, struct fl_err *reterr, void *arg)
{
    struct trial *trial = arg;

    (void)reterr;
    if (trial->given)
        return 0;
    trial->given = true;
    *ret_file = (struct fl_dest_file){.local = trial->local,
                                      .name = FILE_NAME,
                                      .sha256 = trial->sha256,
                                      .size = (int64_t)TRY_BYTES};
    return 1;
}

static int take_end(const struct fl_dest_end *end, struct fl_err *reterr, void *arg)
{
    struct trial *trial = arg;

    (void)reterr;
    trial->end = *end;
    return 0;
}

static int write_file(const struct fl_world *world, const char *path, const void *data,
                      struct fl_err *reterr)
{
    int fd = world->ops->open(path, O_WRONLY | O_CREAT | O_EXCL, 0600, world->arg);
    ssize_t n;

    if (fd < 0)
        return fl_err_errno(reterr, -fd, "open '%s'", path);
    n = world->ops->pwrite(fd, data, TRY_BYTES, 0, world->arg);
    (void)world->ops->close(fd, world->arg); /* needed for a moment only */
    if (n < 0)
        return fl_err_errno(reterr, (int)-n, "write '%s'", path);
    return n == (ssize_t)TRY_BYTES ? 0 : fl_err_set(reterr, FL_E_NOSPACE, 0, "write '%s'", path);
}

static int make_file(struct trial *trial, struct fl_err *reterr)
{
    const struct fl_world *world = trial->dest->world;
    const char *folder = getenv("TMPDIR");
    char digits[17];
    char *data = malloc(TRY_BYTES);
    int rc = data ? fl_world_random_hex(world, digits, 16, reterr)
                  : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0)
        rc = fl_world_random(world, data, TRY_BYTES, reterr);
    if (rc == 0) {
        (void)snprintf(trial->set, sizeof(trial->set), "fairlead-try-%s", digits);
        (void)snprintf(trial->path, sizeof(trial->path), "%s/" FILE_NAME, trial->set);
        (void)snprintf(trial->local, sizeof(trial->local), "%.80s/fairlead-try-%s",
                       folder && folder[0] ? folder : "/tmp", digits);
        fl_digest_memory(data, TRY_BYTES, trial->sha256);
        rc = write_file(world, trial->local, data, reterr);
    }
    free(data);
    return rc;
}

/* ---- the steps ---- */

static int try_reach(struct trial *trial)
{
    char words[FL_PATH_MAX + 64];
    struct fl_dest_stat info;
    int rc =
        fl_dest_begin(trial->dest, trial->set, NULL, FL_DEST_WHOLE, &trial->handle, &trial->err);

    if (rc == 0) { /* the set is not there, but the place that says so is */
        rc = fl_dest_stat(trial->dest, trial->set, &info, &trial->err);
        rc = rc == FL_E_NOENT ? 0 : rc;
    }
    (void)snprintf(words, sizeof(words), "%s answers", trial->dest->where);
    return report(trial, "reach", rc, words);
}

static int try_space(struct trial *trial)
{
    uint64_t bytes = 0;
    char words[64];
    int rc = fl_dest_space(trial->dest, &bytes, &trial->err);

    if (rc < 0) /* many do not tell; that is no failure */
        (void)snprintf(words, sizeof(words), "is not told; a full disk shows when it is full");
    else
        (void)snprintf(words, sizeof(words), "%.1f GiB free", (double)bytes / (1 << 30));
    return report(trial, "space", 0, words);
}

static int try_send(struct trial *trial)
{
    struct fl_dest_source source = {.next = give_one, .end = take_end, .arg = trial};
    char words[128];
    int rc = fl_dest_send(trial->handle, &source, &trial->err);

    (void)snprintf(words, sizeof(words), "%zu bytes, proof: %s", TRY_BYTES,
                   fl_dest_proof_name(trial->end.proof));
    return report(trial, "send", rc, words);
}

static int try_publish(struct trial *trial)
{
    struct fl_dest_source source = {.next = give_one, .arg = trial};
    bool whole = fl_dest_set_mode(trial->handle) == FL_DEST_WHOLE;
    int rc;

    trial->given = false;
    rc = fl_dest_release(trial->handle, &source, &trial->err);
    if (rc == 0)
        rc = fl_dest_publish(trial->handle, &trial->err);
    return report(trial, "publish", rc,
                  whole ? "a set appears at once, by one rename"
                        : "no rename here: a set is whole when its MANIFEST is there");
}

static int try_read(struct trial *trial)
{
    char hex[FL_DIGEST_HEX] = "";
    int rc = fl_dest_digest(trial->dest, trial->path, hex, NULL, &trial->err);

    if (rc == 0 && strcmp(hex, trial->sha256) != 0)
        rc = fl_err_set(&trial->err, FL_E_MISMATCH, 0, "what is read is not what was sent");
    return report(trial, "read", rc, "the same bytes came back");
}

static int try_replace(struct trial *trial)
{
    char moved[160];
    int rc;

    (void)snprintf(moved, sizeof(moved), "%s/moved", trial->set);
    rc = fl_dest_move(trial->dest, trial->path, moved, &trial->err);
    return report(trial, "move", rc, "files can be moved aside");
}

static int try_remove(struct trial *trial)
{
    struct fl_dest_stat info;
    int rc = fl_dest_remove_tree(trial->dest, trial->set, &trial->err);

    if (rc == 0) {
        rc = fl_dest_stat(trial->dest, trial->path, &info, &trial->err);
        rc = rc == 0 ? fl_err_set(&trial->err, FL_E_REFUSED, 0, "'%s' is still there", trial->path)
                     : 0;
    }
    return report(trial, "remove", rc, "nothing is left of this trial");
}

int fl_destination_try(struct fl_destination *dest, fl_dest_step_fn step, void *arg,
                       struct fl_err *reterr)
{
    static int (*const steps[])(struct trial *) = {try_reach,   try_space, try_send,
                                                   try_publish, try_read,  try_replace};
    struct trial trial = {.dest = dest, .step = step, .arg = arg};
    int rc = make_file(&trial, reterr);

    if (rc < 0)
        return fl_err_note(reterr, rc, "a file to try with");
    for (size_t i = 0; i < FL_COUNT(steps) && rc == 0; i++)
        rc = steps[i](&trial);
    if (rc == 0) {
        rc = try_remove(&trial);
    } else if (trial.handle) { /* as much as can be; the error is known */
        (void)fl_dest_abandon(trial.handle, NULL);
        (void)fl_dest_remove_tree(dest, trial.set, NULL);
    }
    fl_dest_set_destroy(trial.handle);
    (void)fl_file_remove(dest->world, trial.local, NULL); /* in the folder for such */
    if (rc < 0 && reterr)
        *reterr = trial.err;
    return rc;
}
