/* The arithmetic behind pictures and tables: colours, projection, fields, facts, peaks. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "stages/post/facts.h"
#include "stages/post/frame.h"
#include "stages/post/label.h"
#include "stages/post/palette.h"
#include "stages/post/peaks.h"
#include "stages/post/settings.h"
#include "tests/lib/test.h"

static const struct fl_world *world(void)
{
    return fl_world_real();
}

/* A higher level that looks lighter than a lower one would be read the wrong way round, in grey
 * and by the colour-blind first. */
static void colours_darken_away_from_zero(void **state)
{
    static const struct fl_bands bands = {9, {-2, -1, -0.5, -0.1, 0.1, 0.5, 1, 2, 4}};
    double before;

    (void)state;
    for (int side = -1; side <= 1; side += 2) {
        before = 2;
        for (int i = 0; i <= 200; i++) {
            double now = fl_colour_luminance(fl_palette_level(side * i / 200.0));

            assert_true(now < before + 1e-12);
            before = now;
        }
    }
    before = -1;
    for (size_t band = 0; band < fl_bands_total(&bands); band++) {
        double now = fl_colour_luminance(fl_bands_colour(&bands, band));

        assert_true(band <= 4 ? now > before : now < before);
        before = now;
    }
}

/* A level on an edge belongs to the band above it, as the ticks of the colour bar say. */
static void values_fall_into_their_bands(void **state)
{
    static const struct fl_bands bands = {3, {0, 1, 2}};

    (void)state;
    assert_int_equal(fl_bands_find(&bands, -0.001), 0);
    assert_int_equal(fl_bands_find(&bands, 0), 1);
    assert_int_equal(fl_bands_find(&bands, 0.999), 1);
    assert_int_equal(fl_bands_find(&bands, 1), 2);
    assert_int_equal(fl_bands_find(&bands, 2), 3);
    assert_int_equal(fl_bands_find(&bands, 99), 3);
}

/* A marker that is off by a pixel is kilometres off. */
static void projection_survives_a_round_trip(void **state)
{
    struct fl_frame frame = {{64, 88, 920, 870}, {-91, -81.5, 23, 31}};

    (void)state;
    for (double lat = 23; lat <= 31; lat += 0.37) {
        for (double lon = -91; lon <= -81.5; lon += 0.41) {
            double x = fl_frame_x(&frame, lon);
            double y = fl_frame_y(&frame, lat);

            assert_true(fabs(fl_frame_lon(&frame, x) - lon) < 1e-9);
            assert_true(fabs(fl_frame_lat(&frame, y) - lat) < 1e-9);
        }
    }
    assert_true(fabs(fl_frame_x(&frame, -91) - 64) < 1e-9);
    assert_true(fabs(fl_frame_y(&frame, 31) - 88) < 1e-9);
}

/* A degree of latitude is longer than one of longitude by 1 / cos(latitude). */
static void scale_is_the_same_both_ways(void **state)
{
    struct fl_extent extent = {0, 10, 55, 65};

    (void)state;
    assert_true(fabs(fl_extent_height(&extent, 500) - 1000) < 1e-6);
}

static void raster_fill(struct fl_raster *raster)
{
    for (size_t j = 0; j < raster->nlat; j++)
        raster->lat[j] = 20 + (double)j;
    for (size_t i = 0; i < raster->nlon; i++)
        raster->lon[i] = -90 + (double)i;
    for (size_t j = 0; j < raster->nlat; j++)
        for (size_t i = 0; i < raster->nlon; i++)
            raster->value[j * raster->nlon + i] = (float)(2 * raster->lat[j] + raster->lon[i]);
}

/* Bilinear resampling is exact for a plane, and never invents water where a corner is land. */
static void sampling_is_bilinear_and_keeps_missing(void **state)
{
    fl_auto(fl_raster_release) struct fl_raster raster = {0};
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_raster_init(&raster, 5, 6, &err), err);
    raster_fill(&raster);
    assert_ok(fl_raster_check_axes(&raster, &err), err);
    assert_true(fabs(fl_raster_sample(&raster, 21.25, -87.5) - (42.5 - 87.5)) < 1e-4);
    assert_true(isnan(fl_raster_sample(&raster, 19.9, -87.5)));
    raster.value[6 + 2] = NAN;
    assert_true(isnan(fl_raster_sample(&raster, 21.25, -87.5)));
    raster.lat[2] = 22.4;
    assert_fails_with(fl_raster_check_axes(&raster, &err), FL_E_DATA, err, "'lat'");
}

/* The margin towards the coast is one cell a round, and values that are there stay. */
static void spreading_fills_only_neighbours(void **state)
{
    fl_auto(fl_raster_release) struct fl_raster raster = {0};
    struct fl_err err = {0};

    (void)state;
    assert_ok(fl_raster_init(&raster, 5, 7, &err), err);
    raster.value[2 * 7 + 0] = 3;
    assert_ok(fl_raster_spread(&raster, 2, &err), err);
    assert_true(raster.value[2 * 7 + 0] == 3.0f);
    assert_true(raster.value[2 * 7 + 2] == 3.0f);
    assert_true(isnan(raster.value[2 * 7 + 3]));
}

/* A peak at the wrong cell sends the wrong coast away. Of equals the first is taken. */
static void peak_and_nearest_cell(void **state)
{
    fl_auto(fl_raster_release) struct fl_raster raster = {0};
    struct fl_err err = {0};
    size_t index = 0;
    double km = 0;

    (void)state;
    assert_ok(fl_raster_init(&raster, 5, 6, &err), err);
    assert_false(fl_raster_peak(&raster, &index));
    assert_false(fl_raster_nearest(&raster, (struct fl_point){20, -90}, &index, &km));
    raster_fill(&raster);
    assert_true(fl_raster_peak(&raster, &index));
    assert_int_equal(index, 29);
    assert_true(fl_raster_lowest(&raster, &index));
    assert_int_equal(index, 0);
    raster.value[29] = NAN;
    assert_true(fl_raster_nearest(&raster, (struct fl_point){24, -85}, &index, &km));
    assert_int_equal(index, 28);
    assert_true(fabs(km - 101.6) < 0.2); /* one degree of longitude at 24 N */
}

/* Where the centre was between two fixes; outside the track there is none. */
static void track_is_followed_in_time(void **state)
{
    static const char text[] = "# a track\n"
                               "time_utc,lat_n,lon_e,vmax_kt\n"
                               "2018-10-10T12:00Z,29.0,-86.3,125\n"
                               "2018-10-10T18:00Z,30.2,-85.4,\n";
    static struct fl_track track;
    struct fl_cycle time;
    struct fl_point place;
    struct fl_err err = {0};

    (void)state;
    test_file_write("track.csv", text, sizeof(text) - 1);
    assert_ok(fl_track_read(world(), "track.csv", &track, &err), err);
    assert_int_equal(track.count, 2);
    assert_true(isnan(track.fix[1].vmax_kt));
    assert_ok(fl_cycle_parse("20181010T1500Z", &time, &err), err);
    assert_true(fl_track_at(&track, time, &place));
    assert_true(fabs(place.lat - 29.6) < 1e-9 && fabs(place.lon + 85.85) < 1e-9);
    assert_ok(fl_cycle_parse("20181010T1801Z", &time, &err), err);
    assert_false(fl_track_at(&track, time, &place));
}

/* A slip in a table of facts is named by line, not drawn at zero. */
static void bad_tables_are_refused_with_their_line(void **state)
{
    static const char short_row[] = "time_utc,lat_n,lon_e\n2018-10-10T12:00Z,29.0\n";
    static const char bad_number[] = "time_utc,lat_n,lon_e\n2018-10-10T12:00Z,29.0,west\n";
    static const char backwards[] = "time_utc,lat_n,lon_e\n2018-10-10T12:00Z,29.0,-86\n"
                                    "2018-10-10T06:00Z,29.0,-86\n";
    static struct fl_track track;
    struct fl_err err = {0};

    (void)state;
    test_file_write("t.csv", short_row, sizeof(short_row) - 1);
    assert_fails_with(fl_track_read(world(), "t.csv", &track, &err), FL_E_PARSE, err, "t.csv:2");
    test_file_write("t.csv", bad_number, sizeof(bad_number) - 1);
    assert_fails_with(fl_track_read(world(), "t.csv", &track, &err), FL_E_PARSE, err, "'west'");
    test_file_write("t.csv", backwards, sizeof(backwards) - 1);
    assert_fails_with(fl_track_read(world(), "t.csv", &track, &err), FL_E_PARSE, err, "not after");
    test_file_write("t.csv", "", 0);
    assert_fails_with(fl_track_read(world(), "t.csv", &track, &err), FL_E_PARSE, err, "column");
}

/* Two labels over each other are no labels. */
static void labels_never_overlap(void **state)
{
    static const struct fl_text_style style = {12, false, FL_ANCHOR_LEFT, {0, 0, 0}, 0};
    fl_auto(fl_canvas_destroy) struct fl_canvas *canvas = NULL;
    static struct fl_labels labels;
    struct fl_err err = {0};
    int put = 0;

    (void)state;
    assert_ok(fl_canvas_create(400, 300, &canvas, &err), err);
    fl_labels_init(&labels, (struct fl_box){0, 0, 400, 300});
    for (int i = 0; i < 20; i++)
        put += fl_labels_put(&labels, canvas, &style, FL_SIDE_EAST, 200 + i, 150, 8, "the same");
    assert_true(put > 5);
    for (size_t i = 0; i < labels.count; i++) {
        for (size_t k = 0; k < i; k++) {
            const struct fl_box *a = &labels.taken[i];
            const struct fl_box *b = &labels.taken[k];

            assert_false(a->x < b->x + b->w && b->x < a->x + a->w && a->y < b->y + b->h &&
                         b->y < a->y + a->h);
        }
    }
}

static void settings_write(const char *text)
{
    test_file_write("post.cfg", text, strlen(text));
}

/* A hindcast sent out as a forecast would be acted upon. */
static void hindcast_is_never_called_a_forecast(void **state)
{
    struct fl_post_config config;
    struct fl_err err = {0};

    (void)state;
    settings_write("kind = \"hindcast\";\nnote = \"Surge Forecast\";\n");
    assert_fails_with(fl_post_config_load("post.cfg", &config, &err), FL_E_CONFIG, err,
                      "post.cfg:2");
    settings_write("kind = \"forecast\";\nnote = \"surge forecast\";\n");
    assert_ok(fl_post_config_load("post.cfg", &config, &err), err);
    fl_post_config_release(&config);
}

/* A misspelt key would leave its default in silence. */
static void settings_are_strict(void **state)
{
    struct fl_post_config config;
    struct fl_err err = {0};

    (void)state;
    settings_write("kind = \"hindcast\";\nevnt = \"Michael\";\n");
    assert_fails_with(fl_post_config_load("post.cfg", &config, &err), FL_E_CONFIG, err, "evnt");
    settings_write("kind = \"hindcast\";\nlevels = [0.0, 1.0, 0.5];\n");
    assert_fails_with(fl_post_config_load("post.cfg", &config, &err), FL_E_CONFIG, err,
                      "ascending");
    settings_write("kind = \"hindcast\";\n"
                   "inset = { west = -80.0; east = -85.0; south = 29.0; north = 30.0; };\n");
    assert_fails_with(fl_post_config_load("post.cfg", &config, &err), FL_E_CONFIG, err, "inset");
    settings_write("note = \"x\";\n");
    assert_fails_with(fl_post_config_load("post.cfg", &config, &err), FL_E_CONFIG, err, "kind");
}

/* The tables that users read by program: any change of form breaks them. */
static void csv_is_exact(void **state)
{
    static double time_s[] = {0, 600, 1200};
    static float zeta[] = {0.0f, 1.25f, -0.00001f, NAN, -0.5f, -0.25f};
    struct fl_series series = {
        .station_count = 2,
        .station = {{"Apalachicola", {29.7, -85.0}, 1.0}, {"Pier, old", {29.9, -85.5}, 6.3}},
        .time_count = 3,
        .time_s = time_s,
        .zeta = zeta};
    static struct fl_gauges gauges = {
        1, {{"Apalachicola", "8728690", {29.73, -84.98}, 2.35, 0.2, "MHHW", "NOAA CO-OPS", "bay"}}};
    struct fl_post_config config = {.event = "Michael",
                                    .note = "hindcast; no tide, no waves",
                                    .datum = "mean sea level",
                                    .datum_short = "MSL",
                                    .model = "m"};
    struct fl_peak peaks[FL_STATIONS_MAX];
    fl_auto(fl_buf_release) struct fl_buf out;
    struct fl_err err = {0};

    (void)state;
    fl_buf_init(&out, 0);
    assert_ok(fl_cycle_parse("20181010T0000Z", &series.cycle, &err), err);
    fl_peaks_find(&series, &gauges, 4.0, peaks);
    assert_true(peaks[0].found && peaks[0].level_m == 1.25 && !peaks[0].shown_only);
    assert_int_equal(peaks[0].time.s - series.cycle.s, 600);
    assert_true(peaks[1].found && peaks[1].level_m == -0.25 && peaks[1].shown_only);
    fl_series_csv(&series, peaks, &config, "late wind [age PT9H]", &out);
    assert_string_equal(out.data,
                        "# Michael: water level at stations\n"
                        "# hindcast; no tide, no waves\n"
                        "# levels in m above mean sea level, times in UTC\n"
                        "# model: m\n"
                        "# DEGRADED: late wind [age PT9H]\n"
                        "# Apalachicola: model cell 29.7000 N -85.0000 E, 1.0 km from the station\n"
                        "# Pier, old: model cell 29.9000 N -85.5000 E, 6.3 km from the station: "
                        "shown only; not resolved by the grid\n"
                        "time_utc,Apalachicola,Pier; old\n"
                        "2018-10-10T00:00:00Z,0.0000,\n"
                        "2018-10-10T00:10:00Z,1.2500,-0.5000\n"
                        "2018-10-10T00:20:00Z,0.0000,-0.2500\n");
    fl_buf_clear(&out);
    fl_peaks_csv(peaks, 2, &config, "", &out);
    assert_non_null(strstr(out.data,
                           "Apalachicola,8728690,1.25,2018-10-10T00:10:00Z,2.35,MHHW; about 0.2 m "
                           "above MSL; approximate and unverified,NOAA CO-OPS,1.0,no,bay\n"
                           "Pier; old,,-0.25,2018-10-10T00:20:00Z,,,,6.3,yes,\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colours_darken_away_from_zero),
        cmocka_unit_test(values_fall_into_their_bands),
        cmocka_unit_test(projection_survives_a_round_trip),
        cmocka_unit_test(scale_is_the_same_both_ways),
        cmocka_unit_test(sampling_is_bilinear_and_keeps_missing),
        cmocka_unit_test(spreading_fills_only_neighbours),
        cmocka_unit_test(peak_and_nearest_cell),
        cmocka_unit_test_setup_teardown(track_is_followed_in_time, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test_setup_teardown(bad_tables_are_refused_with_their_line, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test(labels_never_overlap),
        cmocka_unit_test_setup_teardown(hindcast_is_never_called_a_forecast, test_folder_enter,
                                        test_folder_leave),
        cmocka_unit_test_setup_teardown(settings_are_strict, test_folder_enter, test_folder_leave),
        cmocka_unit_test(csv_is_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
