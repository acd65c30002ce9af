// Included once for each type: T, NAME(x). See LinearAlgebra/ConvolutionScalar.swift.

typedef T NAME(eight) __attribute__((vector_size(8 * sizeof(T)), aligned(sizeof(T)), may_alias));

// b = a^T of 8 x 8 elements, a's rows p apart and b's q: each line of both is met once, in a run. Lines of images are so often a power of
// two of bytes apart that they share a set of the L1 cache, which then holds only a few of them.
static inline __attribute__((always_inline)) void NAME(transpose_square)(const T *a, ptrdiff_t p, T *b, ptrdiff_t q) {
  typedef NAME(eight) V;
#define ROW(i) (*(const V *)(a + i * p))
#define EVEN(x, y) __builtin_shufflevector(x, y, 0, 8, 1, 9, 4, 12, 5, 13)
#define ODD(x, y) __builtin_shufflevector(x, y, 2, 10, 3, 11, 6, 14, 7, 15)
  V a0 = EVEN(ROW(0), ROW(1)), a1 = ODD(ROW(0), ROW(1)), a2 = EVEN(ROW(2), ROW(3)), a3 = ODD(ROW(2), ROW(3));
  V a4 = EVEN(ROW(4), ROW(5)), a5 = ODD(ROW(4), ROW(5)), a6 = EVEN(ROW(6), ROW(7)), a7 = ODD(ROW(6), ROW(7));
#undef ROW
#undef EVEN
#undef ODD
#define FIRST(x, y) __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13)
#define SECOND(x, y) __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15)
  V b0 = FIRST(a0, a2), b1 = SECOND(a0, a2), b2 = FIRST(a1, a3), b3 = SECOND(a1, a3);
  V b4 = FIRST(a4, a6), b5 = SECOND(a4, a6), b6 = FIRST(a5, a7), b7 = SECOND(a5, a7);
#undef FIRST
#undef SECOND
#define COLUMN(i) (*(V *)(b + i * q))
#define LEFT(x, y) __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11)
#define RIGHT(x, y) __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15)
  COLUMN(0) = LEFT(b0, b4), COLUMN(1) = LEFT(b1, b5), COLUMN(2) = LEFT(b2, b6), COLUMN(3) = LEFT(b3, b7);
  COLUMN(4) = RIGHT(b0, b4), COLUMN(5) = RIGHT(b1, b5), COLUMN(6) = RIGHT(b2, b6), COLUMN(7) = RIGHT(b3, b7);
#undef COLUMN
#undef LEFT
#undef RIGHT
}

// Along the longer side, so that few lines of either matrix are open at a time; the lines that it writes are fetched ahead of their use.
DISPATCHED void NAME(deeprfm_transpose)(const T *restrict a, ptrdiff_t rows, ptrdiff_t columns, T *restrict b) {
  enum { SIDE = 8 };
  const ptrdiff_t row_end = rows / SIDE * SIDE, column_end = columns / SIDE * SIDE;
  if (rows > columns) {
    for (ptrdiff_t j = 0; j < column_end; j += SIDE)
      for (ptrdiff_t i = 0; i < row_end; i += SIDE) {
        T *square = b + j * rows + i;
        if (i % (2 * SIDE) == 0)
          for (ptrdiff_t k = 0; k < SIDE; k++) __builtin_prefetch(square + k * rows + 4 * SIDE, 1);
        NAME(transpose_square)(a + i * columns + j, columns, square, rows);
      }
  } else {
    for (ptrdiff_t i0 = 0; i0 < row_end; i0 += 2 * SIDE)
      for (ptrdiff_t j = 0; j < column_end; j += SIDE)
        for (ptrdiff_t i = i0; i < i0 + 2 * SIDE && i < row_end; i += SIDE)
          NAME(transpose_square)(a + i * columns + j, columns, b + j * rows + i, rows);
  }
  for (ptrdiff_t j = 0; j < columns; j++)
    for (ptrdiff_t i = j < column_end ? row_end : 0; i < rows; i++) b[j * rows + i] = a[i * columns + j];
}
