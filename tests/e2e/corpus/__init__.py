"""Bad inputs, a file for each group: each case has a name, and what is sent."""
