/* get against a server: sources of every kind, from the command line to the file. */
#include "config.h"

#include <bzlib.h>
#include <eccodes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/path.h"
#include "engine/world/file.h"
#include "engine/world/world.h"
#include "tests/lib/test.h"
#include "tests/unit/data-fetch/server.h"

#define PROGRAM "data-fetch/fairlead-transfer"
#define OPEN_DATA "ecmwf-opendata-samples/ifs-20240101000000-0h-oper-fc.first10"
#define WIND "gfs-1p00-wind10m-michael2018/gfs.20181009.t00z.pgrb2.1p00.wind10m."
#define HEAD \
    "source: { name = \"mine\"; cycles = { every = \"PT6H\"; }; leads = [\"+000/+012/1\"];\n" \
    "wait = { first = \"PT1H\"; poll = \"PT1S\"; give_up = \"PT7H\"; };\n"

/* A scratch folder with a server of its `root`. */
struct scene {
    struct server origin;
    char mirrors[300];
};

static void scene_start(struct scene *scene, const char *rules)
{
    static const char *const argv[] = {"tests/tools/origin", "--root",      "root", "--rules",
                                       "rules.cfg",          "--until-eof", NULL};
    char text[600];
    int size = snprintf(text, sizeof(text), "rules = ( %s );\n", rules);

    test_file_write("rules.cfg", text, (size_t)size);
    server_start(&scene->origin, argv);
    (void)snprintf(scene->mirrors, sizeof(scene->mirrors),
                   "mirrors = ( { url = \"%s/a\"; }, { url = \"%s/b\"; } );\n", scene->origin.url,
                   scene->origin.url);
}

/* The source file of a scene. */
static void write_source(const struct scene *scene, const char *rest)
{
    char text[2000];
    int size = snprintf(text, sizeof(text), HEAD "%s%s };\n", scene->mirrors, rest);

    assert_true(size > 0 && (size_t)size < sizeof(text));
    test_file_write("mine.cfg", text, (size_t)size);
}

/* root/MIRROR/NAME from a sample. */
static void provide(const char *sample, const char *name)
{
    const struct fl_world *world = fl_world_real();
    struct fl_err err = {0};
    char from[4096];
    char to[300];
    char folder[300];

    (void)test_sample(sample, from, sizeof(from));
    (void)snprintf(to, sizeof(to), "root/%s", name);
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)(fl_path_base(to) - to - 1), to);
    assert_ok(fl_dir_make(world, folder, 0755, &err), err);
    assert_ok(fl_file_copy(world, from, to, &err), err);
}

/* get of lead +000 (or others) into got/; the extra words end with NULL. */
static int get(const char *cycle, const char *leads, const char *const *extra)
{
    const char *argv[40] = {PROGRAM,   "get",  "--source",  "./mine.cfg",   "--cycle", cycle,
                            "--leads", leads,  "--name",    "x.{lead:hhh}", "--to",    "got",
                            "--poll",  "PT1S", "--give-up", "PT0S",         "--book",  "book"};
    size_t count = 18;

    for (; *extra && count + 1 < FL_COUNT(argv); extra++)
        argv[count++] = *extra;
    argv[count] = NULL;
    return command_run(argv, NULL);
}

/* Messages of a file, and the points of the first. */
static size_t count_messages(const char *path, long *ret_points)
{
    FILE *file = fopen(path, "rb");
    codes_handle *handle;
    size_t count = 0;
    int code = 0;

    assert_non_null(file);
    while ((handle = codes_grib_handle_new_from_file(NULL, file, &code))) {
        if (count == 0 && ret_points)
            assert_int_equal(codes_get_long(handle, "numberOfDataPoints", ret_points), 0);
        count++;
        (void)codes_handle_delete(handle);
    }
    assert_int_equal(code, 0);
    (void)fclose(file);
    return count;
}

/* ECMWF: the index beside the file in another name, members of lines as keys, an area cut out. */
static void fields_of_ecmwf_come_by_their_keys(void **state)
{
    static const char *const keys[] = {"--keys", "param=gh,levtype=pl,levelist=250/925", "--keys",
                                       "param=tp", NULL};
    static const char *const area[] = {"--keys", "param=gh,levelist=925", "--area", "60/-20/40/30",
                                       NULL};
    static const char *const none[] = {"--keys", "param=10u", NULL};
    struct scene scene;
    long points = 0;

    (void)state;
    provide(OPEN_DATA ".grib2", "a/20240101/0h.grib2");
    provide(OPEN_DATA ".index", "a/20240101/0h.index");
    scene_start(&scene, "");
    write_source(&scene, "paths = ( { path = \"{cycle:%Y%m%d}/{lead:h}h.grib2\"; } );\n"
                         "index = { kind = \"ecmwf\"; replaces = \".grib2\"; };\n"
                         "expect = ( { keys = \"gridType=regular_ll,Ni=900,Nj=451\"; } );");
    assert_int_equal(get("20240101T0000Z", "+000", keys), 0);
    assert_int_equal(count_messages("got/x.000", NULL), 3);
    assert_int_equal(get("20240101T0000Z", "+000", area), 0);
    assert_int_equal(count_messages("got/x.000", &points), 1);
    assert_int_equal(points, 51 * 126);
    assert_int_equal(get("20240101T0000Z", "+000", none), 65);
    server_stop(&scene.origin);
}

/* Members (here: two files of the same time) are joined in one file a lead, in the order asked for;
 * again, nothing is fetched. */
static void parts_are_joined(void **state)
{
    static const char *const both[] = {"--with", "member=a/b", NULL};
    static const char *const one[] = {"--with", "member=b", "--keys", "shortName=10v", NULL};
    static const char *const unsaid[] = {NULL};
    struct scene scene;
    size_t size = 0;
    size_t joined = 0;
    char *file;
    char *twice;

    (void)state;
    provide(WIND "f003.grib2", "a/ma.003");
    provide(WIND "f003.grib2", "b/mb.003");
    provide(WIND "f003.grib2", "b/ma.003");
    scene_start(&scene, "");
    write_source(&scene, "dimensions = ( { name = \"member\"; values = [\"a\", \"b\"]; } );\n"
                         "paths = ( { path = \"m{member}.{lead:hhh}\"; } );\n"
                         "index = { kind = \"none\"; };");
    assert_int_equal(get("20181009T0000Z", "+003", both), 0);
    file = test_file_read("root/a/ma.003", &size);
    twice = test_file_read("got/x.003", &joined);
    assert_int_equal(joined, 2 * size);
    assert_memory_equal(twice, file, size);
    assert_memory_equal(twice + size, file, size);
    free(file);
    free(twice);
    assert_int_equal(get("20181009T0000Z", "+003", one), 0);
    assert_int_equal(count_messages("got/x.003", NULL), 1);
    assert_int_equal(get("20181009T0000Z", "+003", unsaid), 78);
    server_stop(&scene.origin);
}

static void pack(const char *sample, const char *to)
{
    char path[4096];
    size_t size = 0;
    char *data = test_file_read(test_sample(sample, path, sizeof(path)), &size);
    unsigned packed_size = (unsigned)(size + size / 50) + 1000;
    char *packed = malloc(packed_size);

    assert_non_null(packed);
    assert_int_equal(BZ2_bzBuffToBuffCompress(packed, &packed_size, data, (unsigned)size, 1, 0, 0),
                     BZ_OK);
    test_file_write(to, packed, packed_size);
    free(packed);
    free(data);
}

/* DWD: packed, no index, one cycle overwrites the other under the same name: a file of yesterday is
 * refused by its reference time, and the next mirror is asked. */
static void packed_files_come_unpacked_and_old_ones_are_refused(void **state)
{
    static const char *const all[] = {NULL};
    struct scene scene;
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_dir_make(fl_world_real(), "root/a", 0755, &err), err);
    assert_ok(fl_dir_make(fl_world_real(), "root/b", 0755, &err), err);
    pack("gfs-1p00-wind10m-michael2018/gfs.20181008.t00z.pgrb2.1p00.wind10m.f003.grib2",
         "root/a/00.003.bz2");
    pack(WIND "f003.grib2", "root/b/00.003.bz2");
    scene_start(&scene, "");
    write_source(&scene, "paths = ( { path = \"{cycle:%H}.{lead:hhh}.bz2\"; } );\n"
                         "index = { kind = \"none\"; }; packing = \"bzip2\";");
    assert_int_equal(get("20181009T0000Z", "+003", all), 0);
    assert_int_equal(count_messages("got/x.003", NULL), 2);
    assert_false(test_folder_is_empty("got/.refused"));
    assert_int_equal(get("20181008T1800Z", "+009", all), 75); /* not there */
    server_stop(&scene.origin);
}

/* NetCDF comes whole; a page instead, a cut file, or a file without the variable is refused. */
static void netcdf_files_come_whole(void **state)
{
    static const char *const right[] = {"--keys", "variable=u", NULL};
    static const char *const wrong[] = {"--keys", "variable=water_u", NULL};
    struct scene scene;
    const char *build = getenv("FL_TOP_BUILDDIR");
    char path[4096];
    size_t size = 0;
    char *file;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/stages/check:/usr/bin:/bin", build ? build : ".");
    assert_int_equal(setenv("PATH", path, 1), 0); /* for fairlead-check */
    provide("hycom-atlb/gc_archv.0021_016_00_3zu.nc", "b/x.000.nc");
    provide("broken-inputs/gfs.20181010.t18z.pgrb2.1p00.f003.error-page.html", "a/x.000.nc");
    provide("hycom-atlb/gc_archv.0021_016_00_3zu.nc", "a/x.001.nc");
    scene_start(&scene, "");
    write_source(&scene, "paths = ( { path = \"x.{lead:hhh}.nc\"; } );\n"
                         "index = { kind = \"none\"; }; format = \"netcdf\";");
    assert_int_equal(get("20181009T0000Z", "+000", right), 0);
    file = test_file_read("got/x.000", &size);
    assert_int_equal(size, 393188);
    free(file);
    assert_int_equal(get("20181009T0000Z", "+001", wrong), 65);
    assert_false(test_file_exists("got/x.001"));
    server_stop(&scene.origin);
}

/* An upload that was cut off at the border of a message is whole by its own signs: three cycles of
 * the past tell that it is not. */
static void a_file_that_is_short_for_its_past_is_not_taken(void **state)
{
    static const char *const cycles[] = {"20181008T0000Z", "20181008T0600Z", "20181008T1200Z",
                                         "20181008T1800Z"};
    static const char *const all[] = {NULL};
    struct scene scene;
    char name[300];
    char path[300];
    size_t size = 0;
    char *data;

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cycles); i++) {
        (void)snprintf(path, sizeof(path),
                       "gfs-1p00-wind10m-michael2018/gfs.20181008.t%.2sz.pgrb2.1p00.wind10m.f003."
                       "grib2",
                       cycles[i] + 9);
        (void)snprintf(name, sizeof(name), "a/%.2s.003", cycles[i] + 9);
        provide(path, name);
    }
    data = test_file_read("root/a/18.003", &size);
    for (size_t i = 4; i < size; i++) { /* the second message is gone */
        if (memcmp(data + i, "GRIB", 4) == 0) {
            test_file_write("root/a/18.003", data, i);
            break;
        }
    }
    free(data);
    scene_start(&scene, "");
    write_source(&scene, "paths = ( { path = \"{cycle:%H}.{lead:hhh}\"; } );\n"
                         "index = { kind = \"none\"; };");
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(get(cycles[i], "+003", all), 0);
    assert_int_equal(get(cycles[3], "+003", all), 65);
    write_source(&scene, "paths = ( { path = \"{cycle:%H}.{lead:hhh}\"; } );\n"
                         "index = { kind = \"none\"; }; history = { few = \"warn\"; };");
    assert_int_equal(get(cycles[3], "+003", all), 0);
    server_stop(&scene.origin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_of_ecmwf_come_by_their_keys, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test_setup_teardown(parts_are_joined, test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(packed_files_come_unpacked_and_old_ones_are_refused,
                                        test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(a_file_that_is_short_for_its_past_is_not_taken,
                                        test_folder_enter, test_folder_leave),
        cmocka_unit_test_setup_teardown(netcdf_files_come_whole, test_folder_enter,
                                        test_folder_leave),
    };

    return cmocka_run_group_tests_name("get", tests, NULL, NULL);
}
