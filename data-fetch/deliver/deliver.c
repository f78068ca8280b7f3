/* deliver: the command around a delivery, and its receipt. */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data-fetch/command/command.h"
#include "data-fetch/deliver/delivery.h"
#include "data-fetch/deliver/manifest.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/world/file.h"

#include "engine/base/banned.h"

#define BY_HAND "by-hand" /* the run of a delivery outside any */

static int by_name(const void *a, const void *b)
{
    const struct fl_input *left = ((const struct fl_pull_item *const *)a)[0]->arg;
    const struct fl_input *right = ((const struct fl_pull_item *const *)b)[0]->arg;

    return strcmp(left->file, right->file);
}

/* What stands at the destination now, as a file of the stage: the same delivery gives the same
 * bytes. */
static int write_receipt(const struct fl_delivery *delivery, struct fl_contract *contract,
                         struct fl_err *reterr)
{
    const struct fl_contract_env *env = fl_contract_env(contract);
    size_t count = delivery->bring.count;
    const struct fl_pull_item **order = calloc(count + 1, sizeof(*order));
    fl_json_auto json_t *files = json_array();
    fl_json_auto json_t *doc = NULL;
    struct fl_lead lead;
    char path[FL_PATH_MAX];
    char *text = NULL;
    int rc;

    for (size_t i = 0; order && i < count; i++)
        order[i] = &delivery->bring.items[i];
    if (order)
        qsort(order, count, sizeof(*order), by_name);
    for (size_t i = 0; order && files && i < count; i++) {
        const struct fl_input *input = order[i]->arg;
        const char *sha256 = order[i]->digest[0] ? order[i]->digest : order[i]->sha256;

        (void)json_array_append_new(
            files, json_pack("{ss ss}", "file", input->file, "sha256", sha256)); /* counted below */
    }
    free(order);
    if (files && json_array_size(files) == count)
        doc = json_pack("{si ss ss sO}", "version", 1, "set", delivery->set, "run", delivery->run,
                        "files", files);
    text = fl_manifest_text(doc);
    rc = text ? fl_contract_place(contract, "receipt.json", path, sizeof(path), reterr)
              : fl_err_set(reterr, FL_E_NOMEM, 0, "out of memory for the receipt");
    if (rc == 0)
        rc = fl_dir_make(delivery->world, env->output_dir, 0755, reterr);
    if (rc == 0)
        rc = fl_file_publish(delivery->world, path, text, strlen(text), reterr);
    free(text);
    if (rc == 0 && env->lead)
        rc = fl_lead_parse(env->lead, &lead, reterr);
    if (rc == 0)
        rc = fl_contract_output(contract, "receipt", env->lead ? &lead : NULL, "receipt.json",
                                reterr);
    return rc;
}

int fl_command_deliver(int argc, char **argv, struct fl_err *reterr)
{
    static const struct option options[] = {
        {"inputs", required_argument, NULL, 'i'},
        {"set", required_argument, NULL, 's'},
        {"to", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    fl_auto(fl_contract_close) struct fl_contract *contract = NULL;
    fl_auto(fl_delivery_release) struct fl_delivery delivery = {.world = fl_world_real()};
    const char *inputs = "inputs.json";
    int code;
    int rc;

    opterr = 0;
    optind = 1;
    while ((code = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (code == '?' || code == ':')
            return fl_command_bad_option(argv, code, optind, reterr);
        *(code == 'i' ? &inputs : code == 's' ? &delivery.set : &delivery.dir) = optarg;
    }
    if (optind < argc)
        return fl_err_set(reterr, FL_E_USAGE, 0, "'%s' is one argument too many", argv[optind]);
    rc = fl_contract_open(&contract, reterr);
    if (rc < 0)
        return rc;
    delivery.run = fl_contract_env(contract)->run ? fl_contract_env(contract)->run : BY_HAND;
    if (!delivery.dir)
        delivery.dir = fl_contract_env(contract)->products;
    if (!delivery.dir || !delivery.set)
        return fl_err_set(reterr, FL_E_USAGE, 0,
                          "deliver needs --set NAME, and --to DIR or FAIRLEAD_PRODUCTS");
    rc = fl_delivery_run(&delivery, inputs, reterr);
    if (rc == 0 && fl_contract_env(contract)->output_dir)
        rc = write_receipt(&delivery, contract, reterr);
    if (rc == 0)
        fl_log(FL_LOG_INFO, "transfer.delivered",
               "set='%s' folder='%s' sent=%zu already_there=%zu bytes=%" PRIu64, delivery.set,
               delivery.folder, delivery.sent, delivery.bring.count - delivery.sent,
               delivery.bytes);
    return rc;
}
