internal import Base

/// A queue that grows by doubling and then allocates no more.
struct FIFO<Element: BitwiseCopyable> {
  private var places: [Element?]
  private var head = 0
  private(set) var count = 0

  init(capacity: Int = 16) {
    var size = 16
    while size < capacity { size *= 2 }
    places = Array(repeating: nil, count: size)
  }

  var isEmpty: Bool { count == 0 }
  var first: Element? { count == 0 ? nil : places[head] }

  /// The `index`-th from the front.
  subscript(index: Int) -> Element {
    get {
      require(index >= 0 && index < count, "no such element in a queue")
      guard let element = places[(head + index) & (places.count - 1)] else {
        invariantBroken("a queue lost an element")
      }
      return element
    }
    set {
      require(index >= 0 && index < count, "no such element in a queue")
      places[(head + index) & (places.count - 1)] = newValue
    }
  }

  mutating func append(_ element: Element) {
    if count == places.count { grow() }
    places[(head + count) & (places.count - 1)] = element
    count += 1
  }

  mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    let element = places[head]
    head = (head + 1) & (places.count - 1)
    count -= 1
    return element
  }

  private mutating func grow() {
    var larger: [Element?] = Array(repeating: nil, count: places.count * 2)
    for index in 0..<count { larger[index] = places[(head + index) & (places.count - 1)] }
    places = larger
    head = 0
  }
}
