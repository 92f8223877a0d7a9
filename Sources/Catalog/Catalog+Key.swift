internal import GRDB
internal import Synchronization
internal import TLS

extension Catalog {
  /// Seals everything anew, by a new key, while the catalogue is in use.
  ///
  /// The new key stands in the file, durably, before anything is sealed by it; the former ones go
  /// from the file when nothing needs them any more. So a crash at any moment leaves a file whose
  /// keys open all there is; the next rotation, or the next start, goes on from there.
  ///
  /// - Parameters:
  ///   - path: the key file.
  ///   - keepsFormer: leaves the former keys in the file, for backups of the catalogue.
  /// - Returns: the id of the new key, and how many endpoints were sealed by it.
  /// - Throws: ``CatalogError/conflict(_:)``: the file cannot be written, or is not the one that the
  ///   catalogue was opened with.
  public func rotateKey(
    file path: String, keepsFormer: Bool
  ) throws(CatalogError) -> (keyID: String, endpoints: Int) {
    try rotation.withLock { _ throws(CatalogError) in
      let current = sealer
      let next = try keyFile { () throws(SealerError) in try current.addingKey(toFile: path) }
      sealerInForce.withLock { $0 = next }
      let endpoints: Int
      do {
        endpoints = try CatalogKey.reseal(pool, next)
        // Nor in SQLite's log; while somebody reads, that goes by itself later.
        _ = try? pool.writeWithoutTransaction { try $0.checkpoint(.truncate) }
      } catch {
        throw CatalogError(error)
      }
      if !keepsFormer {
        try keyFile { () throws(SealerError) in try next.keepOwnKey(inFile: path) }
      }
      return (next.keyID, endpoints)
    }
  }

  private func keyFile<R>(_ body: () throws(SealerError) -> R) throws(CatalogError) -> R {
    do throws(SealerError) {
      return try body()
    } catch {
      if case .keyUnknown(let needed, _) = error {
        throw .conflict(
          "the key file does not hold key \(needed), which is in use; put the right one back")
      }
      throw .conflict(error.description)
    }
  }
}
