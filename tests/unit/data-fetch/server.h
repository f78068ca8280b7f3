#ifndef FL_TESTS_DATA_FETCH_SERVER_H
#define FL_TESTS_DATA_FETCH_SERVER_H

/* Real processes of the tests: a server that tells its address, a command that ends. */

#include <stdbool.h>
#include <sys/types.h>

struct server {
    pid_t pid;
    int stdin_fd; /* its end is the server's */
    char url[128];
};

/* argv[0] is a program below the build folder, such as "tests/tools/origin". Waits for the first
 * line of its output, {"...":"URL"}. It ends with its standard input (or with us). */
void server_start(struct server *server, const char *const *argv);
void server_stop(struct server *server);

/* Starts a program (below the build folder when it has a slash, else from PATH) with our
 * environment and the extra "NAME=VALUE" settings (NULL-terminated; may be NULL). */
pid_t command_start(const char *const *argv, const char *const *settings);
/* Exit code, or -1 for a signal. */
int command_end(pid_t pid);
/* Both. */
int command_run(const char *const *argv, const char *const *settings);

#endif
