internal import Yams

/// What is wrong with a file that is no YAML, by line and column.
enum YAMLProblems {
  /// The problems that an error of the parser stands for.
  static func list(_ error: YamlError, path: String, text: String) -> [SettingsError] {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return [SettingsError(place: "\(path):\(mark.line):\(mark.column)", problem: problem)]
    case .duplicatedKeysInMapping(let keys, let context):
      return keys.sorted().map { key in
        guard let (first, again) = places(of: key, in: text) else {
          return SettingsError(
            place: "\(path):\(context.mark.line):\(context.mark.column): \(key)",
            problem: "is there twice")
        }
        return SettingsError(
          place: "\(path):\(again.line):\(again.column): \(key)",
          problem: "is there twice; first in line \(first.line)")
      }
    default:
      return [SettingsError(place: path, problem: "\(error)")]
    }
  }

  /// The first two lines, at one depth, that begin with a key; the parser names only the mapping.
  private static func places(of key: String, in text: String)
    -> (first: (line: Int, column: Int), again: (line: Int, column: Int))?
  {
    var first: (line: Int, column: Int)?
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let content = line.drop(while: { $0 == " " })
      let bare = content.filter { $0 != "\"" && $0 != "'" }
      guard bare.hasPrefix("\(key):") || bare.hasPrefix("\(key) :") else { continue }
      let column = line.count - content.count + 1
      guard let known = first, known.column == column else {
        first = (index + 1, column)
        continue
      }
      return (known, (index + 1, column))
    }
    return nil
  }
}
