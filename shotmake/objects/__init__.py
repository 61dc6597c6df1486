"""What moves: detections, tracklets, mattes."""
