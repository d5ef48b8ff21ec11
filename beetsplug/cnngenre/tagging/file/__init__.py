"""Write only the genre into a file, check the result, and restore a former genre tag."""
