/* Pulling leads from a real HTTP server that is late, wrong, or broken. */
#include "config.h"

#include "data-fetch/pull/fetch.h"

#include <eccodes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "data-fetch/source/frame.h"
#include "engine/world/file.h"
#include "tests/lib/test.h"
#include "tests/unit/data-fetch/server.h"

#define SAMPLES "gfs-1p00-wind10m-michael2018/"
#define FOLDER "gfs.2018100900"
#define F003 FOLDER "/gfs.t00z.pgrb2.1p00.f003"
#define WIND ":(UGRD|VGRD):10 m above ground:"

/* An inventory of a file of two messages, U and V at 10 m. */
static void write_index(const char *path, const char *grib, const char *date, const char *forecast)
{
    struct fl_err err = {0};
    uint64_t length = 0;
    char text[300];
    size_t size = 0;
    char *data = test_file_read(grib, &size);

    assert_ok(fl_frame_length(data, size, &length, &err), err);
    free(data);
    (void)snprintf(text, sizeof(text),
                   "1:0:d=%s:UGRD:10 m above ground:%s:\n2:%llu:d=%s:VGRD:10 m above ground:%s:\n",
                   date, forecast, (unsigned long long)length, date, forecast);
    test_file_write(path, text, strlen(text));
}

/* Without the sample data: U and V at 10 m on a coarse grid, of the time that the name tells. */
static void synthesise(const char *name, const char *to)
{
    int parts[5] = {0};

    assert_int_equal(sscanf(name, "gfs.%4d%2d%2d.t%2dz.pgrb2.1p00.wind10m.f%3d", &parts[0],
                            &parts[1], &parts[2], &parts[3], &parts[4]),
                     5);
    (void)remove(to);
    for (long number = 2; number <= 3; number++) {
        codes_handle *handle = codes_grib_handle_new_from_samples(NULL, "regular_ll_sfc_grib2");
        const struct {
            const char *key;
            long value;
        } keys[] = {
            {"dataDate", parts[0] * 10000L + parts[1] * 100L + parts[2]},
            {"dataTime", parts[3] * 100L},
            {"indicatorOfUnitOfTimeRange", 1},
            {"forecastTime", parts[4]},
            {"discipline", 0},
            {"parameterCategory", 2},
            {"parameterNumber", number},
            {"typeOfFirstFixedSurface", 103},
            {"scaleFactorOfFirstFixedSurface", 0},
            {"scaledValueOfFirstFixedSurface", 10},
            {"bitsPerValue", 12},
        };
        size_t count = 0;
        double *values;

        assert_non_null(handle);
        for (size_t i = 0; i < FL_COUNT(keys); i++)
            assert_int_equal(codes_set_long(handle, keys[i].key, keys[i].value), CODES_SUCCESS);
        assert_int_equal(codes_get_size(handle, "values", &count), CODES_SUCCESS);
        values = calloc(count, sizeof(*values));
        assert_non_null(values);
        for (size_t i = 0; i < count; i++)
            values[i] = (double)(i % 37) * (double)number - 20.0;
        assert_int_equal(codes_set_double_array(handle, "values", values, count), CODES_SUCCESS);
        free(values);
        assert_int_equal(codes_write_message(handle, to, "a"), CODES_SUCCESS);
        assert_int_equal(codes_handle_delete(handle), CODES_SUCCESS);
    }
}

#define GOOD "gfs.20181009.t00z.pgrb2.1p00.wind10m.f003.grib2"
#define EXPECTED "expected.grib2" /* the bytes of GOOD */

/* The sample file of that name, real where there are samples. */
static void provide_sample(const char *name, const char *to)
{
    const char *root = getenv("FL_SAMPLE_DATA");
    struct fl_err err = {0};
    char from[4096];

    (void)snprintf(from, sizeof(from), "%s/" SAMPLES "%s", root ? root : "", name);
    if (root && *root && test_file_exists(from))
        assert_ok(fl_file_copy(fl_world_real(), from, to, &err), err);
    else
        synthesise(name, to);
}

/* mirror/F003 and its index, from a sample file that may be another one than it should. */
static void make_file(const char *mirror, const char *sample)
{
    struct fl_err err = {0};
    char path[300];
    char name[300];

    provide_sample(GOOD, EXPECTED);
    (void)snprintf(path, sizeof(path), "root/%s/" FOLDER, mirror);
    assert_ok(fl_dir_make(fl_world_real(), path, 0755, &err), err);
    (void)snprintf(path, sizeof(path), "root/%s/" F003, mirror);
    provide_sample(sample, path);
    (void)snprintf(name, sizeof(name), "%s.idx", path);
    write_index(name, path, "2018100900", "3 hour fcst");
}

/* What became of a fetch of f003. */
struct outcome {
    int rc;
    int ended;
    bool reused;
    char why[FL_ERR_TEXT_MAX];
    int refused;
    int retried;
    int waited;
};

static int ended(const struct fl_fetch_end *end, struct fl_err *reterr, void *arg)
{
    struct outcome *outcome = arg;

    (void)reterr;
    outcome->ended++;
    outcome->rc = end->rc;
    outcome->reused = end->reused;
    if (end->rc < 0)
        (void)snprintf(outcome->why, sizeof(outcome->why), "%s", end->why);
    return 0;
}

static void noted(const struct fl_fetch_want *want, const char *event, const char *text, void *arg)
{
    struct outcome *outcome = arg;

    (void)want;
    (void)text;
    outcome->refused += strcmp(event, "transfer.refused") == 0;
    outcome->retried += strcmp(event, "transfer.retry") == 0;
    outcome->waited += strcmp(event, "transfer.waiting") == 0;
}

/* Fetches f003 from the mirrors (folders below the server's root), giving up after a while. */
static struct outcome fetch_patiently(const char *base, const char *const *mirrors,
                                      bool html_is_not_yet, int64_t give_up_ns,
                                      const struct fl_http_limits *limits)
{
    static const char *const expressions[] = {WIND};
    struct fl_source *source = calloc(1, sizeof(*source));
    struct fl_ask *ask = NULL;
    const struct fl_ask_words words = {.selects = expressions, .select_count = 1};
    struct fl_fetch_want want = {
        .lead = {180}, .source_lead = {180}, .give_up_ns = give_up_ns, .name = "gfs.f003.grib2"};
    struct outcome outcome = {0};
    struct fl_fetch_options options = {.source = source,
                                       .folder = "got",
                                       .poll_ns = 1000000,
                                       .limits = *limits,
                                       .end = ended,
                                       .note = noted,
                                       .arg = &outcome};
    struct fl_err err = {0};

    assert_non_null(source);
    assert_ok(fl_source_find(fl_world_real(), NULL, "gfs.1p00", source, &err), err);
    source->html_is_not_yet = html_is_not_yet;
    source->grid[0] = '\0'; /* as for a mirror of one's own */
    source->mirror_count = 0;
    for (; *mirrors; mirrors++) {
        struct fl_source_mirror *mirror = &source->mirrors[source->mirror_count++];

        *mirror = (struct fl_source_mirror){.connections = 2};
        (void)snprintf(mirror->url, sizeof(mirror->url), "%s/%s", base, *mirrors);
        (void)snprintf(mirror->provider, sizeof(mirror->provider), "%s", *mirrors);
    }
    assert_ok(fl_cycle_parse("20181009T0000Z", &want.cycle, &err), err);
    want.valid = fl_cycle_add(want.cycle, want.lead);
    assert_ok(fl_ask_create(source, &words, &ask, &err), err);
    options.ask = ask;
    assert_ok(fl_dir_make(fl_world_real(), "got", 0755, &err), err);
    assert_ok(fl_fetch_run(fl_world_real(), &options, &want, 1, &err), err);
    assert_int_equal(outcome.ended, 1);
    fl_ask_destroy(ask);
    free(source);
    return outcome;
}

static struct outcome fetch(const char *base, const char *const *mirrors, bool html_is_not_yet,
                            int64_t give_up_ns)
{
    return fetch_patiently(base, mirrors, html_is_not_yet, give_up_ns, &FL_HTTP_LIMITS_DEFAULT);
}

#define LONG_NS INT64_C(60000000000)

static void origin_start(struct server *origin, const char *rules)
{
    static const char *const argv[] = {"tests/tools/origin", "--root",      "root", "--rules",
                                       "rules.cfg",          "--until-eof", NULL};
    char text[600];

    (void)snprintf(text, sizeof(text), "rules = ( %s );\n", rules);
    test_file_write("rules.cfg", text, strlen(text));
    server_start(origin, argv);
}

static void got_the_sample(void)
{
    size_t size = 0;
    size_t wanted_size = 0;
    char *data = test_file_read("got/gfs.f003.grib2", &size);
    char *wanted = test_file_read(EXPECTED, &wanted_size);

    assert_int_equal(size, wanted_size);
    assert_memory_equal(data, wanted, size);
    free(data);
    free(wanted);
}

/* Offset of the file's last byte. */
static size_t last_byte(void)
{
    size_t size = 0;

    free(test_file_read(EXPECTED, &size));
    return size - 1;
}

static const char *const only_a[] = {"a", NULL};
static const char *const a_then_b[] = {"a", "b", NULL};

/* The ordinary day; and a second start of the same stage fetches nothing. */
static void a_lead_comes_whole_and_is_known_again(void **state)
{
    struct server origin;
    struct outcome outcome;

    (void)state;
    make_file("a", GOOD);
    origin_start(&origin, "");
    outcome = fetch(origin.url, only_a, false, 0);
    assert_int_equal(outcome.rc, 0);
    assert_false(outcome.reused);
    got_the_sample();
    assert_true(test_folder_is_empty("got/.incoming"));
    server_stop(&origin);
    outcome = fetch("http://127.0.0.1:1", only_a, false, 0);
    assert_int_equal(outcome.rc, 0);
    assert_true(outcome.reused);
    test_file_write("got/gfs.f003.grib2", "damaged", 7);
    outcome = fetch("http://127.0.0.1:1", only_a, false, 0);
    assert_true(outcome.rc < 0);
}

/* Files appear one by one over an hour: "not there" means "look again". */
static void a_late_file_is_waited_for(void **state)
{
    struct server origin;
    struct outcome outcome;

    (void)state;
    make_file("a", GOOD);
    origin_start(&origin, "{ path = \"a/*.idx\"; times = 3; never = true; },"
                          "{ path = \"a/*.f003\"; times = 1; never = true; }");
    outcome = fetch(origin.url, only_a, false, LONG_NS);
    server_stop(&origin);
    assert_int_equal(outcome.rc, 0);
    assert_int_equal(outcome.refused, 0);
    got_the_sample();
}

/* What never comes is given up, and said to be missing rather than broken. */
static void a_file_that_never_comes_is_given_up(void **state)
{
    struct server origin;
    struct outcome outcome;

    (void)state;
    make_file("a", GOOD);
    origin_start(&origin, "{ path = \"a/*\"; never = true; }");
    outcome = fetch(origin.url, only_a, false, 0);
    server_stop(&origin);
    assert_int_equal(outcome.rc, FL_E_NOT_YET);
    assert_non_null(strstr(outcome.why, "404"));
    assert_false(test_file_exists("got/gfs.f003.grib2"));
}

/* The real answer of 2018-10-10 18Z: an error page with status 200. It once became "data". */
static void an_error_page_with_status_200_is_never_data(void **state)
{
    static const char page[] =
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\"><html><head><title>data file is "
        "not present; /common/data/model/com/gfs/prod/gfs.2018101018/gfs.t18z.pgrb2.1p00.f000"
        "</title></head><body bgcolor=\"#ffffff\"><p align=center>Data file is not present"
        "</p></body></html>\n";
    struct server origin;
    struct outcome outcome;

    (void)state;
    make_file("a", GOOD);
    test_file_write("page.html", page, strlen(page));
    origin_start(&origin, "{ path = \"a/*\"; never = true; status = 200; page = \"page.html\"; }");
    outcome = fetch(origin.url, only_a, true, 0);
    assert_int_equal(outcome.rc, FL_E_NOT_YET);
    assert_int_equal(outcome.refused, 0);
    outcome = fetch(origin.url, only_a, false, 0);
    server_stop(&origin);
    assert_int_equal(outcome.rc, FL_E_DATA);
    assert_non_null(strstr(outcome.why, "HTML"));
    assert_true(test_file_exists("got/.refused/gfs.f003.grib2.1"));
    assert_false(test_file_exists("got/gfs.f003.grib2"));
}

/* Whatever a mirror does wrong, the bytes are refused and the next mirror has its turn. */
static void bad_bytes_send_the_lead_to_the_next_mirror(void **state)
{
    static const char *const wrongs[] = {
        "no_ranges = true;", "wrong_range = true;",   "last byte",
        "corrupt_byte = 0;", "truncate_bytes = 900;", "status = 403; never = true;",
    };

    (void)state;
    make_file("a", GOOD);
    make_file("b", GOOD);
    for (size_t i = 0; i < FL_COUNT(wrongs); i++) {
        struct server origin;
        struct outcome outcome;
        struct fl_err err = {0};
        char wrong[100];
        char rules[200];

        (void)snprintf(wrong, sizeof(wrong), "corrupt_byte = %zu;", last_byte());
        (void)snprintf(rules, sizeof(rules), "{ path = \"a/*.f003\"; %s }",
                       strcmp(wrongs[i], "last byte") == 0 ? wrong : wrongs[i]);
        origin_start(&origin, rules);
        outcome = fetch(origin.url, only_a, false, 0);
        if (outcome.rc == 0)
            fail_msg("'%s' was taken for good", wrongs[i]);
        if (strstr(wrongs[i], "truncate"))
            assert_non_null(strstr(outcome.why, "the file has 900 bytes"));
        assert_false(test_file_exists("got/gfs.f003.grib2"));
        outcome = fetch(origin.url, a_then_b, false, 0);
        server_stop(&origin);
        if (outcome.rc != 0)
            fail_msg("'%s': %s", wrongs[i], outcome.why);
        got_the_sample();
        assert_ok(fl_dir_remove(fl_world_real(), "got", &err), err);
    }
}

/* Yesterday's file under today's name, with and without an index that hides it. */
static void the_file_of_another_time_is_refused(void **state)
{
    static const struct {
        const char *sample;
        const char *says;
    } others[] = {
        {"gfs.20181009.t00z.pgrb2.1p00.wind10m.f000.grib2", "valid at 20181009T0000Z"},
        {"gfs.20181008.t18z.pgrb2.1p00.wind10m.f003.grib2", "of cycle 20181008T1800Z"},
    };
    struct server origin;
    struct outcome outcome;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(others); i++) {
        make_file("a", others[i].sample);
        origin_start(&origin, "");
        outcome = fetch(origin.url, only_a, false, 0);
        server_stop(&origin);
        assert_int_equal(outcome.rc, FL_E_MISMATCH);
        assert_non_null(strstr(outcome.why, others[i].says));
        assert_false(test_file_exists("got/gfs.f003.grib2"));
    }
    write_index("root/a/" F003 ".idx", "root/a/" F003, "2018100818", "3 hour fcst");
    origin_start(&origin, "");
    outcome = fetch(origin.url, only_a, false, 0);
    server_stop(&origin);
    assert_int_equal(outcome.rc, FL_E_MISMATCH);
    assert_non_null(strstr(outcome.why, "the index is of cycle 20181008T1800Z"));
}

/* A server that stumbles is asked again, not given up. */
static void a_stumbling_server_is_asked_again(void **state)
{
    static const char *const stumbles[] = {
        "status = 503; never = true; retry_after_s = 0; times = 2;",
        "reset_after_bytes = 1000; times = 1;",
        "close_after_bytes = 1000; times = 1;",
    };

    (void)state;
    make_file("a", GOOD);
    for (size_t i = 0; i < FL_COUNT(stumbles); i++) {
        struct server origin;
        struct outcome outcome;
        struct fl_err err = {0};
        char rules[200];

        (void)snprintf(rules, sizeof(rules), "{ path = \"a/*.f003\"; %s }", stumbles[i]);
        origin_start(&origin, rules);
        outcome = fetch(origin.url, only_a, false, 0);
        server_stop(&origin);
        if (outcome.rc != 0)
            fail_msg("'%s': %s", stumbles[i], outcome.why);
        assert_true(outcome.retried >= 1);
        got_the_sample();
        assert_ok(fl_dir_remove(fl_world_real(), "got", &err), err);
    }
}

#define WAVE "gfswave-atlocn/gfswave.20230823.t18z.atlocn.0p16.f001.grib2"
#define WAVE_PATH "gfs.20230823/18/wave/gridded/gfswave.t18z.atlocn.0p16.f001.grib2"

/* The centre writes a file again while we read it: never half of the one and half of the other. */
static void a_file_replaced_meanwhile_is_read_anew(void **state)
{
    const char *argv[] = {"data-fetch/fairlead-transfer",
                          "get",
                          "--source",
                          "wave.cfg",
                          "--mirror",
                          NULL,
                          "--cycle",
                          "20230823T1800Z",
                          "--leads",
                          "+001",
                          "--select",
                          ":WIND:surface:",
                          "--select",
                          ":DIRPW:",
                          "--name",
                          "wave.grib2",
                          "--to",
                          "got",
                          "--poll",
                          "PT1S",
                          "--give-up",
                          "PT0S",
                          NULL};
    static const char config[] =
        "source: { name = \"wave\"; cycles = { every = \"PT6H\"; }; leads = [\"+000/+120/1\"];\n"
        " paths = ( { path = \"" WAVE_PATH "\"; } ); index = \".idx\"; merge_gap = 0;\n"
        " mirrors = ( { url = \"http://127.0.0.1:1\"; } );\n"
        " wait = { first = \"PT0S\"; poll = \"PT1S\"; give_up = \"PT1H\"; }; };\n";
    struct server origin;
    struct fl_err err = {0};
    char path[4096];
    size_t size = 0;
    char *data;
    char *wanted;

    (void)state;
    assert_ok(fl_dir_make(fl_world_real(), "root/gfs.20230823/18/wave/gridded", 0755, &err), err);
    assert_ok(fl_file_copy(fl_world_real(), test_sample(WAVE, path, sizeof(path)),
                           "root/" WAVE_PATH, &err),
              err);
    assert_ok(fl_file_copy(fl_world_real(), path, "again.grib2", &err), err);
    assert_ok(fl_file_copy(fl_world_real(), test_sample(WAVE ".idx", path, sizeof(path)),
                           "root/" WAVE_PATH ".idx", &err),
              err);
    test_file_write("wave.cfg", config, strlen(config));
    origin_start(&origin, "{ path = \"*.grib2\"; replace = \"again.grib2\"; replace_after = 1; }");
    argv[5] = origin.url;
    assert_int_equal(command_run(argv, NULL), 0);
    server_stop(&origin);
    data = test_file_read("got/wave.grib2", &size);
    wanted = test_file_read(test_sample(WAVE, path, sizeof(path)), NULL);
    assert_int_equal(size, 41723 + 301077 - 247367);
    assert_memory_equal(data, wanted, 41723);
    assert_memory_equal(data + 41723, wanted + 247367, 301077 - 247367);
    free(data);
    free(wanted);
}

/* A peer that falls silent holds a lead for some time, not for ever. */
static void a_silent_server_is_left(void **state)
{
    const struct fl_http_limits impatient = {.connect_s = 10, .stall_s = 1, .stall_bytes = 1000000};
    struct server origin;
    struct outcome outcome;

    (void)state;
    make_file("a", GOOD);
    origin_start(&origin, "{ path = \"a/*.f003\"; stall_after_bytes = 1000; times = 1; }");
    outcome = fetch_patiently(origin.url, only_a, false, 0, &impatient);
    server_stop(&origin);
    assert_int_equal(outcome.rc, 0);
    assert_true(outcome.retried >= 1);
    got_the_sample();
}

/* Whole files have no index to be held against: their first bytes, size and digest are. */
static void a_whole_file_must_fit_its_name_and_digest(void **state)
{
    struct server origin;
    char data[200];
    char page[200];
    const char *const good[] = {
        "data-fetch/fairlead-transfer", "get", data, "--to", "got/x.grib2", NULL};
    const char *const html[] = {
        "data-fetch/fairlead-transfer", "get", page, "--to", "got/y.csv", NULL};
    const char *const sized[] = {
        "data-fetch/fairlead-transfer", "get", data, "--to", "got/z.grib2", "--size", "5", NULL};

    (void)state;
    make_file("a", GOOD);
    test_file_write("root/page", "\n<!DOCTYPE html><p>not present", 30);
    origin_start(&origin, "");
    (void)snprintf(data, sizeof(data), "%s/a/" F003, origin.url);
    (void)snprintf(page, sizeof(page), "%s/page", origin.url);
    assert_int_equal(command_run(good, NULL), 0);
    assert_int_equal(command_run(html, NULL), 65);
    assert_int_equal(command_run(sized, NULL), 65);
    server_stop(&origin);
    assert_true(test_file_exists("got/x.grib2"));
    assert_false(test_file_exists("got/y.csv"));
    assert_false(test_file_exists("got/z.grib2"));
    assert_true(test_folder_is_empty("got/.incoming"));
}

/* The next datagram of a stage's event socket. */
static void next_event(int fd, char *text, size_t size)
{
    ssize_t got = recv(fd, text, size - 1, 0);

    assert_true(got > 0);
    text[got] = '\0';
}

/* What the engine hears: an output for what came, an absence with its cause for what did not. */
static void a_stage_says_what_came_and_what_will_not(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "events"};
    struct timeval limit = {.tv_sec = 60};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct server origin;
    struct fl_err err = {0};
    const char *argv[] = {"data-fetch/fairlead-transfer",
                          "get",
                          "--source",
                          "gfs.1p00",
                          "--mirror",
                          NULL,
                          "--leads",
                          "+003/+006/3",
                          "--series",
                          "every=PT6H,leads=+000/+003/3",
                          "--select",
                          WIND,
                          "--name",
                          "gfs.{lead}.grib2",
                          "--output",
                          "step",
                          "--to",
                          "out/../out", /* the stage's own folder, by another name */
                          "--poll",
                          "PT1S",
                          "--give-up",
                          "PT0S",
                          "--on-missing",
                          "absent",
                          "--missing-cause",
                          "unfit for the peak",
                          NULL};
    const char *const settings[] = {"FAIRLEAD_SOCKET=events", "FAIRLEAD_OUTPUT_DIR=out",
                                    "FAIRLEAD_CYCLE=20181009T0000Z", NULL};
    char text[4096];
    bool came = false;
    bool absent = false;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    assert_ok(fl_dir_make(fl_world_real(), "out", 0755, &err), err);
    make_file("a", GOOD);
    origin_start(&origin, "");
    (void)snprintf(text, sizeof(text), "%s/a", origin.url);
    argv[5] = strdup(text);
    assert_int_equal(command_run(argv, settings), 0);
    while (!came || !absent) {
        next_event(fd, text, sizeof(text));
        came = came || (strstr(text, "\"type\":\"output\"") && strstr(text, "\"lead\":\"+003\"") &&
                        strstr(text, "\"file\":\"gfs.f003.grib2\""));
        absent =
            absent || (strstr(text, "\"type\":\"absent\"") && strstr(text, "\"lead\":\"+006\"") &&
                       strstr(text, "gfs.1p00 cycle 20181009T0600Z f000 not present at the source; "
                                    "unfit for the peak"));
    }
    server_stop(&origin);
    free((char *)argv[5]);
    (void)close(fd);
}

/* The command itself: exit codes that tell the engine whether to try again. */
static void the_exit_code_tells_missing_from_bad(void **state)
{
    struct server origin;
    char mirror[200];
    const char *const argv[] = {"data-fetch/fairlead-transfer",
                                "get",
                                "--source",
                                "gfs.1p00",
                                "--mirror",
                                mirror,
                                "--cycle",
                                "20181009T0000Z",
                                "--leads",
                                "+003",
                                "--select",
                                WIND,
                                "--name",
                                "gfs.{lead}.grib2",
                                "--to",
                                "got",
                                "--poll",
                                "PT1S",
                                "--give-up",
                                "PT0S",
                                "--on-missing",
                                "fail",
                                NULL};
    const char *const bad[] = {"data-fetch/fairlead-transfer", "get", "--sourse", "x", NULL};

    (void)state;
    make_file("a", GOOD);
    origin_start(&origin, "{ path = \"a/*.idx\"; never = true; times = 1; },"
                          "{ path = \"a/*.f003\"; corrupt_byte = 1; times = 1; }");
    (void)snprintf(mirror, sizeof(mirror), "%s/a/", origin.url);
    assert_int_equal(command_run(argv, NULL), 75);
    assert_int_equal(command_run(argv, NULL), 65);
    assert_int_equal(command_run(argv, NULL), 0);
    assert_int_equal(command_run(bad, NULL), 78);
    server_stop(&origin);
    got_the_sample();
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_folder_enter, test_folder_leave)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_lead_comes_whole_and_is_known_again),
        IN_FOLDER(a_late_file_is_waited_for),
        IN_FOLDER(a_file_that_never_comes_is_given_up),
        IN_FOLDER(an_error_page_with_status_200_is_never_data),
        IN_FOLDER(bad_bytes_send_the_lead_to_the_next_mirror),
        IN_FOLDER(the_file_of_another_time_is_refused),
        IN_FOLDER(a_stumbling_server_is_asked_again),
        IN_FOLDER(the_exit_code_tells_missing_from_bad),
        IN_FOLDER(a_file_replaced_meanwhile_is_read_anew),
        IN_FOLDER(a_silent_server_is_left),
        IN_FOLDER(a_whole_file_must_fit_its_name_and_digest),
        IN_FOLDER(a_stage_says_what_came_and_what_will_not),
    };

    return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
