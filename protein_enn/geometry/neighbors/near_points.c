/* Nearest neighbors and near pairs of points, for the CPU (geometry/neighbors/compiled.py). Loaded through ctypes.

   Distances are in float64, summed in the order x, y, z and without fused operations, as all other searches do. */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NO_MEMORY -1
#define TOO_MANY -2
#define LAST INT64_MAX
#define CELLS_PER_POINT 4

int64_t protein_enn_near_version(void) { return 1; }

/* The k nearest others of each of n points (axis by axis, k < n), by the keys of distance_keys.py: the squared distance,
   rounded to the bits above those of `low`, and the index. */
int64_t protein_enn_nearest(const double *x, const double *y, const double *z, int64_t n, int64_t k, int64_t low,
                            int64_t *out) {
    int64_t *keys = malloc(n * sizeof *keys), *best = malloc((k + 1) * sizeof *best);
    if (!keys || !best) {
        free(keys);
        free(best);
        return NO_MEMORY;
    }
    const int64_t half = (low + 1) >> 1;
    double reach = INFINITY; /* of the k-th neighbor of the point before: it and its neighbors are within reach + step */
    for (int64_t i = 0; i < n; i++) {
        int64_t bound = LAST, count = 0;
        if (i) {
            double dx = x[i] - x[i - 1], dy = y[i] - y[i - 1], dz = z[i] - z[i - 1];
            double farthest = reach + sqrt(dx * dx + dy * dy + dz * dz);
            farthest *= farthest * (1 + 1e-9);
            if (farthest < 1e300) memcpy(&bound, &farthest, sizeof bound), bound += 2 * (low + 1);
        }
    row:
        for (int64_t j = 0; j < n; j++) {
            double dx = x[i] - x[j], dy = y[i] - y[j], dz = z[i] - z[j];
            double square = dx * dx + dy * dy + dz * dz;
            int64_t bits;
            memcpy(&bits, &square, sizeof bits);
            keys[j] = ((bits + half) & ~low) | j;
        }
        keys[i] = LAST;
        for (int64_t j = 0; j < n; j++) { /* without a branch: those within the bound to the front */
            int64_t key = keys[j];
            keys[count] = key;
            count += key < bound;
        }
        if (count < k) { /* which no rounding of the bound should bring about */
            bound = LAST, count = 0;
            goto row;
        }
        for (int64_t p = 0; p <= k; p++) best[p] = LAST;
        for (int64_t j = 0; j < count; j++) {
            int64_t key = keys[j], p;
            if (key >= best[k - 1]) continue;
            for (p = k - 1; p > 0 && best[p - 1] > key; p--) best[p] = best[p - 1];
            best[p] = key;
        }
        for (int64_t p = 0; p < k; p++) out[i * k + p] = best[p] & low;
        int64_t last = best[k - 1] & low;
        double dx = x[i] - x[last], dy = y[i] - y[last], dz = z[i] - z[last];
        reach = sqrt(dx * dx + dy * dy + dz * dz);
    }
    free(keys);
    free(best);
    return 0;
}

static int64_t clamp(double place, int64_t count) {
    return place < 0 ? 0 : place >= count ? count - 1 : (int64_t)place;
}

/* Pairs of a point of each list, (a, 3) and (b, 3), within a distance: by the first index, then by the second. Points of
   the second list are sorted into columns of square cross section. Returns how many pairs there are; TOO_MANY where they
   are more than `most`, or where more than `work` pairs would have to be compared. */
int64_t protein_enn_near_pairs(const double *ones, int64_t a, const double *twos, int64_t b, double distance,
                               int64_t most, int64_t work, int64_t *first, int64_t *second, double *lengths) {
    if (!a || !b) return 0;
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY}, width = distance > 0 ? distance : 1;
    for (int64_t j = 0; j < b; j++)
        for (int axis = 0; axis < 2; axis++) {
            double place = twos[3 * j + axis];
            low[axis] = place < low[axis] ? place : low[axis];
            high[axis] = place > high[axis] ? place : high[axis];
        }
    while (((high[0] - low[0]) / width + 1) * ((high[1] - low[1]) / width + 1) > CELLS_PER_POINT * b + 16) width *= 2;
    const int64_t nx = (int64_t)((high[0] - low[0]) / width) + 1, ny = (int64_t)((high[1] - low[1]) / width) + 1;
    int64_t *start = calloc(nx * ny + 2, sizeof *start), *order = malloc(b * sizeof *order), found = 0;
    if (!start || !order) {
        free(start);
        free(order);
        return NO_MEMORY;
    }
#define CELL(j) (clamp((twos[3 * (j)] - low[0]) / width, nx) * ny + clamp((twos[3 * (j) + 1] - low[1]) / width, ny))
    for (int64_t j = 0; j < b; j++) start[CELL(j) + 2]++;
    for (int64_t cell = 2; cell < nx * ny + 2; cell++) start[cell] += start[cell - 1];
    for (int64_t j = 0; j < b; j++) order[start[CELL(j) + 1]++] = j;
    const double limit = distance * distance * (1 + 1e-12);
    for (int64_t i = 0; i < a && found >= 0; i++) {
        const double *one = ones + 3 * i;
        const double px = (one[0] - low[0]) / width, py = (one[1] - low[1]) / width;
        if (!(px > -1.01 && py > -1.01 && px < nx + 1.01 && py < ny + 1.01)) continue;
        const int64_t x0 = clamp(px - 1.001, nx), x1 = clamp(px + 1.001, nx);
        const int64_t y0 = clamp(py - 1.001, ny), y1 = clamp(py + 1.001, ny), begin = found;
        for (int64_t cx = x0; cx <= x1; cx++) {
            const int64_t from = start[cx * ny + y0], to = start[cx * ny + y1 + 1];
            if ((work -= to - from) < 0) found = TOO_MANY;
            for (int64_t p = from; p < to && found >= 0; p++) {
                const double *two = twos + 3 * order[p];
                double dx = one[0] - two[0], dy = one[1] - two[1], dz = one[2] - two[2];
                double square = dx * dx + dy * dy + dz * dz;
                if (square > limit || (square = sqrt(square)) > distance) continue;
                if (found == most) {
                    found = TOO_MANY;
                    break;
                }
                int64_t place = found++;
                for (; place > begin && second[place - 1] > order[p]; place--) {
                    second[place] = second[place - 1];
                    lengths[place] = lengths[place - 1];
                }
                first[found - 1] = i;
                second[place] = order[p];
                lengths[place] = square;
            }
            if (found < 0) break;
        }
    }
    free(start);
    free(order);
    return found;
}
