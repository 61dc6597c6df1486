"""Files that anybody may have written: opened, bounded and checked, one module a kind."""
