/* The simulation as a program: seeds as TAP, each played twice; a failing seed made smaller. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "tests/sim/sim.h"
#include "engine/base/banned.h"

#define COUNT_DEFAULT 200
#define COUNT_FULL 2000
#define LEVEL_NONE ((enum fl_log_level)(FL_LOG_ERROR + 1))

static const char usage[] =
    "Usage: fl_sim [OPTIONS] [SEED [COUNT]]\n"
    "       fl_sim [OPTIONS] --shrink SEED\n"
    "\n"
    "Plays COUNT seeds from SEED on (default: 1, 200; of a given SEED: it alone), each twice.\n"
    "A seed that fails is told with the command that repeats it.\n"
    "\n"
    "  --shrink          leave out what can be left out while the seed fails; tell the command\n"
    "  --faults A,B,…    only these faults\n"
    "  --steps N         faults stop after so many steps\n"
    "  --runs N          at most so many cycles\n"
    "  --without N,M,…   leave out these stages of the workflow\n"
    "  --events          every event that is committed\n"
    "  --verbose         the log of coordinator and workers\n";

static bool parse_faults(const char *text, uint32_t *ret_faults)
{
    *ret_faults = 0;
    while (*text) {
        size_t size = strcspn(text, ",");
        bool known = size == 4 && strncmp(text, "none", 4) == 0;

        for (int f = 0; f < SIM_FAULT_COUNT; f++) {
            const char *name = sim_fault_name((enum sim_fault)f);

            if (strlen(name) == size && strncmp(name, text, size) == 0) {
                *ret_faults |= UINT32_C(1) << f;
                known = true;
            }
        }
        if (!known) {
            (void)fprintf(stderr, "unknown fault '%.*s'; accepted: none", (int)size, text);
            for (int f = 0; f < SIM_FAULT_COUNT; f++)
                (void)fprintf(stderr, ", %s", sim_fault_name((enum sim_fault)f));
            (void)fputs("\n", stderr);
            return false;
        }
        text += size + (text[size] == ',');
    }
    return true;
}

static uint32_t parse_stages(const char *text)
{
    uint32_t stages = 0;

    while (*text) {
        char *end = NULL;
        unsigned long stage = strtoul(text, &end, 10);

        if (end == text)
            break;
        if (stage < SIM_STAGES_MAX)
            stages |= UINT32_C(1) << stage;
        text = end + (*end == ',');
    }
    return stages;
}

/* The command that plays just this. */
static void put_command(FILE *out, const char *program, const struct sim_config *config)
{
    (void)fprintf(out, "%s", program);
    if (config->faults == 0)
        (void)fputs(" --faults none", out);
    else if (config->faults != SIM_ALL_FAULTS) {
        const char *before = " --faults ";

        for (int f = 0; f < SIM_FAULT_COUNT; f++) {
            if (!(config->faults & (UINT32_C(1) << f)))
                continue;
            (void)fprintf(out, "%s%s", before, sim_fault_name((enum sim_fault)f));
            before = ",";
        }
    }
    if (config->steps != SIM_FAULT_STEPS)
        (void)fprintf(out, " --steps %u", config->steps);
    if (config->runs != SIM_RUNS_MAX)
        (void)fprintf(out, " --runs %u", config->runs);
    if (config->without) {
        const char *before = " --without ";

        for (unsigned s = 0; s < SIM_STAGES_MAX; s++) {
            if (!(config->without & (UINT32_C(1) << s)))
                continue;
            (void)fprintf(out, "%s%u", before, s);
            before = ",";
        }
    }
    (void)fprintf(out, " %llu\n", (unsigned long long)config->seed);
}

/* Twice the same, or it is told. */
static int play(const struct sim_config *config, char *why, size_t size)
{
    char once[FL_DIGEST_HEX];
    char twice[FL_DIGEST_HEX];
    struct sim_trace *trace = calloc(1, sizeof(*trace));
    int rc;

    fl_assert(trace);
    rc = sim_run(config, trace, once, why, size);
    if (rc == 0)
        rc = sim_run(config, trace, twice, why, size);
    free(trace);
    if (rc == 0 && strcmp(once, twice) != 0) {
        (void)snprintf(why, size, "two runs of one seed differ");
        rc = -1;
    }
    return rc;
}

/* ---------------------------------------------------------------- shrinking */

static bool still_fails(const struct sim_config *config)
{
    char why[512] = "";

    /* what is no workflow any more is another failure */
    return play(config, why, sizeof(why)) < 0 && strncmp(why, "workflow", 8) != 0;
}

static bool try_instead(struct sim_config *config, const struct sim_config *less)
{
    if (!still_fails(less))
        return false;
    *config = *less;
    return true;
}

static bool shrink_once(struct sim_config *config)
{
    bool shrunk = false;
    struct sim_config less;

    for (int f = 0; f < SIM_FAULT_COUNT; f++) {
        less = *config;
        less.faults &= ~(UINT32_C(1) << f);
        shrunk |= less.faults != config->faults && try_instead(config, &less);
    }
    for (uint32_t cut = config->steps / 2; cut > 0; cut /= 2) {
        less = *config;
        less.steps -= cut < less.steps ? cut : less.steps;
        shrunk |= try_instead(config, &less);
    }
    for (uint32_t runs = 1; runs < config->runs; runs++) {
        less = *config;
        less.runs = runs;
        shrunk |= try_instead(config, &less);
    }
    for (unsigned s = 0; s < SIM_STAGES_MAX; s++) {
        less = *config;
        less.without |= UINT32_C(1) << s;
        if (less.without != config->without && less.without != (UINT32_C(1) << SIM_STAGES_MAX) - 1)
            shrunk |= try_instead(config, &less);
    }
    return shrunk;
}

static int shrink(const char *program, struct sim_config config)
{
    char why[512] = "";

    if (!still_fails(&config)) {
        (void)printf("seed %llu does not fail\n", (unsigned long long)config.seed);
        return 0;
    }
    while (shrink_once(&config))
        continue;
    (void)play(&config, why, sizeof(why));
    (void)printf("# %s\n", why);
    put_command(stdout, program, &config);
    return 1;
}

/* ---------------------------------------------------------------- the program */

static int play_all(const char *program, struct sim_config config, uint64_t count)
{
    int failed = 0;

    (void)printf("1..%llu\n", (unsigned long long)count);
    for (uint64_t n = 0; n < count; n++) {
        char why[512] = "";
        int rc = play(&config, why, sizeof(why));

        (void)printf("%s %llu - seed %llu: %s\n", rc == 0 ? "ok" : "not ok",
                     (unsigned long long)n + 1, (unsigned long long)config.seed,
                     rc == 0 ? why : "broken");
        if (rc != 0) {
            failed = 1;
            (void)printf("# %s\n# again: ", why);
            put_command(stdout, program, &config);
            (void)printf("# smaller: %s --shrink %llu\n", program, (unsigned long long)config.seed);
        }
        (void)fflush(stdout);
        config.seed++;
    }
    return failed;
}

int main(int argc, char **argv)
{
    static const struct option known[] = {{"shrink", no_argument, NULL, 's'},
                                          {"faults", required_argument, NULL, 'f'},
                                          {"steps", required_argument, NULL, 'n'},
                                          {"runs", required_argument, NULL, 'r'},
                                          {"without", required_argument, NULL, 'w'},
                                          {"events", no_argument, NULL, 'e'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct sim_config config = {
        .seed = 1, .faults = SIM_ALL_FAULTS, .steps = SIM_FAULT_STEPS, .runs = SIM_RUNS_MAX};
    const char *seeds = getenv("SEEDS");  /* make soak SEEDS=n */
    const char *full = getenv("FL_FULL"); /* make check-full */
    uint64_t count = seeds ? strtoull(seeds, NULL, 10) : full && *full ? COUNT_FULL : COUNT_DEFAULT;
    enum fl_log_level level = LEVEL_NONE;
    bool shrinks = false;
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        if (option == 's')
            shrinks = true;
        else if (option == 'n')
            config.steps = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'r')
            config.runs = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 'w')
            config.without = parse_stages(optarg);
        else if (option == 'e')
            config.tells = true;
        else if (option == 'v')
            level = FL_LOG_DEBUG;
        else if (option != 'f' || !parse_faults(optarg, &config.faults)) {
            (void)fputs(usage, option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 64;
        }
    }
    fl_log_init("fl_sim", level);
    if (optind < argc) {
        config.seed = strtoull(argv[optind], NULL, 10);
        count = optind + 1 < argc ? strtoull(argv[optind + 1], NULL, 10) : 1;
    }
    return shrinks ? shrink(argv[0], config) : play_all(argv[0], config, count);
}
