/* From model output to files: what is written, marked, and refused. */
#include "config.h"

#include <cairo/cairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "stages/common/contract.h"
#include "stages/common/nc.h"
#include "stages/post/input.h"
#include "stages/post/job.h"
#include "engine/world/world.h"
#include "tests/golden/surge_fields.h"
#include "tests/lib/test.h"

#define STEP 0.25 /* degrees: coarse, so that tests are quick */

static const char settings[] =
    "kind = \"hindcast\"; event = \"Michael\"; note = \"hindcast; no tide, no waves\";\n";

static struct fl_cycle cycle_of(const char *text)
{
    struct fl_cycle cycle = {0};
    struct fl_err err = {0};

    assert_ok(fl_cycle_parse(text, &cycle, &err), err);
    return cycle;
}

static int enter(void **state)
{
    struct fl_err err = {0};
    struct fl_lead lead = {42 * 60};

    if (test_folder_enter(state) != 0)
        return -1;
    test_file_write("post.cfg", settings, sizeof(settings) - 1);
    if (golden_hour("surge.nc", cycle_of("20181009T0000Z"), lead, STEP, NULL, &err) < 0 ||
        golden_hour("marked.nc", cycle_of("20181009T0000Z"), lead, STEP, "late wind", &err) < 0 ||
        golden_maximum("max.nc", cycle_of("20181009T0000Z"), STEP, NULL, &err) < 0 ||
        golden_stations("stations.nc", cycle_of("20181009T0000Z"), "late wind", &err) < 0)
        return -1;
    return 0;
}

static int leave(void **state)
{
    (void)unsetenv("FAIRLEAD_CYCLE");
    (void)unsetenv("FAIRLEAD_LEAD");
    (void)unsetenv("FAIRLEAD_SOCKET");
    (void)unsetenv("FAIRLEAD_OUTPUT_DIR");
    return test_folder_leave(state);
}

static int run_map(const char *field, const char *map, const char *product, struct fl_err *reterr)
{
    fl_auto(fl_contract_close) struct fl_contract *contract = NULL;
    struct fl_job_map job = {"post.cfg", field, map, product};
    int rc = fl_contract_open(&contract, reterr);

    return rc < 0 ? rc : fl_job_map(fl_world_real(), contract, &job, reterr);
}

static int run_summary(const char *folder, struct fl_err *reterr)
{
    fl_auto(fl_contract_close) struct fl_contract *contract = NULL;
    struct fl_job_summary job = {"post.cfg", "max.nc", "stations.nc", folder};
    int rc = fl_contract_open(&contract, reterr);

    return rc < 0 ? rc : fl_job_summary(fl_world_real(), contract, &job, reterr);
}

static void assert_same_bytes(const char *a, const char *b)
{
    size_t size_a;
    size_t size_b;
    char *data_a = test_file_read(a, &size_a);
    char *data_b = test_file_read(b, &size_b);

    assert_int_equal(size_a, size_b);
    assert_memory_equal(data_a, data_b, size_a);
    free(data_a);
    free(data_b);
}

/* Products are compared and reused by content: the same input must give the same bytes. */
static void same_input_same_bytes(void **state)
{
    struct fl_err err = {0};

    (void)state;
    assert_ok(run_map("surge.nc", "a.png", "a.nc", &err), err);
    assert_ok(run_map("surge.nc", "b.png", "b.nc", &err), err);
    assert_same_bytes("a.png", "b.png");
    assert_same_bytes("a.nc", "b.nc");
}

/* Pixel of a picture, 0xRRGGBB. */
static uint32_t pixel(const char *path, int x, int y)
{
    cairo_surface_t *surface = cairo_image_surface_create_from_png(path);
    uint32_t value;

    assert_int_equal(cairo_surface_status(surface), CAIRO_STATUS_SUCCESS);
    assert_true(x < cairo_image_surface_get_width(surface));
    memcpy(&value,
           cairo_image_surface_get_data(surface) +
               (ptrdiff_t)y * cairo_image_surface_get_stride(surface) + 4 * (ptrdiff_t)x,
           4);
    cairo_surface_destroy(surface);
    return value & 0xffffff;
}

static bool is_banner_red(uint32_t value)
{
    return (value >> 16) > 150 && (value >> 8 & 255) < 60 && (value & 255) < 60;
}

/* A picture made from a substitute must not look like any other. */
static void degraded_inputs_give_a_banner(void **state)
{
    struct fl_err err = {0};

    (void)state;
    assert_ok(run_map("surge.nc", "clean.png", NULL, &err), err);
    assert_ok(run_map("marked.nc", "marked.png", NULL, &err), err);
    assert_true(is_banner_red(pixel("marked.png", 8, 95)));
    assert_false(is_banner_red(pixel("clean.png", 8, 95)));
    assert_ok(run_summary("out", &err), err);
    assert_true(is_banner_red(pixel("out/stations.png", 8, 95)));
    assert_true(is_banner_red(pixel("out/max.png", 8, 95)));
}

static void assert_attribute_has(const char *path, const char *name, const char *words)
{
    fl_auto(fl_nc_destroy) struct fl_nc *nc = NULL;
    fl_auto(fl_buf_release) struct fl_buf text;
    struct fl_err err = {0};

    fl_buf_init(&text, 0);
    assert_ok(fl_nc_open(path, &nc, &err), err);
    assert_ok(fl_nc_att(nc, FL_NC_GLOBAL, name, &text, &err), err);
    if (!strstr(text.data, words))
        fail_msg("%s: %s is '%s'; expected '%s' in it", path, name, text.data, words);
}

/* The mark and the sources go on into the product. */
static void product_carries_its_provenance(void **state)
{
    struct fl_hour hour;
    struct fl_err err = {0};
    size_t index;

    (void)state;
    assert_ok(run_map("marked.nc", NULL, "product.nc", &err), err);
    assert_attribute_has("product.nc", "Conventions", "CF-1.8");
    assert_attribute_has("product.nc", "fairlead_degraded", "late wind [age PT9H]");
    assert_attribute_has("product.nc", "fairlead_sources", "analytic sha256:");
    assert_attribute_has("product.nc", "fairlead_inputs", "marked.nc sha256:");
    assert_attribute_has("product.nc", "comment", "no tide, no waves");
    assert_ok(fl_hour_read("product.nc", NULL, &hour, &err), err);
    assert_int_equal(hour.valid.s - hour.cycle.s, 42 * 3600);
    assert_true(fl_raster_peak(&hour.zeta, &index));
    assert_true(hour.zeta.value[index] > 1.0f);
    fl_hour_release(&hour);
}

/* The summary's five files, whole, and the peak where the field has it. */
static void summary_writes_all_files(void **state)
{
    static const char *const names[] = {"out/max.png", "out/max.nc", "out/stations.csv",
                                        "out/stations.png", "out/peaks.csv"};
    struct fl_err err = {0};

    (void)state;
    assert_ok(run_summary("out", &err), err);
    for (size_t i = 0; i < FL_COUNT(names); i++)
        assert_true(test_file_exists(names[i]));
    assert_attribute_has("out/max.nc", "peak_time", "2018-10-10T");
    assert_attribute_has("out/max.nc", "fairlead_degraded", "late wind");
    assert_fails_with(run_summary(".", &err), FL_E_USAGE, err, "would replace the input");
}

/* Yesterday's field under today's name is refused. */
static void other_cycles_and_leads_are_refused(void **state)
{
    struct fl_err err = {0};

    (void)state;
    assert_int_equal(setenv("FAIRLEAD_CYCLE", "20181008T0000Z", 1), 0);
    assert_fails_with(run_map("surge.nc", "a.png", NULL, &err), FL_E_MISMATCH, err,
                      "20181009T0000Z");
    assert_int_equal(setenv("FAIRLEAD_CYCLE", "20181009T0000Z", 1), 0);
    assert_int_equal(setenv("FAIRLEAD_LEAD", "+041", 1), 0);
    assert_fails_with(run_map("surge.nc", "a.png", NULL, &err), FL_E_MISMATCH, err, "+041");
    assert_int_equal(setenv("FAIRLEAD_LEAD", "+042", 1), 0);
    assert_ok(run_map("surge.nc", "a.png", NULL, &err), err);
}

/* Files that are not model output name what is wrong, and leave no picture behind. */
static void other_files_are_refused(void **state)
{
    static const char junk[] = "<html>Data file is not present</html>";
    struct fl_err err = {0};

    (void)state;
    test_file_write("junk.nc", junk, sizeof(junk) - 1);
    assert_fails_with(run_map("junk.nc", "a.png", "a.nc", &err), FL_E_DATA, err, "junk.nc");
    assert_int_equal(fl_err_class(run_map("max.nc", "a.png", "a.nc", &err)), FL_CLASS_DATA);
    assert_non_null(strstr(err.text, "max.nc"));
    assert_false(test_file_exists("a.png"));
    assert_false(test_file_exists("a.nc"));
}

/* A socket that a worker would listen on. */
static int listen_on(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* The next datagram that has arrived must have both words. */
static void assert_said(int fd, const char *word, const char *also)
{
    char text[4096];
    ssize_t got = recv(fd, text, sizeof(text) - 1, 0);

    assert_true(got > 0);
    text[got] = 0;
    if (!strstr(text, word) || !strstr(text, also))
        fail_msg("'%s' does not say '%s' and '%s'", text, word, also);
}

/* Outputs that are not announced do not exist for the chain; a mark from inputs.json goes on into
 * the announcement and into the file. */
static void outputs_are_announced_with_their_marks(void **state)
{
    static const char inputs[] =
        "{\"version\":1,\"inputs\":[{\"input\":\"field\",\"file\":\"surge.nc\",\"degraded\":"
        "[{\"cause\":\"late wind\",\"age\":\"PT9H\"}]}]}";
    struct fl_err err = {0};
    char folder[512];
    int fd;

    (void)state;
    assert_non_null(getcwd(folder, sizeof(folder) - 8));
    (void)snprintf(folder + strlen(folder), 8, "/out"); /* there is room */
    assert_int_equal(mkdir("out", 0755), 0);
    test_file_write("inputs.json", inputs, sizeof(inputs) - 1);
    fd = listen_on("say");
    assert_int_equal(setenv("FAIRLEAD_SOCKET", "say", 1), 0);
    assert_int_equal(setenv("FAIRLEAD_OUTPUT_DIR", folder, 1), 0);
    assert_ok(run_map("surge.nc", "map.png", "product.nc", &err), err);
    assert_said(fd, "\"product\"", "\"late wind\"");
    assert_said(fd, "\"map\"", "\"+042\"");
    assert_true(test_file_exists("out/map.png"));
    assert_attribute_has("out/product.nc", "fairlead_degraded", "late wind [age PT9H]");
    assert_ok(run_summary(".", &err), err);
    assert_said(fd, "\"max\"", "max.nc");
    assert_said(fd, "\"max_map\"", "max.png");
    assert_said(fd, "\"series\"", "stations.csv");
    assert_said(fd, "\"plot\"", "stations.png");
    assert_said(fd, "\"peaks\"", "peaks.csv");
    assert_int_equal(close(fd), 0);
}

#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILES(same_input_same_bytes),
        WITH_FILES(degraded_inputs_give_a_banner),
        WITH_FILES(product_carries_its_provenance),
        WITH_FILES(summary_writes_all_files),
        WITH_FILES(other_cycles_and_leads_are_refused),
        WITH_FILES(other_files_are_refused),
        WITH_FILES(outputs_are_announced_with_their_marks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
