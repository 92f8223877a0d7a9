import Base

/// One kind of damage.
enum CampaignFault: String, CaseIterable {
  case truncatedLast = "last segment truncated"
  case truncatedSealed = "sealed segment truncated"
  case flippedLast = "bit flipped, last segment"
  case flippedSealed = "bit flipped, sealed segment"
  case zeroedLast = "4 KiB zeroed, last segment"
  case zeroedSealed = "4 KiB zeroed, sealed segment"
  case staleLast = "4 KiB stale, last segment"
  case staleSealed = "4 KiB stale, sealed segment"
  case swappedLast = "4 KiB swapped, last segment"
  case swappedSealed = "4 KiB swapped, sealed segment"
  case swappedBetween = "4 KiB swapped between segments"
  case flippedCheckpoint = "bit flipped, checkpoint"
  case truncatedCheckpoint = "checkpoint truncated"
  case flippedMark = "bit flipped, mark"
  case zeroedMark = "4 KiB zeroed, mark"

  static let truncationBytes = 64 << 10

  /// Applies the damage to a copy of the log's files.
  /// - Parameter number: which one, for a fault that has a known number of forms.
  /// - Returns: `nil` when the log has nothing that it could strike.
  func strike(_ log: CampaignLog, _ random: inout SeededRandom, number: Int?)
    -> [String: FileImage]?
  {
    var files = log.files
    guard let last = log.segments.last else { return nil }
    let sealed = log.segments.dropLast()
    let isSealed = rawValue.contains("sealed") || self == .swappedBetween
    let isCheckpoint = rawValue.contains("checkpoint")
    let choices = isCheckpoint ? log.checkpoints : isSealed ? Array(sealed) : [last]
    if choices.isEmpty { return nil }
    let path = choices[Int(random.below(UInt64(choices.count)))]
    guard var image = files[path] else { return nil }
    let mark = max(0, image.size - CampaignLog.markBytes)
    let markPage = mark / FileImage.pageBytes
    let end = isCheckpoint ? image.size : log.contentEnd(path)
    let page = Int(random.below(UInt64((end + FileImage.pageBytes - 1) / FileImage.pageBytes)))
    switch self {
    case .truncatedLast, .truncatedSealed, .truncatedCheckpoint:
      let bytes = min(Self.truncationBytes, end)
      image.truncate(to: end - 1 - (number ?? Int(random.below(UInt64(bytes)))) % bytes)
    case .flippedLast, .flippedSealed, .flippedCheckpoint:
      image.flip(bit: Int(random.below(8)), at: Int(random.below(UInt64(end))))
    case .zeroedLast, .zeroedSealed:
      image.setPage(page, [UInt8](repeating: 0, count: FileImage.pageBytes))
    case .staleLast, .staleSealed:
      guard let versions = log.history[path]?[page], !versions.isEmpty else { return nil }
      image.setPage(page, versions[Int(random.below(UInt64(versions.count)))])
    case .swappedLast, .swappedSealed:
      let count = UInt64((end + FileImage.pageBytes - 1) / FileImage.pageBytes)
      let other = Int(random.below(count))
      let kept = image.page(page)
      image.setPage(page, image.page(other))
      image.setPage(other, kept)
    case .swappedBetween:
      let others = log.segments.filter { $0 != path }
      let other = others[Int(random.below(UInt64(others.count)))]
      guard var second = files[other], page < second.pages.count else { return nil }
      let kept = image.page(page)
      image.setPage(page, second.page(page))
      second.setPage(page, kept)
      files[other] = second
    case .flippedMark, .zeroedMark:
      // A log that was busy to its end has none.
      guard markPage < image.pages.count, image.pages[markPage] != nil else { return nil }
      if self == .zeroedMark {
        image.setPage(markPage, [UInt8](repeating: 0, count: FileImage.pageBytes))
      } else {
        image.flip(
          bit: Int(random.below(8)), at: mark + Int(random.below(UInt64(CampaignLog.markBytes))))
      }
    }
    files[path] = image
    return files
  }
}
