"""What moves in a plate: detections, tracklets and mattes."""
