/* Bytes of a file, a pipe or a memory block: see input.h. */
#include "audio/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

am_status am__input_open_file(const char *path, am_input *input, am_error *error) {
    const bool is_stdin = strcmp(path, "-") == 0;
    const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return am__fail_errno(error, errno, "%s", path);

    *input = (am_input){.name = is_stdin ? "standard input" : path, .fd = fd};
    struct stat info;
    am_status status = AM_OK;
    if (fstat(fd, &info) != 0) {
        status = am__fail_errno(error, errno, "%s", input->name);
    } else if (S_ISDIR(info.st_mode)) {
        status = am__fail(error, AM_E_AUDIO, "%s: is a directory", input->name);
    }
    /* Standard input that was read from before is a stream: its offsets are not the file's. */
    input->seekable = lseek(fd, 0, SEEK_CUR) == 0;
    if (status != AM_OK) am__input_close(input);
    return status;
}

void am__input_open_memory(const void *bytes, size_t n_bytes, am_input *input) {
    *input = (am_input){.name = "audio in memory",
                        .bytes = bytes,
                        .n_bytes = n_bytes,
                        .fd = -1,
                        .seekable = true};
}

void am__input_close(am_input *input) {
    if (input->fd > STDIN_FILENO) close(input->fd);
    input->fd = -1;
}

int am__input_read(am_input *input, uint8_t *bytes, int n) {
    if (input->fd < 0) {
        const size_t left = input->n_bytes - input->position;
        const size_t taken = left < (size_t)n ? left : (size_t)n;
        if (taken > 0) memcpy(bytes, input->bytes + input->position, taken);
        input->position += taken;
        input->any = input->any || taken > 0;
        return (int)taken;
    }
    ssize_t taken;
    do {
        taken = read(input->fd, bytes, (size_t)n);
    } while (taken < 0 && errno == EINTR);
    if (taken < 0 && input->error == 0) input->error = errno;
    input->any = input->any || taken > 0;
    return (int)taken;
}

int64_t am__input_seek(am_input *input, int64_t offset, int whence) {
    if (input->fd >= 0) return lseek(input->fd, offset, whence);
    const int64_t base = whence == SEEK_SET   ? 0
                         : whence == SEEK_CUR ? (int64_t)input->position
                                              : (int64_t)input->n_bytes;
    if (offset < -base || offset > (int64_t)input->n_bytes - base) return -1;
    input->position = (size_t)(base + offset);
    return base + offset;
}

int64_t am__input_size(const am_input *input) {
    if (input->fd < 0) return (int64_t)input->n_bytes;
    struct stat info;
    if (!input->seekable || fstat(input->fd, &info) != 0 || !S_ISREG(info.st_mode)) return -1;
    return info.st_size;
}
