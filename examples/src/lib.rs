//! Nothing: the examples are beside this folder.
