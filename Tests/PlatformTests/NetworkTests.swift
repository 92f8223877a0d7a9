// Goal: sockets over the real loopback: readiness told once per change, results as the enum says.
// Method: a unix listener and TCP pairs, driven through a Poller; addresses against their literals.
internal import Base
internal import Foundation
internal import Glibc
internal import Platform
internal import Testing

@Suite(.timeLimit(.minutes(1))) struct NetworkTests {
  let network = Network()
  let poller = Poller()
  let clock = RealClock()

  /// Readiness of `tag`, waiting up to two seconds; `nil` when none comes.
  func readiness(_ tag: UInt64, where matches: (Readiness) -> Bool = { _ in true }) -> Readiness? {
    let end = clock.now().instant + .seconds(2)
    while true {
      let now = clock.now().instant
      for one in poller.wait(now: now, until: end) where one.tag == tag && matches(one) {
        return one
      }
      if now >= end { return nil }
    }
  }

  func read(_ socket: Socket, _ count: Int) -> (result: IOResult, bytes: [UInt8]) {
    var bytes = [UInt8](repeating: 0, count: count)
    let result = unsafe bytes.withUnsafeMutableBytes { unsafe network.read(socket, into: $0) }
    if case .bytes(let count) = result { return (result, Array(bytes[..<count])) }
    return (result, [])
  }

  func write(_ socket: Socket, _ bytes: [UInt8]) -> IOResult {
    unsafe bytes.withUnsafeBytes { unsafe network.write(socket, $0) }
  }

  /// Connects to a unix path with plain calls.
  static func client(_ path: String) -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    let result = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    return result == 0 ? descriptor : -1
  }

  @Test func `a unix connection is accepted, read, written and seen closing`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.path + "/s"
    let listener = try network.listen(path: path)
    defer { network.close(listener) }
    var status = stat()
    #expect(unsafe stat(path, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o660)
    poller.add(listener, tag: 1)
    #expect(network.accept(listener) == nil)

    let client = Self.client(path)
    #expect(readiness(1)?.readable == true)
    guard let accepted = network.accept(listener) else { return #expect(Bool(false)) }
    defer { network.close(accepted) }
    #expect(network.accept(listener) == nil)
    poller.add(accepted, tag: 2)
    #expect(readiness(2)?.writable == true)
    #expect(read(accepted, 10).result == .wouldBlock)

    #expect(unsafe send(client, "hello", 5, 0) == 5)
    #expect(readiness(2) { $0.readable } != nil)
    #expect(read(accepted, 3).bytes == Array("hel".utf8))
    #expect(read(accepted, 10).bytes == Array("lo".utf8))
    #expect(read(accepted, 10).result == .wouldBlock)
    #expect(write(accepted, [1, 2]) == .bytes(2))

    _ = Glibc.close(client)
    #expect(readiness(2) { $0.hangup }?.readable == true)
    // What was not read makes the peer's close a reset on a unix socket; else it is an end.
    let end = read(accepted, 10).result
    #expect(end == .closed || end == .failed(ECONNRESET))
    #expect(write(accepted, [1]) == .failed(EPIPE))
  }

  @Test func `a listening path is 0660, and what other threads make meanwhile keeps its mode`()
    throws
  {
    let directory = try TemporaryDirectory()
    let path = directory.path
    let isOver = Shared()
    let wrong = Shared()
    let ended = Shared()
    Thread.detachNewThread {
      var number = 0
      while isOver.value == 0 {
        let name = "\(path)/d\(number)"
        _ = unsafe mkdir(name, 0o700)
        if Self.mode(name) != 0o700 { wrong.add() }
        number += 1
      }
      ended.add()
    }
    for number in 0..<1_000 {
      let listener = try network.listen(path: "\(path)/s\(number)")
      #expect(Self.mode("\(path)/s\(number)") == 0o660)
      network.close(listener)
    }
    isOver.set(1)
    while ended.value == 0 { usleep(1_000) }
    #expect(wrong.value == 0)
  }

  private static func mode(_ path: String) -> mode_t {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
  }

  @Test func `a path that is taken or too long is an error`() throws {
    let directory = try TemporaryDirectory()
    let listener = try network.listen(path: directory.path + "/s")
    defer { network.close(listener) }
    #expect(throws: SystemError(code: EADDRINUSE, operation: "bind \(directory.path)/s")) {
      try network.listen(path: directory.path + "/s")
    }
    let long = directory.path + "/" + String(repeating: "x", count: 120)
    #expect(throws: SystemError(code: ENAMETOOLONG, operation: "socket path \(long)")) {
      try network.listen(path: long)
    }
  }

  /// A TCP listener on a free port of the IPv4 loopback.
  static func listenTCP() -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = unsafe bind(descriptor, $0, length)
        _ = listen(descriptor, 8)
        _ = unsafe getsockname(descriptor, $0, &length)
      }
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }

  /// A socket that is connected to the port, or about to be.
  private func connected(_ port: UInt16) throws -> Socket {
    switch network.connect(SocketAddress(ipv4: 0x7F00_0001, port: port)) {
    case .connected(let socket), .inProgress(let socket): return socket
    case .failed(let code): throw SystemError(code: code, operation: "connect")
    }
  }

  @Test func `a TCP connect ends writable and without error; a refused one has its errno`() throws {
    let (listener, port) = Self.listenTCP()
    defer { _ = Glibc.close(listener) }
    let socket = try connected(port)
    poller.add(socket, tag: 5)
    #expect(readiness(5)?.writable == true)
    #expect(network.connectError(socket) == 0)
    let peer = accept(listener, nil, nil)
    _ = Glibc.close(peer)
    #expect(readiness(5) { $0.hangup } != nil)
    #expect(read(socket, 10).result == .closed)
    network.close(socket)

    _ = Glibc.close(listener)
    switch network.connect(SocketAddress(ipv4: 0x7F00_0001, port: port)) {
    case .connected: Issue.record("connected to a closed port")
    case .failed(let code): #expect(code == ECONNREFUSED)
    case .inProgress(let made):
      poller.add(made, tag: 6)
      #expect(readiness(6)?.hangup == true)
      #expect(network.connectError(made) == ECONNREFUSED)
      network.close(made)
    }
  }

  @Test func `a full socket would block, and is told writable once it drains`() throws {
    let (listener, port) = Self.listenTCP()
    defer { _ = Glibc.close(listener) }
    let socket = try connected(port)
    defer { network.close(socket) }
    poller.add(socket, tag: 7)
    _ = readiness(7)
    let peer = accept(listener, nil, nil)
    defer { _ = Glibc.close(peer) }
    let chunk = [UInt8](repeating: 7, count: 1 << 16)
    var sent = 0
    while case .bytes(let count) = write(socket, chunk) { sent += count }
    #expect(write(socket, chunk) == .wouldBlock)
    // Edge-triggered: nothing is told while nothing changes.
    let now = clock.now().instant
    #expect(poller.wait(now: now, until: now).allSatisfy { $0.tag != 7 || !$0.writable })
    var received = 0
    var room = chunk
    while received < sent {
      let count = unsafe recv(peer, &room, room.count, 0)
      if count <= 0 { break }
      received += count
    }
    #expect(received == sent)
    #expect(readiness(7) { $0.writable } != nil)
    #expect(write(socket, [1]) == .bytes(1))
  }

  @Test func `a wait lasts until its deadline, not before`() {
    for microseconds in [300, 2_500] as [UInt64] {
      let now = clock.now().instant
      let deadline = now + .microseconds(microseconds)
      #expect(poller.wait(now: now, until: deadline).isEmpty)
      #expect(clock.now().instant >= deadline)
    }
    let now = clock.now().instant
    #expect(poller.wait(now: now, until: Instant(nanoseconds: 0)).isEmpty)
  }

  @Test func `literals are parsed into addresses and nothing else is`() {
    #expect(
      SocketAddress(literal: "127.0.0.1", port: 80) == SocketAddress(ipv4: 0x7F00_0001, port: 80))
    #expect(
      SocketAddress(literal: "::1", port: 443) == SocketAddress(ipv6High: 0, low: 1, port: 443))
    #expect(
      SocketAddress(literal: "2001:db8::a:b", port: 1)
        == SocketAddress(ipv6High: 0x2001_0DB8_0000_0000, low: 0xA_000B, port: 1))
    #expect(SocketAddress(literal: "127.0.0.1", port: 80)?.ipv4 == 0x7F00_0001)
    for text in ["", "localhost", "127.1", "0x7f.0.0.1", "[::1]", "fe80::1%eth0", "1.2.3.4.5"] {
      #expect(SocketAddress(literal: text, port: 80) == nil)
    }
  }

  @Test func `both clocks go forward`() {
    let first = clock.now()
    let second = clock.now()
    #expect(second.instant >= first.instant)
    #expect(second.unix.value > 1_700_000_000_000)
  }
}
