#ifndef FL_BASE_GRANT_H
#define FL_BASE_GRANT_H

/* A grant: what a site's file door may let another site read, and until when. Its text is
 *   {"expires":SECONDS,"files":[PATH,...],"site":DOOR,"to":READER,"v":1}
 * signed by the coordinator. It goes with an attempt (inputs.json, member "grants": a list of
 * {"site","text","signature"}), whose transfer hands text and signature in at the door.
 * Owns: nothing. Threads: any. Limits: FL_GRANT_POST_MAX bytes handed in at a time. */

#include <stddef.h>

#define FL_GRANT_VERSION 1
#define FL_GRANT_POST_MAX ((size_t)1024 * 1024) /* {"text","signature"} */

struct fl_grant {
    const char *site; /* whose door it opens */
    const char *text;
    const char *signature;
};

#endif
