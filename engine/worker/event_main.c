/* fairlead-event: what a stage says, from a script. */
#include "config.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/json.h"
#include "engine/base/path.h"
#include "engine/base/time.h"
#include "engine/world/file.h"
#include "engine/world/local.h"

#include "engine/base/banned.h"

static const char usage[] =
    "Usage: fairlead-event output NAME FILE [--lead LEAD]\n"
    "       fairlead-event absent NAME --cause TEXT [--lead LEAD] [--age DURATION]\n"
    "       fairlead-event progress LEAD|FRACTION\n"
    "       fairlead-event warn TEXT\n"
    "       fairlead-event degraded CAUSE [AGE]\n"
    "       fairlead-event set NAME [MEMBER]...\n"
    "\n"
    "Says something to the engine from inside a stage. FILE is complete and closed; it is named\n"
    "relative to FAIRLEAD_OUTPUT_DIR, or by its path, and lies in that folder. LEAD is +006, or\n"
    "another member of the output's set; FRACTION is 0 to 1; DURATION and AGE are like PT9H. "
    "Outside an attempt (FAIRLEAD_SOCKET not\n"
    "set) it checks what was to be said, tells so, and ends with 0.\n"
    "\n"
    "  --lead LEAD     lead of the output, when it has one\n"
    "  --cause TEXT    why the output will not come\n"
    "  --age DURATION  age of what stands in for it\n"
    "  --help, --version\n";

#define MEMBER_MAX 64 /* bytes of a member of a set */

struct request {
    const char *lead;
    const char *cause;
    const char *age;
    char **words; /* verb first */
    int count;
};

/* Name of the file below the output folder, whichever way it was given; it must be there. */
static int output_file(const char *given, const char **ret_file, struct fl_err *reterr)
{
    const char *folder = getenv("FAIRLEAD_OUTPUT_DIR");
    const char *file = given;
    char path[FL_PATH_MAX];
    struct fl_stat info;
    size_t length = folder ? strlen(folder) : 0;
    int rc;

    if (!folder)
        folder = ".";
    if (length > 0 && strncmp(given, folder, length) == 0 && given[length] == '/')
        file = given + length + 1;
    else if (strncmp(given, "../out/", 7) == 0) /* the folder, seen from DATA */
        file = given + 7;
    if (!fl_path_is_safe(file))
        return fl_err_set(reterr, FL_E_USAGE, 0, "file '%s' does not lie below '%s'", given,
                          folder);
    rc = fl_path_join(folder, file, path, sizeof(path), reterr);
    if (rc == 0)
        rc = fl_file_stat(fl_world_real(), path, &info, reterr);
    if (rc == 0 && info.is_dir)
        rc = fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is a folder", path);
    *ret_file = file;
    return rc;
}

static int check_lead(const char *text, struct fl_err *reterr)
{
    struct fl_lead lead;

    return text && fl_lead_parse(text, &lead, reterr) < 0 ? FL_E_USAGE : 0;
}

static bool is_member(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    return size > 0 && size <= MEMBER_MAX && text[size] == '\0' && *text != '-' && *text != '_';
}

static int check_age(const char *text, struct fl_err *reterr)
{
    int64_t seconds;

    return text && fl_duration_parse(text, &seconds, reterr) < 0 ? FL_E_USAGE : 0;
}

static int make_output(const struct request *request, json_t **ret_event, struct fl_err *reterr)
{
    const char *file = NULL;
    int rc;

    if (request->count != 3)
        return fl_err_set(reterr, FL_E_USAGE, 0, "output NAME FILE is expected");
    rc = output_file(request->words[2], &file, reterr);
    if (rc == 0)
        *ret_event = json_pack("{s:s,s:s,s:s*,s:s}", "type", "output", "output", request->words[1],
                               "lead", request->lead, "file", file);
    return rc;
}

static int make_absent(const struct request *request, json_t **ret_event, struct fl_err *reterr)
{
    if (request->count != 2 || !request->cause)
        return fl_err_set(reterr, FL_E_USAGE, 0, "absent NAME --cause TEXT is expected");
    *ret_event = json_pack("{s:s,s:s,s:s*,s:s,s:s*}", "type", "absent", "output", request->words[1],
                           "lead", request->lead, "cause", request->cause, "age", request->age);
    return 0;
}

static int make_progress(const struct request *request, json_t **ret_event, struct fl_err *reterr)
{
    const char *text = request->count == 2 ? request->words[1] : "";
    char *end = NULL;
    double fraction;

    if (text[0] == '+') {
        int rc = check_lead(text, reterr);

        if (rc == 0)
            *ret_event = json_pack("{s:s,s:s}", "type", "progress", "lead", text);
        return rc;
    }
    fraction = strtod(text, &end);
    if (end == text || *end || !(fraction >= 0 && fraction <= 1))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "progress '%s'; accepted: a lead like +036, or a fraction from 0 to 1",
                          text);
    *ret_event = json_pack("{s:s,s:f}", "type", "progress", "fraction", fraction);
    return 0;
}

static int make_warn(const struct request *request, json_t **ret_event, struct fl_err *reterr)
{
    if (request->count != 2)
        return fl_err_set(reterr, FL_E_USAGE, 0, "warn TEXT is expected (quote it)");
    *ret_event = json_pack("{s:s,s:s}", "type", "warn", "text", request->words[1]);
    return 0;
}

static int make_degraded(const struct request *request, json_t **ret_event, struct fl_err *reterr)
{
    const char *age = request->count == 3 ? request->words[2] : request->age;
    int rc = check_age(age, reterr);

    if (request->count != 2 && request->count != 3)
        return fl_err_set(reterr, FL_E_USAGE, 0, "degraded CAUSE [AGE] is expected");
    if (rc == 0)
        *ret_event =
            json_pack("{s:s,s:s,s:s*}", "type", "degraded", "cause", request->words[1], "age", age);
    return rc;
}

static int make_set(const struct request *request, json_t **ret_event, struct fl_err *reterr)
{
    json_t *members = json_array();

    if (request->count < 2) {
        json_decref(members);
        return fl_err_set(reterr, FL_E_USAGE, 0, "set NAME [MEMBER]... is expected");
    }
    for (int i = 2; i < request->count; i++) {
        if (!is_member(request->words[i])) {
            json_decref(members);
            return fl_err_set(reterr, FL_E_USAGE, 0,
                              "member '%.80s'; accepted: letters, digits, '-' and '_', at most %d, "
                              "no '-' or '_' first",
                              request->words[i], MEMBER_MAX);
        }
        (void)json_array_append_new(members, json_string(request->words[i])); /* ASCII */
    }
    *ret_event =
        json_pack("{s:s,s:s,s:o}", "type", "set", "set", request->words[1], "members", members);
    return 0;
}

static int make_event(const struct request *request, json_t **ret_event, struct fl_err *reterr)
{
    static const struct {
        const char *verb;
        int (*make)(const struct request *request, json_t **ret_event, struct fl_err *reterr);
    } verbs[] = {{"output", make_output}, {"absent", make_absent},     {"progress", make_progress},
                 {"warn", make_warn},     {"degraded", make_degraded}, {"set", make_set}};
    int rc = request->lead && is_member(request->lead) ? 0 : check_lead(request->lead, reterr);

    if (rc == 0)
        rc = check_age(request->age, reterr);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < FL_COUNT(verbs); i++) {
        if (strcmp(request->words[0], verbs[i].verb) != 0)
            continue;
        rc = verbs[i].make(request, ret_event, reterr);
        if (rc == 0 && !*ret_event)
            rc = fl_err_set(reterr, FL_E_USAGE, 0, "the text is not UTF-8");
        return rc;
    }
    return fl_err_set(reterr, FL_E_USAGE, 0,
                      "'%s'; accepted: output, absent, progress, warn, degraded, set",
                      request->words[0]);
}

static int say(const json_t *event, struct fl_err *reterr)
{
    const char *socket = getenv("FAIRLEAD_SOCKET");
    char *text = fl_json_text(event);
    int rc = 0;

    if (!text)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    if (!socket || !*socket)
        (void)printf("fairlead-event: not inside an attempt (FAIRLEAD_SOCKET is not set); "
                     "would have said %s\n",
                     text);
    else if (strlen(text) > FL_LOCAL_DATAGRAM_MAX)
        rc = fl_err_set(reterr, FL_E_TOO_BIG, 0, "%zu bytes; the limit is %zu", strlen(text),
                        FL_LOCAL_DATAGRAM_MAX);
    else
        rc = fl_local_send(socket, text, strlen(text), reterr);
    free(text);
    return rc;
}

/* 0: go on; otherwise *ret_code is the exit code. */
static int options(int argc, char **argv, struct request *request, int *ret_code)
{
    static const struct option known[] = {
        {"lead", required_argument, NULL, 'l'}, {"cause", required_argument, NULL, 'c'},
        {"age", required_argument, NULL, 'a'},  {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},    {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) >= 0) {
        switch (option) {
        case 'l':
            request->lead = optarg;
            break;
        case 'c':
            request->cause = optarg;
            break;
        case 'a':
            request->age = optarg;
            break;
        case 'h':
            (void)fputs(usage, stdout);
            return 1;
        case 'V':
            (void)puts("fairlead-event " PACKAGE_VERSION);
            return 1;
        default:
            *ret_code = fl_err_exit_code(FL_E_USAGE);
            return 1;
        }
    }
    request->words = argv + optind;
    request->count = argc - optind;
    if (request->count > 0)
        return 0;
    (void)fputs(usage, stderr);
    *ret_code = fl_err_exit_code(FL_E_USAGE);
    return 1;
}

int main(int argc, char **argv)
{
    struct request request = {.lead = NULL};
    fl_json_auto json_t *event = NULL;
    struct fl_err err = {0};
    int code = 0;
    int rc;

    if (options(argc, argv, &request, &code))
        return code;
    rc = make_event(&request, &event, &err);
    if (rc == 0)
        rc = say(event, &err);
    if (rc < 0)
        (void)fprintf(stderr, "fairlead-event: %s\n", err.text);
    return fl_err_exit_code(rc);
}
