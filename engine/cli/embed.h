#ifndef FL_CLI_EMBED_H
#define FL_CLI_EMBED_H

/* Coordinator and worker in this process: the code of the daemons in two threads, on the real bus
 * over the loopback, with keys of their own in STATE/keys.
 * Owns: both and their threads. Threads: the one that made it. Limits: none of its own. */

#include "engine/coordinator/coordinator.h"
#include "engine/core/workflow.h"
#include "engine/world/world.h"

#define FL_EMBED_WORKER "local"

struct fl_embed;

struct fl_embed_config {
    const struct fl_world *world;
    const char *state; /* absolute; made when absent */
    const char *http;  /* NULL: none */
};

/* Keys, coordinator and its thread. FL_E_LOCKED: a coordinator runs on this state already. */
int fl_embed_create(const struct fl_embed_config *config, struct fl_embed **ret_embed,
                    struct fl_err *reterr);
/* A worker for the sites and pools of a workflow; a site's root is below the state's folder unless
 * it is absolute. */
int fl_embed_start_worker(struct fl_embed *embed, const struct fl_workflow *workflow,
                          struct fl_err *reterr);
/* Ends both, the worker first. What runs goes on under its supervisors. */
void fl_embed_destroy(struct fl_embed *embed);
FL_DEFINE_AUTO(struct fl_embed *, fl_embed_destroy)

struct fl_coordinator *fl_embed_coordinator(struct fl_embed *embed);
const char *fl_embed_keys(const struct fl_embed *embed);
/* Readable when one of the threads has ended by itself; fl_embed_failure then says why. */
int fl_embed_alarm(const struct fl_embed *embed);
int fl_embed_failure(struct fl_embed *embed, struct fl_err *reterr);

/* The folder of a site. */
int fl_embed_root(const char *state, const struct fl_site *site, char *path, size_t size,
                  struct fl_err *reterr);

#endif
