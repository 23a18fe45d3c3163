-- What SQLite needs here to find who signs in with fewer searches, PostgreSQL does by itself.
SELECT 1;
