"""What FlowML says by itself, without any language model: sentences by templates, each with the facts it stands on."""
