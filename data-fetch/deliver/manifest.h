#ifndef FL_FETCH_MANIFEST_H
#define FL_FETCH_MANIFEST_H

/* The proof that stands in a delivered folder: MANIFEST (`sha256sum -c MANIFEST`) and MANIFEST.json
 * (the same files with size, run, stage, output, lead, valid time and marks). Both are made from
 * the ledger and replaced in one step each; neither holds a wall-clock time, so that the same set
 * gives the same bytes. MANIFEST begins and ends with comments:
 *   # SET: verify with: sha256sum -c MANIFEST
 *   HEX  FILE …
 *   # MANIFEST.json HEX
 *   # signed SITE HEX SIGNATURE
 * where HEX is the SHA-256 of all lines before, and the signature (Ed25519, base64) is that of
 * "fairlead manifest\nSITE\nSET\nHEX\n" by the site's manifest.key.
 * Owns: nothing between calls. Threads: one at a time. Limits: FL_MANIFEST_LINE_MAX bytes a line;
 * memory does not grow with the number of files. */

#include "data-fetch/deliver/ledger.h"

#define FL_MANIFEST "MANIFEST"
#define FL_MANIFEST_JSON "MANIFEST.json"
#define FL_MANIFEST_KEY "manifest.key"
#define FL_MANIFEST_PUB "manifest.pub"
#define FL_MANIFEST_LINE_MAX 8192

struct fl_sign_key;

/* Who signs. */
struct fl_signer {
    char site[64];
    struct fl_sign_key *key; /* NULL: nobody */
};
/* The site's pair in its folder of keys, made when there is none yet. FL_E_PERM for a key that
 * others can read, FL_E_PARSE, FL_E_IO. */
int fl_signer_open(const struct fl_world *world, const char *keys, const char *site,
                   struct fl_signer *signer, struct fl_err *reterr);
void fl_signer_release(struct fl_signer *signer);
FL_DEFINE_AUTO_VALUE(struct fl_signer, fl_signer_release)
/* A public key by its file. */
int fl_signer_public(const struct fl_world *world, const char *path, struct fl_signer *signer,
                     struct fl_err *reterr);

/* Writes both into folder, from the present versions of the set or from what waits of a delivery
 * (NULL: none). signer may be NULL. ret_hex (may be NULL): SHA-256 of the MANIFEST. */
int fl_manifest_write(const struct fl_world *world, struct fl_ledger *ledger, const char *set,
                      const char *delivery, const char *folder, const struct fl_signer *signer,
                      char *ret_hex, struct fl_err *reterr);

struct json_t;
/* A document as people read it: indented, sorted keys, a line end. Free with free(). NULL when
 * memory ends (or doc is NULL). */
char *fl_manifest_text(const struct json_t *doc);

enum fl_signature { FL_SIGNATURE_NONE, FL_SIGNATURE_UNKNOWN, FL_SIGNATURE_GOOD, FL_SIGNATURE_BAD };
struct fl_manifest_result {
    size_t files;
    size_t wrong;
    enum fl_signature signature; /* UNKNOWN: no public key to hold it against */
    char site[64];               /* who has signed it */
    bool json_differs;           /* MANIFEST.json is not the one that MANIFEST names */
};

/* Called for each file of a folder's MANIFEST with its digest and what is wrong with it (NULL:
 * nothing). */
typedef int (*fl_manifest_fn)(const char *file, const char *sha256, const char *wrong, void *arg);
/* Holds the files of folder against its MANIFEST (look: only what MANIFEST says is read, not the
 * files). key: public, or NULL. FL_E_NOENT without a MANIFEST, FL_E_PARSE for a line that is none.
 */
int fl_manifest_check(const struct fl_world *world, const char *folder, bool look,
                      const struct fl_signer *key, fl_manifest_fn fn, void *arg,
                      struct fl_manifest_result *ret_result, struct fl_err *reterr);

#endif
