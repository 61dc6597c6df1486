"""Our solve as Blender's own reconstruction of the clip, written into the saved file, because bpy can only read it.

Blender's solver would find another camera than ours. What Blender would write is known from the file's own layout: in
the camera's tracking object a flag, the mean error and the cameras, and in each track its point and error.
"""

import struct
from dataclasses import dataclass

import numpy as np

from kit.arguments import UserError
from kit.blend_file.dna import Block, Layout, pack_block, read_blend

RECONSTRUCTED, CAMERA_OBJECT, HAS_BUNDLE = 1 << 0, 1 << 0, 1 << 1  # flags from DNA_tracking_types.h


@dataclass(frozen=True)
class Reconstruction:
    """What the Clip Editor shows of a solve.

    clip_frames (N,): from 1; world_from_camera (N, 4, 4): in Blender's axes (x right, y up, looking along -z), world
    units; frame_error_px (N,); rms_px; bundles: by track name, (x, y, z) in the world and the mean error in px.
    """

    clip_frames: list[int]
    world_from_camera: np.ndarray
    frame_error_px: list[float]
    rms_px: float
    bundles: dict[str, tuple[list[float], float]]


def with_reconstruction(blend: bytes, clip_name: str, solve: Reconstruction) -> bytes:
    """Return the uncompressed .blend with `solve` in the named clip.

    Raises UserError where the file is not as we know it.
    """
    data = bytearray(blend)
    layout, blocks = read_blend(data)
    theirs, end = _blocks_of_clip(data, layout, blocks, clip_name)
    by_address = {block.address: block for block in theirs}
    camera = next(
        (
            block
            for block in theirs
            if block.struct == "MovieTrackingObject" and _read_integer(data, layout, block, "flag") & CAMERA_OBJECT
        ),
        None,
    )
    if camera is None:
        raise UserError(f"{clip_name}: Blender saved the clip without its camera's tracking object")

    address = _find_unused_address(blocks)
    inside = camera.start + layout.find_offset("MovieTrackingObject", "reconstruction")
    kind = "MovieTrackingReconstruction"
    struct.pack_into("<i", data, inside + layout.find_offset(kind, "flag"), RECONSTRUCTED)
    struct.pack_into("<f", data, inside + layout.find_offset(kind, "error"), solve.rms_px)
    struct.pack_into("<i", data, inside + layout.find_offset(kind, "camnr"), len(solve.clip_frames))
    struct.pack_into("<Q", data, inside + layout.find_offset(kind, "cameras"), address)

    at = camera.start + layout.find_offset("MovieTrackingObject", "tracks.first")
    (following,) = struct.unpack_from("<Q", data, at)
    while following:
        track = by_address[following]
        name = _read_text(data, track.start + layout.find_offset(track.struct, "name"))
        if name in solve.bundles:
            xyz, error_px = solve.bundles[name]
            flag = _read_integer(data, layout, track, "flag") | HAS_BUNDLE
            struct.pack_into("<i", data, track.start + layout.find_offset(track.struct, "flag"), flag)
            struct.pack_into("<3f", data, track.start + layout.find_offset(track.struct, "bundle_pos"), *xyz)
            struct.pack_into("<f", data, track.start + layout.find_offset(track.struct, "error"), error_px)
        (following,) = struct.unpack_from("<Q", data, track.start + layout.find_offset(track.struct, "next"))

    data[end:end] = pack_block(layout, "MovieReconstructedCamera", address, _pack_cameras(layout, solve))
    return bytes(data)


def _blocks_of_clip(data: bytearray, layout: Layout, blocks: list[Block], clip_name: str) -> tuple[list[Block], int]:
    """Return the DATA blocks of a clip, and where the last one ends."""
    for number, block in enumerate(blocks):
        is_clip = block.code == b"MC\0\0"
        if is_clip and _read_text(data, block.start + layout.find_offset("MovieClip", "id.name")) == f"MC{clip_name}":
            stop = next(n for n in range(number + 1, len(blocks)) if blocks[n].code != b"DATA")
            return blocks[number + 1 : stop], blocks[stop - 1].start + blocks[stop - 1].length
    raise UserError(f"{clip_name}: Blender saved the file without the clip")


def _pack_cameras(layout: Layout, solve: Reconstruction) -> list[bytes]:
    kind = "MovieReconstructedCamera"
    structs = []
    for frame, matrix, error_px in zip(solve.clip_frames, solve.world_from_camera, solve.frame_error_px, strict=True):
        one = bytearray(layout.sizes[kind])
        struct.pack_into("<i", one, layout.find_offset(kind, "framenr"), frame)
        struct.pack_into("<f", one, layout.find_offset(kind, "error"), error_px)
        struct.pack_into("<16f", one, layout.find_offset(kind, "mat"), *matrix.T.ravel().tolist())  # column by column
        structs.append(bytes(one))
    return structs


def _read_text(data: bytearray, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()


def _read_integer(data: bytearray, layout: Layout, block: Block, field: str) -> int:
    return struct.unpack_from("<i", data, block.start + layout.find_offset(block.struct, field))[0]


def _find_unused_address(blocks: list[Block]) -> int:
    """Return an address that no block has, because pointers in the file know blocks by their address alone."""
    return max(block.address + block.length for block in blocks) // 4096 * 4096 + 8192
