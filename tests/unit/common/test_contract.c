/* The stage contract over a real datagram socket and real files. */
#include "config.h"

#include "stages/common/contract.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "tests/lib/test.h"

#define GOOD_DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int enter_clean(void **state)
{
    static const char *const names[] = {"FAIRLEAD_RUN",      "FAIRLEAD_WORKFLOW",
                                        "FAIRLEAD_STAGE",    "FAIRLEAD_CYCLE",
                                        "FAIRLEAD_LEAD",     "FAIRLEAD_ATTEMPT",
                                        "FAIRLEAD_SOCKET",   "FAIRLEAD_OUTPUT_DIR",
                                        "FAIRLEAD_PRODUCTS", "DATA"};

    for (size_t i = 0; i < FL_COUNT(names); i++)
        (void)unsetenv(names[i]);
    return test_folder_enter(state);
}

/* A listening socket at path, and FAIRLEAD_SOCKET. */
static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    assert_true(fd >= 0);
    assert_true((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path) <
                sizeof(address.sun_path));
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(setenv("FAIRLEAD_SOCKET", path, 1), 0);
    return fd;
}

static json_t *next_event(int fd)
{
    static char text[FL_CONTRACT_EVENT_MAX + 1];
    struct fl_err err = {0};
    json_t *event = NULL;
    ssize_t got = recv(fd, text, sizeof(text), MSG_DONTWAIT);

    assert_true(got > 0);
    assert_ok(fl_json_parse(text, (size_t)got, &event, &err), err);
    return event;
}

static void assert_event(int fd, const char *want)
{
    json_t *event = next_event(fd);
    char *text = fl_json_text(event);

    assert_string_equal(text, want);
    free(text);
    json_decref(event);
}

static struct fl_contract *open_contract(void)
{
    struct fl_contract *contract = NULL;
    struct fl_err err = {0};

    assert_ok(fl_contract_open(&contract, &err), err);
    return contract;
}

/* A stage program must be usable from a shell with no engine about. */
static void without_environment_nothing_is_said_and_all_is_well(void **state)
{
    struct fl_contract *contract = open_contract();
    const struct fl_input *inputs = NULL;
    const struct fl_degraded *marks = NULL;
    struct fl_err err = {0};
    char path[64];

    (void)state;
    assert_false(fl_contract_is_connected(contract));
    assert_ok(fl_contract_output(contract, "grid", NULL, "never-made.nc", &err), err);
    assert_ok(fl_contract_warn(contract, "x", &err), err);
    assert_int_equal(fl_contract_inputs(contract, &inputs), 0);
    assert_int_equal(fl_contract_degraded_of_inputs(contract, &marks), 0);
    assert_null(fl_contract_env(contract)->run);
    assert_ok(fl_contract_place(contract, "../grid.nc", path, sizeof(path), &err), err);
    assert_string_equal(path, "../grid.nc");
    fl_contract_close(contract);
}

/* The supervisor accepts an output by exactly these members. */
static void events_have_the_agreed_form(void **state)
{
    const struct fl_degraded mark = {"cycle 18Z missing", "PT9H"};
    const struct fl_lead lead = {3 * 60};
    struct fl_contract *contract;
    struct fl_err err = {0};
    char path[PATH_MAX];
    char full[PATH_MAX];
    int fd = listen_at("sock");

    (void)state;
    assert_non_null(getcwd(path, sizeof(path)));
    assert_int_equal(setenv("FAIRLEAD_OUTPUT_DIR", path, 1), 0);
    test_file_write("a.nc", "x", 1);
    contract = open_contract();
    assert_ok(fl_contract_output(contract, "forcing", &lead, "a.nc", &err), err);
    assert_event(
        fd, "{\"file\":\"a.nc\",\"lead\":\"+003\",\"output\":\"forcing\",\"type\":\"output\"}");
    assert_ok(fl_contract_place(contract, "a.nc", full, sizeof(full), &err), err);
    assert_ok(fl_contract_output_marked(contract, "grid", NULL, full, &mark, 1, &err), err);
    assert_event(fd, "{\"degraded\":[{\"age\":\"PT9H\",\"cause\":\"cycle 18Z missing\"}],"
                     "\"file\":\"a.nc\",\"output\":\"grid\",\"type\":\"output\"}");
    assert_ok(fl_contract_absent(contract, "step", &lead, "gone", NULL, &err), err);
    assert_event(fd,
                 "{\"cause\":\"gone\",\"lead\":\"+003\",\"output\":\"step\",\"type\":\"absent\"}");
    assert_ok(fl_contract_progress(contract, lead, &err), err);
    assert_event(fd, "{\"lead\":\"+003\",\"type\":\"progress\"}");
    assert_ok(fl_contract_progress_fraction(contract, 0.5, &err), err);
    assert_event(fd, "{\"fraction\":0.5,\"type\":\"progress\"}");
    assert_ok(fl_contract_warn(contract, "look", &err), err);
    assert_event(fd, "{\"text\":\"look\",\"type\":\"warn\"}");
    assert_ok(fl_contract_degraded(contract, "old", "PT6H", &err), err);
    assert_event(fd, "{\"age\":\"PT6H\",\"cause\":\"old\",\"type\":\"degraded\"}");
    fl_contract_close(contract);
    (void)close(fd);
}

/* An output that is not there, or lies elsewhere, must not be announced: the engine would look for
 * it in vain, or serve what it should not. */
static void outputs_outside_or_missing_are_refused(void **state)
{
    struct fl_contract *contract;
    struct fl_err err = {0};
    int fd = listen_at("sock");

    (void)state;
    assert_int_equal(mkdir("out", 0777), 0);
    assert_int_equal(setenv("FAIRLEAD_OUTPUT_DIR", "out", 1), 0);
    test_file_write("outside.nc", "x", 1);
    contract = open_contract();
    assert_fails_with(fl_contract_output(contract, "grid", NULL, "grid.nc", &err), FL_E_NOENT, err,
                      "out/grid.nc");
    assert_fails_with(fl_contract_output(contract, "grid", NULL, "../outside.nc", &err), FL_E_PERM,
                      err, "FAIRLEAD_OUTPUT_DIR");
    assert_fails_with(fl_contract_output(contract, "grid", NULL, "/etc/hostname", &err), FL_E_PERM,
                      err, "FAIRLEAD_OUTPUT_DIR");
    fl_contract_close(contract);
    (void)close(fd);
}

/* A supervisor that is behind must not stop the model for good, and progress is cheap to lose. */
static void progress_never_waits_for_a_reader_that_is_behind(void **state)
{
    const struct fl_lead lead = {60};
    struct fl_contract *contract;
    struct fl_err err = {0};
    int fd = listen_at("sock");

    (void)state;
    contract = open_contract();
    for (int i = 0; i < 5000; i++)
        assert_ok(fl_contract_progress(contract, lead, &err), err);
    (void)close(fd);
    assert_fails_with(fl_contract_warn(contract, "x", &err), FL_E_NET, err, "socket is gone");
    fl_contract_close(contract);
}

/* A socket path in a deep attempt folder is longer than an address can hold. */
static void deep_socket_paths_are_reached(void **state)
{
    char path[PATH_MAX] = "";
    char deep[120];
    struct fl_contract *contract;
    struct fl_err err = {0};
    int fd;

    (void)state;
    memset(deep, 'd', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = 0;
    assert_int_equal(mkdir(deep, 0777), 0);
    assert_int_equal(chdir(deep), 0);
    fd = listen_at("sock");
    assert_int_equal(chdir(".."), 0);
    (void)snprintf(path, sizeof(path), "%s/sock", deep);
    assert_int_equal(setenv("FAIRLEAD_SOCKET", path, 1), 0);
    contract = open_contract();
    assert_ok(fl_contract_warn(contract, "hello", &err), err);
    assert_event(fd, "{\"text\":\"hello\",\"type\":\"warn\"}");
    fl_contract_close(contract);
    (void)close(fd);
}

/* Said to nobody, an event would be lost in silence. */
static void a_socket_that_is_not_there_is_an_error(void **state)
{
    struct fl_contract *contract = NULL;
    struct fl_err err = {0};

    (void)state;
    assert_int_equal(setenv("FAIRLEAD_SOCKET", "nowhere", 1), 0);
    assert_fails_with(fl_contract_open(&contract, &err), FL_E_NET, err, "'nowhere'");
    assert_null(contract);
}

/* What the engine writes is what the stage sees, marks included. */
static void inputs_are_read_with_their_marks(void **state)
{
    static const char text[] =
        "{\"version\":1,\"run\":\"w/20181009T0000Z\",\"inputs\":["
        "{\"input\":\"grib\",\"stage\":\"forcing\",\"output\":\"step\",\"lead\":\"+003\","
        "\"cycle\":\"20181009T0000Z\",\"file\":\"gfs.f003.grib2\",\"site\":\"hpc\","
        "\"path\":\"work/x/out/gfs.f003.grib2\",\"size\":12,\"sha256\":\"" GOOD_DIGEST "\","
        "\"valid_time\":\"20181009T0300Z\","
        "\"degraded\":[{\"cause\":\"b\",\"age\":\"PT9H\"},{\"cause\":\"a\"}]},"
        "{\"input\":\"grid\",\"file\":\"grid.nc\",\"newer\":true,"
        "\"degraded\":[{\"cause\":\"b\",\"age\":\"PT9H\"}]}]}";
    const struct fl_input *inputs = NULL;
    const struct fl_degraded *marks = NULL;
    struct fl_contract *contract;

    (void)state;
    test_file_write("inputs.json", text, strlen(text));
    contract = open_contract();
    assert_int_equal(fl_contract_inputs(contract, &inputs), 2);
    assert_string_equal(inputs[0].stage, "forcing");
    assert_int_equal(inputs[0].lead.minutes, 180);
    assert_true(inputs[0].has_size && inputs[0].size == 12);
    assert_int_equal(inputs[0].valid_time.s - inputs[0].cycle.s, 3 * 3600);
    assert_int_equal(inputs[0].degraded_count, 2);
    assert_string_equal(inputs[1].degraded[0].age, "PT9H");
    assert_false(inputs[1].has_lead);
    assert_null(inputs[1].url);
    assert_int_equal(fl_contract_degraded_of_inputs(contract, &marks), 2);
    assert_string_equal(marks[0].cause, "a");
    assert_null(marks[0].age);
    assert_string_equal(marks[1].cause, "b");
    assert_ptr_equal(fl_contract_input_of_file(contract, "./grid.nc"), &inputs[1]);
    assert_null(fl_contract_input_of_file(contract, "other.nc"));
    fl_contract_close(contract);
}

/* A damaged inputs.json must stop the stage at once, naming the place. */
static void bad_inputs_are_refused_by_name(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } cases[] = {
        {"{", "inputs.json"},
        {"{\"version\":2,\"inputs\":[]}", "version 2"},
        {"{\"version\":1}", "'inputs' is missing"},
        {"{\"version\":1,\"inputs\":[{\"input\":\"a\"}]}", "inputs[0]: member 'file'"},
        {"{\"version\":1,\"inputs\":[{\"input\":\"a\",\"file\":\"../a\"}]}", "leaves"},
        {"{\"version\":1,\"inputs\":[{\"input\":\"a\",\"file\":\"a\",\"sha256\":\"12\"}]}", "64"},
        {"{\"version\":1,\"inputs\":[{\"input\":\"a\",\"file\":\"a\",\"lead\":\"soon\"}]}", "soon"},
        {"{\"version\":1,\"inputs\":[{\"input\":\"a\",\"file\":\"a\",\"degraded\":[{}]}]}",
         "degraded[0]: member 'cause'"},
        {"{\"version\":1,\"inputs\":[3]}", "inputs[0]"},
    };

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        struct fl_contract *contract = NULL;
        struct fl_err err = {0};

        test_file_write("inputs.json", cases[i].text, strlen(cases[i].text));
        assert_fails_with(fl_contract_open(&contract, &err), FL_E_PARSE, err, cases[i].words);
        assert_null(contract);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, enter_clean, test_folder_leave)
        T(without_environment_nothing_is_said_and_all_is_well),
        T(events_have_the_agreed_form),
        T(outputs_outside_or_missing_are_refused),
        T(progress_never_waits_for_a_reader_that_is_behind),
        T(deep_socket_paths_are_reached),
        T(a_socket_that_is_not_there_is_an_error),
        T(inputs_are_read_with_their_marks),
        T(bad_inputs_are_refused_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
