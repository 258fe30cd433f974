"""The loop of the probe: a hello, then one line per tick, until its input ends.

In: options, a host, a GPU reader. Out: lines of protocol 1 on standard output. Python 3.6,
standard library alone; this file travels to servers as it is (see scms.collect.bootstrap).

It always ends by itself: at once when its input ends, and by an alarm that the kernel delivers
when the collector has said nothing for the length of the lease, even in the middle of a call.
"""

import _signal
import _thread
import os
import sys
import time

# json, signal and threading import re and enum, which take as long as Python takes to start; what
# is under them is enough. It is the same in CPython 3.6 to 3.14; other Pythons have json alone.
try:
    from _json import encode_basestring_ascii, make_encoder
except ImportError:
    make_encoder = None

PROTOCOL = 1


def run(options, host, gpus):
    """Speak until the collector is gone; never returns.

    ``options``: nonce, interval_seconds, phase_seconds, lease_seconds.
    """
    hold_lease(int(options["lease_seconds"]))
    interval, phase = options["interval_seconds"], options["phase_seconds"]
    nonce = options["nonce"]
    hello = {"type": "hello", "protocol": PROTOCOL, "python": sys.version.split()[0]}
    hello.update(interval_seconds=interval, time=time.time(), simulated=False)
    hello.update(host.hello())
    say(nonce, hello)
    sequence = 0
    while True:
        gpus.ask()
        now = time.monotonic()
        message = {"type": "sample", "sequence": sequence, "time": time.time(), "monotonic": now}
        message.update(host.sample(now))
        message.update(gpus.answer(min(2.0, 0.4 * interval) if sequence else 2.0))
        say(nonce, message)
        sequence += 1
        time.sleep(until_next_tick(time.time(), interval, phase))


def until_next_tick(now, interval, phase):
    """Seconds to the next tick: a multiple of the interval plus the phase, never one missed.

    A tick that is nearly there is the one just done, reached early by a slewed clock.
    """
    wait = interval - (now - phase) % interval
    return wait + interval if wait < 0.1 * interval else wait


def refuse(value):
    """What json says of something that is none of its kinds."""
    raise TypeError("%r cannot be written as JSON" % (value,))


def encoder():
    """What makes JSON of a message."""
    if make_encoder is None:
        import json

        return json.JSONEncoder(separators=(",", ":")).encode
    encode = make_encoder(None, refuse, encode_basestring_ascii, None, ":", ",", False, False, True)
    return lambda message: "".join(encode(message, 0))


ENCODE = encoder()


def say(nonce, message):
    """Write one line; where nobody reads any more, end."""
    data = ("%s %s\n" % (nonce, ENCODE(message))).encode()
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        os._exit(0)


def hold_lease(seconds):
    """End when the input ends, and when it is silent for ``seconds``."""
    _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
    _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [_signal.SIGALRM])
    _signal.alarm(seconds)

    def watch():
        while True:
            try:
                heard = os.read(0, 4096)
            except OSError:
                heard = b""
            if not heard:
                os._exit(0)
            _signal.alarm(seconds)

    _thread.start_new_thread(watch, ())
