"""What is read of plugs, their documents and their conversations; one module for each noun."""
