// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension RedirectionError {
    /// How often a call is tried while others change the same; the pauses add up to 15 ms (own choice).
    private static var maximumAttempts: Int { 5 }

    /// Calls `body` again when it fails for what may pass.
    ///
    /// - Throws: `.busy` when others kept changing the same.
    static func retrying<Value>(_ body: () throws(RedirectionError) -> Value) throws(RedirectionError) -> Value {
        for attempt in 1..<maximumAttempts {
            do { return try body() } catch {
                guard error.isTransient else { throw error }
            }
            usleep(1000 << UInt32(attempt - 1))
        }
        do { return try body() } catch {
            throw error.isConflict ? .busy(attempts: maximumAttempts) : error
        }
    }
}
