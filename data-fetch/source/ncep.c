/* Names of variables and levels in wgrib2's inventories. */
#include "config.h"

#include "data-fetch/source/ncep.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/macro.h"

#include "engine/base/banned.h"

static const struct {
    const char *name;
    struct fl_ncep_variable codes;
} variables[] = {
    /* discipline 0, meteorology */
    {"TMP", {0, 0, 0}},
    {"POT", {0, 0, 2}},
    {"TMAX", {0, 0, 4}},
    {"TMIN", {0, 0, 5}},
    {"DPT", {0, 0, 6}},
    {"APTMP", {0, 0, 21}},
    {"SPFH", {0, 1, 0}},
    {"RH", {0, 1, 1}},
    {"PWAT", {0, 1, 3}},
    {"PRATE", {0, 1, 7}},
    {"APCP", {0, 1, 8}},
    {"ACPCP", {0, 1, 10}},
    {"SNOD", {0, 1, 11}},
    {"WEASD", {0, 1, 13}},
    {"CLWMR", {0, 1, 22}},
    {"ICMR", {0, 1, 23}},
    {"RWMR", {0, 1, 24}},
    {"SNMR", {0, 1, 25}},
    {"GRLE", {0, 1, 32}},
    {"WDIR", {0, 2, 0}},
    {"WIND", {0, 2, 1}},
    {"UGRD", {0, 2, 2}},
    {"VGRD", {0, 2, 3}},
    {"VVEL", {0, 2, 8}},
    {"DZDT", {0, 2, 9}},
    {"ABSV", {0, 2, 10}},
    {"GUST", {0, 2, 22}},
    {"PRES", {0, 3, 0}},
    {"PRMSL", {0, 3, 1}},
    {"HGT", {0, 3, 5}},
    {"MSLET", {0, 3, 192}},
    {"TCDC", {0, 6, 1}},
    {"CAPE", {0, 7, 6}},
    {"CIN", {0, 7, 7}},
    {"VIS", {0, 19, 0}},
    /* discipline 2, land */
    {"LAND", {2, 0, 0}},
    /* discipline 10, ocean */
    {"WVDIR", {10, 0, 4}},
    {"WVHGT", {10, 0, 5}},
    {"WVPER", {10, 0, 6}},
    {"SWDIR", {10, 0, 7}},
    {"SWELL", {10, 0, 8}},
    {"SWPER", {10, 0, 9}},
    {"DIRPW", {10, 0, 10}},
    {"PERPW", {10, 0, 11}},
    {"HTSGW", {10, 0, 3}},
    {"ICEC", {10, 2, 0}},
    {"ICETK", {10, 2, 1}},
};

/* Levels without a value. */
static const struct {
    const char *text;
    int type;
    int type_other;
} plain_levels[] = {
    {"surface", 1, -1},           {"cloud base", 2, -1},
    {"cloud top", 3, -1},         {"0C isotherm", 4, -1},
    {"max wind", 6, -1},          {"tropopause", 7, -1},
    {"top of atmosphere", 8, -1}, {"entire atmosphere", 10, 200},
    {"mean sea level", 101, -1},  {"entire atmosphere (considered as a single layer)", 200, 10},
};

/* Levels "VALUE unit" or "VALUE-VALUE unit". */
static const struct {
    const char *unit;
    int type;
    double scale; /* from the text's unit to the code table's */
} value_levels[] = {
    {" mb", 100, 100.0},
    {" m above mean sea level", 102, 1.0},
    {" m above ground", 103, 1.0},
    {" sigma level", 104, 1.0},
    {" hybrid level", 105, 1.0},
    {" m below ground", 106, 1.0},
    {" mb above ground", 108, 100.0},
    {" in sequence", 241, 1.0},
};

static bool number_after(const char *text, const char *word, int *ret_value)
{
    const char *at = strstr(text, word);
    char *end = NULL;
    long value;

    if (!at)
        return false;
    value = strtol(at + strlen(word), &end, 10);
    if (end == at + strlen(word) || value < 0 || value > 255)
        return false;
    *ret_value = (int)value;
    return true;
}

bool fl_ncep_variable(const char *name, struct fl_ncep_variable *ret_variable)
{
    if (strncmp(name, "var discipline=", 15) == 0)
        return number_after(name, "discipline=", &ret_variable->discipline) &&
               number_after(name, "parmcat=", &ret_variable->category) &&
               number_after(name, "parm=", &ret_variable->number);
    for (size_t i = 0; i < FL_COUNT(variables); i++) {
        if (strcmp(name, variables[i].name) == 0) {
            *ret_variable = variables[i].codes;
            return true;
        }
    }
    return false;
}

bool fl_ncep_level(const char *text, struct fl_ncep_level *ret_level)
{
    struct fl_ncep_level level = {.type_other = -1};
    char *unit = NULL;

    for (size_t i = 0; i < FL_COUNT(plain_levels); i++) {
        if (strcmp(text, plain_levels[i].text) == 0) {
            level.type = plain_levels[i].type;
            level.type_other = plain_levels[i].type_other;
            *ret_level = level;
            return true;
        }
    }
    if (*text < '0' || *text > '9')
        return false;
    level.value = strtod(text, &unit);
    level.has_value = true;
    if (*unit == '-') {
        const char *second = unit + 1;

        level.second = strtod(second, &unit);
        level.has_second = unit != second;
        if (!level.has_second)
            return false;
    }
    for (size_t i = 0; i < FL_COUNT(value_levels); i++) {
        if (strcmp(unit, value_levels[i].unit) == 0) {
            level.type = value_levels[i].type;
            level.value *= value_levels[i].scale;
            level.second *= value_levels[i].scale;
            *ret_level = level;
            return true;
        }
    }
    return false;
}
