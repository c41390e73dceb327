// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

extension StaticString {
    /// The UTF-8 of the text, which lives as long as the program.
    package var bytes: Span<UInt8> {
        @_lifetime(immortal)
        get {
            precondition(hasPointerRepresentation)
            // Safety: a static string with a pointer representation points at constant data.
            let span = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount))
            return unsafe _overrideLifetime(span, copying: ())
        }
    }
}
