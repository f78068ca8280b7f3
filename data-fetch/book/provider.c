/* Quotas and cooling of providers. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "data-fetch/book/book_impl.h"

#include "engine/base/banned.h"

#define MINUTE_NS 60e9
#define TICK_NS INT64_C(1000000)

/* What the book (or our share of it) says of a provider. */
struct account {
    double tokens;
    int64_t at_ns; /* tokens are of that time */
    int64_t cool_ns;
    int64_t refusals;
    int64_t probe_ns; /* a probe is under way until then */
};

/* A tenth of a minute's requests may go at once, so that a minute never sees much more than its
 * number. */
static double burst_of(double per_minute)
{
    return per_minute / 10 > 1 ? per_minute / 10 : 1;
}

static int64_t cool_for(int64_t refusals)
{
    int64_t cool = FL_BOOK_COOL_NS;

    for (int64_t i = 1; i < refusals && cool < FL_BOOK_COOL_MAX_NS; i++)
        cool *= 2;
    return cool < FL_BOOK_COOL_MAX_NS ? cool : FL_BOOK_COOL_MAX_NS;
}

/* The machine may have started anew since: times that lie ahead of what can be are none. */
static void settle(struct account *account, int64_t now)
{
    if (account->at_ns > now)
        account->at_ns = now;
    if (account->cool_ns > now + FL_BOOK_COOL_MAX_NS)
        account->cool_ns = now;
    if (account->probe_ns > now + FL_BOOK_PROBE_NS)
        account->probe_ns = 0;
}

/* 0: one request may go, and is counted; else how long to wait. */
static int64_t account_ask(struct account *account, double per_minute, int64_t now)
{
    double burst = burst_of(per_minute);

    settle(account, now);
    if (account->cool_ns > now)
        return account->cool_ns - now;
    if (account->refusals > 0 && account->probe_ns > now)
        return account->probe_ns - now; /* its answer will tell sooner */
    if (per_minute > 0) {
        account->tokens += (double)(now - account->at_ns) * per_minute / MINUTE_NS;
        account->at_ns = now;
        if (account->tokens > burst)
            account->tokens = burst;
        if (account->tokens < 1)
            return (int64_t)((1 - account->tokens) * MINUTE_NS / per_minute) + TICK_NS;
        account->tokens -= 1;
    }
    if (account->refusals > 0)
        account->probe_ns = now + FL_BOOK_PROBE_NS;
    return 0;
}

/* ---- without the book ---- */

static struct fl_book_share *share_of(struct fl_book *book, const char *provider)
{
    struct fl_book_share *share;

    for (size_t i = 0; i < book->share_count; i++) {
        if (strcmp(book->shares[i].provider, provider) == 0)
            return &book->shares[i];
    }
    if (book->share_count == FL_BOOK_PROVIDERS_MAX) /* the last one serves all others */
        return &book->shares[FL_BOOK_PROVIDERS_MAX - 1];
    share = &book->shares[book->share_count++];
    *share = (struct fl_book_share){.tokens = 1, .at_ns = fl_book_now(book)};
    (void)snprintf(share->provider, sizeof(share->provider), "%s", provider);
    return share;
}

static int64_t share_ask(struct fl_book *book, const char *provider, int64_t per_minute)
{
    struct fl_book_share *share = share_of(book, provider);
    struct account account = {.tokens = share->tokens < 1 ? share->tokens : 1,
                              .at_ns = share->at_ns,
                              .cool_ns = share->cool_ns,
                              .refusals = share->refusals};
    int64_t wait = account_ask(&account, (double)per_minute / FL_BOOK_SHARE, fl_book_now(book));

    share->tokens = account.tokens;
    share->at_ns = account.at_ns;
    return wait;
}

/* ---- with it ---- */

/* Within a transaction. A provider that is not there yet has a full bucket. */
static bool account_read(struct fl_book *book, const char *provider, struct account *account)
{
    sqlite3_stmt *row = fl_book_prepare(
        book, "SELECT tokens, at_ns, cool_ns, refusals, probe_ns FROM providers WHERE name = ?",
        "s", provider);

    *account = (struct account){.tokens = 1e9, .at_ns = fl_book_now(book)};
    if (fl_book_step(book, row))
        *account = (struct account){.tokens = sqlite3_column_double(row, 0),
                                    .at_ns = sqlite3_column_int64(row, 1),
                                    .cool_ns = sqlite3_column_int64(row, 2),
                                    .refusals = sqlite3_column_int64(row, 3),
                                    .probe_ns = sqlite3_column_int64(row, 4)};
    fl_book_end(row);
    return book->db != NULL;
}

static bool account_write(struct fl_book *book, const char *provider, const struct account *account)
{
    return fl_book_run(book,
                       "INSERT OR REPLACE INTO providers (name, tokens, at_ns, cool_ns, refusals,"
                       " probe_ns) VALUES (?, ?, ?, ?, ?, ?)",
                       "sdiiii", provider, account->tokens, account->at_ns, account->cool_ns,
                       account->refusals, account->probe_ns);
}

int64_t fl_book_ask(struct fl_book *book, const char *provider, int64_t per_minute)
{
    struct account account;
    int64_t wait;

    fl_assert(per_minute >= 0);
    if (!fl_book_begin(book) || !account_read(book, provider, &account))
        return share_ask(book, provider, per_minute);
    wait = account_ask(&account, (double)per_minute, fl_book_now(book));
    if (!account_write(book, provider, &account) || !fl_book_commit(book))
        return share_ask(book, provider, per_minute);
    return wait;
}

int64_t fl_book_refused(struct fl_book *book, const char *provider)
{
    struct fl_book_share *share = share_of(book, provider);
    int64_t now = fl_book_now(book);
    struct account account;
    int64_t cool;

    cool = cool_for(++share->refusals);
    share->cool_ns = now + cool;
    if (!fl_book_begin(book) || !account_read(book, provider, &account))
        return cool;
    settle(&account, now);
    if (account.cool_ns <= now) /* others that were refused meanwhile tell nothing new */
        account.cool_ns = now + cool_for(++account.refusals);
    account.probe_ns = 0;
    cool = account.cool_ns - now;
    if (account_write(book, provider, &account))
        (void)fl_book_commit(book); /* our share knows */
    return cool;
}

void fl_book_patience(struct fl_book *book, const char *provider, int64_t pause_ns)
{
    struct fl_book_share *share = share_of(book, provider);
    int64_t until = fl_book_now(book) + pause_ns;
    struct account account;

    share->cool_ns = share->cool_ns > until ? share->cool_ns : until;
    if (!fl_book_begin(book) || !account_read(book, provider, &account))
        return;
    settle(&account, fl_book_now(book));
    account.cool_ns = account.cool_ns > until ? account.cool_ns : until;
    if (account_write(book, provider, &account))
        (void)fl_book_commit(book); /* our share knows */
}

void fl_book_fine(struct fl_book *book, const char *provider)
{
    struct fl_book_share *share = share_of(book, provider);

    if (share->refusals == 0 && share->cool_ns == 0)
        return; /* the usual case costs no transaction */
    share->refusals = 0;
    share->cool_ns = 0;
    (void)fl_book_run(book,
                      "UPDATE providers SET refusals = 0, probe_ns = 0, cool_ns = 0"
                      " WHERE name = ? AND refusals > 0",
                      "s", provider);
}
