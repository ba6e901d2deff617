-- Which deliveries share an earlier one's body: asked before that body is emptied. Most carry their own and are not in it.
CREATE INDEX deliveries_body_of ON deliveries (body_of, received_at) WHERE body_of <> id;
