/* Matching a reference with the instances of the stage that refers. */
#include "config.h"

#include "engine/core/match.h"

#include "engine/base/banned.h"

struct matching {
    const struct fl_workflow *wf;
    const struct fl_ref *ref;
    struct fl_dims dims;
    struct fl_match *match;
    struct fl_err *reterr;
};

static struct fl_span whole(const struct fl_set *set)
{
    return (struct fl_span){0, (uint32_t)fl_set_count(set), 1};
}

/* The set of leads that an input names for all instances. */
static int named_leads(const struct matching *m, const struct fl_set *set, struct fl_span *span)
{
    const struct fl_set *named = &m->wf->sets[m->ref->input->leads];
    const struct fl_leads *part = &named->leads;

    if (!fl_leads_within(part, &set->leads))
        return fl_err_set(m->reterr, FL_E_CONFIG, 0, "leads of set '%s' are not all in those of %s",
                          named->name, m->ref->text);
    *span = (struct fl_span){(uint32_t)fl_leads_find(&set->leads, part->first),
                             (uint32_t)fl_leads_count(part),
                             (uint32_t)(part->step_minutes / set->leads.step_minutes)};
    if (span->stride == 0 || span->count == 1) /* one member: its step says nothing */
        span->stride = 1;
    return 0;
}

/* The dimension of the stage that refers with the same members, or -1. */
static int same_dimension(const struct matching *m, int32_t set)
{
    const struct fl_dims *own = &m->ref->stage->dims;
    int found = fl_dims_find(own, set);

    for (size_t c = 0; found < 0 && c < own->count; c++)
        if (fl_sets_equal(m->wf, own->sets[c], set) && fl_dims_find(&m->dims, own->sets[c]) < 0)
            found = (int)c;
    return found;
}

/* A dimension of leads whose members may be in the set, or -1. */
static int lead_dimension(const struct matching *m)
{
    const struct fl_dims *own = &m->ref->stage->dims;

    for (size_t c = own->count; c-- > 0;)
        if (m->wf->sets[own->sets[c]].kind == FL_SET_LEADS &&
            fl_dims_find(&m->dims, own->sets[c]) < 0)
            return (int)c;
    return -1;
}

/* The first lead of mine, shifted, that theirs lacks; FL_E_NOENT when there is one. */
static int leads_fit(const struct fl_match_dim *dim, struct fl_lead *ret_lead)
{
    for (size_t i = 0; i < fl_leads_count(dim->mine); i++) {
        ret_lead->minutes = fl_leads_at(dim->mine, i).minutes + dim->shift_min;
        if (fl_leads_find(dim->theirs, *ret_lead) < 0)
            return FL_E_NOENT;
    }
    return 0;
}

static int by_lead(const struct matching *m, size_t d, int own)
{
    struct fl_match_dim *dim = &m->match->of[d];
    const struct fl_set *set = &m->wf->sets[m->dims.sets[d]];
    char text[FL_TIME_TEXT_MAX];
    struct fl_lead lead;

    dim->how = FL_MEET_LEAD;
    dim->own = (size_t)own;
    dim->mine = &m->wf->sets[m->ref->stage->dims.sets[own]].leads;
    dim->theirs = &set->leads;
    dim->shift_min = m->ref->input ? m->ref->input->shift_min : 0;
    if (leads_fit(dim, &lead) == 0 || (m->ref->input && m->ref->input->edge_absent))
        return 0;
    if (!m->ref->input) { /* a trigger: then it is all of them that it waits for */
        dim->how = FL_MEET_SPAN;
        dim->span = whole(set);
        return 0;
    }
    fl_lead_format(lead, text);
    return fl_err_set(m->reterr, FL_E_CONFIG, 0,
                      "lead %s is not among those of %s (edge = \"absent\" allows that)", text,
                      m->ref->text);
}

static int match_dimension(const struct matching *m, size_t d)
{
    struct fl_match_dim *dim = &m->match->of[d];
    const struct fl_stage_input *input = m->ref->input;
    const struct fl_set *set = &m->wf->sets[m->dims.sets[d]];
    bool is_lead = (int)d == m->match->lead;
    int own;

    *dim = (struct fl_match_dim){.how = FL_MEET_SPAN, .span = whole(set)};
    if (m->ref->select && m->ref->select->of[d].count) {
        dim->span = m->ref->select->of[d];
        return 0;
    }
    if (is_lead && input && input->leads != FL_NONE)
        return named_leads(m, set, &dim->span);
    own = m->ref->all ? -1 : same_dimension(m, m->dims.sets[d]);
    if (own >= 0 && is_lead && input && (input->shift_min || input->edge_absent))
        return by_lead(m, d, own);
    if (own >= 0) {
        dim->how = FL_MEET_OWN;
        dim->own = (size_t)own;
        return 0;
    }
    own = m->ref->all || !is_lead ? -1 : lead_dimension(m);
    if (own >= 0)
        return by_lead(m, d, own);
    if (!fl_set_is_known(set))
        m->match->unknown = m->dims.sets[d];
    return 0;
}

int fl_match_make(const struct fl_workflow *workflow, const struct fl_ref *ref,
                  struct fl_match *ret_match, struct fl_err *reterr)
{
    struct matching m = {.wf = workflow,
                         .ref = ref,
                         .dims = fl_output_dims(ref->from, ref->output),
                         .match = ret_match,
                         .reterr = reterr};
    int rc = 0;

    *ret_match = (struct fl_match){.radix = fl_radix_of(workflow, &m.dims),
                                   .own = fl_radix_of(workflow, &ref->stage->dims),
                                   .lead = fl_dims_lead(workflow, &m.dims),
                                   .unknown = FL_NONE};
    for (size_t d = 0; rc == 0 && d < m.dims.count; d++)
        rc = match_dimension(&m, d);
    return rc;
}

int fl_match_source(const struct fl_workflow *workflow, const struct fl_stage *stage,
                    const struct fl_stage_input *input, const struct fl_source *source,
                    struct fl_match *ret_match, struct fl_err *reterr)
{
    const struct fl_ref ref = {.stage = stage,
                               .from = &workflow->stages[source->stage],
                               .output = source->output,
                               .select = &source->select,
                               .input = input,
                               .text = source->text};
    int rc = fl_match_make(workflow, &ref, ret_match, reterr);

    return rc < 0 ? fl_err_note(reterr, rc, "input '%s'", input->name) : 0;
}

struct fl_region fl_match_region(const struct fl_match *match, uint32_t k)
{
    struct fl_region region = {.count = 1, .dims = match->radix.count};
    uint32_t own[FL_DIMS_MAX] = {0};
    uint32_t weight = 1;

    fl_radix_split(&match->own, k, own);
    for (size_t d = region.dims; d-- > 0;) {
        const struct fl_match_dim *dim = &match->of[d];
        int64_t at;

        region.weight[d] = weight;
        weight *= match->radix.sizes[d];
        region.of[d] = dim->span;
        if (dim->how == FL_MEET_OWN)
            region.of[d] = (struct fl_span){own[dim->own], 1, 1};
        if (dim->how == FL_MEET_LEAD) {
            struct fl_lead lead = fl_leads_at(dim->mine, own[dim->own]);

            lead.minutes += dim->shift_min;
            at = fl_leads_find(dim->theirs, lead);
            region.of[d] = (struct fl_span){at < 0 ? 0 : (uint32_t)at, at < 0 ? 0 : 1, 1};
        }
        region.count *= region.of[d].count;
    }
    return region;
}

uint32_t fl_region_at(const struct fl_region *region, uint32_t i)
{
    uint32_t number = 0;

    for (size_t d = region->dims; d-- > 0;) {
        const struct fl_span *span = &region->of[d];

        number += (span->first + (i % span->count) * span->stride) * region->weight[d];
        i /= span->count;
    }
    return number;
}
