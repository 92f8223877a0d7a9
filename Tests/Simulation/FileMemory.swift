/// A run of zeroed bytes that grows: one version of a simulated file's content.
@safe
final class FileMemory {
  private(set) var count = 0
  private var capacity = 0
  private var base: UnsafeMutableRawPointer?

  init() { unsafe base = nil }

  deinit { unsafe base?.deallocate() }

  /// Changes the length; new bytes are zero.
  func resize(_ size: Int) {
    if size > capacity {
      let room = max(size, min(capacity * 2, capacity + (4 << 20)), 4096)
      let larger = UnsafeMutableRawPointer.allocate(byteCount: room, alignment: 4096)
      unsafe larger.initializeMemory(as: UInt8.self, repeating: 0, count: room)
      if let base = unsafe base {
        unsafe larger.copyMemory(from: base, byteCount: count)
        unsafe base.deallocate()
      }
      unsafe base = larger
      capacity = room
    } else if size < count, let base = unsafe base {
      unsafe (base + size).initializeMemory(as: UInt8.self, repeating: 0, count: count - size)
    }
    count = size
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    if offset + bytes.count > count { resize(offset + bytes.count) }
    if let base = unsafe base {
      unsafe (base + offset).copyMemory(from: source, byteCount: bytes.count)
    }
  }

  /// The bytes from `offset` on, at most `length`; fewer at the end.
  func view(_ offset: Int, _ length: Int) -> UnsafeRawBufferPointer {
    guard let base = unsafe base, offset < count else {
      return unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return unsafe UnsafeRawBufferPointer(start: base + offset, count: min(length, count - offset))
  }

  /// Takes over the part of another version that lies inside this one's length.
  /// - Parameter sourceOffset: where it stands in the other one, if not at the same place.
  func copy(_ offset: Int, _ length: Int, from other: FileMemory, at sourceOffset: Int? = nil) {
    let end = min(offset + length, count)
    guard offset < end else { return }
    let source = unsafe other.view(sourceOffset ?? offset, end - offset)
    unsafe write(source, at: offset)
    let rest = end - offset - source.count
    if rest > 0, let base = unsafe base {
      unsafe (base + offset + source.count).initializeMemory(
        as: UInt8.self, repeating: 0, count: rest)
    }
  }
}

/// A set of sector numbers.
struct SectorSet {
  private var words: [UInt64] = []

  var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

  mutating func insert(_ range: Range<Int>) {
    if range.isEmpty { return }
    let needed = (range.upperBound + 63) / 64
    if needed > words.count { words += [UInt64](repeating: 0, count: needed - words.count) }
    var sector = range.lowerBound
    while sector < range.upperBound {
      if sector & 63 == 0, sector + 64 <= range.upperBound {
        words[sector >> 6] = .max
        sector += 64
      } else {
        words[sector >> 6] |= 1 << UInt64(sector & 63)
        sector += 1
      }
    }
  }

  mutating func removeAll() { words = [] }

  /// Ascending runs of neighbouring members.
  var runs: [Range<Int>] {
    var result: [Range<Int>] = []
    for (index, word) in words.enumerated() where word != 0 {
      for bit in 0..<64 where word & (1 << UInt64(bit)) != 0 {
        let sector = index * 64 + bit
        if let last = result.last, last.upperBound == sector {
          result[result.count - 1] = last.lowerBound..<(sector + 1)
        } else {
          result.append(sector..<(sector + 1))
        }
      }
    }
    return result
  }
}
