// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

import Bytes
import CLinux
import Glibc
import LinuxIO
import Synchronization
import Testing

@Suite("ClockWatch and MountWatch")
struct WatchTests {
    /// What a thread with mounts of its own has seen; filled by that thread, read when it has ended.
    private final class Sightings: Sendable {
        let list = Lock<[Bool]>([])
    }

    /// Whether a descriptor has an event of this kind now.
    private static func has(_ event: Int, _ descriptor: CInt) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(event), revents: 0)
        return unsafe poll(&entry, 1, 0) > 0 && Int(entry.revents) & event != 0
    }

    @Test("A clock that is not set wakes nobody, however often it is watched on")
    func clock() throws {
        let watch = try ClockWatch()
        for _ in 0..<3 {
            let isReadable = Self.has(Int(POLLIN), watch.descriptor)
            #expect(!isReadable)
            watch.watchOn()
        }
    }

    @Test("A mount is told of once, also one that was made before anybody waited, and so is its end")
    func mounts() throws {
        let sightings = Sightings()
        // A thread of its own, because the machine's mounts are none of our business: it gets a copy of them.
        let thread = try WorkerThread(name: "mounts") {
            let seen = Self.mountAndUnmount()
            sightings.list.withLock { $0 = seen }
        }
        thread.join()
        let seen = sightings.list.withLock { $0 }
        #expect(seen == [false, true, false, true, false])
    }

    private static func mountAndUnmount() -> [Bool] {
        // CLONE_NEWNS of linux/sched.h; private, so that nothing comes in or goes out.
        guard CLinux_unshare(0x20000) == 0, unsafe mount("none", "/", nil, UInt(MS_REC) | UInt(MS_PRIVATE), nil) == 0
        else { return [] }
        let watch: MountWatch
        do { watch = try MountWatch() } catch { return [] }
        var seen = [has(Int(POLLPRI), watch.descriptor)]
        guard unsafe mount("ambit", "/tmp", "tmpfs", 0, nil) == 0 else { return seen }
        for _ in 0..<2 { seen.append(has(Int(POLLPRI), watch.descriptor)) }
        guard unsafe umount("/tmp") == 0 else { return seen }
        for _ in 0..<2 { seen.append(has(Int(POLLPRI), watch.descriptor)) }
        return seen
    }
}
