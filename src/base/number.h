/* Numbers to text and back: the same in every locale, strict and bounded where they are read. */
#ifndef AM_BASE_NUMBER_H
#define AM_BASE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

#define AM_NUMBER_TEXT_MAX 32

/*
 * Writes a finite number as Python's repr does: the fewest digits that read back as the same
 * double, an exponent below 1e-4 and from 1e16 on, else at least one decimal ("0.1", "5.0",
 * "1e-05"). Returns the length without the final zero.
 */
size_t am__format_double(double value, char text[AM_NUMBER_TEXT_MAX]);

/*
 * Reads a number at *at, leading blanks allowed, and moves *at behind it. False, with nothing
 * changed, when there is none or it is outside [least, most]; NaN is outside every range.
 */
bool am__read_long(const char **at, long least, long most, long *value);
bool am__read_double(const char **at, double least, double most, double *value);

#endif
