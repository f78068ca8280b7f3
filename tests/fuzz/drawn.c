/* Drawing and compiling. */
#include "config.h"

#include "tests/fuzz/drawn.h"

#include <string.h>

#include "engine/spec/spec.h"
#include "tests/sim/graph.h"

#include "engine/base/banned.h"

static int read_graph(const char *path, size_t limit, struct fl_buf *out, struct fl_err *reterr,
                      void *arg)
{
    (void)limit;
    if (strcmp(path, "workflow.cfg") != 0)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no file '%s'", path);
    sim_graph_text(arg, SIM_RUNS_MAX, out);
    return fl_buf_check(out, reterr);
}

struct fl_workflow *fuzz_drawn(uint64_t seed)
{
    struct sim_graph graph;
    const struct fl_spec_options options = {.read = read_graph, .arg = &graph};
    struct fl_diagnostics list = {0};
    struct fl_workflow *workflow = NULL;

    sim_graph_draw(seed, 0, &graph);
    fl_assert(fl_spec_load("workflow.cfg", &options, &workflow, &list, NULL) == 0);
    return workflow;
}
