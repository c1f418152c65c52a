"""What comes over a connection instead of a whole request: what follows the head of a good one."""

from __future__ import annotations

PIECES = {
    "less than was announced": b"Content-Length: 100\r\n\r\n{}",
    "a chunk cut off": b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"typ',
    "a chunk without a length": b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n",
    "a chunk of endless length": b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length below nothing": b"Content-Length: -1\r\n\r\n{}",
    "a length that is no number": b"Content-Length: two\r\n\r\n{}",
    "a length and chunks": b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "an unknown transfer": b"Transfer-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "a header of 200,000 letters": b"X: " + b"y" * 200_000 + b"\r\n\r\n",
    "20,000 headers": b"X: y\r\n" * 20_000 + b"\r\n",
    "a header without a name": b": x\r\nContent-Length: 2\r\n\r\n{}",
    "NUL in a header": b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
}
"""The client then sends nothing more, and waits."""
UNFINISHED = {
    "a body that never comes": b"Content-Length: 100\r\n\r\n",
    "chunks without end": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
}
"""The client then holds the connection open, and says a letter now and then."""
GARBAGE = (
    b"\x00\xff" * 500,
    b"GET\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
"""What follows a good request on its connection: noise, half a request, TLS, HTTP/2."""
