/* Names of keys, short names of parameters, types of levels. */
#include "config.h"

#include "data-fetch/source/keys_names.h"

#include <eccodes.h>
#include <math.h>
#include <string.h>

#include "data-fetch/source/ncep.h"
#include "engine/base/text.h"

#include "engine/base/banned.h"

#define NO_LEVEL (-1)
#define KEY_NAME_MAX 100

static const struct {
    const char *name;
    enum fl_key_kind kind;
    const char *in_message;
} keys[] = {
    {"shortName", FL_KEY_PARAM, "shortName"},
    {"param", FL_KEY_PARAM, "shortName"},
    {"level", FL_KEY_LEVEL, "level"},
    {"levelist", FL_KEY_LEVELIST, "level"},
    {"typeOfLevel", FL_KEY_TYPE_OF_LEVEL, "typeOfLevel"},
    {"levtype", FL_KEY_LEVTYPE, "levtype"},
    {"number", FL_KEY_NUMBER, "perturbationNumber"},
    {"perturbationNumber", FL_KEY_NUMBER, "perturbationNumber"},
    {"step", FL_KEY_STEP, "endStep"},
    {"endStep", FL_KEY_STEP, "endStep"},
    {"stepRange", FL_KEY_STEP_RANGE, "stepRange"},
    {"stepType", FL_KEY_STEP_TYPE, "stepType"},
    {"discipline", FL_KEY_CODE, "discipline"},
    {"parameterCategory", FL_KEY_CODE, "parameterCategory"},
    {"parameterNumber", FL_KEY_CODE, "parameterNumber"},
    {"type", FL_KEY_MARS, "type"},
    {"stream", FL_KEY_MARS, "stream"},
    {"class", FL_KEY_MARS, "class"},
    {"expver", FL_KEY_MARS, "expver"},
    {"domain", FL_KEY_MARS, "domain"},
    {"model", FL_KEY_MARS, "model"},
    {"fcmonth", FL_KEY_MARS, "fcmonth"},
    {"date", FL_KEY_MARS, "dataDate"},
    {"time", FL_KEY_MARS, "dataTime"},
    {"variable", FL_KEY_OTHER, "variable"}, /* of NetCDF */
    {"edition", FL_KEY_OTHER, "edition"},
    {"centre", FL_KEY_OTHER, "centre"},
    {"gridType", FL_KEY_OTHER, "gridType"},
    {"packingType", FL_KEY_OTHER, "packingType"},
    {"Ni", FL_KEY_OTHER, "Ni"},
    {"Nj", FL_KEY_OTHER, "Nj"},
    {"Nx", FL_KEY_OTHER, "Nx"},
    {"Ny", FL_KEY_OTHER, "Ny"},
    {"numberOfDataPoints", FL_KEY_OTHER, "numberOfDataPoints"},
    {"numberOfValues", FL_KEY_OTHER, "numberOfValues"},
    {"numberOfGridUsed", FL_KEY_OTHER, "numberOfGridUsed"},
    {"paramId", FL_KEY_OTHER, "paramId"},
    {"typeOfStatisticalProcessing", FL_KEY_OTHER, "typeOfStatisticalProcessing"},
    {"lengthOfTimeRange", FL_KEY_OTHER, "lengthOfTimeRange"},
    {"typeOfEnsembleForecast", FL_KEY_OTHER, "typeOfEnsembleForecast"},
    {"derivedForecast", FL_KEY_OTHER, "derivedForecast"},
    {"numberOfForecastsInEnsemble", FL_KEY_OTHER, "numberOfForecastsInEnsemble"},
    {"probabilityType", FL_KEY_OTHER, "probabilityType"},
};

/* shortName, the VAR of wgrib2, and the level that the name implies (type of table 4.5, value). */
static const struct {
    const char *name;
    const char *variable;
    int type; /* NO_LEVEL: any */
    double value;
} short_names[] = {
    {"10u", "UGRD", 103, 10},
    {"10v", "VGRD", 103, 10},
    {"100u", "UGRD", 103, 100},
    {"100v", "VGRD", 103, 100},
    {"2t", "TMP", 103, 2},
    {"2d", "DPT", 103, 2},
    {"2r", "RH", 103, 2},
    {"2sh", "SPFH", 103, 2},
    {"mx2t", "TMAX", 103, 2},
    {"mn2t", "TMIN", 103, 2},
    {"msl", "PRMSL", 101, 0},
    {"prmsl", "PRMSL", 101, 0},
    {"mslet", "MSLET", 101, 0},
    {"sp", "PRES", 1, 0},
    {"skt", "TMP", 1, 0},
    {"lsm", "LAND", 1, 0},
    {"orog", "HGT", 1, 0},
    {"ssrd", "DSWRF", 1, 0},
    {"strd", "DLWRF", 1, 0},
    {"t", "TMP", NO_LEVEL, 0},
    {"u", "UGRD", NO_LEVEL, 0},
    {"v", "VGRD", NO_LEVEL, 0},
    {"w", "VVEL", NO_LEVEL, 0},
    {"wz", "DZDT", NO_LEVEL, 0},
    {"gh", "HGT", NO_LEVEL, 0},
    {"r", "RH", NO_LEVEL, 0},
    {"q", "SPFH", NO_LEVEL, 0},
    {"dpt", "DPT", NO_LEVEL, 0},
    {"pt", "POT", NO_LEVEL, 0},
    {"pres", "PRES", NO_LEVEL, 0},
    {"absv", "ABSV", NO_LEVEL, 0},
    {"clwmr", "CLWMR", NO_LEVEL, 0},
    {"icmr", "ICMR", NO_LEVEL, 0},
    {"rwmr", "RWMR", NO_LEVEL, 0},
    {"snmr", "SNMR", NO_LEVEL, 0},
    {"grle", "GRLE", NO_LEVEL, 0},
    {"tp", "APCP", NO_LEVEL, 0},
    {"acpcp", "ACPCP", NO_LEVEL, 0},
    {"prate", "PRATE", NO_LEVEL, 0},
    {"pwat", "PWAT", NO_LEVEL, 0},
    {"tcc", "TCDC", NO_LEVEL, 0},
    {"cape", "CAPE", NO_LEVEL, 0},
    {"cin", "CIN", NO_LEVEL, 0},
    {"gust", "GUST", NO_LEVEL, 0},
    {"vis", "VIS", NO_LEVEL, 0},
    {"sde", "SNOD", NO_LEVEL, 0},
    {"sdwe", "WEASD", NO_LEVEL, 0},
    {"blh", "HPBL", NO_LEVEL, 0},
    {"st", "TSOIL", NO_LEVEL, 0},
    {"soilw", "SOILW", NO_LEVEL, 0},
    {"ci", "ICEC", NO_LEVEL, 0},
    {"icec", "ICEC", NO_LEVEL, 0},
    {"icetk", "ICETK", NO_LEVEL, 0},
    {"ws", "WIND", NO_LEVEL, 0},
    {"wdir", "WDIR", NO_LEVEL, 0},
    {"swh", "HTSGW", NO_LEVEL, 0},
    {"perpw", "PERPW", NO_LEVEL, 0},
    {"dirpw", "DIRPW", NO_LEVEL, 0},
    {"shww", "WVHGT", NO_LEVEL, 0},
    {"mpww", "WVPER", NO_LEVEL, 0},
    {"wvdir", "WVDIR", NO_LEVEL, 0},
    {"shts", "SWELL", NO_LEVEL, 0},
    {"mpts", "SWPER", NO_LEVEL, 0},
    {"swdir", "SWDIR", NO_LEVEL, 0},
};

static const struct {
    const char *name;
    int types[2];
    double scale;
} level_types[] = {
    {"surface", {1, -1}, 1},
    {"cloudBase", {2, -1}, 1},
    {"cloudTop", {3, -1}, 1},
    {"isothermZero", {4, -1}, 1},
    {"maxWind", {6, -1}, 1},
    {"tropopause", {7, -1}, 1},
    {"nominalTop", {8, -1}, 1},
    {"atmosphere", {10, 200}, 1},
    {"entireAtmosphere", {10, 200}, 1},
    {"atmosphereSingleLayer", {200, 10}, 1},
    {"isobaricInhPa", {100, -1}, 100},
    {"isobaricInPa", {100, -1}, 1},
    {"meanSea", {101, -1}, 1},
    {"heightAboveSea", {102, -1}, 1},
    {"heightAboveGround", {103, -1}, 1},
    {"heightAboveGroundLayer", {103, -1}, 1},
    {"sigma", {104, -1}, 1},
    {"hybrid", {105, -1}, 1},
    {"depthBelowLand", {106, -1}, 1},
    {"depthBelowLandLayer", {106, -1}, 1},
    {"pressureFromGroundLayer", {108, -1}, 100},
    {"orderedSequenceData", {241, -1}, 1},
};

enum fl_key_kind fl_key_kind_of(const char *name)
{
    for (size_t i = 0; i < FL_COUNT(keys); i++) {
        if (strcmp(name, keys[i].name) == 0)
            return keys[i].kind;
    }
    return FL_KEY_OTHER;
}

const char *fl_key_in_message(const char *name)
{
    for (size_t i = 0; i < FL_COUNT(keys); i++) {
        if (strcmp(name, keys[i].name) == 0)
            return keys[i].in_message;
    }
    return name;
}

bool fl_key_is_known(const char *name)
{
    codes_handle *sample;
    bool known = false;

    for (size_t i = 0; i < FL_COUNT(keys); i++) {
        if (strcmp(name, keys[i].name) == 0)
            return true;
    }
    /* the library's table of keys is read past its end by other characters */
    if (strlen(name) > KEY_NAME_MAX ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") !=
            strlen(name))
        return false;
    sample = codes_grib_handle_new_from_samples(NULL, "GRIB2");
    if (!sample)
        return true; /* no samples are installed: the messages will tell */
    known = codes_is_defined(sample, name) != 0;
    (void)codes_handle_delete(sample); /* nothing was written to it */
    return known;
}

const char *fl_key_nearest(const char *name)
{
    const char *nearest = keys[0].name;
    size_t least = SIZE_MAX;

    for (size_t i = 0; i < FL_COUNT(keys); i++) {
        size_t distance = fl_text_distance(name, keys[i].name);

        if (distance < least) {
            least = distance;
            nearest = keys[i].name;
        }
    }
    return nearest;
}

static bool is_wgrib2_name(const char *name)
{
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == strlen(name) &&
           (name[0] < '0' || name[0] > '9');
}

bool fl_short_name_is_known(const char *name)
{
    for (size_t i = 0; i < FL_COUNT(short_names); i++) {
        if (strcmp(name, short_names[i].name) == 0)
            return true;
    }
    return is_wgrib2_name(name);
}

bool fl_short_name_fits(const char *name, const struct fl_index_line *line)
{
    for (size_t i = 0; i < FL_COUNT(short_names); i++) {
        struct fl_ncep_level level;

        if (strcmp(name, short_names[i].name) != 0)
            continue;
        if (strcmp(line->variable, short_names[i].variable) != 0)
            return false;
        return short_names[i].type == NO_LEVEL ||
               (fl_ncep_level(line->level, &level) && level.type == short_names[i].type &&
                (!level.has_value || fabs(level.value - short_names[i].value) < 1e-6) &&
                !level.has_second);
    }
    return strcmp(name, line->variable) == 0;
}

size_t fl_type_of_level(const char *name, int types[static 2], double *ret_scale)
{
    for (size_t i = 0; i < FL_COUNT(level_types); i++) {
        if (strcmp(name, level_types[i].name) != 0)
            continue;
        types[0] = level_types[i].types[0];
        types[1] = level_types[i].types[1];
        *ret_scale = level_types[i].scale;
        return types[1] < 0 ? 1 : 2;
    }
    return 0;
}
