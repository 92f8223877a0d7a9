internal import Base
internal import Flow
internal import Simulation
internal import Storage

extension RecoveredLog {
  /// What recovery found, for whoever looks into a failing seed.
  var summary: String {
    let pending = lanes.map { "\($0.endpoint.value): \($0.behind) + \($0.holes.count)" }
    return "recovered: next block \(nextSequence), \(wasClean ? "clean" : "unclean"), replayed "
      + "\(replayedBlocks), segments \(index.facts.map(\.number)), "
      + "spool \(index.ranges.map { "\($0.firstSequence)-\($0.lastSequence)" }), lanes \(pending)"
  }
}

extension Scenario.Death {
  /// Whether only what was synced counts after it.
  var losesWritten: Bool { isPowerCut || isFailure }
}

// MARK: What must be true

extension Scenario {
  /// How long before a death a finished delivery may have ended and come again: outcomes are
  /// written within 5 ms and synced within 100 ms; the rest is the scheduler, and the disk's
  /// slowest syncs.
  private static let killWindow = Nanoseconds.milliseconds(7)
  private static let powerWindow = Nanoseconds.milliseconds(100 + 2 * 45 + 7)

  func check() {
    for publisher in publishers { for text in publisher.violations { note(text) } }
    for text in world.disk.misuses { note(text) }
    // Nothing here harms what was synced: whoever finds damage has done it, or is mistaken.
    for text in recoveries
    where ["corruption", "missing segment", "damaged", "ignored"].contains(where: text.hasPrefix) {
      note(text)
    }
    for (index, server) in servers.enumerated() {
      for text in server.violations { note("endpoint \(index + 1): \(text)") }
      checkDeliveries(index, server)
    }
    checkBatches()
    checkOrder()
  }

  /// The ordered endpoint sees each publisher's events for the first time in their order.
  private func checkOrder() {
    guard servers.count > Self.orderedIndex else { return }
    var last: [Int: Int] = [:]
    var seen: Set<Int> = []
    for request in servers[Self.orderedIndex].requests {
      guard let number = request.number, number >= 1, number <= events.count,
        seen.insert(number).inserted
      else { continue }
      let event = events[number - 1]
      if event.wasResent { continue }
      if let before = last[event.publisher], before > number {
        note("the ordered endpoint saw event \(number) after \(before)")
      }
      last[event.publisher] = number
    }
  }

  private func note(_ text: String) { problems.append(text) }

  private func checkDeliveries(_ index: Int, _ server: EndpointServer) {
    var byEvent: [Int: [ReceivedRequest]] = [:]
    for request in server.requests {
      guard let number = request.number, number >= 1, number <= events.count,
        events[number - 1].wasSent
      else {
        note("endpoint \(index + 1) got what was never published")
        continue
      }
      byEvent[number, default: []].append(request)
    }
    for event in events {
      let requests = byEvent[event.number] ?? []
      let name = "event \(event.number) (\(event.type), \(event.state)) at endpoint \(index + 1)"
      if !Self.matches(index, event.type) || event.state == .refused {
        if !requests.isEmpty { note("\(name): delivered to whom it was not for") }
        continue
      }
      if event.state == .acknowledged, !requests.contains(where: \.wasAccepted) {
        lost += 1
        note("\(name): never delivered, \(requests.count) attempts")
      }
      if Set(requests.map { $0.headers["webhook-id"] ?? "" }).count > 1 {
        note("\(name): more than one id")
      }
      checkRepeats(requests, name)
    }
  }

  /// After the broker has read a whole 2xx, the event may come again only if the broker died soon
  /// after.
  private func checkRepeats(_ requests: [ReceivedRequest], _ name: String) {
    for (position, request) in requests.enumerated() {
      guard let read = request.acceptanceRead else { continue }
      // What left before that, and took long, is no repetition.
      for later in requests[(position + 1)...] where later.departure > read {
        let isExcused = deaths.contains { death in
          death.time >= read && death.time <= later.departure
            && (death.time.since(read) <= (death.losesWritten ? Self.powerWindow : Self.killWindow)
              || Self.wasUnderWay(request, at: death))
        }
        if isExcused { continue }
        note("\(name): came again \(later.departure.since(read).seconds) s after its 2xx was read")
        return
      }
    }
  }

  /// What was under way when the log stopped taking outcomes could not be recorded; but soon after,
  /// nothing more may be sent.
  private static func wasUnderWay(_ request: ReceivedRequest, at death: Death) -> Bool {
    guard let since = death.unwrittenSince, let read = request.acceptanceRead else { return false }
    return read + killWindow >= since
      && request.departure <= since + Journal.stallLimit + killWindow
  }

  /// A batch is stored whole or not at all.
  private func checkBatches() {
    var batches: [Int: [PublishedEvent]] = [:]
    for event in events { if let batch = event.batch { batches[batch, default: []].append(event) } }
    // The first endpoint subscribes to everything.
    let delivered = Set(servers[0].requests.compactMap(\.number))
    for (batch, members) in batches.sorted(by: { $0.key < $1.key }) {
      let count = members.count { delivered.contains($0.number) }
      if count != 0, count != members.count {
        note("batch \(batch): \(count) of \(members.count) events were stored")
      }
    }
  }
}
