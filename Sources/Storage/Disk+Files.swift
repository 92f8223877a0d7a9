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

  /// Makes a file anew: what a try that failed left behind under its name is removed first.
  func createAnew(_ path: String) throws(SystemError) -> FileHandle {
    do throws(SystemError) { try remove(path) } catch { if !error.isNotFound { throw error } }
    return try open(path, .create)
  }
}
