"""Files that look like a plate and show what lies in other files."""

import struct
from pathlib import Path

HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{name}\n#EXT-X-ENDLIST\n"
DASH = """<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"><Period><AdaptationSet>
<Representation id="0" mimeType="video/mp4" codecs="avc1" bandwidth="1"><BaseURL>{name}</BaseURL></Representation>
</AdaptationSet></Period></MPD>
"""
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
IMF = (
    '<?xml version="1.0"?>\n'
    '<CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">{name}</CompositionPlaylist>\n'
)
TEXTS = {
    "a concat list": "ffconcat version 1.0\nfile {name}\n",
    "a concat list with a byte order mark": "\ufeffffconcat version 1.0\nfile {name}\n",
    "HLS": HLS,
    "DASH": DASH,
    "ASX": '<asx version="3.0"><entry><ref href="{name}"/></entry></asx>\n',
    "PLS": "[playlist]\nFile1={name}\n",
    "IMF": IMF,
    "a session description": SDP,
    "a stream's address": "RTSPtextrtsp://127.0.0.1/{name}\n",
    "a subtitle index": "# VobSub index file, v7\nid: en\ntimestamp: 00:00:01:101, filepos: 000000000\n",
    "subtitles": "1\n00:00:01,000 --> 00:00:02,000\n{name}\n",
    "an AviSynth script": 'AviSource("{name}")\n',
}
CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"dinf")


def write_playlist(path: Path, kind: str, name: str) -> Path:
    """name: of the movie that it shows, beside it."""
    path.write_text(TEXTS[kind].replace("{name}", name), encoding="utf-8")
    return path


def with_pictures_elsewhere(source: Path, path: Path, other: Path) -> Path:
    """A .mov (its index behind its pictures) whose pictures are said to lie in another file, by a Macintosh alias."""
    place = str(other).encode()
    place += b"\0" * (len(place) % 2)
    record = bytes(10) + bytes(28) + bytes(12) + bytes([len(other.name)]) + other.name.encode().ljust(63, b"\0")
    record += bytes(16) + struct.pack(">hh", 1, 1) + bytes(16) + struct.pack(">hH", 2, len(place)) + place
    record += struct.pack(">hH", -1, 0) + bytes(64)
    entry = b"alis" + bytes(4) + record
    dref = bytes(4) + struct.pack(">I", 1) + struct.pack(">I", len(entry) + 4) + entry
    path.write_bytes(_changed(source.read_bytes(), dref))
    return path


def _changed(data: bytes, dref: bytes) -> bytes:
    """The atoms, with another dref in each track."""
    at, made = 0, b""
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + size]
        body = dref if kind == b"dref" else _changed(body, dref) if kind in CONTAINERS else body
        made += struct.pack(">I4s", len(body) + 8, kind) + body
        at += size
    return made
