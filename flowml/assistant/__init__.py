"""A local language model that helps and never acts alone: what it is told, how it is asked, and what its answers are
held to."""
