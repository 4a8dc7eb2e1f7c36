"""The local server of the live page: loopback by default, a token for each start, each request in another process.

    browser ──▶ connections ──▶ guard ──▶ application ──▶ pool ──▶ worker: `editor.engine.answer`

What a request can cost is bounded: its size, its time, its memory, how many wait. The extra `serve` has what it needs.
"""
