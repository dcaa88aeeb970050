/*
 * Parts of forms: see form.h. A parser may announce a part with no bytes at offset 0 and give its
 * first bytes at offset 0 too (MHD's does when a piece of the body ends with the part's head), so
 * an empty part that is named again goes on instead of being joined by another.
 */
#include "server/http/form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/http/http_parse.h"

void form_init(form *f, const char *spool_dir, uint64_t file_bytes_max, uint64_t field_bytes_max,
               int n_parts_max) {
    *f = (form){.spool_dir = spool_dir,
                .file_bytes_max = file_bytes_max,
                .field_bytes_max = field_bytes_max,
                .n_parts_max = n_parts_max,
                .fd = -1};
}

static void free_files(http_file *file) {
    while (file != NULL) {
        http_file *next = file->next;
        if (file->path != NULL) unlink(file->path);
        heap_free(file->name);
        heap_free(file->filename);
        heap_free(file->path);
        heap_free(file);
        file = next;
    }
}

static void free_fields(http_field *field) {
    while (field != NULL) {
        http_field *next = field->next;
        heap_free(field->name);
        heap_free(field->value);
        heap_free(field);
        field = next;
    }
}

void form_free(form *f) {
    if (f->fd >= 0) close(f->fd);
    free_files(f->files);
    free_fields(f->fields);
    form_init(f, f->spool_dir, f->file_bytes_max, f->field_bytes_max, f->n_parts_max);
}

static am_status count_part(form *f, am_error *error) {
    if (f->n_parts >= f->n_parts_max) {
        return report_fail(error, AM_E_ARG, "more than %d parts", f->n_parts_max);
    }
    f->n_parts++;
    return AM_OK;
}

/* ---- Fields -------------------------------------------------------------------------------- */

static am_status begin_field(form *f, const char *name, am_error *error) {
    REPORT_TRY(count_part(f, error));
    http_field *field = heap_new(sizeof *field);
    if (field == NULL) return report_fail(error, AM_E_MEMORY, "a field");
    field->name = heap_string(name);
    field->value = heap_string("");
    if (field->name == NULL || field->value == NULL) {
        free_fields(field);
        return report_fail(error, AM_E_MEMORY, "a field");
    }
    if (f->last_field != NULL) f->last_field->next = field;
    if (f->fields == NULL) f->fields = field;
    f->last_field = field;
    return AM_OK;
}

am_status form_add_field(form *f, const char *name, const char *value, size_t n, uint64_t offset,
                         am_error *error) {
    http_field *field = f->last_field;
    const bool announced = field != NULL && field->n == 0 && strcmp(field->name, name) == 0;
    if (offset == 0 && !announced) {
        REPORT_TRY(begin_field(f, name, error));
        field = f->last_field;
    }
    if (field == NULL) return report_fail(error, AM_E_ARG, "the form is malformed");
    if (n > f->field_bytes_max - f->n_field_bytes) {
        return report_fail(error, AM_E_LIMIT, "the fields have more than %llu bytes",
                           (unsigned long long)f->field_bytes_max);
    }
    char *grown = heap_resize(field->value, field->n + n + 1);
    if (grown == NULL) return report_fail(error, AM_E_MEMORY, "a field");
    field->value = grown;
    if (n > 0) memcpy(grown + field->n, value, n);
    field->n += n;
    f->n_field_bytes += n;
    grown[field->n] = '\0';
    return AM_OK;
}

/* ---- Files --------------------------------------------------------------------------------- */

static am_status open_spool(form *f, http_file *file, am_error *error) {
    char *path = heap_print("%s/upload-XXXXXX", f->spool_dir);
    if (path == NULL) return report_fail(error, AM_E_MEMORY, "a file");
    f->fd = mkstemp(path);
    if (f->fd >= 0) {
        file->path = path;
        return AM_OK;
    }
    const int code = errno;
    heap_free(path);
    return report_fail_errno(error, code, "the spool folder takes no file");
}

static am_status begin_file(form *f, const char *name, const char *filename, am_error *error) {
    REPORT_TRY(form_end(f, error));
    REPORT_TRY(count_part(f, error));
    http_file *file = heap_new(sizeof *file);
    if (file == NULL) return report_fail(error, AM_E_MEMORY, "a file");
    file->name = heap_string(name);
    file->filename = heap_string(http_base_name(filename));
    am_status status = file->name != NULL && file->filename != NULL
                           ? open_spool(f, file, error)
                           : report_fail(error, AM_E_MEMORY, "a file");
    if (status != AM_OK) {
        free_files(file);
        return status;
    }
    if (f->last_file != NULL) f->last_file->next = file;
    if (f->files == NULL) f->files = file;
    f->last_file = file;
    return AM_OK;
}

static am_status write_all(int fd, const char *bytes, size_t n, am_error *error) {
    while (n > 0) {
        const ssize_t n_written = write(fd, bytes, n);
        if (n_written < 0 && errno == EINTR) continue;
        if (n_written < 0) {
            return report_fail_errno(error, errno, "the spool folder takes no more");
        }
        bytes += n_written;
        n -= (size_t)n_written;
    }
    return AM_OK;
}

am_status form_add_file(form *f, const char *name, const char *filename, const char *bytes,
                        size_t n, uint64_t offset, am_error *error) {
    if (filename == NULL) filename = "";
    http_file *file = f->last_file;
    const bool announced = file != NULL && f->fd >= 0 && file->n_bytes == 0 &&
                           strcmp(file->name, name) == 0 &&
                           strcmp(file->filename, http_base_name(filename)) == 0;
    if (offset == 0 && !announced) {
        REPORT_TRY(begin_file(f, name, filename, error));
        file = f->last_file;
    }
    if (file == NULL || f->fd < 0) return report_fail(error, AM_E_ARG, "the form is malformed");
    if (n > f->file_bytes_max - file->n_bytes) {
        return report_fail(error, AM_E_LIMIT, "the file is larger than %llu bytes",
                           (unsigned long long)f->file_bytes_max);
    }
    file->n_bytes += n;
    return write_all(f->fd, bytes, n, error);
}

am_status form_end(form *f, am_error *error) {
    const int fd = f->fd;
    f->fd = -1;
    if (fd < 0 || close(fd) == 0 || errno == EINTR) return AM_OK;
    return report_fail_errno(error, errno, "the spool folder takes no more");
}
