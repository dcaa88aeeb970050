/*
 * `amanuensis transcribe`: one engine and one session for all files; each result goes to standard
 * output as it comes, or into files named after the input. A file that fails does not stop the
 * next one; Ctrl-C does, and what was transcribed until then is written.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/output_file.h"
#include "cli/progress.h"
#include "cli/verbs.h"
#include "common/report.h"

#define STEM_BYTES 1024

/* One run over all inputs. */
typedef struct job {
    const options *opts;
    bool to_files;
    unsigned formats; /* bits 1 << am_format; one bit when not to_files */
    am_engine *engine;
    am_session *session;
    bool output_failed; /* standard output takes no more */
    int output_errno;
} job;

/* ---- Names of output files ---------------------------------------------------------------- */

/* File name without folders and without its last extension; "stdin" for "-". */
static void stem_of(const char *path, char stem[STEM_BYTES]) {
    if (strcmp(path, "-") == 0) path = "stdin";
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL && slash[1] != '\0' ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const size_t n = dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base);
    snprintf(stem, STEM_BYTES, "%.*s", (int)(n < STEM_BYTES ? n : STEM_BYTES - 1), base);
}

/* How many of the first n inputs have this stem. */
static int count_stem(const options *opts, int n, const char *stem) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        char other[STEM_BYTES];
        stem_of(opts->inputs[i], other);
        if (strcmp(other, stem) == 0) count++;
    }
    return count;
}

/*
 * The name under which input `index` is written: its stem; the second input with that stem is
 * STEM-2, the third STEM-3, numbers left out where another input is called so.
 */
static void name_of(const options *opts, int index, char name[STEM_BYTES]) {
    char stem[STEM_BYTES];
    stem_of(opts->inputs[index], stem);
    snprintf(name, STEM_BYTES, "%s", stem);
    int n_before = count_stem(opts, index, stem);
    for (int number = 2; n_before > 0; number++) {
        snprintf(name, STEM_BYTES, "%.*s-%d", STEM_BYTES - 16, stem, number);
        if (count_stem(opts, opts->n_inputs, name) == 0) n_before--;
    }
}

/* ---- While it runs ------------------------------------------------------------------------ */

static void on_progress(void *user, double done_s, double total_s) {
    (void)user;
    progress_update(done_s, total_s);
}

static bool on_cancel(void *user) {
    const job *self = user;
    return self->output_failed || interrupt_requested(NULL);
}

static void format_clock(double seconds, char *text, size_t size) {
    const long long ms = seconds > 0 ? (long long)(seconds * 1000 + 0.5) : 0;
    const long long minutes = ms / 60000;
    if (minutes >= 60) {
        snprintf(text, size, "%02lld:%02lld:%02lld.%03lld", minutes / 60, minutes % 60,
                 ms / 1000 % 60, ms % 1000);
    } else {
        snprintf(text, size, "%02lld:%02lld.%03lld", minutes, ms / 1000 % 60, ms % 1000);
    }
}

static void flush_output(job *self) {
    if (self->output_failed || (fflush(stdout) == 0 && ferror(stdout) == 0)) return;
    self->output_failed = true;
    self->output_errno = errno;
}

static bool streams_text(const job *self) {
    return !self->to_files && self->formats == 1u << AM_FORMAT_TXT;
}

/* The text format on standard output, line by line; with --verbose the times before it. */
static void on_segment(void *user, const am_segment *segment) {
    job *self = user;
    if (!self->opts->verbose && !streams_text(self)) return;
    const char *text = segment->text + strspn(segment->text, " ");
    progress_hide();
    if (self->opts->verbose) {
        char start[32];
        char end[32];
        format_clock(segment->start, start, sizeof start);
        format_clock(segment->end, end, sizeof end);
        printf("[%s --> %s]  ", start, end);
    }
    puts(text);
    flush_output(self);
}

/* ---- Results ------------------------------------------------------------------------------ */

static am_status write_document(const job *self, const am_result *result, am_format format,
                                FILE *stream, const char *name, am_error *error) {
    errno = 0;
    const am_status status =
        am_result_write(result, format, &self->opts->write, output_write, stream, error);
    if (status != AM_OK && ferror(stream)) {
        return report_fail_errno(error, errno, "cannot write %s", name);
    }
    return status;
}

static am_status write_file(const job *self, const am_result *result, am_format format,
                            const char *name, am_error *error) {
    const char *folder = self->opts->output_dir != NULL ? self->opts->output_dir : ".";
    char path[OUTPUT_PATH_BYTES];
    const int n = snprintf(path, sizeof path, "%s/%s.%s", folder, name,
                           am_format_extension(format));
    if (n < 0 || (size_t)n >= sizeof path) {
        return report_fail(error, AM_E_ARG, "%s: path too long", folder);
    }
    output_file file;
    REPORT_TRY(output_file_open(&file, path, error));
    am_status status = write_document(self, result, format, file.stream, path, error);
    if (status == AM_OK) status = output_file_commit(&file, error);
    output_file_discard(&file);
    return status;
}

static am_status write_result(job *self, int index, const am_result *result, am_error *error) {
    char name[STEM_BYTES];
    if (streams_text(self)) return AM_OK;
    name_of(self->opts, index, name);
    for (int format = AM_FORMAT_TXT; format <= AM_FORMAT_CSV; format++) {
        if ((self->formats >> format & 1u) == 0) continue;
        if (self->to_files) {
            REPORT_TRY(write_file(self, result, (am_format)format, name, error));
        } else {
            REPORT_TRY(write_document(self, result, (am_format)format, stdout, "standard output",
                                      error));
        }
    }
    return AM_OK;
}

static am_status transcribe_one(job *self, int index, am_error *error) {
    const char *path = self->opts->inputs[index];
    am_audio *audio = NULL;
    am_result *result = NULL;
    REPORT_TRY(am_audio_open_file(path, &self->opts->audio, &audio, error));
    const am_callbacks callbacks = {.progress = on_progress, .segment = on_segment,
                                    .cancel = on_cancel, .user = self};
    if (streams_text(self) && self->opts->n_inputs > 1) {
        printf("%s==> %s <==\n", index > 0 ? "\n" : "", path);
        flush_output(self);
    }
    progress_begin(path, PROGRESS_SECONDS, !self->opts->quiet);
    am_status status =
        am_transcribe(self->session, audio, &self->opts->params, &callbacks, &result, error);
    progress_end();
    if (result != NULL) {
        am_error write_error;
        const am_status written = write_result(self, index, result, &write_error);
        if (written != AM_OK) *error = write_error;
        if (written != AM_OK) status = written;
    }
    flush_output(self);
    if (self->output_failed) {
        status = report_fail_errno(error, self->output_errno, "cannot write standard output");
    } else if (status == AM_E_CANCELLED) {
        status = report_fail(error, status, "%s", result != NULL ? "what was done is kept" : "");
    }
    am_result_free(&result);
    am_audio_close(&audio);
    return status;
}

/* ---- The verb ----------------------------------------------------------------------------- */

/* Decides where results go, and finds out before the work whether they can go there. */
static am_status choose_output(job *self, am_error *error) {
    const options *opts = self->opts;
    const bool to_stdout = opts->output_dir != NULL && strcmp(opts->output_dir, "-") == 0;
    self->to_files = !to_stdout && (opts->output_dir != NULL || opts->formats != 0);
    const unsigned text = 1u << AM_FORMAT_TXT;
    const unsigned all = (1u << (AM_FORMAT_CSV + 1)) - 1;
    self->formats = opts->formats != 0 ? opts->formats : self->to_files ? all : text;
    if (!self->to_files) {
        if ((self->formats & (self->formats - 1)) == 0) return AM_OK;
        return report_fail(error, AM_E_ARG, "standard output takes one format");
    }
    const char *folder = opts->output_dir != NULL ? opts->output_dir : ".";
    REPORT_TRY(output_folder_make(folder, error));
    if (access(folder, W_OK | X_OK) == 0) return AM_OK;
    return report_fail_errno(error, errno, "cannot write into %s", folder);
}

static am_status open_engine(job *self, am_error *error) {
    const options *opts = self->opts;
    REPORT_TRY(am_engine_open(opts->model, &opts->engine, &self->engine, error));
    REPORT_TRY(am_engine_check(self->engine, &opts->params, error));
    return am_session_new(self->engine, &self->session, error);
}

static int transcribe_all(job *self, am_error *error) {
    const options *opts = self->opts;
    int exit_code = 0;
    for (int i = 0; i < opts->n_inputs; i++) {
        const am_status status = transcribe_one(self, i, error);
        if (status == AM_OK) continue;
        const char *subject = self->output_failed ? NULL : opts->inputs[i];
        const int code = report_error(subject, error);
        if (exit_code == 0) exit_code = code;
        if (status == AM_E_CANCELLED || self->output_failed) break;
    }
    return exit_code;
}

int verb_transcribe(const options *opts) {
    job self = {.opts = opts};
    am_error error = {.status = AM_OK};
    int exit_code = 0;
    if (opts->n_inputs == 0) {
        (void)report_fail(&error, AM_E_ARG, "no input file; see `amanuensis help transcribe`");
        exit_code = report_error(NULL, &error);
    } else if (choose_output(&self, &error) != AM_OK) {
        exit_code = report_error(NULL, &error);
    } else if (open_engine(&self, &error) != AM_OK) {
        exit_code = report_error(opts->model, &error);
    } else {
        exit_code = transcribe_all(&self, &error);
    }
    am_session_free(&self.session);
    am_engine_close(&self.engine);
    return exit_code;
}
