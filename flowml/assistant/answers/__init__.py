"""FlowML's own answers in a conversation: what is asked is recognised in a few kinds, and answered from what was found,
at once and without any language model."""
