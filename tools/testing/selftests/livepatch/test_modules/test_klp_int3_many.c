// SPDX-License-Identifier: GPL-2.0

/* As many functions, that ftrace does not know */
#define TEST_KLP_MANY_TARGET	"test_klp_int3_many"
#define TEST_KLP_MANY_ATTR	notrace

#include "test_klp_many.c"
