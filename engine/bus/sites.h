#ifndef FL_BUS_SITES_H
#define FL_BUS_SITES_H

/* The keys of sites, in files beside the CURVE keys: what the file doors prove themselves with to
 * each other, and what the coordinator signs with.
 *   DIR/ca.pem           the authority's certificate: to every site
 *   DIR/ca.key           stays with the coordinator
 *   DIR/grant.key        the coordinator signs grants with it; stays with it
 *   DIR/grant.pub        to every site
 *   DIR/SITE.pem  .key   a site's certificate (its name is the site's) and key: to that site alone
 * A .key is of mode 0600 and refused when others can read it.
 * Owns: nothing. Threads: one at a time. Limits: files of 16 KiB. */

#include "engine/base/buf.h"
#include "engine/world/world.h"

struct fl_sign_key;

/* Authority and grant pair, made where absent. Safe to repeat. FL_E_IO and kin, FL_E_BUG. */
int fl_sites_setup(const struct fl_world *world, const char *dir, struct fl_err *reterr);
/* The grant pair alone: enough where one process holds all sites. */
int fl_sites_setup_grant(const struct fl_world *world, const char *dir, struct fl_err *reterr);
/* A pair for a site. FL_E_EXISTS when it has one, FL_E_NOENT without an authority, FL_E_USAGE for a
 * name that none may have. */
int fl_sites_make(const struct fl_world *world, const char *dir, const char *site,
                  struct fl_err *reterr);
/* The certificate's name and end [s since 1970]. */
int fl_sites_read(const struct fl_world *world, const char *path, char *name, size_t size,
                  int64_t *ret_until_s, struct fl_err *reterr);
/* True when DIR has both files of a site's pair. */
bool fl_sites_have(const struct fl_world *world, const char *dir, const char *site);
/* DIR/grant.key. FL_E_NOENT, FL_E_PERM, FL_E_PARSE. */
int fl_sites_load_grant(const struct fl_world *world, const char *dir, struct fl_sign_key **ret_key,
                        struct fl_err *reterr);

#endif
