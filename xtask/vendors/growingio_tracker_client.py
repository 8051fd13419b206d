"""The vendor's own Python tracker, in every format and with every consumer, into the collector at URL.

usage: growingio_tracker_client.py URL FILE

FILE gets one JSON object a line for each record that the collector must hold afterwards.
"""

import json
import sys

from growingio_tracker import AsyncBufferedConsumer, BufferedConsumer, DebugConsumer, DefaultConsumer, GrowingTracker
from growingio_tracker.data_parser import JsonParser
from growingio_tracker_protobuf import ProtobufParser
from growingio_tracker_snappy import SnappyParser

EVENTS = 25
TIME = 1710325284000

FORMATS = {
    "json": JsonParser,
    "snappy": SnappyParser,
    "snappy_crypt": lambda: SnappyParser(crypt_data=True),
    "protobuf": ProtobufParser,
}

CONSUMERS = {
    "default": (DefaultConsumer, {}),
    "buffered": (BufferedConsumer, {"max_size": 10}),
    "async": (AsyncBufferedConsumer, {"max_size": 10, "flush_after": 0.2}),
    "debug": (DebugConsumer, {}),
}


def sent(fmt, attributes):
    """Attributes as the peer sends them: lists as one text, and in protobuf everything as text."""
    result = {}
    for key, value in attributes.items():
        if isinstance(value, list):
            value = "||".join(str(x) for x in value if x != "" and x is not None)
        result[key] = str(value) if fmt == "protobuf" else value
    return result


def run(url, fmt, consumer, out):
    kind, options = CONSUMERS[consumer]
    source = kind("vendor-project", "vendor-source", url, data_parser=FORMATS[fmt](), **options)
    tracker = GrowingTracker.consumer(source)

    def expect(**record):
        out.write(json.dumps({"case": f"python {fmt} {consumer}", **record}) + "\n")

    for n in range(EVENTS):
        name = f"py_{fmt}_{consumer}"
        attributes = {"n": n, "price": n + 0.5, "title": f"壶 «{n}» 😀 \"q\"", "tags": ["new", "", n, 1e20]}
        tracker.track_custom_event(
            name, event_time=TIME + n, anonymous_id=f"d{n}", login_user_key="email", login_user_id=f"u{n}",
            attributes=attributes)
        expect(kind="track", name=name, user=f"u{n}", anonymous=f"d{n}", time=TIME + n, attributes=sent(fmt, attributes))
        attributes = {"case": name, "level": n, "cities": ["北京", "Ghent"]}
        tracker.track_user(login_user_id=f"u{n}", event_time=TIME, attributes=attributes)
        expect(kind="user", user=f"u{n}", time=TIME, attributes=sent(fmt, attributes))
    attributes = {"case": f"py_{fmt}_{consumer}", "color": "red"}
    tracker.submit_item("product", "1001", attributes)
    expect(kind="item", attributes=attributes)

    # The async consumer's stop() loses what was queued while a flush ran, so everything is flushed before it.
    if consumer in ("buffered", "async"):
        source.flush()
    if consumer == "async":
        source.stop()


def main():
    url, path = sys.argv[1:]
    with open(path, "w", encoding="utf-8") as out:
        for fmt in FORMATS:
            for consumer in CONSUMERS:
                run(url, fmt, consumer, out)


main()
