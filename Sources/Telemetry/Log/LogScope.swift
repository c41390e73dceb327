// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// What a log line is about; each scope has a level of its own.
package enum LogScope: UInt8, CaseIterable, Sendable {
    /// One line per connection.
    case access
    /// Start, end and everything without a scope of its own.
    case main
    /// Accepting and connecting.
    case proxy
    /// HBONE connections and their pool.
    case pool
    /// Handshakes.
    case tls
    /// Certificates and the CA.
    case identity
    /// The configuration and its errors.
    case config
    /// Enrolment of pods and their nftables rules.
    case redirection
    /// Authorization policies.
    case authorization
    /// The admin, metrics and readiness ports.
    case admin
    /// The log itself.
    case log

    /// The name in log lines and on the command line.
    package var name: String {
        switch self {
        case .access: "access"
        case .main: "main"
        case .proxy: "proxy"
        case .pool: "pool"
        case .tls: "tls"
        case .identity: "identity"
        case .config: "config"
        case .redirection: "redirection"
        case .authorization: "authorization"
        case .admin: "admin"
        case .log: "log"
        }
    }
}
