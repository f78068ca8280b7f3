/* Manners. */
#include "config.h"

#include "data-fetch/pull/manners.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/world/world.h"

#include "engine/base/banned.h"

#define SECOND_NS INT64_C(1000000000)
#define RATE_BYTES_MIN (UINT64_C(8) * 1024 * 1024) /* less tells nothing about a rate */
#define SURE_NS SECOND_NS
#define TRY_OTHER 16  /* one run in so many measures the slower mode again */
#define KNOWN_MIN 3   /* cycles that make an experience */
#define EARLY_LOOKS 8 /* polls between two looks long before the time */
#define LOOK_MIN_NS (SECOND_NS / 1000)

static int64_t now_ns(const struct fl_manners *manners)
{
    return fl_world_mono_ns(manners->world);
}

/* A mirror without a provider's name (one of the command line) counts for its host. */
static void name_provider(const struct fl_source_mirror *from, char *name, size_t size)
{
    const char *host = strstr(from->url, "://");

    host = host ? host + 3 : from->url;
    if (from->provider[0])
        (void)snprintf(name, size, "%s", from->provider);
    else
        (void)snprintf(name, size, "%.*s", (int)strcspn(host, "/"), host);
}

void fl_manners_init(struct fl_manners *manners, const struct fl_world *world, struct fl_book *book,
                     const struct fl_source *source)
{
    *manners = (struct fl_manners){.world = world, .book = book, .source = source};
    for (size_t i = 0; i < source->mirror_count; i++) {
        struct fl_manners_mirror *mirror = &manners->mirrors[i];

        name_provider(&source->mirrors[i], mirror->provider, sizeof(mirror->provider));
        mirror->limit = (size_t)source->mirrors[i].connections;
        mirror->per_minute = source->mirrors[i].per_minute;
    }
}

/* The faster of both as far as they are known; what is not known is tried, and the slower one now
 * and then. */
static void settle_mode(struct fl_manners *manners, size_t at)
{
    struct fl_manners_mirror *mirror = &manners->mirrors[at];
    double one, two;
    uint32_t dice = 1;

    mirror->settled = true;
    if (strncasecmp(manners->source->mirrors[at].url, "https:", 6) != 0)
        return;
    one = fl_book_rate(manners->book, mirror->provider, "h1");
    two = one > 0 ? fl_book_rate(manners->book, mirror->provider, "h2") : 0;
    if (one <= 0) /* parallel HTTP/1.1 first: what nearly all object stores are best at */
        return;
    mirror->http2 = two <= 0 || two > one;
    if (two > 0 && fl_world_random(manners->world, &dice, sizeof(dice), NULL) == 0 &&
        dice % TRY_OTHER == 0)
        mirror->http2 = !mirror->http2;
}

void fl_manners_end(struct fl_manners *manners)
{
    for (size_t i = 0; i < manners->source->mirror_count; i++) {
        const struct fl_manners_mirror *mirror = &manners->mirrors[i];

        if (mirror->bytes >= RATE_BYTES_MIN && mirror->last_ns > mirror->first_ns)
            fl_book_rate_add(manners->book, mirror->provider, mirror->http2 ? "h2" : "h1",
                             (double)mirror->bytes * 1e9 /
                                 (double)(mirror->last_ns - mirror->first_ns));
    }
}

bool fl_manners_ask(struct fl_manners *manners, size_t at, int64_t *ret_due)
{
    struct fl_manners_mirror *mirror = &manners->mirrors[at];
    int64_t now = now_ns(manners);
    int64_t wait;

    *ret_due = INT64_MAX;
    if (mirror->asking >= mirror->limit)
        return false;
    if (mirror->next_ns > now) {
        *ret_due = mirror->next_ns;
        return false;
    }
    if (mirror->per_minute > 0 || mirror->sure_ns <= now) {
        wait = fl_book_ask(manners->book, mirror->provider, mirror->per_minute);
        if (wait > 0) {
            *ret_due = mirror->next_ns = now + wait;
            return false;
        }
        mirror->sure_ns = now + SURE_NS;
    }
    if (!mirror->settled)
        settle_mode(manners, at);
    if (mirror->first_ns == 0)
        mirror->first_ns = now;
    mirror->asking++;
    return true;
}

bool fl_manners_is_refusal(const struct fl_http_reply *reply)
{
    return reply->status == 403 || reply->status == 401 ||
           (reply->redirects > 0 && reply->url && strcasestr(reply->url, "abuse") != NULL);
}

/* Full jitter: anything from nothing to twice the last pause. */
static int64_t pause_for(struct fl_manners *manners, struct fl_manners_mirror *mirror)
{
    int64_t most = FL_MANNERS_PAUSE_NS << (mirror->pauses < 9 ? mirror->pauses : 9);
    uint32_t dice = UINT32_MAX;

    most = most < FL_MANNERS_PAUSE_MAX_NS ? most : FL_MANNERS_PAUSE_MAX_NS;
    (void)fl_world_random(manners->world, &dice, sizeof(dice), NULL); /* else the longest */
    return (int64_t)((double)most * ((double)dice / (double)UINT32_MAX));
}

static void ask_for_patience(struct fl_manners *manners, struct fl_manners_mirror *mirror,
                             const struct fl_http_reply *reply, char *text, size_t size)
{
    int64_t pause = reply->retry_after_s >= 0 ? reply->retry_after_s : -1;

    pause = pause > FL_MANNERS_PAUSE_MAX_NS / SECOND_NS ? FL_MANNERS_PAUSE_MAX_NS
            : pause >= 0                                ? pause * SECOND_NS
                                                        : pause_for(manners, mirror);
    mirror->pauses++;
    if (now_ns(manners) + pause > mirror->next_ns)
        mirror->next_ns = now_ns(manners) + pause;
    if (pause > 0)
        fl_book_patience(manners->book, mirror->provider, pause);
    (void)snprintf(text, size, "'%s' answered %ld: nothing goes there for %.1f s", mirror->provider,
                   reply->status, (double)pause / 1e9);
}

void fl_manners_answered(struct fl_manners *manners, size_t at, const struct fl_http_reply *reply,
                         char *text, size_t size)
{
    struct fl_manners_mirror *mirror = &manners->mirrors[at];
    int64_t cool;

    fl_assert(mirror->asking > 0);
    mirror->asking--;
    if (size > 0)
        text[0] = '\0';
    if (!reply)
        return;
    mirror->bytes += reply->bytes;
    mirror->last_ns = now_ns(manners);
    if (fl_manners_is_refusal(reply)) {
        cool = fl_book_refused(manners->book, mirror->provider);
        mirror->next_ns = now_ns(manners) + cool;
        (void)snprintf(text, size,
                       "'%s' refused us (status %ld%s%s): nothing goes there for %" PRId64
                       " s, then one request",
                       mirror->provider, reply->status, reply->redirects ? ", at " : "",
                       reply->redirects ? reply->url : "", cool / SECOND_NS);
    } else if (reply->status == 429 || reply->status == 503) {
        ask_for_patience(manners, mirror, reply, text, size);
    } else if (reply->status >= 200 && reply->status < 300) {
        mirror->pauses = 0;
        fl_book_fine(manners->book, mirror->provider);
    }
}

/* ---- looking again ---- */

int64_t fl_manners_look_ns(struct fl_manners *manners, struct fl_cycle cycle, struct fl_lead lead,
                           int64_t utc_s, int64_t poll_ns, size_t ahead)
{
    struct fl_book_arrival known;
    int64_t age_s = utc_s - cycle.s;
    int64_t poll_s = poll_ns / SECOND_NS;
    int64_t look = poll_ns;

    fl_book_arrival(manners->book, manners->source->name, lead, &known);
    if (known.count >= KNOWN_MIN) {
        int64_t spread_s = known.latest_s - known.earliest_s + poll_s;

        if (age_s < known.earliest_s - spread_s) /* long before: now and then, in case */
            look = (known.earliest_s - spread_s - age_s) * SECOND_NS;
        else if (age_s <= known.latest_s + spread_s) /* any moment now */
            look = poll_ns / 4;
        else /* late: the later, the seldomer */
            look = poll_ns + (age_s - known.latest_s - spread_s) * SECOND_NS / 10;
        if (look > EARLY_LOOKS * poll_ns)
            look = EARLY_LOOKS * poll_ns;
    }
    if (ahead >= FL_MANNERS_LOOK_AHEAD) /* those before it come first; they tell */
        look = EARLY_LOOKS * poll_ns;
    return look > LOOK_MIN_NS ? look : LOOK_MIN_NS;
}
