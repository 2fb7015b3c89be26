"""What a compute host knows of its GPUs, from stevedore backends."""
