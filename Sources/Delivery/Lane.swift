internal import Base
internal import Flow

/// What a reactor keeps of one endpoint: a cursor into the log, the deliveries behind it that
/// failed, and what decides whether the next attempt may start.
///
/// *Live* lanes follow the head of the log from memory; the others cost nothing per event. In its
/// slab, about 400 bytes when idle; hot numbers of the configuration are copied in, so that an
/// attempt touches no class.
struct Lane: ~Copyable {
  let number: EndpointNumber

  // MARK: Configuration, copied

  /// `nil` while nobody knows the endpoint: parked.
  var config: EndpointConfig?
  var prefix: [UInt8] = []
  var keys: [[UInt8]] = []
  /// Grows with each configuration, so that the signer cache forgets old keys.
  var keyVersion: UInt32 = 0
  var origin = SlotID.none
  var format = PayloadFormat.standard
  var signing = SigningScheme.standard
  var timeout = Nanoseconds.zero
  var connectTimeout = Nanoseconds.zero
  var maxInFlight: UInt32 = 0
  var maxAgeMilliseconds: UInt64 = 0
  var isOrdered = false
  var isPaused = false
  var isDisabled = false

  // MARK: Place in the log

  var isLive = false
  /// The first event not looked at; meaningless while live.
  var cursor = Position.start
  /// Events of this lane it has looked at, less those that were behind at start: its audiences'
  /// walked events less this is what waits at and after the cursor.
  var accounted: Int64 = 0
  /// First of its memberships in `LiveLists`.
  var members = noSlot

  // MARK: Deliveries under way

  var inFlight: UInt32 = 0
  var retriesInFlight: UInt32 = 0
  var retries = RetryCalendar()
  var breaker = Breaker()
  var rate = RateLimit(ratePerSecond: 0, now: Instant(nanoseconds: 0))
  var slowStart = SlowStart()

  // MARK: Where it is queued

  var timer = TimerID.none
  var timerAt = Instant.distantFuture
  var isReady = false
  var readyNext = noSlot
  var isWaitingForHost = false
  var hostNext = noSlot
  /// A block was asked for; while that is under way nothing else is.
  var isLoading = false
  var isRemoved = false

  // MARK: For people

  var attempts: UInt64 = 0
  var lastStatus: UInt16 = 0
  var lastFailure = FailureClass.none
  var lastRecord: AttemptRecord?
  /// When the present run of failures began; 0 without one.
  var failingSince = UnixMilliseconds(0)
  var failingWasTold = false

  /// A lane without configuration.
  init(number: EndpointNumber) { self.number = number }

  /// Attempts that may be in flight now.
  var inFlightLimit: UInt32 { min(maxInFlight, slowStart.limit) }

  /// Unsettled deliveries before the cursor.
  var holes: Int { retries.count + Int(inFlight) }

  /// Whether configuration lets it send at all.
  var maySend: Bool { config != nil && !isPaused && !isDisabled && !isRemoved }

  /// Whether nothing names it any more and its slot can be given up.
  var isForgotten: Bool {
    isRemoved && inFlight == 0 && !isReady && !isWaitingForHost && !isLoading
  }
}

extension Lane {
  /// Takes over a configuration.
  /// - Returns: whether the endpoint is worth trying again at once: it is new, was resumed or
  ///   enabled, or has another URL.
  mutating func take(_ new: EndpointConfig, now: Instant) -> Bool {
    let isWorthTrying = isRelease(to: new)
    config = new
    prefix = new.requestPrefix
    keys = new.secretKeys
    keyVersion &+= 1
    format = new.format
    signing = new.secretKeys.isEmpty ? .none : new.signing
    timeout = new.timeout
    connectTimeout = new.connectTimeout
    maxInFlight = UInt32(clamping: max(1, new.maxInFlight))
    maxAgeMilliseconds = new.maxAgeMilliseconds
    isOrdered = new.ordered
    isPaused = new.paused
    isDisabled = new.disabled
    if rate.ratePerSecond != new.ratePerSecond {
      rate.change(ratePerSecond: new.ratePerSecond, now: now)
    }
    return isWorthTrying
  }

  private func isRelease(to new: EndpointConfig) -> Bool {
    guard let old = config else { return true }
    if new.paused || new.disabled { return false }
    return isPaused || isDisabled || old.host != new.host || old.port != new.port
      || old.usesTLS != new.usesTLS || old.caPEM != new.caPEM
      || Self.requestLine(old) != Self.requestLine(new)
  }

  /// The path is known from the request line only.
  private static func requestLine(_ config: EndpointConfig) -> ArraySlice<UInt8> {
    config.requestPrefix.prefix { $0 != 13 }
  }
}
