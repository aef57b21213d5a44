"""Blue and green: weighted records of Route 53, and a writer's name that leads to the live colour."""
