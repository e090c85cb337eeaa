"""Is everything here that linvt needs, and does it work?

``checks`` is the list. Each check runs in a process of its own (``isolation`` starts it, ``worker``
is what runs in it), so that one that crashes in a native library, or hangs, does not end the others.
"""
