#ifndef FL_CLI_WATCH_H
#define FL_CLI_WATCH_H

/* Following a run to its end: on a terminal one line a stage, redrawn; otherwise plain lines, one
 * for each event that is worth telling.
 * Owns: what it remembers of each stage. Threads: one. Limits: FL_WATCH_STAGES_MAX stages. */

#include "engine/cli/client.h"

#define FL_WATCH_STAGES_MAX 1000

enum fl_watch_end {
    FL_WATCH_ENDED, /* the run has its end; *ret_status is its last status */
    FL_WATCH_LEFT,  /* a person wants to leave at once; the run goes on */
    FL_WATCH_ALARM, /* the client's alarm rang */
};

struct fl_watch_config {
    struct fl_client *client;
    const char *run;
    uint64_t from; /* the first event to tell of */
    int signal_fd; /* SIGINT, SIGTERM: the first cancels the run, the second leaves; -1: none */
    bool cancel;   /* false: the first leaves already */
};

int fl_watch(const struct fl_watch_config *config, enum fl_watch_end *ret_end, json_t **ret_status,
             struct fl_err *reterr);

#endif
