internal import Base
internal import Wire

extension MicroCase {
  /// Whether an event's data is JSON.
  static func jsonScan() -> MicroCase {
    let data = Sample.data
    return MicroCase(name: "json", event: "512 B of JSON scanned") { events in
      var valid: UInt64 = 0
      unsafe data.withUnsafeBytes { data in
        // What the compiler could know to be the same each time it would scan once.
        for _ in 0..<events where unsafe JSONScanner.scan(Sample.opaque(data)) == .valid {
          valid += 1
        }
      }
      require(valid == UInt64(events), "valid JSON was refused")
      return valid
    }
  }
}
