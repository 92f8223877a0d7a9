internal import Platform

/// What storage does with files in several places.
extension Disk {
  /// The names in a directory.
  /// - Returns: `nil` when there is no such directory.
  func names(in directory: String) throws(StorageError) -> [String]? {
    do throws(SystemError) { return try list(directory) } catch {
      if error.isNotFound { return nil }
      throw .system(path: directory, error)
    }
  }
}
