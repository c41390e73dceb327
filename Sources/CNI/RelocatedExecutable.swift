// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

/// An executable that finds its loader and its libraries in its own folder, wherever it is put (ELF, elf(5)).
///
/// What runs in an image FROM scratch is linked to files of the image, and a node has others of these names, or none. The loader is named
/// by an absolute path in a segment of its own, which the kernel reads from the file: another path goes behind the end of the file. The search
/// path of the package's executables is `$ORIGIN`; as DT_RPATH, and not DT_RUNPATH, it holds for what the libraries need, too
/// (ld.so(8)).
struct RelocatedExecutable {
    private let octets: [UInt8]
    /// File name of the loader.
    private let loader: String
    /// Where PT_INTERP stands among the program headers; nil when there is no loader, as in a static executable.
    private let interpreter: Int?
    /// Where the tag of the search path stands.
    private let searchPath: Int?

    private static let magic: [UInt8] = [0x7F, 0x45, 0x4C, 0x46]
    /// Octets of a program header (Elf64_Phdr), and of an entry of the dynamic section (Elf64_Dyn).
    private static let headerLength = 56
    private static let entryLength = 16
    private static let dynamic = 2
    private static let interpreter = 3
    private static let rpath = 15
    private static let runpath = 29

    /// Whether it needs no loader.
    var isStatic: Bool { interpreter == nil }

    /// Reads the headers.
    ///
    /// - Throws: `.executable` when it is no ELF file of 64 bits, little-endian, or one that does not look for libraries beside itself.
    init(_ octets: [UInt8]) throws(CNIError) {
        guard octets.count >= 64, octets.starts(with: Self.magic), octets[4] == 2, octets[5] == 1,
            let first = Self.number(octets, at: 32, width: 8), let count = Self.number(octets, at: 56, width: 2),
            Self.number(octets, at: 54, width: 2) == Self.headerLength
        else { throw .executable }
        var interpreter: Int?
        var searchPath: Int?
        var loader = ""
        for index in 0..<count {
            let header = first + index * Self.headerLength
            guard let type = Self.number(octets, at: header, width: 4),
                let offset = Self.number(octets, at: header + 8, width: 8),
                let length = Self.number(octets, at: header + 32, width: 8), length <= octets.count,
                offset <= octets.count - length
            else { throw .executable }
            if type == Self.interpreter {
                interpreter = header
                let path = octets[offset..<offset + length].prefix { $0 != 0 }
                loader = path.split(separator: 0x2F).last.map { String(decoding: $0, as: UTF8.self) } ?? ""
            }
            guard type == Self.dynamic else { continue }
            searchPath = stride(from: offset, to: offset + length, by: Self.entryLength).first { entry in
                [Self.rpath, Self.runpath].contains(Self.number(octets, at: entry, width: 8))
            }
        }
        guard interpreter == nil || (searchPath != nil && !loader.isEmpty) else { throw .executable }
        self.octets = octets
        self.loader = loader
        self.interpreter = interpreter
        self.searchPath = searchPath
    }

    /// The executable as it is to stand in a folder beside its libraries and its loader.
    func relocated(to folder: String) -> [UInt8] {
        guard let interpreter, let searchPath else { return octets }
        var result = octets
        let path = Array("\(folder)/\(loader)".utf8) + [0]
        Self.put(octets.count, at: interpreter + 8, &result)
        // The length in the file, and the one in memory, where nobody looks.
        Self.put(path.count, at: interpreter + 32, &result)
        Self.put(path.count, at: interpreter + 40, &result)
        Self.put(Self.rpath, at: searchPath, &result)
        return result + path
    }

    /// A little-endian number; nil when it is not there, or cannot be a place in a file.
    private static func number(_ octets: [UInt8], at offset: Int, width: Int) -> Int? {
        guard offset >= 0, offset <= octets.count - width else { return nil }
        let value = octets[offset..<offset + width].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        // Far from where sums overflow.
        return value < 1 << 48 ? Int(value) : nil
    }

    private static func put(_ value: Int, at offset: Int, _ octets: inout [UInt8]) {
        for index in 0..<8 { octets[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
    }
}
