"""What the assistant does for people: told what FlowML has found, asked, and held to what it may say."""
