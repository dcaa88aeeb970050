/* Parts of the server that need no server: events, edits of transcripts, addresses. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "common/heap.h"
#include "server/base/address.h"
#include "server/jobs/events.h"
#include "server/answers/record.h"
#include "server/base/text_buffer.h"

static void must(am_status status, const am_error *error) {
    if (status != AM_OK) fail_msg("%s: %s", am_status_name(status), error->detail);
}

/* ---- Events -------------------------------------------------------------------------------- */

/* All that is there, and whether the stream is over. */
static bool read_all(listener *l, char *bytes, size_t capacity) {
    size_t n = 0;
    bool over = false;
    for (size_t got = 1; got > 0 && n < capacity - 1; n += got) {
        got = events_read(l, bytes + n, capacity - 1 - n < 7 ? capacity - 1 - n : 7, &over);
    }
    bytes[n] = '\0';
    return over;
}

static void events_reach_their_listeners(void **state) {
    (void)state;
    char bytes[400];
    am_error error;
    events *hub = NULL;
    listener *all = NULL;
    listener *one = NULL;
    listener *more = NULL;
    must(events_new(2, 100, &hub, &error), &error);
    must(events_listen(hub, NULL, &all, &error), &error);
    must(events_listen(hub, "j_a", &one, &error), &error);
    assert_int_equal(events_listen(hub, "j_a", &more, &error), AM_E_LIMIT);
    events_tell(one, "progress", "{}", false);
    events_publish(hub, "j_b", "segment", "1", false);
    events_publish(hub, "j_a", "done", "2", true);
    events_publish(hub, "j_a", "done", "3", true);
    assert_true(read_all(one, bytes, sizeof bytes));
    assert_string_equal(bytes, "retry: 2000\n\nevent: progress\ndata: {}\n\n"
                               "event: done\ndata: 2\n\n");
    assert_false(read_all(all, bytes, sizeof bytes));
    assert_string_equal(bytes, "retry: 2000\n\nevent: segment\ndata: 1\n\n"
                               "event: done\ndata: 2\n\nevent: done\ndata: 3\n\n");
    events_leave(one);
    must(events_listen(hub, "j_a", &more, &error), &error);
    events_close(hub);
    assert_true(read_all(more, bytes, sizeof bytes));
    events_leave(more);
    events_leave(all);
    events_free(&hub);
}

/* Who does not read loses the stream, whatever was told before it came; others lose nothing. */
static void slow_listeners_are_dropped(void **state) {
    (void)state;
    static char big[100001];
    static char bytes[1 << 20];
    am_error error;
    events *hub = NULL;
    listener *slow = NULL;
    listener *quick = NULL;
    bool over = false;
    memset(big, 'x', sizeof big - 1);
    must(events_new(2, 100, &hub, &error), &error);
    must(events_listen(hub, NULL, &slow, &error), &error);
    must(events_listen(hub, NULL, &quick, &error), &error);
    for (int i = 0; i < 100; i++) events_tell(slow, "segment", big, false);
    for (int i = 0; i < 100; i++) {
        events_publish(hub, "j_a", "segment", big, false);
        assert_true(events_read(quick, bytes, sizeof bytes, &over) > 0);
        assert_false(over);
    }
    size_t n = 0;
    for (size_t got = 1; got > 0; n += got) got = events_read(slow, bytes, sizeof bytes, &over);
    assert_true(over);
    assert_true(n > 10000000 && n < 15000000);
    events_leave(slow);
    events_leave(quick);
    events_free(&hub);
}

static void silence_is_kept_alive(void **state) {
    (void)state;
    char bytes[100];
    am_error error;
    events *hub = NULL;
    listener *l = NULL;
    bool over = false;
    must(events_new(1, 0.01, &hub, &error), &error);
    must(events_listen(hub, NULL, &l, &error), &error);
    assert_true(events_read(l, bytes, sizeof bytes, &over) > 0);
    const size_t n = events_read(l, bytes, sizeof bytes, &over);
    assert_int_equal(n, 3);
    assert_memory_equal(bytes, ":\n\n", 3);
    events_leave(l);
    events_free(&hub);
}

/* ---- Edits --------------------------------------------------------------------------------- */

static const char record[] =
    "{\"language\":\"en\",\"language_probability\":1.0,\"duration\":9.0,\"task\":0,"
    "\"model\":\"tiny\",\"processing_time\":0.5,\"segments\":[{\"seek\":7,\"start\":0.0,"
    "\"end\":4.0,\"text\":\" one two three four\",\"avg_logprob\":-0.5,\"tokens\":[1,2],\"words\":["
    "{\"text\":\" one\",\"start\":0.0,\"end\":1.0,\"probability\":0.5},"
    "{\"text\":\" two\",\"start\":1.0,\"end\":2.0,\"probability\":0.5},"
    "{\"text\":\" three\",\"start\":2.0,\"end\":3.0,\"probability\":0.5},"
    "{\"text\":\" four\",\"start\":3.0,\"end\":4.0,\"probability\":0.5}]}]}";

static am_result *edited(const char *transcript) {
    am_error error;
    am_result *result = NULL;
    work w = {0};
    char *kept = NULL;
    json_t *json = json_loads(transcript, 0, NULL);
    assert_non_null(json);
    must(record_edit(json, record, &kept, &error), &error);
    must(record_read(kept, &result, &w, &error), &error);
    assert_string_equal(w.model_id, "tiny");
    heap_free(kept);
    json_decref(json);
    return result;
}

/* Words as "text@start-end" with spaces between. */
static void expect_words(const char *transcript, const char *wanted) {
    char found[400] = "";
    size_t n = 0;
    am_result *result = edited(transcript);
    const am_segment *segments = am_result_segments(result, &n);
    for (size_t i = 0; i < n; i++) {
        for (size_t w = 0; w < segments[i].n_words; w++) {
            const am_word *word = &segments[i].words[w];
            const size_t at = strlen(found);
            snprintf(found + at, sizeof found - at, "%s@%g-%g", word->text, word->start,
                     word->end);
        }
    }
    assert_string_equal(found, wanted);
    am_result_free(&result);
}

#define ONE(text) "{\"segments\":[{\"start\":0,\"end\":4,\"text\":\"" text "\"}]}"

static void words_follow_the_text(void **state) {
    (void)state;
    expect_words(ONE("one two three four"), " one@0-1 two@1-2 three@2-3 four@3-4");
    expect_words(ONE("one 2 three four"), " one@0-1 2@1-2 three@2-3 four@3-4");
    expect_words(ONE("one a b c four"), " one@0-1 a@1-1.66667 b@1.66667-2.33333 c@2.33333-3"
                                        " four@3-4");
    expect_words(ONE("one four"), " one@0-1 four@3-4");
    expect_words(ONE("one two new three four"),
                 " one@0-1 two@1-2 new@2-2 three@2-3 four@3-4");
    expect_words(ONE("ones two three four"), " ones@0-1 two@1-2 three@2-3 four@3-4");
    expect_words(ONE("  all  new "), " all@0-2 new@2-4");
    expect_words(ONE(""), "");
    expect_words(ONE("one one two three four"), " one@0-1 one@1-1 two@1-2 three@2-3 four@3-4");
    expect_words("{\"segments\":[{\"start\":0,\"end\":4,\"text\":\"x\",\"words\":[]}]}", "");
    expect_words("{\"segments\":[{\"start\":0,\"end\":2,\"text\":\"one two\"},"
                 "{\"start\":2,\"end\":4,\"text\":\"three, four\"}]}",
                 " one@0-1 two@1-2 three,@2-3 four@3-4");
    expect_words("{\"segments\":[{\"start\":0,\"end\":4,\"text\":\"well-known men\",\"words\":["
                 "{\"word\":\"well\",\"start\":1,\"end\":2},{\"word\":\"-known\",\"start\":2,"
                 "\"end\":3},{\"word\":\"men\",\"start\":3,\"end\":4}]}]}",
                 " well@1-2-known@2-3 men@3-4");
    expect_words("{\"segments\":[{\"start\":0,\"end\":4,\"text\":\"今日は\",\"words\":["
                 "{\"word\":\"今日\",\"start\":1,\"end\":2},{\"word\":\"は\",\"start\":2,"
                 "\"end\":3}]}]}",
                 "今日@1-2は@2-3");
}

static void the_rest_is_kept(void **state) {
    (void)state;
    size_t n = 0;
    am_result *result = edited(ONE("one two three four"));
    const am_segment *segments = am_result_segments(result, &n);
    assert_int_equal(n, 1);
    assert_string_equal(segments[0].text, " one two three four");
    assert_int_equal(segments[0].seek, 7);
    assert_int_equal(segments[0].n_tokens, 2);
    assert_true(segments[0].avg_logprob == -0.5 && am_result_duration(result) == 9);
    am_result_free(&result);
    result = edited(ONE("one"));
    segments = am_result_segments(result, &n);
    assert_int_equal(segments[0].n_tokens, 0); /* they were another text's */
    assert_string_equal(am_result_text(result), " one");
    am_result_free(&result);
}

/* ---- Addresses ----------------------------------------------------------------------------- */

static bool is_public(const char *address) {
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, address, &v4.sin_addr) == 1) {
        return address_is_public((const struct sockaddr *)&v4);
    }
    assert_int_equal(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
    return address_is_public((const struct sockaddr *)&v6);
}

static void local_addresses_are_told(void **state) {
    (void)state;
    static const char *const outside[] = {
        "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "169.253.0.1",
        "172.15.255.255", "172.32.0.0", "192.167.0.1", "193.0.0.1", "198.20.0.1", "223.255.255.1",
        "2606:4700::1111", "2a00::1", "::ffff:1.1.1.1", "64:ff9b::101:101"};
    static const char *const inside[] = {
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1",
        "198.51.100.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "fe80::1", "fc00::1", "fd12::1",
        "ff02::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "100::1"};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        if (!is_public(outside[i])) fail_msg("%s", outside[i]);
        assert_false(address_is_private_text(outside[i]));
    }
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        if (is_public(inside[i])) fail_msg("%s", inside[i]);
        assert_true(address_is_private_text(inside[i]));
    }
    assert_true(address_is_private_text("[::1]"));
    assert_false(address_is_private_text("example.org"));
    assert_false(address_is_private_text(""));
}

/* ---- Text ---------------------------------------------------------------------------------- */

/* What is UTF-8 stays, zero bytes too; each other byte becomes U+FFFD. */
static void bytes_become_text(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *mended;
        size_t n_mended;
    } cases[] = {
        {" h\xc3\xa9 \xe2\x82\xac\xf0\x9f\x98\x80", 12,
         " h\xc3\xa9 \xe2\x82\xac\xf0\x9f\x98\x80", 12},
        {" \xe2\x82", 3, " \xef\xbf\xbd\xef\xbf\xbd", 7},
        {"\xac!", 2, "\xef\xbf\xbd!", 4},
        {"a\0b", 3, "a\0b", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text t;
        text_init(&t, 64);
        text_add_mended(&t, cases[i].bytes, cases[i].n);
        assert_false(t.failed);
        assert_int_equal(t.n, cases[i].n_mended);
        assert_memory_equal(t.bytes, cases[i].mended, t.n);
        text_free(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_text),
        cmocka_unit_test(events_reach_their_listeners),
        cmocka_unit_test(slow_listeners_are_dropped),
        cmocka_unit_test(silence_is_kept_alive),
        cmocka_unit_test(words_follow_the_text),
        cmocka_unit_test(the_rest_is_kept),
        cmocka_unit_test(local_addresses_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
