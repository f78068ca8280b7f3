#ifndef FL_BUS_KEYS_H
#define FL_BUS_KEYS_H

/* CURVE keys in files, in the certificate format of CZMQ (zcert), and the list of those allowed in:
 *   DIR/coordinator.key  .pub    the daemon's own
 *   DIR/worker.key       .pub    this node's worker
 *   DIR/client.key       .pub    the command line
 *   DIR/allowed/workers/NAME.pub    may speak as worker NAME
 *   DIR/allowed/clients/NAME.pub    may send requests
 * A .key holds the secret (mode 0600, refused when others can read it), a .pub the public part.
 * Owns: nothing between calls but the allow-list cache. Threads: one at a time.
 * Limits: files of 4 KiB, FL_KEYS_ALLOWED_MAX keys. */

#include "engine/bus/bus.h"

#define FL_KEYS_ALLOWED_MAX 16384

struct fl_keys {
    char public_key[FL_KEY_TEXT];
    char secret_key[FL_KEY_TEXT];
};

/* Makes DIR/NAME.key and DIR/NAME.pub (and DIR, mode 0700). FL_E_EXISTS when there is a key. */
int fl_keys_make(const struct fl_world *world, const char *dir, const char *name,
                 struct fl_err *reterr);
/* FL_E_NOENT, FL_E_PERM (others can read the secret), FL_E_PARSE. */
int fl_keys_load(const struct fl_world *world, const char *dir, const char *name,
                 struct fl_keys *ret_keys, struct fl_err *reterr);
/* The public key in a .pub (or .key) file. */
int fl_keys_load_public(const struct fl_world *world, const char *path,
                        char public_key[static FL_KEY_TEXT], struct fl_err *reterr);
/* Puts a public key on the allow-list of DIR under a name. */
int fl_keys_allow(const struct fl_world *world, const char *dir, enum fl_bus_role role,
                  const char *name, const char *public_key, struct fl_err *reterr);
/* All that one machine needs, made where absent: coordinator, worker and client keys, the worker
 * allowed as worker_name and the client as "local". Safe to repeat. */
int fl_keys_setup(const struct fl_world *world, const char *dir, const char *worker_name,
                  struct fl_err *reterr);

/* The allow-list, read again whenever a file came or went. */
struct fl_keys_allowed;
int fl_keys_allowed_create(const struct fl_world *world, const char *dir,
                           struct fl_keys_allowed **ret_allowed, struct fl_err *reterr);
void fl_keys_allowed_destroy(struct fl_keys_allowed *allowed);
FL_DEFINE_AUTO(struct fl_keys_allowed *, fl_keys_allowed_destroy)
/* For fl_transport_listen; arg is the fl_keys_allowed. FL_E_REFUSED for an unknown key. */
int fl_keys_allowed_check(const char *public_key, char user[FL_TRANSPORT_USER_MAX], void *arg);

/* The usual way in: keys from DIR, transport, bus. The server also takes the allow-list with it.
 * endpoint "tcp://127.0.0.1:*" picks a port. */
int fl_bus_listen(const struct fl_world *world, const char *keys_dir, const char *endpoint,
                  const struct fl_bus_limits *limits, struct fl_bus_server **ret_server,
                  struct fl_err *reterr);
/* name: "worker" or "client"; the coordinator's key is DIR/coordinator.pub. */
int fl_bus_connect(const struct fl_world *world, const char *keys_dir, const char *name,
                   const char *endpoint, const struct fl_bus_limits *limits,
                   struct fl_bus_client **ret_client, struct fl_err *reterr);

#endif
