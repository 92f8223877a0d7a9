internal import Base
internal import Simulation

/// What a publisher knows of one event.
final class PublishedEvent {
  enum State {
    /// Answered: it is stored.
    case acknowledged
    /// Sent, and the connection ended before an answer: stored once or not at all.
    case unknown
    /// Refused: not stored.
    case refused
    /// Not yet sent, or not yet answered.
    case waiting
  }

  let number: Int
  let publisher: Int
  let type: String
  let hasID: Bool
  /// Events of one MULTI … EXEC share it.
  let batch: Int?
  var state = State.waiting
  /// Sent at least once.
  var wasSent = false
  /// Sent again under its id, because the first answer never came.
  var wasResent = false

  /// One of those that fill a segment between them.
  let isLarge: Bool
  /// Bytes more than its number gives.
  let extraBytes: Int

  init(
    number: Int, publisher: Int, type: String, hasID: Bool, batch: Int?, isLarge: Bool = false,
    extraBytes: Int = 0
  ) {
    self.extraBytes = extraBytes
    self.number = number
    self.publisher = publisher
    self.type = type
    self.hasID = hasID
    self.batch = batch
    self.isLarge = isLarge
  }

  /// Its data. Sizes differ, so that blocks fill at different places; some fill a block of their
  /// own.
  var data: [UInt8] {
    let usual =
      isLarge ? (number % 11 == 0 ? 400_000 : number % 3 == 0 ? 60_000 + number : number % 7 * 900)
      : number % 499 == 0 ? 400_000
      : number % 97 == 0 ? 60_000 : number % 3 == 0 ? 5_000 + number % 1_000 : number % 7 * 40
    let length = usual + extraBytes
    let start = number * 7_919 % (Self.noise.count - length)
    return Array("{\"n\":\(number),\"x\":\"".utf8) + Self.noise[start..<(start + length)]
      + Array("\"}".utf8)
  }

  /// Text that does not compress, so that segments fill.
  private static let noise: [UInt8] = {
    var random = SeededRandom(seed: 7)
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    return (0..<(1 << 20)).map { _ in letters[Int(random.next() & 63)] }
  }()
}

/// A publisher that pipelines, loses its connection when the broker dies, and sends again what it
/// gave an id and got no answer for.
final class Publisher: SimulatedPeer {
  private enum Expectation {
    case publish(PublishedEvent, endpoints: Int)
    case emit(PublishedEvent)
    case status(String)
    case queued
    case batch([PublishedEvent])
  }

  private let world: World
  private let path: String
  private var random: SeededRandom
  private let subscribers: (String) -> Int
  /// The network keeps it, and it keeps its peer.
  private weak var line: SimulatedLine?
  private var expectations: [Expectation] = []
  private var input: [UInt8] = []
  private var resend: [PublishedEvent] = []
  /// Whether it goes on making events.
  var isActive = true
  /// What went against the protocol.
  fileprivate(set) var violations: [String] = []
  private let newEvent: (_ publisher: Int, _ hasID: Bool, _ batch: Int?) -> PublishedEvent
  private static let window = 60
  private var batches = 0
  private let name: Int

  init(
    world: World, path: String, name: Int, subscribers: @escaping (String) -> Int,
    newEvent: @escaping (_ publisher: Int, _ hasID: Bool, _ batch: Int?) -> PublishedEvent
  ) {
    self.world = world
    self.path = path
    self.name = name
    self.subscribers = subscribers
    self.newEvent = newEvent
    random = world.fork()
    plan()
  }

  /// Nothing is on the way and nothing is to be sent again.
  var isIdle: Bool { expectations.isEmpty && resend.isEmpty }

  private func plan() {
    world.after(.microseconds(20 + random.below(random.oneIn(8) ? 60_000 : 3_000))) { [self] in
      act()
      plan()
    }
  }

  private func act() {
    if line == nil {
      line = world.network.connect(path: path, peer: self)
      if line == nil { return }
    }
    if expectations.count > Self.window { return }
    var bytes: [UInt8] = []
    while !resend.isEmpty, expectations.count < Self.window {
      bytes += emit(resend.removeFirst())
    }
    if isActive {
      for _ in 0..<(1 + random.below(6)) { bytes += next() }
    }
    if !bytes.isEmpty { line?.send(bytes) }
  }

  private func next() -> [UInt8] {
    switch random.below(10) {
    case 0: return batch()
    case 1..<5: return emit(newEvent(name, true, nil))
    default: return publish(newEvent(name, false, nil))
    }
  }

  private func publish(_ event: PublishedEvent) -> [UInt8] {
    event.wasSent = true
    expectations.append(.publish(event, endpoints: subscribers(event.type)))
    return command("PUBLISH", event)
  }

  private func emit(_ event: PublishedEvent) -> [UInt8] {
    event.wasSent = true
    expectations.append(.emit(event))
    return command("EMIT", event, "ID", "ev_\(event.number)")
  }

  private func batch() -> [UInt8] {
    batches += 1
    let number = name * 1_000_000 + batches
    let events = (0..<(2 + random.below(4))).map { _ in newEvent(name, false, number) }
    var bytes = word(["MULTI"])
    expectations.append(.status("OK"))
    for event in events {
      event.wasSent = true
      bytes += command("PUBLISH", event)
      expectations.append(.queued)
    }
    expectations.append(.batch(events))
    return bytes + word(["EXEC"])
  }

  private func command(_ verb: String, _ event: PublishedEvent, _ rest: String...) -> [UInt8] {
    let data = event.data
    return Array("*\(3 + rest.count)\r\n".utf8) + bulk(verb) + bulk(event.type)
      + Array("$\(data.count)\r\n".utf8) + data + [13, 10] + rest.flatMap { bulk($0) }
  }

  private func word(_ words: [String]) -> [UInt8] {
    Array("*\(words.count)\r\n".utf8) + words.flatMap { bulk($0) }
  }

  private func bulk(_ text: String) -> [UInt8] { Array("$\(text.utf8.count)\r\n\(text)\r\n".utf8) }

  // MARK: Answers

  func received(_ bytes: [UInt8], on line: SimulatedLine) {
    guard line === self.line else { return }
    input += bytes
    var offset = 0
    while let (reply, end) = Reply.parse(input, from: offset) {
      offset = end
      take(reply)
    }
    input.removeFirst(offset)
  }

  func ended(_ line: SimulatedLine) {
    guard line === self.line else { return }
    self.line = nil
    input = []
    for expectation in expectations {
      switch expectation {
      case .publish(let event, _): event.state = .unknown
      case .emit(let event):
        event.state = .unknown
        event.wasResent = true
        resend.append(event)
      case .batch(let events): for event in events { event.state = .unknown }
      case .status, .queued: break
      }
    }
    expectations = []
  }

  private func take(_ reply: Reply) {
    guard !expectations.isEmpty else { return violations.append("an answer to nothing: \(reply)") }
    switch (expectations.removeFirst(), reply) {
    case (.publish(let event, let endpoints), .integer(let count)):
      event.state = .acknowledged
      if count != endpoints {
        violations.append("event \(event.number): \(count) endpoints, not \(endpoints)")
      }
    case (.publish(let event, _), .error(let text)): refused(event, text)
    case (.emit(let event), .error(let text)):
      refused(event, text)
      // What was sent before may be stored: only an acknowledgement settles it.
      if event.wasResent {
        event.state = .unknown
        resend.append(event)
      }
    case (.emit(let event), .bulk(let text)):
      event.state = .acknowledged
      if text != "ev_\(event.number)" { violations.append("event \(event.number): id \(text)") }
    case (.status(let expected), .simple(let text)) where text == expected: break
    case (.status, .error), (.queued, .error): break
    case (.queued, .simple("QUEUED")): break
    case (.batch(let events), .array(let replies)) where replies.count == events.count:
      for (event, reply) in zip(events, replies) {
        event.state = .acknowledged
        if case .integer(let count) = reply, count == subscribers(event.type) { continue }
        violations.append("event \(event.number) in a batch: \(reply)")
      }
    case (.batch(let events), .error(let text)):
      for event in events { event.state = .refused }
      let isTooLarge = events.reduce(0) { $0 + $1.data.count } > 250_000
      if !text.hasPrefix("SPOOLFULL") && !text.hasPrefix("EXECABORT")
        && !text.hasPrefix("ERR shutting down") && !isTooLarge
      {
        violations.append("batch refused: \(text)")
      }
    case (let expectation, let reply): violations.append("\(expectation) got \(reply)")
    }
  }
}

extension Publisher {
  private func refused(_ event: PublishedEvent, _ text: String) {
    event.state = .refused
    if !text.hasPrefix("SPOOLFULL") && !text.hasPrefix("ERR shutting down") {
      violations.append("event \(event.number) refused: \(text)")
    }
  }
}

/// A RESP2 reply.
indirect enum Reply {
  case simple(String)
  case error(String)
  case integer(Int)
  case bulk(String)
  case array([Reply])

  /// The reply that begins at `start`, and where it ends; `nil` while it is incomplete.
  static func parse(_ bytes: [UInt8], from start: Int) -> (Reply, Int)? {
    guard start < bytes.count, let lineEnd = lineEnd(bytes, start) else { return nil }
    let text = String(decoding: bytes[(start + 1)..<lineEnd], as: UTF8.self)
    let next = lineEnd + 2
    switch bytes[start] {
    case UInt8(ascii: "+"): return (.simple(text), next)
    case UInt8(ascii: "-"): return (.error(text), next)
    case UInt8(ascii: ":"): return (.integer(Int(text) ?? .min), next)
    case UInt8(ascii: "$"):
      guard let length = Int(text), length >= 0 else { return (.error("null"), next) }
      guard bytes.count >= next + length + 2 else { return nil }
      let content = String(decoding: bytes[next..<(next + length)], as: UTF8.self)
      return (.bulk(content), next + length + 2)
    case UInt8(ascii: "*"):
      var replies: [Reply] = []
      var offset = next
      for _ in 0..<max(0, Int(text) ?? 0) {
        guard let (reply, end) = parse(bytes, from: offset) else { return nil }
        replies.append(reply)
        offset = end
      }
      return (.array(replies), offset)
    default: return (.error("not RESP: \(bytes[start])"), next)
    }
  }

  private static func lineEnd(_ bytes: [UInt8], _ start: Int) -> Int? {
    var index = start
    while index + 1 < bytes.count {
      if bytes[index] == 13, bytes[index + 1] == 10 { return index }
      index += 1
    }
    return nil
  }
}
