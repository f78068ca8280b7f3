#ifndef FL_FETCH_DESCRIBE_H
#define FL_FETCH_DESCRIBE_H

/* A source in words, as a table and as JSON. Owns: nothing. Threads: any. Limits: none. */

#include <jansson.h>
#include <stdio.h>

#include "data-fetch/source/catalogue.h"

/* "hourly", "00 06 12 18", "every 3 h", "daily at 12". */
void fl_describe_cycles(const struct fl_source *source, char *text, size_t size);
/* The longest lead of any cycle: "+384 h". */
void fl_describe_last_lead(const struct fl_source *source, char *text, size_t size);
/* Seconds as "+3h25". */
void fl_describe_after(int64_t seconds, char *text, size_t size);
/* All of it for a person. */
void fl_describe_print(const struct fl_source *source, const char *path, FILE *out);
/* All of it for a program; NULL when memory ends. New reference. */
json_t *fl_describe_json(const struct fl_source *source, const char *path);

#endif
