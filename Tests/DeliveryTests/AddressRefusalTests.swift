import Delivery
import Platform
import Testing

// Goal: whoever looks at the spool learns which address was refused, and what permits it.
struct AddressRefusalTests {
  private func refusal(_ texts: [String], _ sut: AddressGuard = AddressGuard()) throws -> String? {
    let addresses = try texts.map { try #require(SocketAddress(literal: $0, port: 443)) }
    return sut.refusal(addresses, port: 443)
  }

  @Test func `nothing is refused that may be dialled`() throws {
    #expect(try refusal(["1.1.1.1", "2606:4700::1111"]) == nil)
  }

  @Test(arguments: ["127.0.0.1", "::1", "10.1.2.3", "fd00::1"])
  func `the refused address is named with the flag that permits it`(_ text: String) throws {
    let expected = "\(text) is private or forbidden; serve --allow \(text) permits it"
    #expect(try refusal(["1.1.1.1", text]) == expected)
    let block = try #require(AddressBlock(cidr: text))
    #expect(try refusal([text], AddressGuard(allowed: [block])) == nil)
  }

  @Test func `the broker's own port is refused even where loopback is permitted`() throws {
    let sut = AddressGuard(devMode: true, ownPorts: [443])
    #expect(try refusal(["127.0.0.1"], sut) == "127.0.0.1 port 443 is this broker itself")
  }

  @Test func `an answer without addresses is refused`() throws {
    #expect(try refusal([]) == "the name has no address")
  }
}
