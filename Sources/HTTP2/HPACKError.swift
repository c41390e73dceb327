// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// Why a header block could not be decoded; each is a connection error COMPRESSION_ERROR (RFC 9113 §4.3).
package enum HPACKError: Error, Hashable {
    /// The block ends inside a representation.
    case truncated
    /// An integer has too many octets or is too large (RFC 7541 §5.1).
    case integerTooLarge
    /// An index is 0 or beyond both tables (§2.3.3, §6.1).
    case invalidIndex
    /// A Huffman string holds EOS or wrong padding (§5.2).
    case invalidHuffmanCode
    /// A size update is above our limit or not at the start of the block, or a due one is missing (§4.2, §6.3).
    case invalidSizeUpdate
}
