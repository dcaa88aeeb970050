/* Reads /proc/self and the resource limits: see process_stats.h. */
#include "server/base/process_stats.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static int count_entries(const char *folder) {
    DIR *dir = opendir(folder);
    int n = 0;
    if (dir == NULL) return 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        n += entry->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

static double seconds(struct timeval time) {
    return (double)time.tv_sec + 1e-6 * (double)time.tv_usec;
}

process_stats process_stats_now(void) {
    process_stats now = {0};
    unsigned long long n_total = 0;
    unsigned long long n_resident = 0;
    struct rusage usage;
    struct rlimit limit;
    FILE *in = fopen("/proc/self/statm", "r");
    if (in != NULL && fscanf(in, "%llu %llu", &n_total, &n_resident) == 2) {
        now.resident_bytes = n_resident * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    if (in != NULL) fclose(in);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        now.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) now.n_files_max = (int)limit.rlim_cur;
    now.n_files = count_entries("/proc/self/fd") - 1; /* but for the folder itself */
    now.n_threads = count_entries("/proc/self/task");
    return now;
}
