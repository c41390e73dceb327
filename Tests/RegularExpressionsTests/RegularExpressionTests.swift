// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Testing

@testable internal import RegularExpressions

@Suite("Regular expressions")
struct RegularExpressionTests {
}
