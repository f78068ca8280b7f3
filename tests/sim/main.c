/* fl_sim [SEED [COUNT]]: simulates COUNT seeds from SEED on, each twice, as TAP; every tenth with
 * the real store, in the scratch folder sim-store. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/world/file.h"
#include "tests/sim/sim.h"
#include "engine/base/banned.h"

#define COUNT_DEFAULT 20
#define STORE_EVERY 10

static int run(uint64_t seed, bool store, char hash[static FL_DIGEST_HEX], char *why, size_t size)
{
    const struct fl_world *world = fl_world_real();
    struct fl_err err = {0};
    char folder[64];
    int rc = 0;

    (void)snprintf(folder, sizeof(folder), "sim-store.%llu", (unsigned long long)seed);
    if (store &&
        (fl_dir_remove(world, folder, &err) < 0 || fl_dir_make(world, folder, 0755, &err) < 0)) {
        (void)snprintf(why, size, "%s", err.text);
        return -1;
    }
    rc = sim_run(seed, store ? folder : NULL, hash, why, size);
    if (store)
        (void)fl_dir_remove(world, folder, NULL); /* a leftover is removed next time */
    return rc;
}

int main(int argc, char **argv)
{
    const char *seeds = getenv("SEEDS"); /* make soak SEEDS=n */
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = seeds ? strtoull(seeds, NULL, 10) : COUNT_DEFAULT;
    int failed = 0;

    if (argc > 1)
        count = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    (void)printf("1..%llu\n", (unsigned long long)count);
    for (uint64_t n = 0; n < count; n++) {
        uint64_t seed = first + n;
        char once[FL_DIGEST_HEX];
        char twice[FL_DIGEST_HEX];
        char why[512] = "";
        int rc = run(seed, seed % STORE_EVERY == 0, once, why, sizeof(why));

        if (rc == 0)
            rc = run(seed, false, twice, why, sizeof(why));
        if (rc == 0 && strcmp(once, twice) != 0) {
            (void)snprintf(why, sizeof(why), "two runs of one seed differ");
            rc = -1;
        }
        (void)printf("%s %llu - seed %llu: %s\n", rc == 0 ? "ok" : "not ok",
                     (unsigned long long)n + 1, (unsigned long long)seed, rc == 0 ? why : "broken");
        if (rc != 0) {
            failed = 1;
            (void)printf("# %s\n# again: %s %llu\n", why, argv[0], (unsigned long long)seed);
        }
    }
    return failed;
}
