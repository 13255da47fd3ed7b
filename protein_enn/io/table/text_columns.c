/* Columns of a text to codes and numbers in one pass (io/table/text_columns.py). Loaded through ctypes.

   A column is m cells: cell i is lengths[i] bytes from text + starts[i]. Arrays are given with the bytes from
   one element to the next, 0 where all cells have one length. A function returns OUTSIDE for a cell that is not within
   the text, and NO_MEMORY. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *text;
    int64_t size;
    const char *starts;
    int64_t starts_step;
    const char *lengths;
    int64_t lengths_step, count;
} Column;

enum { NO_MEMORY = -1, OUTSIDE = -2 };
enum { OK, ABSENT, BAD };   /* the states of io/table/numbers.py */
#define EXACT_DIGITS 15     /* with as many digits the mantissa, and the power of ten below, are exact */

static const double POWERS[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

int64_t protein_enn_columns_version(void) { return 2; }

static inline const uint8_t *cell(const Column *c, int64_t i, int64_t *length) {
    *length = *(const int64_t *)(c->lengths + i * c->lengths_step);
    return c->text + *(const int64_t *)(c->starts + i * c->starts_step);
}

static int within(const Column *c) {
    for (int64_t i = 0; i < c->count; i++) {
        int64_t length, start = cell(c, i, &length) - c->text;
        if (start < 0 || length < 0 || length > c->size || start > c->size - length) return 0;
    }
    return 1;
}

static inline int blank(uint8_t byte) { return byte == ' ' || byte == 0; }

static inline void strip(const uint8_t **text, int64_t *length) {
    while (*length && blank((*text)[*length - 1])) --*length;
    while (*length && blank(**text)) ++*text, --*length;
}

static uint64_t hash(const uint8_t *text, int64_t length) {
    uint64_t h = 1469598103934665603u;
    for (int64_t i = 0; i < length; i++) h = (h ^ text[i]) * 1099511628211u;
    return h ^ h >> 29;
}

/* The code of each cell, counted by first appearance, and the first row of each code. Returns how many codes there are.
   `stripped`: blanks at either end do not count. */
int64_t protein_enn_codes(const Column *c, int64_t stripped, int64_t *codes, int64_t *first) {
    int64_t size = 64, found = 0, before = 0;
    const uint8_t *last = 0;
    if (!within(c)) return OUTSIDE;
    int64_t *table = malloc(size * sizeof *table);
    if (!table) return NO_MEMORY;
    memset(table, -1, size * sizeof *table);
    for (int64_t i = 0; i < c->count; i++) {
        int64_t length, other_length;
        const uint8_t *text = cell(c, i, &length);
        if (stripped) strip(&text, &length);
        if (last && length == before && !memcmp(text, last, length)) {
            codes[i] = codes[i - 1];
            continue;
        }
        last = text, before = length;
        uint64_t place = hash(text, length) & (size - 1);
        for (; table[place] >= 0; place = (place + 1) & (size - 1)) {
            const uint8_t *other = cell(c, first[table[place]], &other_length);
            if (stripped) strip(&other, &other_length);
            if (length == other_length && !memcmp(text, other, length)) break;
        }
        if (table[place] < 0) {
            table[place] = found;
            first[found++] = i;
        }
        codes[i] = table[place];
        if (2 * found < size) continue;
        free(table);
        size *= 4;
        if (!(table = malloc(size * sizeof *table))) return NO_MEMORY;
        memset(table, -1, size * sizeof *table);
        for (int64_t code = 0; code < found; code++) {
            text = cell(c, first[code], &length);
            if (stripped) strip(&text, &length);
            for (place = hash(text, length) & (size - 1); table[place] >= 0; place = (place + 1) & (size - 1)) {}
            table[place] = code;
        }
    }
    free(table);
    return found;
}

/* Decimal numbers in plain notation, rounded as strtod rounds them. Returns how many cells are BAD: in another notation,
   or no number. Their value is 0, as that of empty cells. */
int64_t protein_enn_numbers(const Column *c, double *values, uint8_t *states) {
    int64_t bad = 0;
    if (!within(c)) return OUTSIDE;
    for (int64_t i = 0; i < c->count; i++) {
        int64_t length, mantissa = 0, digits = 0, decimals = 0, k = 0;
        const uint8_t *text = cell(c, i, &length);
        strip(&text, &length);
        int negative = length && text[0] == '-', point = 0;
        for (k = negative; k < length; k++) {
            uint8_t digit = text[k] - '0';
            if (digit < 10 && digits < EXACT_DIGITS) {
                mantissa = 10 * mantissa + digit;
                digits++;
                decimals += point;
            } else if (text[k] == '.' && !point) {
                point = 1;
            } else {
                break;
            }
        }
        int plain = k == length && digits;
        int null = !length || (length == 1 && (text[0] == '?' || text[0] == '.'));
        double value = mantissa / POWERS[decimals];
        values[i] = plain ? (negative ? -value : value) : 0.0;
        states[i] = plain ? OK : null ? ABSENT : BAD;
        bad += states[i] == BAD;
    }
    return bad;
}

/* Whole numbers of at most nine digits, in the same way. */
int64_t protein_enn_integers(const Column *c, int64_t *values, uint8_t *states) {
    int64_t bad = 0;
    if (!within(c)) return OUTSIDE;
    for (int64_t i = 0; i < c->count; i++) {
        int64_t length, value = 0, k;
        const uint8_t *text = cell(c, i, &length);
        strip(&text, &length);
        int signed_ = length && (text[0] == '-' || text[0] == '+');
        for (k = signed_; k < length && (uint8_t)(text[k] - '0') < 10 && k < 9 + signed_; k++)
            value = 10 * value + text[k] - '0';
        int plain = k == length && k > signed_;
        int null = !length || (length == 1 && (text[0] == '?' || text[0] == '.'));
        values[i] = !plain ? 0 : signed_ && text[0] == '-' ? -value : value;
        states[i] = plain ? OK : null ? ABSENT : BAD;
        bad += states[i] == BAD;
    }
    return bad;
}

/* Where the lines of a text begin, how long they are without their ends, and their first six characters as a number, in
   lower case (bit 6 set) and blank beyond the end of a line. `count`: line ends and one. */
void protein_enn_lines(const uint8_t *text, int64_t size, int64_t count, int64_t *starts, int64_t *lengths,
                       uint64_t *heads) {
    const uint8_t *line = text, *end = text + size;
    for (int64_t i = 0; i < count; i++) {
        const uint8_t *stop = memchr(line, '\n', end - line);
        if (!stop) stop = end;
        starts[i] = line - text;
        lengths[i] = stop - line;
        uint64_t head = 0;
        for (int k = 0; k < 6; k++) head |= (uint64_t)((line + k < stop ? line[k] : ' ') | 32) << 8 * k;
        heads[i] = head;
        line = stop + 1;
    }
}

/* Starts and lengths of the first `count` pieces of a text between blanks. Returns the place after them, or -1 where
   blanks alone do not tell the values of a loop: comments, text fields, quoted blanks, bytes beyond ASCII, names. */
int64_t protein_enn_pieces(const uint8_t *text, int64_t start, int64_t size, int64_t count, int64_t *starts,
                           int64_t *lengths) {
    int64_t place = start;
    for (int64_t i = 0; i < count; i++) {
        while (place < size && text[place] <= ' ') place++;
        if (place == size) return -1;
        int64_t first = place;
        uint8_t all = 0, kind = text[first];
        for (; place < size && text[place] > ' '; place++) all |= text[place];
        if (all > 127 || kind == '#' || kind == ';' || kind == '_') return -1;
        if ((kind == '\'' || kind == '"') && (place - first < 2 || text[place - 1] != kind)) return -1;
        starts[i] = first;
        lengths[i] = place - first;
    }
    return place;
}

/* Digits behind the point of each number, from `least` to `most`. */
int64_t protein_enn_decimals(const Column *c, int64_t least, int64_t most, int64_t *decimals) {
    if (!within(c)) return OUTSIDE;
    for (int64_t i = 0; i < c->count; i++) {
        int64_t length, k = 0, point;
        const uint8_t *text = cell(c, i, &length);
        while (k < length && text[k] != '.') k++;
        for (point = k++; k < length && (uint8_t)(text[k] - '0') < 10; k++) {}
        k -= point + 1;
        decimals[i] = point >= length || k < least ? least : k > most ? most : k;
    }
    return 0;
}

/* A number that is rounded to `places` digits behind the point, and how many characters it has; 0 where it or the digits
   are too many for whole numbers to hold it exactly. */
static int number(char *out, double value, int places) {
    char reversed[32];
    int size = 0, written = 0;
    if (!(fabs(value) < 1e6) || places < 0 || places > 8) return 0;
    int64_t rest = llrint(fabs(value) * POWERS[places]);
    for (; rest || size <= places; rest /= 10) reversed[size++] = '0' + rest % 10;
    if (value < 0) out[written++] = '-';
    while (size) {
        out[written++] = reversed[--size];
        if (size == places && places) out[written++] = '.';
    }
    return written;
}

/* The text with numbers in place of what stands from each start to each end, which are in order and do not overlap. The
   blanks up to the next value of the line, at `next` (-1: the last one), belong to the number, which then keeps its
   column where it fits. Returns the size of what is written to `out`; OUTSIDE where it is longer than `capacity`. */
int64_t protein_enn_replace(const char *text, int64_t size, int64_t count, const int64_t *starts, const int64_t *ends,
                            const int64_t *next, const int64_t *decimals, const double *values, char *out,
                            int64_t capacity) {
    int64_t done = 0, written = 0;
    for (int64_t i = 0; i <= count; i++) {
        int64_t start = i < count ? starts[i] : size, end = i < count ? ends[i] : size;
        if (start < done || end < start || end > size || start - done > capacity - written) return OUTSIDE;
        memcpy(out + written, text + done, start - done);
        written += start - done;
        done = end;
        if (i == count) break;
        int padded = next[i] >= end && next[i] <= size && !memchr(text + end, '\n', next[i] - end);
        int width = padded ? (int)(next[i] - start - 1) : 0, places = (int)decimals[i];
        int64_t room = capacity - written;
        int added = room > 32 ? number(out + written, values[i], places) : 0;
        if (added) {
            if (padded && width - added + 1 >= room - added) return OUTSIDE;
            for (; padded && added < width; added++) out[written + added] = ' ';
            if (padded) out[written + added++] = ' ';
        } else {
            added = snprintf(out + written, room, padded ? "%-*.*f " : "%*.*f", width, places, values[i]);
            if (added < 0 || added >= room) return OUTSIDE;
        }
        written += added;
        if (padded) done = next[i];
    }
    return written;
}
