// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import CNghttp2
import HTTP2

/// Header blocks: both encoders over the same lists, both decoders over the blocks of libnghttp2's encoder.
struct HeaderBenchmark {
    let lists: FieldLists
    private let blocks: [UInt8]
    private let bounds: [Range<Int>]

    init(_ lists: FieldLists) {
        self.lists = lists
        var blocks: [UInt8] = []
        var bounds: [Range<Int>] = []
        var deflater: OpaquePointer?
        nghttp2_hd_deflate_new(&deflater, 4096)
        var out = [UInt8](repeating: 0, count: 1 << 16)
        for fields in lists.native {
            let count = bench_encode(deflater, &out, out.count, fields.baseAddress, fields.count)
            bounds.append(blocks.count..<(blocks.count + count))
            blocks += out[..<count]
        }
        nghttp2_hd_deflate_del(deflater)
        self.blocks = blocks
        self.bounds = bounds
    }

    func encodeOurs() -> Int {
        var encoder = HPACKEncoder(wanted: 4096)
        var output = OutputBuffer()
        var wire = ByteBuffer(capacity: 1 << 16)
        let octets = lists.octets.span
        var total = 0
        let fields = lists.fields.span
        for list in lists.bounds {
            encoder.begin(into: &output)
            for index in list {
                encoder.encode(
                    name: octets.extracting(fields[index].name), value: octets.extracting(fields[index].value),
                    staticName: 0, indexing: .automatic, into: &output)
            }
            total += output.drain(into: &wire)
            wire.clear()
        }
        return total
    }

    func encodeTheirs() -> Int {
        var deflater: OpaquePointer?
        nghttp2_hd_deflate_new(&deflater, 4096)
        let out = UnsafeMutablePointer<UInt8>.allocate(capacity: 1 << 16)
        var total = 0
        for fields in lists.native {
            total += bench_encode(deflater, out, 1 << 16, fields.baseAddress, fields.count)
        }
        out.deallocate()
        nghttp2_hd_deflate_del(deflater)
        return total
    }

    func decodeOurs() -> Int {
        var decoder = HPACKDecoder()
        var fields = HTTP2Fields()
        let blocks = blocks.span
        var total = 0
        for range in bounds {
            fields.reset()
            do throws(HPACKError) {
                guard try decoder.decode(blocks.extracting(range), into: &fields, maxListSize: 32_768) else {
                    return -1
                }
            } catch {
                return -1
            }
            for index in 0..<fields.count { total += fields.name(index).count + fields.value(index).count }
        }
        return total
    }

    func decodeTheirs() -> Int {
        var inflater: OpaquePointer?
        nghttp2_hd_inflate_new(&inflater)
        var total = 0
        blocks.withUnsafeBufferPointer { blocks in
            guard let start = blocks.baseAddress else { return }
            for range in bounds { total += bench_decode(inflater, start + range.lowerBound, range.count) }
        }
        nghttp2_hd_inflate_del(inflater)
        return total
    }
}
