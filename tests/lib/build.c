/* Workflows made by hand. */
#include "config.h"

#include "tests/lib/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/banned.h"

static char *copy(const char *text)
{
    char *made = text ? strdup(text) : NULL;

    fl_assert(made || !text);
    return made;
}

static void *room(size_t count, size_t size)
{
    void *made = calloc(count, size);

    fl_assert(made);
    return made;
}

static void *more(void *items, size_t count, size_t size)
{
    char *made = realloc(items, (count + 1) * size);

    fl_assert(made);
    memset(made + count * size, 0, size);
    return made;
}

struct fl_workflow *build_workflow(const char *name, int64_t jobs)
{
    struct fl_workflow *wf = room(1, sizeof(*wf));

    wf->name = copy(name);
    wf->sites = room(1, sizeof(*wf->sites));
    wf->site_count = 1;
    wf->sites[0] = (struct fl_site){copy("local"), copy("local")};
    wf->pools = room(1, sizeof(*wf->pools));
    wf->pool_count = 1;
    wf->pools[0] = (struct fl_pool){.name = copy("local"), .cores = 64, .jobs = jobs};
    return wf;
}

static struct fl_set *new_set(struct fl_workflow *wf, const char *name)
{
    struct fl_set *set;

    wf->sets = more(wf->sets, wf->set_count, sizeof(*wf->sets));
    set = &wf->sets[wf->set_count++];
    set->name = copy(name);
    set->leads.step_minutes = 1;
    set->by = FL_NONE;
    return set;
}

int32_t build_leads(struct fl_workflow *wf, const char *name, const char *leads)
{
    struct fl_set *set = new_set(wf, name);
    int rc = fl_leads_parse(leads, &set->leads, NULL);

    fl_assert(rc == 0);
    return (int32_t)wf->set_count - 1;
}

int32_t build_names(struct fl_workflow *wf, const char *name, const char *prefix, uint32_t count)
{
    struct fl_set *set = new_set(wf, name);
    int rc;

    set->kind = FL_SET_NAMES;
    set->members.items = room(count, sizeof(*set->members.items));
    set->members.count = count;
    for (uint32_t i = 0; i < count; i++) {
        char text[FL_MEMBER_TEXT_MAX];

        (void)snprintf(text, sizeof(text), "%s%02u", prefix, i + 1);
        set->members.items[i] = copy(text);
    }
    rc = fl_set_index(set, NULL);
    fl_assert(rc == 0);
    return (int32_t)wf->set_count - 1;
}

int32_t build_declared(struct fl_workflow *wf, const char *name, int32_t by)
{
    struct fl_set *set = new_set(wf, name);

    set->kind = FL_SET_DECLARED;
    set->by = by;
    return (int32_t)wf->set_count - 1;
}

int32_t build_stage(struct fl_workflow *wf, const char *name, const char *when, int sets, ...)
{
    struct fl_stage *stage;
    va_list args;

    wf->stages = more(wf->stages, wf->stage_count, sizeof(*wf->stages));
    stage = &wf->stages[wf->stage_count++];
    stage->name = copy(name);
    stage->program = copy("true");
    stage->when = copy(when);
    stage->origin = stage->leads = stage->group = stage->recurrence = FL_NONE;
    stage->cores = 1;
    stage->retry = (struct fl_retry){.tries = 1, .delay_s = 1, .grow = 1};
    stage->keep_at_source = true;
    stage->inputs = room(BUILD_LIST_MAX, sizeof(*stage->inputs));
    stage->outputs = room(BUILD_LIST_MAX, sizeof(*stage->outputs));
    va_start(args, sets);
    for (int i = 0; i < sets; i++)
        stage->dims.sets[stage->dims.count++] = va_arg(args, int32_t);
    va_end(args);
    return (int32_t)wf->stage_count - 1;
}

int32_t build_output(struct fl_workflow *wf, int32_t stage, const char *name, int32_t own)
{
    struct fl_stage *s = &wf->stages[stage];
    struct fl_stage_output *output = &s->outputs[s->output_count];
    struct fl_dims dims;
    char file[256];

    fl_assert(s->output_count < BUILD_LIST_MAX);
    output->name = copy(name);
    output->set = own;
    dims = fl_output_dims(s, (int32_t)s->output_count++);
    (void)snprintf(file, sizeof(file), "%s", name);
    for (size_t d = 0; d < dims.count; d++)
        (void)snprintf(file + strlen(file), sizeof(file) - strlen(file), ".{%s}",
                       wf->sets[dims.sets[d]].name);
    output->file = copy(file);
    return (int32_t)s->output_count - 1;
}

struct fl_stage_input *build_input(struct fl_workflow *wf, int32_t stage, int32_t from,
                                   int32_t output, const char *members)
{
    struct fl_stage *s = &wf->stages[stage];
    struct fl_stage_input *input = &s->inputs[s->input_count];
    struct fl_dims dims = fl_output_dims(&wf->stages[from], output);
    char text[160];
    int rc;

    fl_assert(s->input_count < BUILD_LIST_MAX);
    (void)snprintf(text, sizeof(text), "i%zu", s->input_count++);
    input->name = copy(text);
    input->leads = FL_NONE;
    input->sources = room(1, sizeof(*input->sources));
    input->source_count = 1;
    (void)snprintf(text, sizeof(text), "%s.%s", wf->stages[from].name,
                   wf->stages[from].outputs[output].name);
    input->sources[0] = (struct fl_source){.stage = from, .output = output, .text = copy(text)};
    rc = members ? fl_selector_parse(wf, &dims, members, strlen(members), &input->sources[0].select,
                                     NULL)
                 : 0;
    fl_assert(rc == 0);
    return input;
}
