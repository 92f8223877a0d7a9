internal import Base
internal import Flow
internal import Platform
internal import TLS

extension Reactor {
  /// Begins to connect for the attempt that the connection carries.
  func open(_ connection: ConnectionRef, _ origin: OriginRef) {
    if origin.it.key.usesTLS, origin.it.tls == nil {
      return fail(connection, .configuration, text: origin.it.problem)
    }
    if let literal = origin.it.literal {
      connection.it.addresses = [literal]
      return dial(connection)
    }
    arm(connection, at: connection.it.connectDeadline)
    // One question for all that wait.
    if origin.it.resolving == noSlot {
      resolver.resolve(origin.it.key.host, tag: origin.id.packed, now: now.instant)
    }
    connection.it.next = origin.it.resolving
    origin.it.resolving = connection.slot
  }

  /// Hands resolved names to the connections that wait for them.
  func takeResolutions() {
    while let resolution = resolver.next() {
      guard let origin = pool.origins.find(SlotID(packed: resolution.tag)) else { continue }
      var slot = origin.it.resolving
      origin.it.resolving = noSlot
      while let connection = pool.connections.find(slot: slot) {
        slot = connection.it.next
        connection.it.next = noSlot
        resolved(connection, resolution)
      }
    }
  }

  private func resolved(_ connection: ConnectionRef, _ resolution: Resolution) {
    if resolution.addresses.isEmpty {
      return fail(connection, .resolve, text: resolution.failure)
    }
    connection.it.addresses = resolution.addresses
    dial(connection)
  }

  /// Takes a connection off its origin's list of those that wait for the name.
  func stopResolving(_ connection: ConnectionRef) {
    guard let origin = pool.origins.find(connection.it.origin) else { return }
    if origin.it.resolving == connection.slot {
      origin.it.resolving = connection.it.next
      return
    }
    var slot = origin.it.resolving
    while let other = pool.connections.find(slot: slot) {
      if other.it.next == connection.slot {
        other.it.next = connection.it.next
        return
      }
      slot = other.it.next
    }
  }

  /// Checks all addresses, then connects to the first.
  private func dial(_ connection: ConnectionRef) {
    guard let origin = pool.origins.find(connection.it.origin) else { return }
    connection.it.phase = .connecting
    // One that waited for its name is judged by what holds now.
    connection.it.isLast = false
    if let refusal = limits.addressGuard.refusal(
      connection.it.addresses, port: origin.it.key.port)
    {
      return fail(connection, .addressForbidden, text: refusal)
    }
    connection.it.addressIndex = 0
    dialNext(connection, origin.it.key.port, lastCode: 0)
  }

  /// Tries the addresses that are left; each gets an equal part of the time that is left.
  private func dialNext(_ connection: ConnectionRef, _ port: UInt16, lastCode: Int32) {
    var lastCode = lastCode
    while connection.it.addressIndex < connection.it.addresses.count {
      var address = connection.it.addresses[connection.it.addressIndex]
      address.port = port
      connection.it.addressIndex += 1
      counters.connects.add()
      switch network.connect(address) {
      case .failed(let code):
        lastCode = code
        if Self.isOurs(code) {
          return takeBack(connection, afterMilliseconds: 100, needsFresh: false)
        }
      case .connected(let socket):
        adopt(connection, socket)
        return established(connection)
      case .inProgress(let socket):
        adopt(connection, socket)
        return armForAddress(connection)
      }
    }
    fail(connection, .connect, code: lastCode)
  }

  /// Descriptors, buffers or ports have run out here: not the endpoint's fault.
  private static func isOurs(_ code: Int32) -> Bool {
    code == 23 || code == 24 || code == 12 || code == 105 || code == 99
  }

  private func adopt(_ connection: ConnectionRef, _ socket: Socket) {
    connection.it.socket = socket
    poller.add(socket, tag: connection.id.packed)
  }

  private func armForAddress(_ connection: ConnectionRef) {
    let left = connection.it.connectDeadline.since(now.instant).count
    let tries = connection.it.addresses.count - connection.it.addressIndex + 1
    arm(connection, at: now.instant + Nanoseconds(left / UInt64(max(1, tries))))
  }

  /// The socket is writable or in error: the connect has ended.
  func connectEnded(_ connection: ConnectionRef) {
    let code = network.connectError(connection.it.socket)
    if code == 0 { return established(connection) }
    tryNextAddress(connection, code)
  }

  private func tryNextAddress(_ connection: ConnectionRef, _ code: Int32) {
    network.close(connection.it.socket)
    connection.it.socket = .none
    connection.it.isEnding = false
    guard let origin = pool.origins.find(connection.it.origin) else { return }
    dialNext(connection, origin.it.key.port, lastCode: code)
  }

  private func established(_ connection: ConnectionRef) {
    guard let origin = pool.origins.find(connection.it.origin) else { return }
    guard let context = origin.it.tls else { return beginRequest(connection) }
    connection.it.phase = .handshaking
    arm(connection, at: connection.it.connectDeadline)
    do throws(TLSError) {
      connection.it.tls = try TLSConnection(
        context: context, fd: connection.it.socket.descriptor, host: origin.it.key.host,
        port: origin.it.key.port)
    } catch {
      return fail(connection, .configuration, text: error.description)
    }
    handshake(connection)
  }

  /// Goes on with the handshake.
  func handshake(_ connection: ConnectionRef) {
    switch connection.it.tls?.handshake() {
    case .done:
      counters.handshakes.add()
      if connection.it.tls?.wasResumed == true { counters.resumed.add() }
      beginRequest(connection)
    case .wantRead, .wantWrite: break
    case .failed(let failure):
      let host = pool.origins.find(connection.it.origin)?.it.key.host ?? ""
      let text = connection.it.tls?.text(of: failure, host: host) ?? failure.text
      fail(connection, FailureClass(failure), text: text)
    case nil: fail(connection, .tls)
    }
  }

  /// The connection's timer fired.
  func connectionTimedOut(_ connection: ConnectionRef) {
    let isOver = connection.it.attempt.deadline <= now.instant
    switch connection.it.phase {
    case .idle: break
    case .busy: fail(connection, .timeout)
    case .resolving: fail(connection, isOver ? .timeout : .resolve, text: "no answer in time")
    case .handshaking:
      fail(connection, isOver ? .timeout : .tls, text: "TLS handshake timed out")
    case .connecting:
      if now.instant < connection.it.connectDeadline,
        connection.it.addressIndex < connection.it.addresses.count
      {
        tryNextAddress(connection, 110)
      } else {
        fail(connection, .connectTimeout)
      }
    }
  }
}

extension FailureClass {
  /// The class of a failed handshake.
  init(_ failure: TLSFailure) {
    self = failure.isCertificate ? .certificate : .tls
  }
}
