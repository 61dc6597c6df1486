"""What `doit footage` prints about a plate: what its header says and what decoding found, in a few lines."""

from shotmake.footage.plate import Plate
from shotmake.footage.unusable_frames import name_unusable
from shotmake.numbers_in_words import count_of


def describe_footage(plate: Plate) -> str:
    """Return the summary, then one aligned line for each subject, then the warnings."""
    width, height = plate.size_px
    rate = plate.frame_rate[0] / plate.frame_rate[1]
    lines = [f"{count_of(plate.frame_count, 'frame')}, {width}x{height}, {rate:.6g} frames/s"]
    rows = _describe_movie(plate) if plate.kind == "movie" else _describe_sequence(plate)
    if "lens" in plate.media:
        focal_mm, width_mm = plate.media["lens"]["focal_mm"], plate.media["lens"]["sensor_width_mm"]
        rows.append(("lens", f"{focal_mm:g} mm" + (f" on {width_mm:.4g} mm" if width_mm else "")))
    rows += [("unusable", line) for line in name_unusable(plate.unusable)]
    rows += [("warning", warning) for warning in plate.warnings]
    if plate.blender_fault:
        rows.append(("no .blend", plate.blender_fault))
    lines += [f"      {name:<10}{text}" for name, text in rows]
    return "\n".join(lines)


def _describe_movie(plate: Plate) -> list[tuple[str, str]]:
    media = plate.media
    width, height = media["stored_size_px"]
    turned = f", turned by {plate.rotation_deg} deg" if plate.rotation_deg else ""
    profile = f" {media['profile']}" if media["profile"] else ""
    announced = f"{media['frames_announced'] or 'no count'} announced"
    if "frames_hidden" in media:
        announced = f"{media['frames_announced']} stored, {media['frames_hidden']} hidden"
    times = "no times"
    if media["has_clock"]:
        kind = "constant" if media["is_constant_rate"] else "variable"
        times = f"{kind} rate, {media['first_time_s']:.3f} to {media['last_time_s']:.3f} s"
    return [
        ("file", f"{media['container']}, {media['codec']}{profile}, {plate.pixel_format}, {media['bits']} bit"),
        ("picture", f"{width}x{height}, pixels {plate.pixel_aspect:g}:1{turned}"),
        ("colour", ", ".join(f"{name} {value}" for name, value in media["color"].items())),
        ("clock", f"{_show_rate(plate)}, {media['duration_s']:.3f} s, timecode {plate.timecode or 'none'}"),
        ("decoded", f"{count_of(media['frames_decoded'], 'frame')} ({announced}), "
                    f"{media['frames_corrupt']} corrupt, {times}"),
    ]  # fmt: skip


def _describe_sequence(plate: Plate) -> list[tuple[str, str]]:
    media = plate.media
    compression = f", {media['compression']}" if media["compression"] else ""
    channels = " ".join(media["channels"])
    orientation = f", orientation tag {media['orientation']}" if media["orientation"] != 1 else ""
    x, y, wide, high = media["data_window"]
    window = f", data window {wide}x{high} at {x},{y}" if media["data_window"] != media["display_window"] else ""
    held = f", {media['frames_held']} held" if media["frames_held"] else ""
    return [
        ("file", f"{media['format']}, {media['sample_type']} ({media['bits']} bit), {channels}{compression}"),
        ("picture", f"{plate.size_px[0]}x{plate.size_px[1]}, pixels {plate.pixel_aspect:g}:1{orientation}{window}"),
        ("clock", f"{_show_rate(plate)}, timecode {plate.timecode or 'none'}"),
        ("decoded", f"{count_of(media['frames_decoded'], 'frame')}, {plate.first_frame} to {plate.last_frame}{held}"),
    ]


def _show_rate(plate: Plate) -> str:
    top, bottom = plate.frame_rate
    return f"{top}/{bottom} = {top / bottom:.6g} frames/s"
