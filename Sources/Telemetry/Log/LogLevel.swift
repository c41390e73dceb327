// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// How much a log line matters; the lower the number, the more.
package enum LogLevel: UInt8, CaseIterable, Comparable, Sendable {
    /// Nothing is logged at this level; it turns a scope off.
    case off = 0
    /// Something is lost: a connection that failed, a file that cannot be read.
    case error = 1
    /// Something is wrong and was coped with.
    case warn = 2
    /// What an operator wants to see of a system that works.
    case info = 3
    /// What explains a single connection.
    case debug = 4
    /// Everything.
    case trace = 5

    /// The name in log lines and on the command line.
    package var name: String {
        switch self {
        case .off: "off"
        case .error: "error"
        case .warn: "warn"
        case .info: "info"
        case .debug: "debug"
        case .trace: "trace"
        }
    }

    /// The level of that name; `warning` is understood too.
    package init?(name: some StringProtocol) {
        if name == "warning" {
            self = .warn
            return
        }
        guard let level = LogLevel.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }

    package static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}
