/* Unit tests of src/base. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/rng.h"
#include "base/team.h"
#include "base/utf8.h"

static void count_part(void *context, size_t part, size_t n_parts) {
    (void)n_parts;
    ((int *)context)[part]++;
}

static void team_runs_each_part_once(void **state) {
    (void)state;
    for (int n_threads = 1; n_threads <= 4; n_threads++) {
        am_team *team = NULL;
        assert_int_equal(am__team_new(n_threads, &team, NULL), AM_OK);
        for (int round = 0; round < 2000; round++) {
            int counts[37] = {0};
            const size_t n_parts = (size_t)(round % 37) + 1;
            am__team_run(team, n_parts, count_part, counts);
            for (size_t i = 0; i < 37; i++) assert_int_equal(counts[i], i < n_parts ? 1 : 0);
        }
        am__team_free(&team);
        assert_null(team);
    }
    am_team *none = NULL;
    assert_int_equal(am__team_new(0, &none, NULL), AM_E_ARG);
}

static void utf8_round_trip(void **state) {
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff) continue;
        char bytes[4];
        uint32_t back = 0;
        bool truncated = true;
        const size_t n = am__utf8_encode(code, bytes);
        assert_int_equal(am__utf8_decode(bytes, n, &back, &truncated), n);
        assert_int_equal(back, code);
        for (size_t cut = 1; cut < n; cut++) {
            assert_int_equal(am__utf8_decode(bytes, cut, &back, &truncated), 0);
            assert_true(truncated);
            assert_int_equal(am__utf8_whole_prefix(bytes, cut), 0);
        }
    }
}

static void utf8_repairs_as_python(void **state) {
    (void)state;
    /* b"a\xe2\x82b\xff\xf0\x9f\x98".decode(errors="replace") == "a\ufffdb\ufffd\ufffd" */
    const char bad[] = "a\xe2\x82"
                       "b\xff\xf0\x9f\x98";
    char out[3 * sizeof bad + 1];
    am__utf8_repair(bad, sizeof bad - 1, out);
    assert_string_equal(out, "a\xef\xbf\xbd"
                             "b\xef\xbf\xbd\xef\xbf\xbd");
    am__utf8_repair("\xed\xa0\x80", 3, out); /* a surrogate: three bytes, three replacements */
    assert_string_equal(out, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void buf_keeps_its_limit(void **state) {
    (void)state;
    am_buf buf;
    am_error error;
    am__buf_init(&buf, 10);
    assert_string_equal(am__buf_string(&buf), "");
    assert_int_equal(am__buf_text(&buf, "12345", &error), AM_OK);
    assert_int_equal(am__buf_printf(&buf, &error, "%d", 678901), AM_E_LIMIT);
    assert_int_equal(am__buf_printf(&buf, &error, "%d", 67890), AM_OK);
    assert_string_equal(am__buf_string(&buf), "1234567890");
    assert_int_equal(am__buf_append(&buf, "x", 1, &error), AM_E_LIMIT);
    am__buf_free(&buf);
}

static void arena_aligns_and_limits(void **state) {
    (void)state;
    am_arena arena;
    am_error error;
    am__arena_init(&arena, (size_t)2 << 20);
    for (size_t i = 1; i < 200; i++) {
        float(*block)[16];
        char *bytes;
        assert_int_equal(AM_ARENA_NEW(&arena, &block, i, &error), AM_OK);
        assert_int_equal((uintptr_t)block % AM_ALIGNMENT, 0);
        assert_int_equal(AM_ARENA_NEW(&arena, &bytes, i, &error), AM_OK);
        memset(bytes, 0xff, i);
    }
    void *block;
    assert_int_equal(am__arena_alloc(&arena, (size_t)2 << 20, 1, &block, &error), AM_E_LIMIT);
    assert_int_equal(am__arena_alloc(&arena, SIZE_MAX, 16, &block, &error), AM_E_MEMORY);
    am__arena_free(&arena);
}

static void rng_is_uniform(void **state) {
    (void)state;
    am_rng rng;
    am__rng_seed(&rng, 1);
    int bins[10] = {0};
    for (int i = 0; i < 100000; i++) bins[am__rng_below(&rng, 10)]++;
    for (int i = 0; i < 10; i++) assert_in_range(bins[i], 9500, 10500);
}

static void status_carries_detail(void **state) {
    (void)state;
    am_error error;
    assert_int_equal(am__fail_errno(&error, 28 /* ENOSPC */, "%s", "out.txt"), AM_E_NO_SPACE);
    assert_string_equal(error.detail, "out.txt: No space left on device");
    assert_string_equal(am_status_name(AM_E_AUDIO), "E_AUDIO");
    assert_string_equal(am_status_name((am_status)999), "E_INTERNAL");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(team_runs_each_part_once),
        cmocka_unit_test(utf8_round_trip),
        cmocka_unit_test(utf8_repairs_as_python),
        cmocka_unit_test(buf_keeps_its_limit),
        cmocka_unit_test(arena_aligns_and_limits),
        cmocka_unit_test(rng_is_uniform),
        cmocka_unit_test(status_carries_detail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
