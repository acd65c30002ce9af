#ifndef CELEMENTWISE_H
#define CELEMENTWISE_H
#endif
