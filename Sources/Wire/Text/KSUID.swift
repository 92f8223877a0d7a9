public import Base

/// A sortable id: seconds of its making and 128 random bits, 27 letters and digits as text.
///
/// Order of texts is order of time.
///
/// > Source: github.com/segmentio/ksuid (epoch, byte order, alphabet).
public struct KSUID: BitwiseCopyable, Sendable, Comparable, Hashable {
  /// Bytes of the text.
  public static let textBytes = 27
  /// Unix seconds of the id's zero: 2014-05-13T16:53:20Z.
  public static let epoch: UInt64 = 1_400_000_000

  /// Seconds since ``epoch``.
  public var timestamp: UInt32
  /// First 64 of the random bits.
  public var high: UInt64
  /// Last 64 of them.
  public var low: UInt64

  /// Puts an id together; times before ``epoch`` or after the year 2150 give the nearest one.
  public init(unixSeconds: UInt64, high: UInt64, low: UInt64) {
    let seconds = unixSeconds < Self.epoch ? 0 : unixSeconds - Self.epoch
    timestamp = UInt32(clamping: seconds)
    self.high = high
    self.low = low
  }

  /// Reads a text.
  ///
  /// - Returns: Nil unless it is 27 letters and digits within 160 bits.
  public init?(_ text: String) {
    guard let limbs = TextReader.read(text, { Self.limbs($0.bytes) }) else { return nil }
    timestamp = limbs[0]
    high = UInt64(limbs[1]) << 32 | UInt64(limbs[2])
    low = UInt64(limbs[3]) << 32 | UInt64(limbs[4])
  }

  /// Unix seconds of its making.
  public var unixSeconds: UInt64 { UInt64(timestamp) + Self.epoch }

  /// Order of making, which is also the order of the texts.
  public static func < (a: KSUID, b: KSUID) -> Bool {
    (a.timestamp, a.high, a.low) < (b.timestamp, b.high, b.low)
  }

  // MARK: Text

  private static let digits: StaticString =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
  /// 62⁵: the largest power that a 32-bit remainder holds, so six divisions do instead of 27.
  private static let fiveDigits: UInt64 = 916_132_832

  /// Appends its 27 bytes.
  ///
  /// - Complexity: 30 divisions by a constant; allocates only if the buffer must grow.
  public func append(to buffer: inout ByteBuffer) {
    let text = self.text27
    unsafe text.span.withUnsafeBytes { unsafe buffer.append(contentsOf: $0) }
  }

  /// Its text; for cold paths.
  public var text: String {
    let text = self.text27
    return unsafe text.span.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  /// Its text as bytes.
  public var text27: [27 of UInt8] {
    var limbs: [5 of UInt64] = [
      UInt64(timestamp), high >> 32, high & 0xFFFF_FFFF, low >> 32, low & 0xFFFF_FFFF,
    ]
    var text: [27 of UInt8] = .init(repeating: UInt8(ascii: "0"))
    var end = Self.textBytes
    while end > 0 {
      var group = Self.divide(&limbs)
      for _ in 0..<min(5, end) {
        end -= 1
        text[end] = unsafe Self.digits.utf8Start[Int(truncatingIfNeeded: group % 62)]
        group /= 62
      }
    }
    return text
  }

  /// Divides the 160-bit number by 62⁵ and gives the remainder.
  @inline(__always)
  private static func divide(_ limbs: inout [5 of UInt64]) -> UInt64 {
    var rest: UInt64 = 0
    for index in 0..<5 {
      let value = rest << 32 | limbs[index]
      limbs[index] = value / fiveDigits
      rest = value % fiveDigits
    }
    return rest
  }

  private static func limbs(_ bytes: ByteView) -> [5 of UInt32]? {
    guard bytes.count == textBytes else { return nil }
    var limbs: [5 of UInt32] = .init(repeating: 0)
    for index in 0..<textBytes {
      guard var carry = value(bytes[index]) else { return nil }
      for limb in stride(from: 4, through: 0, by: -1) {
        let sum = UInt64(limbs[limb]) * 62 + carry
        limbs[limb] = UInt32(truncatingIfNeeded: sum)
        carry = sum >> 32
      }
      if carry != 0 { return nil }
    }
    return limbs
  }

  private static func value(_ byte: UInt8) -> UInt64? {
    if ASCII.isDigit(byte) { return UInt64(byte - 0x30) }
    guard ASCII.isLetter(byte) else { return nil }
    return UInt64(byte < 0x61 ? byte - 0x41 + 10 : byte - 0x61 + 36)
  }
}

/// Makes ids that rise strictly, also within one second and when the clock steps back.
///
/// Lists are paged by id, so an event accepted later must never sort before an earlier one.
public struct KSUIDGenerator: BitwiseCopyable, Sendable {
  private var random: SeededRandom
  private var last = KSUID(unixSeconds: 0, high: 0, low: 0)

  /// Draws from a stream of its own.
  public init(random: SeededRandom) { self.random = random }

  /// The next id.
  ///
  /// In a new second it is drawn afresh; within one it is the last one plus a random step below
  /// 2⁶³, so the 128 bits last for more ids than a second has room for.
  public mutating func next(unixSeconds: UInt64) -> KSUID {
    // The top bit stays clear: room for the steps of this second.
    let fresh = KSUID(unixSeconds: unixSeconds, high: random.next() >> 1, low: random.next())
    if fresh.timestamp > last.timestamp {
      last = fresh
    } else {
      let (low, overflow) = last.low.addingReportingOverflow((random.next() >> 1) + 1)
      last.low = low
      if overflow { last.high += 1 }
    }
    return last
  }
}
