#ifndef FL_EVENT_FIELDS_H
#define FL_EVENT_FIELDS_H

/* The fields of an event as a table, in the order in which they are written; private to
 * engine/event. Owns: nothing. Threads: any. Limits: none of its own. */

#include "engine/event/event.h"

struct fl_event_field {
    const char *name;
    size_t name_size;
    size_t offset;
    bool is_text; /* else a number */
};

extern const struct fl_event_field fl_event_fields[];
extern const size_t fl_event_field_count;

static inline const char *fl_event_text_at(const struct fl_event *event,
                                           const struct fl_event_field *field)
{
    return *(const char *const *)(const void *)((const char *)event + field->offset);
}

static inline int64_t fl_event_number_at(const struct fl_event *event,
                                         const struct fl_event_field *field)
{
    return *(const int64_t *)(const void *)((const char *)event + field->offset);
}

/* "2026-11-24T00:00:00.123456789Z" */
#define FL_EVENT_TIME_MAX (FL_TIME_TEXT_MAX + 16)
void fl_event_time_to_text(int64_t time_ns, char text[static FL_EVENT_TIME_MAX]);

/* False for a name that is none. */
bool fl_event_type_find(const char *name, size_t size, enum fl_event_type *ret_type);
/* True when an event has all that its type must have. */
bool fl_event_is_whole(const struct fl_event *event);
/* Room for a text of size bytes in the event, with its NUL. NULL when memory ends. */
char *fl_event_room(struct fl_event *event, size_t size);

#endif
