// One instantiation of the tile product: TE a tile's elements, TV vectors and sums inside a tile, WIDTH bytes a register,
// R rows at a time, TARGET the processor it is compiled for, NAME(x) its names.

#define LANES (WIDTH / (int)sizeof(TV))
#define BLOCK 32
typedef TV NAME(vector) __attribute__((vector_size(WIDTH), aligned(4)));
typedef TE NAME(elements) __attribute__((vector_size(WIDTH / sizeof(TV) * sizeof(TE)), aligned(4)));
typedef TV NAME(quarter) __attribute__((vector_size(16)));

// The sum of a register's lanes, by halves: lane after lane, the sums of a strip would take a quarter of its time.
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

// R rows from `e`, C columns of the vectors. Sums of the rows stay in registers; those of the columns pass through the
// first cache once for R rows.
static inline __attribute__((always_inline)) TARGET void NAME(strip)(const TE *e, ptrdiff_t stride, ptrdiff_t columns,
                                                                     ptrdiff_t length, const TV *x_columns, const TV *x_rows,
                                                                     TV *y_columns, TV *y_rows, ptrdiff_t groups,
                                                                     const int C, const int rows, const int sides,
                                                                     const TE *const *next) {
  NAME(vector) sum[R][6];
  const TE *fetched[R];
  for (int r = 0; r < R; r++) fetched[r] = next[r];
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < C; c++) sum[r][c] = (NAME(vector)){0};
  for (ptrdiff_t j = 0; j < columns; j += LANES) {
    NAME(vector) value[R];
    for (int r = 0; r < R; r++) __builtin_prefetch(fetched[r] + j, 0, 2);
    for (int r = 0; r < rows; r++)
      value[r] = __builtin_convertvector(*(const NAME(elements) *)(e + r * stride + j), NAME(vector));
    for (int c = 0; c < C; c++) {
      const NAME(vector) x = *(const NAME(vector) *)(x_columns + c * length + j);
      if (sides & DEEPRFM_ROW_SUMS)
        for (int r = 0; r < rows; r++) sum[r][c] += value[r] * x;
      if (sides & DEEPRFM_COLUMN_SUMS) {
        NAME(vector) y = *(const NAME(vector) *)(y_columns + c * length + j);
        for (int r = 0; r < rows; r++) y += value[r] * x_rows[r * groups + c];
        *(NAME(vector) *)(y_columns + c * length + j) = y;
      }
    }
  }
  if (!(sides & DEEPRFM_ROW_SUMS)) return;
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < C; c++) {
      y_rows[r * groups + c] += NAME(total)(sum[r][c]);
    }
}

#define STRIP(C, ROWS, SIDES)                                                                                        \
  NAME(strip)(e, stride, columns, length, x_columns, x_rows, y_columns, y_rows, vectors, C, ROWS, SIDES, next)
#define STRIPS(ROWS, SIDES)                                                                                          \
  switch (count) {                                                                                                  \
    case 1: STRIP(1, ROWS, SIDES); break;                                                                            \
    case 2: STRIP(2, ROWS, SIDES); break;                                                                            \
    case 3: STRIP(3, ROWS, SIDES); break;                                                                            \
    case 4: STRIP(4, ROWS, SIDES); break;                                                                            \
    case 5: STRIP(5, ROWS, SIDES); break;                                                                            \
    default: STRIP(6, ROWS, SIDES); break;                                                                           \
  }

static __attribute__((noinline)) TARGET void NAME(group)(const TE *e, ptrdiff_t stride, int rows, ptrdiff_t columns,
                                                         ptrdiff_t length, ptrdiff_t vectors, int count,
                                                         const TV *x_columns, const TV *x_rows, TV *y_columns, TV *y_rows,
                                                         int sides, const TE *const *next) {
  if (rows == R) {
    switch (sides) {
      case DEEPRFM_ROW_SUMS: STRIPS(R, DEEPRFM_ROW_SUMS) return;
      case DEEPRFM_COLUMN_SUMS: STRIPS(R, DEEPRFM_COLUMN_SUMS) return;
      default: STRIPS(R, DEEPRFM_ROW_SUMS | DEEPRFM_COLUMN_SUMS) return;
    }
  }
  for (; rows > 0; rows--, e += stride, x_rows += vectors, y_rows += vectors) STRIPS(1, sides)
}

static TARGET void NAME(product)(const TE *tile, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t stride, ptrdiff_t vectors,
                                 ptrdiff_t length, const TV *x_columns, const TV *x_rows, TV *y_columns, TV *y_rows,
                                 int sides) {
  // As many groups of at most 6 as are needed, as equal as can be. A group takes BLOCK rows before the next takes the same
  // ones: its share of the vectors stays in the first cache, the rows in the second.
  const ptrdiff_t groups = (vectors + 5) / 6;
  for (ptrdiff_t block = 0; block < rows; block += BLOCK) {
    const ptrdiff_t end = block + BLOCK < rows ? block + BLOCK : rows;
    for (ptrdiff_t g = 0; g < groups; g++) {
      const ptrdiff_t first = vectors * g / groups, last = vectors * (g + 1) / groups;
      for (ptrdiff_t i = block; i < end; i += R) {
        const int height = end - i < R ? (int)(end - i) : R;
        // The next block is fetched into the second cache (the first has the vectors to hold), half of it by each of the first two
        // groups, so that memory is never idle: without it a core multiplies at half the speed.
        const TE *next[R];
        for (int r = 0; r < R; r++) {
          const int row = groups == 1 ? r : g == 0 ? r % (R / 2) : R / 2 + r % (R / 2);
          next[r] = tile + (i + (g < 2 ? BLOCK + row : 0)) * stride;
        }
        NAME(group)(tile + i * stride, stride, height, columns, length, vectors, (int)(last - first),
                    x_columns + first * length, x_rows + i * vectors + first, y_columns + first * length,
                    y_rows + i * vectors + first, sides, next);
      }
    }
  }
}

#undef LANES
#undef BLOCK
#undef STRIP
#undef STRIPS
