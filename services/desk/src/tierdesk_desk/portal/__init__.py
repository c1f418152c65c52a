"""The pages of those who need help: search first, report, follow, answer, rate, order, ask each other."""
