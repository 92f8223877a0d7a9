internal import Base
internal import Flow
internal import Platform
internal import TLS
internal import Wire

extension Reactor {
  /// Deals with what the poller said of one descriptor.
  func take(_ readiness: Readiness) {
    guard let connection = pool.connections.find(SlotID(packed: readiness.tag)) else {
      _ = resolver.take(readiness)
      return
    }
    if readiness.hangup { connection.it.isEnding = true }
    switch connection.it.phase {
    case .resolving: break
    case .connecting:
      if readiness.writable || readiness.hangup { connectEnded(connection) }
    case .handshaking: handshake(connection)
    case .idle: checkIdle(connection)
    case .busy:
      if readiness.writable, !connection.it.out.isEmpty, !flush(connection) { return }
      if readiness.readable { readAnswer(connection) }
    }
  }

  // MARK: Sending

  /// The connection is there: sends the request that lies ready.
  func beginRequest(_ connection: ConnectionRef) {
    connection.it.phase = .busy
    arm(connection, at: connection.it.attempt.deadline)
    _ = flush(connection)
  }

  /// Sends what stands in `scratch`; what the socket does not take at once is copied.
  func send(_ connection: ConnectionRef) {
    let result = unsafe scratch.withBytes { unsafe connection.it.write($0, network) }
    switch result {
    case .bytes(let count) where count == scratch.count: break
    case .bytes(let count): keepRest(connection, from: count)
    case .wait: keepRest(connection, from: 0)
    case .closed: broken(connection, .closed, 0)
    case .failed(let code): broken(connection, .closed, code)
    case .failedTLS: broken(connection, .tls, 0)
    }
  }

  private func keepRest(_ connection: ConnectionRef, from offset: Int) {
    unsafe scratch.withBytes {
      unsafe connection.it.out.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[offset...]))
    }
    account(connection)
  }

  /// Counts what the connection's buffer holds against the reactor's budget.
  func account(_ connection: ConnectionRef) {
    bufferedBytes += connection.it.out.count - connection.it.buffered
    connection.it.buffered = connection.it.out.count
  }

  /// Writes on; `false` when the connection is gone.
  private func flush(_ connection: ConnectionRef) -> Bool {
    while !connection.it.out.isEmpty {
      let result = unsafe connection.it.out.withBytes { bytes in
        unsafe writeOut(connection, bytes)
      }
      switch result {
      case .bytes(let count):
        connection.it.out.consume(count)
        account(connection)
      case .wait: return true
      case .closed: return broken(connection, .closed, 0)
      case .failed(let code): return broken(connection, .closed, code)
      case .failedTLS: return broken(connection, .tls, 0)
      }
    }
    return true
  }

  private func writeOut(
    _ connection: ConnectionRef, _ bytes: UnsafeRawBufferPointer
  ) -> Transfer {
    unsafe connection.it.write(bytes, network)
  }

  // MARK: Reading

  private func readAnswer(_ connection: ConnectionRef) {
    while true {
      readBuffer.removeAll()
      var result = Transfer.wait
      _ = unsafe readBuffer.fill(minimum: Self.readBytesMax) { room in
        result = unsafe connection.it.read(into: room, network)
        if case .bytes(let count) = result { return count }
        return 0
      }
      switch result {
      case .wait: return
      case .closed: return answerEnded(connection)
      case .failed(let code): return broken(connection, .closed, code) ? () : ()
      case .failedTLS: return broken(connection, .tls, 0) ? () : ()
      case .bytes(let count):
        if !feed(connection) { return }
        if !connection.it.mayHaveMore(after: count, room: readBuffer.capacity) { return }
      }
    }
  }

  /// Parses what was read; `false` when the answer is complete or useless.
  private func feed(_ connection: ConnectionRef) -> Bool {
    let progress = unsafe readBuffer.withBytes {
      unsafe connection.it.parser.feed($0, keeping: &connection.it.answer)
    }
    switch progress {
    case .needMore: return true
    case .complete: answered(connection)
    case .failed(let error): fail(connection, FailureClass(error))
    }
    return false
  }

  /// The peer has closed its side.
  private func answerEnded(_ connection: ConnectionRef) {
    switch connection.it.parser.connectionClosed() {
    case .complete: answered(connection)
    case .failed(.truncatedBody): answered(connection)
    case .failed(.closedBeforeResponse), .needMore: _ = broken(connection, .closed, 0)
    case .failed(let error): fail(connection, FailureClass(error))
    }
  }

  /// The answer is complete, or its head is and that decides.
  private func answered(_ connection: ConnectionRef) {
    let status = UInt16(clamping: connection.it.parser.status)
    let isGood = status >= 200 && status < 300
    settle(connection, Attempt.Result(status: status, failure: isGood ? .none : .status))
    // An answer that came before all of the request was sent leaves the connection in the middle.
    let isReusable =
      connection.it.parser.keepAlive && connection.it.out.isEmpty
      && !connection.it.isEnding && !connection.it.isLast
    if !isReusable { return close(connection) }
    wheel.cancel(connection.it.timer)
    connection.it.timer = .none
    connection.it.served &+= 1
    connection.it.out.shrink(above: 4096)
    connection.it.answer.removeAll()
    connection.it.answer.shrink(above: 1024)
    pool.park(connection, now: now.instant)
    wakeWaiting(connection.it.origin)
  }

  /// The transport failed in the middle of an exchange. A kept connection that the peer had closed
  /// meanwhile is replaced once.
  @discardableResult
  private func broken(
    _ connection: ConnectionRef, _ failure: FailureClass, _ code: Int32
  ) -> Bool {
    let attempt = connection.it.attempt
    let isRemoved = lanes.find(attempt.lane)?.it.isRemoved ?? true
    if connection.it.parser.headersAreComplete {
      answered(connection)
    } else if connection.it.isStale, !attempt.isResend, !isRemoved {
      counters.resent.add()
      takeBack(connection, afterMilliseconds: 0, needsFresh: true)
    } else {
      fail(connection, failure, code: code)
    }
    return false
  }

  /// Ends the attempt and the connection.
  func fail(
    _ connection: ConnectionRef, _ failure: FailureClass, code: Int32 = 0, text: String = ""
  ) {
    var result = Attempt.Result(failure: failure, systemCode: code)
    if connection.it.parser.headersAreComplete {
      result.status = UInt16(clamping: connection.it.parser.status)
    }
    settle(connection, result, text: text)
    close(connection)
  }

  // MARK: Idle connections

  /// Something came on a connection that nobody uses: a TLS ticket, or its end.
  private func checkIdle(_ connection: ConnectionRef) {
    readBuffer.removeAll()
    var isQuiet = false
    _ = unsafe readBuffer.fill(minimum: Self.readBytesMax) { room in
      if case .wait = unsafe connection.it.read(into: room, network) { isQuiet = true }
      return 0
    }
    if !isQuiet { close(connection) }
  }

  /// Closes connections that nobody has used for a while.
  /// - Returns: when the next is due.
  func closeIdle() -> Instant {
    while let oldest = pool.oldestIdle {
      let due = oldest.it.idleSince + configuration.idleTimeout
      if now.instant < due { return due }
      close(oldest)
    }
    return .distantFuture
  }

  /// Closes a connection, whatever it was doing; its attempt has ended.
  func close(_ connection: ConnectionRef) {
    if connection.it.phase == .resolving { stopResolving(connection) }
    let origin = connection.it.origin
    var taken = pool.remove(connection)
    wheel.cancel(taken.timer)
    bufferedBytes -= taken.buffered
    // TLS ends before its socket does.
    taken.tls?.closeNotify()
    taken.tls = nil
    if taken.socket != .none { network.close(taken.socket) }
    wakeWaiting(origin)
  }

  /// The origin has room: the lane that has waited longest for it may go on.
  func wakeWaiting(_ origin: SlotID) {
    guard let origin = pool.origins.find(origin),
      let lane = pool.nextWaiting(origin, lanes: lanes)
    else { return }
    if lane.it.isRemoved { forgetIfDone(lane) } else { enqueue(lane) }
  }
}

extension FailureClass {
  /// The class of an answer that cannot be used.
  init(_ error: ResponseError) {
    switch error {
    case .headersTooLarge, .tooManyInterimResponses: self = .answerTooLarge
    case .closedBeforeResponse, .closedInHeaders, .truncatedBody: self = .closed
    default: self = .malformedAnswer
    }
  }
}
