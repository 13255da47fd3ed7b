/* The coupled sum over neighbors of nn/neighbor_products.py, for 32-bit floats on a CPU, and its gradient.

   z[i,p,c] = sum_{a,b} K[p,a,b] sum_j y[i,j,a] (r[i,j,l(a),c] + v[l(a),c]) x[nb[i,j],b,c]

   a, b run over the M = (lmax + 1)^2 components of degrees 0 .. lmax, p over coupled components, c over channels (a
   multiple of LANES). Sixteen channels are one vector. The sums over neighbors of a block of (a, b) stay in registers.
   Of the values of one neighbor only gradients are written to memory.
   K is sparse: entries e of K[out[e], in[e]] = value[e], in = a * M + b.
   Plain C with the vector extension of GCC and Clang: no Python header, so it is loaded through ctypes. */

#include <stdint.h>
#include <string.h>

#define LANES 16
#define MAX_COMPONENTS 16 /* lmax 3 */
#define MAX_COUPLED 256
#define VERSION 2

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4)));

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

/* What a call works on. */
typedef struct {
    const float *x, *r, *v, *y; /* (m, M, C), (n, k, L, C), (L, C), (n, k, M) */
    const int64_t *nb;          /* (n, k), below m */
    int64_t n, k, channels;
    int64_t entries, coupled;   /* of K; components of z */
    const int32_t *out, *in;
    const float *value;
    float *z;                   /* (n, coupled, C) */
    const float *dz;            /* the same */
    float *dx;                  /* (m, M, C) for each thread, added to */
    float *dr, *dy;             /* as r and y; dy may be null */
    int64_t stride;             /* from one thread's dx to the next; 0 if no two nodes share a neighbor */
} Work;

int64_t protein_enn_version(void) { return VERSION; }

INLINE lanes at(const float *p) { return *(const lanes *)p; }
INLINE void put(float *p, lanes v) { *(lanes *)p = v; }
INLINE int degree_of(int a) { return a < 1 ? 0 : a < 4 ? 1 : a < 9 ? 2 : 3; }

/* sums[a * M + b] for rows a0 .. a0 + ROWS - 1 and columns b0 .. b0 + COLUMNS - 1, all in registers. */
INLINE void block(const Work *w, int64_t i, int64_t c, int M, int a0, int b0, const int ROWS, const int COLUMNS,
                  lanes *sums) {
    const int64_t C = w->channels, L = M == 1 ? 1 : M == 4 ? 2 : M == 9 ? 3 : 4;
    lanes s[ROWS][COLUMNS], v[ROWS];
    for (int a = 0; a < ROWS; a++) v[a] = at(w->v + degree_of(a0 + a) * C + c);
    for (int a = 0; a < ROWS; a++)
        for (int b = 0; b < COLUMNS; b++) s[a][b] = (lanes){0};
    for (int64_t e = i * w->k; e < (i + 1) * w->k; e++) {
        const float *x = w->x + (w->nb[e] * M + b0) * C + c, *r = w->r + e * L * C + c, *y = w->y + e * M + a0;
        lanes f[ROWS];
        for (int a = 0; a < ROWS; a++) f[a] = (at(r + degree_of(a0 + a) * C) + v[a]) * y[a];
        for (int b = 0; b < COLUMNS; b++) {
            const lanes from = at(x + b * C);
            for (int a = 0; a < ROWS; a++) s[a][b] += f[a] * from;
        }
    }
    for (int a = 0; a < ROWS; a++)
        for (int b = 0; b < COLUMNS; b++) sums[(a0 + a) * M + b0 + b] = s[a][b];
}

INLINE void forward_node(const Work *w, int64_t i, int64_t c, const int M) {
    lanes sums[MAX_COMPONENTS * MAX_COMPONENTS], z[MAX_COUPLED];
    if (M == 1) block(w, i, c, M, 0, 0, 1, 1, sums);
    if (M == 4) block(w, i, c, M, 0, 0, 4, 4, sums);
    if (M == 9)
        for (int a = 0; a < 9; a += 3) block(w, i, c, M, a, 0, 3, 9, sums);
    if (M == 16)
        for (int a = 0; a < 16; a += 4)
            for (int b = 0; b < 16; b += 4) block(w, i, c, M, a, b, 4, 4, sums);
    for (int64_t p = 0; p < w->coupled; p++) z[p] = (lanes){0};
    for (int64_t e = 0; e < w->entries; e++) z[w->out[e]] += w->value[e] * sums[w->in[e]];
    for (int64_t p = 0; p < w->coupled; p++) put(w->z + (i * w->coupled + p) * w->channels + c, z[p]);
}

INLINE float total(lanes v) {
    float t = 0;
    for (int q = 0; q < LANES; q++) t += v[q];
    return t;
}

INLINE void backward_node(const Work *w, int64_t i, int64_t c, float *dx, const int M) {
    const int64_t C = w->channels, L = M == 1 ? 1 : M == 4 ? 2 : M == 9 ? 3 : 4;
    lanes g[MAX_COMPONENTS * MAX_COMPONENTS];
    for (int e = 0; e < M * M; e++) g[e] = (lanes){0};
    for (int64_t e = 0; e < w->entries; e++)
        g[w->in[e]] += w->value[e] * at(w->dz + (i * w->coupled + w->out[e]) * C + c);
    for (int64_t e = i * w->k; e < (i + 1) * w->k; e++) {
        const float *x = w->x + w->nb[e] * M * C + c, *r = w->r + e * L * C + c, *y = w->y + e * M;
        float *to = dx + w->nb[e] * M * C + c;
        lanes radial[4], dr[4], dy[MAX_COMPONENTS];
        for (int l = 0; l < L; l++) {
            radial[l] = at(r + l * C) + at(w->v + l * C + c);
            dr[l] = (lanes){0};
        }
        for (int a = 0; a < M; a++) dy[a] = (lanes){0};
        for (int b = 0; b < M; b++) {
            const lanes from = at(x + b * C);
            lanes d = at(to + b * C);
            for (int l = 0; l < L; l++) {
                lanes t = {0};
                for (int a = l * l; a < (l + 1) * (l + 1); a++) t += y[a] * g[a * M + b];
                dr[l] += t * from;
                d += t * radial[l];
                if (w->dy) {
                    const lanes h = radial[l] * from;
                    for (int a = l * l; a < (l + 1) * (l + 1); a++) dy[a] += g[a * M + b] * h;
                }
            }
            put(to + b * C, d);
        }
        for (int l = 0; l < L; l++) put(w->dr + e * L * C + l * C + c, dr[l]);
        if (w->dy)
            for (int a = 0; a < M; a++) w->dy[e * M + a] = (c ? w->dy[e * M + a] : 0) + total(dy[a]);
    }
}

EACH_PROCESSOR
static void forward_range(const Work *w, int64_t first, int64_t last, int64_t lmax) {
    for (int64_t i = first; i < last; i++)
        for (int64_t c = 0; c < w->channels; c += LANES) {
            if (lmax == 0) forward_node(w, i, c, 1);
            if (lmax == 1) forward_node(w, i, c, 4);
            if (lmax == 2) forward_node(w, i, c, 9);
            if (lmax == 3) forward_node(w, i, c, 16);
        }
}

EACH_PROCESSOR
static void backward_range(const Work *w, int64_t first, int64_t last, int64_t lmax, float *dx) {
    for (int64_t i = first; i < last; i++)
        for (int64_t c = 0; c < w->channels; c += LANES) {
            if (lmax == 0) backward_node(w, i, c, dx, 1);
            if (lmax == 1) backward_node(w, i, c, dx, 4);
            if (lmax == 2) backward_node(w, i, c, dx, 9);
            if (lmax == 3) backward_node(w, i, c, dx, 16);
        }
}

void protein_enn_forward(const Work *w, int64_t lmax, int64_t threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t t = 0; t < threads; t++) forward_range(w, w->n * t / threads, w->n * (t + 1) / threads, lmax);
}

void protein_enn_backward(const Work *w, int64_t lmax, int64_t threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (int64_t t = 0; t < threads; t++)
        backward_range(w, w->n * t / threads, w->n * (t + 1) / threads, lmax, w->dx + t * w->stride);
}
