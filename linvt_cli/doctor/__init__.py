"""Is everything here that linvt needs, and does it work?

``checks`` is the list. Each check runs in a process of its own, so that one that crashes in a
native library, or hangs, does not end the others: ``isolation`` starts it, ``worker`` runs in it.
"""
