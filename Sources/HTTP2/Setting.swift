// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Identifiers of settings (RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1).
enum Setting {
    static var headerTableSize: UInt16 { 0x1 }
    static var enablePush: UInt16 { 0x2 }
    static var maxConcurrentStreams: UInt16 { 0x3 }
    static var initialWindowSize: UInt16 { 0x4 }
    static var maxFrameSize: UInt16 { 0x5 }
    static var maxHeaderListSize: UInt16 { 0x6 }
    static var enableConnectProtocol: UInt16 { 0x8 }
    static var noRFC7540Priorities: UInt16 { 0x9 }
}

/// What the peer told us in SETTINGS; the initial values are those of RFC 9113 §6.5.2.
struct PeerSettings {
    var headerTableSize: UInt32 = 4_096
    var isPushEnabled = true
    var maxConcurrentStreams: UInt32 = .max
    var initialWindowSize: Int32 = 65_535
    var maxFrameSize: UInt32 = 16_384
    var maxHeaderListSize: UInt32 = .max
    var isConnectProtocolEnabled = false
    var ignoresRFC7540Priorities = false
}
