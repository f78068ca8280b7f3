/* Real processes of the tests. */
#include "config.h"

#include "tests/unit/data-fetch/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/world/process.h"
#include "tests/lib/test.h"

#define ENVIRONMENT_MAX 512

extern char **environ;

static pid_t start(const char *const *argv, const char *const *settings, int in, int out)
{
    const char *environment[ENVIRONMENT_MAX];
    const char *top = getenv("FL_TOP_BUILDDIR");
    struct fl_spawn spawn = {.argv = argv,
                             .envp = environment,
                             .stdin_fd = in,
                             .stdout_fd = out,
                             .stderr_fd = STDERR_FILENO};
    struct fl_err err = {0};
    char path[4096];
    size_t count = 0;
    pid_t pid = -1;

    for (char **at = environ; *at && count < ENVIRONMENT_MAX / 2; at++)
        environment[count++] = *at;
    environment[count++] = "FAIRLEAD_BOOK=book";
    for (; settings && *settings; settings++)
        environment[count++] = *settings;
    environment[count] = NULL;
    (void)snprintf(path, sizeof(path), "%s/%s", top ? top : ".", argv[0]);
    spawn.path = strchr(argv[0], '/') ? path : argv[0];
    assert_ok(fl_process_spawn(fl_world_real(), &spawn, &pid, &err), err);
    return pid;
}

void server_start(struct server *server, const char *const *argv)
{
    int in[2];
    int out[2];
    char line[256];
    size_t size = 0;
    char *url;

    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    server->pid = start(argv, NULL, in[0], out[1]);
    (void)close(in[0]);
    (void)close(out[1]);
    server->stdin_fd = in[1];
    while (size < sizeof(line) - 1 && read(out[0], line + size, 1) == 1 && line[size] != '\n')
        size++;
    line[size] = '\0';
    (void)close(out[0]);
    url = strstr(line, "http");
    if (!url)
        fail_msg("'%s' did not tell its address: '%s'", argv[0], line);
    url[strcspn(url, "\"")] = '\0';
    (void)snprintf(server->url, sizeof(server->url), "%.100s", url);
}

int command_end(pid_t pid)
{
    int status = 0;

    /* Blocking: a leak checker's own tracer can hold the body of a killed process for a moment. */
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void server_stop(struct server *server)
{
    (void)close(server->stdin_fd);
    assert_int_equal(command_end(server->pid), 0);
}

pid_t command_start(const char *const *argv, const char *const *settings)
{
    return start(argv, settings, -1, -1);
}

int command_run(const char *const *argv, const char *const *settings)
{
    return command_end(command_start(argv, settings));
}
