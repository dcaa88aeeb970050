/* The watched folder, over inotify: see watch.h. */
#include "server/jobs/watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/base/server_log.h"
#include "server/base/text_buffer.h"
#include "server/base/wall_clock.h"

#define STILL_S 1.0        /* closed after writing, or renamed, and unchanged for so long */
#define STILL_UNCLOSED_S 5.0 /* found by looking: nobody said that it is complete */
#define LOOK_AGAIN_S 60.0  /* network file systems tell nothing */
#define AFTER_TROUBLE_S 30.0
#define TICK_MS 250
#define COPY_BYTES ((size_t)256 << 10)

/* A file that may be on its way. */
typedef struct candidate {
    char *name;
    int64_t modified_ns;
    uint64_t n_bytes;
    double since;   /* unchanged since then */
    double not_before;
    bool closed;
    struct candidate *next;
} candidate;

struct watch {
    const options *opts;
    jobs *jobs;
    const char *spool_dir;
    int fd, dir_fd;
    candidate *first;
    double looked;
    pthread_t thread;
    bool has_thread;
    atomic_bool stop;
};

/* ---- Candidates ---------------------------------------------------------------------------- */

/* Names that programs give to what is not complete. */
static bool is_provisional(const char *name) {
    static const char *const endings[] = {".part", ".tmp", ".crdownload", ".partial", "~"};
    const size_t n = strlen(name);
    if (name[0] == '.') return true;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        const size_t n_ending = strlen(endings[i]);
        if (n > n_ending && strcmp(name + n - n_ending, endings[i]) == 0) return true;
    }
    return false;
}

static bool look_at(const watch *w, const char *name, int64_t *modified_ns, uint64_t *n_bytes) {
    struct stat found;
    if (fstatat(w->dir_fd, name, &found, AT_SYMLINK_NOFOLLOW) != 0) return false;
    if (!S_ISREG(found.st_mode) || found.st_size == 0) return false;
    *modified_ns = (int64_t)found.st_mtim.tv_sec * 1000000000 + found.st_mtim.tv_nsec;
    *n_bytes = (uint64_t)found.st_size;
    return true;
}

static void notice(watch *w, const char *name, bool closed) {
    candidate *c = w->first;
    if (is_provisional(name)) return;
    while (c != NULL && strcmp(c->name, name) != 0) c = c->next;
    if (c == NULL) {
        c = heap_new(sizeof *c);
        char *copy = heap_string(name);
        if (c == NULL || copy == NULL) { /* the next look finds it again */
            heap_free(c);
            heap_free(copy);
            return;
        }
        c->name = copy;
        c->since = clock_now();
        c->next = w->first;
        w->first = c;
    }
    c->closed = c->closed || closed;
}

static void look_around(watch *w) {
    const int fd = openat(w->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) close(fd);
        log_line(AM_LOG_WARN, "the watched folder cannot be read: %s", strerror(errno));
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        notice(w, entry->d_name, false);
    }
    closedir(dir);
}

static void read_events(watch *w) {
    _Alignas(struct inotify_event) char bytes[16384];
    const ssize_t n = read(w->fd, bytes, sizeof bytes);
    for (ssize_t at = 0; at < n;) {
        struct inotify_event event;
        memcpy(&event, bytes + at, sizeof event);
        if ((event.mask & IN_Q_OVERFLOW) != 0) w->looked = -LOOK_AGAIN_S;
        if (event.len > 0 && (event.mask & IN_ISDIR) == 0) {
            notice(w, bytes + at + sizeof event, true);
        }
        at += (ssize_t)(sizeof event + event.len);
    }
}

/* ---- Taking -------------------------------------------------------------------------------- */

static am_status copy_bytes(int from, int to, am_error *error) {
    char *buffer = heap_new(COPY_BYTES);
    if (buffer == NULL) return report_fail(error, AM_E_MEMORY, "a copy");
    int code = 0;
    ssize_t n = 1;
    while (code == 0 && n > 0) {
        n = read(from, buffer, COPY_BYTES);
        if (n < 0) code = errno;
        for (ssize_t done = 0; done < n && code == 0;) {
            const ssize_t n_written = write(to, buffer + done, (size_t)(n - done));
            if (n_written < 0) code = errno;
            else done += n_written;
        }
    }
    heap_free(buffer);
    return code == 0 ? AM_OK : report_fail_errno(error, code, "a copy");
}

static am_status copy_file(const watch *w, const candidate *c, char path[1024], am_error *error) {
    const int from = openat(w->dir_fd, c->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from < 0) return report_fail_errno(error, errno, "it cannot be opened");
    snprintf(path, 1024, "%s/upload-XXXXXX", w->spool_dir);
    const int to = mkstemp(path);
    am_status status = to >= 0 ? copy_bytes(from, to, error)
                               : report_fail_errno(error, errno, "the spool folder");
    close(from);
    if (to >= 0 && close(to) != 0 && status == AM_OK) {
        status = report_fail_errno(error, errno, "the spool folder");
    }
    if (status != AM_OK && to >= 0) unlink(path);
    return status;
}

static am_status add(const watch *w, const candidate *c, const new_job *news, size_t n,
                     am_error *error) {
    call options_of_job;
    job *list = NULL;
    char *where = heap_print("%s/%s", w->opts->watch, c->name);
    const watched_file from = {where, c->modified_ns, c->n_bytes};
    am_status status = call_init(&options_of_job, w->opts, error);
    if (status == AM_OK) status = call_resolve(&options_of_job, error);
    if (status == AM_OK && where == NULL) status = report_fail(error, AM_E_MEMORY, "a job");
    if (status == AM_OK) status = jobs_add(w->jobs, news, n, &options_of_job, &from, &list, error);
    if (status == AM_OK && n > 0) log_line(AM_LOG_INFO, "watch: %s is %s", c->name, list[0].id);
    jobs_free(list, n);
    call_free(&options_of_job);
    heap_free(where);
    return status;
}

/* A copy becomes a job; what is no recording is remembered too, and not looked at again. */
static am_status take(const watch *w, const candidate *c, am_error *error) {
    char path[1024];
    char *name = heap_string(c->name);
    am_audio *audio = NULL;
    if (name == NULL) return report_fail(error, AM_E_MEMORY, "a job");
    text_mend_utf8(name);
    new_job news = {.name = name, .path = path, .n_bytes = c->n_bytes, .duration = NAN};
    am_status status = copy_file(w, c, path, error);
    if (status == AM_OK) {
        am_error why;
        const am_status opened = am_audio_open_file(path, &w->opts->audio, &audio, &why);
        const bool none = opened == AM_E_AUDIO || opened == AM_E_NO_AUDIO;
        const double seconds = opened == AM_OK ? am_audio_duration(audio) : -1;
        if (seconds >= 0) news.duration = seconds;
        am_audio_close(&audio);
        if (none) log_line(AM_LOG_INFO, "watch: %s is no recording", c->name);
        status = add(w, c, &news, none ? 0 : 1, error);
        (void)unlink(path); /* gone already when it became a job */
    }
    heap_free(name);
    return status;
}

static bool is_taken(const watch *w, const candidate *c) {
    bool has = false;
    am_error error;
    char *where = heap_print("%s/%s", w->opts->watch, c->name);
    const watched_file file = {where, c->modified_ns, c->n_bytes};
    const bool known = where != NULL &&
                       store_has_watched(jobs_store(w->jobs), &file, &has, &error) == AM_OK;
    heap_free(where);
    return known && has;
}

/* Whether there is nothing more to do about it. */
static bool settle(const watch *w, candidate *c) {
    const double now = clock_now();
    int64_t modified_ns = 0;
    uint64_t n_bytes = 0;
    am_error error;
    if (!look_at(w, c->name, &modified_ns, &n_bytes)) return true;
    if (modified_ns != c->modified_ns || n_bytes != c->n_bytes) {
        c->modified_ns = modified_ns;
        c->n_bytes = n_bytes;
        c->since = now;
        return is_taken(w, c);
    }
    if (now - c->since < (c->closed ? STILL_S : STILL_UNCLOSED_S) || now < c->not_before) {
        return false;
    }
    if (is_taken(w, c)) return true;
    if (take(w, c, &error) == AM_OK) return true;
    log_line(AM_LOG_WARN, "watch: %s: %s", c->name, error.detail);
    c->not_before = now + AFTER_TROUBLE_S;
    return false;
}

static void *run(void *context) {
    watch *w = context;
    while (!atomic_load(&w->stop)) {
        struct pollfd entry = {.fd = w->fd, .events = POLLIN};
        if (clock_now() - w->looked > LOOK_AGAIN_S) {
            w->looked = clock_now();
            look_around(w);
        }
        if (poll(&entry, 1, TICK_MS) > 0) read_events(w);
        for (candidate **at = &w->first; *at != NULL && !atomic_load(&w->stop);) {
            candidate *c = *at;
            if (!settle(w, c)) {
                at = &c->next;
                continue;
            }
            *at = c->next;
            heap_free(c->name);
            heap_free(c);
        }
    }
    return NULL;
}

/* ---- Life ---------------------------------------------------------------------------------- */

static am_status start(watch *w, am_error *error) {
    const char *folder = w->opts->watch;
    w->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (w->dir_fd < 0) return report_fail_errno(error, errno, "--watch %s", folder);
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd < 0 || inotify_add_watch(w->fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
        return report_fail_errno(error, errno, "--watch %s", folder);
    }
    w->has_thread = pthread_create(&w->thread, NULL, run, w) == 0;
    return w->has_thread ? AM_OK : report_fail(error, AM_E_SYSTEM, "no thread");
}

am_status watch_start(const options *opts, jobs *all, const char *spool_dir, watch **made,
                      am_error *error) {
    watch *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the watched folder");
    fresh->opts = opts;
    fresh->jobs = all;
    fresh->spool_dir = spool_dir;
    fresh->fd = fresh->dir_fd = -1;
    fresh->looked = -2 * LOOK_AGAIN_S;
    const am_status status = start(fresh, error);
    if (status != AM_OK) {
        watch_stop(&fresh);
        return status;
    }
    *made = fresh;
    return AM_OK;
}

void watch_stop(watch **old) {
    watch *w = *old;
    if (w == NULL) return;
    atomic_store(&w->stop, true);
    if (w->has_thread) pthread_join(w->thread, NULL);
    while (w->first != NULL) {
        candidate *c = w->first;
        w->first = c->next;
        heap_free(c->name);
        heap_free(c);
    }
    if (w->fd >= 0) close(w->fd);
    if (w->dir_fd >= 0) close(w->dir_fd);
    heap_free(w);
    *old = NULL;
}
