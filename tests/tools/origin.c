/* A test origin: an HTTP server on loopback that behaves, and misbehaves, like the real sources of
 * forecast data. Not installed. Prints one line {"origin":"http://127.0.0.1:PORT"} when it serves.
 *
 *   origin --root DIR [--listen 127.0.0.1:0] [--rules FILE] [--port-file F] [--until-eof] [--log]
 */

#include "config.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/world/file.h"
#include "tests/tools/origin_http.h"

#include "engine/base/banned.h"

static const char usage[] =
    "usage: origin --root DIR [--listen 127.0.0.1:0] [--rules FILE] [--port-file FILE]\n"
    "              [--until-eof] [--log]\n"
    "Serves DIR over HTTP on a loopback address until SIGTERM (or, with --until-eof, until the\n"
    "end of standard input). --rules: how it misbehaves, see tests/tools/origin_rules.h.\n"
    "--port-file: the port, once it serves. --log: one line a request on standard error.\n";

/* Ready at SIGINT or SIGTERM; blocked for every thread made later. */
static int signals_open(struct fl_err *reterr)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGPIPE); /* a client that has gone is an ordinary error */
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigdelset(&set, SIGPIPE);
    fd = signalfd(-1, &set, SFD_CLOEXEC);
    return fd < 0 ? fl_err_set(reterr, FL_E_IO, 0, "signalfd") : fd;
}

static void wait_for_end(int signal_fd, bool until_eof)
{
    struct pollfd items[2] = {{.fd = signal_fd, .events = POLLIN},
                              {.fd = until_eof ? STDIN_FILENO : -1, .events = POLLIN}};
    char sink[256];

    for (;;) {
        if (poll(items, 2, -1) < 0)
            continue;
        if (items[0].revents)
            return;
        if (items[1].revents && read(STDIN_FILENO, sink, sizeof(sink)) <= 0)
            return;
    }
}

struct options {
    const char *root;
    const char *listen;
    const char *rules;
    const char *port_file;
    bool until_eof;
    bool log;
};

static int run(const struct options *options, struct fl_err *reterr)
{
    fl_auto(fl_rules_destroy) struct fl_rules *rules = NULL;
    fl_auto(fl_origin_stop) struct fl_origin *origin = NULL;
    char text[32];
    int rc, signal_fd;

    rc = fl_rules_load(options->rules, &rules, reterr);
    if (rc < 0)
        return rc;
    signal_fd = signals_open(reterr);
    if (signal_fd < 0)
        return signal_fd;
    rc = fl_origin_start(options->root, options->listen, rules, options->log, &origin, reterr);
    if (rc < 0)
        return rc;
    printf("{\"origin\":\"http://%.*s:%u\"}\n",
           (int)(strrchr(options->listen, ':') - options->listen), options->listen,
           fl_origin_port(origin));
    if (fflush(stdout) != 0)
        return fl_err_set(reterr, FL_E_IO, 0, "standard output");
    if (options->port_file) {
        int size = snprintf(text, sizeof(text), "%u\n", fl_origin_port(origin));
        rc = fl_file_publish(fl_world_real(), options->port_file, text, (size_t)size, reterr);
        if (rc < 0)
            return rc;
    }
    wait_for_end(signal_fd, options->until_eof);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        {"root", required_argument, NULL, 'r'},  {"listen", required_argument, NULL, 'l'},
        {"rules", required_argument, NULL, 'R'}, {"port-file", required_argument, NULL, 'p'},
        {"until-eof", no_argument, NULL, 'e'},   {"log", no_argument, NULL, 'L'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0},
    };
    struct options options = {.listen = "127.0.0.1:0"};
    struct fl_err err = {0};
    int c, rc;

    fl_log_init("origin", FL_LOG_INFO);
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'r':
            options.root = optarg;
            break;
        case 'l':
            options.listen = optarg;
            break;
        case 'R':
            options.rules = optarg;
            break;
        case 'p':
            options.port_file = optarg;
            break;
        case 'e':
            options.until_eof = true;
            break;
        case 'L':
            options.log = true;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return fl_err_exit_code(FL_E_USAGE);
        }
    }
    if (!options.root || optind != argc) {
        fputs(usage, stderr);
        return fl_err_exit_code(FL_E_USAGE);
    }
    rc = run(&options, &err);
    if (rc < 0)
        fl_log(FL_LOG_ERROR, "origin.failed", "%s", err.text);
    return fl_err_exit_code(rc);
}
