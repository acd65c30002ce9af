#ifndef CDIGITS_H
#define CDIGITS_H
#endif
