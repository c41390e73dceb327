// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Testing

@Suite("Route tables")
struct RouteTableTests {
}
