# SPDX-FileCopyrightText: The Ambit authors
# SPDX-License-Identifier: Apache-2.0
"""RFC 7541: header compression, both as decoder and as encoder."""


from peer import *
from registry import check, require

# The requests of RFC 7541 Appendix C.3 and C.4, on one connection each: plain and Huffman-coded.
C3 = ["828684410f7777772e6578616d706c652e636f6d", "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565"]
C4 = ["828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"]
C_FIELDS = [
    b":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n",
    b":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\ncache-control: no-cache\n",
    b":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\ncustom-key: custom-value\n",
]
BASE = block(request("/fields"))


def fields(peer, stream, raw):
    """What the server decoded of a header block."""
    peer.headers(stream, raw)
    return peer.expect_response(stream).content


@check("RFC 7541 §6.1", "static and dynamic indexes are decoded, also across requests")
def _(port):
    peer = Peer(port)
    require(b"x-a: 1\n" in fields(peer, 1, BASE + literal("x-a", "1", 0x40)), "the literal is missing")
    require(b"x-b: 2\n" in fields(peer, 3, BASE + literal("x-b", "2", 0x40)), "the literal is missing")
    content = fields(peer, 5, BASE + b"\xbe\xbf")
    require(b"x-b: 2\nx-a: 1\n" in content, "an index names another field")


for name, blocks in (("C.3", C3), ("C.4", C4)):
    @check(f"RFC 7541 {name}", "the requests of the appendix are decoded")
    def _(port, blocks=blocks):
        peer = Peer(port)
        # The paths are the appendix's own, so that only the status tells; "/fields" then shows the table.
        for index, raw in enumerate(blocks):
            peer.headers(2 * index + 1, bytes.fromhex(raw))
            peer.expect_response(2 * index + 1)
        content = fields(peer, 7, block(request("/fields")) + b"\xbe\xbf")
        require(b"custom-key: custom-value\ncache-control: no-cache\n" in content, "the table is another")


@check("RFC 7541 §6.2.1", "an indexed name with a new value is decoded and indexed")
def _(port):
    peer = Peer(port)
    require(b"accept: text\n" in fields(peer, 1, BASE + b"\x53" + string("text")), "the literal is missing")
    require(b"accept: text\n" in fields(peer, 3, BASE + b"\xbe"), "it was not indexed")


for what, flags in (("without indexing", 0x00), ("never indexed", 0x10)):
    @check("RFC 7541 §6.2.2, §6.2.3", f"a literal {what} is decoded and not indexed")
    def _(port, flags=flags):
        peer = Peer(port)
        fields(peer, 1, BASE + literal("x-first", "1", 0x40))
        require(b"x-other: 2\n" in fields(peer, 3, BASE + literal("x-other", "2", flags)), "the literal is missing")
        require(b"x-first: 1\n" in fields(peer, 5, BASE + b"\xbe"), "the table was changed")


@check("RFC 7541 §4.4", "a field larger than the table empties it")
def _(port):
    peer = Peer(port)
    fields(peer, 1, BASE + literal("x-first", "1", 0x40) + literal("x-large", "v" * 4096, 0x40))
    peer.headers(3, BASE + b"\xbe")
    peer.expect_goaway(COMPRESSION_ERROR)


@check("RFC 7541 §4.4", "the oldest fields leave the table when it is full")
def _(port):
    peer = Peer(port)
    # 32 + 3 + 1000 octets each: three fit in 4096.
    raw = b"".join(literal(f"x-{letter}", letter * 1000, 0x40) for letter in "abcd")
    fields(peer, 1, BASE + raw)
    content = fields(peer, 3, BASE + b"\xbe\xbf\xc0")
    require(b"x-d" in content and b"x-c" in content and b"x-b" in content, "a field is missing")
    peer.headers(5, BASE + b"\xc1")
    peer.expect_goaway(COMPRESSION_ERROR)


@check("RFC 7541 §6.3", "size updates at the beginning of a block are taken; 0 empties the table")
def _(port):
    peer = Peer(port)
    fields(peer, 1, BASE + literal("x-a", "1", 0x40))
    fields(peer, 3, integer(0, 5, 0x20) + integer(4096, 5, 0x20) + BASE)
    peer.headers(5, BASE + b"\xbe")
    peer.expect_goaway(COMPRESSION_ERROR)


def compression_error(rule, sentence, raw):
    @check(rule, f"{sentence} is a connection error COMPRESSION_ERROR")
    def _(port):
        peer = Peer(port)
        peer.headers(1, raw)
        peer.expect_goaway(COMPRESSION_ERROR)


compression_error("RFC 7541 §6.1", "index 0", BASE + b"\x80")
compression_error("RFC 7541 §2.3.3", "an index beyond both tables", BASE + b"\xbe")
compression_error("RFC 7541 §2.3.3", "an indexed name beyond both tables", BASE + b"\x7f\x20" + string("x"))
compression_error("RFC 7541 §6.3", "a size update above SETTINGS_HEADER_TABLE_SIZE", integer(4097, 5, 0x20) + BASE)
compression_error("RFC 7541 §4.2", "a size update behind a field", BASE + integer(100, 5, 0x20))
compression_error("RFC 7541 §5.1", "an integer that overflows", BASE + b"\xff" + b"\xff" * 20 + b"\x7f")
compression_error("RFC 7541 §5.1", "an integer with endless zeros behind", BASE + b"\xff" + b"\x80" * 40 + b"\x00")
compression_error("RFC 7541 §5.1", "an integer that does not end", BASE + b"\xff\x80")
compression_error("RFC 7541 §5.2", "a string longer than the block", BASE + b"\x00\x01a\x7f\x10bc")
compression_error("RFC 7541 §5.2", "a literal without value", BASE + b"\x00\x01a")
compression_error("RFC 7541 §5.2", "Huffman padding with zeros", BASE + b"\x00\x01a\x81\x18")
compression_error("RFC 7541 §5.2", "Huffman padding of more than 7 bits", BASE + b"\x00\x01a\x82\x1f\xff")
compression_error("RFC 7541 §5.2", "EOS in a Huffman string", BASE + b"\x00\x01a\x84\xff\xff\xff\xff")


@check("RFC 7541 §5.2", "every octet that a value may hold is decoded from Huffman code")
def _(port):
    coder = hpack.huffman.HuffmanEncoder(
        hpack.huffman_constants.REQUEST_CODES, hpack.huffman_constants.REQUEST_CODES_LENGTH)
    # All that a field value may hold (RFC 9110 §5.5); white space may not stand at its ends.
    octets = bytes([octet for octet in range(256) if octet == 9 or octet >= 32 and octet != 127])
    value = b"<" + octets + b">"
    coded = coder.encode(value)
    peer = Peer(port)
    content = fields(peer, 1, BASE + b"\x00\x01x" + integer(len(coded), 7, 0x80) + coded)
    require(b"x: " + value + b"\n" in content, "the value was changed")


@check("RFC 7541 §5.1", "an integer of many octets is decoded where it is not too large")
def _(port):
    peer = Peer(port)
    value = b"v" * 1337
    require(value in fields(peer, 1, BASE + b"\x00\x01x" + integer(1337, 7) + value), "the value is missing")


for size in (0, 64, 4096, 1 << 20):
    @check("RFC 7541 §4.2", f"the server's encoder keeps to a table of {size} octets")
    def _(port, size=size):
        peer = Peer(port, own=[(HEADER_TABLE_SIZE, size)])
        for stream in (1, 3, 5):
            peer.headers(stream, request("/headers"))
            response = peer.expect_response(stream)
            require(response["x-field-59"] == "Aa0-" * 177, "a value was changed")
        require(peer.decoder.header_table.maxsize <= size, "the table is larger")


@check("RFC 7541 §4.2", "the server's encoder announces a table that becomes smaller in mid-connection")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/headers"))
    peer.expect_response(1)
    peer.send(settings((HEADER_TABLE_SIZE, 0)), settings((HEADER_TABLE_SIZE, 100)))
    for _ in range(2):
        peer.wait(lambda f: f.type == SETTINGS and f.flags & ACK, "the acknowledgement")
    peer.decoder.max_allowed_table_size = 100
    peer.headers(3, request("/headers"))
    peer.expect_response(3)
    require(peer.decoder.header_table.maxsize <= 100, "the table is larger")


@check("RFC 7541 §7.1.3", "what is marked as secret is sent never indexed")
def _(port):
    peer = Peer(port)
    peer.headers(1, request("/headers"))
    cookies = [field for field in peer.expect_response(1).fields if field[0] == "set-cookie"]
    require(cookies and isinstance(cookies[0], hpack.NeverIndexedHeaderTuple), f"got {cookies!r}")
