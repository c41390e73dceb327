// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// A frame type (RFC 9113 §6, RFC 9218 §7.1); unknown types keep their value and are ignored (RFC 9113 §5.5).
struct FrameType: Hashable {
    let rawValue: UInt8

    static var data: FrameType { FrameType(rawValue: 0x0) }
    static var headers: FrameType { FrameType(rawValue: 0x1) }
    static var priority: FrameType { FrameType(rawValue: 0x2) }
    static var resetStream: FrameType { FrameType(rawValue: 0x3) }
    static var settings: FrameType { FrameType(rawValue: 0x4) }
    static var pushPromise: FrameType { FrameType(rawValue: 0x5) }
    static var ping: FrameType { FrameType(rawValue: 0x6) }
    static var goAway: FrameType { FrameType(rawValue: 0x7) }
    static var windowUpdate: FrameType { FrameType(rawValue: 0x8) }
    static var continuation: FrameType { FrameType(rawValue: 0x9) }
    static var priorityUpdate: FrameType { FrameType(rawValue: 0x10) }
}

/// Flags of frames (RFC 9113 §6); a bit means something only with its frame type.
enum FrameFlag {
    static var acknowledgement: UInt8 { 0x1 }
    static var endStream: UInt8 { 0x1 }
    static var endHeaders: UInt8 { 0x4 }
    static var padded: UInt8 { 0x8 }
    static var priority: UInt8 { 0x20 }
}
