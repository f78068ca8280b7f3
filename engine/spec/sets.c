/* Sets: forecast leads, names, and those whose members become known in a run. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spec/impl.h"

#include "engine/base/banned.h"

#define SET_HELP "accepted: \"m01/m20\", [\"east\", \"west\"] or { declared = true; }"
#define DIGITS_MAX 9

static struct fl_set *put_set(struct fl_compile *c, const char *name, enum fl_set_kind kind)
{
    struct fl_workflow *w = c->workflow;
    struct fl_set *set = fl_grow(c, &w->sets, &w->set_count, sizeof(*set));

    if (!set)
        return NULL;
    fl_set_text(c, &set->name, name);
    set->kind = kind;
    set->leads = (struct fl_leads){.step_minutes = 1};
    set->by = FL_NONE;
    return set;
}

static int32_t last_set(const struct fl_compile *c)
{
    return (int32_t)c->workflow->set_count - 1;
}

int32_t fl_stand_in_set(struct fl_compile *c, const char *name)
{
    return put_set(c, name, FL_SET_LEADS) ? last_set(c) : FL_NONE;
}

static int32_t add_leads(struct fl_compile *c, const config_setting_t *at, const char *name,
                         const char *text)
{
    struct fl_err why = {0};
    struct fl_leads leads;
    struct fl_set *set;

    if (fl_leads_parse(text, &leads, &why) < 0) {
        fl_complain(c, at, "%s", why.text);
        return fl_stand_in_set(c, name);
    }
    if (leads.first.minutes < 0 || fl_leads_count(&leads) > FL_LEADS_MAX) {
        fl_complain(c, at, "leads '%s': accepted: +000 on, at most %d of them", text, FL_LEADS_MAX);
        return fl_stand_in_set(c, name);
    }
    set = put_set(c, name, FL_SET_LEADS);
    if (!set)
        return FL_NONE;
    set->leads = leads;
    return last_set(c);
}

static void known_sets(const struct fl_workflow *w, bool leads_alone, struct fl_known *names)
{
    for (size_t i = 0; i < w->set_count; i++) {
        if (fl_workflow_name_is_plain(w->sets[i].name) &&
            (!leads_alone || w->sets[i].kind == FL_SET_LEADS))
            fl_known_add(names, w->sets[i].name);
    }
}

int32_t fl_find_set(struct fl_compile *c, const config_setting_t *at, const char *name)
{
    int32_t found = fl_workflow_set(c->workflow, name);
    struct fl_known names = {.count = 0};

    if (found != FL_NONE && c->workflow->sets[found].kind == FL_SET_LEADS)
        return found;
    if (found == FL_NONE && (name[0] == '+' || isdigit((unsigned char)name[0])))
        return add_leads(c, at, name, name); /* written in place */
    known_sets(c->workflow, true, &names);
    fl_complain_name(c, at, found == FL_NONE ? "no set of leads" : "not a set of leads:", name,
                     &names, "leads such as +000/+048/3");
    return fl_stand_in_set(c, name);
}

int32_t fl_find_any_set(struct fl_compile *c, const config_setting_t *at, const char *what,
                        const char *name)
{
    int32_t found = fl_workflow_set(c->workflow, name);
    struct fl_known names = {.count = 0};

    if (found != FL_NONE)
        return found;
    known_sets(c->workflow, false, &names);
    fl_complain_name(c, at, what, name, &names,
                     names.count ? NULL : "the names in sets = { … } and leads = { … }");
    return fl_stand_in_set(c, name);
}

static void read_leads(struct fl_compile *c, const struct fl_layers *top)
{
    struct fl_layers group = fl_layers_sub(top, "leads");
    const char *keys[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, top, "leads") ? fl_layers_keys(c, &group, keys) : 0;

    for (size_t i = 0; i < count; i++) {
        const config_setting_t *at = fl_layers_get(&group, keys[i]);
        const char *text = NULL;

        if (fl_plain(c, at, "set of leads", keys[i]) && fl_get_text(c, &group, keys[i], &text))
            (void)add_leads(c, at, keys[i], text); /* it has complained */
    }
}

/* Text up to its last digits; SIZE_MAX when there are none, or too many. */
static size_t digits_at(const char *text, size_t size)
{
    size_t from = size;

    while (from > 0 && isdigit((unsigned char)text[from - 1]))
        from--;
    return from == size || size - from > DIGITS_MAX ? SIZE_MAX : from;
}

/* "m01/m20": the digits of the first are kept. */
static void add_range(struct fl_compile *c, const config_setting_t *at, const char *text,
                      struct fl_set *set)
{
    const char *slash = strchr(text, '/');
    const char *last = slash + 1;
    size_t first_size = (size_t)(slash - text);
    size_t from = digits_at(text, first_size);
    size_t to = digits_at(last, strlen(last));
    long begin;
    long end;

    if (from == SIZE_MAX || to != from || strncmp(text, last, from) != 0 ||
        strlen(last) < first_size || from > FL_WORKFLOW_NAME_MAX - DIGITS_MAX) {
        fl_complain(c, at,
                    "set '%s': '%.100s' is no range; accepted: \"m01/m20\", the same letters and "
                    "then digits",
                    set->name, text);
        return;
    }
    begin = strtol(text + from, NULL, 10);
    end = strtol(last + to, NULL, 10);
    if (end < begin || end - begin >= FL_WORKFLOW_MEMBERS_MAX) {
        fl_complain(c, at, "set '%s': '%.100s' has %ld members; accepted: 1 to %d", set->name, text,
                    end < begin ? 0 : end - begin + 1, FL_WORKFLOW_MEMBERS_MAX);
        return;
    }
    for (long i = begin; i <= end && !c->no_memory; i++)
        fl_add_textf(c, &set->members, "%.*s%0*ld", (int)from, text, (int)(first_size - from), i);
}

static void add_members(struct fl_compile *c, const config_setting_t *at, struct fl_set *set)
{
    int count = config_setting_length(at);

    if (count < 1 || count > FL_WORKFLOW_MEMBERS_MAX) {
        fl_complain(c, at, "set '%s' has %d members; accepted: 1 to %d", set->name, count,
                    FL_WORKFLOW_MEMBERS_MAX);
        return;
    }
    for (int i = 0; i < count; i++) {
        const char *text = config_setting_get_string_elem(at, i);

        if (!text) {
            fl_complain(c, at, "set '%s': member %d is no text in quotes", set->name, i + 1);
            return;
        }
        fl_add_text(c, &set->members, text);
    }
}

/* Members are plain, and none stands twice. */
static void check_members(struct fl_compile *c, const config_setting_t *at, struct fl_set *set)
{
    for (size_t i = 0; i < set->members.count && !c->no_memory; i++) {
        if (!fl_member_is_plain(set->members.items[i])) {
            fl_complain(c, at,
                        "set '%s': member '%.100s': accepted: letters, digits, '-' and '_', the "
                        "first a letter or a digit, at most %d",
                        set->name, set->members.items[i], FL_WORKFLOW_NAME_MAX);
            return;
        }
    }
    if (c->no_memory || fl_set_index(set, NULL) < 0) {
        c->no_memory = true;
        return;
    }
    for (size_t i = 1; i < set->members.count; i++) {
        const char *one = set->members.items[set->order[i]];

        if (strcmp(set->members.items[set->order[i - 1]], one) == 0) {
            fl_complain(c, at, "set '%s': member '%s' stands twice", set->name, one);
            return;
        }
    }
}

/* {NAME} must have one meaning. */
static bool name_is_free(struct fl_compile *c, const config_setting_t *at, const char *name)
{
    static const char *const taken[] = {"cycle", "run",  "workflow", "stage", "attempt", "out",
                                        "lead",  "from", "valid",    "leads", "input",   "output"};

    for (size_t i = 0; i < FL_COUNT(taken); i++) {
        if (strcmp(name, taken[i]) == 0) {
            fl_complain(c, at, "a set cannot be called '%s': {%s} stands for something else", name,
                        name);
            return false;
        }
    }
    if (fl_workflow_param(c->workflow, name))
        fl_complain(c, at, "'%s' is a parameter too; {%s} would have two meanings", name, name);
    else if (fl_workflow_set(c->workflow, name) != FL_NONE)
        fl_complain(c, at, "'%s' is a set of leads too; a set needs a name of its own", name);
    else
        return true;
    return false;
}

static void read_set(struct fl_compile *c, const config_setting_t *at, const char *name)
{
    static const char *const keys[] = {"declared"};
    struct fl_layers group = fl_layers_of(at);
    const char *text = config_setting_get_string(at);
    bool declared = false;
    struct fl_set *set;

    if (!fl_plain(c, at, "set", name) || !name_is_free(c, at, name))
        return;
    set = put_set(c, name, FL_SET_NAMES);
    if (!set)
        return;
    if (config_setting_is_group(at)) {
        if (fl_only(c, &group, "a set", keys, FL_COUNT(keys)) &&
            fl_get_bool(c, &group, "declared", &declared) && !declared)
            fl_complain(c, at, "set '%s': " SET_HELP, name);
        set->kind = FL_SET_DECLARED;
        return;
    }
    if (text && strchr(text, '/'))
        add_range(c, at, text, set);
    else if (text)
        fl_add_text(c, &set->members, text);
    else if (config_setting_is_array(at) || config_setting_is_list(at))
        add_members(c, at, set);
    else
        fl_complain(c, at, "set '%s': " SET_HELP, name);
    check_members(c, at, set);
}

void fl_read_sets(struct fl_compile *c, const struct fl_layers *top)
{
    struct fl_layers group = fl_layers_sub(top, "sets");
    const char *names[FL_MERGED_KEYS_MAX];
    size_t count = fl_is_group(c, top, "sets") ? fl_layers_keys(c, &group, names) : 0;

    read_leads(c, top);
    for (size_t i = 0; i < count; i++)
        read_set(c, fl_layers_get(&group, names[i]), names[i]);
}

static void declare(struct fl_compile *c, size_t index, const config_setting_t *at,
                    const char *name)
{
    struct fl_workflow *w = c->workflow;
    int32_t found = fl_find_any_set(c, at, "declares: no set", name);

    if (found == FL_NONE || w->sets[found].kind == FL_SET_LEADS)
        return; /* told, or told as unknown */
    if (w->sets[found].kind != FL_SET_DECLARED)
        fl_complain(c, at,
                    "declares: the members of set '%s' are written in the file; accepted: "
                    "%s = { declared = true; }",
                    name, name);
    else if (w->sets[found].by != FL_NONE)
        fl_complain(c, at, "declares: set '%s' is declared by stage '%s' already", name,
                    w->stages[w->sets[found].by].name);
    else
        w->sets[found].by = (int32_t)index;
    if (w->stages[index].dims.count)
        fl_complain(c, at,
                    "stage '%s' declares a set, so it can have one instance only; leave "
                    "foreach and per out",
                    w->stages[index].name);
}

void fl_read_declares(struct fl_compile *c, const config_setting_t *workflow)
{
    struct fl_layers top = fl_layers_of(workflow);
    struct fl_layers sets = fl_layers_sub(&top, "sets");

    for (size_t i = 0; i < c->draft_count; i++) {
        const struct fl_layers *layers = &c->drafts[i].layers;
        struct fl_texts texts = {0};

        if (fl_get_texts(c, layers, "declares", &texts)) {
            for (size_t k = 0; k < texts.count && texts.items[k]; k++)
                declare(c, i, fl_layers_get(layers, "declares"), texts.items[k]);
        }
        fl_free_texts(&texts);
    }
    for (size_t i = 0; i < c->workflow->set_count; i++) {
        const struct fl_set *set = &c->workflow->sets[i];

        if (set->kind == FL_SET_DECLARED && set->by == FL_NONE)
            fl_complain(c, fl_layers_get(&sets, set->name),
                        "no stage declares set '%s'; accepted: declares = \"%s\" in the stage "
                        "whose `fairlead-event set` says its members",
                        set->name, set->name);
    }
}
