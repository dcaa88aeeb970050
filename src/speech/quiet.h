/*
 * Where to cut audio whose speech nobody looked for: at its quietest place. Samples in, a position
 * out; a pure function.
 */
#ifndef AM_SPEECH_QUIET_H
#define AM_SPEECH_QUIET_H

#include <stddef.h>

/*
 * The middle of the quietest fifth of a second of x [n] that begins at `from` or behind it, the
 * last one of equals: from < result < n. `from` + 4800 <= n.
 */
size_t am__quiet_place(const float *x, size_t n, size_t from);

#endif
