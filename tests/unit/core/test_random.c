/* Workflows drawn at random: sets, selectors, triggers of all kinds, failures, retries, several
 * cycles. The oracle looks on; what it finds broken, and what was skipped though it could start,
 * fails the test with the seed. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/expr.h"
#include "engine/core/plan.h"
#include "tests/lib/build.h"
#include "tests/lib/drive.h"
#include "tests/lib/test.h"

#include "engine/base/banned.h"

#define SEEDS 150
#define STAGES_MAX 9

struct drawing {
    uint64_t state;
    struct fl_workflow *wf;
    int32_t sets[3];
    uint32_t stages;
    bool found; /* the first stage says the members of the first set */
};

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint32_t pick(struct drawing *d, uint32_t below)
{
    uint64_t z = (d->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ (z >> 31)) % below);
}

static void add(char *text, size_t size, const char *more)
{
    (void)snprintf(text + strlen(text), size - strlen(text), "%s", more);
}

/* A leaf about a stage before. */
static void draw_leaf(struct drawing *d, uint32_t s, char *text, size_t size)
{
    static const char *const states[] = {"",           ":failed", ":skipped", ":ended",  ":started",
                                         ":succeeded", ":ended",  ":all",     ":failed", ""};
    static const char *const members[] = {"(m01)", "(m01/m02)", "(+006)", "(+000/+006)"};
    static const char *const counts[] = {" >= 1", " >= 2", " >= 60%"};
    const struct fl_stage *on = &d->wf->stages[pick(d, s)];
    bool output = pick(d, 3) == 0;
    char one[120];

    if (pick(d, 12) == 0 && s >= 2) {
        add(text, size, pick(d, 2) ? "g:ended" : "g:failed >= 1");
        return;
    }
    if (pick(d, 14) == 0) {
        add(text, size, pick(d, 2) ? "param.size > 3" : "!(param.size > 3)");
        return;
    }
    if (pick(d, 14) == 0) {
        add(text, size, pick(d, 2) ? "clock(+PT1H)" : "clock(+PT30M)");
        return;
    }
    (void)snprintf(one, sizeof(one), "%s%s%s", on->name, pick(d, 8) == 0 ? "[-PT6H]" : "",
                   output ? ".o" : "");
    add(text, size, one);
    if (pick(d, 3) == 0) {
        struct fl_dims dims = fl_output_dims(on, output ? 0 : FL_NONE);
        struct fl_selector selector;
        const char *chosen = members[pick(d, FL_COUNT(members))];

        if (fl_selector_parse(d->wf, &dims, chosen + 1, strlen(chosen) - 2, &selector, NULL) == 0)
            add(text, size, chosen);
    }
    if (!output && pick(d, 10) == 0)
        add(text, size, ":progress(+006)");
    else if (!output)
        add(text, size, states[pick(d, FL_COUNT(states))]);
    if (pick(d, 4) == 0)
        add(text, size, counts[pick(d, FL_COUNT(counts))]);
}

static void draw_when(struct drawing *d, uint32_t s, char *text, size_t size)
{
    uint32_t terms = 1 + pick(d, 3);

    for (uint32_t t = 0; t < terms; t++) {
        if (t)
            add(text, size, pick(d, 2) ? " && " : " || ");
        draw_leaf(d, s, text, size);
    }
}

/* True for a trigger that names only what stands before the stage. */
static bool is_good(const struct drawing *d, const char *when, uint32_t s)
{
    fl_auto(fl_expr_release) struct fl_expr expr = {0};
    struct fl_err err = {0};

    if (fl_expr_parse(when, d->wf, &expr, &err) < 0)
        fail_msg("%s: %s", when, err.text);
    for (size_t i = 0; i < expr.leaf_count; i++)
        for (size_t other = s; other < d->wf->stage_count; other++)
            if (fl_leaf_names(d->wf, &expr.leaves[i], other))
                return false;
    return true;
}

static void draw_input(struct drawing *d, int32_t stage)
{
    struct fl_stage *s = &d->wf->stages[stage];
    int32_t from = (int32_t)pick(d, (uint32_t)stage);
    struct fl_stage_input *input = build_input(d->wf, stage, from, 0, NULL);
    struct fl_dims dims = fl_output_dims(&d->wf->stages[from], 0);
    struct fl_match match;

    if (fl_dims_lead(d->wf, &dims) >= 0 && pick(d, 4) == 0)
        input->bridge_max_s = 12 * 3600;
    else if (!d->found && /* a body would wait for the first of none */
             fl_dims_lead(d->wf, &s->dims) < 0 && fl_dims_lead(d->wf, &dims) >= 0 &&
             pick(d, 3) == 0)
        input->follow = true;
    input->edge_absent = true; /* leads that the other lacks are no mistake */
    if (fl_match_source(d->wf, s, input, &input->sources[0], &match, NULL) < 0)
        fail_msg("an input that cannot be met");
}

static void draw_stage(struct drawing *d, uint32_t s)
{
    char name[16];
    char when[400] = "";
    uint32_t dims = d->found && s == 0 ? 0 : pick(d, 4);
    int32_t first = d->sets[dims == 2 ? 1 : 0];
    int32_t stage;
    int32_t own = pick(d, 3) == 0 ? d->sets[2] : FL_NONE;

    (void)snprintf(name, sizeof(name), "s%u", s);
    if (s > 0 && pick(d, 3) > 0)
        draw_when(d, s, when, sizeof(when));
    stage = build_stage(d->wf, name, NULL, dims > 2 ? 2 : dims > 0 ? 1 : 0, first, d->sets[1]);
    if (s < 2) /* those after may wait for the group */
        d->wf->stages[stage].group = 0;
    if (*when && is_good(d, when, s))
        d->wf->stages[stage].when = strdup(when);
    (void)build_output(d->wf, stage, "o", own);
    d->wf->stages[stage].optional = pick(d, 4) == 0;
    d->wf->stages[stage].success.outputs = pick(d, 4) ? FL_SUCCESS_ALL : FL_SUCCESS_NONE;
    for (uint32_t i = 0, count = s ? pick(d, 3) : 0; i < count; i++)
        draw_input(d, stage);
}

static struct fl_workflow *draw(struct drawing *d)
{
    struct fl_workflow *wf = build_workflow("toy", 100);

    d->wf = wf;
    d->found = pick(d, 3) == 0;
    d->sets[0] = d->found ? build_declared(wf, "member", 0) : build_names(wf, "member", "m", 3);
    d->sets[1] = build_leads(wf, "hour", "+000/+012/6");
    d->sets[2] = build_leads(wf, "fine", "+000/+012/3");
    wf->params = calloc(1, sizeof(*wf->params));
    wf->param_count = 1;
    wf->params[0] = (struct fl_param){strdup("size"), FL_PARAM_INT, strdup(pick(d, 2) ? "5" : "1")};
    wf->groups = calloc(1, sizeof(*wf->groups));
    wf->group_count = 1;
    wf->groups[0] = (struct fl_group){strdup("g"), FL_NONE};
    d->stages = 3 + pick(d, STAGES_MAX - 3);
    for (uint32_t s = 0; s < d->stages; s++)
        draw_stage(d, s);
    return wf;
}

/* Some stages fail, some of their outputs do not come. */
static void draw_rules(struct drawing *d, struct drive *drive, char names[][16])
{
    static const char *const leads[] = {NULL, "+006", "+000"};

    for (uint32_t r = 0; r < 4; r++) {
        (void)snprintf(names[r], 16, "s%u", pick(d, d->stages));
        drive->rules[r] = (struct drive_rule){.stage = names[r], .lead = leads[pick(d, 3)]};
        if (pick(d, 2))
            drive->rules[r].class = "data";
        else
            drive->rules[r].cause = "not there";
    }
}

static void one_seed(uint32_t seed)
{
    static const char *const members[] = {
        "{'type':'set','set':'member','members':['m01','m02','m03']}",
        "{'type':'set','set':'member','members':['m02']}",
        "{'type':'set','set':'member','members':[]}", NULL, /* it says nothing */
    };
    struct drawing d = {.state = seed};
    char names[DRIVE_RULES_MAX][16];
    struct drive drive;

    drive_open(&drive);
    drive.every = 7;
    drive_take(&drive, draw(&d));
    draw_rules(&d, &drive, names);
    drive.teller = "s0";
    drive.told = d.found ? members[pick(&d, FL_COUNT(members))] : NULL;
    drive_hello(&drive, "w1", NULL);
    drive_submit(&drive, "20261124T0000Z");
    if (pick(&d, 2))
        drive_play(&drive);
    drive_submit(&drive, "20261124T0600Z");
    drive_play(&drive);
    if (pick(&d, 2)) { /* what failed is mended, and tried again */
        memset(drive.rules, 0, sizeof(drive.rules));
        (void)snprintf(drive.run, sizeof(drive.run), "toy/%s",
                       pick(&d, 2) ? "20261124T0000Z" : "20261124T0600Z");
        (void)drive_ask(&drive, "retry", NULL, NULL);
        drive_play(&drive);
    }
    if (strcmp(drive_state(&drive, NULL), "running") == 0)
        fail_msg("run %s does not end", drive.run);
    drive_close(&drive);
}

/* Whatever is drawn, it runs to an end, starts nothing too early and leaves nothing out. */
static void whatever_is_drawn_is_run_as_the_onlooker_says(void **state)
{
    const char *only = getenv("FL_SEED");

    (void)state;
    if (only) { /* any one */
        one_seed((uint32_t)strtoul(only, NULL, 10));
        return;
    }
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %u\n", seed);
        one_seed(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_drawn_is_run_as_the_onlooker_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
