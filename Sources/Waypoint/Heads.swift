// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import HTTP

/// The heads of one exchange, kept apart from it so that their memory goes from one exchange to the next.
struct Heads: ~Copyable {
    typealias Key = Slab<Heads>.Key

    /// The request as it goes out, or is to go out again.
    var request = RequestHead()
    /// Trailers of the request that wait for the content in front of them.
    var requestTrailers = FieldList()
    /// Trailers of the response that wait for the content in front of them.
    var responseTrailers = FieldList()

    mutating func reset() {
        request.reset()
        requestTrailers.removeAll()
        responseTrailers.removeAll()
    }
}
