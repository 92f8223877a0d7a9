internal import Base
internal import Wire

extension MicroCase {
  /// Whether an event's data is JSON: 64 of them in turn, or the compiler would scan once.
  static func jsonScan() -> MicroCase {
    let size = Sample.data.count
    let all = Array(repeatElement(Sample.data, count: 64).joined())
    return MicroCase(name: "json", event: "512 B of JSON scanned") { events in
      var valid: UInt64 = 0
      unsafe all.withUnsafeBytes { all in
        for event in 0..<events {
          let start = (event & 63) * size
          let data = unsafe UnsafeRawBufferPointer(rebasing: all[start..<start + size])
          if unsafe JSONScanner.scan(data) == .valid { valid += 1 }
        }
      }
      require(valid == UInt64(events), "valid JSON was refused")
      return valid
    }
  }
}
