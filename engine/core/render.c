/* The launch spec of an attempt, from the state alone: everything in {…} is expanded here, so that
 * no value is ever pasted into a shell, and what was rendered is known by its digest. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/expand.h"
#include "engine/base/json.h"
#include "engine/base/path.h"
#include "engine/core/state.h"

#include "engine/base/banned.h"

#define LOG_MAX_BYTES (4 * 1024 * 1024)

struct rendering {
    const struct fl_core *core;
    const struct fl_run *run;
    const struct fl_workflow *wf;
    const struct fl_stage *stage;
    uint32_t inst;
    uint32_t attempt;
    struct fl_dims dims; /* what placeholders may name: of the instance, or of an output */
    uint32_t members[FL_DIMS_MAX];
    bool has_lead;
    struct fl_lead lead; /* of the innermost of the dimensions that is leads */
    bool has_from;
    struct fl_lead from; /* the lead before the instance's own; the first: itself */
    json_t *inputs;      /* entries of inputs.json */
};

static int no_memory(struct fl_err *reterr)
{
    return fl_err_set(reterr, FL_E_NOMEM, 0, "no memory for a launch");
}

const char *fl_run_param(const struct fl_run *run, const char *stage, const struct fl_param *param,
                         char *text, size_t size)
{
    const struct fl_override *override = fl_overrides_find(&run->overrides, stage, param->name);
    const json_t *set = json_object_get(run->params, param->name);

    if (override)
        return override->value;
    if (!set)
        return param->value;
    if (json_is_string(set))
        return json_string_value(set);
    if (json_is_boolean(set))
        return json_is_true(set) ? "true" : "false";
    if (json_is_integer(set))
        (void)snprintf(text, size, "%lld", (long long)json_integer_value(set));
    else
        (void)snprintf(text, size, "%.15g", json_number_value(set));
    return text;
}

static const char *param_value(const struct rendering *r, const char *name, char *text, size_t size)
{
    const struct fl_param *param = fl_workflow_param(r->wf, name);

    return param ? fl_run_param(r->run, r->stage->name, param, text, size) : NULL;
}

static int expand_inputs(const struct rendering *r, const char *name, struct fl_buf *out)
{
    bool any = false;

    for (size_t i = 0; i < json_array_size(r->inputs); i++) {
        const json_t *entry = json_array_get(r->inputs, i);

        if (strcmp(json_string_value(json_object_get(entry, "input")), name) != 0)
            continue;
        if (any)
            fl_buf_putc(out, ' ');
        fl_buf_puts(out, json_string_value(json_object_get(entry, "file")));
        any = true;
    }
    return 0;
}

static int expand_file(const struct rendering *r, size_t output, uint32_t member,
                       struct fl_buf *out, struct fl_err *reterr);

/* Takes up the members that placeholders stand for. */
static void set_members(struct rendering *r, const struct fl_dims *dims, uint32_t k)
{
    struct fl_radix radix = fl_radix_of(r->wf, dims);
    int lead = fl_dims_lead(r->wf, dims);

    r->dims = *dims;
    fl_radix_split(&radix, k, r->members);
    r->has_lead = lead >= 0;
    if (r->has_lead)
        r->lead = fl_leads_at(&r->wf->sets[dims->sets[lead]].leads, r->members[lead]);
}

/* "{member}", "{hourly:hhh}": a dimension by the name of its set. False when there is none. */
static bool expand_member(const struct rendering *r, const char *name, const char *format,
                          struct fl_buf *out, struct fl_err *reterr, int *ret_rc)
{
    for (size_t d = 0; d < r->dims.count; d++) {
        const struct fl_set *set = &r->wf->sets[r->dims.sets[d]];
        char text[FL_MEMBER_TEXT_MAX];
        struct fl_lead lead;

        if (strcmp(set->name, name) != 0)
            continue;
        *ret_rc = 0;
        if (set->kind == FL_SET_LEADS) {
            lead = fl_leads_at(&set->leads, r->members[d]);
            *ret_rc = fl_expand_time("lead", format, r->run->cycle, &lead, out, reterr);
        } else if (format) {
            *ret_rc = fl_err_set(reterr, FL_E_PARSE, 0, "'{%s}' takes no format, not '%.40s'", name,
                                 format);
        } else {
            fl_buf_puts(out, fl_set_member(set, r->members[d], text));
        }
        return true;
    }
    return false;
}

static int expand_special(const struct rendering *r, const char *name, const char *format,
                          struct fl_buf *out, struct fl_err *reterr)
{
    char text[96];
    int32_t index;

    if (strcmp(name, "leads") == 0) {
        index = fl_workflow_set(r->wf, format);
        if (index == FL_NONE || r->wf->sets[index].kind != FL_SET_LEADS)
            return fl_err_set(reterr, FL_E_NOENT, 0, "no set of leads '%s'", format);
        fl_leads_format(&r->wf->sets[index].leads, text, sizeof(text));
        fl_buf_puts(out, text);
        return 0;
    }
    if (strcmp(name, "input") == 0)
        return expand_inputs(r, format, out);
    index = fl_stage_output(r->stage, format, strlen(format));
    if (index == FL_NONE)
        return fl_err_set(reterr, FL_E_NOENT, 0, "no output '%s'", format);
    if (r->stage->outputs[index].set != FL_NONE)
        return fl_err_set(reterr, FL_E_CONFIG, 0, "output '%s' is many files, one for each of '%s'",
                          format, r->wf->sets[r->stage->outputs[index].set].name);
    fl_buf_puts(out, "../out/");
    return expand_file(r, (size_t)index, 0, out, reterr);
}

static int expand_name(const char *name, const char *format, struct fl_buf *out,
                       struct fl_err *reterr, void *arg)
{
    const struct rendering *r = arg;
    char number[64];
    const char *value;
    int rc;

    if (strcmp(name, "cycle") == 0 ||
        (r->has_lead && (strcmp(name, "lead") == 0 || strcmp(name, "valid") == 0)))
        return fl_expand_time(name, format, r->run->cycle, r->has_lead ? &r->lead : NULL, out,
                              reterr);
    if (format &&
        (strcmp(name, "leads") == 0 || strcmp(name, "input") == 0 || strcmp(name, "output") == 0))
        return expand_special(r, name, format, out, reterr);
    if (expand_member(r, name, format, out, reterr, &rc))
        return rc;
    if (r->has_from && strcmp(name, "from") == 0) {
        fl_lead_format(r->from, number);
        fl_buf_puts(out, number);
        return 0;
    }
    if (strcmp(name, "run") == 0)
        fl_buf_puts(out, r->run->name);
    else if (strcmp(name, "workflow") == 0)
        fl_buf_puts(out, r->wf->name);
    else if (strcmp(name, "stage") == 0)
        fl_buf_puts(out, r->stage->name);
    else if (strcmp(name, "attempt") == 0)
        fl_buf_printf(out, "%u", r->attempt);
    else if (strcmp(name, "out") == 0)
        fl_buf_puts(out, "../out");
    else if ((value = param_value(r, name, number, sizeof(number))) != NULL)
        fl_buf_puts(out, value);
    else
        return fl_err_set(reterr, FL_E_NOENT, 0, "unknown name '%s'", name);
    return 0;
}

/* The file name of an output for a member of its own set. */
static int expand_file(const struct rendering *r, size_t output, uint32_t member,
                       struct fl_buf *out, struct fl_err *reterr)
{
    const struct fl_plan *plan = r->run->plan;
    const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[r->inst]];
    struct fl_dims dims = fl_output_dims(r->stage, (int32_t)output);
    struct rendering named = *r;

    set_members(&named, &dims, fl_plan_inst_k(plan, r->inst) * ps->slot_own[output] + member);
    return fl_expand(r->stage->outputs[output].file, expand_name, out, reterr, &named);
}

static int render_text(const struct rendering *r, const char *text, json_t **ret_json,
                       struct fl_err *reterr)
{
    fl_auto(fl_buf_release) struct fl_buf out;
    int rc;

    fl_buf_init(&out, 0);
    rc = fl_expand(text, expand_name, &out, reterr, (void *)(uintptr_t)r);
    if (rc < 0)
        return rc;
    *ret_json = json_stringn(out.data, out.size);
    return *ret_json ? 0 : no_memory(reterr);
}

/* The name in DATA. Files of several members that their makers name alike have these before it:
 * "m03.surge.nc". */
void fl_input_file(const struct fl_run *run, uint32_t inst, const struct fl_pick *pick,
                   char file[static FL_PATH_MAX])
{
    const struct fl_plan *plan = pick->run->plan;
    const struct fl_workflow *wf = plan->workflow;
    const struct fl_plan_slot *ps = &plan->slots[pick->slot];
    const struct fl_stage *from = &wf->stages[ps->stage];
    struct fl_dims dims = fl_output_dims(from, ps->output);
    struct fl_radix radix = fl_radix_of(wf, &dims);
    const struct fl_stage *own = fl_inst_stage(run, inst);
    uint32_t members[FL_DIMS_MAX];
    size_t used = 0;

    fl_radix_split(&radix, pick->slot - plan->stages[ps->stage].slot_first[ps->output], members);
    for (size_t d = 0; d < dims.count; d++) {
        const struct fl_set *set = &wf->sets[dims.sets[d]];
        char text[FL_MEMBER_TEXT_MAX];
        const char *member = fl_set_member_file(set, members[d], text);
        size_t size = strlen(member);

        if (radix.sizes[d] == 1 ||
            fl_template_has_set(wf, from->outputs[ps->output].file, dims.sets[d]) ||
            (pick->run == run && fl_dims_find(&own->dims, dims.sets[d]) >= 0))
            continue;
        memcpy(file + used, member, size);
        used += size;
        file[used++] = '.';
    }
    (void)snprintf(
        file + used, FL_PATH_MAX - used, "%s",
        fl_path_base(fl_slot_path(&pick->run->slots[pick->slot]))); /* a path is shorter */
}

json_t *fl_render_input(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                        const struct fl_pick *pick, uint32_t site)
{
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_plan *plan = pick->run->plan;
    const struct fl_plan_slot *ps = &plan->slots[pick->slot];
    const struct fl_stage *from = &plan->workflow->stages[ps->stage];
    const struct fl_slot *slot = &pick->run->slots[pick->slot];
    const char *maker =
        from->origin == FL_NONE ? from->name : plan->workflow->stages[from->origin].name;
    const char *path = fl_slot_path(slot);
    char cycle[FL_TIME_TEXT_MAX];
    char text[FL_TIME_TEXT_MAX];
    char sha256[FL_DIGEST_HEX];
    char file[FL_PATH_MAX];
    struct fl_lead lead = {0};
    json_t *entry;

    fl_input_file(run, inst, pick, file);
    fl_cycle_format(pick->run->cycle, cycle);
    fl_slot_sha256(slot, sha256);
    entry =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:s}", "input", stage->inputs[pick->input].name,
                  "stage", maker, "output", from->outputs[ps->output].name, "cycle", cycle, "file",
                  file, "site", fl_core_word(core, slot->made->site), "path", path, "size",
                  (json_int_t)slot->made->size, "sha256", sha256);
    if (!entry)
        return NULL;
    if (fl_plan_slot_lead(plan, pick->slot, &lead)) {
        fl_lead_format(lead, text);
        (void)json_object_set_new(entry, "lead", json_string(text));
        fl_cycle_format(fl_cycle_add(pick->run->cycle, lead), text);
        (void)json_object_set_new(entry, "valid_time", json_string(text));
    }
    if (slot->made->marks)
        (void)json_object_set(entry, "degraded", slot->made->marks);
    if (slot->made->site != site) {
        const char *door = fl_core_door(core, slot->made->site);

        (void)json_object_set_new(entry, "url",
                                  door ? json_sprintf("%s/%s", door, path) : json_null());
    }
    return entry;
}

static int two_of_a_name(const struct fl_pick *a, const struct fl_pick *b, const char *file,
                         struct fl_err *reterr)
{
    const char *one = fl_slot_path(&a->run->slots[a->slot]);
    const char *other = fl_slot_path(&b->run->slots[b->slot]);

    if (strcmp(one, other) == 0)
        return 0;
    return fl_err_set(reterr, FL_E_CONFIG, 0,
                      "two inputs would be '%s' in the stage's folder: '%s' and '%s'", file, one,
                      other);
}

/* Two different files cannot stand under one name in DATA. */
static int check_file_names(const struct rendering *r, const struct fl_picks *picks,
                            struct fl_err *reterr)
{
    uint32_t *bearers = picks->count > 1 ? calloc(picks->count, sizeof(*bearers)) : NULL;
    struct fl_words names = {0};
    int rc = 0;

    if (picks->count <= 1)
        return 0;
    if (!bearers)
        return no_memory(reterr);
    for (uint32_t i = 0; rc == 0 && i < picks->count; i++) {
        char file[FL_PATH_MAX];
        size_t known = names.count;
        uint32_t name;

        fl_input_file(r->run, r->inst, &picks->items[i], file);
        rc = fl_words_number(&names, file, &name, reterr);
        if (rc == 0 && name < known)
            rc = two_of_a_name(&picks->items[bearers[name]], &picks->items[i], file, reterr);
        else if (rc == 0)
            bearers[name] = i;
    }
    fl_words_release(&names);
    free(bearers);
    return rc;
}

static int check_door(const struct rendering *r, const struct fl_pick *pick, uint32_t site,
                      struct fl_err *reterr)
{
    uint32_t from = pick->run->slots[pick->slot].made->site;

    if (from == site || fl_core_door(r->core, from))
        return 0;
    return fl_err_set(reterr, FL_E_AGAIN, 0, "the file door of site '%s' is not known",
                      fl_core_word(r->core, from));
}

/* The files of one input, with its marks: a bridge or a fallback marks each file that it gives.
 * Entries are made when r has a list for them. */
static int add_input(struct rendering *r, uint32_t index, uint32_t site, struct fl_picks *picks,
                     json_t **marks, struct fl_err *reterr)
{
    const struct fl_stage_input *input = &r->stage->inputs[index];
    fl_json_auto json_t *own = NULL;
    enum fl_resolve result;
    size_t first = picks->count;
    uint32_t doom;
    int rc = fl_resolve_input(r->core, r->run, r->inst, index, picks, &own, &result, &doom, reterr);

    if (rc == 0 && !input->follow)
        rc = fl_marks_add(marks, own, reterr);
    for (size_t i = first; rc == 0 && i < picks->count; i++) {
        json_t *entry;

        rc = check_door(r, &picks->items[i], site, reterr);
        if (rc < 0 || !r->inputs)
            continue;
        entry = fl_render_input(r->core, r->run, r->inst, &picks->items[i], site);
        if (entry && own && (input->bridge_max_s > 0 || input->first_of))
            (void)json_object_set(entry, "degraded", own); /* memory is looked at below */
        if (json_array_append_new(r->inputs, entry) < 0)
            rc = no_memory(reterr);
    }
    return rc;
}

static int add_inputs(struct rendering *r, uint32_t site, json_t **marks, struct fl_err *reterr)
{
    fl_auto(fl_picks_release) struct fl_picks picks = {0};
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < r->stage->input_count; i++)
        rc = add_input(r, i, site, &picks, marks, reterr);
    return rc < 0 ? rc : check_file_names(r, &picks, reterr);
}

int fl_render_check(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                    uint32_t site, json_t **ret_marks, struct fl_err *reterr)
{
    struct rendering r = {.core = core,
                          .run = run,
                          .wf = run->plan->workflow,
                          .stage = fl_inst_stage(run, inst),
                          .inst = inst};
    fl_json_auto json_t *marks = NULL;
    int rc = add_inputs(&r, site, &marks, reterr);

    if (rc == 0)
        *ret_marks = json_incref(marks);
    return rc;
}

/* "{input:NAME}" alone: as many arguments as it has files. */
static bool is_whole_input(const char *arg, char *name, size_t size)
{
    size_t length = strlen(arg);

    if (length < 9 || length - 8 >= size || strncmp(arg, "{input:", 7) != 0 ||
        arg[length - 1] != '}' || strchr(arg + 1, '{') || strchr(arg, '}') != arg + length - 1)
        return false;
    memcpy(name, arg + 7, length - 8);
    name[length - 8] = '\0';
    return true;
}

static int render_args(const struct rendering *r, json_t *args, struct fl_err *reterr)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->stage->args.count; i++) {
        char name[FL_WORKFLOW_NAME_MAX + 1];
        json_t *text = NULL;

        if (is_whole_input(r->stage->args.items[i], name, sizeof(name))) {
            for (size_t k = 0; k < json_array_size(r->inputs); k++) {
                const json_t *entry = json_array_get(r->inputs, k);

                if (strcmp(json_string_value(json_object_get(entry, "input")), name) == 0)
                    (void)json_array_append(args, json_object_get(entry, "file"));
            }
            continue;
        }
        rc = render_text(r, r->stage->args.items[i], &text, reterr);
        if (rc < 0)
            return fl_err_note(reterr, rc, "argument %zu", i + 1);
        (void)json_array_append_new(args, text);
    }
    return rc;
}

static int render_env(const struct rendering *r, json_t *env, struct fl_err *reterr)
{
    for (size_t i = 0; i < r->stage->env_count; i++) {
        json_t *text = NULL;
        int rc = render_text(r, r->stage->env[i].value, &text, reterr);

        if (rc < 0)
            return fl_err_note(reterr, rc, "env %s", r->stage->env[i].name);
        (void)json_object_set_new(env, r->stage->env[i].name, text);
    }
    return 0;
}

static int render_files(const struct rendering *r, json_t *files, struct fl_err *reterr)
{
    for (size_t i = 0; i < r->stage->file_count; i++) {
        const struct fl_stage_file *file = &r->stage->files[i];
        json_t *text = NULL;
        char hex[FL_DIGEST_HEX];
        int rc = file->render ? render_text(r, file->content, &text, reterr) : 0;

        if (rc < 0)
            return fl_err_note(reterr, rc, "file '%s.in'", file->name);
        if (!text)
            text = json_string(file->content);
        if (!text)
            return no_memory(reterr);
        fl_digest_memory(json_string_value(text), json_string_length(text), hex);
        (void)json_array_append_new(
            files, json_pack("{s:s,s:o,s:s}", "name", file->name, "content", text, "sha256", hex));
    }
    return json_array_size(files) == r->stage->file_count ? 0 : no_memory(reterr);
}

static int add_output(const struct rendering *r, size_t o, uint32_t member, json_t *outputs,
                      struct fl_err *reterr)
{
    const struct fl_stage_output *output = &r->stage->outputs[o];
    fl_auto(fl_buf_release) struct fl_buf file;
    char text[FL_MEMBER_TEXT_MAX];
    const char *lead;
    json_t *entry;
    int rc;

    fl_buf_init(&file, FL_PATH_MAX);
    rc = expand_file(r, o, member, &file, reterr);
    if (rc == 0 && !fl_path_is_safe(file.data))
        rc = fl_err_set(reterr, FL_E_CONFIG, 0, "'%s' is not a plain relative path", file.data);
    if (rc < 0)
        return fl_err_note(reterr, rc, "output '%s'", output->name);
    entry = json_pack("{s:s,s:s}", "output", output->name, "file", file.data);
    lead = fl_plan_slot_member(r->run->plan, fl_plan_inst_slot(r->run->plan, r->inst, o) + member,
                               text);
    if (entry && lead)
        (void)json_object_set_new(entry, "lead", json_string(lead));
    return json_array_append_new(outputs, entry) < 0 ? no_memory(reterr) : 0;
}

static int render_outputs(const struct rendering *r, json_t *outputs, struct fl_err *reterr)
{
    const struct fl_plan *plan = r->run->plan;
    const struct fl_plan_stage *ps = &plan->stages[plan->inst_stage[r->inst]];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < r->stage->output_count; i++)
        for (uint32_t m = 0; rc == 0 && m < ps->slot_own[i]; m++)
            rc = add_output(r, i, m, outputs, reterr);
    return rc;
}

static json_t *success_json(const struct fl_success *success)
{
    json_t *json = json_pack("{s:I,s:s}", "exit", (json_int_t)success->exit, "outputs",
                             success->outputs == FL_SUCCESS_ALL ? "all" : "none");
    json_t *forbid;

    if (!json || !success->log_file)
        return json;
    forbid = json_array();
    for (size_t i = 0; i < success->log_forbid.count; i++)
        (void)json_array_append_new(forbid, json_string(success->log_forbid.items[i]));
    (void)json_object_set_new(json, "log",
                              json_pack("{s:s,s:s*,s:o}", "file", success->log_file, "has",
                                        success->log_has, "forbid", forbid));
    return json;
}

static json_t *follow_json(const struct fl_stage *stage)
{
    json_t *names = json_array();

    for (size_t i = 0; i < stage->input_count; i++) {
        if (stage->inputs[i].follow)
            (void)json_array_append_new(names, json_string(stage->inputs[i].name));
    }
    return names;
}

/* What needs no rendering. */
static json_t *plain_json(const struct rendering *r, const char *token, uint32_t pool,
                          uint32_t site)
{
    char id[FL_CORE_ID_MAX];
    char cycle[FL_TIME_TEXT_MAX];
    char lead[FL_TIME_TEXT_MAX];
    char key[FL_KEY_TEXT_MAX];
    json_t *json;

    fl_attempt_id(r->run, r->inst, r->attempt, id, sizeof(id));
    fl_cycle_format(r->run->cycle, cycle);
    json = json_pack("{s:s,s:s,s:s,s:s,s:s,s:i,s:s,s:s,s:s,s:s,s:I,s:o,s:o,s:I,s:I,s:I}", "id", id,
                     "run", r->run->name, "workflow", r->wf->name, "cycle", cycle, "stage",
                     r->stage->name, "attempt", (int)r->attempt, "token", token, "pool",
                     fl_core_word(r->core, pool), "site", fl_core_word(r->core, site), "program",
                     r->stage->program, "cores", (json_int_t)r->stage->cores, "follow",
                     follow_json(r->stage), "success", success_json(&r->stage->success),
                     "time_limit_s", (json_int_t)r->stage->time_limit_s, "grace_s",
                     (json_int_t)r->stage->grace_s, "log_max_bytes", (json_int_t)LOG_MAX_BYTES);
    if (json && r->has_lead) {
        fl_lead_format(r->lead, lead);
        (void)json_object_set_new(json, "lead", json_string(lead));
    }
    if (json && fl_inst_key(r->run, r->inst, key))
        (void)json_object_set_new(json, "key", json_string(key));
    if (json && r->stage->ranks)
        (void)json_object_set_new(json, "mpi",
                                  json_pack("{s:I}", "ranks", (json_int_t)r->stage->ranks));
    return json;
}

/* The lead before the instance's own. */
static void set_from(struct rendering *r)
{
    int lead = fl_dims_lead(r->wf, &r->dims);
    uint32_t at = lead < 0 ? 0 : r->members[lead];

    r->has_from = lead >= 0;
    if (r->has_from)
        r->from = fl_leads_at(&r->wf->sets[r->dims.sets[lead]].leads, at ? at - 1 : 0);
}

int fl_render_spec(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                   uint32_t attempt, const char *token, uint32_t pool, uint32_t site,
                   json_t **ret_spec, json_t **ret_marks, struct fl_err *reterr)
{
    struct rendering r = {.core = core,
                          .run = run,
                          .wf = run->plan->workflow,
                          .stage = fl_inst_stage(run, inst),
                          .inst = inst,
                          .attempt = attempt};
    fl_json_auto json_t *spec = NULL;
    fl_json_auto json_t *marks = NULL;
    json_t *args = json_array();
    json_t *env = json_object();
    json_t *files = json_array();
    json_t *outputs = json_array();
    int rc = 0;

    r.inputs = json_array();
    set_members(&r, &r.stage->dims, fl_plan_inst_k(run->plan, inst));
    set_from(&r);
    rc = add_inputs(&r, site, &marks, reterr);
    if (rc == 0)
        rc = render_args(&r, args, reterr);
    if (rc == 0)
        rc = render_env(&r, env, reterr);
    if (rc == 0)
        rc = render_files(&r, files, reterr);
    if (rc == 0)
        rc = render_outputs(&r, outputs, reterr);
    spec = plain_json(&r, token, pool, site);
    if (rc == 0 && !spec)
        rc = no_memory(reterr);
    (void)json_object_set_new(spec, "inputs", r.inputs); /* each takes its list, also on failure */
    (void)json_object_set_new(spec, "args", args);
    (void)json_object_set_new(spec, "env", env);
    (void)json_object_set_new(spec, "files", files);
    (void)json_object_set_new(spec, "outputs", outputs);
    if (rc < 0)
        return rc;
    *ret_spec = json_incref(spec);
    if (ret_marks)
        *ret_marks = json_incref(marks);
    return 0;
}

int fl_render_path(const struct fl_core *core, const struct fl_run *run, uint32_t inst,
                   const char *text, struct fl_buf *out, struct fl_err *reterr)
{
    struct rendering r = {.core = core,
                          .run = run,
                          .wf = run->plan->workflow,
                          .stage = fl_inst_stage(run, inst),
                          .inst = inst};

    set_members(&r, &r.stage->dims, fl_plan_inst_k(run->plan, inst));
    set_from(&r);
    return fl_expand(text, expand_name, out, reterr, &r);
}
