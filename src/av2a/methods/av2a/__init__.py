"""AV²A: category selection, thresholds that move with the video, candidate intervals and their validation."""
