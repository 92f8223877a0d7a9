/// Finds what somebody probably meant.
public enum Suggestion {
  /// The candidate nearest to `text`, letters compared without case.
  ///
  /// - Returns: Nil when none is within a third of the text's length (at least one change), as a
  ///   far-fetched suggestion is worse than none. Of several equally near, the first.
  /// - Complexity: O(candidates × length²); for cold paths.
  public static func nearest(to text: String, in candidates: some Sequence<String>) -> String? {
    let wanted = Array(text.lowercased().unicodeScalars.prefix(lengthMax))
    var best: String?
    var bestDistance = max(1, wanted.count / 3) + 1
    for candidate in candidates {
      let other = Array(candidate.lowercased().unicodeScalars.prefix(lengthMax))
      if abs(other.count - wanted.count) >= bestDistance { continue }
      let distance = distance(wanted, other)
      if distance < bestDistance {
        best = candidate
        bestDistance = distance
      }
    }
    return best
  }

  private static let lengthMax = 128

  /// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
  static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var before = [Int](repeating: 0, count: b.count + 1)
    var row = Array(0...b.count)
    for i in 1...a.count {
      var next = [Int](repeating: i, count: b.count + 1)
      for j in 1...b.count {
        let change = a[i - 1] == b[j - 1] ? 0 : 1
        next[j] = min(row[j] + 1, next[j - 1] + 1, row[j - 1] + change)
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          next[j] = min(next[j], before[j - 2] + 1)
        }
      }
      before = row
      row = next
    }
    return row[b.count]
  }
}
