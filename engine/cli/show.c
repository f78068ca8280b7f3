/* `fairlead runs`, `status`, `why`: tables from the answers. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/summary.h"
#include "engine/cli/text.h"

#include "engine/base/banned.h"

/* "12 succeeded, 1 running" in the order of the answer; "" for none. */
static void counts_text(const json_t *counts, char *text, size_t size)
{
    size_t used = 0;
    const char *state;
    json_t *count;

    text[0] = '\0';
    json_object_foreach((json_t *)(uintptr_t)counts, state, count)
    {
        int n;

        if (json_integer_value(count) == 0)
            continue;
        n = snprintf(text + used, size - used, "%s%lld %s", used ? ", " : "",
                     (long long)json_integer_value(count), state);
        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
    }
}

int fl_cli_runs(struct fl_cli *cli, struct fl_err *reterr)
{
    static const char *const heads[] = {"RUN", "STATE", "CREATED", "TOOK", "INSTANCES", "DEGRADED"};
    fl_auto(fl_table_release) struct fl_table table = {0};
    fl_json_auto json_t *result = NULL;
    int64_t now_ns = fl_world_utc_ns(cli->world);
    size_t i;
    json_t *run;
    int64_t paged;
    int rc = fl_cli_ask(cli, "runs", NULL, NULL, &result, reterr);

    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    paged = json_integer_value(json_object_get(result, "paged"));
    fl_table_init(&table, FL_COUNT(heads), heads, 1);
    json_array_foreach(json_object_get(result, "runs"), i, run)
    {
        int64_t created_ns = fl_text_time_ns(json_object_get(run, "created"));
        int64_t ended_ns = fl_text_time_ns(json_object_get(run, "ended"));
        char created[FL_TIME_TEXT_MAX];
        char took[FL_TIME_TEXT_MAX];
        char counts[160];
        const char *cells[] = {
            fl_text_of(run, "run"),
            fl_text_of(run, "state"),
            fl_text_time(created_ns, now_ns, created, sizeof(created)),
            fl_text_span((ended_ns ? ended_ns : now_ns) - created_ns, took, sizeof(took)),
            counts,
            json_array_size(json_object_get(run, "degraded")) ? "yes" : ""};

        counts_text(json_object_get(run, "counts"), counts, sizeof(counts));
        fl_table_row(&table, cells);
    }
    if (table.count == 1) {
        (void)puts("no runs");
        return 0;
    }
    rc = fl_table_print(&table, stdout, "", reterr);
    if (rc == 0 && paged > 0)
        (void)printf("%lld older ones are on the record only: fairlead status RUN answers from "
                     "it\n",
                     (long long)paged);
    return rc;
}

static void print_marks(const json_t *marks, const char *indent)
{
    bool color = fl_text_color(stdout);
    size_t i;
    json_t *mark;

    json_array_foreach(marks, i, mark)
    {
        const char *age = fl_text_of(mark, "age");

        (void)printf("%s%sdegraded%s: %s%s%s%s\n", indent, fl_text_state_color("degraded", color),
                     fl_text_reset(color), fl_text_of(mark, "cause"), *age ? " [age " : "", age,
                     *age ? "]" : "");
    }
}

static void print_run_head(const json_t *status, int64_t now_ns)
{
    bool color = fl_text_color(stdout);
    const char *state = fl_text_of(status, "state");
    int64_t created_ns = fl_text_time_ns(json_object_get(status, "created"));
    int64_t ended_ns = fl_text_time_ns(json_object_get(status, "ended"));
    char created[FL_TIME_TEXT_MAX];
    char took[FL_TIME_TEXT_MAX];

    (void)printf("%s  %s%s%s  created %s UTC, %s%s\n", fl_text_of(status, "run"),
                 fl_text_state_color(state, color), state, fl_text_reset(color),
                 fl_text_time(created_ns, now_ns, created, sizeof(created)),
                 ended_ns ? "took " : "for ",
                 fl_text_span((ended_ns ? ended_ns : now_ns) - created_ns, took, sizeof(took)));
}

/* One line a stage: its instances summed up. */
static int print_sums(const json_t *list, const char *name, const char *head, int64_t now_ns,
                      struct fl_err *reterr)
{
    const char *const heads[] = {head, "STATE", "DONE", "BEGAN", "ENDED", "TOOK", "NOTE"};
    fl_auto(fl_table_release) struct fl_table table = {0};
    size_t i;
    json_t *entry;

    fl_table_init(&table, FL_COUNT(heads), heads, 1);
    json_array_foreach(list, i, entry)
    {
        struct fl_summary sum = fl_summary_of(entry, name);
        char done[48];
        char began[FL_TIME_TEXT_MAX];
        char ended[FL_TIME_TEXT_MAX];
        char took[FL_TIME_TEXT_MAX] = "";
        char note[512];
        const char *cells[] = {sum.name,
                               sum.state,
                               done,
                               fl_text_time(sum.begun_ns, now_ns, began, sizeof(began)),
                               fl_text_time(sum.ended_ns, now_ns, ended, sizeof(ended)),
                               took,
                               note};

        (void)snprintf(done, sizeof(done), "%lld/%lld", (long long)sum.done,
                       (long long)sum.instances);
        if (sum.begun_ns)
            (void)fl_text_span((sum.ended_ns ? sum.ended_ns : now_ns) - sum.begun_ns, took,
                               sizeof(took));
        fl_summary_note(&sum, note, sizeof(note));
        fl_table_row(&table, cells);
    }
    return fl_table_print(&table, stdout, "  ", reterr);
}

void fl_cli_print_advice(const struct fl_cli *cli, const char *run, const char *text)
{
    static const char command[] = "`fairlead ";
    bool named = run && (cli->run || cli->arg_count > 0);
    const char *at;

    while ((at = strstr(text, command)) != NULL) {
        size_t size = strcspn(at + 1, "`") + 1;

        (void)fwrite(text, 1, (size_t)(at - text) + size, stdout);
        if (named && *run && at[size] == '`')
            (void)printf(strchr(run, '#') ? " --run '%s'" : " --run %s", run);
        if ((cli->given & FL_OPT_STATE) && at[size] == '`')
            (void)printf(" --state %s", cli->state);
        text = at + size;
        if (*text == '`') {
            (void)putchar('`');
            text++;
        }
    }
    (void)fputs(text, stdout);
}

/* Each instance that did not go well, with its reason. */
static void print_trouble(const struct fl_cli *cli, const json_t *status)
{
    bool color = fl_text_color(stdout);
    size_t i;
    json_t *instance;

    json_array_foreach(json_object_get(status, "troubles"), i, instance)
    {
        const char *state = fl_text_of(instance, "state");

        (void)printf("  %s%s%s %s%s%s: ", fl_text_state_color(state, color), state,
                     fl_text_reset(color), fl_text_of(instance, "stage"),
                     *fl_text_of(instance, "key") ? " " : "", fl_text_of(instance, "key"));
        fl_cli_print_advice(cli, fl_text_of(status, "run"), fl_text_of(instance, "reason"));
        (void)putchar('\n');
    }
}

int fl_cli_print_status(struct fl_cli *cli, const json_t *status, int64_t now_ns,
                        struct fl_err *reterr)
{
    int rc;

    print_run_head(status, now_ns);
    if (cli->stored && strcmp(fl_text_of(status, "state"), "running") == 0)
        (void)puts(
            "  as recorded: no coordinator runs now; the same fairlead run takes it up again");
    rc = print_sums(json_object_get(status, "stages"), "stage", "STAGE", now_ns, reterr);
    if (rc == 0 && json_array_size(json_object_get(status, "groups")) > 0)
        rc = print_sums(json_object_get(status, "groups"), "name", "GROUP", now_ns, reterr);
    if (rc < 0)
        return rc;
    print_trouble(cli, status);
    print_marks(json_object_get(status, "degraded"), "  ");
    return 0;
}

int fl_cli_status(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_json_auto json_t *result = NULL;
    int rc;

    cli->brief = !(cli->given & FL_OPT_JSON);
    rc = fl_cli_ask(cli, "status", cli->arg_count ? cli->args[0] : cli->run, NULL, &result, reterr);

    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    return fl_cli_print_status(cli, result, fl_world_utc_ns(cli->world), reterr);
}

/* What the text says of one alone is said there; of several each has its line. */
static void print_waits(const json_t *items)
{
    size_t i;
    json_t *item;

    if (json_array_size(items) < 2)
        return;
    json_array_foreach(items, i, item)
    {
        (void)printf("  %s %s: %s\n", i == 0 ? "waits for" : "         ", fl_text_of(item, "need"),
                     fl_text_of(item, "why"));
    }
}

/* Who has what it would take. */
static void print_holders(const json_t *items, int64_t now_ns)
{
    size_t i;
    json_t *item;

    json_array_foreach(items, i, item)
    {
        const char *key = fl_text_of(item, "key");
        char since[FL_TIME_TEXT_MAX];

        (void)printf("  %s %s %s%s%s%s, %s on worker '%s' since %s\n",
                     i == 0 ? "held by  " : "         ", fl_text_of(item, "run"),
                     fl_text_of(item, "stage"), *key ? "(" : "", key, *key ? ")" : "",
                     fl_text_of(item, "state"), fl_text_of(item, "worker"),
                     fl_text_time(fl_text_time_ns(json_object_get(item, "since")), now_ns, since,
                                  sizeof(since)));
    }
}

int fl_cli_why(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_json_auto json_t *result = NULL;
    const char *run = NULL;
    const char *stage = NULL;
    bool color = fl_text_color(stdout);
    const char *state;
    const char *key;
    int rc = fl_cli_run_stage(cli, &run, &stage, reterr);

    if (rc == 0)
        rc = fl_cli_ask(cli, "why", run, stage, &result, reterr);
    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    state = fl_text_of(result, "state");
    key = fl_text_of(result, "key");
    (void)printf("%s%s%s  %s%s%s\n  ", fl_text_of(result, "stage"), *key ? " " : "", key,
                 fl_text_state_color(state, color), state, fl_text_reset(color));
    fl_cli_print_advice(cli, run, fl_text_of(result, "text"));
    (void)putchar('\n');
    print_waits(json_object_get(result, "waits_for"));
    print_holders(json_object_get(result, "holders"), fl_world_utc_ns(cli->world));
    return 0;
}
