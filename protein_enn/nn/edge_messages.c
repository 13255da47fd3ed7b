/* Messages along edges and updates of edges (nn/edge_messages.py) in bfloat16 on CPUs with AMX, and their gradients.

   sum     out[i] = sum_j w[i,j] m[i,j],  m = silu(A e[i,j] + t[i] + s[nb[i,j]] + c[kind[i,j]]),
           at depth 2  m = silu(B silu(A e[i,j] + t[i] + s[nb[i,j]] + c[kind[i,j]]) + b)
   update  e'[i,j] = e[i,j] + B silu(A norm(e[i,j]) + t[i] + s[nb[i,j]]) + b,  norm of mean 0 and variance 1

   e, A, B are bfloat16, all else and all sums 32-bit floats. All steps are computed in cache for the rows (edges) of a
   few nodes at a time; the backward pass computes them again. D, the width of edges, and H, of messages, are multiples
   of 32 up to MAX_WIDTH. Matrices are packed for the tile unit: pairs of rows interleaved, P[r / 2][column][r % 2].
   Loaded through ctypes. Elsewhere than on Linux, x86-64 and GCC 11 the functions return 0: not supported. */

#include <stdint.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11

#include <cpuid.h>
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,amx-tile,amx-bf16")

#define MAX_WIDTH 256
#define LANES 16
#define TILE_ROWS 32 /* rows of a block are a multiple of these */
#define BLOCK_ROWS 96
#define INLINE static inline __attribute__((always_inline))

typedef uint16_t bf16;

/* What a call works on. */
typedef struct {
    const bf16 *e;                          /* (n, k, D) */
    const float *t, *s, *c, *w;             /* (n, H), (m, H), (kinds, H) or null, (n, k) or null */
    const int64_t *nb, *kind;               /* (n, k), below m; (n, k) or null */
    const bf16 *a, *b;                      /* A (D rows, H columns), B (H rows, H or D columns), packed; b may be null */
    const float *bias;                      /* (H) or (D) */
    const bf16 *a_back, *b_back;            /* the transposed matrices, packed */
    int64_t n, k, m, D, H, kinds;
    float *out;                             /* (n, H) */
    bf16 *e_out;                            /* (n, k, D) */
    const float *d_out;                     /* (n, H) */
    const bf16 *de_out;                     /* (n, k, D) */
    bf16 *de;                               /* (n, k, D) */
    float *dt;                              /* (n, H) */
    float *ds, *dc, *da, *db, *dbias;       /* of each thread: (m, H), (kinds, H), (H, D), (H, H) or (D, H), (H) or (D) */
} Work;

/* What a thread holds for one block of rows. */
typedef struct {
    bf16 *x, *inner, *dz, *dy, *pairs_a, *pairs_b;
    float *c, *slope, *scale, *hat;
} Block;

typedef struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} __attribute__((packed)) TileConfig;

int64_t protein_enn_edges_version(void) { return 2; }

/* 1 where the processor has the instructions and the system lets this process use them. */
int64_t protein_enn_edges_supported(void) {
    unsigned a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    const int amx = (d >> 22 & 1) && (d >> 24 & 1), avx = (b >> 16 & 1) && (b >> 30 & 1) && (b >> 17 & 1) && (b >> 31 & 1);
    if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || !amx || !avx || !(a >> 5 & 1)) return 0;
    return syscall(SYS_arch_prctl, 0x1023 /* ARCH_REQ_XCOMP_PERM */, 18 /* tile data */) == 0;
}

static void start_tiles(void) {
    TileConfig config;
    memset(&config, 0, sizeof config);
    config.palette = 1;
    for (int i = 0; i < 8; i++) config.bytes[i] = 64, config.rows[i] = 16;
    _tile_loadconfig(&config);
}

/* out (rows, N) = x (rows, K) P, rows a multiple of 32. */
static void product(const bf16 *x, const bf16 *packed, float *out, int64_t rows, int64_t N, int64_t K) {
    for (int64_t r = 0; r < rows; r += 32)
        for (int64_t n = 0; n < N; n += 32) {
            _tile_zero(0);
            _tile_zero(1);
            _tile_zero(2);
            _tile_zero(3);
            for (int64_t q = 0; q < K; q += 32) {
                _tile_loadd(4, x + r * K + q, K * 2);
                _tile_loadd(5, x + (r + 16) * K + q, K * 2);
                _tile_loadd(6, packed + q * N + n * 2, N * 4);
                _tile_loadd(7, packed + q * N + n * 2 + 32, N * 4);
                _tile_dpbf16ps(0, 4, 6);
                _tile_dpbf16ps(1, 4, 7);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            }
            _tile_stored(0, out + r * N + n, N * 4);
            _tile_stored(1, out + r * N + n + 16, N * 4);
            _tile_stored(2, out + (r + 16) * N + n, N * 4);
            _tile_stored(3, out + (r + 16) * N + n + 16, N * 4);
        }
}

/* Rows 2p and 2p + 1 of x (rows, N) interleaved: (rows / 2, N, 2). */
static void interleave(const bf16 *x, bf16 *to, int64_t rows, int64_t N) {
    uint16_t low[32], high[32];
    for (int i = 0; i < 16; i++) {
        low[2 * i] = i, low[2 * i + 1] = 32 + i;
        high[2 * i] = 16 + i, high[2 * i + 1] = 48 + i;
    }
    const __m512i first = _mm512_loadu_si512(low), second = _mm512_loadu_si512(high);
    for (int64_t r = 0; r < rows; r += 2)
        for (int64_t n = 0; n < N; n += 32) {
            const __m512i u = _mm512_loadu_si512(x + r * N + n), v = _mm512_loadu_si512(x + (r + 1) * N + n);
            _mm512_storeu_si512(to + r * N + 2 * n, _mm512_permutex2var_epi16(u, first, v));
            _mm512_storeu_si512(to + r * N + 2 * n + 32, _mm512_permutex2var_epi16(u, second, v));
        }
}

/* A 16 x 16 block of 32-bit values, `stride` apart, transposed: to[j][i] = from[i][j]. */
static void transpose(const uint32_t *from, int64_t stride, uint32_t *to) {
    __m512i r[16], t[16];
    for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_si512(from + i * stride);
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
        _mm512_storeu_si512(to + 16 * i, _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88));
        _mm512_storeu_si512(to + 16 * (i + 8), _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd));
    }
}

/* sum (M, N) += d^T x for d (rows, M), x (rows, N). */
static void outer(const bf16 *d, const bf16 *x, float *sum, int64_t rows, int64_t M, int64_t N, Block *z) {
    interleave(d, z->pairs_a, rows, M);
    interleave(x, z->pairs_b, rows, N);
    uint32_t *transposed = (uint32_t *)z->hat; /* (M / 16, rows / 32, 16, 16) */
    for (int64_t m = 0; m < M; m += 16)
        for (int64_t r = 0; r < rows; r += 32)
            transpose((const uint32_t *)z->pairs_a + r / 2 * M + m, M, transposed + (m / 16 * (rows / 32) + r / 32) * 256);
    for (int64_t m = 0; m < M; m += 32)
        for (int64_t n = 0; n < N; n += 32) {
            float *to = sum + m * N + n;
            _tile_loadd(0, to, N * 4);
            _tile_loadd(1, to + 16, N * 4);
            _tile_loadd(2, to + 16 * N, N * 4);
            _tile_loadd(3, to + 16 * N + 16, N * 4);
            for (int64_t r = 0; r < rows; r += 32) {
                _tile_loadd(4, transposed + (m / 16 * (rows / 32) + r / 32) * 256, 64);
                _tile_loadd(5, transposed + ((m / 16 + 1) * (rows / 32) + r / 32) * 256, 64);
                _tile_loadd(6, z->pairs_b + r * N + 2 * n, N * 4);
                _tile_loadd(7, z->pairs_b + r * N + 2 * n + 32, N * 4);
                _tile_dpbf16ps(0, 4, 6);
                _tile_dpbf16ps(1, 4, 7);
                _tile_dpbf16ps(2, 5, 6);
                _tile_dpbf16ps(3, 5, 7);
            }
            _tile_stored(0, to, N * 4);
            _tile_stored(1, to + 16, N * 4);
            _tile_stored(2, to + 16 * N, N * 4);
            _tile_stored(3, to + 16 * N + 16, N * 4);
        }
}

INLINE __m512 get(const float *p) { return _mm512_loadu_ps(p); }
INLINE void put(float *p, __m512 v) { _mm512_storeu_ps(p, v); }
INLINE void add(float *p, __m512 v) { put(p, _mm512_add_ps(get(p), v)); }
INLINE __m512 get16(const bf16 *p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)), 16));
}
INLINE void put16(bf16 *p, __m512 v) { _mm256_storeu_si256((void *)p, (__m256i)_mm512_cvtneps_pbh(v)); }

/* 2^f for |f| <= 1/2, to 1e-4 of its value. */
INLINE __m512 power(__m512 f) {
    __m512 p = _mm512_set1_ps(0.0551710f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.2426112f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.6932611f));
    return _mm512_fmadd_ps(p, f, _mm512_set1_ps(0.9999281f));
}

/* 1 / (1 + exp(-y)), to some 1e-4 of its value. */
INLINE __m512 sigmoid(__m512 y) {
    const __m512 x = _mm512_mul_ps(y, _mm512_set1_ps(-1.44269504f)), whole = _mm512_roundscale_ps(x, 8);
    const __m512 e = _mm512_scalef_ps(power(_mm512_sub_ps(x, whole)), whole);
    return _mm512_rcp14_ps(_mm512_add_ps(e, _mm512_set1_ps(1.0f)));
}

/* silu'(y) = s (1 + y (1 - s)). */
INLINE __m512 slope_of(__m512 y, __m512 s) {
    return _mm512_mul_ps(s, _mm512_fmadd_ps(y, _mm512_sub_ps(_mm512_set1_ps(1.0f), s), _mm512_set1_ps(1.0f)));
}

/* Nodes of a block: their rows are a multiple of 32. */
static int64_t nodes_of(int64_t k) {
    int64_t nodes = 1;
    while (nodes * k % TILE_ROWS || nodes * k < BLOCK_ROWS) nodes++;
    return nodes;
}

static void *held(int64_t bytes) { return aligned_alloc(64, (bytes + 63) / 64 * 64); }

static int open_block(Block *z, int64_t rows, int64_t width) {
    bf16 **halves[] = {&z->x, &z->inner, &z->dz, &z->dy, &z->pairs_a, &z->pairs_b};
    float **singles[] = {&z->c, &z->slope, &z->hat};
    int whole = 1;
    for (int i = 0; i < 6; i++) whole &= (*halves[i] = held(rows * width * 2)) != NULL;
    for (int i = 0; i < 3; i++) whole &= (*singles[i] = held(rows * width * 4)) != NULL;
    return whole & ((z->scale = held(rows * 4)) != NULL);
}

static void close_block(Block *z) {
    void *all[] = {z->x, z->inner, z->dz, z->dy, z->pairs_a, z->pairs_b, z->c, z->slope, z->scale, z->hat};
    for (int i = 0; i < 10; i++) free(all[i]);
}

/* Edges of nodes first .. first + nodes - 1, in a buffer of zeros where they do not fill a block. */
static const bf16 *rows_of(const bf16 *all, int64_t first, int64_t nodes, int64_t rows, int64_t k, int64_t D, bf16 *to) {
    const bf16 *from = all + first * k * D;
    if (nodes * k == rows) return from;
    memset(to, 0, rows * D * 2);
    memcpy(to, from, nodes * k * D * 2);
    return to;
}

/* Rows of mean 0 and variance 1, and 1 / deviation of each. */
static void normalize(const bf16 *e, bf16 *to, float *scale, int64_t rows, int64_t D) {
    for (int64_t r = 0; r < rows; r++) {
        __m512 sum = _mm512_setzero_ps(), square = _mm512_setzero_ps();
        for (int64_t d = 0; d < D; d += LANES) sum = _mm512_add_ps(sum, get16(e + r * D + d));
        const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / D);
        for (int64_t d = 0; d < D; d += LANES) {
            const __m512 x = _mm512_sub_ps(get16(e + r * D + d), mean);
            square = _mm512_fmadd_ps(x, x, square);
        }
        scale[r] = 1.0f / __builtin_sqrtf(_mm512_reduce_add_ps(square) / D + 1e-5f);
        const __m512 by = _mm512_set1_ps(scale[r]);
        for (int64_t d = 0; d < D; d += LANES)
            put16(to + r * D + d, _mm512_mul_ps(_mm512_sub_ps(get16(e + r * D + d), mean), by));
    }
}

/* First activation of all rows: silu of A x + t + s + c as bfloat16 and, if asked for, the slope there. */
static void activate(const Work *w, int64_t first, int64_t nodes, Block *z, int with_slope) {
    const int64_t H = w->H, k = w->k, rows = nodes_of(k) * k;
    for (int64_t r = 0; r < nodes * k; r++) {
        const int64_t at = first * k + r;
        const float *t = w->t + at / k * H, *s = w->s + w->nb[at] * H, *c = w->c ? w->c + w->kind[at] * H : NULL;
        const char *later = (const char *)(w->e + (at + rows) * w->D); /* of the next block: addresses need not exist */
        for (int64_t b = 0; b < w->D * 2; b += 64) _mm_prefetch(later + b, _MM_HINT_T1);
        for (int64_t h = 0; h < H; h += LANES) {
            __m512 y = _mm512_add_ps(_mm512_add_ps(get(z->c + r * H + h), get(t + h)), get(s + h));
            if (c) y = _mm512_add_ps(y, get(c + h));
            const __m512 g = sigmoid(y);
            put16(z->inner + r * H + h, _mm512_mul_ps(y, g));
            if (with_slope) put(z->slope + r * H + h, slope_of(y, g));
        }
    }
}

static void sum_range(const Work *w, int64_t from, int64_t to, Block *z) {
    const int64_t H = w->H, k = w->k, D = w->D, size = nodes_of(k), rows = size * k;
    for (int64_t first = from; first < to; first += size) {
        const int64_t nodes = first + size <= to ? size : to - first;
        product(rows_of(w->e, first, nodes, rows, k, D, z->x), w->a, z->c, rows, H, D);
        activate(w, first, nodes, z, 0);
        if (w->b) product(z->inner, w->b, z->c, rows, H, H);
        for (int64_t i = 0; i < nodes; i++)
            for (int64_t h = 0; h < H; h += LANES) {
                __m512 sum = _mm512_setzero_ps();
                for (int64_t r = i * k; r < (i + 1) * k; r++) {
                    __m512 m = get16(z->inner + r * H + h);
                    if (w->b) {
                        m = _mm512_add_ps(get(z->c + r * H + h), get(w->bias + h));
                        m = _mm512_mul_ps(m, sigmoid(m));
                    }
                    sum = _mm512_fmadd_ps(_mm512_set1_ps(w->w[first * k + r]), m, sum);
                }
                put(w->out + (first + i) * H + h, sum);
            }
    }
}

/* Gradients of what enters the first activation, from those of its result in z->c: for rows, nodes, sources, kinds. */
static void back_through(const Work *w, int64_t first, int64_t nodes, Block *z, float *ds, float *dc) {
    const int64_t H = w->H, k = w->k;
    for (int64_t i = 0; i < nodes; i++)
        for (int64_t h = 0; h < H; h += LANES) {
            __m512 sum = _mm512_setzero_ps();
            for (int64_t r = i * k; r < (i + 1) * k; r++) {
                const int64_t at = first * k + r;
                const __m512 dy = _mm512_mul_ps(get(z->c + r * H + h), get(z->slope + r * H + h));
                put16(z->dy + r * H + h, dy);
                add(ds + w->nb[at] * H + h, dy);
                if (dc) add(dc + w->kind[at] * H + h, dy);
                sum = _mm512_add_ps(sum, dy);
            }
            put(w->dt + (first + i) * H + h, sum);
        }
}

static void sum_back_range(const Work *w, int64_t from, int64_t to, int64_t thread, Block *z) {
    const int64_t H = w->H, k = w->k, D = w->D, size = nodes_of(k), rows = size * k;
    float *ds = w->ds + thread * w->m * H, *dc = w->dc ? w->dc + thread * w->kinds * H : NULL;
    float *da = w->da + thread * H * D, *db = w->b ? w->db + thread * H * H : NULL;
    float *dbias = w->b ? w->dbias + thread * H : NULL;
    memset(z->dz, 0, rows * H * 2);
    memset(z->dy, 0, rows * H * 2);
    memset(z->inner, 0, rows * H * 2);
    for (int64_t first = from; first < to; first += size) {
        const int64_t nodes = first + size <= to ? size : to - first;
        if (nodes < size) {
            memset(z->dz, 0, rows * H * 2);
            memset(z->dy, 0, rows * H * 2);
            memset(z->inner, 0, rows * H * 2);
        }
        const bf16 *x = rows_of(w->e, first, nodes, rows, k, D, z->x);
        product(x, w->a, z->c, rows, H, D);
        activate(w, first, nodes, z, 1);
        if (w->b) {
            product(z->inner, w->b, z->c, rows, H, H);
            for (int64_t r = 0; r < nodes * k; r++) {
                const __m512 by = _mm512_set1_ps(w->w[first * k + r]);
                const float *g = w->d_out + (first + r / k) * H;
                for (int64_t h = 0; h < H; h += LANES) {
                    const __m512 y = _mm512_add_ps(get(z->c + r * H + h), get(w->bias + h));
                    const __m512 dz = _mm512_mul_ps(_mm512_mul_ps(by, get(g + h)), slope_of(y, sigmoid(y)));
                    put16(z->dz + r * H + h, dz);
                    add(dbias + h, dz);
                }
            }
            outer(z->dz, z->inner, db, rows, H, H, z);
            product(z->dz, w->b_back, z->c, rows, H, H);
        } else
            for (int64_t r = 0; r < nodes * k; r++) {
                const __m512 by = _mm512_set1_ps(w->w[first * k + r]);
                const float *g = w->d_out + (first + r / k) * H;
                for (int64_t h = 0; h < H; h += LANES) put(z->c + r * H + h, _mm512_mul_ps(by, get(g + h)));
            }
        back_through(w, first, nodes, z, ds, dc);
        outer(z->dy, x, da, rows, H, D, z);
        product(z->dy, w->a_back, z->c, rows, D, H);
        for (int64_t q = 0; q < nodes * k * D; q += LANES) put16(w->de + first * k * D + q, get(z->c + q));
    }
}

static void update_range(const Work *w, int64_t from, int64_t to, Block *z) {
    const int64_t H = w->H, k = w->k, D = w->D, size = nodes_of(k), rows = size * k;
    for (int64_t first = from; first < to; first += size) {
        const int64_t nodes = first + size <= to ? size : to - first;
        const bf16 *e = w->e + first * k * D;
        normalize(e, z->x, z->scale, nodes * k, D);
        product(z->x, w->a, z->c, rows, H, D);
        activate(w, first, nodes, z, 0);
        product(z->inner, w->b, z->c, rows, D, H);
        for (int64_t r = 0; r < nodes * k; r++)
            for (int64_t d = 0; d < D; d += LANES) {
                const __m512 change = _mm512_add_ps(get(z->c + r * D + d), get(w->bias + d));
                put16(w->e_out + (first * k + r) * D + d, _mm512_add_ps(get16(e + r * D + d), change));
            }
    }
}

/* Gradient of a row before it was normalized, added to that of what went past the update. */
static void back_through_norm(const bf16 *past, const bf16 *x, const float *dx, float scale, bf16 *to, int64_t D) {
    __m512 sum = _mm512_setzero_ps(), along = _mm512_setzero_ps();
    for (int64_t d = 0; d < D; d += LANES) {
        sum = _mm512_add_ps(sum, get(dx + d));
        along = _mm512_fmadd_ps(get(dx + d), get16(x + d), along);
    }
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / D);
    const __m512 part = _mm512_set1_ps(_mm512_reduce_add_ps(along) / D), by = _mm512_set1_ps(scale);
    for (int64_t d = 0; d < D; d += LANES) {
        const __m512 g = _mm512_fnmadd_ps(get16(x + d), part, _mm512_sub_ps(get(dx + d), mean));
        put16(to + d, _mm512_fmadd_ps(by, g, get16(past + d)));
    }
}

static void update_back_range(const Work *w, int64_t from, int64_t to, int64_t thread, Block *z) {
    const int64_t H = w->H, k = w->k, D = w->D, size = nodes_of(k), rows = size * k;
    float *ds = w->ds + thread * w->m * H, *da = w->da + thread * H * D;
    float *db = w->db + thread * D * H, *dbias = w->dbias + thread * D;
    for (int64_t first = from; first < to; first += size) {
        const int64_t nodes = first + size <= to ? size : to - first;
        if (first == from || nodes < size) {
            memset(z->x, 0, rows * D * 2);
            memset(z->dy, 0, rows * H * 2);
            memset(z->inner, 0, rows * H * 2);
        }
        normalize(w->e + first * k * D, z->x, z->scale, nodes * k, D);
        product(z->x, w->a, z->c, rows, H, D);
        activate(w, first, nodes, z, 1);
        const bf16 *g = rows_of(w->de_out, first, nodes, rows, k, D, z->dz);
        for (int64_t d = 0; d < D; d += LANES) {
            __m512 sum = _mm512_setzero_ps();
            for (int64_t r = 0; r < nodes * k; r++) sum = _mm512_add_ps(sum, get16(g + r * D + d));
            add(dbias + d, sum);
        }
        outer(g, z->inner, db, rows, D, H, z);
        product(g, w->b_back, z->c, rows, H, D);
        back_through(w, first, nodes, z, ds, NULL);
        outer(z->dy, z->x, da, rows, H, D, z);
        product(z->dy, w->a_back, z->c, rows, D, H);
        for (int64_t r = 0; r < nodes * k; r++)
            back_through_norm(
                g + r * D, z->x + r * D, z->c + r * D, z->scale[r], w->de + (first * k + r) * D, D);
    }
}

/* out (count, size) = exp(-((r - center) * steps)^2) in bfloat16, size at most 16. */
int64_t protein_enn_gaussians(const float *r, const float *centers, bf16 *out, int64_t count, int64_t size, double steps) {
    if (size < 1 || size > LANES) return 0;
    const __mmask16 kept = (__mmask16)((1u << size) - 1);
    const __m512 middle = _mm512_maskz_loadu_ps(kept, centers), by = _mm512_set1_ps((float)steps);
    for (int64_t i = 0; i < count; i++) {
        const __m512 u = _mm512_mul_ps(_mm512_sub_ps(_mm512_set1_ps(r[i]), middle), by);
        const __m512 x = _mm512_max_ps(_mm512_mul_ps(_mm512_mul_ps(u, u), _mm512_set1_ps(-1.44269504f)),
                                       _mm512_set1_ps(-100.0f));
        const __m512 whole = _mm512_roundscale_ps(x, 8);
        const __m512 value = _mm512_scalef_ps(power(_mm512_sub_ps(x, whole)), whole);
        _mm256_mask_storeu_epi16(out + i * size, kept, (__m256i)_mm512_cvtneps_pbh(value));
    }
    return 1;
}

/* Which of the four a call does, `threads` ranges of nodes at a time; 0 if memory or sizes do not allow it. */
int64_t protein_enn_edges(const Work *w, int64_t what, int64_t threads) {
    const int64_t width = w->D > w->H ? w->D : w->H, rows = nodes_of(w->k) * w->k;
    if (width > MAX_WIDTH || w->D % 32 || w->H % 32) return 0;
    int64_t done = 0;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(+ : done)
    for (int64_t t = 0; t < threads; t++) {
        const int64_t from = w->n * t / threads, to = w->n * (t + 1) / threads;
        Block z;
        memset(&z, 0, sizeof z);
        if (open_block(&z, rows, width)) {
            memset(z.x, 0, rows * width * 2);
            memset(z.inner, 0, rows * width * 2);
            start_tiles();
            if (what == 0) sum_range(w, from, to, &z);
            if (what == 1) sum_back_range(w, from, to, t, &z);
            if (what == 2) update_range(w, from, to, &z);
            if (what == 3) update_back_range(w, from, to, t, &z);
            _tile_release();
            done++;
        }
        close_block(&z);
    }
    return done == threads;
}

#else

int64_t protein_enn_edges_version(void) { return 2; }
int64_t protein_enn_edges_supported(void) { return 0; }
int64_t protein_enn_gaussians(const float *r, const float *centers, void *out, int64_t count, int64_t size, double steps) {
    (void)r, (void)centers, (void)out, (void)count, (void)size, (void)steps;
    return 0;
}
int64_t protein_enn_edges(const void *w, int64_t what, int64_t threads) {
    (void)w, (void)what, (void)threads;
    return 0;
}

#endif
