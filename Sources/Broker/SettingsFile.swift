internal import Glibc
internal import Wire
internal import Yams

/// The YAML file with settings: each value and each problem with its line and column.
struct SettingsFile {
  let path: String
  private static let bytesMax = 4 << 20

  /// Sets in the draft what the file says.
  func apply(to draft: inout SettingsDraft) {
    guard let text = read() else {
      let reason = unsafe errno == 0 ? "too large" : String(cString: strerror(errno))
      draft.problems.append(SettingsError(place: path, problem: "cannot be read: \(reason)"))
      return
    }
    do {
      guard let root = try Yams.compose(yaml: text) else { return }
      var places: [String: Mark] = [:]
      apply(root, prefix: "", &places, &draft)
    } catch let error as YamlError {
      draft.problems += YAMLProblems.list(error, path: path, text: text)
    } catch {
      draft.problems.append(SettingsError(place: path, problem: "\(error)"))
    }
  }

  /// Keys may be nested or dotted: `journal: {retention: 7d}` is `journal.retention: 7d`.
  ///
  /// - Parameter places: where each key was met first; YAML sees only that of one spelling.
  private func apply(
    _ node: Node, prefix: String, _ places: inout [String: Mark], _ draft: inout SettingsDraft
  ) {
    guard let mapping = node.mapping else {
      draft.problems.append(
        SettingsError(place: place(node), problem: "expected 'key: value' lines at this level"))
      return
    }
    for (keyNode, value) in mapping {
      let name = prefix + (keyNode.string ?? "")
      if let key = SettingKey.named(name) {
        if let first = places[name] {
          fail(keyNode, name, "is there twice; first in line \(first.line)", &draft)
          continue
        }
        places[name] = keyNode.mark
        apply(value, key, keyNode, &draft)
      } else if value.mapping != nil,
        SettingKey.all.contains(where: { $0.name.hasPrefix(name + ".") })
      {
        apply(value, prefix: name + ".", &places, &draft)
      } else {
        let near = Suggestion.nearest(to: name, in: SettingKey.all.map(\.name))
        let hint = near.map { "; did you mean '\($0)'?" } ?? ""
        fail(keyNode, name, "no such setting\(hint)", &draft)
      }
    }
  }

  private func apply(
    _ value: Node, _ key: SettingKey, _ keyNode: Node, _ draft: inout SettingsDraft
  ) {
    if let list = value.sequence {
      guard key.repeats else {
        return fail(keyNode, key.name, "takes one value, not a list", &draft)
      }
      for item in list { draft.set(key, item.scalar?.string ?? "", place(item)) }
      draft.places[key.name] = place(keyNode)
    } else if let scalar = value.scalar {
      draft.set(key, scalar.string, place(keyNode))
    } else {
      fail(keyNode, key.name, "takes a value, not a section", &draft)
    }
  }

  private func fail(
    _ keyNode: Node, _ name: String, _ problem: String, _ draft: inout SettingsDraft
  ) {
    draft.problems.append(SettingsError(place: "\(place(keyNode)): \(name)", problem: problem))
  }

  private func place(_ node: Node) -> String {
    guard let mark = node.mark else { return path }
    return "\(path):\(mark.line):\(mark.column)"
  }

  /// - Returns: `nil` when it cannot be read; `errno` says why, 0 that it is too large.
  private func read() -> String? {
    guard let file = unsafe fopen(path, "r") else { return nil }
    defer { _ = unsafe fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe fread(&chunk, 1, chunk.count, file)
      // A directory opens, and fails here.
      if count == 0, unsafe ferror(file) != 0 { return nil }
      if count == 0 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(contentsOf: chunk[..<count])
      if bytes.count > Self.bytesMax {
        errno = 0
        return nil
      }
    }
  }
}
