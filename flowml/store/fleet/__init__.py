"""The machines that train: who they are, what they did to trials, and when that sets one aside."""
