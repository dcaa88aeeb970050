/*
 * A .docx file: see document.h. The three parts without which there is none (ECMA-376 part 1,
 * 11.2 and 15): the types, the relation that names the document, and the document.
 */
#include <string.h>
#include <zip.h>

#include "common/report.h"
#include "server/answers/document.h"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define WORD_ML "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
#define DOCUMENT_BYTES_MAX ((size_t)1 << 29)

static const char types[] =
    XML_HEAD
    "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">"
    "<Default Extension=\"rels\" "
    "ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
    "<Override PartName=\"/word/document.xml\" ContentType=\"application/"
    "vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";

static const char relations[] =
    XML_HEAD
    "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
    "<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/"
    "relationships/officeDocument\" Target=\"word/document.xml\"/></Relationships>";

static void add_run(text *out, const char *properties, const char *before, const char *run,
                    const char *after) {
    text_print(out, "<w:r>%s<w:t xml:space=\"preserve\">%s", properties, before);
    document_escape(out, run);
    text_print(out, "%s</w:t></w:r>", after);
}

static void add_document(text *out, const am_result *result) {
    size_t n = 0;
    char time[32];
    const am_segment *segments = am_result_segments(result, &n);
    text_add_string(out, XML_HEAD "<w:document xmlns:w=\"" WORD_ML "\"><w:body>");
    for (size_t i = 0; i < n; i++) {
        const am_segment *segment = &segments[i];
        document_time(segment->start, time);
        text_add_string(out, "<w:p>");
        add_run(out, "<w:rPr><w:color w:val=\"808080\"/></w:rPr>", "[", time, "] ");
        if (segment->speaker != NULL) {
            add_run(out, "<w:rPr><w:b/></w:rPr>", "", segment->speaker, ": ");
        }
        add_run(out, "", "", segment->text + strspn(segment->text, " "), "");
        text_add_string(out, "</w:p>");
    }
    text_add_string(out, "</w:body></w:document>");
}

static bool add_part(zip_t *archive, const char *name, const char *bytes, size_t n) {
    zip_source_t *part = zip_source_buffer(archive, bytes, n, 0);
    if (part == NULL) return false;
    const zip_int64_t at = zip_file_add(archive, name, part, ZIP_FL_ENC_UTF_8);
    if (at < 0) {
        zip_source_free(part);
        return false;
    }
    /* The same transcript is the same file: no time of day in it. */
    return zip_file_set_dostime(archive, (zip_uint64_t)at, 0, 0x21, 0) == 0;
}

/* The whole file out of the source it was written to. */
static am_status take_file(zip_source_t *file, text *out, am_error *error) {
    char bytes[16384];
    zip_int64_t n = 0;
    if (zip_source_open(file) != 0) return report_fail(error, AM_E_IO, "docx: not readable");
    while ((n = zip_source_read(file, bytes, sizeof bytes)) > 0) text_add(out, bytes, (size_t)n);
    zip_source_close(file);
    if (n < 0) return report_fail(error, AM_E_IO, "docx: not readable");
    return out->failed ? report_fail(error, AM_E_MEMORY, "docx") : AM_OK;
}

static am_status write_file(const text *document, text *out, am_error *error) {
    zip_source_t *file = zip_source_buffer_create(NULL, 0, 0, NULL);
    zip_t *archive = file != NULL ? zip_open_from_source(file, ZIP_TRUNCATE, NULL) : NULL;
    if (archive == NULL) {
        if (file != NULL) zip_source_free(file);
        return report_fail(error, AM_E_MEMORY, "docx");
    }
    zip_source_keep(file); /* zip_close lets go of its own */
    am_status status = AM_OK;
    const bool whole = add_part(archive, "[Content_Types].xml", types, sizeof types - 1) &&
                       add_part(archive, "_rels/.rels", relations, sizeof relations - 1) &&
                       add_part(archive, "word/document.xml", document->bytes, document->n);
    if (!whole || zip_close(archive) != 0) {
        zip_discard(archive);
        status = report_fail(error, AM_E_MEMORY, "docx");
    }
    if (status == AM_OK) status = take_file(file, out, error);
    zip_source_free(file);
    return status;
}

am_status document_docx(const am_result *result, text *out, am_error *error) {
    text document;
    text_init(&document, DOCUMENT_BYTES_MAX);
    add_document(&document, result);
    const am_status status = document.failed ? report_fail(error, AM_E_MEMORY, "docx")
                                             : write_file(&document, out, error);
    text_free(&document);
    return status;
}
