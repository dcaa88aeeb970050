/*
 * Webhooks over libcurl: see webhook.h.
 *
 * The guard against addresses of a local network stands where the socket is opened, on the address
 * that is really connected to: a name that resolves to another address the second time gains
 * nothing. Redirects are not followed and proxies not used, for both would lead around it.
 */
#include "server/jobs/webhook.h"

#include <curl/curl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/base/address.h"
#include "server/base/crypto.h"
#include "server/base/server_log.h"
#include "server/base/wall_clock.h"

#define N_THREADS 4
#define URL_BYTES_MAX 2000
#define REPLY_BYTES_MAX ((size_t)64 << 10)
#define CONNECT_S 5L
#define DELIVER_S 15L
#define LEASE_S 60.0 /* another thread, or the next start, tries again after so long */

/* Seconds before each further attempt: over almost seven hours. */
static const double pauses[] = {1, 5, 30, 120, 600, 1800, 3600, 7200, 10800};
#define N_TRIES_MAX (1 + (int)(sizeof pauses / sizeof pauses[0]))

struct webhooks {
    const options *opts;
    store *store;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t n_wakes;
    bool closed;
    pthread_t threads[N_THREADS];
    int n_threads;
};

/* ---- One delivery -------------------------------------------------------------------------- */

typedef struct attempt {
    webhooks *hooks;
    size_t n_reply;
    bool refused; /* the address is not public */
} attempt;

static curl_socket_t open_socket(void *context, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
    attempt *a = context;
    (void)purpose;
    if (!a->hooks->opts->webhook_private && !address_is_public(&address->addr)) {
        a->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* What the other side says is of no interest, and not much of it is read. */
static size_t drop_reply(char *bytes, size_t size, size_t n, void *context) {
    attempt *a = context;
    (void)bytes;
    a->n_reply += size * n;
    return a->n_reply > REPLY_BYTES_MAX ? 0 : size * n;
}

static int look_for_end(void *context, curl_off_t total_down, curl_off_t down, curl_off_t total_up,
                        curl_off_t up) {
    const attempt *a = context;
    (void)total_down;
    (void)down;
    (void)total_up;
    (void)up;
    pthread_mutex_lock(&a->hooks->lock);
    const bool closed = a->hooks->closed;
    pthread_mutex_unlock(&a->hooks->lock);
    return closed ? 1 : 0;
}

static struct curl_slist *make_headers(const webhooks *hooks, const delivery *d) {
    char line[160];
    char hex[CRYPTO_HEX_BYTES];
    am_error error;
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    snprintf(line, sizeof line, "X-Amanuensis-Delivery: %lld", (long long)d->number);
    list = curl_slist_append(list, line);
    const char *secret = hooks->opts->webhook_secret;
    if (secret != NULL && secret[0] != '\0' &&
        crypto_hmac_hex(secret, d->body, strlen(d->body), hex, &error) == AM_OK) {
        snprintf(line, sizeof line, "X-Amanuensis-Signature: sha256=%s", hex);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void set_up(CURL *curl, const delivery *d, struct curl_slist *headers, attempt *a) {
    (void)curl_easy_setopt(curl, CURLOPT_URL, d->url);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, d->body);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(d->body));
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "amanuensis/" AM_VERSION);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, DELIVER_S);
    (void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    (void)curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, a);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop_reply);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, look_for_end);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, a);
}

/* The answer's status, or 0 and why there was none. */
static long post(webhooks *hooks, const delivery *d, char *why, size_t size) {
    attempt a = {.hooks = hooks};
    long status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = make_headers(hooks, d);
    if (curl == NULL || headers == NULL) {
        snprintf(why, size, "out of memory");
    } else {
        set_up(curl, d, headers, &a);
        const CURLcode code = curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (a.refused) {
            snprintf(why, size, "its address is not public: see --webhook_private");
        } else if (status == 0) {
            snprintf(why, size, "%s", curl_easy_strerror(code));
        } else {
            snprintf(why, size, "status %ld", status);
        }
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

static void deliver(webhooks *hooks, const delivery *d) {
    char why[200];
    am_error error;
    const long answer = post(hooks, d, why, sizeof why);
    const bool taken = answer >= 200 && answer < 300;
    const bool over = taken || answer == 410 || d->n_tries >= N_TRIES_MAX;
    if (!taken && over) {
        log_line(AM_LOG_WARN, "webhook of %s: %s; given up after %d attempts", d->job, why,
                 d->n_tries);
    } else if (!taken) {
        log_line(AM_LOG_INFO, "webhook of %s: %s; attempt %d", d->job, why, d->n_tries);
    }
    const am_status status =
        over ? store_drop_delivery(hooks->store, d->number, &error)
             : store_put_off_delivery(hooks->store, d->number,
                                      clock_wall() + pauses[d->n_tries - 1], &error);
    /* It is tried again when the lease is over: twice is better than never. */
    if (status != AM_OK) log_line(AM_LOG_WARN, "webhook of %s: %s", d->job, error.detail);
}

/* ---- Threads ------------------------------------------------------------------------------- */

static void rest(webhooks *hooks, double seconds, uint64_t n_wakes) {
    const double until = clock_now() + seconds;
    pthread_mutex_lock(&hooks->lock);
    while (!hooks->closed && hooks->n_wakes == n_wakes && clock_now() < until) {
        const struct timespec look = clock_after(500000000L);
        pthread_cond_timedwait(&hooks->changed, &hooks->lock, &look);
    }
    pthread_mutex_unlock(&hooks->lock);
}

static void *run(void *context) {
    webhooks *hooks = context;
    for (;;) {
        delivery due = {0};
        bool found = false;
        double next_s = -1;
        am_error error;
        pthread_mutex_lock(&hooks->lock);
        const bool closed = hooks->closed;
        const uint64_t n_wakes = hooks->n_wakes;
        pthread_mutex_unlock(&hooks->lock);
        if (closed) return NULL;
        if (store_take_delivery(hooks->store, clock_wall(), LEASE_S, &due, &found, &next_s,
                                &error) != AM_OK) {
            log_line(AM_LOG_WARN, "webhooks: %s", error.detail);
            next_s = 5;
        }
        if (found) {
            deliver(hooks, &due);
            delivery_clear(&due);
        } else {
            rest(hooks, next_s >= 0 && next_s < LEASE_S ? next_s : LEASE_S, n_wakes);
        }
    }
}

am_status webhooks_start(const options *opts, store *s, webhooks **made, am_error *error) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return report_fail(error, AM_E_SYSTEM, "no libcurl");
    }
    webhooks *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "webhooks");
    fresh->opts = opts;
    fresh->store = s;
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_cond_init(&fresh->changed, NULL);
    for (int i = 0; i < N_THREADS; i++) {
        if (pthread_create(&fresh->threads[i], NULL, run, fresh) != 0) {
            webhooks_stop(&fresh);
            return report_fail(error, AM_E_SYSTEM, "no thread");
        }
        fresh->n_threads++;
    }
    *made = fresh;
    return AM_OK;
}

void webhooks_wake(webhooks *hooks) {
    pthread_mutex_lock(&hooks->lock);
    hooks->n_wakes++;
    pthread_cond_broadcast(&hooks->changed);
    pthread_mutex_unlock(&hooks->lock);
}

void webhooks_stop(webhooks **old) {
    webhooks *hooks = *old;
    if (hooks == NULL) return;
    pthread_mutex_lock(&hooks->lock);
    hooks->closed = true;
    pthread_cond_broadcast(&hooks->changed);
    pthread_mutex_unlock(&hooks->lock);
    for (int i = 0; i < hooks->n_threads; i++) pthread_join(hooks->threads[i], NULL);
    pthread_cond_destroy(&hooks->changed);
    pthread_mutex_destroy(&hooks->lock);
    heap_free(hooks);
    *old = NULL;
}

/* ---- URLs ---------------------------------------------------------------------------------- */

am_status webhook_check(const char *url, bool private_allowed, am_error *error) {
    char *scheme = NULL;
    char *host = NULL;
    am_status status = AM_OK;
    CURLU *parts = curl_url();
    if (parts == NULL) return report_fail(error, AM_E_MEMORY, "webhook_url");
    if (strlen(url) > URL_BYTES_MAX ||
        curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK || host[0] == '\0' ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        status = report_fail(error, AM_E_ARG, "webhook_url: expected http:// or https://");
    } else if (!private_allowed &&
               (address_is_private_text(host) || strcmp(host, "localhost") == 0)) {
        status = report_fail(error, AM_E_ARG, "webhook_url: the address is not public");
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parts);
    return status;
}
