// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

package import Bytes

/// The buffers through which a worker moves bytes; one set per worker, borrowed by one connection at a time.
///
/// Nothing stays in them between two turns, so a connection at rest holds no buffer at all. Sizes: one read of
/// ciphertext takes up to 128 KiB (eight TLS records); plaintext has room for one record more than OpenSSL gives at a
/// time; ciphertext goes out in writes of up to 64 KiB and a record.
package struct Scratch: ~Copyable {
    /// What has come from the peer's socket.
    package var incoming: ByteBuffer
    /// How much of `incoming` has been given to TLS.
    package var incomingOffset = 0
    /// What TLS made of it.
    package var plaintext: ByteBuffer
    /// How much of `plaintext` HTTP/2 has taken.
    package var plaintextOffset = 0
    /// The TLS record under construction: frames of many streams share it.
    package var record: ByteBuffer
    /// Sealed records on their way to the peer's socket.
    package var outgoing: ByteBuffer
    /// Blocks for what sockets do not take at once.
    package var pool: BufferPool

    /// Plaintext bytes of the largest TLS record (RFC 8446 §5.1).
    package static let recordBytes = 16_384
    /// `outgoing` is written to the socket when it holds this much.
    package static let writeThreshold = 65_536

    /// Allocates the buffers; `pool` blocks come later, as they are needed.
    ///
    /// - Parameter pooledBytes: the ceiling for bytes that wait for slow sockets, per worker.
    package init(pooledBytes: Int) {
        incoming = ByteBuffer(capacity: 131_072)
        plaintext = ByteBuffer(capacity: 65_536)
        record = ByteBuffer(capacity: Self.recordBytes)
        outgoing = ByteBuffer(capacity: Self.writeThreshold + 2 * Self.recordBytes)
        pool = BufferPool(blockCapacity: 16_384, limit: max(64, pooledBytes / 16_384), keep: 16)
    }

    /// Puts a range of the plaintext into the queue of a socket that did not take it.
    ///
    /// - Returns: false when the pool is exhausted.
    package mutating func keep(plaintext range: Range<Int>, in queue: inout BufferQueue) -> Bool {
        Self.append(plaintext, range, to: &queue, &pool)
    }

    private static func append(
        _ plaintext: borrowing ByteBuffer, _ range: Range<Int>, to queue: inout BufferQueue, _ pool: inout BufferPool
    ) -> Bool {
        queue.append(copying: plaintext.readable.extracting(range), in: &pool)
    }
}
