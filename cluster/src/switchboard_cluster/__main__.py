"""`python -m switchboard_cluster`."""

from switchboard_cluster.cli import main

main()
