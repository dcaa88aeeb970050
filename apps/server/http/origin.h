/* What browsers say about the page a request comes from: pure functions on header strings. */
#ifndef AM_SERVER_HTTP_ORIGIN_H
#define AM_SERVER_HTTP_ORIGIN_H

#include <stdbool.h>

/* Whether the list ("https://a.example, *") names the origin. */
bool origin_is_listed(const char *list, const char *origin);
/* Whether it names * itself. */
bool origin_is_any(const char *list);

/*
 * Whether a Host header can be meant for a server that only this machine reaches: an address,
 * localhost, a name without dots or of a private zone, or the host of a listed origin. Any other
 * name may be a stranger's that resolves to this machine (DNS rebinding).
 */
bool origin_host_is_near(const char *host, const char *list);

/* Whether it is a list of header names, as Access-Control-Request-Headers is. */
bool origin_is_name_list(const char *names);

#endif
