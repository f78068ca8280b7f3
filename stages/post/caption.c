/* Titles and source lines. */
#include "config.h"

#include "stages/post/caption.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

/* "10 Oct 2018 18:00". */
static void time_text(struct fl_cycle time, char text[static FL_TIME_TEXT_MAX])
{
    if (fl_cycle_strftime(time, "%d %b %Y %H:%M", text, FL_TIME_TEXT_MAX, NULL) < 0)
        fl_cycle_format_extended(time, text);
    if (text[0] == '0')
        memmove(text, text + 1, strlen(text));
}

static void capital(char *text)
{
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
}

static void common(const struct fl_post_config *config, const char *what, const char *run,
                   struct fl_caption *caption)
{
    (void)snprintf(caption->title, sizeof(caption->title), "%s%s%s", config->event,
                   *config->event ? ": " : "", what);
    capital(caption->title);
    (void)snprintf(caption->subtitle, sizeof(caption->subtitle), "%s. Metres above %s",
                   config->note, config->datum);
    capital(caption->subtitle);
    (void)snprintf(caption->bar_title, sizeof(caption->bar_title), "m above %s",
                   config->datum_short);
    fl_caption_source(config, run, caption->source, sizeof(caption->source));
}

void fl_caption_hour(const struct fl_post_config *config, const struct fl_hour *hour,
                     const char *run, struct fl_caption *ret_caption)
{
    struct fl_lead lead = {(int32_t)((hour->valid.s - hour->cycle.s) / 60)};
    char time[FL_TIME_TEXT_MAX];
    char lead_text[FL_TIME_TEXT_MAX];

    *ret_caption = (struct fl_caption){0};
    common(config, "water level", run, ret_caption);
    if (config->arrows && hour->u.nlat && hour->v.nlat) {
        size_t used = strlen(ret_caption->subtitle);

        (void)snprintf(ret_caption->subtitle + used, sizeof(ret_caption->subtitle) - used,
                       "; arrows: depth-averaged current");
    }
    time_text(hour->valid, time);
    (void)snprintf(ret_caption->when, sizeof(ret_caption->when), "Valid %s UTC", time);
    time_text(hour->cycle, time);
    fl_lead_format(lead, lead_text);
    (void)snprintf(ret_caption->when_more, sizeof(ret_caption->when_more), "%s h from %s UTC",
                   lead_text, time);
}

void fl_caption_maximum(const struct fl_post_config *config, const struct fl_maximum *maximum,
                        const char *run, struct fl_caption *ret_caption)
{
    char from[FL_TIME_TEXT_MAX];
    char to[FL_TIME_TEXT_MAX];
    size_t index;

    *ret_caption = (struct fl_caption){0};
    common(config, "maximum water level", run, ret_caption);
    if (maximum->has_period) {
        time_text(maximum->from, from);
        time_text(maximum->to, to);
        (void)snprintf(ret_caption->when, sizeof(ret_caption->when), "%s to %s UTC", from, to);
    } else {
        time_text(maximum->cycle, from);
        (void)snprintf(ret_caption->when, sizeof(ret_caption->when), "Run of %s UTC", from);
    }
    if (fl_raster_peak(&maximum->zeta_max, &index) && isfinite(maximum->time_of_max.value[index])) {
        struct fl_point place = fl_raster_place(&maximum->zeta_max, index);

        time_text((struct fl_cycle){maximum->cycle.s +
                                    llround((double)maximum->time_of_max.value[index])},
                  from);
        (void)snprintf(ret_caption->when_more, sizeof(ret_caption->when_more),
                       "highest %.2f m at %.2f\u00b0%s %.2f\u00b0%s, %s UTC",
                       (double)maximum->zeta_max.value[index], fabs(place.lat),
                       place.lat < 0 ? "S" : "N", fabs(place.lon), place.lon < 0 ? "W" : "E", from);
    }
}

void fl_caption_source(const struct fl_post_config *config, const char *run, char *text,
                       size_t size)
{
    (void)snprintf(text, size, "Fairlead %s%s%s%s%s\n%s%s%s", PACKAGE_VERSION, run ? ", run " : "",
                   run ? run : "", *config->model ? "; model: " : "", config->model, config->source,
                   *config->source ? "; " : "",
                   strstr(config->coastline, "/ne_") ? "coastline: Natural Earth" : "");
}
