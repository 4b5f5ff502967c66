//! Nothing: the examples are beside this folder. What the README shows is compiled here.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
