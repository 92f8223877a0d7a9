// Goal: exactly the grammar of the contract passes.
// Method: tables, and the lengths one to each side of the limit.
import Testing
import Wire

@Suite struct EventRulesTests {
  @Test(arguments: ["a", "job.completed", "JOB_1.x-y.Z", "0", "-", "_", "a.b.c.d.e"])
  func `a type of joined words passes`(type: String) {
    #expect(EventRules.isValidType(type))
  }

  @Test(arguments: [
    "", ".", ".a", "a.", "a..b", "a b", "a*", "job.*", "a/b", "gr\u{FC}n", "a\0", "a\n",
  ])
  func `another type is refused`(type: String) {
    #expect(!EventRules.isValidType(type))
  }

  @Test func `types, ids, channels and names end at 128 bytes`() {
    let longest = String(repeating: "a", count: 128)
    #expect(EventRules.isValidType(longest) && !EventRules.isValidType(longest + "a"))
    #expect(EventRules.isValidID(longest) && !EventRules.isValidID(longest + "a"))
    #expect(EventRules.isValidChannel(longest) && !EventRules.isValidChannel(longest + "a"))
    #expect(EventRules.isValidName(longest) && !EventRules.isValidName(longest + "a"))
  }

  @Test func `an id does not begin as Fanfare's own do`() {
    for id in ["a", "order-1_2", "msg", "msg-1", "ms", "Msg_1", "xmsg_"] {
      #expect(EventRules.isValidID(id), "\(id)")
    }
    for id in ["", "msg_", "msg_1", "a.b", "a b", "a:b"] {
      #expect(!EventRules.isValidID(id), "\(id)")
    }
  }

  @Test func `channels and names have their alphabets`() {
    #expect(EventRules.isValidChannel("rule:42.a-b_c"))
    #expect(EventRules.isValidName("billing-eu.1"))
    #expect(EventRules.isValidName("_system"))
    for text in ["", "a b", "a/b", "a\u{E9}", "a\n"] {
      #expect(!EventRules.isValidChannel(text))
      #expect(!EventRules.isValidName(text))
    }
    #expect(!EventRules.isValidName("a:b"))
  }

  @Test func `a source is text in one line`() {
    #expect(EventRules.isValidAttribute("https://example.com/a?b#gr\u{FC}n"))
    for text in ["", "a\nb", "a\0", "\u{1B}[0m", String(repeating: "a", count: 513)] {
      #expect(!EventRules.isValidAttribute(text))
    }
    #expect(unsafe !lend([0x61, 0xFF]) { unsafe EventRules.isValidAttribute($0) })
  }

  @Test func `a content type cannot end its line`() {
    for type in ["application/json", "text/plain; charset=utf-8", "application/vnd.a+json;v=1"] {
      #expect(EventRules.isValidContentType(type), "\(type)")
    }
    for type in [
      "", "json", "/json", "text/", "text/plain\r\nX: y", "text /plain", "a/b,c", "a/b ",
    ] {
      #expect(!EventRules.isValidContentType(type), "\(type)")
    }
  }

  @Test func `JSON content types are known by their ends`() {
    func isJSON(_ type: String) -> Bool {
      unsafe lend(type) { unsafe EventRules.isJSONContentType($0) }
    }
    #expect(isJSON("application/json"))
    #expect(isJSON("Application/JSON; charset=utf-8"))
    #expect(isJSON("application/cloudevents+json"))
    #expect(!isJSON("text/plain"))
    #expect(!isJSON("application/jsonp"))
    #expect(!isJSON(""))
  }
}
