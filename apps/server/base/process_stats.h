/* What the system says about this process, read at that moment. */
#ifndef AM_SERVER_BASE_PROCESS_STATS_H
#define AM_SERVER_BASE_PROCESS_STATS_H

#include <stdint.h>

typedef struct process_stats {
    uint64_t resident_bytes;
    double cpu_seconds; /* user and system, of all threads */
    int n_files, n_files_max, n_threads;
} process_stats;

/* What cannot be read is 0. */
process_stats process_stats_now(void);

#endif
