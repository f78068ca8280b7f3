/* What the subcommands share of reading their options. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "data-fetch/command.h"
#include "stages/common/contract.h"

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

int fl_command_folder(const struct fl_contract *contract, const char *to, char *path, size_t size,
                      struct fl_err *reterr)
{
    const char *output_dir = fl_contract_env(contract)->output_dir;

    if (to && strcmp(to, ".") != 0)
        return fl_contract_place(contract, to, path, size, reterr);
    if ((size_t)snprintf(path, size, "%s", output_dir ? output_dir : ".") >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "FAIRLEAD_OUTPUT_DIR is too long");
    return 0;
}

int fl_command_announced(const char *to, const char *name, char *path, size_t size,
                         struct fl_err *reterr)
{
    bool plain = !to || strcmp(to, ".") == 0;

    if ((size_t)snprintf(path, size, "%s%s%s", plain ? "" : to, plain ? "" : "/", name) >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path of '%.200s' is too long", name);
    return 0;
}
