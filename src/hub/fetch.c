/* The only user of libcurl: see fetch.h. */
#include "hub/fetch.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_SECONDS 8L
#define STALL_SECONDS 30L
#define STALL_BYTES_PER_SECOND 1024L
#define MAX_REDIRECTS 5L
#define MAX_ATTEMPTS 8 /* only after one that brought bytes */

typedef struct transfer {
    const am_fetch *fetch;
    int descriptor;
    uint64_t n_before;  /* bytes of earlier attempts */
    uint64_t n_written; /* in this attempt */
    int write_error;    /* errno */
    bool cancelled;
    char stated_sha256[AM_SHA256_HEX];
    char message[CURL_ERROR_SIZE];
} transfer;

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static size_t write_body(char *bytes, size_t size, size_t n, void *user) {
    transfer *t = user;
    const size_t n_bytes = size * n;
    size_t done = 0;
    while (done < n_bytes) {
        const ssize_t written = write(t->descriptor, bytes + done, n_bytes - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            t->write_error = errno;
            return 0;
        }
        done += (size_t)written;
    }
    t->n_written += n_bytes;
    return n_bytes;
}

/* The hub states the SHA-256 of big files in a header, on the redirect to their storage. */
static size_t read_header(char *line, size_t size, size_t n, void *user) {
    static const char name[] = "x-linked-etag:";
    transfer *t = user;
    const size_t n_line = size * n;
    if (n_line <= sizeof name || strncasecmp(line, name, sizeof name - 1) != 0) return n_line;
    size_t at = sizeof name - 1, n_digits = 0;
    while (at < n_line && (line[at] == ' ' || line[at] == '"')) at++;
    for (; at < n_line && isxdigit((unsigned char)line[at]) && n_digits < 64; at++) {
        t->stated_sha256[n_digits++] = (char)tolower((unsigned char)line[at]);
    }
    t->stated_sha256[n_digits == 64 ? 64 : 0] = '\0';
    return n_line;
}

static int report_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                           curl_off_t up_now) {
    (void)up_total;
    (void)up_now;
    transfer *t = user;
    if (t->fetch->progress == NULL) return 0;
    const uint64_t n_total = total > 0 ? t->n_before + (uint64_t)total : 0;
    t->cancelled = !t->fetch->progress(t->fetch->user, t->fetch->label,
                                       t->n_before + (uint64_t)now, n_total);
    return t->cancelled ? 1 : 0;
}

static void set_options(CURL *curl, transfer *t, struct curl_slist *headers) {
    const am_fetch *fetch = t->fetch;
    const bool local = strncmp(fetch->url, "file:", 5) == 0;
    curl_easy_setopt(curl, CURLOPT_URL, fetch->url);
    /* A server must not redirect us to this machine's own files. */
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, local ? "file" : "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, MAX_REDIRECTS);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_PER_SECOND);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "amanuensis/" AM_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->message);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, read_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, report_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->n_before);
}

static am_status fail_transfer(const transfer *t, CURLcode code, long http, am_error *error) {
    const char *url = t->fetch->url;
    if (t->cancelled) AM_FAIL(error, AM_E_CANCELLED, "download of %s cancelled", t->fetch->label);
    if (t->write_error != 0) return am__fail_errno(error, t->write_error, "%s", t->fetch->path);
    if (http == 404 || code == CURLE_FILE_COULDNT_READ_FILE) {
        AM_FAIL(error, AM_E_NOT_FOUND, "%s: no such file", url);
    }
    if (http >= 400) AM_FAIL(error, AM_E_NETWORK, "%s: HTTP status %ld", url, http);
    AM_FAIL(error, AM_E_NETWORK, "%s: %s", url,
            t->message[0] != '\0' ? t->message : curl_easy_strerror(code));
}

static am_status truncate_file(transfer *t, am_error *error) {
    if (ftruncate(t->descriptor, 0) != 0 || lseek(t->descriptor, 0, SEEK_SET) != 0) {
        return am__fail_errno(error, errno, "%s", t->fetch->path);
    }
    t->n_before = 0;
    return AM_OK;
}

/* One request; *again when another may bring the rest. */
static am_status attempt(CURL *curl, transfer *t, struct curl_slist *headers, bool *again,
                         am_error *error) {
    long http = 0;
    *again = false;
    t->n_written = 0;
    t->message[0] = '\0';
    const off_t end = lseek(t->descriptor, 0, SEEK_END);
    if (end < 0) return am__fail_errno(error, errno, "%s", t->fetch->path);
    t->n_before = (uint64_t)end;
    set_options(curl, t, headers);
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http);
    if (code == CURLE_OK) return AM_OK;
    /* The server cannot resume, or has less than we have: from the start, once. */
    const bool cannot_resume = code == CURLE_RANGE_ERROR || http == 416 ||
                               code == CURLE_BAD_DOWNLOAD_RESUME;
    if (cannot_resume && t->n_before > 0) {
        *again = true;
        return truncate_file(t, error);
    }
    *again = t->n_written > 0 && !t->cancelled && t->write_error == 0;
    return fail_transfer(t, code, http, error);
}

am_status am__fetch(const am_fetch *fetch, am_fetched *fetched, am_error *error) {
    transfer t = {.fetch = fetch, .descriptor = -1};
    struct curl_slist *headers = NULL;
    CURL *curl = NULL;
    struct stat info;
    am_status status = AM_OK;
    bool again = true;
    pthread_once(&curl_once, start_curl);
    t.descriptor = open(fetch->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (t.descriptor < 0) return am__fail_errno(error, errno, "%s", fetch->path);
    const bool had_bytes = fstat(t.descriptor, &info) == 0 && info.st_size > 0;
    curl = curl_easy_init();
    if (fetch->token != NULL) {
        char line[1024];
        snprintf(line, sizeof line, "Authorization: Bearer %s", fetch->token);
        headers = curl_slist_append(headers, line);
    }
    if (curl == NULL || (fetch->token != NULL && headers == NULL)) {
        status = am__fail(error, AM_E_MEMORY, "no memory for a download");
        goto done;
    }
    for (int i = 0; again && i < MAX_ATTEMPTS; i++) {
        status = attempt(curl, &t, headers, &again, error);
    }
    if (status != AM_OK) goto done;
    if (again) {
        status = am__fail(error, AM_E_NETWORK, "%s: breaks off again and again", fetch->url);
        goto done;
    }
    if (fsync(t.descriptor) != 0 || fstat(t.descriptor, &info) != 0) {
        status = am__fail_errno(error, errno, "%s", fetch->path);
        goto done;
    }
    *fetched = (am_fetched){.n_bytes = (uint64_t)info.st_size,
                            .resumed = had_bytes && t.n_before > 0};
    memcpy(fetched->sha256, t.stated_sha256, sizeof fetched->sha256);
done:
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    close(t.descriptor);
    return status;
}
