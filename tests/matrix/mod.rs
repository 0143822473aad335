//! Every operation of the schema, asked over HTTP in every relation to its object, is answered as the permission table says.
