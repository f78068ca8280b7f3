#ifndef FL_WORKER_SPEC_H
#define FL_WORKER_SPEC_H

/* A launch spec: what the coordinator asks a worker to run, checked before anything is done.
 * Owns: the parsed JSON. Threads: one at a time. Limits: FL_SPEC_*. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/err.h"
#include "engine/base/path.h"

#define FL_SPEC_ID_MAX 240          /* bytes of an attempt's id */
#define FL_SPEC_LOG_MIN (64 * 1024) /* smallest log_max_bytes */

/* Texts are borrowed from json; NULL when absent. */
struct fl_spec {
    json_t *json;
    const char *id;
    const char *run;
    const char *workflow;
    const char *cycle;
    const char *stage;
    const char *lead;
    const char *token;
    const char *site;
    const char *program;
    const char *root;      /* absolute: the site's root, put in by the worker */
    const char *site_file; /* absolute, put in by the worker */
    int64_t attempt;
    int64_t mpi_ranks; /* 0: not an MPI program */
    bool mpi_oversubscribe;
    int64_t time_limit_s; /* 0: none */
    int64_t grace_s;
    int64_t log_max_bytes;
    const json_t *args;
    const json_t *env;
    const json_t *inputs;
    const json_t *grants; /* what may be read at the doors of other sites; passed on unread */
    const json_t *files;
    const json_t *outputs;
    int64_t success_exit;
    bool success_outputs; /* all of them must be there */
    const char *success_log;
    const char *success_has;
    const json_t *success_forbid;
};

/* Takes a reference of json. Unknown members are passed over (a newer coordinator may say more).
 * FL_E_PARSE for what is missing or mistyped, FL_E_PERM for an id or a name that leaves its
 * folder. */
int fl_spec_init(struct fl_spec *spec, json_t *json, struct fl_err *reterr);
void fl_spec_release(struct fl_spec *spec);
FL_DEFINE_AUTO_VALUE(struct fl_spec, fl_spec_release)

/* An attempt's id: safe path of WORKFLOW/CYCLE/STAGE/ATTEMPT, at most FL_SPEC_ID_MAX bytes. */
bool fl_spec_id_is_safe(const char *id);

#endif
