/* Checksums of an .amn file made to fit what it says, so that damage gets past them. */
#ifndef AM_TESTS_MODELS_MEND_AMN_H
#define AM_TESTS_MODELS_MEND_AMN_H

#include <stddef.h>
#include <stdint.h>

/* The stated size, the checksum of every payload that lies inside, that of header and table. */
void mend_amn(unsigned char *bytes, size_t n_bytes);

#endif
