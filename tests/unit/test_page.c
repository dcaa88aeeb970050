/* The table of the web page: every file is found by its name, whole, with its type and its tag. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/page/page.h"

static void each_file_is_found(void **state) {
    (void)state;
    assert_true(n_page_files > 2);
    for (size_t i = 0; i < n_page_files; i++) {
        assert_ptr_equal(page_find(page_files[i].path), &page_files[i]);
        assert_true(page_files[i].n_bytes > 0);
        assert_int_equal(strlen(page_files[i].etag), 18);
    }
    assert_null(page_find(""));
    assert_null(page_find("index.htm"));
    assert_null(page_find("zzz"));
    assert_null(page_find("../page.c"));
}

static void bytes_are_those_of_the_source(void **state) {
    (void)state;
    for (size_t i = 0; i < n_page_files; i++) {
        char path[256];
        unsigned char bytes[65536];
        snprintf(path, sizeof path, "apps/server/page/%s", page_files[i].path);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        const size_t n = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        assert_int_equal(n, page_files[i].n_bytes);
        assert_memory_equal(bytes, page_files[i].bytes, n);
    }
}

static void types_are_those_browsers_want(void **state) {
    (void)state;
    assert_string_equal(page_find("index.html")->type, "text/html; charset=utf-8");
    /* A module of another type is not run. */
    assert_string_equal(page_find("app.js")->type, "text/javascript; charset=utf-8");
    assert_string_equal(page_find("theme.css")->type, "text/css; charset=utf-8");
    assert_string_equal(page_find("icon.svg")->type, "image/svg+xml");
}

/* Content-Security-Policy of the page forbids what is inline. */
static void nothing_is_inline(void **state) {
    (void)state;
    const page_file *index = page_find("index.html");
    char text[65536];
    assert_true(index->n_bytes < sizeof text);
    memcpy(text, index->bytes, index->n_bytes);
    text[index->n_bytes] = '\0';
    assert_null(strstr(text, " style="));
    assert_null(strstr(text, "<style"));
    assert_null(strstr(text, " onclick="));
    assert_null(strstr(text, "http://"));
    assert_null(strstr(text, "https://"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_file_is_found),
        cmocka_unit_test(bytes_are_those_of_the_source),
        cmocka_unit_test(types_are_those_browsers_want),
        cmocka_unit_test(nothing_is_inline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
