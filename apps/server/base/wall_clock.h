/* Time for the server: seconds that only go forward, and of the day. */
#ifndef AM_SERVER_BASE_WALL_CLOCK_H
#define AM_SERVER_BASE_WALL_CLOCK_H

#include <time.h>

double clock_now(void);  /* monotonic seconds */
double clock_wall(void); /* seconds since 1970 */
/* A time for pthread_cond_timedwait, so many nanoseconds (below 1e9) from now. */
struct timespec clock_after(long nanoseconds);
/* "2026-01-31T12:00:00Z" of seconds since 1970. */
void clock_stamp(double wall, char stamp[32]);

#endif
