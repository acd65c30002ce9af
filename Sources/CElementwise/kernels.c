#include "CElementwise.h"
