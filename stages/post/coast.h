#ifndef FL_POST_COAST_H
#define FL_POST_COAST_H

/* Land polygons of a shape file (Natural Earth), cut to the wanted extent.
 * Owns: its points. Threads: one at a time. Limits: FL_COAST_POINTS_MAX points after cutting. */

#include "stages/post/frame.h"

#define FL_COAST_POINTS_MAX ((size_t)4 * 1000 * 1000)

struct fl_coast;

/* Reads the polygons that touch the extent. FL_E_NOENT with the package to install; FL_E_DATA for
 * a file that is not a polygon shape file; FL_E_TOO_BIG; FL_E_NOMEM. */
int fl_coast_load(const char *path, const struct fl_extent *extent, struct fl_coast **ret_coast,
                  struct fl_err *reterr);
void fl_coast_destroy(struct fl_coast *coast);
FL_DEFINE_AUTO(struct fl_coast *, fl_coast_destroy)

/* Number of rings kept. */
size_t fl_coast_rings(const struct fl_coast *coast);
/* Adds all rings to the current path. */
void fl_coast_path(const struct fl_coast *coast, const struct fl_frame *frame, cairo_t *cairo);

#endif
