// SPDX-License-Identifier: GPL-2.0

#define VERSION	1

#include "test_klp_torture_patch.h"
