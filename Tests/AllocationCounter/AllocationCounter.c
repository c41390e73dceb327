// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

// Test support only: stands in front of glibc's allocator in the test executable and counts per thread.
#include "AllocationCounter.h"

#include <malloc.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define AMBIT_SANITIZED 1
#endif
#endif

static __thread unsigned long count;
static __thread long held;

unsigned long allocation_count(void) { return count; }

long allocated_bytes(void) { return held; }

#ifdef AMBIT_SANITIZED
int allocation_counting_works(void) { return 0; }
#else
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

extern void __libc_free(void *);

int allocation_counting_works(void) { return 1; }

// What a block takes of the heap: what can be used of it, and the word before it.
static long size_of(void *block) { return block ? (long)(malloc_usable_size(block) + sizeof(size_t)) : 0; }

static void *counted(void *block) {
    count += 1;
    held += size_of(block);
    return block;
}

void *malloc(size_t size) { return counted(__libc_malloc(size)); }

void *calloc(size_t number, size_t size) { return counted(__libc_calloc(number, size)); }

void *realloc(void *old, size_t size) {
    long before = size_of(old);
    void *block = __libc_realloc(old, size);
    if (block || !size) held -= before;
    return counted(block);
}

void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **result, size_t alignment, size_t size) {
    *result = memalign(alignment, size);
    return *result == NULL ? 12 : 0;
}

void free(void *block) {
    held -= size_of(block);
    __libc_free(block);
}
#endif
