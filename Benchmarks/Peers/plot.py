"""The plot: CPU a delivery of every peer, as one SVG file that needs nothing else."""

import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, ROW, TOP = 760, 190, 90, 44, 86
COLOURS = {True: "#1f5f99", False: "#8fbbe0"}
FONT = 'font-family="system-ui, sans-serif"'


def draw(works):
    """Bars for the works at fan-out 16 and 512 B, on a logarithmic scale."""
    main = [work for work in works if work.fan_out == 16 and work.payload == 512 and work.figures]
    names = [peer.name for peer in main[0].peers] if main else []
    names = [name for name in names if any(work.has(name) for work in main)]
    values = [work.median(name, "micros") for work in main for name in names if work.has(name)]
    low = 10 ** math.floor(math.log10(min(values, default=1)))
    high = 10 ** math.ceil(math.log10(max(values, default=10)))

    def place(value):
        share = math.log10(value / low) / math.log10(high / low)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    height = TOP + ROW * len(names) + 44
    bottom = height - 36
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">',
        "<title>CPU a delivery, by peer</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        text(16, 28, "CPU a delivery, µs (logarithmic; less is better)", size=16, weight=600),
        text(16, 50, "512 B events, fan-out 16, 64 connections, one nginx, one run", fill="#555")]
    for index, work in enumerate(main):
        x = 16 + index * 90
        parts += [f'<rect x="{x}" y="62" width="12" height="12" fill="{COLOURS[work.tls]}"/>',
                  text(x + 18, 73, "TLS" if work.tls else "in clear")]
    for value in ticks(low, high):
        x = place(value)
        parts += [f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>',
                  text(x, bottom + 18, f"{value:,g}", fill="#555", anchor="middle")]
    for row, name in enumerate(names):
        y = TOP + row * ROW + 6
        parts.append(text(LEFT - 10, y + 20, name, anchor="end",
                          weight=600 if name.startswith("Fanfare") else 400))
        for index, work in enumerate(main):
            if not work.has(name):
                continue
            value = work.median(name, "micros")
            parts += [f'<rect x="{LEFT}" y="{y + index * 15}" width="{place(value) - LEFT:.1f}" '
                      f'height="13" fill="{COLOURS[work.tls]}"/>',
                      text(place(value) + 6, y + index * 15 + 11, f"{value:.1f}", size=12)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def ticks(low, high):
    """1, 2, 5 of every power of ten between the two."""
    power = low
    while power < high:
        yield from (power, 2 * power, 5 * power)
        power *= 10
    yield high


def text(x, y, content, size=13, fill="#111", anchor="start", weight=400):
    return (f'<text x="{x:.1f}" y="{y:.1f}" {FONT} font-size="{size}" font-weight="{weight}" '
            f'fill="{fill}" text-anchor="{anchor}">{escape(content)}</text>')
