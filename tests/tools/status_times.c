/* status_times STATUS.json A B: prints when stage A first began and when stage B last ended, as
 * `fairlead status
 * --json` tells them; exit 0 when A began before B ended, 1 when not, 2 when either is not there.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/json.h"

#include "engine/base/banned.h"

int main(int argc, char **argv)
{
    json_error_t why;
    fl_json_auto json_t *doc = argc == 4 ? json_load_file(argv[1], 0, &why) : NULL;
    const char *begun = NULL;
    const char *ended = NULL;
    const json_t *stage;
    size_t i;

    if (!doc) {
        (void)fprintf(stderr, "usage: status_times STATUS.json A B\n");
        return 2;
    }
    json_array_foreach(json_object_get(doc, "stages"), i, stage)
    {
        const char *name = json_string_value(json_object_get(stage, "stage"));
        const char *from = json_string_value(json_object_get(stage, "begun"));
        const char *to = json_string_value(json_object_get(stage, "ended"));

        if (name && from && strcmp(name, argv[2]) == 0 && (!begun || strcmp(from, begun) < 0))
            begun = from;
        if (name && to && strcmp(name, argv[3]) == 0 && (!ended || strcmp(to, ended) > 0))
            ended = to;
    }
    if (!begun || !ended) {
        (void)fprintf(stderr, "status_times: no begin of '%s' or no end of '%s'\n", argv[2],
                      argv[3]);
        return 2;
    }
    (void)printf("%s began %s, %s ended %s\n", argv[2], begun, argv[3], ended);
    return strcmp(begun, ended) < 0 ? 0 : 1;
}
