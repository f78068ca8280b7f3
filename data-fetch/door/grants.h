#ifndef FL_FETCH_GRANTS_H
#define FL_FETCH_GRANTS_H

/* What a door was told that may be read: grants of the coordinator, see engine/base/grant.h. Held
 * in memory alone: a reader hands them in again after a restart. Owns: the grants. Threads: one at
 * a time. Limits: FL_GRANT_POST_MAX bytes each, FL_GRANTS_BYTES_MAX in all and half of it for one
 * reader; beyond it that reader's (or, at last, anybody's) least recently used one goes, which
 * costs its reader a question. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/grant.h"

#define FL_GRANTS_BYTES_MAX ((size_t)16 * 1024 * 1024)
#define FL_GRANTS_MAX 4096

struct fl_grants;
struct fl_sign_key;

/* key: the coordinator's public one, borrowed. site: whose door this is; NULL: any. FL_E_NOMEM. */
int fl_grants_create(const struct fl_sign_key *key, const char *site, struct fl_grants **ret_grants,
                     struct fl_err *reterr);
void fl_grants_destroy(struct fl_grants *grants);
FL_DEFINE_AUTO(struct fl_grants *, fl_grants_destroy)

/* {"text":TEXT,"signature":BASE64}, as it is in inputs.json, from a peer (NULL: not known, so that
 * any reader's counts). FL_E_PARSE, FL_E_PERM (signature, site or reader are others, or it is
 * over), FL_E_TOO_BIG, FL_E_NOMEM. */
int fl_grants_add(struct fl_grants *grants, const char *body, size_t size, const char *peer,
                  int64_t now_s, struct fl_err *reterr);
/* True when a grant that the peer (NULL: anybody) handed in names the path and is not over. */
bool fl_grants_allow(struct fl_grants *grants, const char *peer, const char *path, int64_t now_s);
size_t fl_grants_count(const struct fl_grants *grants);

#endif
