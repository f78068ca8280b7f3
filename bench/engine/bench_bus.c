/* Made-up peers of a real coordinator, over the real bus.
 *   bench_bus workers --keys DIR --endpoint URL --pool P --site S
 *                     [--workers N] [--jobs N] [--hold TEXT] [--ends N] [--again]
 *       N workers that answer at once. Each line of standard input lets go what --hold held back.
 *       Prints a line of JSON when the workers are known, one after --ends ends, and with --again
 *       one at the first new launch of a coordinator that was started again after that; then ends.
 *   bench_bus query --keys DIR --endpoint URL --run RUN
 *       asks for the status of the run, again and again, until it has ended; prints a line of JSON
 *       after the first answer, and one at the end: how long the answers took.
 * The keys are those of the coordinator; the workers' own are made there. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/engine/hand.h"
#include "bench/engine/took.h"
#include "engine/base/json.h"
#include "engine/bus/keys.h"
#include "engine/world/file.h"
#include "engine/world/wake.h"

#include "engine/base/banned.h"

#define WORKERS_MAX 64
#define ITEMS_A_CLIENT 4
#define ANSWERS_MAX 1000000

struct options {
    const char *keys;
    const char *endpoint;
    const char *pool;
    const char *site;
    const char *hold;
    const char *run;
    long workers;
    long jobs;
    long ends;
    bool again;
};

struct crew {
    struct hand *hands[WORKERS_MAX];
    char names[WORKERS_MAX][32];
    char dirs[WORKERS_MAX][FL_PATH_MAX];
    size_t count;
    int64_t reached_ns; /* --ends was reached; 0: not yet */
    uint64_t sessions;  /* when it was */
    int64_t first_ns;   /* of the first launch of all */
};

static int64_t now_ns(void)
{
    return fl_world_mono_ns(fl_world_real());
}

/* Each worker has a folder with its own key, on the coordinator's list. */
static int crew_keys(struct crew *crew, size_t i, const struct options *options,
                     struct fl_err *reterr)
{
    const struct fl_world *world = fl_world_real();
    char from[FL_PATH_MAX];
    char to[FL_PATH_MAX];
    struct fl_keys keys;
    int rc;

    (void)snprintf(crew->names[i], sizeof(crew->names[i]), "hand%zu", i);
    rc = fl_path_join(options->keys, crew->names[i], crew->dirs[i], sizeof(crew->dirs[i]), reterr);
    if (rc == 0)
        rc = fl_keys_make(world, crew->dirs[i], "worker", reterr);
    if (rc == FL_E_EXISTS)
        rc = 0; /* of an earlier start */
    if (rc == 0)
        rc = fl_keys_load(world, crew->dirs[i], "worker", &keys, reterr);
    if (rc == 0)
        rc = fl_keys_allow(world, options->keys, FL_BUS_WORKER, crew->names[i], keys.public_key,
                           reterr);
    if (rc == FL_E_EXISTS)
        rc = 0;
    if (rc == 0)
        rc = fl_path_join(options->keys, "coordinator.pub", from, sizeof(from), reterr);
    if (rc == 0)
        rc = fl_path_join(crew->dirs[i], "coordinator.pub", to, sizeof(to), reterr);
    return rc < 0 ? rc : fl_file_copy(world, from, to, reterr);
}

static int crew_make(struct crew *crew, const struct options *options, struct fl_err *reterr)
{
    for (size_t i = 0; i < (size_t)options->workers; i++) {
        struct hand_config config = {.name = crew->names[i],
                                     .keys = crew->dirs[i],
                                     .endpoint = options->endpoint,
                                     .pool = options->pool,
                                     .site = options->site,
                                     .jobs = options->jobs,
                                     .hold = options->hold};
        int rc = crew_keys(crew, i, options, reterr);

        if (rc == 0)
            rc = hand_create(&config, &crew->hands[i], reterr);
        if (rc < 0)
            return rc;
        crew->count++;
    }
    return 0;
}

static void crew_sum(const struct crew *crew, struct hand_counts *sum)
{
    memset(sum, 0, sizeof(*sum));
    for (size_t i = 0; i < crew->count; i++) {
        const struct hand_counts *c = hand_counts(crew->hands[i]);

        sum->launched += c->launched;
        sum->ended += c->ended;
        sum->again += c->again;
        sum->sessions += c->sessions;
        if (c->first_ns && (!sum->first_ns || c->first_ns < sum->first_ns))
            sum->first_ns = c->first_ns;
        if (c->last_ended_ns > sum->last_ended_ns)
            sum->last_ended_ns = c->last_ended_ns;
    }
}

/* Tells what has been reached; true when there is no more to wait for. */
static bool crew_tell(struct crew *crew, const struct options *options)
{
    struct hand_counts sum;

    crew_sum(crew, &sum);
    if (!crew->first_ns)
        crew->first_ns = sum.first_ns;
    if (!crew->reached_ns && options->ends > 0 && sum.ended >= (uint64_t)options->ends) {
        crew->reached_ns = now_ns();
        crew->sessions = sum.sessions;
        (void)printf("{\"ended\":%llu,\"launched\":%llu,\"first_ns\":%lld,\"last_ns\":%lld}\n",
                     (unsigned long long)sum.ended, (unsigned long long)sum.launched,
                     (long long)crew->first_ns, (long long)sum.last_ended_ns);
        (void)fflush(stdout);
        return !options->again;
    }
    if (crew->reached_ns && sum.sessions > crew->sessions) {
        for (size_t i = 0; i < crew->count; i++) {
            const struct hand_counts *c = hand_counts(crew->hands[i]);

            if (c->sessions > 1 && c->first_ns) {
                (void)printf("{\"new_launch_ns\":%lld,\"again\":%llu}\n", (long long)c->first_ns,
                             (unsigned long long)sum.again);
                (void)fflush(stdout);
                return true;
            }
        }
    }
    return false;
}

/* Sleeps until one of the bus clients or standard input has something. */
static int crew_wait(struct crew *crew, bool *input_open, bool *ret_line, struct fl_err *reterr)
{
    struct fl_wait_item items[WORKERS_MAX * ITEMS_A_CLIENT + 1];
    int64_t due_ns = INT64_MAX;
    size_t count = 0;
    char byte[256];
    int rc;

    for (size_t i = 0; i < crew->count; i++) {
        struct fl_bus_client *client = hand_client(crew->hands[i]);
        int64_t at_ns = fl_bus_client_timer(client);

        count += fl_bus_client_wait_items(client, items + count, ITEMS_A_CLIENT);
        due_ns = at_ns < due_ns ? at_ns : due_ns;
    }
    if (*input_open)
        items[count++] = (struct fl_wait_item){.fd = STDIN_FILENO};
    due_ns -= now_ns();
    rc = fl_world_wait(fl_world_real(), items, count, due_ns > 0 ? due_ns : 0, reterr);
    if (rc < 0 && rc != FL_E_TIMEOUT)
        return rc;
    if (*input_open && items[count - 1].ready) {
        *ret_line = read(STDIN_FILENO, byte, sizeof(byte)) > 0;
        *input_open = *ret_line;
    }
    return 0;
}

static int run_workers(const struct options *options, struct fl_err *reterr)
{
    struct crew crew = {.count = 0};
    bool input_open = options->hold != NULL;
    int rc = crew_make(&crew, options, reterr);

    if (rc == 0) {
        (void)printf("{\"workers\":%zu}\n", crew.count);
        (void)fflush(stdout);
    }
    while (rc == 0) {
        bool line = false;

        for (size_t i = 0; i < crew.count && rc == 0; i++)
            rc = hand_turn(crew.hands[i], reterr);
        if (rc == 0 && crew_tell(&crew, options))
            break;
        if (rc == 0)
            rc = crew_wait(&crew, &input_open, &line, reterr);
        for (size_t i = 0; i < crew.count && line && rc == 0; i++)
            rc = hand_release(crew.hands[i], reterr);
    }
    for (size_t i = 0; i < crew.count; i++)
        hand_destroy(crew.hands[i]);
    return rc;
}

/* ------------------------------------------------------------------ query */

/* Waits for the answer to the request number id. */
static int answer(struct fl_bus_client *bus, int64_t id, json_t **ret_reply, struct fl_err *reterr)
{
    for (;;) {
        struct fl_wait_item items[ITEMS_A_CLIENT];
        struct fl_bus_event event = {0};
        int rc = fl_bus_client_recv(bus, &event, reterr);
        int64_t due_ns;

        if (rc == 0 && event.kind == FL_BUS_MESSAGE &&
            json_integer_value(json_object_get(event.message, "id")) == id) {
            *ret_reply = event.message;
            return 0;
        }
        json_decref(event.message);
        if (rc == 0)
            continue;
        if (rc != FL_E_AGAIN)
            return rc;
        due_ns = fl_bus_client_timer(bus) - now_ns();
        rc = fl_world_wait(fl_world_real(), items,
                           fl_bus_client_wait_items(bus, items, ITEMS_A_CLIENT),
                           due_ns > 0 ? due_ns : 0, reterr);
        if (rc < 0 && rc != FL_E_TIMEOUT)
            return rc;
    }
}

static int ask(struct fl_bus_client *bus, const char *run, int64_t id, bool *ret_ended,
               struct fl_err *reterr)
{
    fl_json_auto json_t *reply = NULL;
    fl_json_auto json_t *request =
        json_pack("{s:s,s:I,s:s,s:s,s:s,s:b}", "type", "request", "id", (json_int_t)id, "verb",
                  "status", "run", run, "who", "bench", "brief", 1); /* as the command line asks */
    const char *state;
    int rc;

    if (!request)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = fl_bus_client_send(bus, request, reterr);
    if (rc == 0)
        rc = answer(bus, id, &reply, reterr);
    if (rc < 0)
        return rc;
    if (!json_is_true(json_object_get(reply, "ok")))
        return fl_err_set(reterr, FL_E_NOENT, 0, "the coordinator knows no run '%s'", run);
    state = json_string_value(json_object_get(json_object_get(reply, "result"), "state"));
    *ret_ended = !state || strcmp(state, "running") != 0;
    return 0;
}

static int run_query(const struct options *options, struct fl_err *reterr)
{
    fl_auto(fl_bus_client_destroy) struct fl_bus_client *bus = NULL;
    int64_t *took_ns = calloc(ANSWERS_MAX, sizeof(*took_ns));
    size_t count = 0;
    bool ended = false;
    int rc = took_ns ? 0 : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0)
        rc = fl_bus_connect(fl_world_real(), options->keys, "client", options->endpoint, NULL, &bus,
                            reterr);
    if (rc == 0)
        rc = ask(bus, options->run, 1, &ended, reterr); /* with the handshake: not counted */
    if (rc == 0) {
        (void)puts("{\"asking\":true}");
        (void)fflush(stdout);
    }
    while (rc == 0 && !ended && count < ANSWERS_MAX) {
        int64_t start_ns = now_ns();

        rc = ask(bus, options->run, (int64_t)count + 2, &ended, reterr);
        took_ns[count++] = now_ns() - start_ns;
    }
    if (rc == 0 && count > 0)
        took_report(took_ns, count);
    free(took_ns);
    return rc;
}

static int read_options(int argc, char **argv, struct options *options, struct fl_err *reterr)
{
    static const struct option known[] = {{"keys", required_argument, NULL, 'k'},
                                          {"endpoint", required_argument, NULL, 'e'},
                                          {"pool", required_argument, NULL, 'p'},
                                          {"site", required_argument, NULL, 's'},
                                          {"workers", required_argument, NULL, 'w'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {"hold", required_argument, NULL, 'h'},
                                          {"ends", required_argument, NULL, 'n'},
                                          {"run", required_argument, NULL, 'r'},
                                          {"again", no_argument, NULL, 'a'},
                                          {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        const char **text = option == 'k'   ? &options->keys
                            : option == 'e' ? &options->endpoint
                            : option == 'p' ? &options->pool
                            : option == 's' ? &options->site
                            : option == 'h' ? &options->hold
                            : option == 'r' ? &options->run
                                            : NULL;
        long *number = option == 'w'   ? &options->workers
                       : option == 'j' ? &options->jobs
                       : option == 'n' ? &options->ends
                                       : NULL;

        if (text)
            *text = optarg;
        else if (number)
            *number = strtol(optarg, NULL, 10);
        else if (option == 'a')
            options->again = true;
        else
            return fl_err_set(reterr, FL_E_USAGE, 0, "bad option; see the top of bench_bus.c");
    }
    if (!options->keys || !options->endpoint || options->workers < 1 ||
        options->workers > WORKERS_MAX)
        return fl_err_set(reterr, FL_E_USAGE, 0, "--keys, --endpoint; 1 to %d workers",
                          WORKERS_MAX);
    return 0;
}

int main(int argc, char **argv)
{
    struct options options = {.pool = "local", .site = "local", .workers = 8, .jobs = 64};
    struct fl_err err = {0};
    bool workers = argc > 1 && strcmp(argv[1], "workers") == 0;
    bool query = argc > 1 && strcmp(argv[1], "query") == 0;
    int rc = workers || query ? read_options(argc - 1, argv + 1, &options, &err)
                              : fl_err_set(&err, FL_E_USAGE, 0, "bench_bus workers | query ...");

    if (rc == 0 && query && !options.run)
        rc = fl_err_set(&err, FL_E_USAGE, 0, "--run is missing");
    if (rc == 0)
        rc = workers ? run_workers(&options, &err) : run_query(&options, &err);
    if (rc < 0)
        (void)fprintf(stderr, "bench_bus: %s\n", err.text);
    return fl_err_exit_code(rc);
}
