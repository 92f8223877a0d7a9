internal import Broker
internal import Catalog
internal import Hummingbird

extension AdminRoutes {
  /// `POST /api/v1/app/{app}/msg`: answered when the event is on disk.
  mutating func addMessages(_ control: BrokerControl) {
    on(.post, "/api/v1/app/{app}/msg", .publish) { request, context in
      let given = try MessageIn(try await JSON.body(request))
      let result = try await control.publish(
        given.message(application: try context.application()))
      let showsContent = QueryReader(request).text("with_content") != "false"
      let out = MessageOut(given, result, now: control.catalog.now)
      let payload = showsContent ? given.payload : nil
      return JSON.response(
        bytes: try out.bytes(payload: payload ?? Array("{}".utf8)), status: .accepted)
    }
  }
}
