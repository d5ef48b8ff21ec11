"""Write a genre into a file, checked, and nothing else; know what the file had."""
