/* Messages along edges and updates of edges (nn/float_edges.py) in 32-bit floats on CPUs with AVX-512, without gradients.

   sum     out[i] = sum_j w[i,j] m[i,j],  m = silu(A e[i,j] + t[i] + s[nb[i,j]] + c[kind[i,j]]),
           at depth 2  m = silu(B silu(A e[i,j] + t[i] + s[nb[i,j]] + c[kind[i,j]]) + b)
   update  e'[i,j] = e[i,j] + B silu(A norm(e[i,j]) + t[i] + s[nb[i,j]]) + b,  norm of mean 0 and variance 1

   All steps are computed in cache for the rows (edges) of a few nodes at a time. D, the width of edges, and H, of
   messages, are multiples of 16 up to MAX_WIDTH. Loaded through ctypes. Elsewhere than on Linux, x86-64 and GCC the
   functions return 0: not supported. */

#include <stdint.h>

int64_t protein_enn_float_edges_version(void) { return 1; }

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC target("avx512f")

#define LANES 16
#define MAX_WIDTH 256
#define BLOCK_ROWS 96
#define ROWS 6  /* of a block of a product whose sums stay in registers, */
#define VECS 4  /* and its columns, in vectors */
#define EPS 1e-5f
#define INLINE static inline __attribute__((always_inline))

/* What a call works on. */
typedef struct {
    const float *e;                /* (n, k, D) */
    const float *t, *s, *c, *w;    /* (n, H), (m, H), (kinds, H) or null, (n, k) or null */
    const int64_t *nb, *kind;      /* (n, k), below m; (n, k), below kinds, or null */
    const float *a, *b, *bias;     /* A (H, D); B (H or D, H) and its b, or null */
    int64_t n, k, D, H;
    float *out;                    /* sum: (n, H); update: (n, k, D) */
} Work;

/* What a thread holds for one block of rows. */
typedef struct {
    float *x, *y, *z;
} Block;

int64_t protein_enn_float_edges_supported(void) { return __builtin_cpu_supports("avx512f") != 0; }

/* exp(-x) from 2^n times a polynomial: two units in the last place; 0 and infinity beyond the range. */
INLINE __m512 exp_of_negative(__m512 x) {
    x = _mm512_max_ps(_mm512_min_ps(_mm512_sub_ps(_mm512_setzero_ps(), x), _mm512_set1_ps(89.0f)), _mm512_set1_ps(-104.0f));
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 8);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
    return _mm512_scalef_ps(p, n);
}

INLINE __m512 silu(__m512 x) { return _mm512_div_ps(x, _mm512_add_ps(_mm512_set1_ps(1.0f), exp_of_negative(x))); }

/* A matrix (columns, depth) as panels of VECS vectors of columns, each with its rows one after the other. */
static void pack(const float *matrix, int64_t columns, int64_t depth, float *to) {
    for (int64_t h = 0; h < columns; h += VECS * LANES) {
        const int64_t width = columns - h < VECS * LANES ? columns - h : VECS * LANES;
        for (int64_t c = 0; c < width; c++)
            for (int64_t d = 0; d < depth; d++) to[h * depth + d * width + c] = matrix[(h + c) * depth + d];
    }
}

INLINE void tile(const int rows, const int vecs, const float *x, int64_t depth, const float *panel, float *y, int64_t to) {
    __m512 sum[ROWS][VECS];
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) sum[r][v] = _mm512_setzero_ps();
    for (int64_t d = 0; d < depth; d++) {
        __m512 right[VECS];
        for (int v = 0; v < vecs; v++) right[v] = _mm512_loadu_ps(panel + (d * vecs + v) * LANES);
        for (int r = 0; r < rows; r++) {
            const __m512 left = _mm512_set1_ps(x[r * depth + d]);
            for (int v = 0; v < vecs; v++) sum[r][v] = _mm512_fmadd_ps(left, right[v], sum[r][v]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vecs; v++) _mm512_storeu_ps(y + r * to + v * LANES, sum[r][v]);
}

#define TILES(V)                                                                                                  \
    for (; r + ROWS <= rows; r += ROWS) tile(ROWS, V, x + r * depth, depth, panel, y + r * columns + h, columns); \
    for (; r < rows; r++) tile(1, V, x + r * depth, depth, panel, y + r * columns + h, columns);

/* y (rows, columns) = x (rows, depth) times a packed matrix. */
static void product(const float *x, int64_t rows, int64_t depth, const float *packed, int64_t columns, float *y) {
    for (int64_t h = 0; h < columns; h += VECS * LANES) {
        const float *panel = packed + h * depth;
        int64_t r = 0;
        switch (columns - h < VECS * LANES ? (columns - h) / LANES : VECS) {
        case 1: TILES(1) break;
        case 2: TILES(2) break;
        case 3: TILES(3) break;
        default: TILES(VECS)
        }
    }
}

/* y = silu(y + t_i + s_j + c_kind) for the rows of nodes first to last. */
static void activate(const Work *w, int64_t first, int64_t last, float *y) {
    const int64_t H = w->H;
    for (int64_t i = first; i < last; i++)
        for (int64_t j = 0; j < w->k; j++, y += H) {
            const int64_t e = i * w->k + j;
            const float *t = w->t + i * H, *s = w->s + w->nb[e] * H, *c = w->kind ? w->c + w->kind[e] * H : 0;
            for (int64_t h = 0; h < H; h += LANES) {
                __m512 v = _mm512_add_ps(_mm512_loadu_ps(y + h), _mm512_loadu_ps(s + h));
                if (c) v = _mm512_add_ps(v, _mm512_loadu_ps(c + h));
                _mm512_storeu_ps(y + h, silu(_mm512_add_ps(v, _mm512_loadu_ps(t + h))));
            }
        }
}

static void sum_nodes(const Work *w, int64_t first, int64_t last, const float *a, const float *b, Block *m) {
    const int64_t H = w->H, rows = (last - first) * w->k;
    product(w->e + first * w->k * w->D, rows, w->D, a, H, m->y);
    activate(w, first, last, m->y);
    if (b) product(m->y, rows, H, b, H, m->z);
    const float *from = b ? m->z : m->y;
    for (int64_t i = first; i < last; i++)
        for (int64_t h = 0; h < H; h += LANES) {
            __m512 total = _mm512_setzero_ps();
            const __m512 bias = b ? _mm512_loadu_ps(w->bias + h) : total;
            for (int64_t j = 0; j < w->k; j++) {
                __m512 v = _mm512_loadu_ps(from + ((i - first) * w->k + j) * H + h);
                if (b) v = silu(_mm512_add_ps(v, bias));
                total = _mm512_fmadd_ps(_mm512_set1_ps(w->w[i * w->k + j]), v, total);
            }
            _mm512_storeu_ps(w->out + i * H + h, total);
        }
}

/* x of mean 0 and variance 1. */
INLINE void normalize(const float *x, int64_t width, float *to) {
    __m512 total = _mm512_setzero_ps(), square = total;
    for (int64_t d = 0; d < width; d += LANES) total = _mm512_add_ps(total, _mm512_loadu_ps(x + d));
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(total) / (float)width);
    for (int64_t d = 0; d < width; d += LANES) {
        const __m512 v = _mm512_sub_ps(_mm512_loadu_ps(x + d), mean);
        square = _mm512_fmadd_ps(v, v, square);
    }
    const __m512 variance = _mm512_set1_ps(_mm512_reduce_add_ps(square) / (float)width + EPS);
    const __m512 scale = _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_sqrt_ps(variance));
    for (int64_t d = 0; d < width; d += LANES)
        _mm512_storeu_ps(to + d, _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x + d), mean), scale));
}

static void update_nodes(const Work *w, int64_t first, int64_t last, const float *a, const float *b, Block *m) {
    const int64_t D = w->D, rows = (last - first) * w->k;
    const float *e = w->e + first * w->k * D;
    float *out = w->out + first * w->k * D;
    for (int64_t r = 0; r < rows; r++) normalize(e + r * D, D, m->x + r * D);
    product(m->x, rows, D, a, w->H, m->y);
    activate(w, first, last, m->y);
    product(m->y, rows, w->H, b, D, m->z);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t d = 0; d < D; d += LANES) {
            const __m512 v = _mm512_add_ps(_mm512_loadu_ps(m->z + r * D + d), _mm512_loadu_ps(w->bias + d));
            _mm512_storeu_ps(out + r * D + d, _mm512_add_ps(v, _mm512_loadu_ps(e + r * D + d)));
        }
}

static float *floats(int64_t count) { return aligned_alloc(64, (size_t)((count * 4 + 63) / 64 * 64)); }

/* Sums (update 0) or updates (1) of all nodes; 0 if there is no memory or a width is not possible. */
int64_t protein_enn_float_edges(const Work *w, int64_t update, int64_t threads) {
    const int64_t D = w->D, H = w->H, wide = D > H ? D : H, deep = update ? D : H;
    if (wide > MAX_WIDTH || D % LANES || H % LANES || (update && !w->b)) return 0;
    const int64_t nodes = w->k < BLOCK_ROWS ? BLOCK_ROWS / w->k : 1, size = nodes * w->k * wide;
    float *a = floats(H * D), *b = floats(H * wide), *blocks = floats(3 * size * threads);
    int64_t done = a && b && blocks;
    if (done) {
        pack(w->a, H, D, a);
        if (w->b) pack(w->b, deep, H, b);
#pragma omp parallel for schedule(static) num_threads(threads)
        for (int64_t thread = 0; thread < threads; thread++) {
            float *own = blocks + 3 * size * thread;
            Block m = {own, own + size, own + 2 * size};
            const int64_t end = w->n * (thread + 1) / threads;
            for (int64_t i = w->n * thread / threads; i < end; i += nodes) {
                const int64_t last = i + nodes < end ? i + nodes : end;
                (update ? update_nodes : sum_nodes)(w, i, last, a, w->b ? b : 0, &m);
            }
        }
    }
    free(a), free(b), free(blocks);
    return done;
}

#else

int64_t protein_enn_float_edges_supported(void) { return 0; }
int64_t protein_enn_float_edges(const void *w, int64_t update, int64_t threads) { return 0; }

#endif
