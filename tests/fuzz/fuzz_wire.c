/* Frames, messages and launch specs from the wire never crash a reader. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "engine/base/json.h"
#include "engine/bus/message.h"
#include "engine/worker/spec.h"

#include "engine/base/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fl_json_auto json_t *message = NULL;
    json_t *launch;
    struct fl_frame frame;
    struct fl_spec spec;
    struct fl_err err = {0};

    if (fl_frame_decode(data, size, &frame, &err) < 0)
        frame = (struct fl_frame){.data = data, .size_bytes = size}; /* the message alone */
    if (fl_bus_unpack(&frame, &message, &err) < 0)
        return 0;
    (void)fl_bus_may_say(FL_BUS_WORKER, "w1", message, &err);
    (void)fl_bus_may_say(FL_BUS_CLIENT, "local", message, &err);
    launch = json_object_get(message, "spec");
    if (fl_spec_init(&spec, launch ? launch : message, &err) == 0)
        fl_spec_release(&spec);
    return 0;
}
