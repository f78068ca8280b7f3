#ifndef FL_FETCH_HTTP_GRANTS_H
#define FL_FETCH_HTTP_GRANTS_H

/* Handing grants in at the door of the site whose files they name, before they are asked for and
 * again when the door answers 403 (it was started anew, or had no room for them all).
 * Owns: what is in flight. Threads: one at a time. Limits: one request at a time for each call. */

#include "data-fetch/http/http.h"
#include "engine/base/grant.h"

/* Whose door, and how it is reached. */
struct fl_grants_door {
    const char *url;  /* any URL of it: what is before the path counts */
    const char *site; /* its grants alone are handed in */
    const struct fl_http_route *route; /* or NULL */
    const struct fl_http_tls *tls;     /* or NULL */
};

/* rc: 0, or why one was not taken: FL_E_PERM (the door refuses it: another coordinator's, over, or
 * we are another), FL_E_NET, FL_E_TIMEOUT, FL_E_AGAIN (the door is busy). why: for a person. */
typedef void (*fl_grants_done_fn)(int rc, const char *why, void *arg);

/* Starts handing in; done is called in a turn of http, or (when no grant is for the site) before
 * this returns. door and grants are borrowed until then. FL_E_NOMEM, FL_E_FULL, FL_E_CONFIG: done
 * is not called then. */
int fl_grants_post(struct fl_http *http, const struct fl_grants_door *door,
                   const struct fl_grant *grants, size_t count, fl_grants_done_fn done, void *arg,
                   struct fl_err *reterr);
/* The same by itself, waiting for the end of it. */
int fl_grants_hand_in(const struct fl_grants_door *door, const struct fl_grant *grants,
                      size_t count, struct fl_err *reterr);

#endif
