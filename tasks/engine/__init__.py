"""The engine: it builds each target once and knows whether a target is current. It knows nothing about shots."""
