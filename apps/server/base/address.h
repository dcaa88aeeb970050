/* Which addresses are out in the world. */
#ifndef AM_SERVER_BASE_ADDRESS_H
#define AM_SERVER_BASE_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/*
 * Whether an address belongs to the public internet: none of this machine, of a local network, of
 * carriers, of documentation, and none that stands for such a one (RFC 6890 and the registries it
 * made; IPv4 inside of IPv6 is looked into).
 */
bool address_is_public(const struct sockaddr *address);

/* Whether `host` is the text of an address, and then whether of a public one. */
bool address_is_private_text(const char *host);

#endif
