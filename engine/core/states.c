/* The states of an instance as a table: state, happening, next. An absent pair is refused. */
#include "config.h"

#include "engine/core/state.h"

#include <string.h>

#include "engine/base/banned.h"

static const char *const state_names[FL_STATE_COUNT] = {
#define STATE_NAME(NAME, name) [FL_STATE_##NAME] = name,
    FL_STATES(STATE_NAME)
#undef STATE_NAME
};

static const char *const happening_names[FL_HAPPENING_COUNT] = {
#define HAPPENING_NAME(NAME) [FL_HAPPEN_##NAME] = #NAME,
    FL_HAPPENINGS(HAPPENING_NAME)
#undef HAPPENING_NAME
};

struct state_row {
    enum fl_state state;
    enum fl_happening happening;
    enum fl_state next;
};

#define R(state, happening, next) \
    { \
        FL_STATE_##state, FL_HAPPEN_##happening, FL_STATE_##next \
    }
/* A person may say what has become of anything that does not run. */
#define SET(state) \
    R(state, SET_SUCCEEDED, SUCCEEDED), R(state, SET_FAILED, FAILED), \
        R(state, SET_SKIPPED, SKIPPED), R(state, SET_WAITING, WAITING)
static const struct state_row rows[] = {
    R(WAITING, NEEDS_MET, READY),
    R(WAITING, FAIL, FAILED),
    R(WAITING, CANCEL, CANCELLED),
    R(WAITING, SKIP, SKIPPED),
    R(WAITING, EXPIRE, EXPIRED),
    R(WAITING, HOLD, HELD),
    R(READY, NEEDS_UNMET, WAITING),
    R(READY, LAUNCH, LAUNCHED),
    R(READY, FAIL, FAILED),
    R(READY, CANCEL, CANCELLED),
    R(READY, SKIP, SKIPPED),
    R(READY, EXPIRE, EXPIRED),
    R(READY, HOLD, HELD),
    R(HELD, RELEASE, WAITING),
    R(HELD, FAIL, FAILED),
    R(HELD, CANCEL, CANCELLED),
    R(HELD, SKIP, SKIPPED),
    R(HELD, EXPIRE, EXPIRED),
    R(LAUNCHED, BEGIN, RUNNING),
    R(LAUNCHED, FAIL, FAILED),
    R(LAUNCHED, CANCEL, CANCELLED),
    R(LAUNCHED, LOSE, LOST),
    R(RUNNING, SUCCEED, SUCCEEDED),
    R(RUNNING, FAIL, FAILED),
    R(RUNNING, TIME_OUT, TIMED_OUT),
    R(RUNNING, CANCEL, CANCELLED),
    R(RUNNING, LOSE, LOST),
    R(FAILED, RETRY, WAITING),
    R(TIMED_OUT, RETRY, WAITING),
    R(CANCELLED, RETRY, WAITING),
    R(LOST, RETRY, WAITING),
    R(LOST, FAIL, FAILED),
    R(LOST, CANCEL, CANCELLED),
    R(SKIPPED, RETRY, WAITING),
    SET(WAITING),
    SET(READY),
    SET(HELD),
    SET(FAILED),
    SET(TIMED_OUT),
    SET(CANCELLED),
    SET(LOST),
    SET(SKIPPED),
    SET(EXPIRED),
    R(SUCCEEDED, SET_WAITING, WAITING), /* only to undo */
};
#undef SET
#undef R

enum fl_state fl_state_next(enum fl_state state, enum fl_happening happening)
{
    for (size_t i = 0; i < FL_COUNT(rows); i++)
        if (rows[i].state == state && rows[i].happening == happening)
            return rows[i].next;
    return FL_STATE_COUNT;
}

const char *fl_state_name(enum fl_state state)
{
    fl_assert((unsigned)state < FL_STATE_COUNT);
    return state_names[state];
}

const char *fl_happening_name(enum fl_happening happening)
{
    fl_assert((unsigned)happening < FL_HAPPENING_COUNT);
    return happening_names[happening];
}

enum fl_state fl_state_from_name(const char *name)
{
    for (int state = 0; state < FL_STATE_COUNT; state++)
        if (strcmp(state_names[state], name) == 0)
            return (enum fl_state)state;
    return FL_STATE_COUNT;
}

enum fl_happening fl_state_ending(enum fl_state state)
{
    switch (state) {
    case FL_STATE_SUCCEEDED:
        return FL_HAPPEN_SUCCEED;
    case FL_STATE_FAILED:
        return FL_HAPPEN_FAIL;
    case FL_STATE_TIMED_OUT:
        return FL_HAPPEN_TIME_OUT;
    case FL_STATE_CANCELLED:
        return FL_HAPPEN_CANCEL;
    case FL_STATE_LOST:
        return FL_HAPPEN_LOSE;
    case FL_STATE_SKIPPED:
        return FL_HAPPEN_SKIP;
    case FL_STATE_EXPIRED:
        return FL_HAPPEN_EXPIRE;
    case FL_STATE_WAITING:
    case FL_STATE_READY:
    case FL_STATE_LAUNCHED:
    case FL_STATE_RUNNING:
    case FL_STATE_HELD:
    case FL_STATE_REUSED:
    case FL_STATE_COUNT:
        break;
    }
    return FL_HAPPENING_COUNT;
}

bool fl_state_is_end(enum fl_state state)
{
    return fl_state_ending(state) != FL_HAPPENING_COUNT || state == FL_STATE_REUSED;
}

bool fl_state_is_good(enum fl_state state)
{
    return state == FL_STATE_SUCCEEDED || state == FL_STATE_SKIPPED || state == FL_STATE_REUSED;
}
