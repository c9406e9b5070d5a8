"""The answer as pictures: a time line for papers, one for the terminal, and a page that shows how the answer came about."""
