#ifndef FL_DESTINATION_DESTINATION_H
#define FL_DESTINATION_DESTINATION_H

/* A place that products are delivered to: a folder, an SFTP server, an S3-compatible store, a
 * WebDAV server. One interface, a driver a kind. Paths are relative to the destination's root.
 *
 * A set is a folder of the destination. Its files come in under hidden names, many at a time, with
 * resume where the protocol has it, and each is proven before it counts. Two ways to be seen:
 *   FL_DEST_WHOLE  all files lie in a hidden folder beside the set's place, which gets its name by
 *                  one rename when the caller publishes;
 *   FL_DEST_EACH   each file gets its name when the caller releases it, by one rename.
 * A manifest is put last (fl_dest_put), so that a set with a manifest is whole. A store without
 * rename (S3) puts an object under its name at once, atomically; there the manifest alone is the
 * publication.
 *
 * Errors by class: TRANSIENT (FL_E_NET, FL_E_TIMEOUT, FL_E_IO, FL_E_AGAIN) after the retries;
 * FL_E_NOSPACE when the far side or its quota is full; CONFIG (FL_E_CONFIG, FL_E_PERM, FL_E_NOENT,
 * FL_E_REFUSED) for credentials, host keys, certificates, rights and missing folders, which end a
 * run at once; DATA (FL_E_MISMATCH) for bytes that did not come through as they were.
 *
 * Owns: connections, the files in flight. Threads: one at a time.
 * Limits: FL_DEST_INFLIGHT_MAX files in flight, FL_DEST_TRIES_MAX tries each, FL_DEST_SMALL_MAX
 * bytes a file put or got whole. Memory does not grow with the count or the size of files. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/buf.h"
#include "engine/base/digest.h"

#define FL_DEST_INFLIGHT_MAX 16
#define FL_DEST_TRIES_MAX 5
#define FL_DEST_SMALL_MAX ((size_t)64 * 1024 * 1024)
#define FL_DEST_NAME_MAX 64

struct fl_world;
struct fl_destination;
struct fl_destination_spec;
struct fl_dest_set;

enum fl_dest_mode {
    FL_DEST_WHOLE,
    FL_DEST_EACH,
};

/* Why a file's bytes at the far side are known to be right. */
enum fl_dest_proof {
    FL_DEST_PROOF_NONE,     /* not proven */
    FL_DEST_PROOF_WRITTEN,  /* written, synced and hashed by us */
    FL_DEST_PROOF_READ,     /* read back and hashed */
    FL_DEST_PROOF_CHECKSUM, /* the far side checked our checksums of the bytes */
    FL_DEST_PROOF_GIVEN,    /* the caller had a proof, and the size is right */
};
/* "none", "written", "read back", "checksum", "recorded". */
const char *fl_dest_proof_name(enum fl_dest_proof proof);

/* What a destination can do. */
struct fl_dest_caps {
    const char *kind;
    bool whole;  /* sets can be published by one rename */
    bool hidden; /* files are not seen before their release */
    bool move;
    bool list;
    bool resume; /* a file goes on where it stopped */
    bool synced; /* on stable storage when proven, as far as can be told */
    bool space;  /* the free space can be asked for */
    enum fl_dest_proof proof;
};

/* One file to send or to release. Texts are borrowed until the next call of the source. */
struct fl_dest_file {
    const char *local;  /* path on this disk; not used by a release */
    const char *name;   /* relative path below the set */
    const char *sha256; /* NULL: it is hashed first; needed by a release */
    int64_t size;       /* [bytes]; -1: not told */
    bool proven;        /* a proof of these very bytes in this set and key is recorded */
    void *arg;          /* the caller's, handed to done */
};

/* How a file ended. Borrowed until the callback returns. */
struct fl_dest_end {
    const char *name;
    void *arg;
    int rc;
    const char *why; /* one line, when rc < 0 */
    const char *sha256;
    uint64_t size;            /* [bytes] */
    uint64_t sent;            /* [bytes] that went over this time: less than size after a resume */
    bool there;               /* the set had it already under its name: needs no release */
    enum fl_dest_proof proof; /* of a file sent */
    int64_t ended_ns;         /* UTC */
    int tries;
};

/* Gives the next file: 1, 0 when there is none (now: it is asked again while others are in
 * flight), or a negative error that ends the run. */
typedef int (*fl_dest_next_fn)(struct fl_dest_file *ret_file, struct fl_err *reterr, void *arg);
/* Called once for each file; for those in flight when a run is ended with FL_E_CANCELLED. A
 * negative return ends the run with that error. */
typedef int (*fl_dest_end_fn)(const struct fl_dest_end *end, struct fl_err *reterr, void *arg);

struct fl_dest_source {
    fl_dest_next_fn next;
    fl_dest_end_fn end;
    void *arg;
};

/* ---- the destination ---- */

/* A destination as the site file describes it (spec.h); spec is copied. secrets: the folder that
 * "secret:NAME" means, or NULL when there is none. Nothing is asked of the far side yet.
 * FL_E_CONFIG, FL_E_PERM for a secret that others can read, FL_E_NOENT, FL_E_NOMEM. */
int fl_destination_open(const struct fl_world *world, const struct fl_destination_spec *spec,
                        const char *secrets, struct fl_destination **ret_dest,
                        struct fl_err *reterr);
/* A folder of this disk, without a site file. */
int fl_destination_open_folder(const struct fl_world *world, const char *folder,
                               struct fl_destination **ret_dest, struct fl_err *reterr);
void fl_destination_close(struct fl_destination *dest);
FL_DEFINE_AUTO(struct fl_destination *, fl_destination_close)

const struct fl_dest_caps *fl_destination_caps(const struct fl_destination *dest);
/* The name in the site file; of a folder, its path. */
const char *fl_destination_name(const struct fl_destination *dest);
/* Where it is, for people: without credentials. */
const char *fl_destination_where(const struct fl_destination *dest);

/* ---- sets ---- */

/* set: relative path, or "" for the destination itself (always FL_DEST_EACH). key: letters, digits,
 * '.', '_' and '-', tells this content of the set from another one in the hidden names (a run's id,
 * a root digest); NULL: none. A set that is there already is always FL_DEST_EACH, and so is one at
 * a destination that cannot do whole ones (fl_dest_set_mode tells). FL_E_USAGE, and the errors
 * above. */
int fl_dest_begin(struct fl_destination *dest, const char *set, const char *key,
                  enum fl_dest_mode mode, struct fl_dest_set **ret_set, struct fl_err *reterr);
void fl_dest_set_destroy(struct fl_dest_set *set);
FL_DEFINE_AUTO(struct fl_dest_set *, fl_dest_set_destroy)
enum fl_dest_mode fl_dest_set_mode(const struct fl_dest_set *set);

/* Brings files to their hidden places, in the source's order, many at a time; ends when the source
 * has no more and all have ended. A file that fails does not stop the others, unless its error is
 * of class CONFIG or FL_E_NOSPACE: then no more are started, those in flight are dropped (they are
 * resumed next time) and that error is returned. Otherwise the error of the first file that
 * failed, or 0. */
int fl_dest_send(struct fl_dest_set *set, const struct fl_dest_source *source,
                 struct fl_err *reterr);
/* FL_DEST_EACH: gives proven files their names, replacing older ones. In FL_DEST_WHOLE nothing is
 * done. FL_E_NOENT for a file that was never sent. */
int fl_dest_release(struct fl_dest_set *set, const struct fl_dest_source *source,
                    struct fl_err *reterr);
/* A small file (the manifest) into the set by the set's rules: hidden until publish, or at once
 * and atomically under its name. */
int fl_dest_put(struct fl_dest_set *set, const char *name, const void *data, size_t size,
                struct fl_err *reterr);
/* FL_DEST_WHOLE: the rename. FL_E_EXISTS when someone else has published the set meanwhile (what
 * was sent stays hidden). In FL_DEST_EACH nothing is done. */
int fl_dest_publish(struct fl_dest_set *set, struct fl_err *reterr);
/* Removes what lies hidden of this set and key. */
int fl_dest_abandon(struct fl_dest_set *set, struct fl_err *reterr);

/* ---- what is there ---- */

struct fl_dest_stat {
    uint64_t size; /* [bytes] */
    bool is_folder;
    int64_t modified_s; /* -1: not known */
};

/* FL_E_NOENT when it is not there. */
int fl_dest_stat(struct fl_destination *dest, const char *path, struct fl_dest_stat *ret_stat,
                 struct fl_err *reterr);

/* One file of a listing; path is relative to the listed folder. A negative return ends it. */
typedef int (*fl_dest_list_fn)(const char *path, const struct fl_dest_stat *stat,
                               struct fl_err *reterr, void *arg);
/* All files below a folder ("" the root), hidden ones and those in hidden folders only with
 * `hidden`. Order: as the far side gives them. FL_E_NOENT, FL_E_UNSUPPORTED. */
int fl_dest_list(struct fl_destination *dest, const char *path, bool hidden, fl_dest_list_fn fn,
                 struct fl_err *reterr, void *arg);

/* Reads a file in pieces. FL_E_NOENT; a negative return of sink ends it. */
typedef int (*fl_dest_sink_fn)(const void *data, size_t size, void *arg);
int fl_dest_read(struct fl_destination *dest, const char *path, fl_dest_sink_fn sink, void *arg,
                 struct fl_err *reterr);
/* A small one whole, FL_DEST_SMALL_MAX at most; appended to buf. */
int fl_dest_get(struct fl_destination *dest, const char *path, struct fl_buf *buf,
                struct fl_err *reterr);
/* Digest and size of what is there, by reading it. */
int fl_dest_digest(struct fl_destination *dest, const char *path, char hex[static FL_DIGEST_HEX],
                   uint64_t *ret_size, struct fl_err *reterr);

/* Moves a file, making folders as needed. FL_E_NOENT; FL_E_EXISTS when the new name is taken (of a
 * store without rename it is copied by the far side, then removed). */
int fl_dest_move(struct fl_destination *dest, const char *from, const char *to,
                 struct fl_err *reterr);
/* Removes a file. One that is not there is no error. */
int fl_dest_remove(struct fl_destination *dest, const char *path, struct fl_err *reterr);
/* Removes a folder and all in it. */
int fl_dest_remove_tree(struct fl_destination *dest, const char *path, struct fl_err *reterr);

/* Free space [bytes]. FL_E_UNSUPPORTED where the protocol does not tell. */
int fl_dest_space(struct fl_destination *dest, uint64_t *ret_bytes, struct fl_err *reterr);

#endif
