public import Base
internal import GRDB
internal import Glibc
internal import Synchronization
public import TLS
internal import Wire

/// Applications, endpoints, tokens and dead letters, in one SQLite file.
///
/// The database is in WAL mode with `synchronous=FULL`: a change that was answered survives a power
/// cut. Secrets, header values and credentials are sealed before they reach SQLite, each bound to
/// its endpoint's id. Only the broker opens the file; its mode is 0600.
///
/// > Runs on: any thread of the control plane; calls block, writes for one sync.
public final class Catalog: Sendable {
  /// The application that is meant when none is named; always there.
  public static let defaultApplication = "default"
  /// The application of Fanfare's own events; always there.
  public static let systemApplication = "_system"
  /// Its number, from a new catalogue's making on.
  public static let systemApplicationNumber: UInt32 = 2

  let pool: DatabasePool
  /// Read where something is sealed or opened, not before: within a transaction, and after the row
  /// was read. It may have a new key by then, and opens what the former ones have sealed.
  var sealer: Sealer { sealerInForce.withLock { $0 } }
  let sealerInForce: Mutex<Sealer>
  /// Held while the key is changed.
  let rotation = Mutex(())
  let clock: @Sendable () -> UnixMilliseconds
  let ids: Mutex<KSUIDGenerator>
  /// Tokens by the digest of their text: every request asks, so SQLite is not.
  let grants = Mutex<[[UInt8]: TokenGrant]>([:])
  /// Dead letters by endpoint number; listings ask often and SQLite would count rows.
  let deadTally = Mutex<[UInt32: Int]>([:])

  /// Opens the catalogue, making or migrating the file as needed.
  ///
  /// - Parameters:
  ///   - path: the database file; its directory must be there.
  ///   - sealer: the key that seals and the former ones. What a former key sealed is sealed anew.
  ///   - clock: the time of day; for tests.
  /// - Throws: ``CatalogError/failure(_:)``: the file cannot be opened, a later version wrote it, or
  ///   the key is not the one that it was made with. The broker must not start.
  public init(
    path: String, sealer: Sealer,
    clock: @escaping @Sendable () -> UnixMilliseconds = Catalog.timeOfDay
  ) throws(CatalogError) {
    sealerInForce = Mutex(sealer)
    self.clock = clock
    ids = Mutex(KSUIDGenerator(random: SeededRandom(seed: SecureRandom.word())))
    pool = try CatalogFile.open(path)
    try CatalogKey.check(pool, sealer, path: path)
    try addStandingApplications()
    try loadGrants()
    try loadDeadTally()
  }

  /// Closes the file; nothing may be asked of the catalogue afterwards. All of it stands in the one
  /// file then, for whoever copies it.
  public func close() throws(CatalogError) {
    do {
      _ = try pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      try pool.close()
    } catch { throw CatalogError(error) }
  }

  /// The machine's time of day.
  public static let timeOfDay: @Sendable () -> UnixMilliseconds = {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return UnixMilliseconds(UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000)
  }

  /// The time of day by this catalogue's clock.
  public var now: UnixMilliseconds { clock() }

  // MARK: For the extensions

  func read<R>(_ body: (Database) throws -> R) throws(CatalogError) -> R {
    do { return try pool.read(body) } catch { throw CatalogError(error) }
  }

  /// Runs `body` in a transaction that is rolled back when it throws.
  func write<R>(_ body: (Database) throws -> R) throws(CatalogError) -> R {
    do { return try pool.write(body) } catch { throw CatalogError(error) }
  }

  /// A new id, later in order than any before it.
  func makeID(_ prefix: String) -> String {
    let seconds = clock().seconds
    return prefix + ids.withLock { $0.next(unixSeconds: seconds).text }
  }
}
