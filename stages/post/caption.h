#ifndef FL_POST_CAPTION_H
#define FL_POST_CAPTION_H

/* The words on a picture: titles, times, source lines.
 * Owns: the texts. Threads: any. Limits: FL_CAPTION_MAX bytes a text. */

#include "stages/post/input.h"
#include "stages/post/settings.h"

#define FL_CAPTION_MAX 512

struct fl_caption {
    char title[FL_CAPTION_MAX];
    char when[FL_CAPTION_MAX];
    char subtitle[FL_CAPTION_MAX];
    char when_more[FL_CAPTION_MAX];
    char bar_title[FL_CAPTION_MAX];
    char source[2 * FL_CAPTION_MAX]; /* two lines */
};

/* run: name of the run, NULL outside one. */
void fl_caption_hour(const struct fl_post_config *config, const struct fl_hour *hour,
                     const char *run, struct fl_caption *ret_caption);
void fl_caption_maximum(const struct fl_post_config *config, const struct fl_maximum *maximum,
                        const char *run, struct fl_caption *ret_caption);
/* "Fairlead 0.1.0, run ...; model ...\nforcing ...; coast ...". */
void fl_caption_source(const struct fl_post_config *config, const char *run, char *text,
                       size_t size);

#endif
