/* The only caller of the C library's number parsers in src: see number.h. */
#include "base/number.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_DIGITS_MAX 17 /* always enough for a double */

typedef struct decimal {
    char digits[N_DIGITS_MAX + 1]; /* zero-terminated */
    int n_digits;
    int exponent; /* power of ten of the first digit */
} decimal;

/* `value` (finite, > 0) rounded to n digits. Only the digits are taken from what printf makes: its
 * decimal point depends on the locale. */
static decimal rounded(double value, int n) {
    decimal d = {0};
    char text[64] = "";
    snprintf(text, sizeof text, "%.*e", n - 1, value);
    const char *e = strchr(text, 'e');
    for (const char *at = text; at < e; at++) {
        if (*at >= '0' && *at <= '9') d.digits[d.n_digits++] = *at;
    }
    d.exponent = (int)strtol(e + 1, NULL, 10);
    return d;
}

/* The next greater decimal of as many digits. Nines alone give no number, which reads back as 0. */
static decimal next_up(decimal d) {
    int i = d.n_digits - 1;
    while (i > 0 && d.digits[i] == '9') d.digits[i--] = '0';
    d.digits[i]++;
    return d;
}

static bool reads_back(const decimal *d, double value) {
    char text[64];
    snprintf(text, sizeof text, "%se%d", d->digits, d->exponent - (d->n_digits - 1));
    return strtod(text, NULL) == value;
}

/*
 * A decimal of up to 15 digits survives the way through a normal double, so that the search starts
 * there and drops zeros at the end. Below a power of two doubles lie twice as dense as above it:
 * there the nearest decimal may fall outside of the value's interval and the next one inside.
 */
static decimal shortest(double value) {
    int exponent;
    const bool power_of_two = frexp(value, &exponent) == 0.5;
    decimal d = {0};
    for (int n = value < DBL_MIN ? 1 : DBL_DIG; n <= N_DIGITS_MAX; n++) {
        d = rounded(value, n);
        if (reads_back(&d, value)) break;
        const decimal up = next_up(d);
        if (power_of_two && reads_back(&up, value)) {
            d = up;
            break;
        }
    }
    while (d.n_digits > 1 && d.digits[d.n_digits - 1] == '0') d.digits[--d.n_digits] = '\0';
    return d;
}

size_t am__format_double(double value, char text[AM_NUMBER_TEXT_MAX]) {
    static const char zeros[] = "0000000000000000";
    const char *sign = signbit(value) ? "-" : "";
    if (value == 0) return (size_t)snprintf(text, AM_NUMBER_TEXT_MAX, "%s0.0", sign);

    const decimal d = shortest(fabs(value));
    const int n_whole = d.exponent + 1; /* digits before the point */
    int n;
    if (d.exponent < -4 || d.exponent >= 16) {
        n = snprintf(text, AM_NUMBER_TEXT_MAX, "%s%c%s%se%+03d", sign, d.digits[0],
                     d.n_digits > 1 ? "." : "", d.digits + 1, d.exponent);
    } else if (d.exponent < 0) {
        n = snprintf(text, AM_NUMBER_TEXT_MAX, "%s0.%.*s%s", sign, -n_whole, zeros, d.digits);
    } else if (d.n_digits <= n_whole) {
        n = snprintf(text, AM_NUMBER_TEXT_MAX, "%s%s%.*s.0", sign, d.digits, n_whole - d.n_digits,
                     zeros);
    } else {
        n = snprintf(text, AM_NUMBER_TEXT_MAX, "%s%.*s.%s", sign, n_whole, d.digits,
                     d.digits + n_whole);
    }
    return (size_t)n;
}

bool am__read_long(const char **at, long least, long most, long *value) {
    char *end = NULL;
    errno = 0;
    const long read = strtol(*at, &end, 10);
    if (end == *at || errno != 0 || read < least || read > most) return false;
    *value = read;
    *at = end;
    return true;
}

bool am__read_double(const char **at, double least, double most, double *value) {
    char *end = NULL;
    const double read = strtod(*at, &end);
    if (end == *at || !(read >= least && read <= most)) return false;
    *value = read;
    *at = end;
    return true;
}
