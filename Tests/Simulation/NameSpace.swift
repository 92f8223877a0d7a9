internal import Base

/// The names of a simulated disk: what lookups see, and what a power cut leaves.
struct NameSpace {
  private enum Node {
    case directory
    case file(SimulatedFile)
  }

  private enum Change {
    case link(String, Node)
    case unlink(String)
    /// One step: both names change or neither does.
    case rename(String, String, SimulatedFile)

    var directory: String {
      switch self {
      case .link(let path, _), .unlink(let path): NameSpace.parent(path)
      case .rename(_, let to, _): NameSpace.parent(to)
      }
    }
  }

  private var visible: [String: Node] = ["/": .directory]
  private var durable: [String: Node] = ["/": .directory]
  /// Changes that no directory sync covers yet, in order.
  private var unsynced: [Change] = []
  /// Directories of which a sync failed, with nothing changed since: they look clean.
  private var lost: Set<String> = []
  /// Every file that some name, durable or not, may still lead to; by number.
  private(set) var files: [SimulatedFile] = []

  static func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// Bytes of all files that have names.
  var byteCount: Int {
    visible.values.reduce(0) { sum, node in
      if case .file(let file) = node { return sum + file.cached.count }
      return sum
    }
  }

  func exists(_ path: String) -> Bool { visible[path] != nil }

  func isDirectory(_ path: String) -> Bool {
    if case .directory = visible[path] { return true }
    return false
  }

  func file(_ path: String) -> SimulatedFile? {
    if case .file(let file) = visible[path] { return file }
    return nil
  }

  func list(_ directory: String) -> [String] {
    let prefix = directory == "/" ? "/" : directory + "/"
    return visible.keys.filter { $0 != "/" && Self.parent($0) == directory }
      .map { String($0.dropFirst(prefix.count)) }.sorted()
  }

  // MARK: Changes

  mutating func link(_ path: String, _ file: SimulatedFile) {
    files.append(file)
    change(.link(path, .file(file)))
  }
  mutating func makeDirectory(_ path: String) { change(.link(path, .directory)) }
  mutating func unlink(_ path: String) { change(.unlink(path)) }
  mutating func rename(_ from: String, to: String, _ file: SimulatedFile) {
    change(.rename(from, to, file))
  }

  private mutating func change(_ change: Change) {
    Self.apply(change, to: &visible)
    unsynced.append(change)
    lost.remove(change.directory)
  }

  private static func apply(_ change: Change, to names: inout [String: Node]) {
    switch change {
    case .link(let path, let node): names[path] = node
    case .unlink(let path): names[path] = nil
    case .rename(let from, let to, let file):
      if case .file(let old) = names[from], old === file { names[from] = nil }
      names[to] = .file(file)
    }
  }

  /// Makes the names in one directory durable.
  mutating func sync(_ directory: String) {
    if lost.contains(directory) { return }
    for change in unsynced where change.directory == directory {
      Self.apply(change, to: &durable)
    }
    unsynced.removeAll { $0.directory == directory }
  }

  /// A sync of a directory failed: one more without a new change would write nothing.
  mutating func failSync(_ directory: String) { lost.insert(directory) }

  /// Cuts the power: each change that was not synced happened or did not.
  mutating func crash(_ random: inout SeededRandom) {
    let survivors = random.below(4)
    for change in unsynced {
      let survives = survivors == 0 || (survivors > 1 && random.oneIn(2))
      if survives { Self.apply(change, to: &durable) }
    }
    unsynced = []
    lost = []
    // What lies in a directory that is gone is gone.
    while true {
      let orphans = durable.keys.filter { $0 != "/" && durable[Self.parent($0)] == nil }
      if orphans.isEmpty { break }
      for path in orphans { durable[path] = nil }
    }
    visible = durable
  }

  /// Forgets files that nothing can lead to any more.
  mutating func collect() {
    var reachable: Set<ObjectIdentifier> = []
    for node in Array(visible.values) + Array(durable.values) {
      if case .file(let file) = node { reachable.insert(ObjectIdentifier(file)) }
    }
    for change in unsynced {
      switch change {
      case .link(_, .file(let file)), .rename(_, _, let file):
        reachable.insert(ObjectIdentifier(file))
      default: break
      }
    }
    files.removeAll { !reachable.contains(ObjectIdentifier($0)) }
  }
}
