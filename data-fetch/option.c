/* What the subcommands share of reading their options. */
#include "config.h"

#include <getopt.h>

#include "data-fetch/command.h"

#include "engine/base/banned.h"

int fl_command_bad_option(char **argv, int option, int at, struct fl_err *reterr)
{
    if (option == ':')
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' needs a value", argv[at - 1]);
    return fl_err_set(reterr, FL_E_USAGE, 0,
                      "unknown option '%s'; 'fairlead-transfer %s --help' "
                      "lists the accepted ones",
                      argv[at - 1], argv[0]);
}
