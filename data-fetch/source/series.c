/* Valid times to cycles and leads of a source. */
#include "config.h"

#include "data-fetch/source/series.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

int fl_series_parse(const char *text, struct fl_series *ret_series, struct fl_err *reterr)
{
    const char *comma = strchr(text, ',');
    char every[FL_TIME_TEXT_MAX];
    struct fl_series series = {0};

    if (strncmp(text, "every=", 6) != 0 || !comma || strncmp(comma, ",leads=", 7) != 0 ||
        (size_t)(comma - text - 6) >= sizeof(every))
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "series '%s'; accepted: such as every=PT6H,leads=+000/+003/3", text);
    (void)snprintf(every, sizeof(every), "%.*s", (int)(comma - text - 6), text + 6);
    if (fl_duration_parse(every, &series.every_s, reterr) < 0 ||
        fl_leads_parse(comma + 7, &series.leads, reterr) < 0)
        return fl_err_note(reterr, FL_E_USAGE, "series '%s'", text);
    if (series.every_s <= 0 || 86400 % series.every_s != 0)
        return fl_err_set(reterr, FL_E_USAGE, 0, "series '%s': 'every' must divide a day", text);
    *ret_series = series;
    return 0;
}

int fl_series_map(const struct fl_series *series, struct fl_cycle valid, struct fl_cycle *ret_cycle,
                  struct fl_lead *ret_lead, struct fl_err *reterr)
{
    int64_t since = ((valid.s % series->every_s) + series->every_s) % series->every_s;
    struct fl_cycle cycle = {.s = valid.s - since};
    char when[FL_TIME_TEXT_MAX];
    char leads[80];

    for (int i = 0; i < FL_SERIES_BACK_MAX; i++, cycle.s -= series->every_s) {
        int64_t ahead_s = valid.s - cycle.s;
        struct fl_lead lead = {.minutes = (int32_t)(ahead_s / 60)};

        if (ahead_s / 60 > series->leads.last.minutes)
            break;
        if (ahead_s % 60 == 0 && fl_leads_find(&series->leads, lead) >= 0) {
            *ret_cycle = cycle;
            *ret_lead = lead;
            return 0;
        }
    }
    fl_cycle_format(valid, when);
    fl_leads_format(&series->leads, leads, sizeof(leads));
    return fl_err_set(reterr, FL_E_NOENT, 0,
                      "no cycle of the series has a lead for %s (its leads: %s)", when, leads);
}
