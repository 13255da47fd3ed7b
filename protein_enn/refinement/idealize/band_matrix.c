/* The Cholesky factor of a symmetric band matrix and solutions with it (refinement/idealize/band_matrix.py), in doubles.

   m[j][d] is the element of row j + d and column j, d below `width`; elements beyond the last row are not looked at.
   Six of seven elements of the factor are zero where the matrix is that of a protein: no row of zeros is subtracted, and
   nothing beyond the last element of a column that is not zero, of which lengths[j] is the number.
   Plain C with the vector extension of GCC and Clang: no Python header, so it is loaded through ctypes. */

#include <math.h>
#include <stdint.h>

#define LANES 8
#define TOGETHER 3 /* columns whose products are subtracted in one pass: those of an atom */

typedef double lanes __attribute__((vector_size(8 * LANES), aligned(8)));

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

int64_t protein_enn_band_version(void) { return 1; }

/* m[cell] += product of two of the k derivatives of a row, for q rows; g (k, q), cells (k (k + 1) / 2, q). */
void protein_enn_band_add(const double *g, const int64_t *cells, int64_t k, int64_t q, double *m) {
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = 0; j <= i; j++, cells += q) {
            const double *one = g + i * q, *two = g + j * q;
            for (int64_t r = 0; r < q; r++) m[cells[r]] += one[r] * two[r];
        }
}

/* to[0 .. n - 1] -= sum over `columns` of f[c] x[c][0 .. n - 1] */
INLINE void subtract(const int columns, const double *f, const double *const *x, int64_t n, double *to) {
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lanes v = *(lanes *)(to + i);
        for (int c = 0; c < columns; c++) v -= f[c] * *(const lanes *)(x[c] + i);
        *(lanes *)(to + i) = v;
    }
    for (; i < n; i++)
        for (int c = 0; c < columns; c++) to[i] -= f[c] * x[c][i];
}

INLINE int64_t filled(const double *column, int64_t n) {
    while (n > 1 && column[n - 1] == 0) n--;
    return n;
}

/* The factor in place of the matrix; 0 where it is not positive definite. */
EACH_PROCESSOR
int64_t protein_enn_band_factor(double *m, int64_t size, int64_t width, int64_t *lengths) {
    for (int64_t j = 0; j < size; j += TOGETHER) {
        const int64_t columns = size - j < TOGETHER ? size - j : TOGETHER;
        const double *x[TOGETHER];
        double f[TOGETHER];
        int64_t end = 0; /* rows from j on, before which the columns are filled */
        for (int64_t c = 0; c < columns; c++) {
            double *own = m + (j + c) * width;
            const int64_t rows = size - j - c < width ? size - j - c : width;
            for (int64_t b = 0; b < c; b++) { /* columns b of these come before it */
                const double *before = m + (j + b) * width + c - b;
                const int64_t n = width - (c - b) < rows ? width - (c - b) : rows;
                const double *from[1] = {before};
                subtract(1, before, from, n, own);
            }
            if (!(own[0] > 0) || !(own[0] < INFINITY)) return 0;
            own[0] = sqrt(own[0]);
            for (int64_t d = 1; d < rows; d++) own[d] /= own[0];
            lengths[j + c] = filled(own, rows);
            end = c + lengths[j + c] > end ? c + lengths[j + c] : end;
        }
        for (int64_t i = columns; i < end; i++) { /* row and column j + i of what remains */
            int used = 0;
            int64_t n = 0;
            for (int64_t c = 0; c < columns; c++) {
                const double *from = m + (j + c) * width + i - c;
                if (i - c >= width || from[0] == 0) continue;
                const int64_t rest = width - (i - c) < end - i ? width - (i - c) : end - i;
                if (used && rest != n) { /* the last rows of a full band: columns of different lengths */
                    const double *one[1] = {from};
                    subtract(1, from, one, rest, m + (j + i) * width);
                    continue;
                }
                x[used] = from, f[used++] = from[0], n = rest;
            }
            if (used == 3) subtract(3, f, x, n, m + (j + i) * width);
            else if (used == 2) subtract(2, f, x, n, m + (j + i) * width);
            else if (used == 1) subtract(1, f, x, n, m + (j + i) * width);
        }
    }
    return 1;
}

/* x for which factor times its transpose times x is what x holds. */
EACH_PROCESSOR
void protein_enn_band_solve(const double *m, int64_t size, int64_t width, const int64_t *lengths, double *x) {
    for (int64_t j = 0; j < size; j++) {
        const double *own = m + j * width, *from[1] = {own + 1};
        x[j] /= own[0];
        subtract(1, x + j, from, lengths[j] - 1, x + j + 1);
    }
    for (int64_t j = size - 1; j >= 0; j--) {
        const double *own = m + j * width;
        const int64_t rows = lengths[j];
        lanes sum = {0};
        double total = x[j];
        int64_t d = 1;
        for (; d + LANES <= rows; d += LANES) sum += *(const lanes *)(own + d) * *(const lanes *)(x + j + d);
        for (; d < rows; d++) total -= own[d] * x[j + d];
        for (int q = 0; q < LANES; q++) total -= sum[q];
        x[j] = total / own[0];
    }
}
