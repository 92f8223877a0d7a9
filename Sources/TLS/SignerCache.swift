/// Keyed signing contexts of the endpoints served last, so that a signature pays for its key once.
///
/// One for each reactor. A table of sets of eight: an endpoint's key lives in one set, and the one
/// used longest ago in that set gives way. No allocation once the table is full; a context takes
/// 224 bytes.
///
/// > Runs on: one thread.
@safe
public struct SignerCache: ~Copyable {
  /// One key in the table; free while `context` is nil.
  @safe
  private struct Way {
    var key: UInt64 = 0
    var lastUse: UInt64 = 0
    var context: HMACContext.Pointer?
  }

  private static let waysPerSet = 8

  private let ways: UnsafeMutablePointer<Way>
  private let waysCount: Int
  private let setMask: UInt64
  private var uses: UInt64 = 0

  /// - Parameter capacity: keys kept; rounded up to eight times a power of two.
  public init(capacity: Int) {
    var sets = 1
    while sets * Self.waysPerSet < capacity { sets *= 2 }
    waysCount = sets * Self.waysPerSet
    setMask = UInt64(sets - 1)
    unsafe ways = .allocate(capacity: waysCount)
    unsafe ways.initialize(repeating: Way(), count: waysCount)
  }

  deinit {
    for index in 0..<waysCount {
      if let context = unsafe ways[index].context { unsafe HMACContext.free(context) }
    }
    unsafe ways.deallocate()
  }

  /// Signs `id.timestamp.body` with an endpoint's key, kept or set now.
  ///
  /// - Parameters:
  ///   - endpoint: the endpoint's number, never used for another.
  ///   - keyVersion: changes with the key: the kept context is found by number and version alone.
  ///   - key: the key's bytes, looked at only when the context is not kept.
  ///   - id: the `webhook-id`.
  ///   - timestampSeconds: the `webhook-timestamp`, unix seconds of this attempt.
  ///   - body: the bytes that are sent.
  ///   - signature: gets 32 bytes at its start.
  public mutating func sign(
    endpoint: UInt32, keyVersion: UInt32, key: UnsafeRawBufferPointer,
    id: UnsafeRawBufferPointer, timestampSeconds: Int64, body: UnsafeRawBufferPointer,
    into signature: UnsafeMutableRawBufferPointer
  ) {
    let context = unsafe context(endpoint: endpoint, keyVersion: keyVersion, key: key)
    unsafe HMACContext.sign(
      context, id: id, timestampSeconds: timestampSeconds, body: body, into: signature)
  }

  /// Signs `prefix` and `body` with nothing between them; see
  /// ``sign(endpoint:keyVersion:key:id:timestampSeconds:body:into:)``.
  public mutating func sign(
    endpoint: UInt32, keyVersion: UInt32, key: UnsafeRawBufferPointer,
    prefix: UnsafeRawBufferPointer, body: UnsafeRawBufferPointer,
    into signature: UnsafeMutableRawBufferPointer
  ) {
    let context = unsafe context(endpoint: endpoint, keyVersion: keyVersion, key: key)
    unsafe HMACContext.sign(context, prefix: prefix, body: body, into: signature)
  }

  /// Keys kept at the moment.
  public var count: Int {
    var count = 0
    for index in 0..<waysCount where unsafe ways[index].context != nil { count += 1 }
    return count
  }

  private mutating func context(
    endpoint: UInt32, keyVersion: UInt32, key: UnsafeRawBufferPointer
  ) -> HMACContext.Pointer {
    let name = UInt64(endpoint) << 32 | UInt64(keyVersion)
    let set = unsafe ways + Int(truncatingIfNeeded: Self.spread(name) & setMask) * Self.waysPerSet
    uses &+= 1
    var oldest = 0
    for index in 0..<Self.waysPerSet {
      if unsafe set[index].key == name, let context = unsafe set[index].context {
        unsafe set[index].lastUse = uses
        return unsafe context
      }
      if unsafe set[index].lastUse < set[oldest].lastUse { oldest = index }
    }
    return unsafe replace(set + oldest, name: name, key: key)
  }

  private func replace(
    _ way: UnsafeMutablePointer<Way>, name: UInt64, key: UnsafeRawBufferPointer
  ) -> HMACContext.Pointer {
    let context = unsafe way.pointee.context ?? HMACContext.make()
    unsafe HMACContext.setKey(context, key)
    unsafe way.pointee = Way(key: name, lastUse: uses, context: context)
    return unsafe context
  }

  /// Endpoint numbers are consecutive and versions small; Fibonacci hashing spreads them.
  private static func spread(_ name: UInt64) -> UInt64 {
    (name &* 0x9E37_79B9_7F4A_7C15) >> 32
  }
}
