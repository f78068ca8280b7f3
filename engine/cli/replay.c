/* `fairlead replay`: the state as it was after an event, from the record alone. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/cli/cli.h"
#include "engine/cli/text.h"
#include "engine/store/model.h"

#include "engine/base/banned.h"

int fl_cli_replay(struct fl_cli *cli, struct fl_err *reterr)
{
    fl_auto(fl_model_destroy) struct fl_model *model = NULL;
    fl_json_auto json_t *status = NULL;
    fl_json_auto json_t *request =
        json_pack("{s:s, s:s*, s:b}", "verb", "status", "run",
                  cli->arg_count ? cli->args[0] : cli->run, "brief", !(cli->given & FL_OPT_JSON));
    int64_t time_ns = 0;
    char time[FL_TIME_TEXT_MAX];
    int rc;

    if (!(cli->given & FL_OPT_UNTIL) || cli->until < 1)
        return fl_err_set(
            reterr, FL_E_USAGE, 0,
            "replay: say --until N, an event's number from 1 on (see fairlead events)");
    if (!request)
        return fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory");
    rc = fl_model_create(cli->state, &model, reterr);
    if (rc == FL_E_NOENT)
        return fl_err_set(reterr, FL_E_NOENT, 0,
                          "no state at '%s': nothing was run there yet (say --state DIR)",
                          cli->state);
    if (rc == 0)
        rc = fl_model_catch_up_to(model, (uint64_t)cli->until, reterr);
    if (rc == 0)
        rc = fl_model_time(model, (uint64_t)cli->until, &time_ns, reterr);
    if (rc == 0)
        rc = fl_model_answer(model, request, time_ns, &status, reterr);
    if (rc < 0)
        return rc;
    if (cli->given & FL_OPT_JSON)
        return fl_cli_print_json(status, reterr);
    (void)printf("as it was after event %" PRId64 ", %s UTC\n", cli->until,
                 fl_text_time(time_ns, fl_world_utc_ns(cli->world), time, sizeof(time)));
    return fl_cli_print_status(cli, status, time_ns, reterr);
}
