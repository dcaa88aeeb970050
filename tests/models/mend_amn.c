/* See mend_amn.h. */
#include "mend_amn.h"

#include <string.h>

#include "model/amn.h"
#include "text/compress.h"

static uint64_t get(const unsigned char *at, int n) {
    uint64_t value = 0;
    for (int i = 0; i < n; i++) value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static void set(unsigned char *at, int n, uint64_t value) {
    for (int i = 0; i < n; i++) at[i] = (unsigned char)(value >> (8 * i));
}

void mend_amn(unsigned char *bytes, size_t n_bytes) {
    if (n_bytes < AM_AMN_HEADER_BYTES) return;
    set(bytes + AM_AMN_AT_FILE_BYTES, 8, n_bytes);
    const uint64_t table_bytes = get(bytes + AM_AMN_AT_N_ENTRIES, 4) * AM_AMN_ENTRY_BYTES;
    if (table_bytes > n_bytes - AM_AMN_HEADER_BYTES) return;
    unsigned char *table = bytes + n_bytes - table_bytes;
    for (unsigned char *entry = table; entry < bytes + n_bytes; entry += AM_AMN_ENTRY_BYTES) {
        const uint64_t offset = get(entry + AM_AMN_AT_OFFSET, 8);
        const uint64_t size = get(entry + AM_AMN_AT_N_BYTES, 8);
        if (offset > n_bytes || size > n_bytes - offset) continue;
        set(entry + AM_AMN_AT_ENTRY_CRC, 4, am__crc32(0, bytes + offset, size));
    }
    const uint32_t sum = am__crc32(0, bytes, AM_AMN_AT_CRC);
    set(bytes + AM_AMN_AT_CRC, 4, am__crc32(sum, table, table_bytes));
}
