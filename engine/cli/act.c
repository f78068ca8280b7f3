/* What a person asks a coordinator to do: the objects, the reason, and with --dry-run only a look
 * at what it would lead to. */
#include "config.h"

#include "engine/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/cli/client.h"
#include "engine/cli/text.h"

#include "engine/base/banned.h"

/* "surge/20261124T0000Z/prep.f003": the run ends at the second slash. */
static const char *after_run(const char *text)
{
    const char *slash = strchr(text, '/');

    return slash ? strchr(slash + 1, '/') : NULL;
}

/* The first argument is a run when it has a slash; the others are stages, instances or groups. */
static int objects(const struct fl_cli *cli, json_t *request, const char **ret_run,
                   struct fl_err *reterr)
{
    json_t *which = json_array();
    const char *first = cli->arg_count > 0 && strchr(cli->args[0], '/') ? cli->args[0] : NULL;
    const char *object = first ? after_run(first) : NULL;
    bool bad = !which;

    if (first && cli->run) {
        json_decref(which);
        return fl_err_set(reterr, FL_E_USAGE, 0, "the run is named twice: '%s' and --run %s", first,
                          cli->run);
    }
    if (object) {
        bad |= json_array_append_new(which, json_string(object + 1)) != 0;
        bad |=
            json_object_set_new(request, "run", json_stringn(first, (size_t)(object - first))) != 0;
    } else if (first || cli->run) {
        bad |= json_object_set_new(request, "run", json_string(first ? first : cli->run)) != 0;
    }
    for (int i = first ? 1 : 0; i < cli->arg_count; i++)
        bad |= json_array_append_new(which, json_string(cli->args[i])) != 0;
    bad |= json_object_set_new(request, "which", which) != 0;
    *ret_run = json_string_value(json_object_get(request, "run"));
    return bad ? fl_err_set(reterr, FL_E_USAGE, 0, "the names must be UTF-8") : 0;
}

/* "prep(+003)", the run's name or the workflow's. */
static void print_object(const json_t *event)
{
    const char *stage = fl_text_of(event, "stage");
    const char *key = fl_text_of(event, "key");
    const char *run = fl_text_of(event, "run");

    if (*stage)
        (void)printf("  %s%s%s%s", stage, *key ? "(" : "", key, *key ? ")" : "");
    else
        (void)printf("  %s", *run ? run : fl_text_of(event, "workflow"));
}

/* What an event means to a person; the event's own name where that says it. */
static const char *words_of(const char *type)
{
    static const struct {
        const char *type;
        const char *words;
    } all[] = {
        {"state-set", "would be set"},
        {"instance-retry", "would be tried again"},
        {"instance-ended", "would end"},
        {"attempt-ended", "its attempt would end"},
        {"cancel-asked", "would be asked to stop"},
        {"output-absent", "would lack its output"},
        {"run-replanned", "would go on by the other version of its workflow"},
        {"run-ended", "would end"},
    };

    for (size_t i = 0; i < FL_COUNT(all); i++)
        if (strcmp(all[i].type, type) == 0)
            return all[i].words;
    return type;
}

/* "manning = 0.03", or that it is the workflow's own again. */
static void print_setting(const json_t *event)
{
    const char *name = fl_text_of(event, "output");
    const json_t *value = json_object_get(event, "text");

    if (value)
        (void)printf(": %s = %s\n", name, json_string_value(value));
    else
        (void)printf(": %s as the workflow says\n", name);
}

/* One line an event: "  prep(+003): held". */
void fl_cli_print_would(const json_t *result)
{
    json_int_t all = json_integer_value(json_object_get(result, "events"));
    size_t told = 0;
    size_t i;
    json_t *event;

    json_array_foreach(json_object_get(result, "would"), i, event)
    {
        const char *type = fl_text_of(event, "type");
        const char *state = fl_text_of(event, "state");

        told++;
        if (strcmp(type, "action-taken") == 0)
            continue;
        print_object(event);
        if (strcmp(type, "param-set") == 0)
            print_setting(event);
        else
            (void)printf(": %s%s%s%s\n", words_of(type), *state ? " " : "", state,
                         strcmp(type, "output-absent") == 0 ? fl_text_of(event, "output") : "");
    }
    if (all > (json_int_t)told)
        (void)printf("  and %lld more\n", (long long)all - (long long)told);
}

/* "hold surge/20261124T0000Z prep.f003": what was asked, as it could be typed. */
static void print_asked(const struct fl_cli *cli, const json_t *request, const char *run)
{
    bool named = cli->arg_count > 0 && strchr(cli->args[0], '/');
    const char *name = fl_text_of(request, "name");
    const char *state = fl_text_of(request, "state");
    const json_t *value = json_object_get(request, "value");

    (void)printf("%s%s%s", fl_text_of(request, "verb"), named || *run ? " " : "",
                 named ? cli->args[0] : run);
    for (int i = named ? 1 : 0; i < cli->arg_count; i++)
        (void)printf(" %s", cli->args[i]);
    if (*name)
        (void)printf(" %s%s%s", name, value ? "=" : "", value ? json_string_value(value) : "");
    (void)printf("%s%s", *state ? " " : "", state);
}

static int tell(const struct fl_cli *cli, const json_t *request, const char *run,
                const json_t *result, struct fl_err *reterr)
{
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    if (!(cli->given & FL_OPT_DRY))
        (void)printf("action %lld: ",
                     (long long)json_integer_value(json_object_get(result, "action")));
    print_asked(cli, request, run);
    if (!(cli->given & FL_OPT_DRY)) {
        (void)puts(": recorded");
        return 0;
    }
    (void)puts(" would lead to");
    fl_cli_print_would(result);
    (void)puts("nothing was done: without --dry-run it is");
    return 0;
}

static int newest_run(struct fl_client *client, json_t **ret_status, const char **ret_run,
                      struct fl_err *reterr)
{
    int rc = fl_client_ask(client, json_pack("{s:s, s:b}", "verb", "status", "brief", 1),
                           ret_status, reterr);

    *ret_run = fl_text_of(*ret_status, "run");
    return rc;
}

int fl_cli_act(struct fl_cli *cli, const char *verb, json_t *more, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    fl_json_auto json_t *request = more ? more : json_object();
    fl_json_auto json_t *result = NULL;
    fl_json_auto json_t *newest = NULL;
    const char *run = NULL;
    int rc = objects(cli, request, &run, reterr);

    if (rc == 0)
        rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_LIVE, reterr);
    if (rc == 0 && !run) {
        rc = newest_run(&client, &newest, &run, reterr);
        if (rc == 0)
            (void)json_object_set_new(request, "run", json_string(run)); /* a lack is answered */
    }
    if (rc < 0)
        return rc;
    (void)json_object_set_new(request, "verb", json_string(verb)); /* a lack shows in the answer */
    if (cli->why)
        (void)json_object_set_new(request, "why", json_string(cli->why));
    if (cli->given & FL_OPT_DRY)
        (void)json_object_set_new(request, "dry", json_true());
    if (cli->given & FL_OPT_FORCE)
        (void)json_object_set_new(request, "force", json_true());
    rc = fl_client_ask(&client, json_incref(request), &result, reterr);
    return rc < 0 ? rc : tell(cli, request, run, result, reterr);
}

int fl_cli_cancel(struct fl_cli *cli, struct fl_err *reterr)
{
    return fl_cli_act(cli, "cancel", NULL, reterr);
}

int fl_cli_hold(struct fl_cli *cli, struct fl_err *reterr)
{
    return cli->workflow ? fl_cli_flow_hold(cli, "hold", reterr)
                         : fl_cli_act(cli, "hold", NULL, reterr);
}

int fl_cli_release(struct fl_cli *cli, struct fl_err *reterr)
{
    return cli->workflow ? fl_cli_flow_hold(cli, "release", reterr)
                         : fl_cli_act(cli, "release", NULL, reterr);
}

int fl_cli_retry(struct fl_cli *cli, struct fl_err *reterr)
{
    return fl_cli_act(cli, "retry", NULL, reterr);
}

int fl_cli_skip(struct fl_cli *cli, struct fl_err *reterr)
{
    return fl_cli_act(cli, "skip", NULL, reterr);
}

/* The last argument is the state. */
int fl_cli_set_state(struct fl_cli *cli, struct fl_err *reterr)
{
    json_t *more = json_pack("{s:s}", "state", cli->args[cli->arg_count - 1]);

    cli->arg_count--;
    if (!more)
        return fl_err_set(reterr, FL_E_USAGE, 0, "the state must be UTF-8");
    return fl_cli_act(cli, "set-state", more, reterr);
}

/* The last argument is "NAME=VALUE", or "NAME" to take back what was set. */
static int take_setting(struct fl_cli *cli, json_t *more, struct fl_err *reterr)
{
    const char *text = cli->args[--cli->arg_count];
    const char *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : strlen(text);
    bool bad = json_object_set_new(more, "name", json_stringn(text, size)) != 0;

    if (size == 0 || strchr(text, '/'))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "'%.80s': the last argument is NAME=VALUE, or NAME to take it back",
                          text);
    if (equals)
        bad |= json_object_set_new(more, "value", json_string(equals + 1)) != 0;
    return bad ? fl_err_set(reterr, FL_E_USAGE, 0, "the parameter must be UTF-8") : 0;
}

int fl_cli_set_parameter(struct fl_cli *cli, struct fl_err *reterr)
{
    json_t *more = json_object();
    int64_t for_s = 0;
    int rc = take_setting(cli, more, reterr);

    if (rc == 0 && (cli->given & FL_OPT_FOR) &&
        (fl_duration_parse(cli->during, &for_s, NULL) < 0 || for_s <= 0))
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "--for '%.40s': accepted: PT2H, P1DT12H, PT90S",
                        cli->during);
    if (rc == 0 && for_s > 0)
        (void)json_object_set_new(more, "until_ns",
                                  json_integer(fl_world_utc_ns(cli->world) + for_s * 1000000000));
    if (rc < 0) {
        json_decref(more);
        return rc;
    }
    return fl_cli_act(cli, "set-parameter", more, reterr);
}

/* "undoes action 4 of root@vm: hold prep". */
static int tell_undone(struct fl_client *client, int64_t number, struct fl_err *reterr)
{
    fl_json_auto json_t *result = NULL;
    size_t i;
    json_t *action;
    int rc = fl_client_ask(client, json_pack("{s:s}", "verb", "actions"), &result, reterr);

    json_array_foreach(json_object_get(result, "actions"), i, action)
    {
        char text[FL_CLI_ASKED_MAX];

        if (json_integer_value(json_object_get(action, "action")) != number)
            continue;
        fl_cli_asked_text(json_object_get(action, "asked"), text, sizeof(text));
        (void)printf("  of action %lld: %s %s%s%s\n", (long long)number,
                     fl_cli_verb(fl_text_of(action, "verb")), fl_text_of(action, "run"),
                     *fl_text_of(action, "run") && *text ? " " : "", text);
    }
    return rc;
}

/* The number of the action that an undo has taken back, or would. */
static int64_t undone_number(const json_t *result)
{
    fl_json_auto json_t *asked = NULL;
    const json_t *first = json_array_get(json_object_get(result, "would"), 0);
    const char *text = fl_text_of(first ? first : result, "text");

    if (fl_json_parse(text, strlen(text), &asked, NULL) < 0)
        return 0;
    return json_integer_value(json_object_get(asked, "number"));
}

int fl_cli_undo(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_auto(fl_client_release) struct fl_client client = {0};
    fl_json_auto json_t *request = json_pack("{s:s, s:s*}", "verb", "undo", "why", cli->why);
    fl_json_auto json_t *result = NULL;
    char *end = NULL;
    long long number = cli->arg_count ? strtoll(cli->args[0], &end, 10) : 0;
    int rc;

    if (end && (*end != '\0' || number < 1))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "'%.40s' is no number of an action; fairlead actions lists them",
                          cli->args[0]);
    (void)json_object_set_new(request, "number", json_integer(number)); /* 0: the last one */
    if (cli->given & FL_OPT_DRY)
        (void)json_object_set_new(request, "dry", json_true());
    cli->arg_count = 0;
    rc = fl_client_open(&client, cli->world, cli->state, FL_CLIENT_LIVE, reterr);
    if (rc == 0)
        rc = fl_client_ask(&client, json_incref(request), &result, reterr);
    if (rc == 0)
        rc = tell(cli, request, fl_text_of(result, "run"), result, reterr);
    if (rc < 0 || (cli->given & FL_OPT_JSON))
        return rc;
    return tell_undone(&client, undone_number(result), reterr);
}

const char *fl_cli_verb(const char *verb)
{
    return strcmp(verb, "reload-run") == 0 ? "reload" : verb;
}

static void put_list(struct fl_buf *out, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        fl_buf_printf(out, "%s%s", out->size ? " " : "",
                      json_string_value(json_array_get(list, i)));
}

void fl_cli_asked_text(const json_t *asked, char *text, size_t size)
{
    static const char *const plain[] = {"workflow", "stage", "key", "state"};
    const char *name = fl_text_of(asked, "name");
    const json_t *value = json_object_get(asked, "value");
    struct fl_buf out;

    fl_buf_init(&out, size - 1);
    put_list(&out, json_object_get(asked, "which"));
    put_list(&out, json_object_get(asked, "stages"));
    for (size_t i = 0; i < FL_COUNT(plain); i++)
        if (*fl_text_of(asked, plain[i]))
            fl_buf_printf(&out, "%s%s", out.size ? " " : "", fl_text_of(asked, plain[i]));
    if (*name)
        fl_buf_printf(&out, "%s%s%s%s", out.size ? " " : "", name, value ? "=" : "",
                      value ? json_string_value(value)
                      : strcmp(fl_text_of(asked, "verb"), "set-parameter") == 0
                          ? " as the workflow says"
                          : "");
    if (json_object_get(asked, "number"))
        fl_buf_printf(&out, "of action %lld",
                      (long long)json_integer_value(json_object_get(asked, "number")));
    (void)snprintf(text, size, "%s", out.data ? out.data : "");
    fl_buf_release(&out);
}

int fl_cli_actions(struct fl_cli *cli, struct fl_err *reterr)
{
    static const char *const heads[] = {"ACTION", "TIME", "WHO", "WHAT", "RUN", "OBJECTS", "WHY"};
    fl_auto(fl_table_release) struct fl_table table = {0};
    fl_json_auto json_t *result = NULL;
    size_t i;
    json_t *action;
    int rc =
        fl_cli_ask(cli, "actions", cli->arg_count ? cli->args[0] : cli->run, NULL, &result, reterr);

    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    fl_table_init(&table, FL_COUNT(heads), heads, -1);
    json_array_foreach(json_object_get(result, "actions"), i, action)
    {
        char number[24];
        char time[FL_TIME_TEXT_MAX];
        char objects_text[FL_CLI_ASKED_MAX];
        char what[80];
        const char *cells[] = {number,
                               time,
                               fl_text_of(action, "who"),
                               what,
                               fl_text_of(action, "run"),
                               objects_text,
                               fl_text_of(action, "why")};
        json_int_t undone = json_integer_value(json_object_get(action, "undone_by"));

        (void)snprintf(number, sizeof(number), "%lld",
                       (long long)json_integer_value(json_object_get(action, "action")));
        (void)fl_text_time(fl_text_time_ns(json_object_get(action, "time")),
                           fl_world_utc_ns(cli->world), time, sizeof(time));
        (void)snprintf(what, sizeof(what), "%.40s%s", fl_cli_verb(fl_text_of(action, "verb")),
                       undone ? " (undone)" : "");
        fl_cli_asked_text(json_object_get(action, "asked"), objects_text, sizeof(objects_text));
        fl_table_row(&table, cells);
    }
    if (table.count == 1) {
        (void)puts("no actions");
        return 0;
    }
    return fl_table_print(&table, stdout, "", reterr);
}
