/* Workflows drawn at random. */
#include "config.h"

#include "tests/sim/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
uint64_t sim_random(struct sim_random *random)
{
    uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint32_t sim_pick(struct sim_random *random, uint32_t below)
{
    return (uint32_t)(sim_random(random) % below);
}

bool sim_chance(struct sim_random *random, uint32_t n)
{
    return sim_pick(random, 1000) < n;
}

static char *copy(const char *text)
{
    char *made = strdup(text);

    fl_assert(made);
    return made;
}

static void *room(size_t count, size_t size)
{
    void *made = calloc(count, size);

    fl_assert(made);
    return made;
}

static void add_input(struct sim_random *random, struct fl_workflow *wf, struct fl_stage *stage,
                      int32_t from)
{
    struct fl_stage_input *input = &stage->inputs[stage->input_count];
    char name[16];

    (void)snprintf(name, sizeof(name), "i%zu", stage->input_count++);
    input->name = copy(name);
    input->leads = FL_NONE;
    input->sources = room(1, sizeof(*input->sources));
    input->source_count = 1;
    input->sources[0] = (struct fl_source){.stage = from, .text = copy(wf->stages[from].name)};
    input->follow = stage->dims.count == 0 && fl_output_dims(&wf->stages[from], 0).count > 0 &&
                    sim_chance(random, 400);
    if (!input->follow && stage->dims.count > 0 && sim_chance(random, 300))
        input->bridge_max_s = 6 * 3600;
}

static void draw_stage(struct sim_random *random, struct fl_workflow *wf, uint32_t s)
{
    struct fl_stage *stage = &wf->stages[s];
    uint32_t needs = s == 0 ? 0 : 1 + sim_pick(random, s > 2 ? 3 : s);
    char name[16];

    (void)snprintf(name, sizeof(name), "s%u", s);
    stage->name = copy(name);
    stage->program = copy("true");
    stage->origin = FL_NONE;
    stage->leads = FL_NONE;
    stage->group = stage->recurrence = FL_NONE;
    stage->dims.count = sim_chance(random, 500) ? 1 : 0; /* over set 0 */
    stage->cores = sim_pick(random, 3);
    stage->retry.tries = 1 + sim_pick(random, 4);
    stage->retry.delay_s = 1 + sim_pick(random, 20);
    stage->retry.grow = 2;
    stage->outputs = room(1, sizeof(*stage->outputs));
    stage->output_count = 1;
    stage->outputs[0].name = copy("o");
    stage->outputs[0].set = stage->dims.count == 0 && sim_chance(random, 500) ? 0 : FL_NONE;
    (void)snprintf(
        name, sizeof(name),
        stage->outputs[0].set == FL_NONE && stage->dims.count == 0 ? "f%u" : "f%u.{lead}", s);
    stage->outputs[0].file = copy(name);
    stage->inputs = room(SIM_STAGES_MAX, sizeof(*stage->inputs));
    for (uint32_t n = 0; n < needs; n++)
        add_input(random, wf, stage, (int32_t)sim_pick(random, s));
    if (s > 1 && sim_chance(random, 300)) {
        char when[64];

        (void)snprintf(when, sizeof(when), "s%u || s%u:ended", sim_pick(random, s),
                       sim_pick(random, s));
        stage->when = copy(when);
    }
}

struct fl_workflow *sim_graph(struct sim_random *random)
{
    struct fl_workflow *wf = room(1, sizeof(*wf));

    wf->name = copy("sim");
    wf->sets = room(1, sizeof(*wf->sets));
    wf->set_count = 1;
    wf->sets[0] =
        (struct fl_set){.name = copy("four"), .leads = {{0}, {(SIM_LEADS - 1) * 180}, 180}};
    wf->sites = room(1, sizeof(*wf->sites));
    wf->site_count = 1;
    wf->sites[0] = (struct fl_site){copy("local"), copy("local")};
    wf->pools = room(1, sizeof(*wf->pools));
    wf->pool_count = 1;
    wf->pools[0] =
        (struct fl_pool){.name = copy("local"), .cores = 2, .jobs = 1 + sim_pick(random, 6)};
    wf->stage_count = 2 + sim_pick(random, SIM_STAGES_MAX - 1);
    wf->stages = room(wf->stage_count, sizeof(*wf->stages));
    for (uint32_t s = 0; s < wf->stage_count; s++)
        draw_stage(random, wf, s);
    return wf;
}
