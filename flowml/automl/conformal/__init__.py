"""How sure an answer is: intervals and sets that hold the truth as often as was asked."""
