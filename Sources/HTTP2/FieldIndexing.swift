// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How a field goes into a header block (RFC 7541 §6.2).
package enum FieldIndexing: Sendable {
    /// By the name: credentials never indexed, values that change with every message not indexed, the rest indexed.
    case automatic
    /// Into the dynamic table: for values that come again on this connection.
    case indexed
    /// Not into the dynamic table: for values that do not come again.
    case notIndexed
    /// Not by us nor by any hop behind us (RFC 7541 §7.1.3): credentials.
    case neverIndexed
}
