internal import Glibc
internal import Platform

/// Reads what the kernel knows of a process.
///
/// > Source: proc(5): task/*/stat, schedstat and status, io, statm; clock_getcpuclockid(3).
package struct ProcessProbe: Sendable {
  package let id: Int32

  package init(id: Int32) { self.id = id }

  /// Everything.
  package func sample() -> ProcessSample {
    var threads: [Int32: ThreadSample] = [:]
    for task in Self.entries(of: "/proc/\(id)/task") {
      guard let number = Int32(task), let thread = thread("/proc/\(id)/task/\(task)") else {
        continue
      }
      threads[number] = thread
    }
    let calls = Self.pairs("/proc/\(id)/io")
    let status = Self.pairs("/proc/\(id)/status")
    return ProcessSample(
      cpuNanoseconds: cpuNanoseconds, threads: threads, readCalls: calls["syscr"],
      writeCalls: calls["syscw"], peakBytes: (status["VmHWM"] ?? 0) * 1024)
  }

  /// User and system time of the whole process.
  package var cpuNanoseconds: UInt64 {
    var clock = clockid_t()
    guard unsafe clock_getcpuclockid(id, &clock) == 0 else { return 0 }
    var time = timespec()
    guard unsafe clock_gettime(clock, &time) == 0 else { return 0 }
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Memory in use now, bytes.
  package var residentBytes: UInt64 {
    let pages = Self.text("/proc/\(id)/statm").split(separator: " ").dropFirst().first
    return (pages.flatMap { UInt64($0) } ?? 0) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
  }

  private func thread(_ folder: String) -> ThreadSample? {
    let stat = Self.text("\(folder)/stat")
    guard let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")") else {
      return nil
    }
    let fields = stat[stat.index(after: close)...].split(separator: " ")
    guard fields.count > 12, let user = UInt64(fields[11]), let system = UInt64(fields[12]) else {
      return nil
    }
    let schedule = Self.text("\(folder)/schedstat").split(separator: " ")
    let status = Self.pairs("\(folder)/status")
    return ThreadSample(
      name: String(stat[stat.index(after: open)..<close]),
      cpuNanoseconds: schedule.first.flatMap { UInt64($0) } ?? 0, userTicks: user,
      systemTicks: system, voluntarySwitches: status["voluntary_ctxt_switches"] ?? 0,
      involuntarySwitches: status["nonvoluntary_ctxt_switches"] ?? 0)
  }

  /// `name: number …` a line.
  private static func pairs(_ path: String) -> [String: UInt64] {
    var result: [String: UInt64] = [:]
    for line in text(path).split(separator: "\n") {
      guard let colon = line.firstIndex(of: ":") else { continue }
      let value = line[line.index(after: colon)...].split(whereSeparator: { " \t".contains($0) })
      if let number = value.first.flatMap({ UInt64($0) }) {
        result[String(line[..<colon])] = number
      }
    }
    return result
  }

  private static func entries(of folder: String) -> [String] {
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      names.append(
        unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
          unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        })
    }
    return names
  }

  /// A small file of the kernel's; empty when it may not be read.
  private static func text(_ path: String) -> String {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { _ = close(descriptor) }
    return unsafe withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 16) { buffer in
      let count = unsafe read(descriptor, buffer.baseAddress, buffer.count)
      return unsafe String(
        decoding: UnsafeRawBufferPointer(rebasing: buffer[..<max(0, count)]), as: UTF8.self)
    }
  }
}
