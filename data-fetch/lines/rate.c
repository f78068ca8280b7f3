/* A fading mean. */
#include "config.h"

#include "data-fetch/lines/rate.h"

#include <math.h>

#include "engine/base/banned.h"

#define SPAN_S 1.0
#define BUSY_MIN_S 0.002 /* less tells nothing: a burst out of a buffer */

static void move_to(struct fl_rate *rate, int64_t now_ns)
{
    double passed_s = (double)(now_ns - rate->at_ns) * 1e-9;

    if (passed_s <= 0)
        return;
    rate->at_ns = now_ns;
    if (rate->busy) {
        double stays = exp(-passed_s / SPAN_S);

        rate->bytes *= stays;
        rate->busy_s = rate->busy_s * stays + SPAN_S * (1 - stays);
    }
}

void fl_rate_busy(struct fl_rate *rate, bool busy, int64_t now_ns)
{
    move_to(rate, now_ns);
    rate->busy = busy;
}

void fl_rate_add(struct fl_rate *rate, int64_t bytes, int64_t now_ns)
{
    move_to(rate, now_ns);
    rate->bytes += (double)bytes;
}

double fl_rate_now(const struct fl_rate *rate, int64_t now_ns)
{
    struct fl_rate copy = *rate;

    move_to(&copy, now_ns);
    return copy.busy_s > BUSY_MIN_S ? copy.bytes / copy.busy_s : 0;
}
