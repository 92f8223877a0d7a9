package import Base
package import Flow

/// What a reactor keeps of one endpoint: a cursor into the log, the deliveries behind it that
/// failed, and what decides whether the next attempt may start.
///
/// *Live* lanes follow the head of the log from memory; the others cost nothing per event. In its
/// slab, about 400 bytes when idle; hot numbers of the configuration are copied in, so that an
/// attempt touches no class.
package struct Lane: ~Copyable {
  package let number: EndpointNumber

  // MARK: Configuration, copied

  /// `nil` while nobody knows the endpoint: parked.
  package var config: EndpointConfig?
  package var prefix: [UInt8] = []
  package var keys: [[UInt8]] = []
  /// Grows with each configuration, so that the signer cache forgets old keys.
  package var keyVersion: UInt32 = 0
  package var origin = SlotID.none
  package var format = PayloadFormat.standard
  package var signing = SigningScheme.standard
  package var timeout = Nanoseconds.zero
  package var connectTimeout = Nanoseconds.zero
  package var maxInFlight: UInt32 = 0
  package var maxAgeMilliseconds: UInt64 = 0
  package var isOrdered = false
  package var isPaused = false
  package var isDisabled = false

  // MARK: Place in the log

  package var isLive = false
  /// The first event not looked at; meaningless while live.
  package var cursor = Position.start
  /// Events of this lane it has looked at, less those that were behind at start: its audiences'
  /// walked events less this is what waits at and after the cursor.
  package var accounted: Int64 = 0
  /// The same in `EventHeader.plainBytes`; what was behind at start is an estimate.
  package var accountedBytes: Int64 = 0
  /// `EventHeader.plainBytes` of its holes; of those taken over at start and of replays an estimate.
  package var heldBytes: UInt64 = 0
  /// First of its memberships in `LiveLists`.
  package var members = noSlot

  // MARK: Deliveries under way

  package var inFlight: UInt32 = 0
  package var retriesInFlight: UInt32 = 0
  package var retries = RetryCalendar()
  package var breaker = Breaker()
  package var rate = RateLimit(ratePerSecond: 0, now: Instant(nanoseconds: 0))
  package var slowStart = SlowStart()

  // MARK: Where it is queued

  package var timer = TimerID.none
  package var timerAt = Instant.distantFuture
  package var isReady = false
  package var readyNext = noSlot
  package var isWaitingForHost = false
  package var hostNext = noSlot
  /// A block was asked for; while that is under way nothing else is.
  package var isLoading = false
  /// That block is the next with an event of this lane, whichever it is; the cursor stays behind.
  package var isSeeking = false
  package var isRemoved = false
  /// Its oldest deliveries are being given up.
  package var isTrimmed = false
  /// That happened, and it has not come well below its quota since.
  package var isAtQuota = false
  /// It came near its quota, and has not come well below that since.
  package var isNearQuota = false

  // MARK: For people

  package var attempts: UInt64 = 0
  package var lastStatus: UInt16 = 0
  package var lastFailure = FailureClass.none
  package var lastRecord: AttemptRecord?
  /// When the present run of failures began; 0 without one.
  package var failingSince = UnixMilliseconds(0)
  package var failingWasTold = false

  /// A lane without configuration.
  package init(number: EndpointNumber) { self.number = number }

  /// Attempts that may be in flight now.
  package var inFlightLimit: UInt32 { min(maxInFlight, slowStart.limit) }

  /// Of those, retries while fresh events wait, and replays at any time.
  var retryShare: UInt32 { max(1, inFlightLimit / 4) }

  /// Unsettled deliveries before the cursor.
  package var holes: Int { retries.count + Int(inFlight) }

  /// Bytes of one hole of which nothing else is known.
  var heldMean: UInt64 { holes == 0 ? 0 : heldBytes / UInt64(holes) }

  /// Takes the bytes of a hole that is gone from the count, by when it no longer is one.
  mutating func dropHeld(_ bytes: UInt64) {
    heldBytes = holes == 0 ? 0 : heldBytes - min(heldBytes, bytes)
  }

  /// Whether configuration lets it send at all.
  package var maySend: Bool { config != nil && !isPaused && !isDisabled && !isRemoved }

  /// Whether nothing names it any more and its slot can be given up.
  package var isForgotten: Bool {
    isRemoved && inFlight == 0 && !isReady && !isWaitingForHost && !isLoading
  }
}

extension Lane {
  /// Takes over a configuration.
  /// - Returns: whether the endpoint is worth trying again at once: it is new, was resumed or
  ///   enabled, or has another URL.
  package mutating func take(_ new: EndpointConfig, now: Instant) -> Bool {
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
