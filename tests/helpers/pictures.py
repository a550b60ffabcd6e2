"""Pictures taken apart by their formats' own rules."""

import struct
import zlib
from pathlib import Path
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"


def png_chunks(path: Path) -> dict[str, bytes]:
    """A PNG's chunks, like ones joined; every check sum is right and the picture whole."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: dict[str, bytes] = {}
    at = 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, inside = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (told,) = struct.unpack_from(">I", data, at + 8 + length)
        assert zlib.crc32(name + inside) == told
        chunks[name.decode()] = chunks.get(name.decode(), b"") + inside
        at += 12 + length
    assert list(chunks)[-1] == "IEND"
    width, height, depth, colour = struct.unpack_from(">IIBB", chunks["IHDR"])
    samples = {2: 3, 6: 4}[colour] * depth // 8
    assert len(zlib.decompress(chunks["IDAT"])) == height * (1 + width * samples)
    return chunks


def png_width_cm(path: Path) -> float:
    """How wide it is printed, by its own resolution."""
    chunks = png_chunks(path)
    (pixels,) = struct.unpack_from(">I", chunks["IHDR"])
    per_m, _, unit = struct.unpack(">IIB", chunks["pHYs"])
    assert unit == 1
    return float(100.0 * pixels / per_m)


def svg_root(path: Path) -> ElementTree.Element:
    """An SVG that is well-formed, runs nothing and fetches nothing."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    for element in root.iter():
        assert not element.tag.endswith(("}script", "}foreignObject"))
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            if name.endswith("href"):
                assert value.startswith(("#", "data:image/png;base64,"))
    return root


def svg_texts(path: Path) -> list[str]:
    """What stands in it as text, not as drawn shapes."""
    return ["".join(each.itertext()) for each in svg_root(path).iter(f"{SVG}text")]
