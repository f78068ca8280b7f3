/* plan: what a get would ask for; fetches nothing. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/catalogue.h"
#include "data-fetch/command/command.h"
#include "data-fetch/source/plan.h"
#include "data-fetch/source/series.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

struct planning {
    const char *source_name;
    const char *catalogue;
    const char *cycle_text;
    const char *leads_text;
    const char *series_text;
    const char *index;
    const char *selects[FL_PLAN_SELECT_MAX];
    size_t select_count;
};

static int parse_options(struct planning *planning, int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"source", required_argument, NULL, 's'}, {"catalogue", required_argument, NULL, 'c'},
        {"cycle", required_argument, NULL, 'y'},  {"leads", required_argument, NULL, 'l'},
        {"series", required_argument, NULL, 'r'}, {"index", required_argument, NULL, 'i'},
        {"select", required_argument, NULL, 'e'}, {NULL, 0, NULL, 0},
    };
    int code;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        const struct {
            int code;
            const char **slot;
        } texts[] = {
            {'s', &planning->source_name}, {'c', &planning->catalogue},
            {'y', &planning->cycle_text},  {'l', &planning->leads_text},
            {'r', &planning->series_text}, {'i', &planning->index},
        };

        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        for (size_t i = 0; i < FL_COUNT(texts); i++) {
            if (texts[i].code == code)
                *texts[i].slot = optarg;
        }
        if (code == 'e' && planning->select_count == FL_PLAN_SELECT_MAX)
            return fl_err_set(reterr, FL_E_USAGE, 0, "more than %d times --select",
                              FL_PLAN_SELECT_MAX);
        if (code == 'e')
            planning->selects[planning->select_count++] = optarg;
    }
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    if (!planning->source_name || !planning->cycle_text || !planning->leads_text)
        return fl_err_set(reterr, FL_E_USAGE, 0, "plan needs --source, --cycle and --leads");
    return 0;
}

static int print_ranges(const struct planning *planning, uint64_t gap_bytes, struct fl_err *reterr)
{
    fl_auto(fl_select_destroy) struct fl_select *select = NULL;
    fl_auto(fl_index_destroy) struct fl_index *index = NULL;
    fl_auto(fl_plan_destroy) struct fl_plan *plan = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    bool open = false;
    uint64_t bytes;
    int rc;

    fl_buf_init(&text, 0);
    rc = fl_file_read(fl_world_real(), planning->index, FL_INDEX_BYTES_MAX, &text, reterr);
    if (rc == 0)
        rc = fl_index_parse(text.data, text.size, &index, reterr);
    if (rc == 0)
        rc = fl_select_create(planning->selects, planning->select_count, &select, reterr);
    if (rc == 0)
        rc = fl_plan_make(index, select, gap_bytes, &plan, reterr);
    if (rc < 0)
        return fl_err_note(reterr, rc, "index '%s'", planning->index);
    for (size_t i = 0; i < plan->range_count; i++) {
        char range[64];

        fl_plan_range_text(&plan->ranges[i], range, sizeof(range));
        (void)printf("bytes=%s  %zu messages\n", range, plan->ranges[i].message_count);
    }
    bytes = fl_plan_bytes(plan, &open);
    (void)printf("%zu messages in %zu ranges, %" PRIu64 " bytes%s\n", plan->message_count,
                 plan->range_count, bytes, open ? " and the last message" : "");
    return 0;
}

static int print_urls(const struct planning *planning, const struct fl_source *source,
                      struct fl_err *reterr)
{
    struct fl_series series = {0};
    struct fl_leads leads;
    struct fl_cycle cycle;
    int rc = fl_cycle_parse(planning->cycle_text, &cycle, reterr);

    if (rc == 0)
        rc = fl_leads_parse(planning->leads_text, &leads, reterr);
    if (rc == 0 && planning->series_text)
        rc = fl_series_parse(planning->series_text, &series, reterr);
    if (rc < 0)
        return FL_E_USAGE;
    for (size_t i = 0; i < fl_leads_count(&leads); i++) {
        fl_auto(fl_buf_release) struct fl_buf path;
        struct fl_lead lead = fl_leads_at(&leads, i);
        struct fl_lead source_lead = lead;
        struct fl_cycle source_cycle = cycle;
        char text[FL_TIME_TEXT_MAX];

        fl_buf_init(&path, 0);
        if (planning->series_text)
            rc = fl_series_map(&series, fl_cycle_add(cycle, lead), &source_cycle, &source_lead,
                               reterr);
        if (rc == 0)
            rc = fl_source_path(source, source_cycle, source_lead, &path, reterr);
        if (rc < 0)
            return rc;
        fl_lead_format(lead, text);
        for (size_t k = 0; k < source->mirror_count; k++)
            (void)printf("%s  %s/%s\n", text, source->mirrors[k].url, path.data);
    }
    return 0;
}

int fl_command_plan(int argc, char **argv, struct fl_err *reterr)
{
    struct planning planning = {0};
    struct fl_source *source = calloc(1, sizeof(*source));
    int rc = source ? parse_options(&planning, argc, argv, reterr)
                    : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0)
        rc = fl_source_find(fl_world_real(), planning.catalogue, planning.source_name, source,
                            reterr);
    if (rc == 0)
        rc = print_urls(&planning, source, reterr);
    if (rc == 0 && planning.index)
        rc = print_ranges(&planning, source->merge_gap_bytes, reterr);
    free(source);
    return rc;
}
