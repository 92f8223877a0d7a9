internal import Bench
internal import Catalog
internal import Glibc
internal import TLS

/// Endpoints that are registered and subscribe to what nobody publishes.
///
/// They are put into the catalogue before its broker starts: over the API 100,000 of them would take
/// minutes, a sync each.
enum BenchIdle {
  /// The most that are made.
  static let countMax = 1_000_000
  private static let perTransaction = 10_000

  /// Makes them, each with a host and a secret of its own, in a data directory that no broker has
  /// opened yet.
  static func register(_ count: Int, in directory: String) throws(Failure) {
    guard unsafe mkdir(directory, 0o700) == 0 || errno == EEXIST else {
      throw Failure(.failed, "cannot make \(directory): \(SystemText.last())")
    }
    let sealer: Sealer
    do throws(SealerError) {
      sealer = try Sealer(keyFile: "\(directory)/key")
    } catch {
      throw Failure(.failed, error.description)
    }
    do throws(CatalogError) {
      try fill(count, try Catalog(path: "\(directory)/catalog.db", sealer: sealer))
    } catch {
      throw Failure(.failed, "idle endpoints: \(error.text)")
    }
  }

  private static func fill(_ count: Int, _ catalog: Catalog) throws(CatalogError) {
    for start in stride(from: 0, to: count, by: perTransaction) {
      let numbers = start..<min(start + perTransaction, count)
      try catalog.createEndpoints(application: Catalog.defaultApplication, numbers.map(draft))
    }
    try catalog.close()
  }

  private static func draft(_ number: Int) -> EndpointDraft {
    var draft = EndpointDraft(url: "https://hooks.customer-\(number).example.com/fanfare/\(number)")
    draft.uid = "idle-\(number)"
    draft.types = ["bench.idle.*"]
    return draft
  }
}
