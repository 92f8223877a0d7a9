"""The tables: what was measured, and which of the aims it meets."""

import dataclasses
import datetime
import re

BEGIN = "<!-- Written by Benchmarks/Peers/run: begin -->"
END = "<!-- Written by Benchmarks/Peers/run: end -->"

# Against whom, by how much: the most CPU a delivery that Fanfare may take, as a share of theirs.
SHARES = {"syslog-ng": 1 / 3, "Go net/http": 1 / 2, "async-http-client": 1 / 5}


@dataclasses.dataclass
class Aim:
    """Something that must hold, and what it was."""

    what: str
    value: float
    limit: float
    at_most: bool

    @property
    def met(self):
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def row(self):
        sign = "≤" if self.at_most else "≥"
        return (f"| {self.what} | {sign} {self.limit:.2f} | {self.value:.2f} | "
                f"{'yes' if self.met else '**no**'} |")


def aims(works, published):
    """The aims that these works say something about."""
    result = []
    for work in works:
        if not work.has("Fanfare", "wrk"):
            continue
        cpu = work.ratio("Fanfare", "wrk", "micros")
        rate = work.ratio("Fanfare", "wrk", "rate")
        kind = "TLS" if work.tls else "clear"
        if work.payload > 512:
            result.append(Aim(
                f"{kind}, {work.payload >> 10} KiB: bytes/s ÷ wrk's", rate, 0.8, False))
        elif work.fan_out == 1:
            result.append(Aim(f"{kind}, fan-out 1: CPU a delivery ÷ wrk's", cpu, 2.2, True))
        else:
            result.append(Aim(f"{kind}, fan-out 16: CPU a delivery ÷ wrk's", cpu,
                              1.5 if work.tls else 1.7, True))
            result.append(Aim(
                f"{kind}, fan-out 16: deliveries/s ÷ wrk's (0.95 ÷ {cpu:.2f})", rate, 0.95 / cpu,
                False))
            result += [Aim(f"{kind}, fan-out 16: CPU a delivery ÷ {name}'s",
                           work.ratio("Fanfare", name, "micros"), limit, True)
                       for name, limit in SHARES.items() if work.has(name)]
    if published:
        result.append(Aim("publish only: events/s ÷ Redis's", published.ratio, 0.5, False))
    return result


class Report:
    """Everything of one run, as Markdown."""

    def __init__(self, works, published, absent, options, cores):
        self.works = works
        self.published = published
        self.absent = absent
        self.options = options
        self.cores = cores
        self.aims = aims(works, published)

    def text(self):
        lines = [self.how(), ""]
        if self.aims:
            lines += ["| Aim | | measured | met |", "|---|---|---|---|",
                      *(aim.row() for aim in self.aims), ""]
        for work in self.works:
            lines += [*self.table(work), ""]
        if self.published:
            lines += [*self.published_table(), ""]
        lines += self.notes()
        return "\n".join(lines).rstrip() + "\n"

    def how(self):
        where = ("each peer on one core, nginx and whoever publishes on the other"
                 if self.cores else "on all cores")
        return (f"{datetime.date.today()}; {self.options.rounds} interleaved rounds of "
                f"{self.options.seconds} s, medians; {where}. Ratios are medians of each round's.")

    def table(self, work):
        base = "wrk" if work.has("wrk") else None
        yield f"**{work.title}** of data, {work.request.size:,} bytes a request before TLS:"
        yield ""
        yield ("| | deliveries/s | × wrk | CPU a delivery, µs | × wrk | Fanfare's ÷ this | "
               "core busy |")
        yield "|---|---|---|---|---|---|---|"
        for peer in work.peers:
            name = peer.name
            if name in work.failed:
                yield f"| {name} | failed: {work.failed[name].splitlines()[0][:120]} | | | | | |"
                continue
            rate, micros = (f"{work.ratio(name, base, key):.2f}" if base else "" for key in
                            ("rate", "micros"))
            share = (f"{work.ratio('Fanfare', name, 'micros'):.2f}"
                     if work.has("Fanfare") and not name.startswith("Fanfare") else "")
            yield (f"| {name} | {work.median(name, 'rate'):,.0f} | {rate} | "
                   f"{work.median(name, 'micros'):.1f} | {micros} | {share} | "
                   f"{work.median(name, 'busy'):.0%} |")
        if base and work.payload > 512:
            alone = work.median(base, "micros")
            hashing = work.signing * 1e6
            yield ""
            yield (f"To hash this body once, for its signature, takes {hashing:.1f} µs by itself. wrk "
                   f"does not sign; with that its {alone:.1f} µs would be {alone + hashing:.1f}, and "
                   f"its rate {alone / (alone + hashing):.2f} of what it is.")

    def published_table(self):
        yield ("**Publish only**, no endpoint, `redis-benchmark -P 64 -c 50 PUBLISH`, 512 B, on "
               "the other core:")
        yield ""
        yield "| | events/s | × Redis | CPU an event, µs | core busy |"
        yield "|---|---|---|---|---|"
        for name, what, ratio in (
                ("fanfare", "Fanfare, every event stored and synced", self.published.ratio),
                ("redis", "redis-server, nothing stored", 1.0)):
            yield (f"| {what} | {self.published.median(name, 'rate'):,.0f} | {ratio:.2f} | "
                   f"{self.published.median(name, 'micros'):.2f} | "
                   f"{self.published.median(name, 'busy'):.0%} |")

    def notes(self):
        """How each peer was set up, and in what its requests differ."""
        peers = {peer.name: peer for work in self.works for peer in work.peers}
        if not peers:
            return
        yield "How each is set up:"
        yield ""
        for name, peer in peers.items():
            differences = sorted({difference for work in self.works if name in work.sent
                                  for difference in work.request.differences(work.sent[name])})
            ciphers = sorted({work.sent[name].cipher for work in self.works
                              if name in work.sent and work.tls})
            extra = [*(f"`{cipher}`" for cipher in ciphers), *differences]
            yield f"- {name}: {peer.setup}" + "".join(f"; {text}" for text in extra) + "."
        for name, why in self.absent:
            yield f"- {name}: **not measured**: {why}."

    def plain(self):
        """Every round's figures, for programs."""
        return {
            "works": [{"title": work.title, "failed": work.failed, "rounds": {
                name: [dataclasses.asdict(figures) for figures in rounds]
                for name, rounds in work.figures.items()}} for work in self.works],
            "published": self.published and self.published.plain(),
            "aims": [{**dataclasses.asdict(aim), "met": aim.met} for aim in self.aims],
            "absent": dict(self.absent)}

    def write(self, page):
        """Puts the text between the two marks of the page.

        Raises ValueError when they are not there."""
        before = page.read_text()
        if BEGIN not in before or END not in before:
            raise ValueError(f"{page}: no lines {BEGIN} and {END}")
        page.write_text(re.sub(
            re.escape(BEGIN) + ".*" + re.escape(END),
            lambda _: f"{BEGIN}\n{self.text()}{END}", before, flags=re.S))
