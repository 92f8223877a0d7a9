import Delivery
import Platform
import Testing

// Goal: no address that reaches inside is ever dialled, however it is written.
// Method: one address of each block, its neighbours outside, and the exceptions.
struct AddressGuardTests {
  private func permits(_ text: String, port: UInt16 = 443, _ sut: AddressGuard = AddressGuard())
    throws -> Bool
  {
    let address = try #require(SocketAddress(literal: text, port: port))
    return sut.permits(address, port: port)
  }

  @Test(arguments: [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255",
    "127.0.0.1", "127.255.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
    "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.9", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "168.63.129.16",
  ])
  func `a private or reserved IPv4 address is refused`(_ text: String) throws {
    #expect(try !permits(text))
  }

  @Test(arguments: [
    "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:0:4136:e378::1", "2001:db8::1", "2002:a00:1::1", "3fff::1", "3fff:fff::1", "5f00::1",
    "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1", "ff02::1",
  ])
  func `a private or reserved IPv6 address is refused`(_ text: String) throws {
    #expect(try !permits(text))
  }

  @Test(arguments: [
    "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.1", "169.253.1.1", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15", "2606:4700::1111",
    "2001:4860:4860::8888", "2a00::1", "::ffff:8.8.8.8", "3ffe::1", "64:ff9c::1",
  ])
  func `a public address is permitted`(_ text: String) throws {
    #expect(try permits(text))
  }

  @Test(arguments: ["127.0.0.1", "::1", "10.1.2.3", "172.20.0.1", "192.168.0.9", "fd12::1"])
  func `development mode permits loopback and private networks`(_ text: String) throws {
    #expect(try permits(text, AddressGuard(devMode: true)))
  }

  @Test(arguments: ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "100.64.0.1"])
  func `development mode permits nothing else`(_ text: String) throws {
    #expect(try !permits(text, AddressGuard(devMode: true)))
  }

  @Test func `an allowed block is an exception, its neighbours are not`() throws {
    let block = try #require(AddressBlock(cidr: "10.20.0.0/16"))
    let sut = AddressGuard(allowed: [block])
    #expect(try permits("10.20.255.1", sut))
    #expect(try permits("::ffff:10.20.0.1", sut))
    #expect(try !permits("10.21.0.1", sut))
  }

  @Test func `the broker's own ports on this host are refused whatever else is allowed`() throws {
    let all = try #require(AddressBlock(cidr: "0.0.0.0/0"))
    let own = try #require(SocketAddress(literal: "8.8.4.4", port: 0))
    let sut = AddressGuard(
      allowed: [all], devMode: true, ownPorts: [8071], ownAddresses: [own])
    #expect(try !permits("127.0.0.1", port: 8071, sut))
    #expect(try !permits("::1", port: 8071, sut))
    #expect(try !permits("::ffff:127.0.0.1", port: 8071, sut))
    #expect(try !permits("8.8.4.4", port: 8071, sut))
    #expect(try permits("127.0.0.1", port: 8072, sut))
    #expect(try permits("8.8.8.8", port: 8071, sut))
  }

  @Test func `an answer with one forbidden address is refused whole`() throws {
    let good = try #require(SocketAddress(literal: "8.8.8.8", port: 0))
    let bad = try #require(SocketAddress(literal: "10.0.0.1", port: 0))
    #expect(AddressGuard().permits([good, good], port: 443))
    #expect(!AddressGuard().permits([good, bad], port: 443))
    #expect(!AddressGuard().permits([], port: 443))
  }

  @Test(arguments: [
    "", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.1/8", "10.0.0/8", "::/129", "a/8", "10.0.0.0/8/8",
    "10.0.0.0/", "::1/64", "10.0.0.0/+8",
  ])
  func `what is no CIDR block is refused`(_ text: String) {
    #expect(AddressBlock(cidr: text) == nil)
  }
}
