// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

#pragma once
#include "../../AllocationCounter/include/AllocationCounter.h"

/// Retains and releases that this program's own code has asked the Swift run time for.
unsigned long reference_count_operations(void);
