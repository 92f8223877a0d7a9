internal import Base
internal import Flow
internal import Wire

/// `MULTI` … `EXEC`: publishes that stand in one block together, or not at all.
extension IngestCore {
  mutating func beginBatch(_ session: Session) -> Disposition {
    if session.connection.batch.isOpen {
      return error(session, "ERR MULTI calls can not be nested")
    }
    session.connection.batch.isOpen = true
    return ok(session)
  }

  mutating func discardBatch(_ session: Session) -> Disposition {
    guard session.connection.batch.isOpen else {
      return error(session, "ERR DISCARD without MULTI")
    }
    session.connection.batch.close()
    return ok(session)
  }

  /// Checks a publish of an open batch and keeps its frame.
  mutating func enqueue(_ frame: Frame, isEmit: Bool) -> Disposition {
    do throws(DraftError) {
      let draft = try self.draft(of: frame, isEmit: isEmit)
      if let refusal = check(draft) { throw .refused(refusal) }
      let held = frame.session.connection.batch.frames.count
      if frame.session.connection.batch.commands == BlockLimits.largeEvents
        || held + frame.bytes.count > configuration.batchBytesMax
      { throw .refused(.batchTooLarge) }
    } catch {
      refuse(frame.session, error)
      return .answered(waitingFor: 0)
    }
    unsafe frame.session.connection.batch.frames.append(contentsOf: frame.bytes.raw)
    frame.session.connection.batch.commands += 1
    frame.session.connection.writer.simpleString(
      "QUEUED", into: &frame.session.connection.output)
    return .answered(waitingFor: 0)
  }

  /// `EXEC`: all of them in one block, or none.
  mutating func executeBatch(_ session: Session) -> Disposition {
    guard session.connection.batch.isOpen else { return error(session, "ERR EXEC without MULTI") }
    if session.connection.batch.isBroken {
      session.connection.batch.close()
      return error(
        session, "EXECABORT Transaction discarded because of previous errors.")
    }
    let commands = session.connection.batch.commands
    let payload = batchPayload(session)
    if payload > BlockLimits.largePayloadBytes {
      session.connection.batch.close()
      refuse(session, .refused(.batchTooLarge))
      return .answered(waitingFor: 0)
    }
    if commands > 0 {
      let hasRoom = isRouted
        && writer.makeRoom(
          events: commands, payload: payload, now: now.instant, remembered: remembered.end)
      if !hasRoom && !isDraining && !isSpoolFull { return .noRoom }
    }
    let disposition = acceptBatch(session, commands)
    if case .noRoom = disposition { return .noRoom }
    session.connection.batch.close()
    return disposition
  }

  /// Payload bytes of all publishes of a batch together.
  private mutating func batchPayload(_ session: Session) -> Int {
    var sum = 0
    forEachFrame(session) { core, frame in
      let isEmit = frame[0].isWord("emit")
      if let draft = try? core.draft(of: frame, isEmit: isEmit) {
        sum += draft.payloadLength(extras: core.extras.bytes.count)
      }
      return true
    }
    return sum
  }

  private mutating func acceptBatch(_ session: Session, _ commands: Int) -> Disposition {
    let eventsBefore = writer.block.eventCount
    let rememberedBefore = remembered.end
    let outputBefore = session.connection.output.count
    var ordinal: UInt64 = 0
    var duplicates = 0
    var failure: DraftError?
    session.connection.writer.array(commands, into: &session.connection.output)
    forEachFrame(session) { core, frame in
      let isEmit = frame[0].isWord("emit")
      do throws(DraftError) {
        let draft = try core.draft(of: frame, isEmit: isEmit)
        switch core.accept(draft) {
        case .noRoom: throw .refused(.batchTooLarge)
        case .refused(let refusal): throw .refused(refusal)
        case .accepted(let event):
          ordinal = max(ordinal, event.ordinal)
          if event.isDuplicate { duplicates += 1 }
          core.answer(session, draft, event, isEmit: isEmit)
        }
      } catch {
        failure = error
      }
      return failure == nil
    }
    guard let failure else {
      if commands > 0 { countAccepted(from: eventsBefore, duplicates: duplicates) }
      return .answered(waitingFor: ordinal)
    }
    if commands > 0, writer.block.eventCount > eventsBefore {
      writer.block.truncate(toEvents: eventsBefore)
    }
    remembered.removeNewest(downTo: rememberedBefore)
    session.connection.output.truncate(to: outputBefore)
    refuse(session, failure)
    return .answered(waitingFor: 0)
  }

  /// Parses the frames of a batch again and calls `body` with each until it returns `false`.
  private mutating func forEachFrame(
    _ session: Session, _ body: (inout IngestCore, Frame) -> Bool
  ) {
    var offset = 0
    let total = session.connection.batch.frames.count
    while offset < total {
      let start = offset
      let goesOn = unsafe session.connection.batch.frames.withBytes { bytes in
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[start...])
        guard case .command(let consumed, let count) = unsafe session.connection.parser.parse(rest)
        else { return false }
        offset += consumed
        let frame = unsafe Frame(
          session: session,
          bytes: FrameBytes(UnsafeRawBufferPointer(rebasing: rest[0..<consumed])), count: count)
        return body(&self, frame)
      }
      if !goesOn { return }
    }
  }
}
