// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Why octets are no Protocol Buffers message that we read.
package enum ProtobufError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The message ends within a field.
    case truncated
    /// A varint has more than ten octets, or more than 64 bits.
    case varintTooLong
    /// A field has number 0, or one above 2²⁹-1.
    case invalidFieldNumber
    /// A field has a wire type that does not exist, or a group.
    case invalidWireType
    /// A field has another wire type than its definition.
    case unexpectedWireType
    /// A text field is no UTF-8.
    case invalidText
    /// There are more fields than allowed.
    case tooManyFields

    package var description: String {
        switch self {
        case .truncated: "protobuf message is truncated"
        case .varintTooLong: "protobuf varint is too long"
        case .invalidFieldNumber: "protobuf field number is invalid"
        case .invalidWireType: "protobuf wire type is invalid"
        case .unexpectedWireType: "protobuf field has an unexpected wire type"
        case .invalidText: "protobuf text is no UTF-8"
        case .tooManyFields: "protobuf message has too many fields"
        }
    }
}
