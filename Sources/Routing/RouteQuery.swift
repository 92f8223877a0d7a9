internal import Base
public import Flow

/// What of an event decides who gets it, lent for the length of one call.
///
/// `@safe`: made on the stack of the caller that holds the bytes, and never stored.
@safe
public struct RouteQuery: BitwiseCopyable {
  /// The application it was published for.
  public let application: ApplicationNumber
  let type: UnsafeRawBufferPointer
  let extras: UnsafeRawBufferPointer

  /// - Parameters:
  ///   - type: The type, of valid grammar.
  ///   - extras: The optional attributes as they stand in the log (``Flow/ExtraTag``).
  public init(
    application: ApplicationNumber, type: UnsafeRawBufferPointer, extras: UnsafeRawBufferPointer
  ) {
    self.application = application
    unsafe self.type = type
    unsafe self.extras = extras
  }

  /// A hash of all that matters for routing; a subject or content type does not.
  /// - Complexity: O(bytes); no allocation.
  func hash(seed: UInt64) -> UInt64 {
    var state = unsafe Hash64.of(
      type, seed: seed &+ UInt64(application.value) &* 0x9E37_79B9_7F4A_7C15)
    if unsafe extras.count > 0 {
      unsafe forEachRoutingExtra { tag, value in
        state = unsafe Hash64.of(value, seed: state &+ UInt64(tag))
      }
    }
    return state
  }

  /// The source's bytes; empty without one.
  var source: UnsafeRawBufferPointer {
    var found = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    unsafe forEachRoutingExtra { tag, value in
      if tag == ExtraTag.source { unsafe found = value }
    }
    return unsafe found
  }

  /// Calls `body` with each source and channel, in the order they were given.
  func forEachRoutingExtra(_ body: (UInt8, UnsafeRawBufferPointer) -> Void) {
    unsafe Extras.forEach(extras) { tag, value in
      if tag == ExtraTag.source || tag == ExtraTag.channel { unsafe body(tag, value) }
      return true
    }
  }
}
