public import Base

/// Where a reactor may connect to, and how often; may change while it runs.
public struct ReactorLimits: Sendable, Equatable {
  /// Connections of this reactor, idle ones included.
  public var connectionsMax: Int
  /// Connections of this reactor to one host and port.
  public var perHostMax: Int
  /// Which addresses may be dialled.
  public var addressGuard: AddressGuard

  /// Makes limits; see the properties.
  public init(connectionsMax: Int, perHostMax: Int, addressGuard: AddressGuard) {
    self.connectionsMax = connectionsMax
    self.perHostMax = perHostMax
    self.addressGuard = addressGuard
  }
}

/// What a reactor is told once, at start.
public struct ReactorConfiguration: Sendable {
  /// Reactors in the process; endpoint `n` belongs to reactor `n % reactorCount`.
  public var reactorCount: Int
  /// What may change later, to begin with.
  public var limits: ReactorLimits
  /// How long an unused connection is kept.
  public var idleTimeout: Nanoseconds
  /// Failed deliveries that wait in memory, 16 bytes each. A lane may have as many as are still
  /// free, so that one that fails for good takes half at most and finds the others' room untouched;
  /// then it keeps its cursor where it is. Nothing is lost.
  public var retriesMax: Int
  /// Bytes of requests that wait for a connection or a full socket.
  public var bufferBytesMax: Int
  /// Signing contexts kept, about 1 KiB each.
  public var signersMax: Int
  /// Blocks borrowed from the Reader or asked of it, at once.
  public var loadsMax: Int
  /// Answers of failed attempts that wait for whoever keeps them, bytes; a power of two.
  public var answerBytes: Int
  /// How long an endpoint may do nothing but fail before the control plane is told.
  public var failingNotice: Nanoseconds
  /// How much the pending events of one endpoint may hold; shared by all reactors.
  public var quota = SpoolQuota()

  /// Makes a configuration with the contract's defaults.
  public init(
    reactorCount: Int = 1, connectionsMax: Int = 4096, perHostMax: Int = 128,
    addressGuard: AddressGuard = AddressGuard()
  ) {
    self.reactorCount = reactorCount
    limits = ReactorLimits(
      connectionsMax: connectionsMax, perHostMax: perHostMax, addressGuard: addressGuard)
    idleTimeout = .seconds(60)
    // One lane's half holds what 10 failures a second leave waiting over the default schedule.
    retriesMax = 1 << 21
    bufferBytesMax = 64 << 20
    signersMax = 4096
    loadsMax = 8
    answerBytes = 4 << 20
    failingNotice = .seconds(5 * 86_400)
  }
}
