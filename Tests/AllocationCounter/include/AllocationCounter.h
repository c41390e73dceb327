// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

#ifndef AMBIT_ALLOCATION_COUNTER_H
#define AMBIT_ALLOCATION_COUNTER_H

// Calls of malloc and its kin on this thread since it started; always 0 under a sanitizer, which has its own malloc.
unsigned long allocation_count(void);

// Bytes of the heap that this thread has taken and not given back, blocks with their headers; what it gives back that another
// thread has taken counts against it.
long allocated_bytes(void);

// Whether the counts are real.
int allocation_counting_works(void);

#endif
