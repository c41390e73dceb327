// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes

/// Addresses, socket addresses and prefixes: what is read is written, and read again as the same.
func fuzzAddress(_ input: Span<UInt8>) -> String? {
    let text = String(decoding: input)
    if let address = IPAddress(text), IPAddress(address.description) != address {
        return "\(address) is read as another address"
    }
    if let address = SocketAddress(text), SocketAddress(address.description) != address {
        return "\(address) is read as another address"
    }
    if let prefix = CIDR(text), CIDR(prefix.description) != prefix { return "\(prefix) is read as another prefix" }
    return nil
}
