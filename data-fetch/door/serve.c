/* serve: the file door as a process. */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "data-fetch/command/command.h"
#include "data-fetch/door/door.h"
#include "engine/base/log.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define ADDRESS_MAX 128
#define PORT_TEXT_MAX 16

struct serve {
    const char *root;
    const char *listen;
    const char *port_file;
    bool until_eof;
};

static int parse_options(struct serve *serve, int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"root", required_argument, NULL, 'r'},
        {"listen", required_argument, NULL, 'l'},
        {"port-file", required_argument, NULL, 'p'},
        {"until-eof", no_argument, NULL, 'e'},
        {NULL, 0, NULL, 0},
    };
    int code;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        if (code == 'e')
            serve->until_eof = true;
        else
            *(code == 'r'   ? &serve->root
              : code == 'l' ? &serve->listen
                            : &serve->port_file) = optarg;
    }
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    if (!serve->root)
        return fl_err_set(reterr, FL_E_USAGE, 0, "serve needs --root DIR");
    return 0;
}

/* SIGTERM and SIGINT as a descriptor; blocked in all threads made after this. */
static int catch_signals(struct fl_err *reterr)
{
    sigset_t set;
    int fd;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return fl_err_set(reterr, FL_E_BUG, 0, "signals cannot be blocked");
    fd = signalfd(-1, &set, SFD_CLOEXEC);
    return fd < 0 ? fl_err_set(reterr, FL_E_IO, 0, "no descriptor for signals") : fd;
}

/* The address of before, when a port was noted and listen leaves it open. */
static bool noted_address(const struct serve *serve, char address[static ADDRESS_MAX])
{
    fl_auto(fl_buf_release) struct fl_buf text;
    const char *colon = strrchr(serve->listen, ':');
    long port;

    fl_buf_init(&text, 0);
    if (!serve->port_file || !colon || strcmp(colon, ":0") != 0 ||
        fl_file_read(fl_world_real(), serve->port_file, PORT_TEXT_MAX, &text, NULL) < 0)
        return false;
    port = strtol(text.data, NULL, 10);
    return port > 0 && port <= 65535 &&
           snprintf(address, ADDRESS_MAX, "%.*s:%ld", (int)(colon - serve->listen), serve->listen,
                    port) < ADDRESS_MAX;
}

static int open_door(const struct serve *serve, struct fl_door **ret_door, struct fl_err *reterr)
{
    char address[ADDRESS_MAX];
    char text[PORT_TEXT_MAX];
    int rc = FL_E_NOENT;

    if (noted_address(serve, address))
        rc = fl_door_open(serve->root, address, ret_door, reterr);
    if (rc < 0)
        rc = fl_door_open(serve->root, serve->listen, ret_door, reterr);
    if (rc < 0 || !serve->port_file)
        return rc;
    (void)snprintf(text, sizeof(text), "%u\n", fl_door_port(*ret_door));
    return fl_file_publish(fl_world_real(), serve->port_file, text, strlen(text), reterr);
}

/* Returns when a signal came, or standard input ended. */
static int wait_for_end(const struct serve *serve, int signal_fd, struct fl_err *reterr)
{
    struct fl_wait_item items[2] = {{.fd = signal_fd}, {.fd = STDIN_FILENO}};

    for (;;) {
        char sink[256];
        int rc = fl_world_wait(fl_world_real(), items, serve->until_eof ? 2 : 1, -1, reterr);

        if (rc < 0 || items[0].ready)
            return rc;
        if (items[1].ready && read(STDIN_FILENO, sink, sizeof(sink)) <= 0)
            return 0;
    }
}

int fl_command_serve(int argc, char **argv, struct fl_err *reterr)
{
    struct serve serve = {.listen = "127.0.0.1:0"};
    fl_auto(fl_door_close) struct fl_door *door = NULL;
    const char *colon;
    int signal_fd;
    int rc = parse_options(&serve, argc, argv, reterr);

    if (rc < 0)
        return rc;
    signal_fd = catch_signals(reterr);
    if (signal_fd < 0)
        return signal_fd;
    rc = open_door(&serve, &door, reterr);
    if (rc == 0) {
        colon = strrchr(serve.listen, ':');
        (void)printf("{\"door\":\"http://%.*s:%u\"}\n", (int)(colon - serve.listen), serve.listen,
                     fl_door_port(door));
        if (fflush(stdout) != 0)
            rc = fl_err_set(reterr, FL_E_IO, 0, "the address cannot be told: standard output");
    }
    if (rc == 0) {
        fl_log(FL_LOG_INFO, "door.open", "root='%s' port=%u", serve.root, fl_door_port(door));
        rc = wait_for_end(&serve, signal_fd, reterr);
    }
    (void)close(signal_fd); /* nothing is pending that matters */
    return rc;
}
