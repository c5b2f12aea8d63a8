"""Nested records (JSON, YAML, TOML, XML, Avro) as columns."""
