/* Chance that repeats. */
#include "config.h"

#include "tests/sim/random.h"

#include "engine/base/banned.h"

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t sim_random(struct sim_random *random)
{
    uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct sim_random sim_random_stream(uint64_t seed, uint64_t number)
{
    struct sim_random random = {seed * UINT64_C(0xd1342543de82ef95) + number};

    random.state = sim_random(&random) ^ number;
    return random;
}

uint32_t sim_pick(struct sim_random *random, uint32_t below)
{
    return (uint32_t)(sim_random(random) % below);
}

bool sim_chance(struct sim_random *random, uint32_t n)
{
    return sim_pick(random, 1000) < n;
}
