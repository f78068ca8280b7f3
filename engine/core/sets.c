/* Sets, the dimensions that stages have by them, and the keys that name their members. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/workflow.h"

#include "engine/base/banned.h"

#define LIST_MAX 6 /* members that an error names */

struct named {
    const char *text;
    uint32_t index;
};

static int by_text(const void *a, const void *b)
{
    const struct named *x = a;
    const struct named *y = b;
    int order = strcmp(x->text, y->text);

    return order ? order : (x->index > y->index) - (x->index < y->index);
}

int fl_set_index(struct fl_set *set, struct fl_err *reterr)
{
    size_t count = set->members.count;
    struct named *names = calloc(count + 1, sizeof(*names));
    uint32_t *order = calloc(count + 1, sizeof(*order));

    if (!names || !order) {
        free(names);
        free(order);
        return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for the members of a set");
    }
    for (size_t i = 0; i < count; i++)
        names[i] = (struct named){set->members.items[i], (uint32_t)i};
    qsort(names, count, sizeof(*names), by_text);
    for (size_t i = 0; i < count; i++)
        order[i] = names[i].index;
    free(names);
    free(set->order);
    set->order = order;
    return 0;
}

size_t fl_set_count(const struct fl_set *set)
{
    return set->kind == FL_SET_LEADS ? fl_leads_count(&set->leads) : set->members.count;
}

bool fl_set_is_known(const struct fl_set *set)
{
    return set->kind != FL_SET_DECLARED || set->known;
}

const char *fl_set_member(const struct fl_set *set, size_t index,
                          char text[static FL_MEMBER_TEXT_MAX])
{
    fl_assert(index < fl_set_count(set));
    if (set->kind != FL_SET_LEADS)
        return set->members.items[index];
    fl_lead_format(fl_leads_at(&set->leads, index), text);
    return text;
}

const char *fl_set_member_file(const struct fl_set *set, size_t index,
                               char text[static FL_MEMBER_TEXT_MAX])
{
    fl_assert(index < fl_set_count(set));
    if (set->kind != FL_SET_LEADS)
        return set->members.items[index];
    fl_lead_format_file(fl_leads_at(&set->leads, index), text);
    return text;
}

/* Order of text (of size bytes) and a whole member. */
static int compare(const char *text, size_t size, const char *member)
{
    int order = strncmp(text, member, size);

    return order ? order : member[size] ? -1 : 0;
}

static int64_t find_name(const struct fl_set *set, const char *text, size_t size)
{
    size_t low = 0;
    size_t high = set->members.count;

    if (memchr(text, '\0', size))
        return -1;
    for (size_t i = 0; !set->order && i < set->members.count; i++)
        if (compare(text, size, set->members.items[i]) == 0)
            return (int64_t)i;
    while (set->order && low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(text, size, set->members.items[set->order[middle]]);

        if (order == 0)
            return set->order[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

int64_t fl_set_find(const struct fl_set *set, const char *text, size_t size)
{
    char copy[FL_TIME_TEXT_MAX];
    struct fl_lead lead;

    if (set->kind != FL_SET_LEADS)
        return find_name(set, text, size);
    if (size >= sizeof(copy))
        return -1;
    memcpy(copy, text, size);
    copy[size] = '\0';
    return fl_lead_parse(copy, &lead, NULL) < 0 ? -1 : fl_leads_find(&set->leads, lead);
}

int64_t fl_set_find_file(const struct fl_set *set, const char *text, size_t size)
{
    char copy[FL_TIME_TEXT_MAX];

    if (set->kind != FL_SET_LEADS)
        return find_name(set, text, size);
    if (size < 2 || size >= sizeof(copy) || text[0] != 'f')
        return -1;
    for (size_t i = 1; i < size; i++)
        copy[i - 1] = text[i] == 'm' ? ':' : text[i];
    return fl_set_find(set, copy, size - 1);
}

bool fl_sets_equal(const struct fl_workflow *workflow, int32_t a, int32_t b)
{
    const struct fl_set *x;
    const struct fl_set *y;

    if (a == b || a == FL_NONE || b == FL_NONE)
        return a == b;
    x = &workflow->sets[a];
    y = &workflow->sets[b];
    return x->kind == FL_SET_LEADS && y->kind == FL_SET_LEADS &&
           x->leads.first.minutes == y->leads.first.minutes &&
           x->leads.last.minutes == y->leads.last.minutes &&
           fl_leads_count(&x->leads) == fl_leads_count(&y->leads);
}

bool fl_member_is_plain(const char *name)
{
    size_t size = strnlen(name, FL_WORKFLOW_NAME_MAX + 1);

    if (size == 0 || size > FL_WORKFLOW_NAME_MAX || !isalnum((unsigned char)name[0]))
        return false;
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '_')
            return false;
    return true;
}

struct fl_radix fl_radix_of(const struct fl_workflow *workflow, const struct fl_dims *dims)
{
    struct fl_radix radix = {.count = dims->count};

    for (size_t d = 0; d < dims->count; d++)
        radix.sizes[d] = (uint32_t)fl_set_count(&workflow->sets[dims->sets[d]]);
    return radix;
}

uint32_t fl_radix_total(const struct fl_radix *radix)
{
    uint64_t total = 1;

    for (size_t d = 0; d < radix->count; d++)
        if (radix->sizes[d] == 0)
            return 0;
    for (size_t d = 0; d < radix->count && total <= UINT32_MAX; d++)
        total *= radix->sizes[d];
    return total > UINT32_MAX ? UINT32_MAX : (uint32_t)total;
}

void fl_radix_split(const struct fl_radix *radix, uint32_t k, uint32_t members[static FL_DIMS_MAX])
{
    for (size_t d = radix->count; d-- > 0;) {
        members[d] = k % radix->sizes[d];
        k /= radix->sizes[d];
    }
    fl_assert(k == 0);
}

uint32_t fl_radix_join(const struct fl_radix *radix, const uint32_t members[static FL_DIMS_MAX])
{
    uint32_t k = 0;

    for (size_t d = 0; d < radix->count; d++)
        k = k * radix->sizes[d] + members[d];
    return k;
}

size_t fl_stage_instances(const struct fl_workflow *workflow, const struct fl_stage *stage)
{
    struct fl_radix radix = fl_radix_of(workflow, &stage->dims);

    return fl_radix_total(&radix);
}

struct fl_dims fl_output_dims(const struct fl_stage *stage, int32_t output)
{
    struct fl_dims dims = stage->dims;

    if (output != FL_NONE && stage->outputs[output].set != FL_NONE && dims.count < FL_DIMS_MAX)
        dims.sets[dims.count++] = stage->outputs[output].set;
    return dims;
}

int fl_dims_lead(const struct fl_workflow *workflow, const struct fl_dims *dims)
{
    for (size_t d = dims->count; d-- > 0;)
        if (workflow->sets[dims->sets[d]].kind == FL_SET_LEADS)
            return (int)d;
    return -1;
}

int fl_dims_find(const struct fl_dims *dims, int32_t set)
{
    for (size_t d = 0; d < dims->count; d++)
        if (dims->sets[d] == set)
            return (int)d;
    return -1;
}

bool fl_dims_known(const struct fl_workflow *workflow, const struct fl_dims *dims)
{
    for (size_t d = 0; d < dims->count; d++)
        if (!fl_set_is_known(&workflow->sets[dims->sets[d]]))
            return false;
    return true;
}

static void format_key(const struct fl_workflow *workflow, const struct fl_dims *dims, uint32_t k,
                       bool file, char text[static FL_KEY_TEXT_MAX])
{
    struct fl_radix radix = fl_radix_of(workflow, dims);
    uint32_t members[FL_DIMS_MAX];
    char one[FL_MEMBER_TEXT_MAX];
    size_t used = 0;

    fl_radix_split(&radix, k, members);
    text[0] = '\0';
    for (size_t d = 0; d < dims->count; d++) {
        const struct fl_set *set = &workflow->sets[dims->sets[d]];
        const char *member =
            file ? fl_set_member_file(set, members[d], one) : fl_set_member(set, members[d], one);
        size_t size = strlen(member);

        if (d)
            text[used++] = file ? '.' : ',';
        fl_assert(used + size < FL_KEY_TEXT_MAX);
        memcpy(text + used, member, size + 1);
        used += size;
    }
}

void fl_key_format(const struct fl_workflow *workflow, const struct fl_dims *dims, uint32_t k,
                   char text[static FL_KEY_TEXT_MAX])
{
    format_key(workflow, dims, k, false, text);
}

void fl_key_format_file(const struct fl_workflow *workflow, const struct fl_dims *dims, uint32_t k,
                        char text[static FL_KEY_TEXT_MAX])
{
    format_key(workflow, dims, k, true, text);
}

/* "+000/+048/3", "m01, m02, m03 and 17 more". */
static void describe(const struct fl_set *set, char *text, size_t size)
{
    size_t count = fl_set_count(set);
    size_t used = 0;

    if (set->kind == FL_SET_LEADS) {
        fl_leads_format(&set->leads, text, size);
        return;
    }
    (void)snprintf(text, size, "%s", fl_set_is_known(set) ? "none" : "not said yet");
    for (size_t i = 0; i < count && i < LIST_MAX && used + 1 < size; i++) {
        int more = snprintf(text + used, size - used, "%s%s", i ? ", " : "", set->members.items[i]);

        used += more > 0 ? (size_t)more : 0;
    }
    if (count > LIST_MAX && used + 1 < size)
        (void)snprintf(text + used, size - used, " and %zu more", count - LIST_MAX);
}

static int no_member(const struct fl_set *set, const char *text, size_t size, struct fl_err *reterr)
{
    char list[300];

    describe(set, list, sizeof(list));
    return fl_err_set(reterr, FL_E_NOENT, 0, "no '%.*s' in %s '%s'; it has: %s",
                      (int)(size < 60 ? size : 60), text,
                      set->kind == FL_SET_LEADS ? "leads" : "set", set->name, list);
}

static int parse_key(const struct fl_workflow *workflow, const struct fl_dims *dims,
                     const char *text, bool file, uint32_t *ret_k, struct fl_err *reterr)
{
    struct fl_radix radix = fl_radix_of(workflow, dims);
    uint32_t members[FL_DIMS_MAX];

    for (size_t d = 0; d < dims->count; d++) {
        const struct fl_set *set = &workflow->sets[dims->sets[d]];
        size_t size = strcspn(text, file ? "." : ",");
        int64_t member = file ? fl_set_find_file(set, text, size) : fl_set_find(set, text, size);

        if (member < 0)
            return no_member(set, text, size, reterr);
        if ((text[size] != '\0') != (d + 1 < dims->count))
            return fl_err_set(reterr, FL_E_NOENT, 0, "a key has %zu member%s", dims->count,
                              dims->count == 1 ? "" : "s, one of each set");
        members[d] = (uint32_t)member;
        text += size + 1;
    }
    *ret_k = fl_radix_join(&radix, members);
    return 0;
}

int fl_key_parse(const struct fl_workflow *workflow, const struct fl_dims *dims, const char *text,
                 uint32_t *ret_k, struct fl_err *reterr)
{
    return parse_key(workflow, dims, text, false, ret_k, reterr);
}

int fl_key_parse_file(const struct fl_workflow *workflow, const struct fl_dims *dims,
                      const char *text, uint32_t *ret_k, struct fl_err *reterr)
{
    return parse_key(workflow, dims, text, true, ret_k, reterr);
}

/* "m01/m05" or "m01/m05/2" in a set of names. False when a name is not in it. */
static bool span_of_names(const struct fl_set *set, const char *text, size_t size,
                          struct fl_span *ret_span)
{
    const char *slash = memchr(text, '/', size);
    const char *end = text + size;
    const char *second = slash ? memchr(slash + 1, '/', (size_t)(end - slash) - 1) : NULL;
    int64_t first = fl_set_find(set, text, slash ? (size_t)(slash - text) : size);
    int64_t last = first;
    unsigned long step = 1;
    char *step_end = NULL;

    if (slash)
        last = fl_set_find(set, slash + 1, (size_t)((second ? second : end) - slash) - 1);
    if (second)
        step = isdigit((unsigned char)second[1]) ? strtoul(second + 1, &step_end, 10) : 0;
    if (first < 0 || last < first || step < 1 || step > FL_WORKFLOW_MEMBERS_MAX ||
        (second && step_end != end))
        return false;
    *ret_span = (struct fl_span){(uint32_t)first, (uint32_t)((last - first) / (int64_t)step) + 1,
                                 (uint32_t)step};
    return true;
}

static int span_of_leads(const struct fl_set *set, const char *text, size_t size,
                         struct fl_span *ret_span, struct fl_err *reterr)
{
    struct fl_leads leads;
    char copy[96];
    int rc;

    if (size >= sizeof(copy))
        return fl_err_set(reterr, FL_E_PARSE, 0, "leads '%.40s…' are too long", text);
    memcpy(copy, text, size);
    copy[size] = '\0';
    rc = fl_leads_in(copy, &set->leads, &leads, reterr);
    if (rc < 0)
        return rc;
    *ret_span = (struct fl_span){(uint32_t)fl_leads_find(&set->leads, leads.first),
                                 (uint32_t)fl_leads_count(&leads),
                                 (uint32_t)(leads.step_minutes / set->leads.step_minutes)};
    if (ret_span->count == 1 || ret_span->stride == 0) /* one member: its step says nothing */
        ret_span->stride = 1;
    return 0;
}

static int no_selector(const struct fl_workflow *workflow, const struct fl_dims *dims,
                       const char *text, size_t size, struct fl_err *reterr)
{
    char list[400] = "nothing: it is one";
    size_t used = 0;

    for (size_t d = 0; d < dims->count && used + 1 < sizeof(list); d++) {
        const struct fl_set *set = &workflow->sets[dims->sets[d]];
        char one[160];
        int more;

        describe(set, one, sizeof(one));
        more = snprintf(list + used, sizeof(list) - used, "%s%s (%s)", used ? "; " : "", set->name,
                        one);
        used += more > 0 ? (size_t)more : 0;
    }
    return fl_err_set(reterr, FL_E_PARSE, 0, "nothing is called '%.*s' here; accepted: %s",
                      (int)(size < 60 ? size : 60), text, list);
}

/* One part of a selector, for the dimension that has it. */
static int select_part(const struct fl_workflow *workflow, const struct fl_dims *dims,
                       const char *text, size_t size, struct fl_selector *selector,
                       struct fl_err *reterr)
{
    int lead = fl_dims_lead(workflow, dims);
    struct fl_span span;

    for (size_t d = 0; size > 0 && d < dims->count; d++) {
        const struct fl_set *set = &workflow->sets[dims->sets[d]];

        if (set->kind == FL_SET_LEADS || !span_of_names(set, text, size, &span))
            continue;
        if (selector->of[d].count)
            return fl_err_set(reterr, FL_E_PARSE, 0, "two of set '%s' are given", set->name);
        selector->of[d] = span;
        return 0;
    }
    if (size == 0 || lead < 0 || (*text != '+' && !isdigit((unsigned char)*text)))
        return no_selector(workflow, dims, text, size, reterr);
    for (int d = 0; d < lead; d++) /* of several sets of leads the first that has them */
        if (workflow->sets[dims->sets[d]].kind == FL_SET_LEADS && !selector->of[d].count &&
            span_of_leads(&workflow->sets[dims->sets[d]], text, size, &span, NULL) == 0)
            lead = d;
    if (selector->of[lead].count)
        return fl_err_set(reterr, FL_E_PARSE, 0, "two of leads '%s' are given",
                          workflow->sets[dims->sets[lead]].name);
    return span_of_leads(&workflow->sets[dims->sets[lead]], text, size, &selector->of[lead],
                         reterr);
}

int fl_selector_parse(const struct fl_workflow *workflow, const struct fl_dims *dims,
                      const char *text, size_t size, struct fl_selector *ret_selector,
                      struct fl_err *reterr)
{
    struct fl_selector selector = {0};
    const char *end = text + size;
    int rc = 0;

    while (rc == 0) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        const char *stop = comma ? comma : end;
        const char *from = text + (*text == ' ' && text < stop);

        rc = select_part(workflow, dims, from, (size_t)(stop - from), &selector, reterr);
        if (!comma)
            break;
        text = comma + 1;
    }
    if (rc == 0)
        *ret_selector = selector;
    return rc;
}

bool fl_selector_names_any(const struct fl_selector *selector)
{
    for (size_t d = 0; d < FL_DIMS_MAX; d++)
        if (selector->of[d].count)
            return true;
    return false;
}

bool fl_template_has(const char *text, const char *name)
{
    size_t size = strlen(name);

    for (const char *at = strchr(text, '{'); at; at = strchr(at + 1, '{')) {
        if (at[1] == '{') {
            at++; /* a brace, not a placeholder */
            continue;
        }
        if (strncmp(at + 1, name, size) == 0 && (at[1 + size] == '}' || at[1 + size] == ':'))
            return true;
    }
    return false;
}

bool fl_template_has_set(const struct fl_workflow *workflow, const char *text, int32_t set)
{
    const struct fl_set *of = &workflow->sets[set];

    return fl_template_has(text, of->name) ||
           (of->kind == FL_SET_LEADS &&
            (fl_template_has(text, "lead") || fl_template_has(text, "valid")));
}
