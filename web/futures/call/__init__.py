"""Authentication, parameters, limits and errors common to all calls of the futures API."""
