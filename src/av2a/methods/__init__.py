"""Methods that turn a clip's features and a vocabulary into events."""
