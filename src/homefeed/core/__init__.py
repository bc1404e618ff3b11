"""Words every room shares: errors, ids, columns, candidates, slates. Standard library and numpy only."""
