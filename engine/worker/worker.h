#ifndef FL_WORKER_WORKER_H
#define FL_WORKER_WORKER_H

/* The node's worker: registers pools and sites, prepares folders, starts supervisors, follows what
 * they spool, and keeps a file door open for each site. May be killed at any moment: the next one
 * on the same roots finds every attempt again.
 *
 * What it is told, but for what concerns an attempt it knows (launch, go, refuse, cancel, provide,
 * ack, forget):
 *  {"type":"prove","id","token"}  for a lost attempt: all that runs with its token is ended; the
 *      answer, once nothing does, is an `end` of state "lost" whose reason says how it is known.
 *  {"type":"clean","runs":["WORKFLOW/CYCLE",...]}  their folders at all sites go: out of sight at
 *      once, from the disk in small steps between all else. Refused while an attempt of the run is
 *      held here. {"type":"cleaned","run","site","bytes"} for each site.
 *  {"type":"remove","run","site","first","last","folders":[{"name","attempts","clear","keep","go"}]}
 *      of each instance's folder the files `go`, and with clear DATA and all of the outputs that is
 *      not in `keep`, of the attempts up to that number. {"type":"removed","run","first","last",
 *      "files","bytes","error"?} when it is done.
 *  {"type":"removed-at-source","run","site","source","first","last","delivery","files"}  the ledger
 *      of this site's products is told (through a file in products/.fairlead/removed);
 *      {"type":"noted","run","first","last","delivery"}.
 *  {"type":"withdraw","run","site","file","why","who","delivery"}  the file is moved aside in the
 *      site's products (fairlead-transfer withdraw).
 *  {"type":"watch","id","site","path"}  {"type":"arrived","id","path","size"} is told when the file
 *      is there and nobody writes to it, at once or later. {"type":"unwatch","id"} ends it. A new
 *      session begins with none.
 *  {"type":"await","id","site","source","cycle","leads":[sets]}  a child looks out for these leads
 * of a catalogue source: {"type":"available","id","lead"} for each that is there, with "absent" and
 *      "cause" for one that was given up. "unwatch" ends it, too.
 * A launch that carries the grant lets the body begin at once, see supervisor.h; the worker passes
 * it on only while the coordinator cannot have given this worker up. A launch that finds the disk
 * full waits here until there is space.
 *
 * Owns: its bus client, doors, and the attempts' folders below the roots until their supervisors
 * take them. Threads: create, run and destroy in one (any) thread; stop from any.
 * Limits: FL_WORKER_ATTEMPTS_MAX attempts at once; beyond that a launch is refused. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/world/world.h"

#define FL_WORKER_ATTEMPTS_MAX 4096
#define FL_WORKER_SITES_MAX 64
#define FL_WORKER_POOLS_MAX 64

#define FL_WORKER_RESOURCES_MAX 16

struct fl_worker_resource {
    const char *name; /* "memory" (bytes), "gpus", or a licence's */
    int64_t amount;
};

struct fl_worker_pool {
    const char *pool;
    const char *site;
    int64_t cores;
    int64_t jobs;
    struct fl_worker_resource resources[FL_WORKER_RESOURCES_MAX];
    size_t resource_count;
};

struct fl_worker_site {
    const char *site;
    const char *root; /* made when absent; stored as an absolute path */
    const char *file; /* its site file, for transfers from and to it; NULL: none */
};

struct fl_worker_config {
    const char *name;        /* the worker's name on the allow-list */
    const char *coordinator; /* "tcp://127.0.0.1:40213" */
    const char *keys_dir;    /* with worker.key and coordinator.pub */
    const struct fl_worker_pool *pools;
    size_t pool_count;
    const struct fl_worker_site *sites;
    size_t site_count;
    bool no_doors; /* do not serve the sites' files */
};

struct fl_worker;

/* "NAME:site=SITE,cores=N,jobs=N,memory=64G,gpus=2,licence:matlab=1" and "NAME=ROOT" as on the
 * command line; text is changed and must outlive the result. FL_E_USAGE. */
int fl_worker_parse_pool(char *text, struct fl_worker_pool *ret_pool, struct fl_err *reterr);
int fl_worker_parse_site(char *text, struct fl_worker_site *ret_site, struct fl_err *reterr);
/* "NAME=FILE" for one of the sites, which come before it. */
int fl_worker_parse_site_file(char *text, struct fl_worker_site *sites, size_t count,
                              struct fl_err *reterr);

/* Connects (later, when the coordinator is not there yet), locks the roots and takes up the
 * attempts that it finds below them. FL_E_USAGE, FL_E_LOCKED (another worker has a root), errors of
 * keys and disk. */
int fl_worker_create(const struct fl_world *world, const struct fl_worker_config *config,
                     struct fl_worker **ret_worker, struct fl_err *reterr);
/* Says goodbye; supervisors and their attempts run on. Takes NULL. */
void fl_worker_destroy(struct fl_worker *worker);
FL_DEFINE_AUTO(struct fl_worker *, fl_worker_destroy)

/* Turns until fl_worker_stop. FL_E_LOCKED when another process took the worker's name. */
int fl_worker_run(struct fl_worker *worker, struct fl_err *reterr);
/* Ends fl_worker_run soon; from any thread. */
void fl_worker_stop(struct fl_worker *worker);

/* For a loop of one's own: all that can be done without waiting; 1 when it was asked to stop. */
int fl_worker_turn(struct fl_worker *worker, struct fl_err *reterr);
/* Items to wait on (8 are enough). */
size_t fl_worker_wait_items(struct fl_worker *worker, struct fl_wait_item *items, size_t room);
/* Monotonic time of the next turn though nothing happens. */
int64_t fl_worker_timer(const struct fl_worker *worker);

#endif
