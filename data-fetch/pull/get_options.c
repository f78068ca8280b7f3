/* The command line of get. */
#include "config.h"

#include "data-fetch/pull/get_options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/pull/fetch.h"

#include "engine/base/banned.h"

static int parse_whole(const char *name, const char *text, int64_t low, int64_t high,
                       int64_t *ret_value, struct fl_err *reterr)
{
    char *end = NULL;
    long long value = strtoll(text, &end, 10);

    if (end == text || *end || value < low || value > high)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "%s '%s' is not a whole number from %" PRId64 " to %" PRId64, name, text,
                          low, high);
    *ret_value = value;
    return 0;
}

static int add_to(const char **list, size_t *count, size_t max, const char *what, const char *value,
                  struct fl_err *reterr)
{
    if (*count >= max)
        return fl_err_set(reterr, FL_E_USAGE, 0, "more than %zu times %s", max, what);
    list[(*count)++] = value;
    return 0;
}

enum option_code {
    OPT_SOURCE = 256,
    OPT_CATALOGUE,
    OPT_MIRROR,
    OPT_CYCLE,
    OPT_LEADS,
    OPT_SERIES,
    OPT_SELECT,
    OPT_KEYS,
    OPT_WITH,
    OPT_AREA,
    OPT_NAME,
    OPT_TO,
    OPT_OUTPUT,
    OPT_POLL,
    OPT_GIVE_UP,
    OPT_ON_MISSING,
    OPT_MISSING_CAUSE,
    OPT_SHA256,
    OPT_SIZE,
    OPT_INFLIGHT,
    OPT_BOOK,
    OPT_SITE,
    OPT_CA,
};

static int on_missing(struct fl_get_ask *ask, const char *value, struct fl_err *reterr)
{
    ask->missing_is_absent = strcmp(value, "absent") == 0;
    if (!ask->missing_is_absent && strcmp(value, "fail") != 0)
        return fl_err_set(reterr, FL_E_USAGE, 0, "--on-missing '%s'; accepted: fail, absent",
                          value);
    return 0;
}

/* The options that take a plain text. */
static const char **text_option(struct fl_get_ask *ask, int code)
{
    const struct {
        int code;
        const char **slot;
    } texts[] = {
        {OPT_SOURCE, &ask->source_name}, {OPT_CATALOGUE, &ask->catalogue},
        {OPT_CYCLE, &ask->cycle_text},   {OPT_LEADS, &ask->leads_text},
        {OPT_SERIES, &ask->series_text}, {OPT_AREA, &ask->area},
        {OPT_NAME, &ask->name_pattern},  {OPT_TO, &ask->to},
        {OPT_OUTPUT, &ask->output},      {OPT_POLL, &ask->poll},
        {OPT_GIVE_UP, &ask->give_up},    {OPT_MISSING_CAUSE, &ask->missing_cause},
        {OPT_SHA256, &ask->sha256},      {OPT_BOOK, &ask->book},
        {OPT_SITE, &ask->site},          {OPT_CA, &ask->ca},
    };

    for (size_t i = 0; i < FL_COUNT(texts); i++) {
        if (texts[i].code == code)
            return texts[i].slot;
    }
    return NULL;
}

static int parse_option(struct fl_get_ask *ask, int code, const char *value, struct fl_err *reterr)
{
    const char **text = text_option(ask, code);
    int64_t number = 0;
    int rc = 0;

    if (text) {
        *text = value;
    } else if (code == OPT_MIRROR) {
        rc = add_to(ask->mirrors, &ask->mirror_count, FL_SOURCE_MIRRORS_MAX, "--mirror", value,
                    reterr);
    } else if (code == OPT_SELECT) {
        rc =
            add_to(ask->selects, &ask->select_count, FL_PLAN_SELECT_MAX, "--select", value, reterr);
    } else if (code == OPT_KEYS) {
        rc = add_to(ask->keys, &ask->key_count, FL_ASK_KEYS_MAX, "--keys", value, reterr);
    } else if (code == OPT_WITH) {
        rc = add_to(ask->with, &ask->with_count, FL_SOURCE_DIMENSIONS_MAX, "--with", value, reterr);
    } else if (code == OPT_ON_MISSING) {
        rc = on_missing(ask, value, reterr);
    } else if (code == OPT_SIZE) {
        rc = parse_whole("--size", value, 0, INT64_MAX, &ask->size, reterr);
    } else {
        rc = parse_whole("--inflight", value, 1, FL_FETCH_INFLIGHT_MAX, &number, reterr);
        ask->inflight = (size_t)number;
    }
    return rc;
}

int fl_get_parse(struct fl_get_ask *ask, int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"source", required_argument, NULL, OPT_SOURCE},
        {"catalogue", required_argument, NULL, OPT_CATALOGUE},
        {"mirror", required_argument, NULL, OPT_MIRROR},
        {"cycle", required_argument, NULL, OPT_CYCLE},
        {"leads", required_argument, NULL, OPT_LEADS},
        {"series", required_argument, NULL, OPT_SERIES},
        {"select", required_argument, NULL, OPT_SELECT},
        {"keys", required_argument, NULL, OPT_KEYS},
        {"with", required_argument, NULL, OPT_WITH},
        {"area", required_argument, NULL, OPT_AREA},
        {"name", required_argument, NULL, OPT_NAME},
        {"to", required_argument, NULL, OPT_TO},
        {"output", required_argument, NULL, OPT_OUTPUT},
        {"poll", required_argument, NULL, OPT_POLL},
        {"give-up", required_argument, NULL, OPT_GIVE_UP},
        {"on-missing", required_argument, NULL, OPT_ON_MISSING},
        {"missing-cause", required_argument, NULL, OPT_MISSING_CAUSE},
        {"sha256", required_argument, NULL, OPT_SHA256},
        {"size", required_argument, NULL, OPT_SIZE},
        {"inflight", required_argument, NULL, OPT_INFLIGHT},
        {"book", required_argument, NULL, OPT_BOOK},
        {"site", required_argument, NULL, OPT_SITE},
        {"ca", required_argument, NULL, OPT_CA},
        {NULL, 0, NULL, 0},
    };
    int code;
    int rc = 0;

    *ask = (struct fl_get_ask){.size = -1};
    opterr = 0;
    optind = 1;
    while (rc == 0 && (code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        rc = parse_option(ask, code, optarg, reterr);
    }
    if (rc == 0 && optind < argc)
        ask->url = argv[optind++];
    if (rc == 0 && optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    return rc;
}
