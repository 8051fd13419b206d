"""The vendor's Python tracker on a file of events: one JSON line of figures on standard output.

arguments: consumer (default, buffered, async), format (json, snappy), URL, file, product id, data source id
"""

import json
import resource
import sys
import time

from growingio_tracker import AsyncBufferedConsumer, BufferedConsumer, DefaultConsumer, GrowingTracker
from growingio_tracker.data_parser import JsonParser


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    kind, form, url, path, product, source = sys.argv[1:7]
    with open(path, encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    if form == "snappy":
        from growingio_tracker_snappy.snappy_parser import SnappyParser

        parser = SnappyParser()
    else:
        parser = JsonParser()
    kinds = {"default": DefaultConsumer, "buffered": BufferedConsumer, "async": AsyncBufferedConsumer}
    consumer = kinds[kind](product, source, url, data_parser=parser)
    tracker = GrowingTracker.consumer(consumer)
    began, cpu_began = time.perf_counter(), cpu()
    for event in events:
        if "track" in event:
            tracker.track_custom_event(
                event["track"], event_time=event["time"], login_user_id=event["user"], attributes=event["attributes"]
            )
        else:
            tracker.track_user(
                login_user_id=event["user"], event_time=event["time"], attributes=event["attributes"]
            )
    if kind != "default":
        consumer.flush()
    print(json.dumps({"wall": time.perf_counter() - began, "cpu": cpu() - cpu_began}))


main()
