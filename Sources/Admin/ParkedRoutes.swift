internal import Broker
internal import Catalog
internal import Hummingbird

extension AdminRoutes {
  /// `DELETE /api/v1/parked/{number}`; what is parked stands in `/api/v1/spool`.
  mutating func addParked(_ control: BrokerControl) {
    on(.delete, "/api/v1/parked/{number}", .admin) { _, context in
      guard let number = UInt32(try context.path("number")) else {
        throw AdminError.badRequest("the path must end in the number of an endpoint")
      }
      let dropped = try await control.removeParked(number: number)
      return .empty(headers: [.fanfareDropped: "\(dropped)"])
    }
  }
}
