// SPDX-FileCopyrightText: The Ambit authors
// SPDX-License-Identifier: Apache-2.0

internal import LinuxIO

/// The `process_*` metrics that Prometheus client libraries agree on.
enum ProcessMetrics {
    /// Reads the process's status and writes it.
    static func write(to text: inout Exposition) {
        let status = ProcessStatus.read()
        func gauge(_ name: String, _ help: String, _ value: UInt64, decimals: Int = 0) {
            text.begin(MetricFamily(.gauge, name, help, decimals: decimals))
            text.sample(.none, Int64(clamping: value))
        }
        text.begin(
            MetricFamily(
                .counter, "process_cpu_seconds", "Total user and system CPU time spent in seconds", decimals: 9))
        text.sample(.none, status.cpuNanoseconds)
        gauge("process_open_fds", "Number of open file descriptors", status.openDescriptors)
        gauge("process_max_fds", "Maximum number of open file descriptors", status.maximumDescriptors)
        gauge("process_virtual_memory_bytes", "Virtual memory size in bytes", status.virtualBytes)
        gauge("process_resident_memory_bytes", "Resident memory size in bytes", status.residentBytes)
        gauge(
            "process_start_time_seconds", "Start time of the process since unix epoch in seconds",
            status.startUnixMilliseconds, decimals: 3)
        gauge("process_threads", "Number of OS threads in the process", status.threads)
    }
}
