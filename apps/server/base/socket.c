/* Sockets and addresses: see socket.h. */
#include "server/base/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"

am_status socket_resolve(const char *host, int port, socket_endpoint *endpoint, am_error *error) {
    if (strcmp(host, "localhost") == 0) host = "127.0.0.1";
    *endpoint = (socket_endpoint){.v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)},
                                  .v6 = {.sin6_family = AF_INET6,
                                         .sin6_port = htons((uint16_t)port)}};
    if (inet_pton(AF_INET, host, &endpoint->v4.sin_addr) == 1) return AM_OK;
    endpoint->is_ipv6 = inet_pton(AF_INET6, host, &endpoint->v6.sin6_addr) == 1;
    if (endpoint->is_ipv6) return AM_OK;
    return report_fail(error, AM_E_ARG, "--host: %.200s is not an address of this machine", host);
}

const struct sockaddr *socket_sockaddr(const socket_endpoint *endpoint) {
    return endpoint->is_ipv6 ? (const struct sockaddr *)&endpoint->v6
                             : (const struct sockaddr *)&endpoint->v4;
}

char *socket_address_text(const struct sockaddr *address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address != NULL && address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        (void)inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    }
    const bool mapped = strncmp(text, "::ffff:", 7) == 0 && strchr(text, '.') != NULL;
    return heap_string(text + (mapped ? 7 : 0));
}

bool socket_is_loopback(const char *host) {
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

/* Linux's: the other side sends no more, whatever of it has not been read (a TLS farewell, say). */
#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif
#define LINGER_ROUNDS 20
#define LINGER_MS 100
#define LINGER_PIECES 1024 /* of 16 KiB */

bool socket_is_closed(int fd) {
    struct pollfd entry = {.fd = fd, .events = POLLRDHUP};
    if (poll(&entry, 1, 0) <= 0) return false;
    return (entry.revents & (POLLRDHUP | POLLERR | POLLHUP | POLLNVAL)) != 0;
}

void socket_last_words(int fd, const char *bytes, size_t n) {
    char dropped[16384];
    (void)send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_WR);
    int n_pieces = 0;
    for (int round = 0; round < LINGER_ROUNDS && n_pieces < LINGER_PIECES; round++) {
        struct pollfd entry = {.fd = fd, .events = POLLIN};
        if (poll(&entry, 1, LINGER_MS) < 0) return;
        ssize_t n_read = 1;
        for (; n_read > 0 && n_pieces < LINGER_PIECES; n_pieces++) {
            n_read = recv(fd, dropped, sizeof dropped, MSG_DONTWAIT);
        }
        if (n_read == 0 || (n_read < 0 && errno != EAGAIN && errno != EINTR)) return;
    }
}

void socket_shut(int fd) {
    (void)shutdown(fd, SHUT_RDWR);
}
