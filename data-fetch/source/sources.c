/* sources and show: what the catalogue holds. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/source/catalogue.h"
#include "data-fetch/source/describe.h"
#include "engine/base/json.h"
#include "engine/base/path.h"
#include "engine/world/world.h"

#include "engine/base/banned.h"

struct asking {
    const char *catalogue;
    const char *name;
    bool json;
};

/* --catalogue DIR, --json, and up to one name. */
static int parse_options(int argc, char **argv, struct asking *asking, bool named,
                         struct fl_err *reterr)
{
    static const struct option options[] = {
        {"catalogue", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    int code;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        if (code == 'c')
            asking->catalogue = optarg;
        else
            asking->json = true;
    }
    if (optind < argc && named)
        asking->name = argv[optind++];
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    if (named && !asking->name)
        return fl_err_set(
            reterr, FL_E_USAGE, 0,
            "show takes the name of a source; 'fairlead-transfer sources' lists them");
    return 0;
}

static int print_json(json_t *value, struct fl_err *reterr)
{
    char *text = value ? fl_json_text(value) : NULL;

    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    (void)printf("%s\n", text);
    free(text);
    return 0;
}

static int print_line(const struct fl_source *source, const char *path, void *arg)
{
    char cycles[80];
    char last[24];
    char first[24];

    (void)path;
    (void)arg;
    fl_describe_cycles(source, cycles, sizeof(cycles));
    fl_describe_last_lead(source, last, sizeof(last));
    fl_describe_after(fl_source_expected_s(source, (struct fl_lead){0}), first, sizeof(first));
    (void)printf("%-26s %-14s %-8s %-8s %s\n", source->name, cycles, last, first, source->title);
    return 0;
}

static int add_json(const struct fl_source *source, const char *path, void *arg)
{
    json_t *one = fl_describe_json(source, path);

    return one && json_array_append_new(arg, one) == 0 ? 0 : FL_E_NOMEM;
}

int fl_command_sources(int argc, char **argv, struct fl_err *reterr)
{
    struct asking asking = {0};
    fl_json_auto json_t *list = json_array();
    int rc = parse_options(argc, argv, &asking, false, reterr);

    if (rc < 0)
        return rc;
    if (asking.json) {
        rc = fl_source_each(fl_world_real(), asking.catalogue, add_json, list, reterr);
        return rc < 0 ? rc : print_json(list, reterr);
    }
    (void)printf("%-26s %-14s %-8s %-8s %s\n", "SOURCE", "CYCLES [UTC]", "UP TO", "FIRST",
                 "WHAT IT IS");
    return fl_source_each(fl_world_real(), asking.catalogue, print_line, NULL, reterr);
}

int fl_command_show(int argc, char **argv, struct fl_err *reterr)
{
    struct fl_source *source = calloc(1, sizeof(*source));
    struct asking asking = {0};
    char path[FL_PATH_MAX] = "";
    int rc = source ? parse_options(argc, argv, &asking, true, reterr)
                    : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");

    if (rc == 0)
        rc = fl_source_locate(fl_world_real(), asking.catalogue, asking.name, path, sizeof(path),
                              reterr);
    if (rc == 0)
        rc = fl_source_read(fl_world_real(), path, source, reterr);
    if (rc == 0 && asking.json) {
        fl_json_auto json_t *one = fl_describe_json(source, path);

        rc = print_json(one, reterr);
    } else if (rc == 0) {
        fl_describe_print(source, path, stdout);
    }
    free(source);
    return rc;
}
