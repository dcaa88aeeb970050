/* Public addresses: see address.h. */
#include "server/base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool is_public_v4(uint32_t address) {
    static const struct {
        uint32_t net;
        int n_bits;
    } special[] = {
        {0x00000000, 8},  /* this network */
        {0x0a000000, 8},  /* private */
        {0x64400000, 10}, /* carriers' */
        {0x7f000000, 8},  /* loopback */
        {0xa9fe0000, 16}, /* link-local: also where clouds tell secrets */
        {0xac100000, 12}, /* private */
        {0xc0000000, 24}, /* protocols */
        {0xc0000200, 24}, /* documentation */
        {0xc0586300, 24}, /* relays of 6to4 */
        {0xc0a80000, 16}, /* private */
        {0xc6120000, 15}, /* measurements */
        {0xc6336400, 24}, /* documentation */
        {0xcb007100, 24}, /* documentation */
        {0xe0000000, 3},  /* multicast, reserved, broadcast */
    };
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        const uint32_t mask = 0xffffffffu << (32 - special[i].n_bits);
        if ((address & mask) == special[i].net) return false;
    }
    return true;
}

static uint32_t four_bytes(const unsigned char *b) {
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static bool is_public_v6(const unsigned char b[16]) {
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const unsigned char translated[12] = {0, 0x64, 0xff, 0x9b};
    const uint32_t head = four_bytes(b);
    if (memcmp(b, mapped, 12) == 0 || memcmp(b, translated, 12) == 0) {
        return is_public_v4(four_bytes(b + 12));
    }
    if (head >> 29 != 1) return false;              /* outside of 2000::/3 */
    if (head >> 9 == 0x20010000u >> 9) return false; /* 2001::/23: protocols, tunnels */
    if (head == 0x20010db8) return false;           /* documentation */
    if (head >> 16 == 0x2002) return false;         /* 6to4 */
    return head >> 12 != 0x3fff0;                   /* documentation */
}

bool address_is_public(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return is_public_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        return is_public_v6(v6.sin6_addr.s6_addr);
    }
    return false;
}

bool address_is_private_text(const char *host) {
    char bare[INET6_ADDRSTRLEN + 2];
    struct in_addr v4;
    struct in6_addr v6;
    const size_t n = strlen(host);
    if (n == 0 || n >= sizeof bare) return false;
    const bool bracketed = host[0] == '[' && host[n - 1] == ']';
    snprintf(bare, sizeof bare, "%.*s", (int)(bracketed ? n - 2 : n), host + bracketed);
    if (inet_pton(AF_INET, bare, &v4) == 1) return !is_public_v4(ntohl(v4.s_addr));
    return inet_pton(AF_INET6, bare, &v6) == 1 && !is_public_v6(v6.s6_addr);
}
