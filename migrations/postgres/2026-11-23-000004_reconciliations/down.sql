DROP TABLE acknowledgements;
DROP TABLE reconciliation_findings;
DROP TABLE reconciliation_counts;
DROP TABLE reconciliations;
