/* `fairlead timeline`: when each stage ran, as a chart of text. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/cli/cli.h"
#include "engine/cli/text.h"

#include "engine/base/banned.h"

#define WIDTH_DEFAULT 100
#define WIDTH_MIN 40
#define WIDTH_MAX 400
#define NAME_MAX_SHOWN 24

struct chart {
    int64_t from_ns;
    int64_t until_ns;
    size_t name_width;
    size_t columns;
    bool color;
};

static int64_t chart_width(const struct fl_cli *cli)
{
    struct winsize window = {0};
    int64_t width = WIDTH_DEFAULT;

    if (cli->given & FL_OPT_WIDTH)
        width = cli->width;
    else if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 &&
             window.ws_col > 0)
        width = window.ws_col;
    return width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
}

static size_t chart_column(const struct chart *chart, int64_t time_ns)
{
    double share = (double)(time_ns - chart->from_ns) / (double)(chart->until_ns - chart->from_ns);
    double column = share * (double)chart->columns;

    if (column < 0)
        return 0;
    return column >= (double)chart->columns ? chart->columns - 1 : (size_t)column;
}

/* When an instance began and ended; false when it never began. */
static bool instance_span(const json_t *instance, int64_t now_ns, int64_t *ret_begun,
                          int64_t *ret_ended)
{
    *ret_begun = fl_text_time_ns(json_object_get(instance, "begun"));
    *ret_ended = fl_text_time_ns(json_object_get(instance, "ended"));
    if (*ret_ended == 0)
        *ret_ended = now_ns;
    return *ret_begun != 0;
}

/* Bars of the instances [first, last) of one stage, as how many ran in each column. */
static int print_row(const struct chart *chart, const json_t *stages, size_t first, size_t last,
                     int64_t now_ns, struct fl_err *reterr)
{
    static const char *const heights[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    uint32_t *running = calloc(chart->columns, sizeof(*running));
    int64_t first_ns = 0;
    int64_t last_ns = 0;
    uint32_t most = 1;
    const char *worst = "succeeded";
    char began[FL_TIME_TEXT_MAX];
    char span[FL_TIME_TEXT_MAX] = "";

    if (!running)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    for (size_t i = first; i < last; i++) {
        const json_t *instance = json_array_get(stages, i);
        const char *state = fl_text_of(instance, "state");
        int64_t begun_ns;
        int64_t ended_ns;

        if (strcmp(state, "failed") == 0 || (strcmp(state, "running") == 0 && *worst == 's'))
            worst = state;
        if (!instance_span(instance, now_ns, &begun_ns, &ended_ns))
            continue;
        if (first_ns == 0 || begun_ns < first_ns)
            first_ns = begun_ns;
        if (ended_ns > last_ns)
            last_ns = ended_ns;
        for (size_t c = chart_column(chart, begun_ns); c <= chart_column(chart, ended_ns); c++) {
            if (++running[c] > most)
                most = running[c];
        }
    }
    (void)printf("%-*.*s %s", (int)chart->name_width, NAME_MAX_SHOWN,
                 fl_text_of(json_array_get(stages, first), "stage"),
                 fl_text_state_color(worst, chart->color));
    for (size_t c = 0; c < chart->columns; c++)
        (void)fputs(heights[running[c] == 0 ? 0 : (running[c] * 8 + most - 1) / most], stdout);
    if (first_ns)
        (void)fl_text_span(last_ns - first_ns, span, sizeof(span));
    (void)printf("%s %9s %9s\n", fl_text_reset(chart->color),
                 fl_text_time(first_ns, first_ns, began, sizeof(began)), span);
    free(running);
    return 0;
}

static void print_axis(const struct chart *chart)
{
    char from[FL_TIME_TEXT_MAX];
    char until[FL_TIME_TEXT_MAX];
    char middle[FL_TIME_TEXT_MAX];
    int64_t half_ns = chart->from_ns + (chart->until_ns - chart->from_ns) / 2;
    int gap;

    (void)fl_text_time(chart->from_ns, chart->from_ns, from, sizeof(from));
    (void)fl_text_time(half_ns, half_ns, middle, sizeof(middle));
    (void)fl_text_time(chart->until_ns, chart->until_ns, until, sizeof(until));
    gap = (int)chart->columns / 2 - (int)strlen(from) - (int)strlen(middle) / 2;
    (void)printf(
        "%-*s %s%*s%s%*s %9s %9s\n", (int)chart->name_width, "UTC", from, gap > 1 ? gap : 1, "",
        middle, (int)chart->columns - (int)strlen(from) - (gap > 1 ? gap : 1) - (int)strlen(middle),
        until, "began", "took");
}

static void chart_bounds(struct chart *chart, const json_t *status, int64_t now_ns)
{
    size_t i;
    json_t *instance;

    chart->from_ns = fl_text_time_ns(json_object_get(status, "created"));
    chart->until_ns = fl_text_time_ns(json_object_get(status, "ended"));
    if (chart->until_ns == 0)
        chart->until_ns = now_ns;
    chart->name_width = 5;
    json_array_foreach(json_object_get(status, "stages"), i, instance)
    {
        size_t width = strlen(fl_text_of(instance, "stage"));

        if (width > NAME_MAX_SHOWN)
            width = NAME_MAX_SHOWN;
        if (width > chart->name_width)
            chart->name_width = width;
    }
    if (chart->until_ns <= chart->from_ns)
        chart->until_ns = chart->from_ns + 1;
}

int fl_cli_timeline(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_json_auto json_t *result = NULL;
    struct chart chart = {.color = fl_text_color(stdout)};
    const json_t *stages;
    int64_t now_ns = fl_world_utc_ns(cli->world);
    char span[FL_TIME_TEXT_MAX];
    int64_t left;
    int rc =
        fl_cli_ask(cli, "status", cli->arg_count ? cli->args[0] : cli->run, NULL, &result, reterr);

    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(result, reterr);
    chart_bounds(&chart, result, now_ns);
    left = chart_width(cli) - (int64_t)chart.name_width - 22;
    chart.columns = left > 20 ? (size_t)left : 20;
    stages = json_object_get(result, "stages");
    (void)printf("%s  %s  %s\n", fl_text_of(result, "run"), fl_text_of(result, "state"),
                 fl_text_span(chart.until_ns - chart.from_ns, span, sizeof(span)));
    print_axis(&chart);
    for (size_t i = 0; i < json_array_size(stages) && rc == 0;) {
        size_t last = i + 1;

        while (last < json_array_size(stages) &&
               strcmp(fl_text_of(json_array_get(stages, i), "stage"),
                      fl_text_of(json_array_get(stages, last), "stage")) == 0)
            last++;
        rc = print_row(&chart, stages, i, last, now_ns, reterr);
        i = last;
    }
    return rc;
}
