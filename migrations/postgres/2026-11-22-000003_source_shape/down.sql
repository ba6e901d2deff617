DROP TABLE source_shape;
