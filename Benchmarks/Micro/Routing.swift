internal import Base
internal import Flow
internal import Routing

extension MicroCase {
  /// From application and type to the audience, with 10,000 endpoints in 64 groups.
  static func routing() -> MicroCase {
    let types = (0..<64).map { "job.group-\($0)" }
    let entries = (1...10_000).map { number in
      RoutingEntry(
        endpoint: EndpointNumber(UInt32(number)), applications: [ApplicationNumber(1)],
        types: [try? TypePattern(parsing: types[number % types.count])].compactMap { $0 })
    }
    let snapshot = RoutingSnapshot(
      applications: ["default": ApplicationNumber(1)], entries: entries)
    let cache = AudienceCacheBox()
    cache.cache.install(snapshot)
    let names = types.map { Array($0.utf8) }
    return MicroCase(name: "routing", event: "an audience found for an event's type") { events in
      var sum: UInt64 = 0
      for event in 0..<events {
        unsafe names[event & 63].withUnsafeBytes { type in
          let query = unsafe RouteQuery(
            application: ApplicationNumber(1), type: type,
            extras: UnsafeRawBufferPointer(start: nil, count: 0))
          sum &+= UInt64(cache.cache.resolve(query)?.count ?? 0)
        }
      }
      return sum
    }
  }
}

/// A closure keeps no noncopyable value; an object does.
private final class AudienceCacheBox {
  var cache: AudienceCache

  init() {
    var random = SeededRandom(seed: 1)
    cache = AudienceCache(table: AudienceTable(), random: &random)
  }
}
