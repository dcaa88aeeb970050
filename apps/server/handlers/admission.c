/* Who may ask, and how often: see admission.h. */
#include "server/handlers/admission.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/access/keyring.h"
#include "server/access/limiter.h"
#include "server/http/origin.h"
#include "server/base/server_log.h"
#include "server/base/socket.h"
#include "server/base/wall_clock.h"

/* Answers are data: a browser that is led to one shows it and runs nothing. Styles may stand in
 * it, for the transcript as HTML. The page has a policy of its own. */
#define DATA_POLICY "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
#define EXPOSED                                                                                    \
    "X-Request-ID, X-Job-ID, X-Ignored-Fields, Retry-After, Location, Content-Disposition, "       \
    "X-RateLimit-Limit-Requests, X-RateLimit-Remaining-Requests"

struct admission {
    const options *opts;
    bool loopback;
    limiter *limiter; /* NULL = no limit */
    keyring *keys;
};

am_status admission_new(const options *opts, store *keys, admission **made, am_error *error) {
    admission *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the server");
    fresh->opts = opts;
    fresh->loopback = socket_is_loopback(opts->host);
    am_status status = keyring_new(keys, &fresh->keys, error);
    if (status == AM_OK && opts->rate_limit_rpm > 0) {
        status = limiter_new(opts->rate_limit_rpm, &fresh->limiter, error);
    }
    if (status != AM_OK) {
        admission_free(&fresh);
        return status;
    }
    if (!fresh->loopback && !keyring_has_keys(fresh->keys)) {
        log_line(AM_LOG_WARN, "there are no API keys: everybody who reaches %s may ask; make one "
                 "with `amanuensis keys add NAME`", opts->host);
    }
    *made = fresh;
    return AM_OK;
}

void admission_free(admission **old) {
    if (*old == NULL) return;
    limiter_free(&(*old)->limiter);
    keyring_free(&(*old)->keys);
    heap_free(*old);
    *old = NULL;
}

/* ---- Pages of other origins ---------------------------------------------------------------- */

static bool is_method(const http_request *request, const char *method) {
    return strcmp(http_method(request), method) == 0;
}

static bool changes_nothing(const http_request *request) {
    return is_method(request, "GET") || is_method(request, "HEAD") ||
           is_method(request, "OPTIONS");
}

/* Cross-origin resource sharing (fetch.spec.whatwg.org), preflights with it. */
static void share(const admission *own, http_request *request) {
    const char *list = own->opts->cors_origins;
    const char *origin = http_header(request, "Origin");
    if (list == NULL || list[0] == '\0') return;
    const bool any = origin_is_any(list);
    if (!any) http_reply_header(request, "Vary", "Origin, Access-Control-Request-Headers");
    if (origin == NULL || !origin_is_listed(list, origin)) return;
    http_reply_header(request, "Access-Control-Allow-Origin", any ? "*" : origin);
    http_reply_header(request, "Access-Control-Expose-Headers", EXPOSED);
    if (!is_method(request, "OPTIONS")) return;
    const char *names = http_header(request, "Access-Control-Request-Headers");
    const bool usable = names != NULL && origin_is_name_list(names);
    http_reply_header(request, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE");
    http_reply_header(request, "Access-Control-Allow-Headers",
                      usable ? names : "Authorization, Content-Type, X-Request-ID");
    http_reply_header(request, "Access-Control-Max-Age", "600");
    if (http_header(request, "Access-Control-Request-Private-Network") != NULL) {
        http_reply_header(request, "Access-Control-Allow-Private-Network", "true");
    }
}

/*
 * Without keys, a browser on this machine is a way in for any page it shows: by a form sent to us
 * (browsers tell with Sec-Fetch-Site), or by a name that suddenly resolves to this machine.
 */
static bool check_page(const admission *own, http_request *request) {
    const char *site = http_header(request, "Sec-Fetch-Site");
    const char *origin = http_header(request, "Origin");
    const char *host = http_header(request, "Host");
    const char *list = own->opts->cors_origins;
    const bool foreign = site != NULL && strcmp(site, "same-origin") != 0 &&
                         strcmp(site, "none") != 0;
    if (foreign && !changes_nothing(request) &&
        (origin == NULL || !origin_is_listed(list, origin))) {
        http_fail(request, 403, "origin_not_allowed", NULL,
                  "pages of this origin may not call; see --cors_origins");
        return false;
    }
    if (own->loopback && host != NULL && !origin_host_is_near(host, list)) {
        http_fail(request, 403, "host_not_allowed", NULL,
                  "this server is for this machine alone; to be reached as %.100s it needs an API "
                  "key, or that name in --cors_origins", host);
        return false;
    }
    return true;
}

/* ---- Rates --------------------------------------------------------------------------------- */

static bool check_rate(const admission *own, http_request *request, const char *name) {
    char value[32];
    int left = 0;
    double wait_s = 0;
    if (own->limiter == NULL) return true;
    const bool taken = limiter_take(own->limiter, name, clock_now(), &left, &wait_s);
    snprintf(value, sizeof value, "%d", own->opts->rate_limit_rpm);
    http_reply_header(request, "X-RateLimit-Limit-Requests", value);
    snprintf(value, sizeof value, "%d", left);
    http_reply_header(request, "X-RateLimit-Remaining-Requests", value);
    if (taken) return true;
    snprintf(value, sizeof value, "%.0f", ceil(wait_s));
    http_reply_header(request, "Retry-After", value);
    http_fail(request, 429, "rate_limit_exceeded", NULL, "more than %d requests a minute",
              own->opts->rate_limit_rpm);
    return false;
}

/* ---- Keys ---------------------------------------------------------------------------------- */

/* RFC 6750: the token behind "Bearer", or NULL. */
static const char *bearer(const http_request *request) {
    const char *value = http_header(request, "Authorization");
    if (value == NULL || strncasecmp(value, "Bearer ", 7) != 0) return NULL;
    value += 7;
    return value + strspn(value, " ");
}

/* The id of the request's key goes to `name`. */
static bool check_key(const admission *own, http_request *request, char name[STORE_ID_BYTES]) {
    const char *key = bearer(request);
    if (key != NULL && keyring_find(own->keys, key, name)) return true;
    /* Who guesses is slowed down as who asks too often is. */
    if (!check_rate(own, request, http_peer(request))) return false;
    http_reply_header(request, "WWW-Authenticate",
                      key != NULL ? "Bearer realm=\"amanuensis\", error=\"invalid_token\""
                                  : "Bearer realm=\"amanuensis\"");
    http_fail(request, 401, "invalid_api_key", NULL, "%s",
              key != NULL ? "this API key is not known here"
                          : "an API key is needed: Authorization: Bearer KEY");
    return false;
}

/* ---- All of it ----------------------------------------------------------------------------- */

static bool check_life(const app *a, http_request *request) {
    if (!service_get_stats(a->service).closing) return true;
    http_reply_header(request, "Connection", "close");
    if (changes_nothing(request)) return true;
    http_reply_header(request, "Retry-After", "5");
    http_fail(request, 503, "shutting_down", NULL, "the server is shutting down");
    return false;
}

bool admission_check(void *context, http_request *request) {
    const app *a = context;
    const admission *own = a->admission;
    const http_route *route = http_matched(request);
    http_reply_header(request, "X-Content-Type-Options", "nosniff");
    http_reply_header(request, "Referrer-Policy", "no-referrer");
    http_reply_header(request, "Content-Security-Policy", DATA_POLICY);
    share(own, request);
    if (!check_life(a, request)) return false;
    if (is_method(request, "OPTIONS")) return true;
    if (route != NULL && (route->flags & HTTP_OPEN) != 0) return true;
    if (!keyring_has_keys(own->keys)) {
        return check_page(own, request) && check_rate(own, request, http_peer(request));
    }
    char name[STORE_ID_BYTES];
    return check_key(own, request, name) && check_rate(own, request, name);
}
