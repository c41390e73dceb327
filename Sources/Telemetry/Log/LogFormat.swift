// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How log lines are written.
package enum LogFormat: String, CaseIterable, Sendable {
    /// Tab-separated time, level, scope and message, then `key=value` pairs.
    case text
    /// One JSON object a line.
    case json
}
