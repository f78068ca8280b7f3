#ifndef FL_CLI_CYCLES_H
#define FL_CLI_CYCLES_H

/* The cycles of a workflow in the foreground.
 * Owns: nothing. Threads: one. Limits: none of its own. */

#include "engine/cli/cli.h"
#include "engine/cli/embed.h"
#include "engine/cli/watch.h"

/* Installs the workflow at the coordinator of this process, with --from and --to as its ends, and
 * follows it until its last cycle has its end. Ctrl-C ends it in order, twice leaves. Gives an exit
 * code. */
int fl_cli_cycles(struct fl_cli *cli, struct fl_embed *embed, struct fl_client *client,
                  const struct fl_workflow *workflow, int signal_fd, struct fl_err *reterr);

#endif
