"""What whoever runs this server looks at: what it has said, and by which settings it runs."""
