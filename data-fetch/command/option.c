/* What the subcommands share of reading their options. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "engine/base/path.h"
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

/* True for the folder that stage outputs go to, however it is written. */
static bool is_output_dir(const struct fl_contract *contract, const char *folder)
{
    const char *output_dir = fl_contract_env(contract)->output_dir;
    char *wanted = output_dir ? realpath(output_dir, NULL) : NULL;
    char *found = wanted ? realpath(folder, NULL) : NULL;
    bool same = found && strcmp(wanted, found) == 0;

    free(wanted);
    free(found);
    return same;
}

/* No folder at all, or the stage's own. */
static bool is_plain(const struct fl_contract *contract, const char *to)
{
    return !to || strcmp(to, ".") == 0 || is_output_dir(contract, to);
}

int fl_command_folder(const struct fl_contract *contract, const char *to, char *path, size_t size,
                      struct fl_err *reterr)
{
    const char *output_dir = fl_contract_env(contract)->output_dir;

    if (!is_plain(contract, to))
        return fl_contract_place(contract, to, path, size, reterr);
    if ((size_t)snprintf(path, size, "%s", output_dir ? output_dir : ".") >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "FAIRLEAD_OUTPUT_DIR is too long");
    return 0;
}

int fl_command_announced(const struct fl_contract *contract, const char *to, const char *name,
                         char *path, size_t size, struct fl_err *reterr)
{
    bool plain = is_plain(contract, to);

    if ((size_t)snprintf(path, size, "%s%s%s", plain ? "" : to, plain ? "" : "/", name) >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path of '%.200s' is too long", name);
    return 0;
}

int fl_command_file(const struct fl_contract *contract, const char *file, char *path, size_t size,
                    struct fl_err *reterr)
{
    const char *name = fl_path_base(file);
    size_t length = (size_t)(name - file);
    char folder[FL_PATH_MAX];

    if (length >= sizeof(folder) || strlen(file) >= size)
        return fl_err_set(reterr, FL_E_TOO_BIG, 0, "the path of '%.200s' is too long", name);
    (void)snprintf(folder, sizeof(folder), "%.*s", (int)length, file);
    (void)snprintf(path, size, "%s", length > 0 && is_output_dir(contract, folder) ? name : file);
    return 0;
}
