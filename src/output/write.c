/* am_result_write and the table of formats: see writer.h. */
#include <math.h>
#include <string.h>

#include "output/writer.h"
#include "text/unicode.h"

#define N_FLUSH_BYTES ((size_t)64 << 10)
#define N_PENDING_BYTES_MAX ((size_t)1 << 30)

static const am_writer *const writers[] = {
    [AM_FORMAT_TXT] = &am__writer_txt,   [AM_FORMAT_SRT] = &am__writer_srt,
    [AM_FORMAT_VTT] = &am__writer_vtt,   [AM_FORMAT_TSV] = &am__writer_tsv,
    [AM_FORMAT_JSON] = &am__writer_json, [AM_FORMAT_LRC] = &am__writer_lrc,
    [AM_FORMAT_CSV] = &am__writer_csv,
};
#define N_WRITERS (sizeof writers / sizeof writers[0])

static const am_writer *writer_of(am_format format) {
    const size_t index = (size_t)format;
    return index < N_WRITERS ? writers[index] : NULL;
}

am_status am_format_by_name(const char *name, am_format *format) {
    for (size_t i = 0; name != NULL && i < N_WRITERS; i++) {
        if (strcmp(writers[i]->name, name) == 0) {
            *format = (am_format)i;
            return AM_OK;
        }
    }
    return AM_E_ARG;
}

const char *am_format_extension(am_format format) {
    const am_writer *writer = writer_of(format);
    return writer != NULL ? writer->name : NULL;
}

/* ---- What the writers share -------------------------------------------------------------- */

static am_status flush(am_sink *sink, am_error *error) {
    if (sink->text.n_bytes == 0) return AM_OK;
    const am_status status = sink->write(sink->user, sink->text.data, sink->text.n_bytes);
    if (status != AM_OK) AM_FAIL(error, status, "the receiver of the output stopped it");
    am__buf_clear(&sink->text);
    return AM_OK;
}

am_status am__sink_end_item(am_sink *sink, am_error *error) {
    return sink->text.n_bytes >= N_FLUSH_BYTES ? flush(sink, error) : AM_OK;
}

int64_t am__milliseconds(double seconds) {
    const double ms = rint(1000.0 * seconds);
    if (!(ms > 0)) return 0;
    return ms < 1e15 ? (int64_t)ms : INT64_C(1000000000000000);
}

am_status am__append_speaker(am_buf *text, const char *speaker, am_error *error) {
    return speaker != NULL ? am__buf_printf(text, error, "[%s]: ", speaker) : AM_OK;
}

am_status am__append_stripped(am_buf *text, const char *segment_text, am_error *error) {
    const am_text_span span = am__unicode_strip(segment_text, strlen(segment_text));
    return am__buf_append(text, span.text, span.n_bytes, error);
}

am_status am_result_write(const am_result *result, am_format format,
                          const am_write_options *options, am_write_fn *write, void *user,
                          am_error *error) {
    const am_write_options defaults = {0};
    const am_write_options *chosen = options != NULL ? options : &defaults;
    const am_writer *writer = writer_of(format);
    if (result == NULL || write == NULL) AM_FAIL(error, AM_E_ARG, "no result or no receiver");
    if (writer == NULL) AM_FAIL(error, AM_E_ARG, "unknown output format %d", (int)format);
    if (chosen->max_line_width < 0 || chosen->max_line_count < 0 ||
        chosen->max_words_per_line < 0) {
        AM_FAIL(error, AM_E_ARG, "limits of a subtitle line are 0 (none) or more");
    }
    am_sink sink = {.write = write, .user = user};
    am__buf_init(&sink.text, N_PENDING_BYTES_MAX);
    am_status status = writer->write(result, chosen, &sink, error);
    if (status == AM_OK) status = flush(&sink, error);
    am__buf_free(&sink.text);
    return status;
}
