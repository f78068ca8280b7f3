#ifndef FL_FETCH_COMMAND_H
#define FL_FETCH_COMMAND_H

/* The subcommands of fairlead-transfer. Each parses its own arguments, does its work, and returns
 * 0 or an error for main to show.
 * Owns: nothing. Threads: one at a time. Limits: none. */

#include <stddef.h>
#include <stdint.h>

#include "engine/base/err.h"

struct fl_contract;

/* argv[0] is the subcommand's name. */
typedef int (*fl_command_fn)(int argc, char **argv, struct fl_err *reterr);

int fl_command_get(int argc, char **argv, struct fl_err *reterr);
int fl_command_await(int argc, char **argv, struct fl_err *reterr);
int fl_command_stage(int argc, char **argv, struct fl_err *reterr);
int fl_command_lines(int argc, char **argv, struct fl_err *reterr);
int fl_command_serve(int argc, char **argv, struct fl_err *reterr);
int fl_command_put(int argc, char **argv, struct fl_err *reterr);
int fl_command_destinations(int argc, char **argv, struct fl_err *reterr);
int fl_command_deliver(int argc, char **argv, struct fl_err *reterr);
int fl_command_verify(int argc, char **argv, struct fl_err *reterr);
int fl_command_withdraw(int argc, char **argv, struct fl_err *reterr);
int fl_command_retain(int argc, char **argv, struct fl_err *reterr);
int fl_command_resend(int argc, char **argv, struct fl_err *reterr);
int fl_command_custody(int argc, char **argv, struct fl_err *reterr);
int fl_command_sources(int argc, char **argv, struct fl_err *reterr);
int fl_command_show(int argc, char **argv, struct fl_err *reterr);
int fl_command_plan(int argc, char **argv, struct fl_err *reterr);

/* The whole-file form of get: URL into FILE. sha256 and output may be NULL, size -1. */
int fl_get_url(struct fl_contract *contract, const char *url, const char *file, const char *sha256,
               int64_t size, const char *output, struct fl_err *reterr);

/* The folder that --to means: in a stage, a relative one is below FAIRLEAD_OUTPUT_DIR, and without
 * --to (NULL) it is that folder itself; from a shell it is as given, or ".". FL_E_PERM,
 * FL_E_TOO_BIG.
 */
int fl_command_folder(const struct fl_contract *contract, const char *to, char *path, size_t size,
                      struct fl_err *reterr);

/* The name under which a file in that folder is announced. FL_E_TOO_BIG. */
int fl_command_announced(const struct fl_contract *contract, const char *to, const char *name,
                         char *path, size_t size, struct fl_err *reterr);
/* A file named on the command line as the contract names it: without its folder when that is
 * FAIRLEAD_OUTPUT_DIR, however written. FL_E_TOO_BIG. */
int fl_command_file(const struct fl_contract *contract, const char *file, char *path, size_t size,
                    struct fl_err *reterr);

/* FL_E_USAGE for getopt's '?' and ':'. */
int fl_command_bad_option(char **argv, int option, int at, struct fl_err *reterr);

#endif
