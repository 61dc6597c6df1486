"""Node editors that show the whole comp when the file opens. Blender fits a view only where it has drawn one."""

import struct
from pathlib import Path

import bpy

from kit import versions
from kit.blend_file.dna import read_blend

NODE_EDITOR, WINDOW_REGION = 16, 0  # DNA_space_types.h, DNA_screen_types.h
MARGIN = 60.0
NODE_HEIGHT = 260.0  # a guess of a node's height, which is not known before it is drawn

Box = tuple[float, float, float, float]  # left, right, bottom, top


def find_bounds(tree: bpy.types.NodeTree) -> Box:
    """Return what a view must show to show all nodes."""
    places = []
    for node in tree.nodes:
        if node.bl_idname != "NodeFrame":
            x, y = node.location
            parent = node.parent
            while parent:
                x, y, parent = x + parent.location[0], y + parent.location[1], parent.parent
            places.append((x, y, x + node.width))
    left, top, right = (pick(values) for pick, values in zip((min, max, max), zip(*places, strict=True), strict=True))
    bottom = min(y for _, y, _ in places) - NODE_HEIGHT
    return left - MARGIN, right + MARGIN, bottom - MARGIN, top + MARGIN


def write_node_views(out: Path, scene: bpy.types.Scene) -> None:
    """Put views on the scene's whole comp into the uncompressed .blend."""
    tree = versions.compositor_of(scene)
    assert tree
    out.write_bytes(with_node_views(out.read_bytes(), find_bounds(tree)))


def with_node_views(blend: bytes, box: Box) -> bytes:
    """Return the uncompressed .blend with each node editor's view on `box`, widened to the editor's shape."""
    data = bytearray(blend)
    layout, blocks = read_blend(data)
    regions = {block.address: block.start for block in blocks if block.struct == "ARegion"}
    for area in blocks:
        if area.struct != "ScrArea" or data[area.start + layout.find_offset("ScrArea", "spacetype")] != NODE_EDITOR:
            continue
        (following,) = struct.unpack_from("<Q", data, area.start + layout.find_offset("ScrArea", "regionbase.first"))
        while following:
            region = regions[following]
            (kind,) = struct.unpack_from("<h", data, region + layout.find_offset("ARegion", "regiontype"))
            if kind == WINDOW_REGION:
                width, height = struct.unpack_from("<2h", data, region + layout.find_offset("ARegion", "winx"))
                struct.pack_into(
                    "<4f", data, region + layout.find_offset("ARegion", "v2d.cur"), *_widen(box, width, height)
                )
            (following,) = struct.unpack_from("<Q", data, region + layout.find_offset("ARegion", "next"))
    return bytes(data)


def _widen(box: Box, width: int, height: int) -> Box:
    """Return the box grown about its middle to the shape of width x height px."""
    left, right, bottom, top = box
    wide, high = right - left, top - bottom
    if width > 1 and height > 1:
        scale = max(wide / width, high / height)
        wide, high = scale * width, scale * height
    x, y = (left + right) / 2, (bottom + top) / 2
    return x - wide / 2, x + wide / 2, y - high / 2, y + high / 2
