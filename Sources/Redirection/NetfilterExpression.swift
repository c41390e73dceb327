// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import CNetfilter

/// One expression of a rule under construction: an object of libnftnl until a rule takes it over.
@safe
struct NetfilterExpression: ~Copyable {
    private let pointer: OpaquePointer

    /// An expression by the name the library knows it by, without attributes.
    init(_ name: String) throws(RedirectionError) {
        guard let pointer = unsafe nftnl_expr_alloc(name) else { throw .outOfMemory }
        unsafe self.pointer = pointer
    }

    deinit { unsafe nftnl_expr_free(pointer) }

    /// Gives the object up without freeing it.
    consuming func relinquish() -> OpaquePointer {
        let pointer = unsafe pointer
        discard self
        return unsafe pointer
    }

    /// Sets a number: a register, a key, an operation.
    func set(_ attribute: Int, _ value: UInt32) {
        unsafe nftnl_expr_set_u32(pointer, UInt16(attribute), value)
    }

    /// Sets a number of one octet: a direction.
    func set(_ attribute: Int, octet: UInt8) {
        unsafe nftnl_expr_set_u8(pointer, UInt16(attribute), octet)
    }

    /// Sets a name: of a set.
    func set(_ attribute: Int, _ name: String) {
        // Safety: the library copies the string during the call.
        _ = unsafe nftnl_expr_set_str(pointer, UInt16(attribute), name)
    }

    /// Sets data as it will lie in a register.
    func set(_ attribute: Int, _ octets: [UInt8]) {
        // Safety: the library copies the octets during the call; it holds up to 64, none here is longer than 16.
        _ = unsafe octets.withUnsafeBytes { bytes in
            unsafe nftnl_expr_set(pointer, UInt16(attribute), bytes.baseAddress, UInt32(bytes.count))
        }
    }
}
