/// Which part of a list is wanted: after (or before) an id, in one of two orders.
public struct PageRequest: Sendable, Equatable {
  /// Most that a page holds.
  public static let limitMax = 250
  /// What a page holds unless told.
  public static let limitDefault = 50

  /// Entries wanted, 1 to ``limitMax``.
  public var limit: Int
  /// Entries begin beyond this id; `nil` is the beginning.
  public var cursor: String?
  /// Whether the page ends just before the cursor instead of beginning after it.
  public var isBackwards: Bool
  /// Whether the newest comes first.
  public var isDescending: Bool

  /// A request for the first page, unless told otherwise; the limit is brought into range.
  public init(
    limit: Int = limitDefault, cursor: String? = nil, isBackwards: Bool = false,
    isDescending: Bool = false
  ) {
    self.limit = min(max(limit, 1), Self.limitMax)
    self.cursor = cursor
    self.isBackwards = isBackwards && cursor != nil
    self.isDescending = isDescending
  }

  /// The page out of a whole list that is in ascending order.
  public func page<Element: Sendable>(
    of elements: [Element], id: (Element) -> String
  ) -> Page<Element> {
    let rises = isDescending == isBackwards
    let ordered = rises ? elements : elements.reversed()
    let wanted = ordered.filter { element in
      guard let cursor else { return true }
      return rises ? id(element) > cursor : id(element) < cursor
    }
    return page(Array(wanted.prefix(limit + 1)))
  }

  /// What a query must add: a condition with one argument if there is a cursor, and an order.
  func clauses(column: String) -> (condition: String, order: String) {
    let rises = isDescending == isBackwards
    let condition = cursor == nil ? "" : " AND \(column) \(rises ? ">" : "<") ?"
    return (condition, "ORDER BY \(column) \(rises ? "ASC" : "DESC")")
  }

  /// Cuts off the one element more that was fetched, and puts what was read backwards in order.
  func page<Element: Sendable>(_ fetched: [Element]) -> Page<Element> {
    let kept = Array(fetched.prefix(limit))
    return Page(
      elements: isBackwards ? kept.reversed() : kept, isLast: fetched.count <= limit)
  }
}

/// A part of a list.
public struct Page<Element: Sendable>: Sendable {
  /// In the order asked for.
  public var elements: [Element]
  /// Whether nothing lies beyond it in the direction of reading.
  public var isLast: Bool
}
