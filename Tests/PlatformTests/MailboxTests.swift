// Goal: every message arrives once, in its poster's order, and wakes the owner.
// Method: four posters against one owner that sleeps on its wakeup.
internal import Base
internal import Glibc
internal import Platform
internal import Testing

@Suite(.timeLimit(.minutes(1))) struct MailboxTests {
  @Test func `messages come out once, oldest first`() {
    let mailbox = Mailbox<Int>(owner: Wakeup())
    #expect(!mailbox.hasMessages)
    #expect(mailbox.drain() == [])
    for value in 0..<5 { mailbox.post(value) }
    #expect(mailbox.hasMessages)
    #expect(mailbox.count == 5)
    #expect(mailbox.drain() == [0, 1, 2, 3, 4])
    #expect(!mailbox.hasMessages)
    #expect(mailbox.drain() == [])
  }

  @Test func `four posters reach a sleeping owner with every message in order`() {
    let perPoster = 2_000
    let wakeup = Wakeup()
    let mailbox = Mailbox<(poster: Int, value: Int)>(owner: wakeup)
    for poster in 0..<4 {
      Thread.start(name: "poster-\(poster)") {
        for value in 0..<perPoster { mailbox.post((poster, value)) }
      }
    }
    var next = [0, 0, 0, 0]
    var wrong = 0
    while next.reduce(0, +) < 4 * perPoster {
      wakeup.prepareToSleep()
      if !mailbox.hasMessages { wakeup.waitBlocking() }
      wakeup.awake()
      for message in mailbox.drain() {
        if message.value != next[message.poster] { wrong += 1 }
        next[message.poster] += 1
      }
    }
    #expect(wrong == 0)
    #expect(mailbox.drain().isEmpty)
  }

  @Test func `a started thread bears its name and has all signals blocked`() {
    let done = Shared()
    Thread.start(name: "a-name") {
      let hasName = nameOfThisThread() == "a-name"
      var set = sigset_t()
      unsafe pthread_sigmask(SIG_BLOCK, nil, &set)
      let blocked = unsafe sigismember(&set, SIGTERM) == 1
      done.set(hasName && blocked ? 1 : 2)
    }
    while done.value == 0 { sched_yield() }
    #expect(done.value == 1)
  }
}
