"""What people read and what is remembered: status, Events, metrics per container, the state of a MemoryForecast."""
