/* Real kills: the workflow, and the way in.
 *   kills flow STAGES SEED BODY TRAIL >workflow.cfg
 *   kills storm DIR FLOW SEED KILLS STAGES [FILLS]
 *   kills ends EVENTS STAGES
 *   kills trail TRAIL KILLS
 *   kills results EVENTS UNDISTURBED
 * See kills.h. */
#include "config.h"

#include "tests/tools/kills.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define RETRY "retry = { tries = 100; delay = \"PT0S\"; grow = 1.0; };"

uint64_t kills_draw(struct kills_random *random, uint64_t below)
{
    uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

/* Most are short; some are long enough to be hit in the middle. */
static long duration_ms(struct kills_random *random)
{
    uint64_t kind = kills_draw(random, 20);

    if (kind < 14)
        return (long)kills_draw(random, 10);
    if (kind < 19)
        return 20 + (long)kills_draw(random, 40);
    return 150 + (long)kills_draw(random, 150);
}

static void flow_chains(struct kills_random *random, long count, long chains, const char *body,
                        const char *trail)
{
    for (long i = 0; i < count; i++) {
        (void)printf(
            "    c%ld: { program = \"%s\"; args = [\"%s\", \"%ld\", \"{output:o}\"]; " RETRY
            " cores = 0; outputs = { o = \"o%ld.txt\"; };",
            i, body, trail, duration_ms(random), i);
        if (i >= chains)
            (void)printf(" inputs = { a = \"c%ld.o\"; };", i - chains);
        (void)printf(" };\n");
    }
}

/* Each of some ends of chains and one product. */
static void flow_joins(struct kills_random *random, long count, long chained, const char *body,
                       const char *trail, long members)
{
    for (long i = 0; i < count; i++) {
        (void)printf(
            "    j%ld: { program = \"%s\"; args = [\"%s\", \"%ld\", \"{output:o}\"]; " RETRY
            " cores = 0; outputs = { o = \"j%ld.txt\"; }; inputs = { a = \"c%ld.o\";"
            " d = \"post.doc(+%03ld)\"; }; };\n",
            i, body, trail, duration_ms(random), i, (long)kills_draw(random, (uint64_t)chained),
            (long)kills_draw(random, (uint64_t)members));
    }
}

int kills_flow(long stages, uint64_t seed, const char *body, const char *trail)
{
    struct kills_random random = {.state = seed};
    long members = stages / 10;
    long joins = stages / 20;
    long chained = stages - 3 * members - joins - 2;
    long chains = 5;

    if (stages < 20 || stages > KILLS_STAGES_MAX) {
        (void)fprintf(stderr, "kills: 20 to %d stages\n", KILLS_STAGES_MAX);
        return 1;
    }
    (void)printf("workflow: {\n  name = \"kills\";\n  leads = { m = \"+000/+%03ld/1\"; };\n"
                 "  sites = { local = { root = \"local\"; }; };\n"
                 "  pools = { local = { site = \"local\"; cores = 0; jobs = 8; }; };\n"
                 "  stages: {\n",
                 members - 1);
    (void)printf("    make: { program = \"%s\"; args = [\"%s\", \"20\", \"--steps\", \"%ld\", "
                 "\"step\"]; " RETRY " cores = 0; leads = \"m\";"
                 " outputs = { step = { file = \"step.{lead}.txt\"; per = \"lead\"; }; }; };\n",
                 body, trail, members);
    (void)printf("    post: { per = \"make.step\"; program = \"%s\"; args = [\"%s\", \"15\", "
                 "\"{output:doc}\"]; " RETRY " cores = 0; inputs = { step = \"make.step\"; };"
                 " outputs = { doc = \"doc.{lead}.txt\"; }; };\n",
                 body, trail);
    (void)printf("    fan: { per = \"leads:m\"; program = \"%s\"; args = [\"%s\", \"30\"]; " RETRY
                 " cores = 0; when = \"c0\"; };\n",
                 body, trail);
    (void)printf("    more: { per = \"leads:m\"; program = \"%s\"; args = [\"%s\", \"5\", "
                 "\"{output:o}\"]; " RETRY " cores = 0; when = \"fan\";"
                 " outputs = { o = \"more.{lead}.txt\"; }; };\n",
                 body, trail);
    flow_chains(&random, chained, chains, body, trail);
    flow_joins(&random, joins, chained, body, trail, members);
    (void)printf("    " KILLS_LAST
                 ": { program = \"%s\"; args = [\"%s\", \"5\", \"{output:o}\"]; " RETRY
                 " cores = 0; outputs = { o = \"last.txt\"; };"
                 " inputs = { docs = \"post.doc\"; more = \"more.o\";",
                 body, trail);
    for (long i = 0; i < chains; i++)
        (void)printf(" c%ld = \"c%ld.o\";", i, chained - 1 - i);
    for (long i = 0; i < joins; i++)
        (void)printf(" j%ld = \"j%ld.o\";", i, i);
    (void)printf(" }; };\n  };\n};\n");
    return 0;
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";

    if (strcmp(verb, "flow") == 0 && argc == 6)
        return kills_flow((long)number(argv[2]), number(argv[3]), argv[4], argv[5]);
    if (strcmp(verb, "storm") == 0 && (argc == 7 || argc == 8))
        return kills_storm(argv[2], argv[3], number(argv[4]), (long)number(argv[5]),
                           (long)number(argv[6]), argc == 8 ? (long)number(argv[7]) : 0);
    if (strcmp(verb, "ends") == 0 && argc == 4)
        return kills_judge_ends(argv[2], (long)number(argv[3]));
    if (strcmp(verb, "trail") == 0 && argc == 4)
        return kills_judge_trail(argv[2], argv[3]);
    if (strcmp(verb, "results") == 0 && argc == 4)
        return kills_judge_results(argv[2], argv[3]);
    (void)fprintf(stderr, "kills: see the top of kills.c\n");
    return 64;
}
