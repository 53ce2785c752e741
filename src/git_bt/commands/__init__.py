"""One file a verb: plain values in, a report out. No click, no printing."""
