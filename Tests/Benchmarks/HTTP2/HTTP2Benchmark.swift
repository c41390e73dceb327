// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import CNghttp2
import Glibc

/// Compares the HTTP/2 core with libnghttp2 on the same work, in CPU time of this process.
///
/// Each row runs both in turn, 25 rounds, and keeps the best of each, so that other load on the machine matters little.
@main
struct HTTP2Benchmark {
    private static var rounds: Int { 25 }
    /// The first argument: only rows that begin with it.
    private static let chosen = CommandLine.arguments.dropFirst().first ?? ""

    static func main() {
        print("| work | unit | ours, ns | libnghttp2 \(libraryVersion), ns | ratio |")
        print("|---|---|---:|---:|---:|")
        for lists in FieldLists.all { compareHeaders(HeaderBenchmark(lists)) }
        compareData(frameSize: 1024)
        compareData(frameSize: 16_384)
        compareRequests()
    }

    private static var libraryVersion: String { String(cString: nghttp2_version(0).pointee.version_str) }

    private static func compareHeaders(_ benchmark: HeaderBenchmark) {
        let title = benchmark.lists.title
        let units = benchmark.lists.bounds.count * 20
        compare("encode: \(title)", "block", units) {
            for _ in 0..<20 { check(benchmark.encodeOurs() > 0) }
        } theirs: {
            for _ in 0..<20 { check(benchmark.encodeTheirs() > 0) }
        }
        let octets = benchmark.decodeTheirs()
        compare("decode: \(title)", "block", units) {
            for _ in 0..<20 { check(benchmark.decodeOurs() == octets) }
        } theirs: {
            for _ in 0..<20 { check(benchmark.decodeTheirs() == octets) }
        }
        let count = benchmark.lists.bounds.count
        let sizes = (ours: benchmark.encodeOurs() / count, theirs: benchmark.encodeTheirs() / count)
        print("| encoded: \(title) | octets | \(sizes.ours) | \(sizes.theirs) | |")
    }

    private static func compareData(frameSize: Int) {
        let bytes = frameSize * 20_000
        var ours = ConnectionPair()
        let theirs = bench_pair_new(frameSize)
        compare("DATA of \(frameSize) octets, payload in place", "frame", 20_000) {
            ours.sendData(bytes, frameSize: frameSize)
            check(ours.received == bytes)
        } theirs: {
            check(bench_data(theirs, UInt64(bytes)) == bytes)
        }
        bench_pair_free(theirs)
    }

    private static func compareRequests() {
        var ours = ConnectionPair()
        let theirs = bench_pair_new(16_384)
        let lists = FieldLists.rpc
        let fields = Array(lists.fields[lists.bounds[0]])
        let count = 20_000
        compare("request of 9 fields and response of 4, 100 at a time", "exchange", count) {
            ours.exchangeRequests(count, width: 100, lists.octets.span, fields.span)
            check(ours.answers == count)
        } theirs: {
            let closed = bench_requests(theirs, lists.native[0].baseAddress, lists.native[0].count, UInt64(count), 100)
            check(closed == 2 * count)
        }
        bench_pair_free(theirs)
    }

    private static func compare(
        _ work: String, _ unit: String, _ units: Int, ours: () -> Void, theirs: () -> Void
    ) {
        guard chosen.isEmpty || work.hasPrefix(chosen) else { return }
        var best = (ours: Double.infinity, theirs: Double.infinity)
        for _ in 0..<rounds {
            best.ours = min(best.ours, time(ours))
            best.theirs = min(best.theirs, time(theirs))
        }
        let (a, b) = (best.ours / Double(units), best.theirs / Double(units))
        print("| \(work) | \(unit) | \(text(a)) | \(text(b)) | \(ratio(b / a)) |")
    }

    private static func time(_ body: () -> Void) -> Double {
        let start = cpuTime()
        body()
        return cpuTime() - start
    }

    private static func cpuTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    private static func text(_ value: Double) -> String { String(Int(value.rounded())) }

    private static func ratio(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }

    private static func check(_ condition: Bool) {
        guard condition else {
            print("the work was not done")
            exit(1)
        }
    }
}
