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
    input->follow = !stage->per && graph->stages[from].axis == SIM_BY_LEAD && follows;
    input->bridged = stage->per && graph->stages[from].axis == SIM_BY_LEAD && bridges;
    stage->input_count++;
}

/* The first input whose outputs are many is that which the instances are made for. */
static bool take_many_first(const struct sim_graph *graph, unsigned *from, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        if (graph->stages[from[n]].there && graph->stages[from[n]].axis != SIM_ONE) {
            unsigned first = from[n];

            from[n] = from[0];
            from[0] = first;
            return true;
        }
    }
    return false;
}

static bool is_said(const struct sim_graph *graph, unsigned before)
{
    for (unsigned s = 0; s < before; s++) {
        if (graph->stages[s].there && graph->stages[s].says)
            return true;
    }
    return false;
}

/* One instance or many: as its first input, or over a set of its own. */
static void draw_axis(struct sim_random *stream, const struct sim_graph *graph,
                      struct sim_stage *stage, unsigned s, unsigned *from, unsigned needs)
{
    bool follows_input = sim_chance(stream, 600);
    bool by_lead = sim_chance(stream, 500);
    unsigned own = sim_pick(stream, 8);

    if (follows_input && take_many_first(graph, from, needs)) {
        stage->axis = graph->stages[from[0]].axis;
        stage->per = true;
    } else if (own == 0 || (own == 1 && is_said(graph, s))) {
        stage->axis = own == 0 ? SIM_BY_MEMBER : SIM_BY_SAID;
        stage->per = true;
    } else if (own == 2 && !is_said(graph, s)) {
        stage->says = true;
        (void)snprintf(stage->name, sizeof(stage->name), "say%u", graph->said);
    } else if (by_lead) {
        stage->axis = SIM_BY_LEAD;
    }
}

/* Two of the instances: one that is made along the same set sees its own only, and how many a set
 * that is said will have is not known to whoever writes the file. */
static bool counts_can_be_met(const struct sim_graph *graph, const struct sim_stage *stage)
{
    const struct sim_stage *from = &graph->stages[stage->when[0]];

    return from->per && from->axis != SIM_BY_SAID && !(stage->per && stage->axis == from->axis);
}

static void draw_rules(struct sim_random *stream, const struct sim_graph *graph,
                       struct sim_stage *stage, unsigned s)
{
    if (sim_chance(stream, 200))
        stage->at_s = 1 + sim_pick(stream, 120);
    if (sim_chance(stream, 300))
        stage->lost = 2 + sim_pick(stream, 2);
    if (sim_chance(stream, 300))
        stage->exits = 2 + sim_pick(stream, 3);
    if (sim_chance(stream, 300))
        stage->uses = 1 + sim_pick(stream, SIM_LIMIT);
    if (s > 1 && sim_chance(stream, 300)) {
        stage->when[0] = sim_pick(stream, s);
        stage->when[1] = sim_pick(stream, s);
        stage->has_when =
            graph->stages[stage->when[0]].there && graph->stages[stage->when[1]].there;
        stage->counts = sim_chance(stream, 500) && counts_can_be_met(graph, stage);
    }
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
    for (unsigned n = 0; n < needs; n++)
        from[n] = sim_pick(&stream, s);
    draw_axis(&stream, graph, stage, s, from, needs);
    for (unsigned n = 0; n < needs; n++)
        draw_input(&stream, graph, stage, from[n]);
    if (!stage->per && sim_chance(&stream, 300)) /* its own of earlier cycles */
        stage->inputs[stage->input_count++] = (struct sim_input){.from = s, .first_of = true};
    draw_rules(&stream, graph, stage, s);
}

void sim_graph_draw(uint64_t seed, uint32_t without, struct sim_graph *graph)
{
    struct sim_random stream = sim_random_stream(seed, STREAM_GRAPH);

    memset(graph, 0, sizeof(*graph));
    graph->stage_count = 2 + sim_pick(&stream, SIM_STAGES_MAX - 1);
    graph->pool_jobs = 2 + sim_pick(&stream, 5);
    graph->said = 1 + sim_pick(&stream, SIM_MEMBERS);
    graph->installed = sim_chance(&stream, 400);
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

void sim_graph_slots(const struct sim_graph *graph, unsigned stage, unsigned *ret_first,
                     unsigned *ret_count)
{
    static const unsigned first[SIM_AXES] = {0, 1, 1 + SIM_LEADS, 1 + SIM_LEADS + SIM_MEMBERS};
    const unsigned count[SIM_AXES] = {1, SIM_LEADS, SIM_MEMBERS, graph->said};

    *ret_first = first[graph->stages[stage].axis];
    *ret_count = count[graph->stages[stage].axis];
}

unsigned sim_graph_slot(const char *member)
{
    if (!member)
        return 0;
    if (member[0] == '+')
        return 1 + (unsigned)strtoul(member + 1, NULL, 10) / 3 % SIM_LEADS;
    if (member[0] == 'm')
        return 1 + SIM_LEADS + ((unsigned)strtoul(member + 1, NULL, 10) - 1) % SIM_MEMBERS;
    return 1 + SIM_LEADS + SIM_MEMBERS + (unsigned)(member[0] - 'a') % SIM_MEMBERS;
}

/* ---------------------------------------------------------------- for the engine */

/* How a stage's own outputs are set apart: nothing, {lead}, {m}, {d}. */
static const char *const marks[SIM_AXES] = {"", ".{lead}", ".{m}", ".{d}"};

static void put_input(const struct sim_graph *graph, const struct sim_input *input, unsigned n,
                      struct fl_buf *out)
{
    const struct sim_stage *from = &graph->stages[input->from];
    const char *lead = from->axis == SIM_BY_LEAD ? "(+003)" : "";

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

static void put_axis(const struct sim_graph *graph, const struct sim_stage *stage,
                     struct fl_buf *out)
{
    const struct sim_stage *from = &graph->stages[stage->inputs[0].from];

    if (stage->per && stage->input_count > 0 && from->axis == stage->axis)
        fl_buf_printf(out, "      per = \"%s.o\";", from->name);
    else if (stage->per)
        fl_buf_printf(out, "      foreach = [\"%s\"];", stage->axis == SIM_BY_MEMBER ? "m" : "d");
    else if (stage->axis == SIM_BY_LEAD)
        fl_buf_printf(out, "      leads = \"four\";");
    if (stage->says)
        fl_buf_printf(out, "      declares = \"d\";");
}

static void put_rules(const struct sim_stage *stage, struct fl_buf *out)
{
    if (stage->lost == 0 && stage->exits == 0)
        return;
    fl_buf_printf(out, "      on = {");
    if (stage->lost > 0)
        fl_buf_printf(out, " lost = { tries = %u; delay = \"PT3S\"; };", stage->lost);
    if (stage->exits > 0)
        fl_buf_printf(out, " exit_%d = { tries = %u; delay = \"PT2S\"; };", SIM_EXIT, stage->exits);
    fl_buf_printf(out, " };\n");
}

static void put_stage(const struct sim_graph *graph, const struct sim_stage *stage,
                      struct fl_buf *out)
{
    fl_buf_printf(out, "    %s: { program = \"true\"; pool = \"local\"; cores = %u;\n", stage->name,
                  stage->cores);
    fl_buf_printf(out, "      retry = { tries = %u; delay = \"PT%uS\"; grow = 2.0; };\n",
                  stage->tries, 1 + stage->tries * 4);
    put_axis(graph, stage, out);
    fl_buf_printf(out, " outputs = { o = \"f%s%s\"; };\n", stage->name, marks[stage->axis]);
    if (stage->uses > 0)
        fl_buf_printf(out, "      uses = { link = %u; };\n", stage->uses);
    if (stage->at_s > 0)
        fl_buf_printf(out, "      at = \"+PT%uS\";\n", stage->at_s);
    put_rules(stage, out);
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

void sim_graph_text(const struct sim_graph *graph, unsigned runs, struct fl_buf *out)
{
    bool says = is_said(graph, graph->stage_count);

    fl_buf_printf(out, "workflow: {\n  name = \"sim\";\n"
                       "  cycles = { every = \"PT6H\"; from = \"20261124T0000Z\";");
    if (graph->installed)
        fl_buf_printf(out, " stop = \"20261124T%02u00Z\"; ahead = 2; keep = \"PT18H\";",
                      (runs - 1) * SIM_CYCLE_S / 3600);
    fl_buf_printf(out,
                  " };\n  leads = { four = \"+000/+009/3\"; };\n"
                  "  sets = { m = \"m01/m%02u\";%s };\n"
                  "  limits = { link = %u; };\n"
                  "  sites = { local = { root = \"local\"; }; };\n"
                  "  pools = { local = { site = \"local\"; cores = 2; jobs = %u; }; };\n"
                  "  stages: {\n",
                  SIM_MEMBERS, says ? " d = { declared = true; };" : "", SIM_LIMIT,
                  graph->pool_jobs);
    for (unsigned s = 0; s < graph->stage_count; s++) {
        if (graph->stages[s].there)
            put_stage(graph, &graph->stages[s], out);
    }
    fl_buf_printf(out, "  };\n};\n");
}
