/* fairleadd: the coordinator as a daemon. */
#include "config.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/path.h"
#include "engine/bus/keys.h"
#include "engine/coordinator/coordinator.h"
#include "engine/http/http.h"
#include "engine/world/memory.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define LOG_AHEAD_MAX 1000000 /* KiB */

struct options {
    const char *state;
    const char *listen;
    const char *http;
    const char *keys;
    const char *web;
    int64_t log_ahead; /* as in fl_coordinator_config */
    bool verbose;
};

static const char usage[] =
    "Usage: fairleadd --state DIR [OPTION]...\n"
    "The coordinator of Fairlead: decides what runs where, and keeps the record.\n"
    "\n"
    "  --state DIR      folder of the state (required); locked while it runs\n"
    "  --listen ADDR    where workers and the command line reach it [tcp://127.0.0.1:0]\n"
    "  --http ADDR      also serve the page and the API, e.g. 127.0.0.1:8090 (port 0 picks one)\n"
    "  --keys DIR       folder of the CURVE keys [STATE/keys]; see fairlead keys\n"
    "  --web DIR        folder of the static pages\n"
    "  --log-ahead KIB  space of the disk that the record's log takes at the start [4425]; 0: "
    "none\n"
    "  --verbose        log more\n"
    "  --help           this text\n"
    "  --version        the version\n"
    "\n"
    "When it is ready it prints one line of JSON on standard output:\n"
    "  "
    "{\"ready\":true,\"endpoint\":\"tcp://"
    "127.0.0.1:40213\",\"http\":\"127.0.0.1:8090\",\"epoch\":1}\n"
    "It ends on SIGTERM or SIGINT; what runs goes on and is found again at the next start.\n";

enum {
    OPT_STATE = 256,
    OPT_LISTEN,
    OPT_HTTP,
    OPT_KEYS,
    OPT_WEB,
    OPT_LOG_AHEAD,
    OPT_VERBOSE,
    OPT_HELP,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"state", required_argument, NULL, OPT_STATE},
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"http", required_argument, NULL, OPT_HTTP},
    {"keys", required_argument, NULL, OPT_KEYS},
    {"web", required_argument, NULL, OPT_WEB},
    {"log-ahead", required_argument, NULL, OPT_LOG_AHEAD},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static int parse_log_ahead(const char *text, int64_t *ret_bytes, struct fl_err *reterr)
{
    char *end = NULL;
    long long value = strtoll(text, &end, 10);

    if (end == text || *end || value < 0 || value > LOG_AHEAD_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "--log-ahead '%s'; accepted: a number of KiB from 0 to %d", text,
                          LOG_AHEAD_MAX);
    *ret_bytes = value > 0 ? value * 1024 : FL_COORDINATOR_LOG_NONE;
    return 0;
}

/* 0: go on; 1: done, end with success; < 0: bad usage. */
static int parse(int argc, char **argv, struct options *options, struct fl_err *reterr)
{
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (option) {
        case OPT_STATE:
            options->state = optarg;
            break;
        case OPT_LISTEN:
            options->listen = optarg;
            break;
        case OPT_HTTP:
            options->http = optarg;
            break;
        case OPT_KEYS:
            options->keys = optarg;
            break;
        case OPT_WEB:
            options->web = optarg;
            break;
        case OPT_LOG_AHEAD:
            if (parse_log_ahead(optarg, &options->log_ahead, reterr) < 0)
                return FL_E_USAGE;
            break;
        case OPT_VERBOSE:
            options->verbose = true;
            break;
        case OPT_HELP:
            (void)fputs(usage, stdout);
            return 1;
        case OPT_VERSION:
            (void)puts("fairleadd " PACKAGE_VERSION);
            return 1;
        default:
            return fl_err_set(reterr, FL_E_USAGE, 0, "see fairleadd --help");
        }
    }
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "unexpected '%s'; see fairleadd --help",
                          argv[optind]);
    if (!options->state)
        return fl_err_set(reterr, FL_E_USAGE, 0, "--state DIR is missing; see fairleadd --help");
    return 0;
}

struct watcher {
    struct fl_coordinator *coordinator;
    int signal_fd;
    int end_fd;
};

/* Turns a signal into the end of the loop. */
static void *watch_signals(void *arg)
{
    struct watcher *watcher = arg;
    struct fl_wait_item items[2] = {{.fd = watcher->signal_fd}, {.fd = watcher->end_fd}};

    while (!items[1].ready) {
        if (fl_world_wait(fl_world_real(), items, 2, -1, NULL) < 0)
            break;
        if (items[0].ready && fl_signals_take(watcher->signal_fd) != 0)
            fl_coordinator_stop(watcher->coordinator);
    }
    return NULL;
}

static int serve(struct fl_coordinator *coordinator, int signal_fd, struct fl_err *reterr)
{
    struct watcher watcher = {.coordinator = coordinator, .signal_fd = signal_fd, .end_fd = -1};
    pthread_t thread;
    int rc = fl_wake_create(&watcher.end_fd, reterr);

    if (rc < 0)
        return rc;
    rc = pthread_create(&thread, NULL, watch_signals, &watcher);
    if (rc != 0) {
        fl_wake_close(watcher.end_fd);
        return fl_err_errno(reterr, rc, "start the signal thread");
    }
    (void)printf("{\"ready\":true,\"endpoint\":\"%s\",\"http\":\"%s\",\"epoch\":%lld}\n",
                 fl_coordinator_endpoint(coordinator), fl_coordinator_http(coordinator),
                 (long long)fl_coordinator_epoch(coordinator));
    (void)fflush(stdout);
    rc = fl_coordinator_run(coordinator, reterr);
    fl_wake_ring(watcher.end_fd);
    (void)pthread_join(thread, NULL);
    fl_wake_close(watcher.end_fd);
    return rc;
}

static int run(const struct options *options, struct fl_err *reterr)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    fl_auto(fl_coordinator_destroy) struct fl_coordinator *coordinator = NULL;
    char web[FL_PATH_MAX];
    struct fl_coordinator_config config = {.world = fl_world_real(),
                                           .state = options->state,
                                           .listen = options->listen,
                                           .keys = options->keys,
                                           .http = options->http,
                                           .web = options->web,
                                           .log_bytes = options->log_ahead};
    int signal_fd = -1;
    int rc = fl_signals_open(signals, FL_COUNT(signals), &signal_fd, reterr);

    if (rc == 0 && options->http && !options->web) {
        rc = fl_http_find_web(web, sizeof(web), reterr);
        config.web = web;
    }
    if (rc == 0)
        rc = fl_coordinator_create(&config, &coordinator, reterr);
    if (rc == 0)
        rc = serve(coordinator, signal_fd, reterr);
    fl_wake_close(signal_fd);
    return rc;
}

int main(int argc, char **argv)
{
    struct options options = {.listen = "tcp://127.0.0.1:0"};
    struct fl_err err = {0};
    int rc;

    fl_memory_tune();
    fl_log_init("fairleadd", FL_LOG_INFO);
    (void)signal(SIGXFSZ,
                 SIG_IGN); /* a limit on file sizes is a full disk: an error of the write */
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of its connection */
    rc = parse(argc, argv, &options, &err);
    if (rc == 1)
        return 0;
    if (rc == 0) {
        if (options.verbose)
            fl_log_init("fairleadd", FL_LOG_DEBUG);
        rc = run(&options, &err);
    }
    if (rc < 0)
        (void)fprintf(stderr, "fairleadd: %s\n", err.text);
    return fl_err_exit_code(rc);
}
