#ifndef FL_FETCH_SOURCE_IMPL_H
#define FL_FETCH_SOURCE_IMPL_H

/* Private to source.c and source_where.c: the readers of one group `source`. Each fills its fields;
 * FL_E_CONFIG with file and line. */

#include "data-fetch/command/settings.h"
#include "data-fetch/source/catalogue.h"

/* What the readers of fields share. */
struct fl_source_reader {
    const struct fl_settings *settings;
    struct fl_source *source;
    struct fl_err *err;
};

int fl_source_read_leads(const struct fl_source_reader *reader,
                         const struct config_setting_t *group);
int fl_source_read_dimensions(const struct fl_source_reader *reader,
                              const struct config_setting_t *group);
int fl_source_read_paths(const struct fl_source_reader *reader,
                         const struct config_setting_t *group);
int fl_source_read_index(const struct fl_source_reader *reader,
                         const struct config_setting_t *group);
int fl_source_read_mirrors(const struct fl_source_reader *reader,
                           const struct config_setting_t *group);

/* Stands in for a value while a pattern is tried; arg is the source. */
const char *fl_source_sample_value(const char *dimension, void *arg);

#endif
