"""The code of the course: one module a chapter, and a few that all chapters share."""
