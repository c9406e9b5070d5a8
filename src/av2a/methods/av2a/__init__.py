"""AV²A: label selection, thresholds that move with the video, candidate intervals and their validation."""
