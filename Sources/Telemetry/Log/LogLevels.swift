// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// The level of every scope, which can be changed at any time.
///
/// ## Concurrency model
/// All levels are in one atomic word, four bits each; asking is one relaxed load. Threads see a change soon.
package final class LogLevels: Sendable {
    private let word: Atomic<UInt64>
    private let initial: UInt64

    /// All scopes at `level`.
    package init(_ level: LogLevel = .info) {
        initial = Self.word(all: level)
        word = Atomic(initial)
    }

    /// The levels that `text` gives (`apply` says how).
    package init(parsing text: String) throws(LogLevelsError) {
        initial = try Self.parse(text, from: Self.word(all: .info))
        word = Atomic(initial)
    }

    /// Whether a line of `scope` at `level` is to be written.
    package func isEnabled(_ scope: LogScope, _ level: LogLevel) -> Bool {
        level.rawValue <= UInt8(truncatingIfNeeded: word.load(ordering: .relaxed) >> Self.shift(scope)) & 15
    }

    /// The level of `scope`.
    package func level(of scope: LogScope) -> LogLevel {
        LogLevel(rawValue: UInt8(truncatingIfNeeded: word.load(ordering: .relaxed) >> Self.shift(scope)) & 15) ?? .off
    }

    /// Changes levels: `debug`, or `info,pool:debug,access:off` (also with `=`); a bare level is for all scopes.
    ///
    /// - Throws: the first piece that is not understood; nothing is changed then.
    package func apply(_ text: String) throws(LogLevelsError) {
        word.store(try Self.parse(text, from: word.load(ordering: .relaxed)), ordering: .relaxed)
    }

    /// Goes back to the levels of the start.
    package func reset() {
        word.store(initial, ordering: .relaxed)
    }

    private static func parse(_ text: String, from start: UInt64) throws(LogLevelsError) -> UInt64 {
        var result = start
        let pieces = text.split(separator: ",", omittingEmptySubsequences: false)
        for piece in pieces {
            let parts = piece.split(
                maxSplits: 1, omittingEmptySubsequences: false, whereSeparator: { $0 == ":" || $0 == "=" })
            guard let name = parts.last, let level = LogLevel(name: name) else { throw .unknownLevel(String(piece)) }
            guard parts.count == 2 else {
                result = word(all: level)
                continue
            }
            guard let scope = LogScope.allCases.first(where: { $0.name == parts[0] }) else {
                throw .unknownScope(String(parts[0]))
            }
            result = result & ~(15 << shift(scope)) | UInt64(level.rawValue) << shift(scope)
        }
        return result
    }

    private static func shift(_ scope: LogScope) -> UInt64 { UInt64(scope.rawValue) * 4 }

    private static func word(all level: LogLevel) -> UInt64 {
        LogScope.allCases.reduce(0) { $0 | UInt64(level.rawValue) << shift($1) }
    }
}

/// What is wrong with a text of log levels.
///
/// It carries the piece, because it is answered to whoever typed it; it never comes from a peer's traffic.
package enum LogLevelsError: Error, Equatable, CustomStringConvertible {
    /// No level has that name.
    case unknownLevel(String)
    /// No scope has that name.
    case unknownScope(String)

    package var description: String {
        switch self {
        case .unknownLevel(let text):
            "unknown log level \"\(text)\"; levels are "
                + LogLevel.allCases.map(\.name).joined(separator: ", ")
        case .unknownScope(let text):
            "unknown log scope \"\(text)\"; scopes are "
                + LogScope.allCases.map(\.name).joined(separator: ", ")
        }
    }
}
