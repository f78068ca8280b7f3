/* What holds back an instance that is ready: a hold, a time, the limits of its pool and who uses
 * it. */
#include "config.h"

#include "engine/core/flow.h"
#include "engine/core/limits.h"
#include "engine/core/view_impl.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/banned.h"

/* Those who use a pool, as a bounded list of names. */
struct users {
    struct fl_why *why;
    const struct fl_run *of; /* titles of other runs have their run with them */
    const char *pool;
    const char *site;
    bool with_cores;   /* only those that use cores */
    const char *limit; /* only those that use this limit, of any pool; or NULL */
    const char *need;  /* only those that use this resource; or NULL */
    size_t count;
};

static void add_holder(struct fl_why *why, const struct fl_run *run, uint32_t inst,
                       const struct fl_attempt *attempt)
{
    char key[FL_KEY_TEXT_MAX];
    json_t *one;

    if (!why->holders || why->depth > 0 || json_array_size(why->holders) >= FL_VIEW_LIST_MAX)
        return;
    one = json_object();
    fl_view_put_text(&why->rc, one, "run", run->name);
    fl_view_put_text(&why->rc, one, "stage", fl_inst_stage(run, inst)->name);
    fl_view_put_text(&why->rc, one, "key", fl_inst_key(run, inst, key));
    fl_view_put_text(&why->rc, one, "state", fl_state_name(run->insts[inst].state));
    fl_view_put_text(&why->rc, one, "worker", why->core->workers[attempt->worker]->name);
    fl_view_put_int(&why->rc, one, "cores", attempt->cores);
    fl_view_put_time(&why->rc, one, "since", attempt->launched_ns);
    if (json_array_append_new(why->holders, one) < 0)
        why->rc = FL_E_NOMEM;
}

static bool uses_limit(const struct users *users, const struct fl_run *run, uint32_t inst)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_stage *stage = fl_inst_stage(run, inst);

    for (size_t i = 0; i < stage->use_count; i++)
        if (strcmp(wf->limits[stage->uses[i].limit].name, users->limit) == 0 &&
            strcmp(wf->name, users->of->plan->workflow->name) == 0)
            return true;
    return false;
}

static bool uses_need(const struct fl_stage *stage, const char *need)
{
    for (size_t i = 0; i < stage->need_count; i++)
        if (strcmp(stage->needs[i].name, need) == 0)
            return true;
    return false;
}

/* True for an attempt under way that holds what is wanted. */
static bool is_user(const struct users *users, const struct fl_run *run, uint32_t inst)
{
    const struct fl_attempt *attempt = fl_inst_last_try(&run->insts[inst]);

    if (users->limit)
        return uses_limit(users, run, inst);
    if (strcmp(fl_core_word(users->why->core, attempt->pool), users->pool) != 0 ||
        strcmp(fl_core_word(users->why->core, attempt->site), users->site) != 0)
        return false;
    if (users->need)
        return uses_need(fl_inst_stage(run, inst), users->need);
    return !users->with_cores || attempt->cores > 0;
}

static void users_of_run(struct users *users, const struct fl_run *run)
{
    char title[FL_CORE_ID_MAX];
    uint32_t left = run->counts[FL_STATE_LAUNCHED] + run->counts[FL_STATE_RUNNING];

    for (uint32_t i = 0; left > 0 && i < run->plan->inst_count; i++) {
        const struct fl_attempt *attempt = fl_inst_last_try(&run->insts[i]);

        if (run->insts[i].state != FL_STATE_LAUNCHED && run->insts[i].state != FL_STATE_RUNNING)
            continue;
        left--;
        if (!is_user(users, run, i))
            continue;
        add_holder(users->why, run, i, attempt);
        if (users->count++ >= FL_VIEW_NAMED_MAX)
            continue;
        fl_inst_title(run, i, title, sizeof(title));
        fl_buf_printf(users->why->out, "%s%s", users->count > 1 ? ", " : "", title);
        if (run != users->of)
            fl_buf_printf(users->why->out, " of run '%s'", run->name);
    }
}

static void users_end(const struct users *users)
{
    if (users->count > FL_VIEW_NAMED_MAX)
        fl_buf_printf(users->why->out, " and %zu more", users->count - FL_VIEW_NAMED_MAX);
    if (users->count == 0)
        fl_buf_puts(users->why->out, "attempts that end just now");
}

static void all_users(struct users *users)
{
    const struct fl_core *core = users->why->core;

    for (size_t r = 0; r < core->active_count; r++)
        users_of_run(users, core->runs[core->active[r]]);
    users_end(users);
}

/* What all workers that can be reached offer of a pool at a site. */
struct offer {
    size_t workers;
    int64_t cores;
    int64_t used_cores;
    int64_t jobs;
    int64_t used_jobs;
    int64_t widest; /* most cores that one worker offers */
    bool fits;      /* there is room now */
    const struct fl_worker *gone;
};

static struct offer look_at_workers(const struct fl_core *core, const char *pool, const char *site,
                                    int64_t cores)
{
    struct offer offer = {0};

    for (size_t w = 0; w < core->worker_count; w++) {
        const struct fl_worker *worker = core->workers[w];

        for (size_t p = 0; p < worker->pool_count; p++) {
            const struct fl_worker_pool *has = &worker->pools[p];

            if (strcmp(fl_core_word(core, has->pool), pool) != 0 ||
                strcmp(fl_core_word(core, has->site), site) != 0)
                continue;
            if (worker->gone) {
                offer.gone = worker;
                continue;
            }
            offer.workers++;
            offer.cores += has->cores;
            offer.used_cores += has->used_cores;
            offer.jobs += has->jobs;
            offer.used_jobs += has->used_jobs;
            if (has->cores > offer.widest)
                offer.widest = has->cores;
            if (has->cores - has->used_cores >= cores && has->used_jobs < has->jobs)
                offer.fits = true;
        }
    }
    return offer;
}

static void no_offer(struct fl_why *why, const char *pool, const char *site,
                     const struct fl_worker *gone)
{
    char since[FL_VIEW_TIME_MAX];

    fl_buf_printf(why->out, "no worker offers pool '%s' at site '%s'", pool, site);
    if (!gone)
        return;
    fl_view_time(gone->since_ns, since);
    fl_buf_printf(why->out, "; worker '%s', which did, is gone since %s%s%.300s", gone->name, since,
                  gone->reason ? ": " : "", gone->reason ? gone->reason : "");
}

static const char *plural(int64_t count)
{
    return count == 1 ? "" : "s";
}

static void cores_text(struct fl_why *why, const char *pool, int64_t wanted,
                       const struct offer *offer)
{
    if (wanted > 1)
        fl_buf_printf(why->out, "it wants %lld cores; ", (long long)wanted);
    fl_buf_printf(why->out, "pool '%s' has %lld core%s", pool, (long long)offer->cores,
                  plural(offer->cores));
    if (offer->workers > 1)
        fl_buf_printf(why->out, " on %zu workers", offer->workers);
    if (offer->used_cores < offer->cores)
        fl_buf_printf(why->out, ", %lld", (long long)offer->used_cores);
    fl_buf_puts(why->out, offer->used_cores < offer->cores ? " used by " : ", used by ");
}

/* "limit 'io' is 4, of which it takes 2; used by …". */
static void limit_text(struct users *users, const struct fl_run *run, uint32_t s, int32_t limit)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_stage *stage = &wf->stages[s];
    struct fl_why *why = users->why;
    int64_t left = fl_limits_left(run, s, limit);
    int64_t weight = 0;

    for (size_t i = 0; i < stage->use_count; i++)
        if (stage->uses[i].limit == limit)
            weight = stage->uses[i].weight;
    fl_buf_printf(why->out, "limit '%s' is %lld, of which it takes %lld", wf->limits[limit].name,
                  (long long)wf->limits[limit].size, (long long)weight);
    if (left > 0)
        fl_buf_printf(why->out, " and leaves %lld to what it follows", (long long)left);
    fl_buf_puts(why->out, "; used by ");
    users->limit = wf->limits[limit].name;
    all_users(users);
}

/* A resource that no worker of the pool has enough of now, or ever; false when there is none. */
static bool need_text(struct users *users, struct fl_limits *limits, const struct fl_workflow *wf,
                      const struct fl_stage *stage)
{
    const struct fl_core *core = users->why->core;
    struct fl_buf *out = users->why->out;
    size_t need = 0;
    bool fits = stage->need_count == 0;
    int64_t offer = 0;

    for (uint32_t w = 0; !fits && w < core->worker_count; w++) {
        const struct fl_worker *worker = core->workers[w];

        for (uint32_t p = 0; !fits && !worker->gone && p < worker->pool_count; p++) {
            if (strcmp(fl_core_word(core, worker->pools[p].pool), users->pool) != 0 ||
                strcmp(fl_core_word(core, worker->pools[p].site), users->site) != 0)
                continue;
            if (fl_needs_fit(limits, core, wf, stage, w, p, &fits, &need, NULL) < 0)
                return false;
            if (!fits &&
                fl_needs_offer(core, wf, stage->pool, w, p, stage->needs[need].name) > offer)
                offer = fl_needs_offer(core, wf, stage->pool, w, p, stage->needs[need].name);
        }
    }
    if (fits)
        return false;
    fl_buf_printf(out, "it needs %lld of '%s', ", (long long)stage->needs[need].amount,
                  stage->needs[need].name);
    if (stage->needs[need].amount > offer) {
        fl_buf_printf(out,
                      "and no worker of pool '%s' has more than %lld: it can never start as things "
                      "are",
                      users->pool, (long long)offer);
        return true;
    }
    fl_buf_printf(out, "and pool '%s' has %lld a worker; used by ", users->pool, (long long)offer);
    users->need = stage->needs[need].name;
    all_users(users);
    return true;
}

/* A limit or a resource holds it back; false when none does. */
static bool shared_room(struct users *users, const struct fl_run *run, uint32_t inst)
{
    const struct fl_workflow *wf = run->plan->workflow;
    uint32_t s = run->plan->inst_stage[inst];
    struct fl_limits limits = {0};
    int32_t limit = FL_NONE;
    bool told = false;

    if (fl_limits_full(&limits, users->why->core, run, s, &limit, NULL) == 0) {
        told = limit != FL_NONE;
        if (told)
            limit_text(users, run, s, limit);
        else
            told = need_text(users, &limits, wf, &wf->stages[s]);
    }
    fl_limits_release(&limits);
    return told;
}

static void pool_room(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    const struct fl_workflow *wf = run->plan->workflow;
    const struct fl_stage *stage = fl_inst_stage(run, inst);
    const struct fl_pool *pool = &wf->pools[stage->pool];
    const char *site = wf->sites[pool->site].name;
    struct offer offer = look_at_workers(why->core, pool->name, site, stage->cores);
    struct users users = {.why = why, .of = run, .pool = pool->name, .site = site};

    if (run->pool_jobs[stage->pool] >= pool->jobs) {
        fl_buf_printf(why->out,
                      "pool '%s' takes %lld job%s of a run at a time, under way: ", pool->name,
                      (long long)pool->jobs, plural(pool->jobs));
        users_of_run(&users, run);
        users_end(&users);
    } else if (offer.workers == 0) {
        no_offer(why, pool->name, site, offer.gone);
    } else if (stage->cores > offer.widest) {
        fl_buf_printf(
            why->out,
            "it wants %lld cores and no worker of pool '%s' has more than %lld: it cannot start "
            "until one with more joins",
            (long long)stage->cores, pool->name, (long long)offer.widest);
    } else if (shared_room(&users, run, inst)) {
        return;
    } else if (offer.fits) {
        fl_buf_printf(
            why->out,
            "pool '%s' has room (%lld of %lld cores used): it starts as soon as those before it "
            "in the pool have had their turn",
            pool->name, (long long)offer.used_cores, (long long)offer.cores);
    } else if (offer.used_jobs >= offer.jobs) {
        fl_buf_printf(why->out, "pool '%s' has %lld job slot%s, used by ", pool->name,
                      (long long)offer.jobs, plural(offer.jobs));
        all_users(&users);
    } else {
        users.with_cores = true;
        cores_text(why, pool->name, stage->cores, &offer);
        all_users(&users);
    }
}

/* "attempt 2 of 3 at …, after: …", and how long that still is. */
static void retry_time(struct fl_why *why, const struct fl_inst *in)
{
    char text[FL_VIEW_TIME_MAX];
    char span[FL_TIME_TEXT_MAX];

    fl_view_time(in->not_before_ns, text);
    if (in->try_count > 0)
        fl_buf_printf(why->out, "its next attempt may start at %s", text);
    else
        fl_buf_printf(why->out, "it may start at %s, not before (`at`)", text);
    if (why->now_ns > 0) {
        fl_duration_format((in->not_before_ns - why->now_ns + 999999999) / 1000000000, span);
        fl_buf_printf(why->out, ", in %s", span);
    }
    if (in->reason)
        fl_buf_printf(why->out, " (%.700s)", in->reason);
}

void fl_why_room(struct fl_why *why, const struct fl_run *run, uint32_t inst)
{
    const struct fl_inst *in = &run->insts[inst];

    if (run->cancel_asked)
        fl_buf_puts(why->out, "the run is asked to stop: nothing more starts");
    else if (run->held)
        fl_buf_puts(why->out, "the whole run is held: nothing starts until it is released");
    else if (fl_run_flow(why->core, run) && fl_run_flow(why->core, run)->held)
        fl_buf_printf(
            why->out,
            "the workflow is held: nothing of it starts until `fairlead release --workflow "
            "%s`",
            fl_run_flow(why->core, run)->name);
    else if (in->not_before_ns > why->now_ns)
        retry_time(why, in);
    else
        pool_room(why, run, inst);
}
