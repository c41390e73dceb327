// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

// Test support only: stands in front of the Swift run time's reference counting in a program that links it dynamically.
#define _GNU_SOURCE
#include "Counters.h"

#include <dlfcn.h>
#include <stdint.h>

static unsigned long count;

unsigned long reference_count_operations(void) { return count; }

// One stand-in per entry point that the compiler calls on Linux; each forwards to the run time's own.
#define STAND_IN_1(name)                                        \
    void *name(void *object) {                                  \
        static void *(*real)(void *);                           \
        if (!real) real = (void *(*)(void *))dlsym(RTLD_NEXT, #name); \
        count += 1;                                             \
        return real(object);                                    \
    }
#define STAND_IN_2(name)                                                  \
    void *name(void *object, uint32_t times) {                            \
        static void *(*real)(void *, uint32_t);                           \
        if (!real) real = (void *(*)(void *, uint32_t))dlsym(RTLD_NEXT, #name); \
        count += 1;                                                       \
        return real(object, times);                                       \
    }

STAND_IN_1(swift_retain)
STAND_IN_1(swift_release)
STAND_IN_1(swift_bridgeObjectRetain)
STAND_IN_1(swift_bridgeObjectRelease)
STAND_IN_2(swift_retain_n)
STAND_IN_2(swift_release_n)
