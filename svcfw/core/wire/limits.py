"""Limits of what a peer can make us hold, with reasons; in bytes unless the name says otherwise."""

#: Payload of one frame. Bulk data goes in many small frames; this admits a whole module payload or a large result
#: (the largest of ansible-core's are below 1 MiB) with room, and keeps a hostile peer from naming gigabytes.
MAX_FRAME_BYTES = 64 * 1024 * 1024

#: Containers within containers in one value. Decoding takes one Python frame for each; the interpreter allows 1000.
MAX_DEPTH = 100

#: Values in one message, containers included. Two bytes on the wire can become an empty set of 216 bytes in memory, so
#: the size of a frame does not bound what decoding it allocates; this does, to 250 MiB at the very worst (measured).
MAX_VALUES = 1024 * 1024

#: Values in one message that a loop decodes, while everybody else waits: log records, routes, names of modules, what an
#: agent answers. The largest of ours, an agent's facts, has 16; so many take 0.1 ms, whatever they are.
FEW_VALUES = 256

#: Dict keys and set members in one message that are neither str nor bytes. Only those two have a keyed hash; others can
#: be chosen to collide, and n of them cost n * n / 2 comparisons: measured, 0.7 s for this many ints.
MAX_WEAK_KEYS = 10000

#: So few keys in one dict or set are not counted: whatever they are, each is compared with no more than these.
FEW_KEYS = 8

#: What a tuple, frozenset or object counts as a key. Comparing two takes as long as they are alike: 10,000 colliding
#: tuples of 100 took 20 s.
COMPOUND_KEY_WEIGHT = 16

#: What a login may print before our marker. Banners and profile scripts write some lines; a stream that goes on
#: without it is not a context.
MAX_NOISE_BYTES = 64 * 1024

#: One read() from a descriptor: a default pipe. From 128 KiB on malloc() maps and unmaps the buffer each time, which
#: costs more than the rest of a small message's way (measured: 13 us for an echo with 64 KiB, 43 us with 128 KiB).
READ_BYTES = 64 * 1024

#: The read() after one that came back full: what a socketpair gives at once.
BULK_READ_BYTES = 256 * 1024

#: The read() after one whose frames were this small on average: to cut 64 KiB into frames of 28 bytes takes 2 ms, for
#: which others would wait.
SHORT_READ_BYTES = 8 * 1024
SMALL_FRAME_BYTES = 256

#: A block of this size is allocated, untouched, and freed, for glibc's malloc() to learn that such come and go: it then
#: keeps up to twice as much instead of having the kernel map and clear the buffers of each large message anew (2.5 us
#: for each page, measured: most of the time of a message of 1 MiB). Once in a process: what it keeps already it would
#: clear each time, in half a millisecond, and so make resident.
KEPT_BYTES = 8 * 1024 * 1024

#: First credit of a flow-controlled stream: at 50 ms round trip it carries 80 MB/s, twice what ssh's own window of
#: 2 MiB lets through.
WINDOW_BYTES = 4 * 1024 * 1024

#: How far that credit grows for long, fast paths; also the most that a stalled reader makes us hold.
MAX_WINDOW_BYTES = 64 * 1024 * 1024

#: Blocks of context ids granted to one link; at 1000 ids each that is a million descendants.
MAX_BLOCKS = 1024
