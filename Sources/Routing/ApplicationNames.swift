internal import Base
internal import Flow

/// Application names in one flat run of bytes, found by hash.
struct ApplicationNames: Sendable {
  private var bytes: [UInt8] = []
  private var starts: [Int32] = [0]
  private var numbers: [ApplicationNumber] = []
  /// Open addressing; place in `numbers` + 1, 0 is free.
  private var table: [Int32]

  init(_ all: [String: ApplicationNumber]) {
    var size = 16
    while size < all.count * 2 { size *= 2 }
    table = Array(repeating: 0, count: size)
    for (name, number) in all {
      let name = Array(name.utf8)
      bytes += name
      starts.append(Int32(bytes.count))
      numbers.append(number)
      var place = Int(truncatingIfNeeded: unsafe name.withUnsafeBytes { unsafe Hash64.of($0) })
      while table[place & (size - 1)] != 0 { place &+= 1 }
      table[place & (size - 1)] = Int32(numbers.count)
    }
  }

  /// The number of an application; `nil` for an unknown one.
  /// - Complexity: O(1); no allocation.
  func number(of name: UnsafeRawBufferPointer) -> ApplicationNumber? {
    var place = Int(truncatingIfNeeded: unsafe Hash64.of(name))
    while true {
      let entry = Int(table[place & (table.count - 1)])
      if entry == 0 { return nil }
      if unsafe isName(entry - 1, name) { return numbers[entry - 1] }
      place &+= 1
    }
  }

  private func isName(_ index: Int, _ name: UnsafeRawBufferPointer) -> Bool {
    let start = Int(starts[index])
    guard Int(starts[index + 1]) - start == name.count else { return false }
    for offset in 0..<name.count where unsafe bytes[start + offset] != name[offset] { return false }
    return true
  }
}
