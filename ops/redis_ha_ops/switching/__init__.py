"""`redis-ha switch`: another node becomes primary, planned. A module for each topology."""
