"""How fast this machine is right now, in CPython: best of five of one fixed loop, in milliseconds.

Absolute figures in RESULTS.md are scaled to a machine where this takes 7 ms.
"""

import time


def loop() -> float:
    start = time.perf_counter()
    x = 1
    for _ in range(100000):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    print(f"{min(loop() for _ in range(5)):.2f} ms")
