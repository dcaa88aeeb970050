/* Origins and hosts: see origin.h. */
#include "server/http/origin.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* The next entry of a list with commas and blanks; its length goes to *n, 0 at the end. */
static const char *next_entry(const char *at, size_t *n) {
    at += strspn(at, ", \t");
    *n = strcspn(at, ", \t");
    return at;
}

static bool same(const char *text, size_t n, const char *word) {
    return strlen(word) == n && strncasecmp(text, word, n) == 0;
}

bool origin_is_any(const char *list) {
    size_t n = 0;
    for (const char *at = list; at != NULL; at += n) {
        at = next_entry(at, &n);
        if (n == 0) return false;
        if (same(at, n, "*")) return true;
    }
    return false;
}

bool origin_is_listed(const char *list, const char *origin) {
    size_t n = 0;
    for (const char *at = list; at != NULL; at += n) {
        at = next_entry(at, &n);
        if (n == 0) return false;
        if (same(at, n, "*") || same(at, n, origin)) return true;
    }
    return false;
}

static bool ends_with(const char *text, size_t n, const char *end) {
    const size_t n_end = strlen(end);
    return n > n_end && strncasecmp(text + n - n_end, end, n_end) == 0;
}

/* Whether an origin of the list has this host, whatever its scheme and port. */
static bool is_listed_host(const char *list, const char *host, size_t n_host) {
    size_t n = 0;
    for (const char *at = list; at != NULL; at += n) {
        at = next_entry(at, &n);
        if (n == 0) return false;
        const char *colon = memchr(at, ':', n);
        const char *name = colon != NULL && strncmp(colon, "://", 3) == 0 ? colon + 3 : at;
        const size_t n_left = n - (size_t)(name - at);
        const char *port = memchr(name, ':', n_left);
        const size_t n_name = port != NULL ? (size_t)(port - name) : n_left;
        if (n_name == n_host && strncasecmp(name, host, n_name) == 0) return true;
    }
    return false;
}

bool origin_host_is_near(const char *host, const char *list) {
    static const char *const zones[] = {".localhost", ".local", ".internal", ".lan", ".home.arpa"};
    if (host[0] == '[') return true; /* an IPv6 address */
    size_t n = strcspn(host, ":");
    if (n > 0 && host[n - 1] == '.') n--;
    if (memchr(host, '.', n) == NULL || strspn(host, "0123456789.") >= n) return true;
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        if (ends_with(host, n, zones[i])) return true;
    }
    return origin_is_any(list) || is_listed_host(list, host, n);
}

bool origin_is_name_list(const char *names) {
    for (const char *at = names; *at != '\0'; at++) {
        const bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!letter && (*at < '0' || *at > '9') && strchr("-_, ", *at) == NULL) return false;
    }
    return names[0] != '\0' && strlen(names) < 1000;
}
