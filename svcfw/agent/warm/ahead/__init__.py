"""What a template does once, before it forks, so that no fork has to. Targets."""
