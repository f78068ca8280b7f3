/* Destinations: what is the same for every driver. */
#include "config.h"

#include "data-fetch/destination/destination.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/destination/driver.h"
#include "engine/base/path.h"

#include "engine/base/banned.h"

#define COMPONENT_MAX 255
#define BASE_KEPT 160 /* of a long name in its hidden one */

static const struct fl_dest_driver *const drivers[] = {&fl_dest_directory, &fl_dest_sftp,
                                                       &fl_dest_webdav, &fl_dest_s3};

const char *fl_dest_proof_name(enum fl_dest_proof proof)
{
    switch (proof) {
    case FL_DEST_PROOF_NONE:
        return "none";
    case FL_DEST_PROOF_WRITTEN:
        return "written";
    case FL_DEST_PROOF_READ:
        return "read back";
    case FL_DEST_PROOF_CHECKSUM:
        return "checksum";
    case FL_DEST_PROOF_GIVEN:
        return "recorded";
    }
    return "none";
}

/* ---- names ---- */

bool fl_dest_is_hidden(const char *path)
{
    return path[0] == '.' || strstr(path, "/.");
}

void fl_dest_folder_of(const char *path, char *out, size_t size)
{
    size_t length = (size_t)(fl_path_base(path) - path);

    length -= length > 0;
    fl_assert(length < size);
    memmove(out, path, length);
    out[length] = '\0';
}

int fl_dest_join(const char *folder, const char *name, char *out, size_t size,
                 struct fl_err *reterr)
{
    if (folder[0])
        return fl_path_join(folder, name, out, size, reterr);
    if (!fl_path_is_safe(name))
        return fl_err_set(reterr, FL_E_PERM, 0, "'%.200s' is no path below the destination", name);
    if (snprintf(out, size, "%s", name) >= (int)size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path '%.200s' is too long", name);
    return 0;
}

int fl_dest_hidden_name(const char *path, const char *key, char *out, size_t size,
                        struct fl_err *reterr)
{
    const char *base = fl_path_base(path);
    char hex[FL_DIGEST_HEX] = "";
    int kept = (int)strlen(base);
    int used;

    if (strlen(base) + strlen(key) + 7 > COMPONENT_MAX) { /* two of them may begin alike */
        fl_digest_memory(base, strlen(base), hex);
        kept = BASE_KEPT;
    }
    used = snprintf(out, size, "%.*s.%.*s%.16s.%s.part", (int)(base - path), path, kept, base, hex,
                    key);
    if (used < 0 || (size_t)used >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path '%.200s' is too long", path);
    return 0;
}

/* ---- opening ---- */

int fl_destination_open(const struct fl_world *world, const struct fl_destination_spec *spec,
                        const char *secrets, struct fl_destination **ret_dest,
                        struct fl_err *reterr)
{
    fl_auto(fl_destination_close) struct fl_destination *dest = calloc(1, sizeof(*dest));
    int rc;

    fl_assert(spec);
    fl_assert(ret_dest);
    if (dest)
        dest->piece = malloc(FL_DEST_PIECE);
    if (!dest || !dest->piece)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a destination");
    dest->world = world;
    dest->spec = *spec;
    if (secrets &&
        snprintf(dest->secrets, sizeof(dest->secrets), "%s", secrets) >= (int)sizeof(dest->secrets))
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path of the secrets is too long");
    for (size_t i = 0; i < FL_COUNT(drivers) && !dest->driver; i++) {
        if (strcmp(drivers[i]->kind, spec->kind) == 0)
            dest->driver = drivers[i];
    }
    if (strcmp(spec->kind, "site") == 0)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0,
                          "destination '%s': the door of site '%s' gives files out and takes none "
                          "in; let that site pull: run the delivery in a pool there",
                          spec->name, spec->user);
    if (!dest->driver)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0, "destination '%s': kind '%s' is not known",
                          spec->name, spec->kind);
    rc = dest->driver->open(dest, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "destination '%s'", spec->name);
    fl_assert(dest->inflight > 0 && dest->inflight <= FL_DEST_INFLIGHT_MAX);
    *ret_dest = FL_STEAL(dest);
    return 0;
}

int fl_destination_open_folder(const struct fl_world *world, const char *folder,
                               struct fl_destination **ret_dest, struct fl_err *reterr)
{
    struct fl_destination_spec spec = {.kind = "directory"};

    if (snprintf(spec.path, sizeof(spec.path), "%s", folder) >= (int)sizeof(spec.path) ||
        !folder[0])
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%.200s' is no path of a folder", folder);
    return fl_destination_open(world, &spec, NULL, ret_dest, reterr);
}

void fl_destination_close(struct fl_destination *dest)
{
    if (!dest)
        return;
    if (dest->driver && dest->driver->close)
        dest->driver->close(dest);
    fl_http_destroy(dest->http);
    free(dest->piece);
    free(dest);
}

const struct fl_dest_caps *fl_destination_caps(const struct fl_destination *dest)
{
    return &dest->caps;
}

const char *fl_destination_name(const struct fl_destination *dest)
{
    return dest->spec.name[0] ? dest->spec.name : dest->spec.path;
}

const char *fl_destination_where(const struct fl_destination *dest)
{
    return dest->where;
}

/* ---- sets ---- */

static bool key_is_plain(const char *key)
{
    if (!*key || strlen(key) >= FL_DEST_NAME_MAX)
        return false;
    for (; *key; key++) {
        if (!isalnum((unsigned char)*key) && !strchr("._-", *key))
            return false;
    }
    return true;
}

int fl_dest_begin(struct fl_destination *dest, const char *set, const char *key,
                  enum fl_dest_mode mode, struct fl_dest_set **ret_set, struct fl_err *reterr)
{
    fl_auto(fl_dest_set_destroy) struct fl_dest_set *made = NULL;
    struct fl_dest_stat info;
    int rc = 0;

    key = key ? key : "set";
    if (set[0] && (!fl_path_is_safe(set) || fl_dest_is_hidden(set)))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "set '%.200s': a relative path without '..' and hidden parts is accepted",
                          set);
    if (!key_is_plain(key))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "key '%.100s' of set '%.200s': at most %d letters, digits, '.', '_' and "
                          "'-' are accepted",
                          key, set, FL_DEST_NAME_MAX - 1);
    made = calloc(1, sizeof(*made));
    if (!made)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for a set");
    made->dest = dest;
    made->mode = dest->caps.whole && set[0] ? mode : FL_DEST_EACH;
    (void)snprintf(made->path, sizeof(made->path), "%s", set);
    (void)snprintf(made->key, sizeof(made->key), "%s", key);
    rc = fl_dest_hidden_name(set, key, made->hidden, sizeof(made->hidden), reterr);
    if (rc == 0 && made->mode == FL_DEST_WHOLE) {
        rc = dest->driver->stat(dest, set, &info, reterr);
        if (rc == 0)
            made->mode = FL_DEST_EACH;
        rc = rc == FL_E_NOENT ? 0 : rc;
    }
    if (rc < 0)
        return fl_err_note(reterr, rc, "set '%s'", set);
    *ret_set = FL_STEAL(made);
    return 0;
}

void fl_dest_set_destroy(struct fl_dest_set *set)
{
    free(set);
}

enum fl_dest_mode fl_dest_set_mode(const struct fl_dest_set *set)
{
    return set->mode;
}

int fl_dest_send(struct fl_dest_set *set, const struct fl_dest_source *source,
                 struct fl_err *reterr)
{
    struct fl_destination *dest = set->dest;
    int rc = 0;

    if (dest->driver->ready && !dest->is_ready)
        rc = dest->driver->ready(dest, reterr);
    dest->is_ready = rc == 0;
    return rc == 0 ? fl_dest_run(set, FL_DEST_SEND, source, reterr) : rc;
}

int fl_dest_release(struct fl_dest_set *set, const struct fl_dest_source *source,
                    struct fl_err *reterr)
{
    if (set->mode == FL_DEST_WHOLE || !set->dest->caps.hidden)
        return 0;
    return fl_dest_run(set, FL_DEST_RELEASE, source, reterr);
}

int fl_dest_put(struct fl_dest_set *set, const char *name, const void *data, size_t size,
                struct fl_err *reterr)
{
    char path[FL_PATH_MAX];
    int rc;

    if (size > FL_DEST_SMALL_MAX)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0,
                          "'%.200s' of set '%s' has %zu bytes, %zu at most", name, set->path, size,
                          FL_DEST_SMALL_MAX);
    rc = fl_dest_join(set->mode == FL_DEST_WHOLE ? set->hidden : set->path, name, path,
                      sizeof(path), reterr);
    return rc == 0 ? set->dest->driver->put(set->dest, path, data, size, reterr) : rc;
}

int fl_dest_publish(struct fl_dest_set *set, struct fl_err *reterr)
{
    if (set->mode == FL_DEST_EACH)
        return 0;
    return set->dest->driver->move(set->dest, set->hidden, set->path, true, reterr);
}

int fl_dest_abandon(struct fl_dest_set *set, struct fl_err *reterr)
{
    if (!set->dest->caps.hidden)
        return 0;
    return set->dest->driver->remove_tree(set->dest, set->hidden, reterr);
}

/* ---- what is there ---- */

static int check_path(const char *path, struct fl_err *reterr)
{
    if (!fl_path_is_safe(path))
        return fl_err_set(reterr, FL_E_PERM, 0, "'%.200s' is no path below the destination", path);
    return 0;
}

int fl_dest_stat(struct fl_destination *dest, const char *path, struct fl_dest_stat *ret_stat,
                 struct fl_err *reterr)
{
    int rc = check_path(path, reterr);

    return rc == 0 ? dest->driver->stat(dest, path, ret_stat, reterr) : rc;
}

int fl_dest_list(struct fl_destination *dest, const char *path, bool hidden, fl_dest_list_fn fn,
                 struct fl_err *reterr, void *arg)
{
    int rc = path[0] ? check_path(path, reterr) : 0;

    if (rc == 0 && !dest->driver->list)
        rc = fl_err_set(reterr, FL_E_UNSUPPORTED, 0, "destination '%s' cannot be listed",
                        fl_destination_name(dest));
    return rc == 0 ? dest->driver->list(dest, path, hidden, fn, reterr, arg) : rc;
}

int fl_dest_read(struct fl_destination *dest, const char *path, fl_dest_sink_fn sink, void *arg,
                 struct fl_err *reterr)
{
    int rc = check_path(path, reterr);

    return rc == 0 ? dest->driver->read(dest, path, sink, arg, reterr) : rc;
}

static int add_small(const void *data, size_t size, void *arg)
{
    struct fl_buf *buf = arg;

    if (buf->size + size > FL_DEST_SMALL_MAX)
        return FL_E_TOO_BIG;
    fl_buf_add(buf, data, size);
    return buf->failed ? FL_E_TOO_BIG : 0;
}

int fl_dest_get(struct fl_destination *dest, const char *path, struct fl_buf *buf,
                struct fl_err *reterr)
{
    return fl_dest_read(dest, path, add_small, buf, reterr);
}

struct digest_sink {
    struct fl_digest *digest;
    uint64_t size;
};

static int add_digest(const void *data, size_t size, void *arg)
{
    struct digest_sink *sink = arg;

    fl_digest_add(sink->digest, data, size);
    sink->size += size;
    return 0;
}

int fl_dest_digest(struct fl_destination *dest, const char *path, char hex[static FL_DIGEST_HEX],
                   uint64_t *ret_size, struct fl_err *reterr)
{
    fl_auto(fl_digest_destroy) struct fl_digest *digest = NULL;
    struct digest_sink sink = {0};
    int rc = fl_digest_create(&digest, reterr);

    sink.digest = digest;
    if (rc == 0)
        rc = fl_dest_read(dest, path, add_digest, &sink, reterr);
    if (rc < 0)
        return rc;
    fl_digest_finish(digest, hex);
    if (ret_size)
        *ret_size = sink.size;
    return 0;
}

int fl_dest_move(struct fl_destination *dest, const char *from, const char *to,
                 struct fl_err *reterr)
{
    int rc = check_path(from, reterr);

    if (rc == 0)
        rc = check_path(to, reterr);
    return rc == 0 ? dest->driver->move(dest, from, to, false, reterr) : rc;
}

int fl_dest_remove(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    int rc = check_path(path, reterr);

    return rc == 0 ? dest->driver->remove(dest, path, reterr) : rc;
}

int fl_dest_remove_tree(struct fl_destination *dest, const char *path, struct fl_err *reterr)
{
    int rc = check_path(path, reterr);

    return rc == 0 ? dest->driver->remove_tree(dest, path, reterr) : rc;
}

int fl_dest_space(struct fl_destination *dest, uint64_t *ret_bytes, struct fl_err *reterr)
{
    if (!dest->driver->space)
        return fl_err_set(reterr, FL_E_UNSUPPORTED, 0, "destination '%s' does not tell its space",
                          fl_destination_name(dest));
    return dest->driver->space(dest, ret_bytes, reterr);
}
