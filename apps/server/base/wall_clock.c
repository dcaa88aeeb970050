/* Clocks: see wall_clock.h. */
#include "server/base/wall_clock.h"

double clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clock_wall(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct timespec clock_after(long nanoseconds) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += nanoseconds;
    if (at.tv_nsec >= 1000000000L) {
        at.tv_nsec -= 1000000000L;
        at.tv_sec++;
    }
    return at;
}

void clock_stamp(double wall, char stamp[32]) {
    const time_t seconds = (time_t)wall;
    struct tm parts;
    stamp[0] = '\0';
    if (gmtime_r(&seconds, &parts) != NULL) strftime(stamp, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}
