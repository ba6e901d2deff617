DROP TABLE held_events;
DROP TABLE subscribers;
