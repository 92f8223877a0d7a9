internal import Base
internal import Flow

/// Gives equal endpoint sets the same audience number, for as long as the log lives.
struct AudienceInterner: ~Copyable {
  private let table: AudienceTable
  /// Content hash → numbers with it; more than one only after a collision.
  private var numbers: [UInt64: [AudienceNumber]] = [:]

  /// Learns the sets that recovery put into the table.
  init(table: AudienceTable) {
    self.table = table
    for value in 1..<max(table.count, 1) {
      let number = AudienceNumber(UInt32(value))
      let set = unsafe table.endpoints(of: number)
      if set.count == 0 { continue }
      let hash = unsafe Self.hash(UnsafeRawBufferPointer(set))
      numbers[hash, default: []].append(number)
    }
  }

  private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 { unsafe Hash64.of(bytes) }

  /// The number of a sorted set.
  /// - Returns: `nil` when all numbers are used.
  mutating func number(of endpoints: [EndpointNumber]) -> AudienceNumber? {
    if endpoints.isEmpty { return .empty }
    let hash = unsafe endpoints.withUnsafeBytes { unsafe Self.hash($0) }
    for number in numbers[hash] ?? [] {
      let set = unsafe table.endpoints(of: number)
      if unsafe set.elementsEqual(endpoints) { return number }
    }
    guard let number = table.append(endpoints) else { return nil }
    numbers[hash, default: []].append(number)
    return number
  }
}
