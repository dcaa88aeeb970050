/* Monotonic time in seconds. */
#ifndef AM_BASE_CLOCK_H
#define AM_BASE_CLOCK_H

double am__now(void);

#endif
