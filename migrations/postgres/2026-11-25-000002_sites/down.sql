DROP TABLE brandings;
DROP TABLE site_history;
DROP TABLE probes;
DROP TABLE sites;
