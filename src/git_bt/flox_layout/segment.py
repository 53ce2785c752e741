"""The header of a FLOX tape segment: when its events begin and end.

Only the engine reads segments; of a header we take the times, to tell whether a new segment lies
behind the old ones. lrvx 0.11 never opens a segment again: what is recorded later is a new file.
"""

import struct

SUFFIXES = (".lrvx", ".floxlog")
HEAD = 64  # bytes
# magic, version, flags, created_ns, first_event_ns, last_event_ns, event count
_HEADER = struct.Struct("<4sHHqqqQ")


def segment_times(path: str, head: bytes) -> tuple[int, int] | None:
    """Return the times of the first and the last event of a segment, in ns.

    Args:
        path: of the file.
        head: its first HEAD bytes.

    Returns:
        None where it is no segment of version 1, or one without events.
    """
    if not path.endswith(SUFFIXES) or len(head) < _HEADER.size:
        return None
    magic, version, _, _, first, last, count = _HEADER.unpack_from(head)
    if magic != b"FLOX" or version != 1 or not count or not 0 < first <= last:
        return None
    return first, last
