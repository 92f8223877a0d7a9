/// A call of the disk.
public enum DiskOperation: String, Sendable, CaseIterable {
  case open, write, read, sync, size, truncate, rename, remove, makeDirectory, list, syncDirectory
}

/// A failure to come: the Nth call of one kind fails, once or from then on.
public struct DiskFault: Sendable {
  /// Which call.
  public var operation: DiskOperation
  /// Only calls on paths that contain this; `nil` for all.
  public var path: String?
  /// Calls until it strikes; 1 is the next.
  public var countdown: Int
  /// The errno; ignored by a short write.
  public var code: Int32
  /// Strikes every time after the first, too.
  public var isForEver: Bool
  /// A write takes this many bytes, or all of fewer, and says so, instead of failing.
  public var shortBytes: Int?

  /// Describes a failure.
  public init(
    _ operation: DiskOperation, path: String? = nil, number: Int = 1, code: Int32 = 5,
    forEver: Bool = false, shortBytes: Int? = nil
  ) {
    self.operation = operation
    self.path = path
    countdown = number
    self.code = code
    isForEver = forEver
    self.shortBytes = shortBytes
  }
}

/// A failure that came to pass.
public struct FaultStrike: Sendable {
  /// What was called.
  public let operation: DiskOperation
  /// On what.
  public let path: String
  /// The call did a part of its work and said so.
  public let wasShort: Bool
  /// One more of a fault that strikes for ever.
  public let isRepeat: Bool
}
