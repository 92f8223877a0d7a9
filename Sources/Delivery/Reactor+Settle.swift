internal import Base
internal import Flow
internal import Platform
internal import Wire

extension Reactor {
  /// An attempt has ended: tells the journal, the breaker and the lane.
  ///
  /// - Parameter text: why it failed, if the answer's body does not say so.
  func settle(_ connection: ConnectionRef, _ result: Attempt.Result, text: String = "") {
    let attempt = connection.it.attempt
    guard let lane = lanes.find(attempt.lane) else {
      invariantBroken("an attempt's lane is gone")
    }
    release(lane, attempt)
    let duration = now.instant.since(attempt.startedAt)
    counters.attempts[Int(result.failure.rawValue)].add()
    counters.attemptDuration.record(duration)
    lane.it.attempts += 1
    lane.it.lastStatus = result.status
    lane.it.lastFailure = result.failure
    if result.isSuccess {
      deliver(lane, attempt, result, duration)
    } else {
      keepAnswer(lane, connection, result, text)
      fail(lane, connection, result, duration)
      note(lane, connection, result, duration, text)
    }
    inform(lane, attempt, result)
    goOn(lane)
  }

  /// Gives back what the attempt held of its lane and of the ring.
  private func release(_ lane: LaneRef, _ attempt: Attempt) {
    lane.it.inFlight -= 1
    if attempt.isRetry { lane.it.retriesInFlight -= 1 }
    inFlight -= 1
    outcomesReserved -= 1
  }

  private func goOn(_ lane: LaneRef) {
    if lane.it.isRemoved {
      forgetIfDone(lane)
    } else if !lane.it.isLive {
      enqueue(lane)
    } else if let first = lane.it.retries.first {
      if first.dueMilliseconds <= nowMilliseconds { enqueue(lane) } else { armForRetry(lane) }
    }
  }

  private func deliver(
    _ lane: LaneRef, _ attempt: Attempt, _ result: Attempt.Result, _ duration: Nanoseconds
  ) {
    forgetPending(1)
    lane.it.dropHeld(UInt64(attempt.plainBytes))
    lane.it.failingSince = UnixMilliseconds(0)
    lane.it.failingWasTold = false
    counters.delivered.add()
    if attempt.isReplay {
      // Its lag is how long somebody took to ask for it.
    } else if attempt.number == 1, attempt.eventTime < now.unix {
      counters.deliveryLag.record(
        .milliseconds(min(now.unix.value - attempt.eventTime.value, 1 << 40)))
    } else if attempt.number == 1 {
      counters.deliveryLag.record(.zero)
    }
    pushEnd(lane, attempt, .delivered, result, now.unix, attempt.number, duration)
  }

  private func pushEnd(
    _ lane: LaneRef, _ attempt: Attempt, _ kind: OutcomeKind, _ result: Attempt.Result,
    _ due: UnixMilliseconds, _ number: UInt16, _ duration: Nanoseconds
  ) {
    push(
      Outcome(
        position: attempt.position, endpoint: lane.it.number, kind: kind, attempt: number,
        due: due, status: result.status, failure: result.failure,
        durationMicroseconds: UInt32(clamping: duration.count / 1_000)))
  }

  private func fail(
    _ lane: LaneRef, _ connection: ConnectionRef, _ result: Attempt.Result,
    _ duration: Nanoseconds
  ) {
    let attempt = connection.it.attempt
    if lane.it.isRemoved {
      forgetPending(1)
      counters.removed.add()
      return pushEnd(lane, attempt, .removed, result, now.unix, attempt.number, duration)
    }
    if result.status == 410 { stopSending(lane) }
    let number = Self.countedAs(attempt, result)
    if number < attempt.number {
      keep(lane, attempt, afterMilliseconds: 0, attempts: number)
      return pushEnd(lane, attempt, .retry, result, now.unix, number, duration)
    }
    let decision = RetryPolicy.decide(
      delaysMilliseconds: lane.it.config?.retryDelaysMilliseconds ?? [], attempt: attempt.number,
      status: Int(result.status), retryAfter: connection.it.parser.retryAfter,
      unixSeconds: now.unix.seconds, random: &random)
    switch decision {
    case .dead:
      forgetPending(1)
      lane.it.dropHeld(UInt64(attempt.plainBytes))
      counters.dead.add()
      pushEnd(lane, attempt, .dead, result, now.unix, attempt.number, duration)
    case .retry(let delay):
      counters.retried.add()
      keep(lane, attempt, afterMilliseconds: delay, attempts: attempt.number)
      pushEnd(
        lane, attempt, .retry, result, UnixMilliseconds(now.unix.value + delay), attempt.number,
        duration)
    }
  }

  /// A probe that shows the endpoint still failing uses nothing up: it is due with the next one.
  private static func countedAs(_ attempt: Attempt, _ result: Attempt.Result) -> UInt16 {
    attempt.isProbe && result.isEndpointFailure ? attempt.number - 1 : attempt.number
  }

  private func keep(
    _ lane: LaneRef, _ attempt: Attempt, afterMilliseconds delay: UInt64, attempts: UInt16,
    needsFresh: Bool = false
  ) {
    retriesHeld += 1
    lane.it.retries.add(
      Retry(
        position: attempt.position, dueMilliseconds: delay == 0 ? 0 : nowMilliseconds + delay,
        attempts: attempts, needsFreshConnection: needsFresh, isReplay: attempt.isReplay))
  }

  /// 410: nothing more is sent until the control plane has disabled or changed the endpoint.
  private func stopSending(_ lane: LaneRef) {
    if lane.it.isDisabled { return }
    lane.it.isDisabled = true
    notices.post(.answeredGone(lane.it.number))
  }

  /// Tells breaker and slow start how it went.
  private func inform(_ lane: LaneRef, _ attempt: Attempt, _ result: Attempt.Result) {
    let success = !result.isEndpointFailure
    lane.it.slowStart.record(success: success, ceiling: lane.it.maxInFlight)
    let wasClosed = lane.it.breaker.phase == .closed
    let change = lane.it.breaker.record(
      success: success, wasProbe: attempt.isProbe, now: now.instant, random: &random)
    switch change {
    case .none: break
    case .opened:
      arm(lane, at: lane.it.breaker.probeAt)
      if wasClosed {
        counters.breakersOpen.set(counters.breakersOpen.value + 1)
        notices.post(.opened(lane.it.number))
      }
    case .closed:
      counters.breakersOpen.set(counters.breakersOpen.value - 1)
      notices.post(.recovered(lane.it.number))
      tryAgain(lane)
    }
  }

  /// Everything that waits is due, oldest first, under slow start.
  func tryAgain(_ lane: LaneRef) {
    lane.it.retries.makeAllDue()
    lane.it.slowStart.begin()
    enqueue(lane)
  }

  /// An attempt ended without saying anything of the endpoint: the delivery waits again, and the
  /// attempt does not count.
  func takeBack(
    _ connection: ConnectionRef, afterMilliseconds delay: UInt64, needsFresh: Bool
  ) {
    let attempt = connection.it.attempt
    guard let lane = lanes.find(attempt.lane) else {
      invariantBroken("an attempt's lane is gone")
    }
    if lane.it.isRemoved { return fail(connection, .cancelled) }
    release(lane, attempt)
    if attempt.isProbe { lane.it.breaker.abandonProbe() }
    keep(
      lane, attempt, afterMilliseconds: delay, attempts: attempt.number - 1,
      needsFresh: needsFresh)
    close(connection)
    enqueue(lane)
  }

  // MARK: For people

  /// Leaves what is known of a failure beyond its outcome, before that is pushed.
  private func keepAnswer(
    _ lane: LaneRef, _ connection: ConnectionRef, _ result: Attempt.Result, _ text: String
  ) {
    let isAnswer = result.failure == .status
    if !isAnswer, text.isEmpty, result.systemCode == 0 { return }
    let attempt = connection.it.attempt
    let answer = FailedAnswer(
      position: attempt.position, endpoint: lane.it.number, systemCode: result.systemCode,
      headBytes: isAnswer ? UInt32(connection.it.parser.headKept) : 0,
      attempt: Self.countedAs(attempt, result), failure: result.failure)
    if isAnswer {
      unsafe connection.it.answer.withBytes { unsafe answers.note(answer, $0) }
    } else {
      var text = text
      text.withUTF8 { unsafe answers.note(answer, UnsafeRawBufferPointer($0)) }
    }
  }

  /// Keeps a failed attempt with its text, at most one a second for each lane, and tells how long
  /// the endpoint has been failing.
  private func note(
    _ lane: LaneRef, _ connection: ConnectionRef, _ result: Attempt.Result,
    _ duration: Nanoseconds, _ text: String
  ) {
    noteRun(lane)
    if let last = lane.it.lastRecord, last.time.value + 1_000 > now.unix.value,
      last.status == result.status, last.failure == result.failure
    {
      return
    }
    let record = AttemptRecord(
      endpoint: lane.it.number, position: connection.it.attempt.position,
      attempt: connection.it.attempt.number, time: now.unix,
      durationMicroseconds: UInt32(clamping: duration.count / 1_000), status: result.status,
      failure: result.failure, text: explain(connection, result, text))
    lane.it.lastRecord = record
    tell(.failed(record))
  }

  private func noteRun(_ lane: LaneRef) {
    if lane.it.failingSince.value == 0 { lane.it.failingSince = now.unix }
    let since = lane.it.failingSince
    guard !lane.it.failingWasTold,
      now.unix.value > since.value + configuration.failingNotice.milliseconds
    else { return }
    lane.it.failingWasTold = true
    notices.post(.failingFor(lane.it.number, since: since))
  }

  private func explain(
    _ connection: ConnectionRef, _ result: Attempt.Result, _ text: String
  ) -> String {
    if !text.isEmpty { return text }
    if result.systemCode != 0 {
      return SystemError(code: result.systemCode, operation: result.failure.text).description
    }
    if result.failure != .status { return result.failure.text }
    return unsafe connection.it.answer.withBytes {
      unsafe String(
        decoding: $0.dropFirst(connection.it.parser.headKept).prefix(512), as: UTF8.self)
    }
  }
}
