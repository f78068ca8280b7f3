/* Noting an input file. */
#include "config.h"

#include "stages/surge/note.h"

#include "stages/common/contract.h"
#include "stages/common/prov.h"

#include "engine/base/banned.h"

int fl_surge_note(struct fl_prov *prov, const struct fl_contract *contract, const char *path,
                  const struct fl_nc *nc, struct fl_err *reterr)
{
    const struct fl_input *input = contract ? fl_contract_input_of_file(contract, path) : NULL;
    int rc = fl_prov_input(prov, NULL, path, reterr);

    if (rc == 0 && nc)
        rc = fl_prov_merge(prov, nc, reterr);
    for (size_t k = 0; rc == 0 && input && k < input->degraded_count; k++)
        rc = fl_prov_degraded(prov, input->degraded[k].cause, input->degraded[k].age, reterr);
    return rc;
}
