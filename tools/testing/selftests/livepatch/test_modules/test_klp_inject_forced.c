// SPDX-License-Identifier: GPL-2.0

/* A livepatch that cannot be unloaded any more when force has been tested. */
#include "test_klp_inject_patch.c"
