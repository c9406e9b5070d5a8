"""Training of `mini` on the generated world; not part of the installed package."""
