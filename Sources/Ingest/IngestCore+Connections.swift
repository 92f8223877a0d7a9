internal import Base
internal import Platform
internal import Wire

/// Connections from accept to close: admission, deadlines, sending.
extension IngestCore {
  // MARK: Accepting

  mutating func acceptConnections() {
    for _ in 0..<Self.acceptsPerTurn {
      guard let socket = network.accept(listener) else {
        isListenerReadable = false
        return
      }
      admit(socket)
    }
    // More may wait: the listener stays marked, which counts as work.
  }

  private mutating func admit(_ socket: Socket) {
    if sessions.isFull {
      counters.connectionsRefused.add()
      if let idle = sessions.oldestIdle {
        close(idle)
      } else {
        refuse(socket)
        return
      }
    }
    guard let session = sessions.insert(socket, configuration, now: now.instant) else {
      network.close(socket)
      return
    }
    counters.connectionsAccepted.add()
    counters.connections.set(UInt64(sessions.count))
    poller.add(socket, tag: session.id.packed)
    queue(session)
  }

  private func refuse(_ socket: Socket) {
    var text = ByteBuffer(capacity: 64)
    text.append("-ERR max number of clients reached\r\n")
    _ = unsafe text.withBytes { unsafe network.write(socket, $0) }
    network.close(socket)
  }

  mutating func close(_ session: Session) {
    if session.connection.subscription != nil { tails.removeAll { $0 == session.id } }
    network.close(session.connection.socket)
    bufferBytes -= session.connection.bufferBytes
    counters.bufferBytes.set(UInt64(max(bufferBytes, 0)))
    sessions.remove(session)
    counters.connections.set(UInt64(sessions.count))
    // A descriptor is free again: an accept that failed for want of one may work now.
    isListenerReadable = true
  }

  // MARK: Half a command, then silence

  mutating func notePartial(_ session: Session, isPartial: Bool, hasProgress: Bool) {
    session.connection.hasUnparsed = isPartial && !session.connection.blockage.isEmpty
    if session.connection.blockage.contains(.closing) { return }
    // While we hold it up ourselves, its clock stands.
    guard session.connection.blockage.isEmpty, isPartial || !session.connection.parser.isIdle else {
      session.connection.partialSince = nil
      return
    }
    if hasProgress || session.connection.partialSince == nil {
      session.connection.partialSince = now.instant
    }
    setTimer(session, since: now.instant)
  }

  private mutating func setTimer(_ session: Session, since: Instant) {
    if session.connection.hasTimer { return }
    session.connection.hasTimer = true
    _ = timers.schedule(at: since + configuration.frameTimeout, tag: session.id.packed)
  }

  /// A timer is set with the first half command; when it fires, it looks how old the last one is.
  mutating func expireFrames() {
    while let tag = timers.popDue(now: now.instant) {
      guard let session = sessions[SlotID(packed: tag)] else { continue }
      session.connection.hasTimer = false
      guard let since = session.connection.partialSince else { continue }
      if now.instant.since(since) < configuration.frameTimeout {
        setTimer(session, since: since)
      } else {
        expire(session)
      }
    }
  }

  private mutating func expire(_ session: Session) {
    if session.connection.blockage.contains(.closing) {
      // It does not read what is left; only answers that we still owe keep it open.
      if session.connection.ledger.isEmpty {
        close(session)
      } else {
        setTimer(session, since: now.instant)
      }
      return
    }
    counters.frameTimeouts.add()
    let before = session.connection.output.count
    session.connection.output.append("-ERR timeout: the rest of a command did not come\r\n")
    enter(session, from: before, waitingFor: 0, replies: 1)
    session.connection.blockage.insert(.closing)
    session.connection.partialSince = nil
    settle(session)
  }

  // MARK: Sending

  /// Sends what may go, lifts blockages that no longer hold, closes what is done.
  mutating func settle(_ session: Session) {
    guard flush(session), countBuffers(session) else {
      close(session)
      return
    }
    lift(session)
    if session.connection.hasEnded && !session.connection.hasUnparsed {
      session.connection.blockage.insert(.closing)
    }
    if session.connection.blockage.contains(.closing), session.connection.output.isEmpty,
      session.connection.ledger.isEmpty
    {
      close(session)
      return
    }
    if session.connection.blockage.contains(.closing) {
      if session.connection.partialSince == nil { session.connection.partialSince = now.instant }
      setTimer(session, since: now.instant)
      return
    }
    let canGoOn = session.connection.hasUnparsed || session.connection.isReadable
    if canGoOn && session.connection.blockage.isEmpty { queue(session) }
  }

  /// - Returns: `false` when the peer is gone.
  private func flush(_ session: Session) -> Bool {
    while session.connection.ledger.sendable > 0 {
      let sendable = session.connection.ledger.sendable
      let result = unsafe session.connection.output.withBytes { bytes in
        unsafe network.write(
          session.connection.socket, UnsafeRawBufferPointer(rebasing: bytes[0..<sendable]))
      }
      switch result {
      case .bytes(let count):
        session.connection.output.consume(count)
        session.connection.ledger.sendable -= count
      case .wouldBlock: return true
      case .closed, .failed: return false
      }
    }
    session.connection.output.shrink(above: Self.readBytesPerTurn)
    return true
  }

  /// Keeps the sum of all buffers.
  /// - Returns: `false` when it is too large and this connection is not small.
  private mutating func countBuffers(_ session: Session) -> Bool {
    let bytes = session.connection.input.capacity + session.connection.output.capacity
      + session.connection.batch.frames.capacity
    if bytes == session.connection.bufferBytes { return true }
    let hasGrown = bytes > session.connection.bufferBytes
    bufferBytes += bytes - session.connection.bufferBytes
    session.connection.bufferBytes = bytes
    counters.bufferBytes.set(UInt64(max(bufferBytes, 0)))
    let isTooMuch = hasGrown && bufferBytes > configuration.buffersBytesMax
      && bytes > Self.readBytesPerTurn
    if isTooMuch { counters.buffersExhausted.add() }
    return !isTooMuch
  }

  private func lift(_ session: Session) {
    if session.connection.blockage.contains(.replies),
      session.connection.ledger.waiting <= configuration.repliesMax / 2
    { session.connection.blockage.remove(.replies) }
    if session.connection.blockage.contains(.output),
      session.connection.output.count <= configuration.outputBytesMax / 2
    { session.connection.blockage.remove(.output) }
  }
}
