/* What check.c needs of buffers.c beyond check.h. */
#ifndef AM_TESTS_CHECK_BUFFERS_H
#define AM_TESTS_CHECK_BUFFERS_H

#include "check.h"

void buffers_init(check *c);
/* Checks the canaries of the last case and takes all buffers back. */
void buffers_release(check *c);

#endif
