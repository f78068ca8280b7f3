/* fairlead-worker: the daemon of a node. */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/world/wake.h"
#include "engine/worker/worker.h"

#include "engine/base/banned.h"

#define ITEMS_MAX 16

static const char usage[] =
    "Usage: fairlead-worker --name NAME --coordinator tcp://HOST:PORT --keys DIR\n"
    "                       --site NAME=ROOT... --pool NAME:site=SITE[,cores=N][,jobs=N]...\n"
    "\n"
    "Runs the stages that the coordinator places on this node. May be ended, killed or upgraded "
    "at\n"
    "any time: stages run on, and the next worker on the same roots takes them up.\n"
    "\n"
    "  --name NAME        name of the worker, as its key is allowed under\n"
    "  --coordinator URL  where the coordinator listens\n"
    "  --keys DIR         folder with worker.key and coordinator.pub\n"
    "  --site NAME=ROOT   a site and the folder of its files; may repeat\n"
    "  --site-file NAME=FILE  the site file of a --site before it: its door's addresses, its "
    "lines\n"
    "                     to other sites, its keys; see fairlead-site(5); may repeat\n"
    "  --pool SPEC        a pool at one of the sites; cores default 1, jobs 8; also memory=64G,\n"
    "                     gpus=N, licence:NAME=N; may repeat\n"
    "  --no-doors         do not serve the sites' files to other sites\n"
    "  --verbose          also log what is of no concern to most\n"
    "  --help, --version\n";

struct options {
    struct fl_worker_config config;
    struct fl_worker_pool pools[FL_WORKER_POOLS_MAX];
    struct fl_worker_site sites[FL_WORKER_SITES_MAX];
    bool verbose;
};

static int add_pool(struct options *options, char *text, struct fl_err *reterr)
{
    if (options->config.pool_count == FL_WORKER_POOLS_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0, "more than %d pools", FL_WORKER_POOLS_MAX);
    return fl_worker_parse_pool(text, &options->pools[options->config.pool_count++], reterr);
}

static int add_site(struct options *options, char *text, struct fl_err *reterr)
{
    if (options->config.site_count == FL_WORKER_SITES_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0, "more than %d sites", FL_WORKER_SITES_MAX);
    return fl_worker_parse_site(text, &options->sites[options->config.site_count++], reterr);
}

/* 1: it was --help or --version. */
static int read_options(int argc, char **argv, struct options *options, struct fl_err *reterr)
{
    static const struct option known[] = {{"name", required_argument, NULL, 'n'},
                                          {"coordinator", required_argument, NULL, 'c'},
                                          {"keys", required_argument, NULL, 'k'},
                                          {"site", required_argument, NULL, 's'},
                                          {"site-file", required_argument, NULL, 'f'},
                                          {"pool", required_argument, NULL, 'p'},
                                          {"no-doors", no_argument, NULL, 'd'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    int option;
    int rc = 0;

    while (rc == 0 && (option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        switch (option) {
        case 'n':
            options->config.name = optarg;
            break;
        case 'c':
            options->config.coordinator = optarg;
            break;
        case 'k':
            options->config.keys_dir = optarg;
            break;
        case 's':
            rc = add_site(options, optarg, reterr);
            break;
        case 'f':
            rc = fl_worker_parse_site_file(optarg, options->sites, options->config.site_count,
                                           reterr);
            break;
        case 'p':
            rc = add_pool(options, optarg, reterr);
            break;
        case 'd':
            options->config.no_doors = true;
            break;
        case 'v':
            options->verbose = true;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 1;
        case 'V':
            (void)puts("fairlead-worker " PACKAGE_VERSION);
            return 1;
        default:
            rc = fl_err_set(reterr, FL_E_USAGE, 0, "bad option; try fairlead-worker --help");
        }
    }
    if (rc == 0 && (optind < argc || !options->config.name || !options->config.coordinator ||
                    !options->config.keys_dir))
        rc = fl_err_set(reterr, FL_E_USAGE, 0,
                        "--name, --coordinator and --keys are needed, and nothing else but "
                        "options; try fairlead-worker --help");
    options->config.pools = options->pools;
    options->config.sites = options->sites;
    return rc;
}

/* Turns the worker until a signal comes. */
static int run(struct fl_worker *worker, int signals_fd, struct fl_err *reterr)
{
    const struct fl_world *world = fl_world_real();
    int rc;

    while ((rc = fl_worker_turn(worker, reterr)) == 0) {
        struct fl_wait_item items[ITEMS_MAX];
        size_t count = fl_worker_wait_items(worker, items, ITEMS_MAX - 1);
        int64_t now_ns = fl_world_mono_ns(world);
        int64_t due_ns = fl_worker_timer(worker);
        int signal;

        items[count++] = (struct fl_wait_item){.fd = signals_fd};
        rc = fl_world_wait(world, items, count, due_ns > now_ns ? due_ns - now_ns : 0, reterr);
        if (rc < 0 && rc != FL_E_TIMEOUT)
            return rc;
        signal = fl_signals_take(signals_fd);
        if (signal > 0) {
            fl_log(FL_LOG_INFO, "worker.stop", "signal=%d; stages run on", signal);
            return 0;
        }
    }
    return rc < 0 ? rc : 0;
}

int main(int argc, char **argv)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    fl_auto(fl_worker_destroy) struct fl_worker *worker = NULL;
    struct options options = {.verbose = false};
    struct fl_err err = {0};
    int signals_fd = -1;
    int rc = read_options(argc, argv, &options, &err);

    if (rc > 0)
        return 0;
    fl_log_init("fairlead-worker", options.verbose ? FL_LOG_DEBUG : FL_LOG_INFO);
    if (rc == 0)
        rc = fl_signals_open(signals, FL_COUNT(signals), &signals_fd, &err);
    if (rc == 0)
        rc = fl_worker_create(fl_world_real(), &options.config, &worker, &err);
    if (rc == 0) {
        fl_log(FL_LOG_INFO, "worker.start", "name='%s' coordinator='%s'", options.config.name,
               options.config.coordinator);
        rc = run(worker, signals_fd, &err);
    }
    if (rc < 0)
        fl_log(FL_LOG_ERROR, "worker.failed", "error=%s what='%s'", fl_err_name(rc), err.text);
    fl_wake_close(signals_fd);
    return fl_err_exit_code(rc);
}
