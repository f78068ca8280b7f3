/* Requests: selections, keys, dimensions, areas, whole files. */
#include "config.h"

#include "data-fetch/source/ask.h"

#include <bzlib.h>
#include <eccodes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/source/bunzip.h"
#include "engine/base/json.h"
#include "engine/world/world.h"
#include "tests/lib/test.h"

#define OPEN_DATA "ecmwf-opendata-samples/ifs-20240101000000-0h-oper-fc.first10"
#define WIND "gfs-1p00-wind10m-michael2018/gfs.20181009.t00z.pgrb2.1p00.wind10m.f003.grib2"
#define WAVE "gfswave-atlocn/gfswave.20230823.t18z.atlocn.0p16.f001.grib2"

#define HEAD \
    "source: { name = \"mine\"; cycles = { every = \"PT1H\"; }; leads = [\"+000/+384/1\"];\n" \
    "wait = { first = \"PT1H\"; poll = \"PT20S\"; give_up = \"PT7H\"; };\n" \
    "mirrors = ( { url = \"http://127.0.0.1:1\"; } );\n"
#define PLAIN "paths = ( { path = \"x.f{lead:hhh}\"; } );\n"
#define IDX HEAD PLAIN "index = { kind = \"idx\"; }; };"
#define ECMWF HEAD PLAIN "index = { kind = \"ecmwf\"; }; };"
#define WHOLE HEAD PLAIN "index = { kind = \"none\"; }; };"
#define PACKED HEAD PLAIN "index = { kind = \"none\"; }; packing = \"bzip2\"; };"
#define NETCDF HEAD PLAIN "index = { kind = \"none\"; }; format = \"netcdf\"; };"
#define MEMBERS \
    HEAD "dimensions = ( { name = \"member\"; values = [\"c00\", \"p01..p30\"]; },\n" \
         "  { name = \"level\"; default = \"2\"; } );\n" \
         "paths = ( { path = \"ge{member}.l{level}.f{lead:hhh}.grib2\"; } );\n" \
         "index = { kind = \"ecmwf\"; replaces = \".grib2\"; };\n" \
         "expect = ( { when = \"member=p*\"; keys = \"number={member:digits}\"; } ); };"

/* A source and a request of it, freed by ask_free. */
struct asked {
    struct fl_source *source;
    struct fl_ask *ask;
};

static int ask_try(struct asked *asked, const char *config, const char *select, const char *keys,
                   const char *with, const char *area, struct fl_err *err)
{
    struct fl_ask_words words = {.selects = &select,
                                 .select_count = select != NULL,
                                 .keys = &keys,
                                 .key_count = keys != NULL,
                                 .with = &with,
                                 .with_count = with != NULL,
                                 .area = area};

    asked->ask = NULL;
    asked->source = calloc(1, sizeof(*asked->source));
    assert_non_null(asked->source);
    assert_ok(fl_source_parse(config, "mine.cfg", asked->source, err), *err);
    return fl_ask_create(asked->source, &words, &asked->ask, err);
}

static void ask_free(struct asked *asked)
{
    fl_ask_destroy(asked->ask);
    free(asked->source);
    *asked = (struct asked){0};
}

static struct asked ask_for(const char *config, const char *select, const char *keys,
                            const char *with, const char *area)
{
    struct asked asked;
    struct fl_err err = {0};

    assert_ok(ask_try(&asked, config, select, keys, with, area, &err), err);
    return asked;
}

static void ask_fails(const char *config, const char *select, const char *keys, const char *with,
                      const char *area, const char *says)
{
    struct asked asked;
    struct fl_err err = {0};

    assert_fails_with(ask_try(&asked, config, select, keys, with, area, &err), FL_E_CONFIG, err,
                      says);
    ask_free(&asked);
}

/* Skips the test where there are no samples, before it owns anything. */
static bool need_samples(void)
{
    char path[4096];

    (void)test_sample(WIND, path, sizeof(path));
    return true;
}

static char *load(const char *name, size_t *ret_size)
{
    char path[4096];

    return test_file_read(test_sample(name, path, sizeof(path)), ret_size);
}

static struct fl_ask_time at_time(const char *cycle, const char *valid)
{
    struct fl_ask_time time = {0};
    struct fl_err err = {0};

    assert_ok(fl_cycle_parse(cycle, &time.cycle, &err), err);
    assert_ok(fl_cycle_parse(valid, &time.valid, &err), err);
    return time;
}

static int into_buf(const void *data, size_t size, void *arg)
{
    fl_buf_add(arg, data, size);
    return 0;
}

/* ---- lines ---- */

static size_t messages_of(const char *config, const char *select, const char *keys,
                          const char *index, struct fl_ask_time time)
{
    struct asked asked = ask_for(config, select, keys, NULL, NULL);
    fl_auto(fl_plan_destroy) struct fl_plan *plan = NULL;
    struct fl_err err = {0};
    size_t size = 0;
    char *text = load(index, &size);
    size_t count;

    assert_ok(fl_ask_plan(asked.ask, 0, &time, text, size, &plan, &err), err);
    count = plan->message_count;
    free(text);
    ask_free(&asked);
    return count;
}

/* A forecaster says 10u; the index says UGRD:10 m above ground. Both must give the same messages,
 * or a model starts with half of its fields. */
static void keys_find_the_lines_of_wgrib2(void **state)
{
    FL_UNUSED bool there = need_samples();
    static const struct {
        const char *select;
        const char *keys;
        size_t count;
    } cases[] = {
        {":(U|V)GRD:10 m above ground:", "shortName=10u/10v", 2},
        {":(U|V)GRD:10 m above ground:", "shortName=u/v,typeOfLevel=heightAboveGround,level=10", 2},
        {":PRMSL:", "shortName=msl", 1},
        {":(TMP|HGT):(500|850) mb:", "shortName=t/gh,typeOfLevel=isobaricInhPa,level=500/850", 4},
        {":TMP:[0-9]+-[0-9]+ mb above ground:|:TMP:[0-9]+ mb:", "shortName=t,level=500", 1},
        {":APCP:surface:18-21 hour acc fcst:", "shortName=tp,stepRange=18-21", 1},
        {":APCP:", "shortName=tp,stepType=accum", 2},
        {":PRES:surface:21 hour fcst:", "shortName=sp,stepType=instant", 1},
        {":PRMSL:", "parameterCategory=3,parameterNumber=1,typeOfLevel=meanSea", 1},
        {":TSOIL:|:SOILW:", "shortName=st/soilw,typeOfLevel=depthBelowLandLayer", 8},
    };
    struct fl_ask_time time = at_time("20231104T0000Z", "20231104T2100Z");

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        size_t count = messages_of(IDX, NULL, cases[i].keys,
                                   "idx-index-samples/20231104.gfs.t00z.pgrb2.0p25.f021.idx", time);

        if (count != cases[i].count)
            fail_msg("keys %s: %zu lines, expected %zu", cases[i].keys, count, cases[i].count);
        if (i != 4)
            assert_int_equal(messages_of(IDX, cases[i].select, NULL,
                                         "idx-index-samples/"
                                         "20231104.gfs.t00z.pgrb2.0p25.f021.idx",
                                         time),
                             count);
    }
}

/* A sub-hourly file holds four times; only the one that is asked for is fetched. */
static void a_file_of_several_leads_gives_the_one(void **state)
{
    FL_UNUSED bool there = need_samples();
    struct fl_ask_time time = at_time("20231104T0100Z", "20231104T0915Z");
    const char *index = "idx-index-samples/20231104.hrrr.t01z.wrfsubhf09.grib2.idx";
    size_t all = messages_of(HEAD PLAIN "index = \".idx\"; file_spans = \"PT1H\"; };", NULL, NULL,
                             index, time);

    (void)state;
    assert_int_equal(all, 49);
    assert_int_equal(messages_of(HEAD PLAIN "index = \".idx\"; file_spans = \"PT1H\"; };",
                                 ":TMP:2 m", NULL, index, time),
                     1);
}

/* ECMWF's lines: keys in any order, unknown ones, blank lines, offsets that go up and down. */
static void keys_find_the_lines_of_ecmwf(void **state)
{
    FL_UNUSED bool there = need_samples();
    static const struct {
        const char *keys;
        size_t count;
    } cases[] = {
        {"param=gh", 5},
        {"param=gh,levtype=pl,levelist=250/925", 2},
        {"shortName=r,level=500", 1},
        {"param=st/tp", 2},
        {"typeOfLevel=isobaricInhPa", 8},
        {"type=fc,stream=oper,step=0,class=od", 10},
    };
    struct fl_ask_time time = at_time("20240101T0000Z", "20240101T0000Z");

    (void)state;
    for (size_t i = 0; i < FL_COUNT(cases); i++) {
        size_t count = messages_of(ECMWF, NULL, cases[i].keys, OPEN_DATA ".index", time);

        if (count != cases[i].count)
            fail_msg("keys %s: %zu lines, expected %zu", cases[i].keys, count, cases[i].count);
    }
    assert_int_equal(messages_of(ECMWF, ":gh:pl (250|925):", NULL, OPEN_DATA ".index", time), 2);
}

static int plan_text(const char *config, const char *keys, const char *text, struct fl_plan **plan,
                     struct fl_err *err)
{
    struct asked asked = ask_for(config, NULL, keys, NULL, NULL);
    struct fl_ask_time time = at_time("20260524T0000Z", "20260524T0000Z");
    int rc = fl_ask_plan(asked.ask, 0, &time, text, strlen(text), plan, err);

    ask_free(&asked);
    return rc;
}

#define LINE(rest) \
    "{\"date\": \"20260524\", \"time\": \"0000\", \"step\": \"0\", \"type\": \"pf\", " rest "}\n"

static void indices_of_ecmwf_are_read_strictly(void **state)
{
    fl_auto(fl_plan_destroy) struct fl_plan *plan = NULL;
    static const struct {
        const char *text;
        int rc;
        const char *says;
    } broken[] = {
        {"", FL_E_PARSE, "no lines"},
        {"\n  \n", FL_E_PARSE, "no lines"},
        {"[1]\n", FL_E_PARSE, "not a JSON object"},
        {"{\"date\"\n", FL_E_PARSE, "line 1: '{\"date\"' is not JSON"},
        {LINE("\"param\": \"2t\", \"_length\": 5"), FL_E_PARSE, "'_offset'"},
        {LINE("\"param\": \"2t\", \"_offset\": 0, \"_length\": 0"), FL_E_PARSE, "'_length'"},
        {LINE("\"param\": \"2t\", \"_offset\": 1, \"_length\": 9223372036854775807"), FL_E_PARSE,
         "'_length'"},
        {LINE("\"_offset\": 0, \"_length\": 5"), FL_E_PARSE, "'param' is missing"},
        {"{\"date\": \"2026\", \"time\": \"0\", \"step\": \"0\", \"param\": \"2t\", \"_offset\": "
         "0, "
         "\"_length\": 5}",
         FL_E_PARSE, "YYYYMMDD"},
        {LINE("\"param\": \"2t\", \"_offset\": 0, \"_length\": 5")
             LINE("\"param\": \"2d\", \"_offset\": 4, \"_length\": 5"),
         FL_E_PARSE, "line 2 begins at byte 4, inside line 1"},
        {"{\"date\": \"20260523\", \"time\": \"0000\", \"step\": \"0\", \"param\": \"2t\", "
         "\"_offset\": 0, \"_length\": 5}",
         FL_E_MISMATCH, "of cycle 20260523T0000Z"},
        {"{\"date\": \"20260524\", \"time\": \"0000\", \"step\": \"6\", \"param\": \"2t\", "
         "\"_offset\": 0, \"_length\": 5}",
         FL_E_MISMATCH, "':2t::6:'"},
    };
    struct fl_err err = {0};

    (void)state;
    for (size_t i = 0; i < FL_COUNT(broken); i++)
        assert_fails_with(plan_text(ECMWF, NULL, broken[i].text, &plan, &err), broken[i].rc, err,
                          broken[i].says);
    assert_ok(
        plan_text(ECMWF, "param=2t,number=1/to/50/by/2",
                  "\n" LINE("\"_offset\": 5000000010, \"extra\": {\"a\": [1]}, \"_length\": 7, "
                            "\"param\": \"2t\", \"number\": \"3\", \"levtype\": \"sfc\"")
                      LINE("\"param\": \"2t\", \"number\": \"2\", \"_length\": 10, "
                           "\"_offset\": 5000000000")
                          LINE("\"param\": \"2t\", \"number\": \"49\", \"_length\": 9, "
                               "\"_offset\": 20, \"flag\": null") "\r\n",
                  &plan, &err),
        err);
    assert_int_equal(plan->message_count, 2);
    assert_int_equal(plan->messages[0].offset, 20);
    assert_int_equal(plan->messages[1].offset, UINT64_C(5000000010));
    assert_int_equal(plan->messages[1].end, UINT64_C(5000000017));
    assert_string_equal(plan->messages[1].fields[0].member, "3");
}

/* What nobody can have meant is said before anything is fetched. */
static void mistakes_in_requests_are_named(void **state)
{
    (void)state;
    ask_fails(IDX, NULL, "shortName", NULL, NULL, "'shortName' is no KEY=VALUE");
    ask_fails(IDX, NULL, "shortNme=t", NULL, NULL, "did you mean 'shortName'");
    ask_fails(IDX, NULL, "par\341m=t", NULL, NULL, "did you mean 'param'");
    ask_fails(IDX, NULL, "shortName=t,shortName=u", NULL, NULL, "stands there twice");
    ask_fails(IDX, NULL, "level=1//2", NULL, NULL, "empty value");
    ask_fails(IDX, NULL, "number=9/to/1", NULL, NULL, "accepted: A/to/B, A/to/B/by/N");
    ask_fails(IDX, NULL, "number=1/to/100000", NULL, NULL, "more than 400 values");
    ask_fails(IDX, NULL, "shortName=nonsense", NULL, NULL,
              "none is known for shortName 'nonsense'");
    ask_fails(IDX, NULL, "typeOfLevel=attic", NULL, NULL, "typeOfLevel 'attic'");
    ask_fails(IDX, NULL, "variable=u", NULL, NULL, "'variable' is for NetCDF");
    ask_fails(IDX, ":(", NULL, NULL, NULL, "regular expression");
    ask_fails(WHOLE, ":PRMSL:", NULL, NULL, NULL, "has no index");
    ask_fails(NETCDF, NULL, "shortName=u", NULL, NULL, "accepted: variable=NAME");
    ask_fails(NETCDF, NULL, NULL, NULL, "50/0/40/10", "come whole");
    ask_fails(IDX, NULL, NULL, "member=p01", NULL, "it has none");
    ask_fails(MEMBERS, NULL, NULL, NULL, NULL, "say which: --with member=c00");
    ask_fails(MEMBERS, NULL, NULL, "member=p31", NULL,
              "there is no such member; accepted: c00 p01");
    ask_fails(MEMBERS, NULL, NULL, "numbers=p01", NULL, "accepted: member= level=");
    ask_fails(IDX, NULL, NULL, NULL, "10/0/40/10", "north must be above south");
    ask_fails(IDX, NULL, NULL, NULL, "40/0/10", "not four numbers");
    ask_fails(IDX, NULL, NULL, NULL, "40/5/10/5", "the same");
    ask_fails(IDX, NULL, NULL, NULL, "40/-200/10/5", "within -180 to 360");
}

/* Each member is a file, and each combination a part of the lead, in a fixed order. */
static void parts_are_the_combinations_of_values(void **state)
{
    struct asked asked = ask_for(MEMBERS, NULL, NULL, "member=p0[1-3]/c00/p02", NULL);
    struct fl_err err = {0};
    struct fl_lead lead = {.minutes = 360};
    struct fl_cycle cycle = {0};
    fl_auto(fl_buf_release) struct fl_buf path;

    (void)state;
    fl_buf_init(&path, 0);
    assert_int_equal(fl_ask_parts(asked.ask), 4);
    assert_string_equal(fl_ask_part_name(asked.ask, 3), "member=c00 level=2");
    assert_ok(fl_ask_path(asked.ask, 1, cycle, lead, &path, &err), err);
    assert_string_equal(path.data, "gep02.l2.f006.grib2");
    fl_buf_clear(&path);
    assert_ok(fl_ask_index_path(asked.ask, 1, cycle, lead, &path, &err), err);
    assert_string_equal(path.data, "gep02.l2.f006.index");
    assert_int_equal(strlen(fl_ask_digest(asked.ask)), 64);
    ask_free(&asked);
}

/* ---- whole files ---- */

struct whole {
    struct fl_buf out;
    struct fl_ask_tally tally;
};

/* Gives the bytes in pieces of `piece` bytes. */
static int take_whole(const struct asked *asked, struct fl_ask_time time, const char *data,
                      size_t size, size_t piece, struct whole *whole, struct fl_err *err)
{
    fl_auto(fl_whole_destroy) struct fl_whole *coming = NULL;
    int rc;

    fl_buf_init(&whole->out, 0);
    whole->tally = (struct fl_ask_tally){0};
    rc = fl_whole_create(asked->ask, 0, &time, &whole->tally, into_buf, &whole->out, &coming, err);
    for (size_t at = 0; at < size && rc == 0; at += piece)
        rc = fl_whole_add(coming, data + at, at + piece < size ? piece : size - at, err);
    if (rc == 0)
        rc = fl_whole_end(coming, err);
    return rc == 0 ? fl_ask_end(asked->ask, &whole->tally, err) : rc;
}

/* Whatever pieces the network makes of it, a file is the same messages. */
static void whole_files_come_in_any_pieces(void **state)
{
    FL_UNUSED bool there = need_samples();
    static const size_t pieces[] = {1000000000, 65536, 4097, 61};
    struct fl_ask_time time = at_time("20181009T0000Z", "20181009T0300Z");
    struct asked all = ask_for(WHOLE, NULL, NULL, NULL, NULL);
    struct asked one = ask_for(WHOLE, NULL, "shortName=10v", NULL, NULL);
    struct asked none = ask_for(WHOLE, NULL, "shortName=2t", NULL, NULL);
    struct whole whole;
    struct fl_err err = {0};
    size_t size = 0;
    char *data = load(WIND, &size);

    (void)state;
    for (size_t i = 0; i < FL_COUNT(pieces); i++) {
        assert_ok(take_whole(&all, time, data, size, pieces[i], &whole, &err), err);
        assert_int_equal(whole.out.size, size);
        assert_memory_equal(whole.out.data, data, size);
        assert_int_equal(whole.tally.messages, 2);
        fl_buf_release(&whole.out);
        assert_ok(take_whole(&one, time, data, size, pieces[i], &whole, &err), err);
        assert_int_equal(whole.tally.messages, 1);
        assert_int_equal(whole.tally.left_out, 1);
        fl_buf_release(&whole.out);
    }
    assert_fails_with(take_whole(&none, time, data, size, 4096, &whole, &err), FL_E_MISMATCH, err,
                      "no message has the keys 'shortName=2t' (2 were looked at)");
    fl_buf_release(&whole.out);
    free(data);
    ask_free(&all);
    ask_free(&one);
    ask_free(&none);
}

/* An error page, a cut file, a cycle of yesterday: the text says where and what. */
static void whole_files_that_are_wrong_are_refused(void **state)
{
    FL_UNUSED bool there = need_samples();
    struct fl_ask_time time = at_time("20181009T0000Z", "20181009T0300Z");
    struct asked all = ask_for(WHOLE, NULL, NULL, NULL, NULL);
    struct whole whole;
    struct fl_err err = {0};
    size_t size = 0;
    char *data = load("broken-inputs/gfs.20181010.t18z.pgrb2.1p00.f003.error-page.html", &size);

    (void)state;
    assert_fails_with(take_whole(&all, time, data, size, 100, &whole, &err), FL_E_DATA, err,
                      "byte 0: the bytes are an HTML or XML page");
    fl_buf_release(&whole.out);
    free(data);
    data = load("broken-inputs/era5-levels-corrupted.grib", &size);
    assert_int_equal(take_whole(&all, time, data, size, 4096, &whole, &err), FL_E_DATA);
    assert_non_null(strstr(err.text, "byte "));
    fl_buf_release(&whole.out);
    free(data);
    data = load(WIND, &size);
    assert_fails_with(take_whole(&all, time, data, size - 1, 4096, &whole, &err), FL_E_DATA, err,
                      "the file ends after");
    fl_buf_release(&whole.out);
    assert_fails_with(take_whole(&all, time, data, 0, 4096, &whole, &err), FL_E_DATA, err, "empty");
    fl_buf_release(&whole.out);
    time.cycle.s -= 21600;
    assert_fails_with(take_whole(&all, time, data, size, 4096, &whole, &err), FL_E_MISMATCH, err,
                      "byte 0: the message is of cycle 20181009T0000Z; asked for was "
                      "20181008T1800Z");
    fl_buf_release(&whole.out);
    data[size - 2] = 'x';
    time.cycle.s += 21600;
    assert_fails_with(take_whole(&all, time, data, size, 4096, &whole, &err), FL_E_DATA, err,
                      "7777");
    fl_buf_release(&whole.out);
    free(data);
    ask_free(&all);
}

/* ECMWF pads edition 1 with zeros: between messages they are nothing, other bytes are. */
static void padding_is_passed_over_and_rubbish_is_not(void **state)
{
    FL_UNUSED bool there = need_samples();
    struct fl_ask_time time = at_time("20131025T0000Z", "20131028T0000Z");
    struct asked gust = ask_for(WHOLE, NULL, "stepRange=69-72", NULL, NULL);
    struct whole whole;
    struct fl_err err = {0};
    size_t size = 0;
    char *data = load("ecmwf-storm-2013/mv_fc_storm.grib", &size);
    uint64_t first = 0;

    (void)state;
    assert_ok(take_whole(&gust, time, data, size, 333, &whole, &err), err);
    assert_int_equal(whole.tally.messages, 1);
    assert_int_equal(whole.tally.left_out, 3);
    first = whole.out.size;
    fl_buf_release(&whole.out);
    assert_int_equal(data[first], 0);
    data[first] = 'x';
    assert_fails_with(take_whole(&gust, time, data, size, 333, &whole, &err), FL_E_DATA, err,
                      "not with 'GRIB'");
    fl_buf_release(&whole.out);
    free(data);
    ask_free(&gust);
}

/* Thinned grids and twenty fields in a message are data like any other. */
static void thinned_and_packed_files_are_taken(void **state)
{
    FL_UNUSED bool there = need_samples();
    struct asked wafs = ask_for(WHOLE, NULL, "shortName=t,level=500", NULL, NULL);
    struct asked jma = ask_for(WHOLE, NULL, "shortName=t,level=850", NULL, NULL);
    struct whole whole;
    struct fl_err err = {0};
    size_t size = 0;
    char *data = load("gfs-wafs-2007/wafsgfs_L.20070110.t06z.f060.grib2", &size);

    (void)state;
    assert_ok(take_whole(&wafs, at_time("20070110T0600Z", "20070112T1800Z"), data, size, 65536,
                         &whole, &err),
              err);
    assert_int_equal(whole.tally.messages, 1);
    assert_int_equal(whole.tally.left_out, 91);
    fl_buf_release(&whole.out);
    free(data);
    data = load("jma-meps-mfwam-cmc/jma-meps-20190605T00-pall-first20.grib2", &size);
    assert_ok(take_whole(&jma, at_time("20190605T0000Z", "20190605T0000Z"), data, size, 65536,
                         &whole, &err),
              err);
    assert_int_equal(whole.tally.messages, 1);
    assert_int_equal(whole.out.size, size);
    fl_buf_release(&whole.out);
    free(data);
    ask_free(&wafs);
    ask_free(&jma);
}

/* DWD packs each field: it is unpacked while it comes; a file that ends early is no file. */
static void packed_files_are_unpacked_while_they_come(void **state)
{
    FL_UNUSED bool there = need_samples();
    struct fl_ask_time time = at_time("20181009T0000Z", "20181009T0300Z");
    struct asked all = ask_for(PACKED, NULL, NULL, NULL, NULL);
    struct whole whole;
    struct fl_err err = {0};
    size_t size = 0;
    char *data = load(WIND, &size);
    unsigned packed_size = 400000;
    char *packed = malloc(2 * packed_size);
    unsigned second_size = 400000;

    (void)state;
    assert_non_null(packed);
    assert_int_equal(BZ2_bzBuffToBuffCompress(packed, &packed_size, data, 70000, 1, 0, 0), BZ_OK);
    assert_int_equal(BZ2_bzBuffToBuffCompress(packed + packed_size, &second_size, data + 70000,
                                              (unsigned)size - 70000, 1, 0, 0),
                     BZ_OK);
    packed_size += second_size;
    for (size_t piece = 7; piece < 1000000; piece *= 50) {
        assert_ok(take_whole(&all, time, packed, packed_size, piece, &whole, &err), err);
        assert_int_equal(whole.out.size, size);
        assert_memory_equal(whole.out.data, data, size);
        fl_buf_release(&whole.out);
    }
    assert_fails_with(take_whole(&all, time, packed, packed_size - 9, 4096, &whole, &err),
                      FL_E_DATA, err, "inside a block");
    fl_buf_release(&whole.out);
    assert_fails_with(take_whole(&all, time, data, size, 4096, &whole, &err), FL_E_DATA, err,
                      "BZh");
    fl_buf_release(&whole.out);
    packed[packed_size / 2] ^= 1;
    assert_int_equal(take_whole(&all, time, packed, packed_size, 4096, &whole, &err), FL_E_DATA);
    fl_buf_release(&whole.out);
    free(packed);
    free(data);
    ask_free(&all);
}

/* Members of an ensemble are chosen by number, and a file of others is told. */
static void members_are_chosen_by_number(void **state)
{
    FL_UNUSED bool there = need_samples();
    struct fl_ask_time time = at_time("20120920T0000Z", "20120924T0000Z");
    struct asked some = ask_for(WHOLE, NULL, "number=1/to/9/by/4", NULL, NULL);
    struct asked one = ask_for(
        HEAD PLAIN "index = { kind = \"none\"; }; expect = ( { keys = \"number=1\"; } ); };", NULL,
        NULL, NULL, NULL);
    struct whole whole;
    struct fl_err err = {0};
    size_t size = 0;
    char *data = load("ecmwf-storm-2013/mv_z500_ens.grib", &size);

    (void)state;
    assert_ok(take_whole(&some, time, data, size, 65536, &whole, &err), err);
    assert_int_equal(whole.tally.messages, 3);
    fl_buf_release(&whole.out);
    assert_fails_with(take_whole(&one, time, data, size, 65536, &whole, &err), FL_E_MISMATCH, err,
                      "not of this source: its number is 2; wanted 1");
    fl_buf_release(&whole.out);
    free(data);
    ask_free(&some);
    ask_free(&one);
}

/* ---- areas ---- */

/* All points of a message: latitudes, longitudes, values. */
struct points {
    double *lat;
    double *lon;
    double *value;
    size_t count;
};

static void read_points(const void *data, size_t size, struct points *points)
{
    codes_handle *handle = codes_handle_new_from_message(NULL, data, size);
    size_t count = 0;

    assert_non_null(handle);
    assert_int_equal(codes_get_size(handle, "values", &count), 0);
    assert_int_equal(codes_set_double(handle, "missingValue", -1e100), 0);
    points->lat = calloc(count, sizeof(double));
    points->lon = calloc(count, sizeof(double));
    points->value = calloc(count, sizeof(double));
    points->count = count;
    assert_int_equal(codes_get_double_array(handle, "values", points->value, &count), 0);
    assert_int_equal(codes_get_double_array(handle, "latitudes", points->lat, &count), 0);
    assert_int_equal(codes_get_double_array(handle, "longitudes", points->lon, &count), 0);
    (void)codes_handle_delete(handle);
}

static void free_points(struct points *points)
{
    free(points->lat);
    free(points->lon);
    free(points->value);
}

static double east_of(double lon, double west)
{
    return fmod(lon - west + 720.0 + 1e-4, 360.0);
}

/* (A step of a sixth of a degree is told to a millionth: ecCodes drifts by it, hence 2e-4.)
 * Cuts the first message of a file and holds every point against the whole field. */
static void area_keeps_values(const char *file, const char *cycle, const char *valid,
                              const char *area_text, size_t wanted)
{
    struct asked asked = ask_for(WHOLE, NULL, NULL, NULL, area_text);
    struct fl_ask_time time = at_time(cycle, valid);
    struct fl_ask_tally tally = {0};
    struct points whole;
    struct points cut;
    struct fl_buf out;
    struct fl_err err = {0};
    double area[4];
    size_t size = 0;
    char *data = load(file, &size);
    uint64_t length = 0;
    size_t inside = 0;

    fl_buf_init(&out, 0);
    for (int i = 8; i < 16; i++)
        length = length << 8 | (unsigned char)data[i];
    assert_ok(
        fl_ask_take(asked.ask, 0, &time, NULL, data, (size_t)length, &tally, into_buf, &out, &err),
        err);
    assert_int_equal(sscanf(area_text, "%lf/%lf/%lf/%lf", &area[0], &area[1], &area[2], &area[3]),
                     4);
    read_points(data, (size_t)length, &whole);
    read_points(out.data, out.size, &cut);
    if (wanted)
        assert_int_equal(cut.count, wanted);
    for (size_t i = 0, k = 0; i < whole.count; i++) {
        bool in = whole.lat[i] <= area[0] + 2e-4 && whole.lat[i] >= area[2] - 2e-4 &&
                  east_of(whole.lon[i], area[1]) <= east_of(area[3], area[1]) + 2e-4;
        size_t tries = 0;

        if (!in)
            continue;
        inside++;
        /* the points of a row may begin elsewhere: look on from the last one */
        while (tries < cut.count && (fabs(cut.lat[k] - whole.lat[i]) > 2e-4 ||
                                     east_of(cut.lon[k] - whole.lon[i] + 2e-4, 0) > 4e-4)) {
            k = (k + 1) % cut.count;
            tries++;
        }
        if (tries == cut.count)
            fail_msg("%s %s: no point at %.9g, %.9g (cut begins at %.9g, %.9g)", file, area_text,
                     whole.lat[i], whole.lon[i], cut.lat[0], cut.lon[0]);
        if (cut.value[k] != whole.value[i])
            fail_msg("at %g, %g: %.17g, was %.17g", whole.lat[i], whole.lon[i], cut.value[k],
                     whole.value[i]);
    }
    assert_int_equal(inside, cut.count);
    free_points(&whole);
    free_points(&cut);
    fl_buf_release(&out);
    free(data);
    ask_free(&asked);
}

/* Cutting must not change a value: of each packing that centres use, also with land without values,
 * over the prime meridian and over the date line. */
static void an_area_is_cut_without_loss(void **state)
{
    FL_UNUSED bool there = need_samples();
    static const char *const gfs[] = {WIND, "20181009T0000Z", "20181009T0300Z"};

    (void)state;
    area_keeps_values(gfs[0], gfs[1], gfs[2], "40/-100/10/-60", 31 * 41);
    area_keeps_values(gfs[0], gfs[1], gfs[2], "60/-20/40/30", 21 * 51);
    area_keeps_values(gfs[0], gfs[1], gfs[2], "-10/170/-40/-150", 31 * 41);
    area_keeps_values(gfs[0], gfs[1], gfs[2], "90/0/-90/359.9", 181 * 360);
    area_keeps_values(WAVE, "20230823T1800Z", "20230823T1900Z", "40/-80/20/-60", 0);
    area_keeps_values("ecmwf-opendata-samples/gb_aifs-single-t500.grib2", "20260310T1200Z",
                      "20260310T1200Z", "72/-15/30/45", 0);
    area_keeps_values(OPEN_DATA ".grib2", "20240101T0000Z", "20240101T0000Z", "72/-15/30/45", 0);
}

static void what_cannot_be_cut_is_told(void **state)
{
    FL_UNUSED bool there = need_samples();
    struct asked far = ask_for(WHOLE, NULL, NULL, NULL, "-40/0/-50/10");
    struct fl_ask_tally tally = {0};
    struct fl_buf out;
    struct fl_err err = {0};
    struct fl_ask_time time = at_time("20230722T0600Z", "20230722T0700Z");
    size_t size = 0;
    char *data = load("hrrr-nam-samples/gb_hrrr.t06z.wrfsfcf01-UGRD.grib2", &size);

    (void)state;
    fl_buf_init(&out, 0);
    assert_fails_with(
        fl_ask_take(far.ask, 0, &time, NULL, data, size, &tally, into_buf, &out, &err),
        FL_E_UNSUPPORTED, err, "grid 'lambert'");
    free(data);
    data = load(WAVE, &size);
    time = at_time("20230823T1800Z", "20230823T1900Z");
    size = (size_t)(unsigned char)data[14] << 8 | (unsigned char)data[15];
    size += (size_t)(unsigned char)data[13] << 16;
    assert_fails_with(
        fl_ask_take(far.ask, 0, &time, NULL, data, size, &tally, into_buf, &out, &err),
        FL_E_MISMATCH, err, "no point of the grid");
    assert_int_equal(out.size, 0);
    free(data);
    fl_buf_release(&out);
    ask_free(&far);
}

/* ---- what must hold of every message, and NetCDF ---- */

/* A file of another member or another grid under the right name is refused. */
static void a_message_of_another_source_is_refused(void **state)
{
    FL_UNUSED bool there = need_samples();
    struct asked asked =
        ask_for(HEAD PLAIN "index = { kind = \"none\"; };\n"
                           "expect = ( { keys = \"gridType=regular_ll,Ni=720,Nj=361\"; } ); };",
                NULL, NULL, NULL, NULL);
    struct whole whole;
    struct fl_err err = {0};
    size_t size = 0;
    char *data = load(WIND, &size);

    (void)state;
    assert_fails_with(take_whole(&asked, at_time("20181009T0000Z", "20181009T0300Z"), data, size,
                                 4096, &whole, &err),
                      FL_E_MISMATCH, err, "its Ni is 360; wanted 720");
    fl_buf_release(&whole.out);
    free(data);
    ask_free(&asked);
}

/* The transfer engine does not link NetCDF: fairlead-check looks inside for it. */
static void netcdf_files_are_looked_into(void **state)
{
    FL_UNUSED bool there = need_samples();
    struct asked right = ask_for(NETCDF, NULL, "variable=u/Depth", NULL, NULL);
    struct asked wrong = ask_for(NETCDF, NULL, "variable=v", NULL, NULL);
    struct fl_ask_time time = at_time("19960105T0000Z", "19960106T0000Z");
    struct whole whole;
    struct fl_err err = {0};
    char path[4096];
    size_t size = 0;
    char *page = load("broken-inputs/gfs.20181010.t18z.pgrb2.1p00.f003.error-page.html", &size);
    const struct fl_world *world = fl_world_real();
    const char *build = getenv("FL_TOP_BUILDDIR");

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/stages/check:/usr/bin:/bin", build ? build : ".");
    assert_int_equal(setenv("PATH", path, 1), 0); /* for fairlead-check */
    assert_fails_with(take_whole(&right, time, page, size, 3, &whole, &err), FL_E_DATA, err,
                      "a web page; expected was NetCDF");
    fl_buf_release(&whole.out);
    (void)test_sample("hycom-atlb/gc_archv.0021_016_00_3zu.nc", path, sizeof(path));
    assert_fails_with(fl_ask_look(wrong.ask, world, &time, path, &err), FL_E_MISMATCH, err,
                      "no variable 'v'; it has: MT Date");
    (void)test_sample("broken-inputs/era5-levels-corrupted.grib", path, sizeof(path));
    assert_int_equal(fl_ask_look(right.ask, world, &time, path, &err), FL_E_DATA);
    (void)test_sample("wrfout-sample/wrfout-4steps-subset.nc", path, sizeof(path));
    assert_fails_with(fl_ask_look(wrong.ask, world, &time, path, &err), FL_E_MISMATCH, err,
                      "the file has times from 2005-08-28T12:00:00Z");
    free(page);
    ask_free(&right);
    ask_free(&wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_find_the_lines_of_wgrib2),
        cmocka_unit_test(a_file_of_several_leads_gives_the_one),
        cmocka_unit_test(keys_find_the_lines_of_ecmwf),
        cmocka_unit_test(indices_of_ecmwf_are_read_strictly),
        cmocka_unit_test(mistakes_in_requests_are_named),
        cmocka_unit_test(parts_are_the_combinations_of_values),
        cmocka_unit_test(whole_files_come_in_any_pieces),
        cmocka_unit_test(whole_files_that_are_wrong_are_refused),
        cmocka_unit_test(padding_is_passed_over_and_rubbish_is_not),
        cmocka_unit_test(thinned_and_packed_files_are_taken),
        cmocka_unit_test(packed_files_are_unpacked_while_they_come),
        cmocka_unit_test(members_are_chosen_by_number),
        cmocka_unit_test(an_area_is_cut_without_loss),
        cmocka_unit_test(what_cannot_be_cut_is_told),
        cmocka_unit_test(a_message_of_another_source_is_refused),
        cmocka_unit_test(netcdf_files_are_looked_into),
    };

    return cmocka_run_group_tests_name("ask", tests, NULL, NULL);
}
