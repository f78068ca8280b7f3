/* Workflows drawn at random. */
#include "config.h"

#include "tests/sim/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

#define STREAM_GRAPH 1000 /* and one for each stage after it */

static void draw_input(struct sim_random *random, const struct sim_graph *graph,
                       struct sim_stage *stage, unsigned from)
{
    struct sim_input *input = &stage->inputs[stage->input_count];
    bool follows = sim_chance(random, 400);
    bool bridges = sim_chance(random, 300);

    if (!graph->stages[from].there)
        return;
    *input = (struct sim_input){.from = from};
    input->follow = !stage->per && graph->stages[from].wide && follows;
    input->bridged = stage->per && graph->stages[from].wide && bridges;
    stage->input_count++;
}

/* The first input whose output comes for each lead is that which an instance a lead is made for. */
static bool take_wide_first(const struct sim_graph *graph, unsigned *from, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        if (graph->stages[from[n]].there && graph->stages[from[n]].wide) {
            unsigned first = from[n];

            from[n] = from[0];
            from[0] = first;
            return true;
        }
    }
    return false;
}

static void draw_stage(uint64_t seed, struct sim_graph *graph, unsigned s)
{
    struct sim_random stream = sim_random_stream(seed, STREAM_GRAPH + 1 + s);
    struct sim_stage *stage = &graph->stages[s];
    unsigned needs = s == 0 ? 0 : 1 + sim_pick(&stream, s > 2 ? 3 : s);
    unsigned from[SIM_INPUTS_MAX];

    (void)snprintf(stage->name, sizeof(stage->name), "s%u", s);
    stage->cores = sim_pick(&stream, 3);
    stage->tries = 1 + sim_pick(&stream, 4);
    stage->per = sim_chance(&stream, 600);
    stage->wide = sim_chance(&stream, 500);
    for (unsigned n = 0; n < needs; n++)
        from[n] = sim_pick(&stream, s);
    stage->per = stage->per && take_wide_first(graph, from, needs);
    stage->wide = stage->wide || stage->per;
    for (unsigned n = 0; n < needs; n++)
        draw_input(&stream, graph, stage, from[n]);
    if (!stage->per && sim_chance(&stream, 300)) /* its own of earlier cycles */
        stage->inputs[stage->input_count++] = (struct sim_input){.from = s, .first_of = true};
    if (sim_chance(&stream, 200))
        stage->at_s = 1 + sim_pick(&stream, 120);
    if (sim_chance(&stream, 300))
        stage->lost = 2 + sim_pick(&stream, 2);
    if (s > 1 && sim_chance(&stream, 300)) {
        stage->when[0] = sim_pick(&stream, s);
        stage->when[1] = sim_pick(&stream, s);
        stage->has_when =
            graph->stages[stage->when[0]].there && graph->stages[stage->when[1]].there;
    }
}

void sim_graph_draw(uint64_t seed, uint32_t without, struct sim_graph *graph)
{
    struct sim_random stream = sim_random_stream(seed, STREAM_GRAPH);

    memset(graph, 0, sizeof(*graph));
    graph->stage_count = 2 + sim_pick(&stream, SIM_STAGES_MAX - 1);
    graph->pool_jobs = 2 + sim_pick(&stream, 5);
    for (unsigned s = 0; s < graph->stage_count; s++) {
        graph->stages[s].there = (without & (1u << s)) == 0;
        draw_stage(seed, graph, s);
    }
}

unsigned sim_graph_find(const struct sim_graph *graph, const char *name)
{
    for (unsigned s = 0; s < graph->stage_count; s++) {
        if (graph->stages[s].there && strcmp(graph->stages[s].name, name) == 0)
            return s;
    }
    return SIM_STAGES_MAX;
}

/* ---------------------------------------------------------------- for the engine */

static void put_input(const struct sim_graph *graph, const struct sim_input *input, unsigned n,
                      struct fl_buf *out)
{
    const struct sim_stage *from = &graph->stages[input->from];
    const char *lead = from->wide ? "(+003)" : "";

    fl_buf_printf(out, " i%u = ", n);
    if (input->first_of)
        fl_buf_printf(out, "{ first_of = [\"%s[-PT6H].o%s\", \"%s[-PT12H].o%s\", \"cold\"]; };",
                      from->name, lead, from->name, lead);
    else if (input->follow)
        fl_buf_printf(out, "{ from = \"%s.o\"; follow = true; };", from->name);
    else if (input->bridged)
        fl_buf_printf(out, "{ from = \"%s.o\"; bridge = { max = \"PT6H\"; note = \"n\"; }; };",
                      from->name);
    else
        fl_buf_printf(out, "\"%s.o\";", from->name);
}

static void put_stage(const struct sim_graph *graph, const struct sim_stage *stage,
                      struct fl_buf *out)
{
    fl_buf_printf(out, "    %s: { program = \"true\"; pool = \"local\"; cores = %u;\n", stage->name,
                  stage->cores);
    fl_buf_printf(out, "      retry = { tries = %u; delay = \"PT%uS\"; grow = 2.0; };\n",
                  stage->tries, 1 + stage->tries * 4);
    if (stage->per)
        fl_buf_printf(out, "      per = \"%s.o\";", graph->stages[stage->inputs[0].from].name);
    else if (stage->wide)
        fl_buf_printf(out, "      leads = \"four\";");
    fl_buf_printf(out, " outputs = { o = \"f%s%s\"; };\n", stage->name,
                  stage->wide ? ".{lead}" : "");
    if (stage->at_s > 0)
        fl_buf_printf(out, "      at = \"+PT%uS\";\n", stage->at_s);
    if (stage->lost > 0)
        fl_buf_printf(out, "      on = { lost = { tries = %u; delay = \"PT3S\"; }; };\n",
                      stage->lost);
    if (stage->has_when)
        fl_buf_printf(out, "      when = \"%s%s || %s:ended\";\n",
                      graph->stages[stage->when[0]].name, stage->counts ? ":succeeded >= 2" : "",
                      graph->stages[stage->when[1]].name);
    if (stage->input_count > 0) {
        fl_buf_printf(out, "      inputs = {");
        for (unsigned n = 0; n < stage->input_count; n++)
            put_input(graph, &stage->inputs[n], n, out);
        fl_buf_printf(out, " };\n");
    }
    fl_buf_printf(out, "    };\n");
}

void sim_graph_text(const struct sim_graph *graph, struct fl_buf *out)
{
    fl_buf_printf(out,
                  "workflow: {\n  name = \"sim\";\n"
                  "  cycles = { every = \"PT6H\"; from = \"20261124T0000Z\"; };\n"
                  "  leads = { four = \"+000/+009/3\"; };\n"
                  "  sites = { local = { root = \"local\"; }; };\n"
                  "  pools = { local = { site = \"local\"; cores = 2; jobs = %u; }; };\n"
                  "  stages: {\n",
                  graph->pool_jobs);
    for (unsigned s = 0; s < graph->stage_count; s++) {
        if (graph->stages[s].there)
            put_stage(graph, &graph->stages[s], out);
    }
    fl_buf_printf(out, "  };\n};\n");
}
