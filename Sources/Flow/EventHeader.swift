public import Base

/// What of an event needs no decompression: its fixed-size entry in a block's header section.
///
/// The layout in memory is the layout on disk, little endian; a test asserts size and offsets.
///
/// | Offset | Size | Field | Meaning |
/// | --- | --- | --- | --- |
/// | 0 | 8 | `time` | when it was accepted, or what the publisher gave; Unix milliseconds |
/// | 8 | 8 | `idHash` | `Hash64` of the id, to find it without decompression |
/// | 16 | 8 | `typeHash` | `Hash64` of the type |
/// | 24 | 8 | `contentHash` | `Hash64` of type, content type and data, for idempotency |
/// | 32 | 4 | `payloadOffset` | where its bytes begin in the plain payload section |
/// | 36 | 4 | `dataLength` | bytes of data |
/// | 40 | 4 | `extrasLength` | bytes of the optional attributes |
/// | 44 | 4 | `audience` | audience number |
/// | 48 | 4 | `application` | application number |
/// | 52 | 1 | `typeLength` | bytes of the type |
/// | 53 | 1 | `idLength` | bytes of the id |
/// | 54 | 1 | `kind` | `PayloadKind` |
/// | 55 | 1 | `flags` | bit 0: the publisher gave the id |
/// | 56 | 8 | `reserved` | zero |
///
/// In the payload section an event is type ‖ id ‖ extras ‖ data, without gaps.
public struct EventHeader: BitwiseCopyable, Sendable {
  public var time: UnixMilliseconds
  public var idHash: UInt64
  public var typeHash: UInt64
  public var contentHash: UInt64
  public var payloadOffset: UInt32
  public var dataLength: UInt32
  public var extrasLength: UInt32
  public var audience: AudienceNumber
  public var application: ApplicationNumber
  public var typeLength: UInt8
  public var idLength: UInt8
  public var kind: PayloadKind
  public var flags: UInt8
  public var reserved: UInt64

  /// Bit of `flags`: the publisher chose the id, so it counts for idempotency.
  public static let publisherGaveID: UInt8 = 1

  /// Makes a header; see the table for units.
  public init(
    time: UnixMilliseconds, idHash: UInt64, typeHash: UInt64, contentHash: UInt64,
    payloadOffset: UInt32, dataLength: UInt32, extrasLength: UInt32, audience: AudienceNumber,
    application: ApplicationNumber, typeLength: UInt8, idLength: UInt8, kind: PayloadKind,
    flags: UInt8
  ) {
    self.time = time
    self.idHash = idHash
    self.typeHash = typeHash
    self.contentHash = contentHash
    self.payloadOffset = payloadOffset
    self.dataLength = dataLength
    self.extrasLength = extrasLength
    self.audience = audience
    self.application = application
    self.typeLength = typeLength
    self.idLength = idLength
    self.kind = kind
    self.flags = flags
    reserved = 0
  }

  /// Bytes it takes in the payload section.
  @inlinable public var payloadLength: Int {
    Int(typeLength) + Int(idLength) + Int(extrasLength) + Int(dataLength)
  }

  /// Bytes it takes in a block before packing: this entry and its payload. What a pending event is
  /// weighed by.
  @inlinable public var plainBytes: Int { MemoryLayout<EventHeader>.stride + payloadLength }
}

/// What the one scan at ingest found the data to be.
public struct PayloadKind: Hashable, BitwiseCopyable, Sendable {
  /// The byte in the header.
  public var rawValue: UInt8
  @inlinable init(rawValue: UInt8) { self.rawValue = rawValue }
  /// Takes the byte from a header; unknown values are treated as binary by readers.
  @inlinable public init(stored: UInt8) { rawValue = stored }
  /// Valid JSON.
  @inlinable public static var json: PayloadKind { PayloadKind(rawValue: 0) }
  /// Valid UTF-8, not JSON.
  @inlinable public static var text: PayloadKind { PayloadKind(rawValue: 1) }
  /// Any other bytes.
  @inlinable public static var binary: PayloadKind { PayloadKind(rawValue: 2) }
}

/// What an optional attribute of an event says.
public enum ExtraTag {
  /// An explicit content type.
  public static let contentType: UInt8 = 1
  /// The system it comes from.
  public static let source: UInt8 = 2
  /// What it is about.
  public static let subject: UInt8 = 3
  /// One channel; may repeat.
  public static let channel: UInt8 = 4
}

/// The optional attributes of an event, one behind the other: tag (1 byte), length (2 bytes, little
/// endian), bytes.
public enum Extras {
  /// Calls `body` with each attribute in its order, until it returns `false`.
  @inlinable public static func forEach(
    _ bytes: UnsafeRawBufferPointer, _ body: (UInt8, UnsafeRawBufferPointer) -> Bool
  ) {
    var offset = 0
    while offset + 3 <= bytes.count {
      let length = unsafe Int(bytes[offset + 1]) | Int(bytes[offset + 2]) << 8
      let end = offset + 3 + length
      guard end <= bytes.count else { return }
      let value = unsafe UnsafeRawBufferPointer(rebasing: bytes[(offset + 3)..<end])
      guard unsafe body(bytes[offset], value) else { return }
      offset = end
    }
  }
}

/// One event, lent from a block's memory: valid while the block is pinned.
@safe
public struct EventView: BitwiseCopyable {
  /// Fixed-size part.
  public var header: EventHeader
  @usableFromInline let base: UnsafeRawPointer

  /// Views the event that `header` describes in a plain payload section.
  /// - Precondition: the header's lengths lie inside the section.
  @inlinable public init(header: EventHeader, payload: UnsafeRawBufferPointer) {
    require(
      Int(header.payloadOffset) + header.payloadLength <= payload.count,
      "an event reaches past its block")
    self.header = header
    unsafe base = (payload.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped)
      + Int(header.payloadOffset)
  }

  /// The type's bytes.
  @inlinable public var type: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base, count: Int(header.typeLength))
  }
  /// The id's bytes: the `webhook-id`.
  @inlinable public var id: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base + Int(header.typeLength), count: Int(header.idLength))
  }
  /// The optional attributes' bytes.
  @inlinable public var extras: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(
      start: base + Int(header.typeLength) + Int(header.idLength), count: Int(header.extrasLength))
  }
  /// The data's bytes.
  @inlinable public var data: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(
      start: base + Int(header.typeLength) + Int(header.idLength) + Int(header.extrasLength),
      count: Int(header.dataLength))
  }

  /// The first extra with `tag`.
  /// - Returns: `nil` when there is none.
  public func extra(_ tag: UInt8) -> UnsafeRawBufferPointer? {
    var found: UnsafeRawBufferPointer?
    unsafe Extras.forEach(extras) { each, value in
      if each == tag { unsafe found = value }
      return each != tag
    }
    return unsafe found
  }
}
