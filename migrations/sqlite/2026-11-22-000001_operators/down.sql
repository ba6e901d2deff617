DROP TABLE audit;
DROP TABLE operator_resellers;
DROP TABLE operators;
