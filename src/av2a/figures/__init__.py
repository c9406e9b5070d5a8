"""The answer drawn: the report page, the time line as a picture, in a notebook and in the terminal."""
