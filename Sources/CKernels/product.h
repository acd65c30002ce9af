// One instantiation of the tile product: TE a tile's elements, TV the vectors and what sums begin in, WIDTH bytes a register, R rows
// or registers of a row and at most MOST vectors at a time, BLOCK rows of a block, TARGET the processor it is compiled for, NAME(x) its names.
//
// A block of rows lies in the L2 cache. It is read for the sums of its rows and again for those of its columns, each a small
// matrix product whose sums stay in registers. All the while the next block is on its way there from memory.

#define LANES (WIDTH / (int)sizeof(TV))
typedef TV NAME(vector) __attribute__((vector_size(WIDTH), aligned(4)));
typedef TE NAME(elements) __attribute__((vector_size(WIDTH / sizeof(TV) * sizeof(TE)), aligned(4)));
typedef TV NAME(quarter) __attribute__((vector_size(16)));
typedef double NAME(doubles) __attribute__((vector_size(LANES * 8), aligned(8)));

#define LOAD(p) (*(const NAME(vector) *)(p))
#define LOAD_ELEMENTS(p) __builtin_convertvector(*(const NAME(elements) *)(p), NAME(vector))

// The sum of a register's workers, by halves.
static inline __attribute__((always_inline)) TARGET TV NAME(total)(NAME(vector) v) {
  union {
    NAME(vector) whole;
    NAME(quarter) part[WIDTH / 16];
  } u = {v};
  for (int half = WIDTH / 32; half > 0; half /= 2)
    for (int k = 0; k < half; k++) u.part[k] += u.part[k + half];
  TV total = u.part[0][0];
  for (int l = 1; l < 16 / (int)sizeof(TV); l++) total += u.part[0][l];
  return total;
}

// y_rows += E x_columns for ROWS rows (R or 1) and C vectors.
static inline __attribute__((always_inline)) TARGET void NAME(row_strip)(const TE *e, ptrdiff_t stride, ptrdiff_t columns,
                                                                         ptrdiff_t length, ptrdiff_t vectors,
                                                                         const TV *x_columns, double *y_rows,
                                                                         const char **fetched, ptrdiff_t pace,
                                                                         const int ROWS, const int C) {
  NAME(vector) sum[R][MOST];
  const char *fetch = *fetched;
  for (int r = 0; r < ROWS; r++)
    for (int c = 0; c < C; c++) sum[r][c] = (NAME(vector)){0};
  for (ptrdiff_t j = 0; j < columns; j += LANES) {
    NAME(vector) value[R];
    for (int r = 0; r < ROWS; r++, fetch += pace) {
      __builtin_prefetch(fetch, 0, 2);
      value[r] = LOAD_ELEMENTS(e + r * stride + j);
    }
    for (int c = 0; c < C; c++) {
      const NAME(vector) x = LOAD(x_columns + c * length + j);
      for (int r = 0; r < ROWS; r++) sum[r][c] += value[r] * x;
    }
  }
  *fetched = fetch;
  for (int r = 0; r < ROWS; r++)
    for (int c = 0; c < C; c++) y_rows[r * vectors + c] += NAME(total)(sum[r][c]);
}

// y_columns += E^T x_rows for a block's rows, WIDE registers (R or 1) of its columns, `left` of them to go, and C vectors.
static inline __attribute__((always_inline)) TARGET void NAME(column_strip)(const TE *e, ptrdiff_t stride, ptrdiff_t rows,
                                                                            ptrdiff_t left, ptrdiff_t spacing,
                                                                            ptrdiff_t vectors, const TV *x_rows,
                                                                            double *y_columns, const char **fetched,
                                                                            ptrdiff_t pace, const int WIDE, const int C) {
  NAME(vector) sum[R][MOST];
  const char *fetch = *fetched;
  for (int w = 0; w < WIDE; w++)
    for (int c = 0; c < C; c++) sum[w][c] = (NAME(vector)){0};
  for (int c = 0; c < C; c++)
    for (int k = 0; k < WIDE * LANES; k += 8) __builtin_prefetch(y_columns + c * spacing + k, 1, 3);
  for (ptrdiff_t i = 0; i < rows; i++, e += stride, x_rows += vectors) {
    NAME(vector) value[R];
    for (int w = 0; w < WIDE; w++, fetch += pace) {
      __builtin_prefetch(fetch, 0, 2);
      value[w] = LOAD_ELEMENTS(e + w * LANES);
    }
    for (int c = 0; c < C; c++)
      for (int w = 0; w < WIDE; w++) sum[w][c] += value[w] * x_rows[c];
  }
  *fetched = fetch;
  if (left >= WIDE * LANES) {
    for (int c = 0; c < C; c++)
      for (int w = 0; w < WIDE; w++)
        *(NAME(doubles) *)(y_columns + c * spacing + w * LANES) += __builtin_convertvector(sum[w][c], NAME(doubles));
  } else {
    for (int c = 0; c < C; c++)
      for (ptrdiff_t k = 0; k < left; k++) y_columns[c * spacing + k] += sum[k / LANES][c][k % LANES];
  }
}

// One side of a block with C vectors. For each register of the block that it reads it fetches memory `pace` bytes further on.
static inline __attribute__((always_inline)) TARGET void NAME(pass)(const TE *e, ptrdiff_t stride, ptrdiff_t rows,
                                                                    ptrdiff_t columns, ptrdiff_t length, ptrdiff_t spacing,
                                                                    ptrdiff_t vectors, const TV *x_columns,
                                                                    const TV *x_rows, double *y_columns, double *y_rows,
                                                                    const char *fetch, ptrdiff_t pace, int side,
                                                                    const int C) {
  if (side == DEEPRFM_ROW_SUMS) {
    ptrdiff_t i = 0;
    for (; i + R <= rows; i += R)
      NAME(row_strip)(e + i * stride, stride, columns, length, vectors, x_columns, y_rows + i * vectors, &fetch, pace, R, C);
    for (; i < rows; i++)
      NAME(row_strip)(e + i * stride, stride, columns, length, vectors, x_columns, y_rows + i * vectors, &fetch, pace, 1, C);
    return;
  }
  ptrdiff_t j = 0;
  for (; j + (R - 1) * LANES < columns; j += R * LANES)
    NAME(column_strip)(e + j, stride, rows, columns - j, spacing, vectors, x_rows, y_columns + j, &fetch, pace, R, C);
  for (; j < columns; j += LANES)
    NAME(column_strip)(e + j, stride, rows, columns - j, spacing, vectors, x_rows, y_columns + j, &fetch, pace, 1, C);
}

#define PASS(C)                                                                                                             \
  case C:                                                                                                                   \
    NAME(pass)(e, stride, rows, columns, length, spacing, vectors, x_columns, x_rows, y_columns, y_rows, fetch, pace, side, C); \
    break;

static __attribute__((noinline)) TARGET void NAME(group)(const TE *e, ptrdiff_t stride, ptrdiff_t rows, ptrdiff_t columns,
                                                         ptrdiff_t length, ptrdiff_t spacing, ptrdiff_t vectors, int count,
                                                         const TV *x_columns, const TV *x_rows, double *y_columns,
                                                         double *y_rows, const char *fetch, ptrdiff_t pace, int side) {
  switch (count) {
    PASS(1) PASS(2) PASS(3) PASS(4) PASS(5) PASS(6)
#if MOST > 6
    PASS(7) PASS(8) PASS(9) PASS(10) PASS(11) PASS(12)
#endif
  }
}

static TARGET void NAME(product)(const TE *tile, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, ptrdiff_t vectors,
                                 ptrdiff_t length, ptrdiff_t spacing, const TV *x_columns, const TV *x_rows,
                                 double *y_columns, double *y_rows, int sides) {
  // As many groups of vectors as are needed, as equal as can be; so too the blocks of rows.
  const ptrdiff_t groups = (vectors + MOST - 1) / MOST;
  const ptrdiff_t blocks = (rows + BLOCK - 1) / BLOCK, most = blocks > 0 ? ((rows + blocks - 1) / blocks + R - 1) / R * R : 0;
  const ptrdiff_t passes = sides == (DEEPRFM_ROW_SUMS | DEEPRFM_COLUMN_SUMS) ? 2 * groups : groups;
  // Each pass fetches its share of the next block, line after line, which the processor's own prefetching then runs ahead of. Where most
  // of what lies between is not E's, nothing.
  const ptrdiff_t pace = 2 * columns > stride ? WIDTH / (ptrdiff_t)sizeof(TV) * (ptrdiff_t)sizeof(TE) / passes : 0;
  for (ptrdiff_t begin = 0; begin < rows; begin += most) {
    const ptrdiff_t height = rows - begin < most ? rows - begin : most;
    const TE *const e = tile + begin * stride;
    for (ptrdiff_t pass = 0; pass < passes; pass++) {
      const int side = pass >= groups ? DEEPRFM_COLUMN_SUMS : sides & DEEPRFM_ROW_SUMS ? DEEPRFM_ROW_SUMS : sides;
      const ptrdiff_t g = pass % groups, first = vectors * g / groups, last = vectors * (g + 1) / groups;
      const char *const fetch = (const char *)(pace > 0 ? e + height * stride + height * stride * pass / passes : e);
      NAME(group)(e, stride, height, columns, length, spacing, vectors, (int)(last - first), x_columns + first * length,
                  x_rows + begin * vectors + first, y_columns + first * spacing, y_rows + begin * vectors + first, fetch,
                  pace, side);
    }
  }
}

#undef LANES
#undef LOAD
#undef LOAD_ELEMENTS
#undef PASS
