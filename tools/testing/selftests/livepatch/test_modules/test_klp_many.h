/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TEST_KLP_MANY_H
#define _TEST_KLP_MANY_H

/* TEST_KLP_MANY(F) expands to F(0000) F(0001) ... F(4999) */
#define TEST_KLP_10(F, n) \
	F(n##0) F(n##1) F(n##2) F(n##3) F(n##4) \
	F(n##5) F(n##6) F(n##7) F(n##8) F(n##9)
#define TEST_KLP_100(F, n) \
	TEST_KLP_10(F, n##0) TEST_KLP_10(F, n##1) TEST_KLP_10(F, n##2) \
	TEST_KLP_10(F, n##3) TEST_KLP_10(F, n##4) TEST_KLP_10(F, n##5) \
	TEST_KLP_10(F, n##6) TEST_KLP_10(F, n##7) TEST_KLP_10(F, n##8) \
	TEST_KLP_10(F, n##9)
#define TEST_KLP_1000(F, n) \
	TEST_KLP_100(F, n##0) TEST_KLP_100(F, n##1) TEST_KLP_100(F, n##2) \
	TEST_KLP_100(F, n##3) TEST_KLP_100(F, n##4) TEST_KLP_100(F, n##5) \
	TEST_KLP_100(F, n##6) TEST_KLP_100(F, n##7) TEST_KLP_100(F, n##8) \
	TEST_KLP_100(F, n##9)
#define TEST_KLP_MANY(F) \
	TEST_KLP_1000(F, 0) TEST_KLP_1000(F, 1) TEST_KLP_1000(F, 2) \
	TEST_KLP_1000(F, 3) TEST_KLP_1000(F, 4)

/* Defined by who includes the sources for another module */
#ifndef TEST_KLP_MANY_TARGET
#define TEST_KLP_MANY_TARGET	"test_klp_many"
#define TEST_KLP_MANY_ATTR
#endif

/* What function number n returns: the original, and a replacement */
#define TEST_KLP_ORIGINAL(n)	(1##n)
#define TEST_KLP_REPLACED(n)	(2##n)

#endif /* _TEST_KLP_MANY_H */
