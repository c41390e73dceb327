// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import Manifest

@testable import Kubernetes

/// The stream of a watch or list: it comes apart the same way, however it arrives, and every piece is bounded by brackets.
func fuzzJSONSplitter(_ input: Span<UInt8>) -> String? {
    for shape in [JSONSplitter.Shape.values, .items] {
        let whole = split(input, shape, [0..<input.count])
        var cuts = Cuts(of: input)
        var ranges: [Range<Int>] = []
        while let range = cuts.next() { ranges.append(range) }
        let parts = split(input, shape, ranges)
        guard whole.isMalformed == parts.isMalformed else { return "\(shape): an error depends on the cuts" }
        if whole.isMalformed { continue }
        guard whole.pieces == parts.pieces, whole.rest == parts.rest, whole.isBetween == parts.isBetween else {
            return "\(shape): what comes out depends on the cuts"
        }
        for piece in whole.pieces {
            guard let first = piece.first, let last = piece.last, "{[".utf8.contains(first), "}]".utf8.contains(last)
            else {
                return "\(shape): a piece without brackets"
            }
        }
    }
    return nil
}

private struct Split {
    var pieces: [[UInt8]] = []
    var rest: [UInt8] = []
    var isBetween = false
    var isMalformed = false
}

private func split(_ input: Span<UInt8>, _ shape: JSONSplitter.Shape, _ ranges: [Range<Int>]) -> Split {
    var splitter = JSONSplitter(shape)
    var result = Split()
    do throws(KubernetesError) {
        for range in ranges { try splitter.receive(input.extracting(range), into: &result.pieces) }
    } catch {
        return Split(isMalformed: true)
    }
    result.rest = splitter.rest
    result.isBetween = splitter.isBetweenValues
    return result
}

/// An event of a watch: what a snapshot keeps of its object is JSON, and says the same when it is read and kept again.
func fuzzWatchEvent(_ input: Span<UInt8>) -> String? {
    let event: WatchEvent
    do throws(KubernetesError) {
        event = try WatchEvent(Array(copying: input))
    } catch {
        guard !error.description.isEmpty else { return "an error without text" }
        return nil
    }
    for kind in [ObjectKind.pod, .authorizationPolicy] {
        do throws(KubernetesError) {
            _ = try WatchEvent(Array(copying: input), ObjectSelection.event(kind))
        } catch {
            return "\(kind.name): an event that can be read whole cannot where parts of it are passed over"
        }
    }
    switch event {
    case .set(let node, _), .deleted(let node, _):
        for kind in [ObjectKind.pod, .authorizationPolicy] {
            let first = ObjectText.octets(node, kind, apiVersion: "v1")
            do throws(KubernetesError) {
                let second = ObjectText.octets(try YAMLNode(json: first), kind, apiVersion: "v1")
                guard first == second else { return "\(kind.name): the kept object has changed" }
            } catch {
                return "\(kind.name): the kept object does not parse"
            }
            var reduction = ObjectReduction(reader: ManifestReader())
            _ = reduction.update(node, kind, apiVersion: "v1")
        }
    case .bookmark: break
    case .error(let status):
        guard status.description.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) else {
            return "a status with control characters"
        }
    }
    return nil
}

/// The snapshot of the known objects: what is read is written again octet by octet.
func fuzzSnapshot(_ input: Span<UInt8>) -> String? {
    // libFuzzer finds no digest: the last line is made for it.
    let text = Array(copying: input)
    let digest = String(ContentDigest(text).value, radix: 16)
    for count in 0..<3 {
        do throws(KubernetesError) {
            let snapshot = try ObjectSnapshot(text + Array("end \(count) \(digest)\n".utf8))
            guard snapshot.records.count == count else { return "objects are missing" }
            let again = try ObjectSnapshot(snapshot.text)
            guard again.records.map(\.key) == snapshot.records.map(\.key), again.saved == snapshot.saved else {
                return "a snapshot has changed"
            }
        } catch {
            // Damaged, which is as good.
        }
    }
    return nil
}
