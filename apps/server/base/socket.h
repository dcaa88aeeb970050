/* Sockets and addresses as the server needs them; knows no HTTP. */
#ifndef AM_SERVER_BASE_SOCKET_H
#define AM_SERVER_BASE_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "amanuensis.h"

typedef struct socket_endpoint {
    bool is_ipv6;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} socket_endpoint;

/* Numeric addresses and "localhost". */
AM_CHECK_RESULT am_status socket_resolve(const char *host, int port, socket_endpoint *endpoint,
                                         am_error *error);
const struct sockaddr *socket_sockaddr(const socket_endpoint *endpoint);
/* "127.0.0.1", of heap.h, an IPv4 address behind IPv6 too; "" for NULL. */
char *socket_address_text(const struct sockaddr *address);
/* Whether a listening address can be reached from other machines. */
bool socket_is_loopback(const char *host);
/* Whether the other side has closed: looks, takes nothing, waits for nothing. */
bool socket_is_closed(int fd);
/*
 * Sends without waiting, ends that direction, and reads and drops for about two seconds what
 * still comes: closing with unread bytes would reset the connection, and with it the words.
 */
void socket_last_words(int fd, const char *bytes, size_t n);
/* Ends both directions; the owner finds out and closes. */
void socket_shut(int fd);

#endif
