// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Glibc

/// What libFuzzer calls for each input; the target is named by AMBIT_FUZZ_TARGET.
///
/// A broken promise ends the process by a signal, which libFuzzer takes for a crash and keeps the input of.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let target = chosenTarget else {
        print("AMBIT_FUZZ_TARGET names none of: \(FuzzTarget.allCases.map(\.rawValue).joined(separator: " "))")
        exit(64)
    }
    // Safety: libFuzzer lends `count` octets for the call.
    let bytes = unsafe UnsafeBufferPointer(start: start, count: count)
    if let violation = target.run(unsafe bytes.span) {
        print("\(target.rawValue): \(violation)")
        fflush(nil)
        abort()
    }
    return 0
}

private let chosenTarget: FuzzTarget? = {
    // Safety: the environment does not change while the program runs.
    guard let name = unsafe getenv("AMBIT_FUZZ_TARGET") else { return nil }
    return unsafe FuzzTarget(rawValue: String(cString: name))
}()
