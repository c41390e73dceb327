// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0
internal import COpenSSL

/// Moves bytes in and out of OpenSSL's memory BIOs.
enum OpenSSLMemory {
    /// Lends a read-only BIO over `bytes`.
    static func reading<Result, Failure>(
        _ bytes: Span<UInt8>, _ body: (OpaquePointer) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        try unsafe bytes.withUnsafeBufferPointer { (region) throws(Failure) -> Result? in
            // Safety: the BIO reads from region, which outlives it; it is freed before this closure returns.
            guard let base = region.baseAddress,
                let bio = unsafe BIO_new_mem_buf(base, CInt(clamping: region.count))
            else { return nil }
            defer { unsafe BIO_free(bio) }
            return try unsafe body(bio)
        }
    }

    /// Collects what `body` writes, and clears OpenSSL's copy.
    ///
    /// - Returns: nil when `body` returns other than 1.
    static func collecting(secret: Bool = false, _ body: (OpaquePointer) -> CInt) -> [UInt8]? {
        // Safety: the BIO is owned here; its memory is copied out before it is freed.
        guard let method = unsafe secret ? BIO_s_secmem() : BIO_s_mem(), let bio = unsafe BIO_new(method) else {
            return nil
        }
        defer { unsafe BIO_free(bio) }
        guard unsafe body(bio) == 1 else { return nil }
        var data: UnsafeMutablePointer<CChar>?
        let count = unsafe COpenSSL_BIO_get_mem_data(bio, &data)
        guard let start = unsafe data, count > 0 else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: count)
        defer { if secret { unsafe OPENSSL_cleanse(start, count) } }
        return unsafe Array(bytes)
    }
}

/// Overwrites `bytes`, which held a secret, and empties the array.
func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { region in
        guard let base = region.baseAddress else { return }
        unsafe OPENSSL_cleanse(base, region.count)
    }
    bytes = []
}
