"""What this machine has (`System`), what each target needs of it, and what is wrong with it."""
