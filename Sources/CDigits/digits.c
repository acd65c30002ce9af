#include "CDigits.h"

// #embed is C23; clang takes it in earlier modes as an extension and would warn.
#pragma clang diagnostic ignored "-Wpragmas"
#pragma clang diagnostic ignored "-Wunknown-warning-option"
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char records[] = {
#embed "digits.bin"
};

_Static_assert(
    sizeof records == DIGITS_COUNT * (1 + DIGITS_PIXELS), "digits.bin: one label byte and 64 pixel bytes a digit");

const unsigned char *digits_records(void) { return records; }
