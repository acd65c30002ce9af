// 1,797 handwritten digits of 8 x 8 pixels, part of the program's text.
//
// The test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak, UCI Machine Learning
// Repository (1998), https://doi.org/10.24432/C50P49, licensed CC BY 4.0
// (https://creativecommons.org/licenses/by/4.0/). Same images, order and values as the file digits.csv.gz that
// scikit-learn ships; changed only in form, from text to bytes.
#ifndef CDIGITS_H
#define CDIGITS_H

#define DIGITS_COUNT 1797
#define DIGITS_PIXELS 64

/// DIGITS_COUNT records of 1 + DIGITS_PIXELS bytes: the label 0...9, then the pixels 0...16, row by row.
const unsigned char *digits_records(void);

#endif
