#ifndef FL_CLI_KEYS_H
#define FL_CLI_KEYS_H

/* What the files of `fairlead keys` share.
 * Owns: nothing. Threads: one. Limits: none. */

#include "engine/cli/cli.h"

/* Prints what the folder of keys has. */
int fl_cli_keys_list(const struct fl_cli *cli, const char *keys, struct fl_err *reterr);

#endif
