"""How fast it is: one command prints the rates side by side. See README.md."""
