internal import Base

/// An element of a slab, found once and used through `it` without retain, release or a second look.
///
/// `@safe`: made only from a live name; never kept across a turn, nor across the element's removal.
@safe
struct SlabRef<Element: ~Copyable> {
  let id: SlotID
  private let pointer: UnsafeMutablePointer<Element>

  init(id: SlotID, pointer: UnsafeMutablePointer<Element>) {
    self.id = id
    unsafe self.pointer = pointer
  }

  /// The element in its place.
  var it: Element {
    @inline(__always) unsafeAddress { unsafe UnsafePointer(pointer) }
    @inline(__always) nonmutating unsafeMutableAddress { unsafe pointer }
  }

  /// The element's slot.
  var slot: UInt32 { id.slot }
}

typealias LaneRef = SlabRef<Lane>
typealias ConnectionRef = SlabRef<Connection>
typealias OriginRef = SlabRef<Origin>

extension Slab where Element: ~Copyable {
  /// The element of that name.
  @inline(__always)
  func find(_ id: SlotID) -> SlabRef<Element>? {
    guard let pointer = unsafe pointer(id) else { return nil }
    return unsafe SlabRef(id: id, pointer: pointer)
  }

  /// The element in that slot.
  @inline(__always)
  func find(slot: UInt32) -> SlabRef<Element>? {
    guard let id = id(ofSlot: slot) else { return nil }
    return find(id)
  }
}

/// Names no slot in the links of the intrusive lists.
package let noSlot = UInt32.max
