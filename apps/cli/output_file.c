/* Whole-or-absent output files: see output_file.h. */
#include "cli/output_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/report.h"

am_status output_folder_make(const char *path, am_error *error) {
    char part[OUTPUT_PATH_BYTES];
    const size_t n = strlen(path);
    if (n >= sizeof part) return report_fail(error, AM_E_ARG, "%s: path too long", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0777) == 0 || errno == EEXIST) continue;
        return report_fail_errno(error, errno, "cannot make folder %s", part);
    }
    struct stat info;
    if (stat(path, &info) != 0) return report_fail_errno(error, errno, "cannot use %s", path);
    if (!S_ISDIR(info.st_mode)) return report_fail(error, AM_E_IO, "%s is not a folder", path);
    return AM_OK;
}

am_status output_file_open(output_file *file, const char *path, am_error *error) {
    memset(file, 0, sizeof *file);
    const int n = snprintf(file->temporary, sizeof file->temporary, "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof file->temporary) {
        return report_fail(error, AM_E_ARG, "%s: path too long", path);
    }
    snprintf(file->path, sizeof file->path, "%s", path);
    const int descriptor = mkstemp(file->temporary);
    if (descriptor < 0) return report_fail_errno(error, errno, "cannot write %s", path);
    /* mkstemp gives 0600; the finished file gets what open would have given. */
    const mode_t mask = umask(0);
    umask(mask);
    file->stream = fchmod(descriptor, 0666 & ~mask) == 0 ? fdopen(descriptor, "wb") : NULL;
    if (file->stream == NULL) {
        const int code = errno;
        close(descriptor);
        unlink(file->temporary);
        return report_fail_errno(error, code, "cannot write %s", path);
    }
    return AM_OK;
}

am_status output_file_commit(output_file *file, am_error *error) {
    const bool flushed = fflush(file->stream) == 0 && fsync(fileno(file->stream)) == 0;
    int code = flushed ? 0 : errno;
    if (fclose(file->stream) != 0 && code == 0) code = errno;
    file->stream = NULL;
    if (code == 0 && rename(file->temporary, file->path) != 0) code = errno;
    if (code == 0) return AM_OK;
    unlink(file->temporary);
    return report_fail_errno(error, code, "cannot write %s", file->path);
}

void output_file_discard(output_file *file) {
    if (file->stream == NULL) return;
    fclose(file->stream);
    file->stream = NULL;
    unlink(file->temporary);
}

am_status output_write(void *stream, const char *bytes, size_t n_bytes) {
    if (fwrite(bytes, 1, n_bytes, stream) == n_bytes) return AM_OK;
    return report_fail_errno(NULL, errno, "write");
}
