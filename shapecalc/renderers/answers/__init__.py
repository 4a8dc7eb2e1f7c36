"""How the answer to each question is shown: a file for each."""
