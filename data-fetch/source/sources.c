/* sources and show: what the catalogue holds. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/catalogue.h"
#include "data-fetch/command/command.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

/* --catalogue DIR, and up to one name. */
static int parse_options(int argc, char **argv, const char **ret_catalogue, const char **ret_name,
                         struct fl_err *reterr)
{
    static const struct option options[] = {
        {"catalogue", required_argument, NULL, 'c'},
        {NULL, 0, NULL, 0},
    };
    int code;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        *ret_catalogue = optarg;
    }
    if (optind < argc && ret_name)
        *ret_name = argv[optind++];
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    if (ret_name && !*ret_name)
        return fl_err_set(reterr, FL_E_USAGE, 0, "show takes the name of a source");
    return 0;
}

static int print_line(const struct fl_source *source, const char *path, void *arg)
{
    (void)path;
    (void)arg;
    (void)printf("%-22s %s\n", source->name, source->title);
    return 0;
}

int fl_command_sources(int argc, char **argv, struct fl_err *reterr)
{
    const char *catalogue = NULL;
    int rc = parse_options(argc, argv, &catalogue, NULL, reterr);

    return rc < 0 ? rc : fl_source_each(fl_world_real(), catalogue, print_line, NULL, reterr);
}

static void print_duration(const char *name, int64_t seconds)
{
    char text[FL_TIME_TEXT_MAX];

    fl_duration_format(seconds, text);
    (void)printf("%-10s %s\n", name, text);
}

static void print_source(const struct fl_source *source)
{
    char text[FL_TIME_TEXT_MAX * 3];

    (void)printf("name       %s\ntitle      %s\nlicence    %s\n", source->name, source->title,
                 source->licence);
    print_duration("cycles", source->every_s);
    for (size_t i = 0; i < source->leads_count; i++) {
        fl_leads_format(&source->leads[i], text, sizeof(text));
        (void)printf("leads      %s\n", text);
    }
    for (size_t i = 0; i < source->path_count; i++) {
        const struct fl_source_path *path = &source->paths[i];
        char from[FL_TIME_TEXT_MAX] = "ever";
        char until[FL_TIME_TEXT_MAX] = "now";

        if (path->from.s != INT64_MIN)
            fl_cycle_format(path->from, from);
        if (path->until.s != INT64_MAX)
            fl_cycle_format(path->until, until);
        (void)printf("path       %s (cycles since %s, until %s)\n", path->pattern, from, until);
    }
    (void)printf("index      %s\n", source->index);
    for (size_t i = 0; i < source->mirror_count; i++)
        (void)printf("mirror     %s (connections %d, requests a minute %d)\n",
                     source->mirrors[i].url, source->mirrors[i].connections,
                     source->mirrors[i].per_minute);
    print_duration("first", source->first_s);
    print_duration("poll", source->poll_s);
    print_duration("give up", source->give_up_s);
    (void)printf("html       %s\nmerge gap  %" PRIu64 " bytes\n",
                 source->html_is_not_yet ? "not-yet" : "refuse", source->merge_gap_bytes);
}

int fl_command_show(int argc, char **argv, struct fl_err *reterr)
{
    struct fl_source *source = calloc(1, sizeof(*source));
    const char *catalogue = NULL;
    const char *name = NULL;
    int rc = source ? parse_options(argc, argv, &catalogue, &name, reterr)
                    : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0)
        rc = fl_source_find(fl_world_real(), catalogue, name, source, reterr);
    if (rc == 0)
        print_source(source);
    free(source);
    return rc;
}
