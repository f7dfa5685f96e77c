"""What changes plugs, their documents and their conversations; one module for each noun."""
