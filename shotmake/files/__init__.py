"""Files that anybody may have written: they are opened, held to limits and checked here, one module for each kind."""
