#ifndef FL_FETCH_PROVIDERS_H
#define FL_FETCH_PROVIDERS_H

/* What the site file says of the providers of data: a group `providers` of groups, each with
 *     hosts = ["nomads.ncep.noaa.gov"];   whose mirrors belong to it (the host, or host:port)
 *     per_minute = 100;                   most requests of this site a minute; 0: no limit
 *     connections = 4;                    most at a time
 * Pure but for reading the file. Owns: nothing. Threads: any. Limits: FL_PROVIDER_HOSTS_MAX. */

#include "data-fetch/source/catalogue.h"

#define FL_PROVIDER_HOSTS_MAX 64
#define FL_PROVIDER_SITE_BYTES_MAX ((size_t)1024 * 1024)

/* Puts the site's limits in the place of the catalogue's. site NULL: what FAIRLEAD_SITE names, else
 * nothing changes. FL_E_CONFIG names file and line. */
int fl_providers_apply(const struct fl_world *world, const char *site, struct fl_source *source,
                       struct fl_err *reterr);

#endif
